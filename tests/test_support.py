"""What a note says that its dialogue does not: what is flagged, and what must not be."""
import subprocess
import sys

import polars as pl
import pytest

from cancer_staging.corpora.tcga import data_folder
from cancer_staging.writing.support import false_fact, mentions, read_dialogue, sides, turns, unsupported_statements


DIALOGUE = """Doctor: What brings you in, Mister Smith? \r
Patient: My left knee has hurt for three weeks. \r
Doctor: Any fever, chills or cough? \r
Patient: No. \r
Doctor: And chest pain? \r
Patient: Yes, I have chest pain when I climb stairs. \r
Doctor: All right. Keep taking forty milligrams of Lasix twice a day, and your blood pressure was one thirty over eighty."""


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


def test_importing_and_finding_loops_needs_no_language_library():
    code = ("import sys; sys.modules.update(nltk=None, rapidfuzz=None, text_to_num=None)\n"
            "from cancer_staging.writing.loops import looping, repetition\nfrom cancer_staging.writing.support import unsupported_statements\n"
            "assert repetition('1. pain 2. pain 3. pain').count == 3 and looping([7] * 24)\n"
            "try: unsupported_statements('He takes Lasix 40 mg.', 'no')\n"
            "except ImportError as error: print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cancer-staging[generate]" in done.stdout
