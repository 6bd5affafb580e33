"Scores of labels and probabilities against scikit-learn, and numbers worked out by hand."
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import made_up, T
from sklearn import metrics as sklearn_metrics

from cancer_staging.evaluate.scores import Answers, calibration_error, class_auroc, classification_scores, cohen_kappa, exact_match
from cancer_staging.optional import optional_module


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [T, ("M0", "M1")])
def test_scores_agree_with_sklearn(seed, classes):
    truths, labels, probabilities = made_up(seed, classes=classes)
    scores = classification_scores(truths, labels, probabilities, classes)
    written = [label or classes[int(best)] for label, best in zip(labels, probabilities.argmax(1))]  # where it is silent, its most probable class
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


def test_silence_is_answered_by_its_probabilities_where_every_case_counts():
    scores = classification_scores(["T1", "T2", "T1"], ["T1", None, None], np.array([[0.9, 0.1, 0, 0], [0.3, 0.7, 0, 0], [np.nan] * 4]), T)
    assert (scores.answered, scores.accuracy, scores.accuracy_all) == (1, 1.0, 2 / 3) and scores.per_class[1].recall == 1 and scores.per_class[0].recall == 0.5


def test_silence_without_probabilities_is_wrong_and_unknown_truth_is_left_out():
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
