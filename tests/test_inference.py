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
    ("CECUM, RIGHT HEMICOLECTOMY: Adenocarcinoma infiltrating transmurally through the muscularis. propria.", ("T3", "T3", "inferred")),  # the full stop of an OCR line end
    ("RECTUM, RESECTION: Adenocarcinoma extending into perirectal soft tissue.", ("T3", "T3", "inferred")),
    ("RECTUM, RESECTION: Adenocarcinoma. Depth of invasion: submucosa.", ("T1", "T1", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma penetrating the visceral peritoneum.", ("T4", "T4a", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma extending into the subserosa.", ("T3", "T3", "inferred")),            # not the serosa
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invading the lamina propria and muscularis mucosae.", None),              # not the muscularis propria
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. The tumor grows beside the small bowel, which it involves.", None),      # an organ beside is for the letter only
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. The process extends to an abscess of the pericolic fat.", None),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. Metastasis extends beyond a lymph node in the mesenteric fat.", None),
    ("ESOPHAGUS, ESOPHAGECTOMY: Adenocarcinoma infiltrates the adventitia.", ("T3", "T3", "inferred")),
    ("ESOPHAGUS, ESOPHAGECTOMY: Adenocarcinoma, pT4. The tumor invades the pericardium.", ("T4", "pT4a", "stated")),
    ("STOMACH, GASTRECTOMY: Adenocarcinoma, pT4. The tumor penetrates the serosa.", ("T4", "pT4a", "stated")),
    ("STOMACH, GASTRECTOMY: Intramucosal adenocarcinoma invading the lamina propria, pT1.", ("T1", "pT1a", "stated")),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. The chest wall is invaded.", None),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. Skin: not involved.", ("T2", "T2", "inferred")),
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
