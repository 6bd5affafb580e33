"""Loops, unsupported statements and kinds of error: what is flagged, and what must not be."""
import random
import subprocess
import sys

import polars as pl
import pytest

from cancer_staging.writing.answer_errors import (ABBREVIATION_SOURCES, ABBREVIATIONS, error_counts, error_examples, ERROR_KINDS, judge_answer, judge_frame, misspellings, resolve_abbreviations)
from cancer_staging.writing.loops import looping, number_tokens, repetition
from cancer_staging.writing.support import false_fact, mentions, read_dialogue, sides, turns, unsupported_statements, words
from cancer_staging.corpora.tcga import data_folder
from cancer_staging.evaluate.scores import wilson_interval

DIALOGUE = """Doctor: What brings you in, Mister Smith? \r
Patient: My left knee has hurt for three weeks. \r
Doctor: Any fever, chills or cough? \r
Patient: No. \r
Doctor: And chest pain? \r
Patient: Yes, I have chest pain when I climb stairs. \r
Doctor: All right. Keep taking forty milligrams of Lasix twice a day, and your blood pressure was one thirty over eighty."""


@pytest.fixture(scope="module")
def references():
    folder = data_folder()
    if folder is None or not (folder / "soap").is_dir():
        pytest.skip("no data: set CANCER_STAGING_DATA")
    notes = []
    for path in sorted((folder / "soap").glob("*.csv")):
        frame = pl.read_csv(path, infer_schema=False)
        notes += frame["note" if "note" in frame.columns else "section_text"].drop_nulls().to_list()
    return notes


@pytest.mark.parametrize("text, unit, count", [
    ("1. pain 2. pain 3. pain", "1. pain", 3),
    ("Day 1: rest. Day 2: rest. Day 3: rest. Day 4: rest.", "Day 1: rest", 4),
    ("She is well. The mass is benign. The mass is benign. The mass is benign.", "The mass is benign", 3),
    ("- none\n- none\n- none\n- none\n", "none", 4),
    ("PAIN and fever; pain AND fever; Pain, and fever", "PAIN and fever", 3),
    ("the value is 0.00000000000000", "0", 14)])
def test_loops_are_found_with_their_place(text, unit, count):
    found = repetition(text)
    assert (found.unit, found.count) == (unit, count)
    assert text[found.start:].startswith(found.unit) and 0 <= found.start < found.end <= len(text)


def test_a_broken_last_repeat_belongs_to_the_loop():
    text = "Plan. " + "The patient denies pain. " * 5 + "The patient"
    found = repetition(text)
    assert (found.start, found.end, found.count) == (6, len(text), 5)


def test_a_sentence_between_others():
    text = "\n".join(f"The patient was seen in clinic.\n{word} was given." for word in ("Rest", "Ice", "Heat", "Advice", "Time"))
    assert repetition(text).count == 5 and repetition(text).start == 0
    assert repetition(text[:text.index("Advice")]) is None  # four times


@pytest.mark.parametrize("text", ["", "   \n", "No fever, no chills, no nausea, no vomiting, no cough, no pain.", "5 mg, 10 mg, 15 mg, 20 mg", "Strength 5/5, 5/5, 4/5, 5/5.", "1. ER positive 2. PR positive 3. HER2 negative",
                                  "pT2 N0 M0; pT2 N0 M0", "----------------------", "very, very good", "10 11 12 13 14 15 16"])
def test_lists_are_no_loops(text):
    assert repetition(text) is None


def test_no_reference_note_is_a_loop(references):
    assert len(references) > 1500
    assert [note for note in references if repetition(note)] == []


def test_every_reference_note_that_is_looped_is_found(references):
    chosen = random.Random(0).sample(references, 100)
    for note in chosen:
        sentence = " ".join(note.split()[:12])
        assert repetition(note + "\n" + f"{sentence}\n" * 6) is not None


def test_looping_needs_the_end():
    unit = list(range(100, 110))
    assert looping(unit * 4) and looping([1, 2, 3] + unit * 4) and not looping(unit * 4 + [1]) and not looping(unit * 3)
    assert looping(unit * 4 + unit[:4]) == looping(unit[4:] + unit * 3 + unit[:4]) is True  # wherever the unit begins
    assert not looping([]) and not looping(list(range(500)))
    assert looping(unit * 2, repeats=2, least=20) and not looping(list(range(65)) * 4) and looping(list(range(64)) * 4)


def test_looping_past_a_counter():
    ids = [token for number in range(40) for token in (number, 200, 201, 202)]
    assert not looping(ids) and looping(ids, ignore=frozenset(range(100)))
    assert not looping(list(range(50)), ignore=frozenset(range(50)))


def test_no_reference_note_stops_a_generation(references):
    for note in references:
        ids = [hash(word) for word in note.split()]
        assert not any(looping(ids[:end]) for end in range(24, len(ids) + 1))


