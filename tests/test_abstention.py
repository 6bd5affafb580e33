"Risk, coverage and thresholds: worked out by hand, tried one by one, and against scipy."
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cancer_staging.evaluate.abstention import answers_at, coverage_at_accuracy, lower_bound, risk_coverage, threshold_for_accuracy


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
