"""Examples of all tasks: their form, the leakage check over them, and their published files."""
import polars as pl
import pytest
from made_corpora import registry_corpus

from cancer_staging.corpora.splits import LeakageError
from cancer_staging.writing.diagnosis import diagnosis_examples, visit_examples
from cancer_staging.writing.examples import check_examples, example_frame, MADE_BY, patient_splits, read_instructions, split_context, to_instruction_records, write_instructions
from cancer_staging.writing.tasks import get_task


@pytest.fixture(scope="module")
def invented_corpus():
    return registry_corpus()


def test_the_same_patient_or_text_in_two_splits_is_refused(invented_corpus):
    examples = diagnosis_examples(invented_corpus)
    check_examples(examples)
    twice = pl.concat([examples, examples.filter(pl.col("split") == "train").head(1).with_columns(split=pl.lit("test"), text=pl.lit("another text"))])
    with pytest.raises(LeakageError, match="1 patients on both sides"):
        check_examples(twice)
    copied = pl.concat([examples, examples.filter(pl.col("split") == "train").head(1).with_columns(split=pl.lit("validation"), group=pl.lit("somebody else"))])
    with pytest.raises(LeakageError, match="nearly the same"):
        check_examples(copied)
    with pytest.raises(ValueError, match="no column split"):
        check_examples(examples.drop("split"))


def test_validation_is_a_part_of_the_training_patients(invented_corpus):
    splits = patient_splits(invented_corpus, 0.2)
    sides = {name: set(splits.filter(pl.col("split") == name)["patient_id"]) for name in ("train", "validation", "test")}
    given = {name: set(invented_corpus.filter(pl.col("split") == name)["patient_id"]) for name in ("train", "test")}
    assert sides["test"] == given["test"] and sides["train"] | sides["validation"] <= given["train"] and 15 <= len(sides["validation"]) <= 50
    assert splits.equals(patient_splits(invented_corpus, 0.2)) and not splits.equals(patient_splits(invented_corpus, 0.2, seed=1))


def test_records_are_read_back_as_they_were(tmp_path):
    visits = visit_examples(30)
    records = to_instruction_records(visits)
    assert set(records[0]) == {"instruction", "context", "response"} and records[0]["instruction"] == get_task("diagnosis").instruction
    again = read_instructions(write_instructions(visits, tmp_path / "v.jsonl"), "diagnosis", made_by="synthetic")
    columns = [*get_task("diagnosis").columns, "response"]
    assert again.dropped == 0 and again.frame.select(columns).equals(visits.select(columns))
    pl.DataFrame(records).write_parquet(tmp_path / "v.parquet")
    assert read_instructions(tmp_path / "v.parquet", "diagnosis", made_by="synthetic").frame.drop("source", "example_id", "group").equals(again.frame.drop("source", "example_id", "group"))
    with pytest.raises(ValueError, match="none of the lines Section:, Dialogue:"):
        split_context("free text", "section_note")
    with pytest.raises(ValueError, match="made_by 'me' is none of annotator"):
        read_instructions(tmp_path / "v.jsonl", made_by="me")


def test_a_published_question_file(tmp_path):
    (tmp_path / "q.csv").write_text("instruction,context,response,patient_id\nWhat is the grade?,Grade 2.,grade 2,A\nWhat is the stage?,Grade 2.,,A\n")
    read = read_instructions(tmp_path / "q.csv")
    assert read.dropped == 1 and read.frame.select("group", "question", "context", "response", "made_by", "split").rows() == [("A", "What is the grade?", "Grade 2.", "grade 2", "annotator", "train")]


def test_no_example_can_be_made_by_nobody_known():
    rows = [{"example_id": "1", "group": "a", "text": "x", "response": "C50.9", "made_by": "somebody", "split": "train", "source": "s"}]
    with pytest.raises(ValueError, match="somebody"):
        example_frame("icd10", rows, ("text",))
    assert MADE_BY == ("annotator", "registry", "clinician", "rule", "synthetic")
