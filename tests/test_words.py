"""The one form of words and numbers."""
import pytest

from cancer_staging.writing.words import stem, words


def test_numbers_take_one_form():
    assert words("Seventy-six, one point five mg b.i.d.") == ["76", "1.5", "mg", "2", "times"]
    assert words("in her forties") == words("in her 40s") and words("1,000 mg") == words("1000 mg") and words("July thirty first") == words("July 31st")


@pytest.mark.parametrize("british, american", [("tumours", "tumors"), ("haematoma", "hematoma"), ("oedema", "edema"), ("anaesthetised", "anesthetized"), ("centre", "center"), ("labelling", "labeling"), ("sulphate", "sulfate")])
def test_both_spellings_are_one_word(british, american):
    assert stem(british) == stem(american) != stem("knee")


def test_words_that_only_look_alike_stay_apart():
    assert stem("four") != stem("for") and stem("hour") != stem("hor") and stem("a1c") == "a1c"
    assert words("five days") != words("five weeks") and words("case 123456789012") == ["case", "123456789012"]
