"Whatever stands in a text, staging gives values whose evidence holds them, or says what is wrong."
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging import Stager
from cancer_staging.display import report_html
from cancer_staging.reading.limits import cut_text, Limits
from cancer_staging.runs import InputError
from cancer_staging.text.document import fold

RULES, DEFAULT = Stager.from_pretrained("rules"), Stager.from_pretrained()
CODES = ("pT2a N1b M0", "ypT3 pN0(i+)", "stage group: IIIB", "FIGO IB1", "ER 90% positive", "PR: 5 %", "Ki67t1 0%", "Ki-67: 15 %", "HER2 2+", "HER2 FISH ratio 2.1", "HER2 copy number 6.0", "Allred score 3+5=8", "H-score 290",
         "3/15 lymph nodes positive", "2 of 12 lymph nodes", "number of lymph nodes examined: 14", "lymphonodis (No III/XI)", "tumor size: 2.5 x 1.3 cm", "2.5 x 1.3 x 1 cm mass", "Nottingham score 7/9 (3+2+2)", "Gleason 3+4=7",
         "grade group 2", "WHO grade II", "R0 L1 V0 Pn1", "closest margin 0.5 mm", "AJCC 7th edition", "C50.9 8500/3", "[x] pT1", "mitoses 5/10 HPF", "Clark level IV, Breslow 1.2 mm", "patient is 54 years old", "PSA 12.3 ng/ml")
STRANGE = ("\u3000", "\u00a0", "\u2003", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1f", "\r", "\0", "\x1b", "\x7f", "\x9b", "\u200b", "\u200f", "\u202e", "\ufeff",
           "\u0301", "\u20dd", "\ud800", "\udfff", "\U0010ffff", "\u0378", "\U0001d7d2", "😀", "٣", "३", "᠐", "²", "³", "⁵", "₂", "①", "½", "Ⅲ", "ⅷ", "３", "Ｔ", "İ", "ı", "ß", "ẞ", "ﬁ", "ſ", "µ", "％", "×", "⁄", "．", "：", "（", "〇", "三", "ŉ", "ΐ", "\ufffd")


def is_sound(staged):
    "Whether the row is staged, its evidence is the words at its place, and its numbers are numbers."
    assert staged.status in ("ok", "empty"), staged.error
    for name, value in staged.values.items():
        for piece in value.evidence:
            assert piece.text == staged.text[piece.start:piece.end] and piece.text.strip(), name
        if value.label is not None and name in ("ki67", "nodes_positive", "nodes_examined", "tumor_size_mm"):
            assert value.label.isascii() and float(value.label) >= 0, name
    return True


@pytest.mark.parametrize("char", STRANGE, ids=ascii)
def test_a_strange_character_anywhere_in_a_code_stops_nothing(char):
    for code in CODES:
        for place in range(len(code) + 1):
            assert is_sound(RULES.stage(code[:place] + char + code[place:])), (code, place)
            assert is_sound(RULES.stage(code[:place] + char + code[place + 1:])), (code, place)


@pytest.mark.parametrize("model", [RULES, DEFAULT], ids=["rules", "default"])
def test_all_codes_with_strange_characters_between_them(model):
    for char in STRANGE:
        staged = model.stage(f"FINAL DIAGNOSIS:{char}" + char.join(CODES) + f"{char}Adenocarcinoma of the colon, 3{char}cm.")
        assert is_sound(staged) and report_html(staged)


ANY_TEXT = st.lists(st.sampled_from(CODES) | st.sampled_from(STRANGE) | st.characters() | st.sampled_from((" ", "\n", ". ")), max_size=30).map("".join)


@settings(max_examples=300, deadline=None)
@given(text=ANY_TEXT)
def test_any_text_is_a_sound_row(text):
    assert is_sound(RULES.stage(text)) and is_sound(DEFAULT.stage(text))


def test_the_texts_that_once_stopped_a_report():
    assert RULES.stage("Ki67t1\u30000%").status == "ok"
    assert RULES.stage("Size 2.\u20285 cm; 2.5 x 1.\x853 x 1 cm mass").status == "ok"
    staged = RULES.stage("pT2 \ud800 pN0\0 M0", report_id="a\udfffb")
    assert (staged.report_id, staged.text) == ("a\ufffdb", "pT2 \ufffd pN0  M0")
    assert [staged[name].label for name in "tn"] == ["T2", "N0"]


