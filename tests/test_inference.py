"""T and N from size, depth and counts, and the letters they give."""
import pytest

from cancer_staging.rules.assembly import GRAMMAR


def read(text, name):
    "Label, detail and basis of a field."
    finding = GRAMMAR.read(text).get(name)
    return finding and (finding.label, finding.detail, finding.basis)


@pytest.mark.parametrize("text, expected", [
    ("LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 1.8 cm.", ("T1", "T1c", "inferred")),
    ("LEFT BREAST, MASTECTOMY: Invasive lobular carcinoma. Tumor size: 5.5 cm.", ("T3", "T3", "inferred")),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 5.5 cm. Carcinoma invades the dermis of the skin.", None),
    ("LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 8 mm. pT1 pN0.", ("T1", "pT1b", "stated")),
    ("LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 8 mm. pT2 pN0.", ("T2", "pT2", "stated")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invading through the muscularis propria into pericolic adipose tissue.", ("T3", "T3", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invading into the muscularis propria.", ("T2", "T2", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invades the submucosa. It does not extend into the muscularis propria.", ("T1", "T1", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. pT4 pN0. The tumor invades the urinary bladder.", ("T4", "pT4b", "stated")),
    ("ESOPHAGUS, ESOPHAGECTOMY: Adenocarcinoma invading the submucosa. pT1 pN0.", ("T1", "pT1b", "stated")),
    ("STOMACH, GASTRECTOMY: Adenocarcinoma invading the muscularis propria.", None),
    ("RIGHT LUNG, LOBECTOMY: Adenocarcinoma. Tumor size: 2.8 cm.", None),
])
def test_t(text, expected):
    assert read(text, "t") == expected


@pytest.mark.parametrize("text, expected", [
    ("SIGMOID COLON: Adenocarcinoma. Lymph nodes: 0/14.", ("N0", "N0", "inferred")),
    ("SIGMOID COLON: Adenocarcinoma. Metastatic carcinoma in 2 of 14 lymph nodes (2/14).", ("N1", "N1b", "inferred")),
    ("SIGMOID COLON: Adenocarcinoma, pT3 pN2. Metastatic carcinoma in 8 of 14 lymph nodes (8/14).", ("N2", "pN2b", "stated")),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Metastatic carcinoma in 5 of 14 axillary lymph nodes (5/14).", None),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma, pN2. Metastatic carcinoma in 5 of 14 axillary lymph nodes (5/14).", ("N2", "pN2a", "stated")),
    ("TONGUE: Squamous cell carcinoma. Metastatic carcinoma in 2 of 14 lymph nodes (2/14).", None),
    ("SIGMOID COLON: Adenocarcinoma, pNX. Lymph nodes: 0/14.", (None, "pNX", "stated")),
])
def test_n(text, expected):
    assert read(text, "n") == expected


def test_the_evidence_of_a_letter_is_the_category_and_what_gives_the_letter():
    text = "LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 8 mm. pT1 pN0."
    words = [text[start:end] for start, end in GRAMMAR.read(text)["t"].evidence]
    assert words[-1] == "pT1" and "8 mm" in words[0]
