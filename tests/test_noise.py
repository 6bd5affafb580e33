"Misspelled words, wrong labels and noisy copies: as many as asked for, reproducibly, and nothing else."
import re
import string

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging.corpora.noise import counterfactual, misspell, noisy_copies, ocr_noise, WORD

REPORT = "Left breast, mastectomy: Invasive ductal carcinoma, 2.5 cm, pT2 pN1a (2/14), pTis, G2, C50.9. ER POSITIVE (95 %). McBurney, Müller, x_ray_one"


def changed_words(text, spoilt):
    return [(one, other) for one, other in zip(re.findall("[A-Za-z]+", text), re.findall("[A-Za-z]+", spoilt), strict=True) if one != other]


@given(st.text(string.printable + "äß", max_size=200), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_misspelling_touches_words_only_and_as_many_as_asked(text, rate, seed):
    spoilt = misspell(text, rate, seed)
    words = len(WORD.findall(text))
    assert re.sub("[A-Za-z]+", "", text) == re.sub("[A-Za-z]+", "", spoilt)
    assert int(rate * words) <= len(changed_words(text, spoilt)) <= int(rate * words) + 1 and len(changed_words(text, misspell(text, 1, seed))) == words


def test_each_misspelled_word_has_one_error_in_its_case():
    OSA = pytest.importorskip("rapidfuzz.distance", reason="the distance needs the generate extra").OSA
    for seed in range(50):
        pairs = changed_words(REPORT, misspell(REPORT, 1, seed))
        assert [one for one, _ in pairs] == ["Left", "breast", "mastectomy", "Invasive", "ductal", "carcinoma", "POSITIVE"]
        assert all(OSA.distance(one.lower(), other.lower()) == 1 and (one.istitle(), one.isupper()) == (other.istitle(), other.isupper()) for one, other in pairs)


def test_misspelling_is_reproducible_and_grows_with_the_rate():
    few, more = (set(changed_words(REPORT * 20, misspell(REPORT * 20, rate, seed=3))) for rate in (0.1, 0.3))
    assert few < more and misspell(REPORT, 0.3, 3) == misspell(REPORT, 0.3, 3) != misspell(REPORT, 0.3, 4) and misspell(REPORT, 0, 3) == REPORT
    short = [f"Report number {number}: margins free" for number in range(300)]
    spoilt = sum(len(changed_words(text, misspell(text, 0.02, seed=0))) for text in short)
    assert 10 <= spoilt <= 40, "one seed for all rows of a table must not round them all the same way: 4 words x 300 x 2 % = 24"
    for rate in (-0.1, 2):
        with pytest.raises(ValueError, match="rate is"):
            misspell(REPORT, rate, 0)


@given(st.lists(st.sampled_from(["T1", "T2", "T3", None]), max_size=60), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_exactly_the_share_of_labels_is_wrong(labels, rate, seed):
    known = [label for label in labels if label is not None]
    if len(set(known)) < 2:
        return
    wrong = counterfactual(labels, rate, seed)
    assert sum(wrong.changed) == round(rate * len(known)) and [one != other for one, other in zip(labels, wrong.labels, strict=True)] == wrong.changed
    assert {label for label, other in zip(wrong.labels, labels) if other is not None} <= set(known) and all(label is None for label, other in zip(wrong.labels, labels) if other is None)
    assert wrong == counterfactual(labels, rate, seed)


def test_wrong_labels_grow_with_the_rate_and_come_from_the_choices():
    labels = ["left", "right"] * 50
    few, many = counterfactual(labels, 0.2, seed=1), counterfactual(labels, 0.8, seed=1)
    assert sum(few.changed) == 20 and all(more for less, more in zip(few.changed, many.changed) if less)
    assert set(counterfactual(["left"] * 9, 1, seed=0, choices=["left", "bilateral", "midline"]).labels) == {"bilateral", "midline"}
    with pytest.raises(ValueError, match="no wrong value for 'left'"):
        counterfactual(["left"] * 9, 0.5, seed=0)
    with pytest.raises(ValueError, match="rate is 40"):
        counterfactual(labels, 40, seed=0)
    assert counterfactual(["left"], 0, seed=0).labels == ["left"] and counterfactual([], 0.5, seed=0) == ([], [])


def test_noisy_copies_stand_behind_their_rows():
    rows = pl.DataFrame({"patient_id": ["A", "B", "C", "D"], "text": [REPORT, None, "pT2 N0", ""], "t": ["T1", "T2", None, "T4"]})
    both = noisy_copies(rows, "text", 0.5, seed=0)
    assert both[:4].equals(rows) and both["patient_id"].to_list()[4:] == ["A"] and both.schema == rows.schema and len(changed_words(REPORT, both["text"][4])) in (3, 4)
    assert noisy_copies(rows, "text", 1, seed=0, noise=ocr_noise).height == 6 and noisy_copies(rows, "text", 0, seed=0).equals(rows)
    with pytest.raises(ValueError, match="no column 'report'"):
        noisy_copies(rows, "report", 0.5, seed=0)