@pytest.mark.parametrize("text, field, label, words", [
    ("Ki-67: ٢٥ %", "ki67", "25", "Ki-67: ٢٥ %"),
    ("pT２ pN０", "t", "T2", "pT２"),
    ("Tumor size: ２．５ cm", "tumor_size_mm", "25", "２．５ cm"),
    ("Ki-67: ١٢٪", "ki67", "12", "Ki-67: ١٢٪"),
    ("Tumor size: ٢٫٥ cm", "tumor_size_mm", "25", "٢٫٥ cm"),
    ("Tumor size: ٢.٥ cm", "tumor_size_mm", "25", "٢.٥ cm"),
    ("३/१२ lymph nodes positive", "nodes_examined", "12", "३/१२"),
    ("Tumor size:\u30002.5\u3000cm", "tumor_size_mm", "25", "2.5\u3000cm"),
    ("pT²", "t", None, None),  # a superscript is a reference, not a number
])
def test_digits_of_other_scripts_are_numbers(text, field, label, words):
    staged = RULES.stage("DIAGNOSIS: Breast, left: invasive ductal carcinoma. " + text)
    assert (staged[field].label if field in staged else None) == label
    assert label is None or any(words in piece.text for piece in staged[field].evidence)


def test_a_folded_text_has_the_length_of_the_report_and_no_other_blanks_and_digits():
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    folded = fold(every)
    assert len(folded) == len(every)
    assert {char for char in set(folded) if char.isspace() or unicodedata.decimal(char, None) is not None} == set(" \n0123456789")


@pytest.mark.parametrize("text", [None, b"pT2", bytearray(b"pT2"), 5, 2.5, float("nan"), ["pT2"], pd.NA])
def test_a_text_that_is_none_is_refused_with_what_to_give(text):
    with pytest.raises(TypeError, match="the text of a report is a str, not .*: give the report's text"):
        RULES.stage(text)


def statuses(frame):
    staged = RULES.stage_frame(frame)
    staged = staged if isinstance(staged, pl.DataFrame) else pl.from_pandas(staged)
    return staged.select("report_id", "status", "t").rows(), staged["error"].to_list()


def test_whatever_stands_in_a_pandas_frame_is_a_row():
    frame = pd.DataFrame({"text": ["pT2 N0", None, float("nan"), b"pT3 N1", 5, pd.NA, pd.NaT, ["pT2"], np.array([1, 2]), "pT1 \ud800", np.float32("nan")],
                          "id": [1.0, float("nan"), "a\ud800", b"b", None, pd.NA, 3, 4, [1], {}, "[/b]"]})
    rows, errors = statuses(frame)
    assert rows == [("1", "ok", "T2"), ("row-2", "empty", None), ("a\ufffd", "empty", None), ("b", "ok", "T3"), ("row-5", "error", None), ("row-6", "empty", None), ("3", "empty", None),
                    ("4", "error", None), ("[1]", "error", None), ("{}", "ok", "T1"), ("[/b]", "empty", None)]
    assert errors[4] == "the text is a int, not a string: correct the row and run again"


def test_whatever_stands_in_a_polars_frame_is_a_row():
    assert [row[1:] for row in statuses(pl.DataFrame({"text": [b"pT2", None]}))[0]] == [("ok", "T2"), ("empty", None)]
    assert [row[1] for row in statuses(pl.DataFrame({"text": [7, None]}))[0]] == ["error", "empty"]
    assert [row[1] for row in statuses(pl.DataFrame({"text": [["pT2"], None]}))[0]] == ["error", "empty"]


@pytest.mark.parametrize("frame", [{"text": ["pT2"]}, ["pT2"], None, pl.DataFrame({"text": ["pT2"]}).lazy()])
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(TypeError, match="a frame is one of polars or pandas, not "):
        RULES.stage_frame(frame)


def test_a_pandas_frame_with_odd_names_of_columns():
    assert statuses(pd.DataFrame([["pT2", "pT3"]], columns=["text", "text"]))[0] == [("row-1", "ok", "T2")]
    with pytest.raises(InputError, match="the frame has no text column .* it has 0, 1"):
        RULES.stage_frame(pd.DataFrame([["pT2", "pT3"]]))


def test_a_text_is_cut_between_two_words():
    assert cut_text("pT2 N0", 6) == ("pT2 N0", None)
    assert cut_text("pT2 N0 pT1b", 10) == ("pT2 N0", "the report has more than 10 characters, only the first 6 were staged: split it")
    assert cut_text("a\tb\nc d", 4)[0] == "a\tb"
    assert cut_text("x" * 5_000, 4_000)[0] == "x" * 4_000
    assert cut_text("y " + "x" * 5_000, 4_000)[0] == "y " + "x" * 3_998  # no prose: the blank is too far back
    assert Limits().text_chars == 5_000_000


def test_a_report_of_more_than_five_million_characters_is_cut_and_says_so():
    text = "pT2 N0 M0\n" + "x" * 4_999_000 + " pT4 N2\n" * 1_000
    for staged in (RULES.stage(text), RULES.stage_frame(pl.DataFrame({"text": [text]})).to_dicts()[0]):
        error, t = (staged.error, staged["t"].label) if not isinstance(staged, dict) else (staged["error"], staged["t"])
        assert error.startswith("the report has more than 5,000,000 characters, only the first 4,999,9") and error.endswith(" were staged: split it")
        assert t == "T4"
