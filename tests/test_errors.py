"""Error analysis: the answers beside the registry, and what the groups and figures make of them."""
import matplotlib
import numpy as np
import polars as pl
import pytest

matplotlib.use("Agg")

from cancer_staging.evaluate.abstention import risk_coverage
from cancer_staging.evaluate.errors import (collect_errors, error_rates, ERROR_SCHEMA, length_class, plot_confusion, plot_reliability,
                                            plot_risk_coverage, reliability, worst_mistakes)
from cancer_staging.evaluate.scores import wilson_interval
from cancer_staging.evaluate.systems import staged_from_labels


@pytest.fixture(scope="module")
def frame():
    "Six reports, five with a label: two answered rightly, two wrongly, one silent."
    corpus = pl.DataFrame({"patient_id": list("abcdef"), "t": ["T1", "T2a", "T3", "T4", None, "T2"], "text": ["one two", "word " * 300, "x " * 1001, None, "none", "end"],
                           "project": ["BRCA", "BRCA", "LUAD", "LUAD", "LUAD", None]})
    staged = staged_from_labels(list("fedcba"), {"t": [("T2", 0.6), ("T1", 0.9), (None, None), ("T2", 0.8), ("T1", 0.95), ("T1", 0.99)]})
    stated = pl.DataFrame({"report_id": list("abcdef"), "t": [True, True, False, False, True, False]})
    return collect_errors(staged, corpus, "t", stated)


def test_a_row_for_each_labelled_report(frame):
    assert frame.schema == pl.Schema(ERROR_SCHEMA)
    assert frame["report_id"].to_list() == ["a", "b", "c", "d", "f"]
    assert frame["truth"].to_list() == ["T1", "T2", "T3", "T4", "T2"] and frame["answer"].to_list() == ["T1", "T1", "T2", None, "T2"]
    assert frame["right"].to_list() == [True, False, False, False, True]
    assert frame["told"].to_list() == ["stated", "stated", "silent", "silent", "silent"]
    assert frame["length"].to_list() == ["up to 250 words", "251–500 words", "over 1000 words", "up to 250 words", "up to 250 words"]
    assert frame["basis"].to_list() == ["inferred", "inferred", "inferred", None, "inferred"]
    assert frame["source"].null_count() == 5 and frame["confidence"][3] is None


def test_what_is_not_known_is_null():
    corpus = pl.DataFrame({"report_id": ["a"], "t": ["T1"], "text": ["one"]})
    row = collect_errors(pl.DataFrame({"report_id": ["a"], "t": ["T2"]}), corpus, "t").row(0, named=True)
    assert row["answer"] == "T2" and not row["right"] and all(row[name] is None for name in ("confidence", "basis", "project", "source", "told"))


def test_a_report_without_an_answer_row_is_refused():
    with pytest.raises(ValueError, match="not in the staged table"):
        collect_errors(staged_from_labels(["a"], {"t": [("T1", 0.5)]}), pl.DataFrame({"patient_id": ["b"], "t": ["T1"], "text": ["one"]}), "t")


def test_rates_count_silence_apart(frame):
    rates = error_rates(frame, ["project"])
    assert rates.select("project", "total", "answered", "wrong").rows() == [(None, 1, 1, 0), ("BRCA", 2, 2, 1), ("LUAD", 2, 1, 1)]
    assert rates["error_rate"].to_list() == [0.0, 0.5, 1.0]
    assert (rates["low"][1], rates["high"][1]) == wilson_interval(1, 2)
    silent = error_rates(frame.filter(pl.col("answer").is_null()), ["project", "told"]).row(0, named=True)
    assert silent["answered"] == 0 and silent["error_rate"] is None and silent["low"] is None
    with pytest.raises(ValueError, match="hospital"):
        error_rates(frame, "hospital")


def test_worst_first_and_never_a_silent_one(frame):
    assert worst_mistakes(frame)["report_id"].to_list() == ["b", "c"]
    assert worst_mistakes(frame, 1)["confidence"].to_list() == pytest.approx([0.95])


def test_confusion_shows_every_row(frame):
    axes = plot_confusion(frame)
    shown = np.array([int(text.get_text()) for text in axes.texts]).reshape(4, 5)
    assert shown.tolist() == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert axes.get_xlabel() == "answer (reports)" and axes.get_ylabel() == "registry"
    with pytest.raises(ValueError, match="nothing to plot"):
        plot_confusion(frame.clear())


def test_curve_is_that_of_metrics(frame):
    silent = frame.with_columns(confidence=pl.lit(None, pl.Float64))
    axes = plot_risk_coverage({"one": frame, "no confidence": silent}, least=1)
    curve = risk_coverage(frame["confidence"], frame["right"])
    assert len(axes.lines) == 1
    np.testing.assert_allclose(axes.lines[0].get_data(), [100 * curve.coverage, 100 * curve.risk])


def test_reliability_groups_hold_every_answer(frame):
    points = reliability(frame, 2)
    assert points["answers"].to_list() == [2, 2] and points["right"].to_list() == [0.5, 0.5]
    assert points["confidence"].to_list() == pytest.approx([0.7, 0.97])
    assert reliability(frame, 10)["answers"].sum() == 4
    axes = plot_reliability({"one": frame}, bins=2)
    assert "%" in axes.get_xlabel() and "%" in axes.get_ylabel()


def test_length_classes_meet():
    assert [length_class(words) for words in (250, 251, 500, 501, 1000, 1001)] == ["up to 250 words", "251–500 words", "251–500 words", "501–1000 words", "501–1000 words", "over 1000 words"]
