"The measures against scikit-learn, scipy and numbers worked out by hand."
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

from cancer_staging.evaluate.abstention import answers_at, coverage_at_accuracy, lower_bound, risk_coverage, threshold_for_accuracy
from cancer_staging.evaluate.intervals import bootstrap_interval, mcnemar, mean_sd, paired_bootstrap, resamples
from cancer_staging.evaluate.registry import field_answers, score_staged, staged_agreement, stated_values
from cancer_staging.evaluate.scores import (Answers, calibration_error, class_auroc, classification_scores, cohen_kappa, confusion, exact_match, label_codes, macro_auroc, macro_f1)
from cancer_staging.optional import optional_module

T = ("T1", "T2", "T3", "T4")


def made_up(seed: int, n: int = 300, classes: tuple[str, ...] = T) -> tuple[list[str], list[str | None], np.ndarray]:
    "Truths, labels (some silent, some outside the classes) and probabilities."
    generator = np.random.default_rng(seed)
    truths = generator.choice(classes, n).tolist()
    probabilities = generator.dirichlet(np.ones(len(classes)), n)
    probabilities += 0.5 * np.eye(len(classes))[[classes.index(truth) for truth in truths]]
    probabilities /= probabilities.sum(1, keepdims=True)
    labels = [classes[code] for code in probabilities.argmax(1)]
    for row in range(0, n, 7):
        labels[row] = None
    labels[1] = "Tis"
    return truths, labels, probabilities


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [T, ("M0", "M1")])
def test_scores_agree_with_sklearn(seed, classes):
    truths, labels, probabilities = made_up(seed, classes=classes)
    scores = classification_scores(truths, labels, probabilities, classes)
    written = [label or "silent" for label in labels]
    for average in ("macro", "micro"):
        expected = sklearn_metrics.precision_recall_fscore_support(truths, written, labels=classes, average=average, zero_division=0)[:3]
        assert np.allclose([getattr(scores, f"{average}_{name}") for name in ("precision", "recall", "f1")], expected)
    per_class = sklearn_metrics.precision_recall_fscore_support(truths, written, labels=classes, average=None, zero_division=0)
    assert np.allclose([(one.precision, one.recall, one.f1, one.support) for one in scores.per_class], np.transpose(per_class))
    if len(classes) == 2:
        assert scores.auroc == pytest.approx(sklearn_metrics.roc_auc_score([truth == "M1" for truth in truths], probabilities[:, 1]))
        assert scores.per_class[0].auroc == pytest.approx(scores.per_class[1].auroc)
    else:
        assert scores.auroc == pytest.approx(sklearn_metrics.roc_auc_score(truths, probabilities, multi_class="ovr", average="macro"))
    assert scores.brier == pytest.approx(sklearn_metrics.brier_score_loss(truths, probabilities, labels=classes, scale_by_half=False))
    both = [(truth, label) for truth, label in zip(truths, labels) if label in classes]
    for weights, ours in ((None, scores.kappa), ("linear", scores.kappa_linear)):
        assert ours == pytest.approx(sklearn_metrics.cohen_kappa_score(*zip(*both), labels=classes, weights=weights))
        assert cohen_kappa(truths, labels, classes, linear=weights == "linear") == ours
    assert scores.answered == sum(label is not None for label in labels) and scores.accuracy_all == sklearn_metrics.accuracy_score(truths, written)


def test_silence_is_wrong_and_unknown_truth_is_left_out():
    scores = classification_scores(["T1", "T1", None, "T0", "T2"], ["T1", None, "T1", "T1", "T2"], classes=T)
    assert (scores.total, scores.answered, scores.accuracy, scores.accuracy_all) == (3, 2, 1.0, 2 / 3)
    assert scores.per_class[0].recall == 0.5 and scores.per_class[0].precision == 1.0
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2), "T3 and T4 do not occur and are not averaged in"
    assert scores.micro_f1 == pytest.approx(2 * 2 / (2 + 3))


def test_absent_classes_and_no_cases_give_nan_not_errors():
    probabilities = np.array([[0.6, 0.3, 0.1, 0.0], [0.2, 0.7, 0.1, 0.0], [0.5, 0.4, 0.1, 0.0]])
    scores = classification_scores(["T1", "T2", "T1"], ["T1", "T2", "T1"], probabilities, T)
    assert scores.auroc == 1.0 and np.isnan(scores.per_class[3].auroc)
    assert np.isnan(classification_scores(["T1"] * 3, ["T1"] * 3, probabilities, T).auroc)
    empty = classification_scores([None], ["T1"], classes=T)
    assert empty.total == 0 and all(np.isnan(getattr(empty, name)) for name in ("accuracy", "macro_f1", "micro_f1", "kappa", "auroc", "ece", "brier"))


