"""Kinds of error of short answers, and their counts."""
import polars as pl
import pytest

from cancer_staging.evaluate.scores import wilson_interval
from cancer_staging.writing.answer_errors import (ABBREVIATION_SOURCES, ABBREVIATIONS, error_counts, error_examples, ERROR_KINDS, judge_answer, judge_frame, misspellings, resolve_abbreviations)


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
