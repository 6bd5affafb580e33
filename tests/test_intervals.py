"Bootstrap intervals and paired tests against theory, scipy, and numbers worked out by hand."
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_answers import made_up, T

from cancer_staging.evaluate.intervals import bootstrap_interval, mcnemar, mean_sd, paired_bootstrap, resamples
from cancer_staging.evaluate.scores import confusion, label_codes, macro_auroc, macro_f1


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