def test_rows_without_probabilities_count_as_even():
    truths, labels = ["M0", "M1", "M0"], ["M0", None, "M0"]
    scores = classification_scores(truths, labels, np.array([[0.9, 0.1], [np.nan, np.nan], [0.4, 0.6]]), ("M0", "M1"))
    assert scores.auroc == 0.5 and scores.brier == pytest.approx((0.02 + 0.5 + 0.72) / 3)
    assert scores.ece == pytest.approx((0.1 + 0.6) / 2), "gaps 0.1 at 0.9 and 0.6 at 0.4, of two answers"


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="3 truths and 2 labels"):
        classification_scores(["T1"] * 3, ["T1"] * 2, classes=T)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        classification_scores(["T1"] * 2, ["T1"] * 2, np.ones((2, 3)), T)
    with pytest.raises(ImportError, match=r"cancer-staging\[metrics\]"):
        optional_module("no_such_module_anywhere")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auroc_with_ties(cases):
    positive, score = np.array([case[0] for case in cases]), np.array([case[1] for case in cases], float)
    area = class_auroc(positive, score)
    if positive.all() or not positive.any():
        assert np.isnan(area)
    else:
        assert area == pytest.approx(sklearn_metrics.roc_auc_score(positive, score))


def test_calibration_error_by_hand():
    confidence, right = np.array([0.99, 0.97, 0.91, 0.34, np.nan]), np.array([True, False, True, False, True])
    # equal width, 15 bins: (14/15, 1] holds 0.99 and 0.97, (13/15, 14/15] holds 0.91, (5/15, 6/15] holds 0.34
    assert calibration_error(confidence, right) == pytest.approx((abs(1.96 - 1) + 0.09 + 0.34) / 4)
    assert calibration_error(confidence, right, bins=2, adaptive=True) == pytest.approx((abs(1.25 - 1) + abs(1.96 - 1)) / 4)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0
    generator = np.random.default_rng(0)
    said = generator.random(50_000)
    assert calibration_error(said, generator.random(50_000) < said) < 0.01 < 0.2 < calibration_error(said, generator.random(50_000) < 0.5)


def test_equal_confidences_share_a_bin_in_any_order():
    confidence, right = np.repeat([0.6, 0.9], [40, 60]), np.random.default_rng(0).random(100) < 0.8
    shuffled = np.random.default_rng(1).permutation(100)
    assert calibration_error(confidence, right, adaptive=True) == pytest.approx(calibration_error(confidence[shuffled], right[shuffled], adaptive=True))


def test_exact_match():
    truths = {"t": ["T1", "T2", "T3", None], "n": ["N0", "N0", "N1", "N0"], "m": ["M0", "M0", "M0", "M0"]}
    labels = {"m": ["M0", "M0", None, "M0"], "t": ["T1", "T1", "T3", "T1"], "n": ["N0", "N0", "N1", "N0"]}
    assert exact_match(truths, labels) == Answers(3, 2, 1)
    with pytest.raises(KeyError):
        exact_match(truths, {"t": labels["t"]})


def test_bootstrap_mean_agrees_with_theory_and_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap_interval(np.mean, values, samples=4000)
    error = values.std() / 20
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error) and interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    theirs = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    assert interval.low == pytest.approx(theirs.low, abs=0.15 * error) and interval.high == pytest.approx(theirs.high, abs=0.15 * error)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 200))
def test_interval_holds_the_mean_and_is_repeated_by_its_seed(seed, n):
    right = np.random.default_rng(seed).random(n) < 0.8
    interval = bootstrap_interval(np.mean, right, samples=200, seed=seed)
    assert interval.low <= interval.value <= interval.high and interval == bootstrap_interval(np.mean, right, samples=200, seed=seed)


def test_patients_are_drawn_whole():
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    for rows in resamples(6, 50, 0, groups):
        drawn = [groups[row] for row in rows]
        for patient, members in (("a", {1, 4}), ("b", {0, 2, 5}), ("c", {3})):
            times = drawn.count(patient) / len(members)
            assert times == int(times) and all((rows == member).sum() == times for member in members)
    assert all(len(set(rows) - set(range(6))) == 0 and len(rows) == 6 for rows in resamples(6, 20, 0))


