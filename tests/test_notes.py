"Whole notes, section by section: from which part of the conversation each is written, and how the texts are joined."
import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")

from tiny_writers import random_writer  # noqa: E402

from cancer_staging.writing import notes  # noqa: E402
from cancer_staging.writing.engines import TransformersEngine  # noqa: E402
from cancer_staging.writing.generate import Answer  # noqa: E402
from cancer_staging.writing.notes import NOTE_SECTIONS, section_parts, visit_parts, write_notes  # noqa: E402

OPENING = "[doctor] what brings you in today?\n[patient] i've had a cough for two weeks. no fever."
MIDDLE = "[doctor] any medicines?\n[patient] i take lisinopril."
EXAM = "[doctor] let me take a look at you. on physical exam your lungs are clear."
PLAN = "[doctor] i'll prescribe losartan, 50 milligrams a day, and we follow up in a month."
VISIT = "\n".join((OPENING, MIDDLE, EXAM, PLAN))


def test_parts_hold_every_turn_once_and_in_order():
    for words in (5, 17, 40, 1000):
        parts = visit_parts(VISIT, words)
        assert "\n".join(parts) == VISIT and all(part.startswith("[") for part in parts)
    assert visit_parts(VISIT, 1000) == [VISIT] and len(visit_parts(VISIT, 17)) == 3
    assert visit_parts("no speakers here", 1) == ["no speakers here"]


def test_each_section_gets_the_parts_that_speak_of_it():
    found = section_parts([OPENING, MIDDLE, EXAM, PLAN])
    assert found["CHIEF COMPLAINT"] == [OPENING] and found["HISTORY OF PRESENT ILLNESS"] == [OPENING, MIDDLE]
    assert found["PHYSICAL EXAMINATION"] == [EXAM] and found["PLAN"] == [PLAN] and found["RESULTS"] == [] and found["REVIEW OF SYSTEMS"] == [OPENING]
    twice = [EXAM, MIDDLE, "[doctor] a quick exam.", EXAM + " no tenderness."]
    assert section_parts(twice)["PHYSICAL EXAMINATION"] == [EXAM, EXAM + " no tenderness."]  # the two that say most of it, in order
    assert section_parts([OPENING, MIDDLE])["HISTORY OF PRESENT ILLNESS"] == [OPENING, MIDDLE]  # no examination


def told(texts: dict[str, str]):
    "Stands in for the model: a text for each section, whatever the part."
    def answer(engine, task, rows, settings):
        answer.asked += [(row["section"], row["dialogue"]) for row in rows]
        return [Answer("ok", texts.get(row["section"], "None."), flags=("repetition",) if row["section"] == "Plan" else ("unsupported",), input_tokens=10, new_tokens=2) for row in rows]
    answer.asked = []
    return answer


def test_a_note_has_its_headings_and_names_what_nobody_said(monkeypatch):
    answer = told({"Chief complaint": "Cough.", "History of present illness": "Cough for two weeks. No fever.", "Physical examination": "Lungs are clear.", "Assessment": "Cough.", "Plan": "Losartan 100 mg."})
    monkeypatch.setattr(notes, "answer_rows", answer)
    note, empty = write_notes(None, [VISIT, "  "], words=17)
    assert note.response == ("CHIEF COMPLAINT\n\nCough.\n\nHISTORY OF PRESENT ILLNESS\n\nCough for two weeks. No fever.\n\nPHYSICAL EXAMINATION\n\nLungs are clear.\n\nPLAN\n\nLosartan 100 mg.")
    assert note.status == "ok" and note.flags == ("repetition", "unparsed", "unsupported") and "assessment" in note.error  # nothing speaks of an assessment
    assert [statement.text for statement in note.unsupported] == ["Losartan 100 mg."] and note.response[note.unsupported[0].start:note.unsupported[0].end] == "Losartan 100 mg."
    assert note.new_tokens == 2 * len(answer.asked) and {section for section, _ in answer.asked} < {section.section for section in NOTE_SECTIONS}
    assert empty.status == "empty" and empty.error == "dialogue is empty"


def test_a_model_writes_the_sections_of_each_visit():
    model, tokenizer = random_writer()
    done = []
    written = write_notes(TransformersEngine(model, tokenizer), [VISIT, OPENING], max_new_tokens=8, progress=done.append)
    assert [note.status for note in written] == ["ok", "ok"] and done == [1, 1] and written[0].new_tokens > 0