def test_number_tokens_hold_digits_and_no_letters():
    class Tokenizer:
        all_special_ids = [0]
        pieces = ["<0>", "1", " 12.", "a1", ".", "pain", " ", "\ufffd1"]

        def get_vocab(self):
            return {piece: place for place, piece in enumerate(self.pieces)}

        def decode(self, ids):
            return self.pieces[ids[0]]
    assert number_tokens(Tokenizer()) == {1, 2}


def test_numbers_take_one_form():
    assert words("Seventy-six, one point five mg b.i.d.") == ["76", "1.5", "mg", "2", "times"]
    assert words("in her forties") == words("in her 40s") and words("1,000 mg") == words("1000 mg") and words("July thirty first") == words("July 31st")


def test_turns_of_both_forms():
    assert turns("[doctor] hi\n[guest_family] yes : no\nmore") == [("doctor", "hi"), ("guest_family", "yes : no\nmore")]
    assert turns("no speaker here") == [("", "no speaker here")] and turns("") == [("", "")]


def test_what_is_heard():
    heard = read_dialogue(DIALOGUE)
    assert {"3", "40", "2", "130", "80"} <= heard.numbers and heard.units["3"] == {"week"} and heard.units["40"] == {"mg"}
    assert heard.sides == {"knee": {"left"}, "": {"left"}}
    assert {"furosemid", "mg"} <= heard.support and "lisinopril" not in heard.support
    assert sides("All right, the knee, right?") == {}
    assert [negated for _, negated in mentions("denies fever, chills, and cough but has nausea")] == [True, True, True, False]


@pytest.mark.parametrize("note, kinds, reason", [
    ("He takes Lasix 25 mg.", ("number",), "25"),
    ("He has had pain for 40 weeks.", ("number",), "40"),                     # 40 is said of milligrams only
    ("He takes furosemide and lisinopril.", ("drug",), "lisinopril"),
    ("He takes zanubrol 40 mg.", ("drug",), "zanubrol"),                      # known by its dose alone
    ("Pain in the right knee.", ("side",), "knee"),
    ("He reports fever.", ("negation",), "fever is denied"),
    ("He denies chest pain.", ("negation",), "chest pain is affirmed"),
    ("Status post mitral valve replacement.", ("words",), "mitral")])
def test_what_was_not_said_is_flagged(note, kinds, reason):
    text = f"SUBJECTIVE\nHe is here for knee pain.\n{note}\n"
    found = unsupported_statements(text, DIALOGUE)
    assert [statement.kinds for statement in found] == [kinds] and reason in found[0].reason
    assert text[found[0].start:found[0].end] == found[0].text == note


@pytest.mark.parametrize("note", ["Mr. Smith has had left knee pain for 3 weeks.", "Furosemide 40 mg b.i.d.", "He denies fever, chills, or cough.", "BP 130/80.", "He reports chest pain.", "1. Left knee pain.\n2. Chest pain.",
                                  "CHIEF COMPLAINT", "", "Follow up in clinic."])
def test_what_was_said_in_other_words_is_not(note):
    assert unsupported_statements(note, DIALOGUE) == []


def test_empty_dialogue_supports_nothing():
    assert [statement.kinds for statement in unsupported_statements("Left knee pain for 3 weeks, takes lisinopril.", "")] == [("number", "drug", "side", "words")]


def test_false_fact_changes_one_thing():
    note = "He takes metformin 500 mg for 3 weeks. The left knee hurts. He denies fever."
    for kind, old in (("number", ("500", "3")), ("drug", ("metformin",)), ("side", ("left",)), ("negation", ("denies",))):
        changed = false_fact(note, kind, 1, ("lisinopril",))
        assert any(changed.note[:changed.start] + word + changed.note[changed.end:] == note for word in old), kind
        assert changed == false_fact(note, kind, 1, ("lisinopril",)) and changed.note != note
    assert all(false_fact("He is well.", kind, 1, ("lisinopril",)) is None for kind in ("number", "drug", "side", "negation"))


def test_swapped_pairs_are_flagged_far_more_often():
    folder = data_folder()
    if folder is None or not (folder / "soap").is_dir():
        pytest.skip("no data: set CANCER_STAGING_DATA")
    pairs = pl.read_csv(folder / "soap" / "aci_valid.csv", infer_schema=False).select("note", "dialogue").rows()
    true = sum(len(unsupported_statements(*pair)) for pair in pairs)
    swapped = sum(len(unsupported_statements(pair[0], other[1])) for pair, other in zip(pairs, pairs[10:] + pairs[:10]))
    assert 0 < true and swapped > 10 * true


CONTEXT = "Left breast, mastectomy: Invasive ductal carcinoma, grade 2, 2.3 cm, with lymphovascular invasion. Estrogen receptor positive."