def test_bootstrap_of_nothing_and_of_undefined_draws():
    assert np.isnan(bootstrap_interval(np.mean, np.array([])).value)
    truths, probabilities = np.array([0] * 30 + [1]), np.column_stack([np.linspace(1, 0, 31), np.linspace(0, 1, 31)])
    interval = bootstrap_interval(macro_auroc, truths, probabilities, samples=200)  # a third of the draws lack the rare class
    assert interval.low == interval.high == 1.0


def f1_of(truths, labels):
    return macro_f1(confusion(truths, labels, 4))


def test_paired_bootstrap():
    truths, good, _ = (values if isinstance(values, np.ndarray) else label_codes(values, T) for values in made_up(0, 600))
    worse = np.where(np.random.default_rng(1).random(600) < 0.15, (truths + 1) % 4, good)
    result = paired_bootstrap(f1_of, truths, good, worse)
    assert 0 < result.low < result.value < result.high and result.p_value == pytest.approx(2 / 1001)
    reverse = paired_bootstrap(f1_of, truths, worse, good)
    assert (reverse.value, reverse.low, reverse.high) == pytest.approx((-result.value, -result.high, -result.low)) and reverse.p_value == result.p_value
    assert paired_bootstrap(f1_of, truths, good, good).p_value == 1.0


def test_paired_bootstrap_p_value_is_uniform_when_systems_are_equal():
    found = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        truths = np.ones(150)
        found.append(paired_bootstrap(lambda truth, label: (truth == label).mean(), truths, generator.random(150) < 0.8, generator.random(150) < 0.8, samples=200, seed=seed).p_value)
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.12 and 0.35 < np.mean(np.array(found) < 0.5) < 0.65


def test_mcnemar():
    first = np.array([True] * 12 + [False] * 3 + [True] * 30 + [False] * 5)
    second = np.array([False] * 12 + [True] * 3 + [True] * 30 + [False] * 5)
    test = mcnemar(first, second)
    assert (test.only_first, test.only_second) == (12, 3)
    assert test.p_value == pytest.approx(2 * sum((1, 15, 105, 455)) / 2**15)
    assert mcnemar(first, first).p_value == 1.0


def test_mean_sd():
    assert (mean_sd([1, 2, 3, 4]).mean, mean_sd([1, 2, 3, 4]).sd) == (2.5, pytest.approx(np.sqrt(5 / 3)))
    assert mean_sd([0.5]).runs == 1 and np.isnan(mean_sd([]).mean)


def test_risk_coverage_by_hand():
    curve = risk_coverage([0.9, 0.7, 0.7, 0.5, None], [True, True, False, False, False])
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.5] and np.allclose(curve.coverage, [0.2, 0.6, 0.8]) and np.allclose(curve.risk, [0, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((1 * 0 + 2 / 3 + 1 / 2) / 4)
    none = risk_coverage([None, None], [False, False])
    assert len(none.coverage) == 0 and np.isnan(none.area)
    with pytest.raises(ValueError, match="2 confidences and 1 verdicts"):
        risk_coverage([0.1, 0.2], [True])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([None, 0.2, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=30), st.sampled_from([0.5, 0.75, 0.95, 1.0]))
def test_threshold_is_the_best_there_is(cases, target):
    confidence, right = [case[0] for case in cases], [case[1] for case in cases]
    found = answers_at(confidence, right, threshold_for_accuracy(confidence, right, target))
    allowed = [answers for answers in (answers_at(confidence, right, value) for value in {value for value in confidence if value is not None}) if answers.accuracy >= target]
    assert found.answered == max((answers.answered for answers in allowed), default=0)
    assert coverage_at_accuracy(confidence, right, target) == found.answered / len(cases)
    if found.answered:
        assert found.accuracy >= target


def test_margin_asks_for_more():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 2000)
    right = generator.random(2000) < confidence
    plain, wilson, clopper = (threshold_for_accuracy(confidence, right, 0.9, bound) for bound in (None, "wilson", "clopper"))
    assert plain < wilson <= clopper < 1
    assert threshold_for_accuracy(confidence[:10], right[:10], 0.999, "clopper") == float("inf")
    with pytest.raises(ValueError, match="none of wilson, clopper"):
        threshold_for_accuracy(confidence, right, 0.9, "guess")
    with pytest.raises(ValueError, match="95"):
        threshold_for_accuracy(confidence, right, 95)


@pytest.mark.parametrize("right, total", [(0, 5), (5, 5), (18, 20), (950, 1000)])
def test_lower_bound_agrees_with_scipy(right, total):
    for kind, method in (("wilson", "wilson"), ("clopper", "exact")):
        expected = binomtest(right, total, alternative="greater").proportion_ci(0.95, method=method).low
        assert lower_bound(right, total, 0.95, kind) == pytest.approx(expected, abs=1e-9)


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
