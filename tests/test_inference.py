"""T and N from size, depth and counts, and the letters they give."""
import pytest

from cancer_staging.rules.assembly import GRAMMAR


def read(text, name):
    "Label, detail and basis of a field."
    finding = GRAMMAR.read(text).get(name)
    return finding and (finding.label, finding.detail, finding.basis)


@pytest.mark.parametrize("text, expected", [
    ("LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 1.8 cm.", ("T1", "T1c", "derived")),
    ("LEFT BREAST, MASTECTOMY: Invasive lobular carcinoma. Tumor size: 5.5 cm.", ("T3", "T3", "derived")),
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
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. Skin: not involved.", ("T2", "T2", "derived")),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. Dermal invasion is present.", None),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. Invasion of the overlying skin with ulceration.", None),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Tumor size: 2.2 cm. No dermal invasion.", ("T2", "T2", "derived")),
    ("CECUM, RIGHT HEMICOLECTOMY: Adenocarcinoma extending into pericecal fat.", ("T3", "T3", "inferred")),
    ("CECUM, RIGHT HEMICOLECTOMY: Adenocarcinoma infiltrating the peri-caecal adipose tissue.", ("T3", "T3", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma penetrates the visceral. peritoneum.", ("T4", "T4a", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma penetrates the visceral\nperitoneum.", ("T4", "T4a", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma with clear cell features invades the muscularis propria.", ("T2", "T2", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invades the submucosa. Diverticula extend through the muscularis propria.", ("T1", "T1", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invades the submucosa. An abscess extends into the pericolic fat.", ("T1", "T1", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma invades the submucosa. Endometriosis involving the muscularis propria.", ("T1", "T1", "inferred")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. Proximal margin of resection, involving the muscularis propria: free.", None),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. The tumor extends to a pericolic abscess.", None),
    ("SIGMOID COLON, RESECTION: Ulcerated, slightly differentiated adenocarcinoma, located 3 cm from a resection margin, with infiltration of the pericolic fatty tissue and circumscribed penetration of the covering serosa. pT4", ("T4", "pT4a", "stated")),
    ("SIGMOID COLON, RESECTION: Adenocarcinoma. Margins free. The tumor invades the muscularis propria.", ("T2", "T2", "inferred")),
])
def test_t(text, expected):
    assert read(text, "t") == expected


@pytest.mark.parametrize("text, expected", [
    ("SIGMOID COLON: Adenocarcinoma. Lymph nodes: 0/14.", ("N0", "N0", "derived")),
    ("SIGMOID COLON: Adenocarcinoma. Metastatic carcinoma in 2 of 14 lymph nodes (2/14).", ("N1", "N1b", "derived")),
    ("SIGMOID COLON: Adenocarcinoma, pT3 pN2. Metastatic carcinoma in 8 of 14 lymph nodes (8/14).", ("N2", "pN2b", "stated")),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma. Metastatic carcinoma in 5 of 14 axillary lymph nodes (5/14).", None),
    ("LEFT BREAST, MASTECTOMY: Invasive ductal carcinoma, pN2. Metastatic carcinoma in 5 of 14 axillary lymph nodes (5/14).", ("N2", "pN2a", "stated")),
    ("TONGUE: Squamous cell carcinoma. Metastatic carcinoma in 2 of 14 lymph nodes (2/14).", None),
    ("SIGMOID COLON: Adenocarcinoma, pNX. Lymph nodes: 0/14.", (None, "pNX", "stated")),
])
def test_n(text, expected):
    assert read(text, "n") == expected


@pytest.mark.parametrize("text, expected", [   # AJCC 8: chapters 20, 36, 48, 55, 58
    ("A. Sigmoid colon, resection: adenocarcinoma. B. Liver, segment 4, wedge: metastatic adenocarcinoma.", ("M1", "M1a", "derived")),
    ("1. RIGHT COLON, HEMICOLECTOMY:\n- ADENOCARCINOMA\n2. LIVER, BIOPSY:\n- METASTATIC ADENOCARCINOMA", ("M1", "M1a", "derived")),
    ("Rectum: adenocarcinoma. Lung, right lower lobe, wedge: metastatic adenocarcinoma. Liver: metastatic adenocarcinoma.", ("M1", "M1b", "derived")),
    ("Colon: adenocarcinoma, pT3 pN1. Peritoneal implants: metastatic adenocarcinoma.", ("M1", "M1c", "derived")),
    ("Cecum: mucinous adenocarcinoma. Omentum, excision: positive for metastatic mucinous adenocarcinoma.", ("M1", "M1c", "derived")),
    ("Left breast, mastectomy: invasive ductal carcinoma. Bone, T12, biopsy: metastatic carcinoma, consistent with breast primary.", ("M1", "M1", "derived")),
    ("Liver, core biopsy: metastatic adenocarcinoma, consistent with colorectal primary.", ("M1", "M1a", "derived")),
    ("Left ovary: high grade serous carcinoma. Umbilical skin nodule: metastatic serous carcinoma.", ("M1", "M1b", "derived")),
    ("Prostate, biopsy: adenocarcinoma, Gleason 4+5. Bone, iliac, biopsy: metastatic prostatic adenocarcinoma.", ("M1", "M1b", "derived")),
    ("Right kidney: clear cell renal cell carcinoma. Lung, wedge: metastatic renal cell carcinoma.", ("M1", "M1", "derived")),
    ("Left ovary: high grade serous carcinoma. Omentum: metastatic serous carcinoma.", None),                       # T3, not M1
    ("Left ovary: high grade serous carcinoma. Liver surface, biopsy: metastatic serous carcinoma.", None),          # T3 too
    ("Sigmoid colon: adenocarcinoma. Liver, biopsy: suspicious for metastatic adenocarcinoma.", None),
    ("Sigmoid colon: adenocarcinoma. Liver, biopsy: negative for metastatic carcinoma.", None),
    ("Sigmoid colon: adenocarcinoma. Liver: bile duct hamartoma. No metastatic carcinoma.", None),
    ("Sigmoid colon: adenocarcinoma. Liver, biopsy: metastatic melanoma.", None),                                    # another tumour's
    ("Sigmoid colon: adenocarcinoma. Liver, biopsy: metastatic carcinoma, consistent with breast primary.", None),
    ("Sigmoid colon: adenocarcinoma. Pericolic lymph nodes: metastatic adenocarcinoma in 2 of 14.", None),
    ("Left breast: invasive ductal carcinoma. Left axilla, lymph node, lung side: metastatic carcinoma.", None),
    ("Gallbladder: adenocarcinoma. Liver bed: adenocarcinoma, direct extension.", None),
    ("Clinical history: Liver: metastatic carcinoma.\nFINAL DIAGNOSIS: Sigmoid colon: adenocarcinoma.", None),
    ("Sigmoid colon: adenocarcinoma, pT3 pN0 cM0. Liver, biopsy: hemangioma.", ("M0", "cM0", "stated")),
])
def test_m(text, expected):
    assert read(text, "m") == expected


def test_the_evidence_of_a_letter_is_the_category_and_what_gives_the_letter():
    text = "LEFT BREAST, LUMPECTOMY: Invasive ductal carcinoma. Tumor size: 8 mm. pT1 pN0."
    words = [text[start:end] for start, end in GRAMMAR.read(text)["t"].evidence]
    assert words[-1] == "pT1" and "8 mm" in words[0]