@pytest.mark.parametrize("prediction, reference, kinds", [
    ("Invasive ductal carcinoma", "invasive ductal carcinoma.", set()),
    ("left; right", "right; left", set()),
    ("two point three cm", "2.3 cm", set()),
    ("Not relevant", "not relevant", set()),
    ("invasive carcinoma", "Invasive ductal carcinoma", {"incomplete"}),
    ("", "Invasive ductal carcinoma", {"incomplete"}),
    ("Not relevant", "Left", {"incomplete"}),
    ("Invasive ductal carcinoma, grade 2", "Invasive ductal carcinoma", {"redundant"}),
    ("ER positive", "estrogen receptor positive", {"abbreviation"}),
    ("estrogen receptor positive", "ER+", {"abbreviation"}),
    ("IDC, grade 2", "Invasive ductal carcinoma", {"redundant"}),
    ("Invasve ductal carcnoma", "Invasive ductal carcinoma", {"misspelling"}),
    ("carcnoma", "Invasive ductal carcinoma", {"misspelling", "incomplete"}),
    ("kidney", "Left breast", {"irrelevant"}),
    ("2.3 cm", "Not relevant", {"irrelevant"}),
    ("grade 2 grade 2 grade 2", "grade 2", {"repeat"}),
    ("Left breast", "right lung", {"inaccurate_annotation"}),
    ("grade 2", "grade 3", {"inaccurate_annotation"}),
    ("grade 1", "grade 2", set())])
def test_kinds_of_error(prediction, reference, kinds):
    assert judge_answer(prediction, reference, CONTEXT) == kinds
    assert kinds <= set(ERROR_KINDS)


def test_a_word_of_the_context_is_no_misspelling():
    assert misspellings("masectomy", "mastectomy") == {"masectomy": "mastectomy"} and misspellings("masectomy", "mastectomy", "Left masectomy") == {}
    assert misspellings("hypoplasia", "hyperplasia") == {} == misspellings("adenoma", "adenomas") == misspellings("grade 2", "grade 3") == misspellings("carcinoid", "carcinoma")


def test_abbreviations():
    assert len(ABBREVIATIONS) > 120 and {entry.source for entry in ABBREVIATIONS.values()} == set(ABBREVIATION_SOURCES)
    assert all(short == entry.short == short.upper() and all(entry.readings) for short, entry in ABBREVIATIONS.items())
    assert resolve_abbreviations("dcis, LVI") == "ductal carcinoma in situ, lymphovascular invasion"
    assert resolve_abbreviations("SCC", "small cell carcinoma of lung") == "small cell carcinoma" and resolve_abbreviations("SCC") == "squamous cell carcinoma"
    assert resolve_abbreviations("all of the pin; met criteria") == "all of the pin; met criteria" and resolve_abbreviations("ALL") == "acute lymphoblastic leukemia"


def test_counts_and_examples():
    frame = pl.DataFrame({"model": ["a", "a", "a", "a", "b"], "prediction": ["left", "kidney", None, "grade 1", "IDC"], "reference": ["left", "Left breast", "right", "grade 2", "invasive ductal carcinoma"],
                          "context": [None, CONTEXT, CONTEXT, CONTEXT, CONTEXT]})
    counts = error_counts(frame)
    assert counts.filter(model="a").filter(pl.col("count") > 0).select("kind", "count").rows() == [("right", 1), ("incomplete", 1), ("irrelevant", 1), ("other", 1)]
    row = counts.row(by_predicate=(pl.col("model") == "a") & (pl.col("kind") == "other"), named=True)
    assert row["share"] == 0.25 and (row["low"], row["high"]) == wilson_interval(1, 4)
    assert counts["kind"].to_list() == ["right", *ERROR_KINDS, "other"] * 2
    assert error_examples(frame, "abbreviation")["model"].to_list() == ["b"] and len(error_examples(frame, "right", 0)) == 0
    assert error_counts(frame.clear()).is_empty() and judge_frame(frame)["kinds"].to_list()[0] == ["right"]
    with pytest.raises(ValueError, match="no column context"):
        error_counts(frame.drop("context"))
    with pytest.raises(ValueError, match="hallucination"):
        error_examples(frame, "hallucination")


def test_importing_and_finding_loops_needs_no_language_library():
    code = ("import sys; sys.modules.update(nltk=None, rapidfuzz=None, text_to_num=None)\n"
            "from cancer_staging.writing.loops import looping, repetition\nfrom cancer_staging.writing.support import unsupported_statements\n"
            "assert repetition('1. pain 2. pain 3. pain').count == 3 and looping([7] * 24)\n"
            "try: unsupported_statements('He takes Lasix 40 mg.', 'no')\n"
            "except ImportError as error: print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cancer-staging[generate]" in done.stdout
