"A staged table against the registry: rows matched by id, stated and silent cases apart."
import numpy as np
import polars as pl
import pytest
from made_answers import made_up, T
from sklearn import metrics as sklearn_metrics

from cancer_staging.evaluate.registry import field_answers, score_staged, staged_agreement, stated_values


@pytest.fixture
def staged() -> pl.DataFrame:
    truths, labels, probabilities = made_up(0)
    return pl.DataFrame({
        "report_id": [f"R{row}" for row in range(len(truths))], "t": labels, "t_basis": ["stated" if row % 2 else "inferred" for row in range(len(truths))],
        "t_confidence": pl.Series([None if label not in T else float(row[T.index(label)]) for label, row in zip(labels, probabilities)], dtype=pl.Float32),
        "t_probs": [None if row % 11 == 0 else [{"label": "T0", "prob": 0.0}, *({"label": label, "prob": prob} for label, prob in zip(T, probs))] for row, probs in enumerate(probabilities.tolist())],
        "n": ["N0", "N1"] * 150, "n_basis": ["stated"] * 300, "n_confidence": [None] * 300, "m": ["M0"] * 300, "m_basis": ["inferred"] * 300, "m_confidence": [0.9] * 300})


@pytest.fixture
def corpus() -> pl.DataFrame:
    truths = made_up(0)[0]
    return pl.DataFrame({"patient_id": [f"R{row}" for row in range(300)], "t": [None if row < 5 else "TX" if row < 8 else "T0" if row < 10 else f"{truth}b" for row, truth in enumerate(truths)],
                         "n": ["N0", "N0 (i+)", "N1a"] * 100, "m": ["M0", "M1", None] * 100})


def test_staged_rows_are_matched_by_id(staged, corpus):
    answers = field_answers(staged.reverse(), corpus, "t")
    truths, labels, probabilities = made_up(0)
    assert answers.report_ids == tuple(f"R{row}" for row in range(10, 300)) and list(answers.truths) == truths[10:] and list(answers.labels) == labels[10:]
    assert np.isnan(answers.probabilities[1]).all() and np.allclose(answers.probabilities[0], probabilities[10], atol=1e-6)
    assert np.array_equal(np.isnan(answers.confidence), [label not in T for label in labels[10:]])
    some = answers.subset(answers.right)
    assert some.scores().accuracy_all == 1.0 and len(some.truths) == answers.right.sum()


def test_score_staged(staged, corpus):
    table = score_staged(staged, corpus, stated=stated_values(staged, ("t", "n", "m")), samples=100)
    assert table.select("field", "subset").rows() == [(field, subset) for field in ("t", "n", "m") for subset in ("all", "stated", "silent")] + [("tnm", "all")]
    rows = {(row["field"], row["subset"]): row for row in table.to_dicts()}
    assert rows["t", "all"]["total"] == 290 == rows["t", "stated"]["total"] + rows["t", "silent"]["total"]
    assert rows["t", "all"]["macro_f1"] == field_answers(staged, corpus, "t").scores().macro_f1
    assert rows["t", "all"]["macro_f1_low"] < rows["t", "all"]["macro_f1"] < rows["t", "all"]["macro_f1_high"]
    assert rows["t", "silent"]["answered"] < rows["t", "silent"]["total"]
    assert rows["n", "all"]["auroc"] is None and rows["n", "all"]["ece"] is None and rows["n", "silent"]["total"] == 0 and rows["n", "silent"]["macro_f1"] is None
    assert rows["m", "all"]["accuracy"] == 0.5 and rows["m", "all"]["ece"] == pytest.approx(0.4) and rows["m", "all"]["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    together = rows["tnm", "all"]
    truths, labels, _ = made_up(0)
    right = [row for row in range(10, 300) if row % 3 == 0 and labels[row] == truths[row] and row % 2 == 0]
    assert together["total"] == sum(row % 3 != 2 for row in range(10, 300)) and together["accuracy_all"] == pytest.approx(len(right) / together["total"])


def test_scoring_refuses_ids_that_do_not_fit(staged, corpus):
    with pytest.raises(ValueError, match="10 of 290 reports.*'R290'"):
        score_staged(staged.head(290), corpus, ["t"])
    with pytest.raises(ValueError, match="staged table has 1 repeated ids, such as 'R0'"):
        score_staged(pl.concat([staged, staged.head(1)]), corpus, ["t"])
    with pytest.raises(ValueError, match="no column report_id or patient_id"):
        score_staged(staged, corpus.drop("patient_id"), ["t"])
    with pytest.raises(ValueError, match="no column 'grade'"):
        score_staged(staged, corpus, ["grade"])
    with pytest.raises(ValueError, match="'ki67' has no classes"):
        score_staged(staged, corpus, ["ki67"])


def test_staged_agreement(staged):
    second = staged.with_columns(pl.when(pl.col("report_id") == "R2").then(pl.lit("T4")).otherwise("t").alias("t")).reverse()
    found = staged_agreement(staged, second)
    labels, other = staged["t"].to_list(), second.reverse()["t"].to_list()
    pairs = [(a, b) for a, b in zip(labels, other) if a and b]
    assert found["both"].to_list() == [len(pairs), 300, 300] and found["agreement"][0] == sum(a == b for a, b in pairs) / len(pairs)
    assert found["kappa"][0] == pytest.approx(sklearn_metrics.cohen_kappa_score(*zip(*pairs))) and found["kappa"][1] == 1 and found["kappa"][2] is None
