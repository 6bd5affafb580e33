"""Diagnosis: the part of a report that is read, its code, and invented visits."""
import polars as pl
import pytest
from made_corpora import registry_corpus

from cancer_staging.writing.diagnosis import diagnosis_examples, diagnosis_text, visit_examples, visit_note
from cancer_staging.writing.examples import check_examples


@pytest.fixture(scope="module")
def invented_corpus():
    return registry_corpus()


def test_the_part_with_the_diagnosis(invented_corpus):
    long = "Gross description: " + "a piece of tissue. " * 200 + "Final diagnosis: Stomach: signet ring cell carcinoma. " + "Comment: none. " * 200
    assert diagnosis_text(long, 30).startswith("Final diagnosis: Stomach: signet ring cell carcinoma.") and len(diagnosis_text(long, 30).split()) == 30
    assert diagnosis_text("Short report.", 30) == "Short report."
    cut = diagnosis_examples(invented_corpus, max_words=40)
    assert cut["text"].str.split(" ").list.len().max() <= 40 and set(cut["made_by"]) == {"registry"} and cut["response"].equals(cut["icd10"].rename("response"))
    with pytest.raises(ValueError, match="no column 'icd10'"):
        diagnosis_examples(invented_corpus.drop("icd10"))


def test_reports_that_are_alike_only_where_they_are_read_are_kept_apart():
    read = "Final diagnosis: Liver, segment six, wedge resection: hepatocellular carcinoma, moderately differentiated, of four centimetres, in a cirrhotic liver with clear margins on all of its sides."
    other = {name: " ".join(f"{name}{number}" for number in range(400)) for name in "ab"}  # the reports differ in most of their words
    frame = pl.DataFrame({"patient_id": ["A", "B"], "split": ["train", "test"], "icd10": ["C22.0", "C22.0"], "text": [f"{other['a']}.\n{read}", f"{other['b']}.\n{read}"]})
    assert diagnosis_examples(frame, validation_share=0.0)["split"].to_list() == ["train", "test"]
    assert diagnosis_examples(frame, max_words=28, validation_share=0.0)["split"].to_list() == ["test"]


def test_visits_are_invented_and_say_so():
    visits = visit_examples(150, seed=5)
    check_examples(visits)
    assert set(visits["made_by"]) == {"synthetic"} and set(visits["split"]) == {"train", "validation", "test"} and visits["objective"].null_count() == 0 and visits["laboratory"].null_count() > 0
    breast = next(note for note in map(visit_note, range(100)) if "breast" in note["response"])
    status = breast["response"].split(", ")[-3:]
    assert [word.split()[0] for word in status] == ["ER", "PR", "HER2"] and f"Estrogen receptor: {status[0].split()[1].capitalize()}" in breast["objective"]
