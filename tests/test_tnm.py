"T, N and M as hospitals and OCR print them; the right answers are read off the page, not off the code."
import pytest

from cancer_staging import Stager
from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.tnm import TNM
from cancer_staging.text.masking import remove_notation
from cancer_staging.text.notation import CATEGORIES, STAGE_VALUE, read_stage_value

READER = Grammar([TNM])


def details(text):
    return {name: finding.detail for name, finding in READER.read(text).items()}


@pytest.mark.parametrize("text, expected", [
    ("AJCC stage: pTlNOMX, pending cytology", {"t": "pT1", "n": "N0", "m": "MX"}),       # glued, 1 as l, 0 as O
    ("THE PATHOLOGIC STAGE IS\nTINOMX.", {"t": "T1", "n": "N0", "m": "MX"}),
    ("Pathologic Stage: pTlapN1[IIIC1]pMX", {"t": "pT1a", "n": "pN1", "m": "pMX"}),
    ("Final TNM: pT1 bNXMO", {"t": "pT1b", "n": "NX", "m": "M0"}),                      # the b is the T's
    ("Stage: pT2 cN0 cM0", {"t": "pT2", "n": "cN0", "m": "cM0"}),                       # the c is the N's
    ("urothelial carcinoma, pT2bG3", {"t": "pT2b"}),
    ("AJCC/UICC stage: pT3aR1", {"t": "pT3a"}),
    ("STAGING: mpT2a pN0(sn)(i-)", {"t": "pT2a", "n": "pN0(sn)(i-)"}),                  # m: several tumours
])
def test_codes_that_run_together(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text", [
    "the ratio of MGMT/beta-Actin x1000", "Tumor size (mm x mm): 10x13", "lymph node level 1: TLN1 trisected", "Surgical Pathology report t1:!>V", "reviewed this case 'T4Pathologist", "PNI: not identified", "T-cell, T1-weighted image",
])
def test_what_is_no_category(text):
    assert details(text) == {}


@pytest.mark.parametrize("text", ["pTlNOMX", "pT1 bN0", "T2cN1M0", "ypT3 ypN1mi cM0", "mpT2a pN0(sn)(i-) pMX", "pT 1 c , pN l a , M X", "T stage: pT3; N category: 1; M: 0"])
def test_what_the_rule_reads_the_mask_hides(text):
    "One notation: nothing that is believed is left standing."
    report = f"Breast, excision: carcinoma. Pathologic stage: {text}. Margins are free."
    hidden = {place for start, end in remove_notation(report).removed for place in range(start, end)}
    found = READER.read(report)
    assert "t" in found
    for finding in found.values():
        for start, end in finding.evidence:
            assert hidden >= {place for place in range(start, end) if report[place].isalnum()}, report[start:end]


@pytest.mark.parametrize("axis, text, refused", [("t", "tissue", True), ("t", "t12", True), ("t", "tis", False), ("n", "not", True), ("n", "no ", False), ("m", "most", True), ("m", "mo.", False)])
def test_words_are_no_categories(axis, text, refused):
    assert (CATEGORIES[axis].match(text) is None) is refused


@pytest.mark.parametrize("text, group", [("IIIC1", "IIIC1"), ("llA", "IIA"), ("1V", "IV"), ("III b", "IIIB"), ("0is", "0is"), ("3C", "IIIC"), ("X", "X")])
def test_stage_groups_as_ocr_prints_them(text, group):
    assert read_stage_value(STAGE_VALUE.match(text.lower())) == group


@pytest.mark.parametrize("text, t", [   # a definition beside the category is no statement; alone it is the report's only word
    ("Prostate adenocarcinoma. Definition: pT3a = extraprostatic extension. Final: pT2c pN0.", "T2"), ("Stage pT2a; pT2b means involvement of more than half.", "T2"),
    ("pT3a = extension into perinephric fat", "T3"),
])
def test_a_defined_category_is_not_stated_beside_another(text, t):
    assert Grammar([TNM]).read(text)["t"].label == t


@pytest.mark.parametrize("text, t, n", [   # what this event is staged as, beside what an earlier one was
    ("Prior stage: T1 N0 M0 in 2015. Now: recurrent, rpT3 N1. Colon adenocarcinoma.", "rpT3", "N1"),
    ("Previous staging: pT1 pN0. Current: pT3 pN1. Colon adenocarcinoma.", "pT3", "pN1"),
    ("Colon: adenocarcinoma, pT2. If the nodes are negative the stage would be pT2 N0.", "pT2", None),
])
def test_an_earlier_or_a_supposed_stage_is_not_this_one(text, t, n):
    from cancer_staging.rules.assembly import GRAMMAR

    found = GRAMMAR.read(text)
    assert found["t"].detail == t and found["t"].rule == "tnm.pathologic"
    assert n is None or found["n"].detail == n


@pytest.mark.parametrize("text", ["Breast carcinoma.\npT | 2\npN | 1a", "Breast carcinoma.\n| pT | 2 |\n| pM | 0 |"])
def test_the_bar_of_a_table_is_no_one(text):
    "`pT |` is how OCR prints pT1, but not where the next cell holds the category."
    staged = Stager.from_pretrained("rules").stage(text)
    assert all(name not in staged or staged[name].detail in right for name, right in {"t": ("pT2",), "n": ("pN1a",), "m": ("pM0", "M0")}.items())
    assert Stager.from_pretrained("rules").stage("Breast carcinoma. pT| N0")["t"].detail == "pT1"


@pytest.mark.parametrize("text, detail", [("Acute promyelocytic leukaemia with PML::RARA. (PML)", None), ("Lung: carcinoma (pMl). Metastasis.", "pM1")])
def test_a_capital_l_is_no_one(text, detail):
    assert details(text).get("m") == detail
