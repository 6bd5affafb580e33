"What a stage table asks for besides T, N and M, as reports print it; the groups are those of the manual."
import pytest

from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.stage_factors import read_age, read_mitoses, read_p16, read_psa, read_serum_markers
from cancer_staging.text.document import Document


def group(text):
    found = GRAMMAR.read(text).get("stage_group")
    return found and found.detail


@pytest.mark.parametrize("text, expected", [
    ("Age/Sex: 67/F\nThyroid: papillary thyroid carcinoma. pT2 pN1a", "II"),
    ("This 42 yo woman. Thyroid: papillary thyroid carcinoma. pT3b pN1b", "I"),
    ("Patient aged 71 years. Thyroid: papillary thyroid carcinoma. pT2 pN1a", "II"),
    ("61F with a nodule. Thyroid: papillary thyroid carcinoma. pT2 pN1a", "II"),
    ("Age: 61\nThyroid: papillary thyroid carcinoma. pT2 pN1a", "II"),
    ("58 y/o male. Thyroid, lobectomy: papillary thyroid carcinoma. pT3a pN0", "II"),
    ("A 43-year-old. Thyroid: follicular carcinoma. pT4a pN1b cM0", "I"),
    ("Thyroid: papillary thyroid carcinoma, pT1a pN1a. Her mother had it at age 70.", None),
    ("Right testis, orchiectomy: seminoma. pT1a pN0 M0 S0", "IA"),
    ("Right testis: embryonal carcinoma. pT2 pN1 S2 M0.", "IIIB"),
    ("Right testis, orchiectomy: seminoma. pT2 pN0 M0 S0", "IB"),
    ("Left testis: seminoma, pT1 pN0. Serum tumor markers (S): S1", "IS"),
    ("Left testis: seminoma. pT2 pN1 cM0, serum markers within normal limits", "IIA"),
    ("Testis: seminoma. pT1 pN0", "I"),
    ("Testis: seminoma. Serum markers: normal. pT1 pN2", "IIB"),
    ("Stomach, wedge: GIST. Mitotic rate: >5 per 5 mm2. pT3 pN0.", "IIIA"),
    ("Stomach: gastrointestinal stromal tumor, 6 cm, mitotic rate 8 per 5 mm2 (high). pT3 pN0", "IIIA"),
    ("Stomach: gastrointestinal stromal tumor. 2 mitoses/50 HPF. pT3 pN0", "IB"),
    ("Stomach: gastrointestinal stromal tumor. Mitotic rate: High. pT2 pN0", "II"),
    ("Stomach: gastrointestinal stromal tumour, mitoses fewer than 5 per 50 HPF, pT4 pN0", "II"),
    ("Tonsil: squamous cell carcinoma, p16 block positive. pT2 pN1", "I"),
    ("Tonsil: squamous cell carcinoma. p16: diffuse strong (>= 70%). pT2 pN1", "I"),
    ("Base of tongue: squamous cell carcinoma, HPV-independent. pT2 pN1", "III"),
    ("Oropharynx: squamous cell carcinoma, HPV-associated. pT1 pN1", "I"),
    ("Tonsil: squamous cell carcinoma. p16 positive in 80% of tumor cells. pT3 pN1", "II"),
    ("Tonsil: squamous cell carcinoma; p16 expression in 20 % of cells. pT2 pN0", "II"),
    ("Tonsil: squamous cell carcinoma. p16 immunostain is\nnegative. pT2 pN1", "III"),
    ("Tonsil: squamous cell carcinoma, p16 pending. pT2 pN1", None),
    ("Prostate, radical prostatectomy: adenocarcinoma, Gleason score 3+4=7 (grade group 2). Preoperative PSA: 6.1 ng/mL. pT2 pN0", "IIB"),
    ("Prostate, radical prostatectomy: adenocarcinoma, Gleason score 3+3=6 (grade group 1). PSA 4.2. pT2 pN0", "I"),
    ("Prostate, radical prostatectomy: adenocarcinoma, Gleason score 3+4=7 (grade group 2). PSA = 25. pT2 pN0", "IIIA"),
    ("Back, excision: malignant melanoma, Breslow 1.5 mm, ulceration: not identified. pT2 pN0", "IB"),
    ("Back, excision: malignant melanoma. Breslow 3 mm, ulceration: present. pT3 pN0", "IIB"),
    ("Cervix, radical hysterectomy: squamous cell carcinoma, 4.6 cm. pT1b3 pN0.", "IB3"),
    ("Cervix, radical hysterectomy: squamous cell carcinoma, FIGO 2018. pT1b2 pN1a", "IIIC1"),
    ("Cervix, radical hysterectomy: squamous cell carcinoma. pT1b2 pN0", "IB2"),
])
def test_the_factor_decides_the_group(text, expected):
    assert group(text) == expected


@pytest.mark.parametrize("text", [
    "Endometriosis stage III. Ovary: clear cell carcinoma.",
    "Breast IDC. Sarcoidosis, radiographic stage II. GOLD stage III COPD.",
    "Breast IDC. Stage II pressure injury of heel noted.",
    "Stage III CKD. Kidney: clear cell RCC.",
    "COPD GOLD stage II. Lung: adenocarcinoma.",
    "Past: follicular lymphoma, stage III. Prostate carcinoma.",
    "CLL, Rai stage II, is known. Skin: squamous cell carcinoma",
    "Liver: hepatocellular carcinoma; background: cirrhosis, stage IV",
    "Background liver with fibrosis (METAVIR stage III).",
    "Sacral decubitus, stage IV, with osteomyelitis",
    "Stage IV sacral ulcer",
    "Parkinson disease, Hoehn and Yahr stage II. Colon carcinoma.",
    "Heart failure stage III. Bladder carcinoma.",
    "Lymphedema stage II after axillary dissection",
    "rASRM stage IV endometriosis",
    "Hypertension stage II.",
    "Chronic kidney disease stage III-A and colon carcinoma",
    "Multiple myeloma ISS stage II",
    "Primary biliary cholangitis, stage III",
    "Avascular necrosis of the femoral head, stage III",
    "Uterine prolapse stage II; endometrial carcinoma",
])
def test_the_stage_of_another_disease_is_no_stage_group(text):
    assert group(text) is None


@pytest.mark.parametrize("text, expected", [
    ("Colon carcinoma, stage IIIB", "IIIB"),
    ("Breast carcinoma with tumor necrosis, stage IIA", "IIA"),
    ("Sarcoidosis is known. Lung cancer, stage IB", "IB"),
    ("Melanoma, ulcerated. AJCC stage IIC", "IIC"),
    ("COPD. Pathologic stage: IIIA", "IIIA"),
    ("Endometriosis. Ovary: carcinoma, FIGO stage IC", "IC"),
])
def test_a_disease_nearby_takes_no_stage_away(text, expected):
    assert group(text) == expected


@pytest.mark.parametrize("text, rate", [
    ("mitotic rate: low (<=5 per 5 mm2)", "mitoses-low"), ("Mitotic count: 12 per 50 high power fields", "mitoses-high"), ("mitotic rate 8 per 5 mm2", "mitoses-high"), ("5 mitoses/50 HPF", "mitoses-low"),
    ("mitoses: up to 3 per 50 HPF", "mitoses-low"), ("More than 5 mitoses per 50 HPF", "mitoses-high"), ("8 mitoses per 10 HPF", "mitoses-high"), ("3 mitoses per 10 HPF", None), ("a lesion of 50 mm", None),
    ("Low (\u22645 mitoses per 5 mm2); high (>5 mitoses per 5 mm2)", None), ("at least 5 mitoses per 50 HPF", None), ("High mitotic rate", "mitoses-high"), ("No mitotic figures are seen.", "mitoses-low"),
])
def test_mitoses(text, rate):
    assert read_mitoses(Document(text)) == rate


@pytest.mark.parametrize("text, age", [
    ("this 54-year-old man", "age<55"), ("Age: 55 years", "age>=55"), ("aged 71", "age>=55"), ("61 y.o. female", "age>=55"), ("33 F with a goitre", "age<55"), ("Sex/Age: F/67", "age>=55"), ("42yo", "age<55"),
    ("Block 12F. Isthmus", None), ("patients older than 55 years", "age>=55"), ("sister at age 40", None), ("stage 3", None), ("(patient under 45 years)", "age<55"), ("Age 40. A 60-year-old woman", None), ("15-year median follow-up", None),
])
def test_age(text, age):
    assert read_age(text.lower(), 55) == age


@pytest.mark.parametrize("text, p16", [
    ("p16: positive", "p16+"), ("p16-positive", "p16+"), ("p16 (+)", "p16+"), ("p16 -, hpv -", "p16-"), ("p16 overexpression", "p16+"), ("negative for p16", "p16-"), ("p16 and hpv not detected", "p16-"), ("p16 not detected", "p16-"),
    ("p16 immunostain: block-like staining", "p16+"), ("p16 >70% of cells", "p16+"), ("p16 (<70%): negative", "p16-"), ("focal p16 staining in 30% of cells", "p16-"), ("p16 positive in 40%", None), ("hpv-related carcinoma", "p16+"),
    ("hpv dna not detected", "p16-"), ("p16 positive; hpv ish negative", "p16+"), ("p16 diffusely positive and hpv16 negative", "p16+"), ("p16 equivocal", None), ("p16 to follow", None), ("p16 positive. later: p16 negative", None),
])
def test_p16(text, p16):
    assert read_p16(text) == p16


@pytest.mark.parametrize("text, psa", [("psa 9.9", "PSA<10"), ("psa 10", "PSA10-20"), ("psa level was 20 ng/ml", "PSA>=20"), ("psa >20", "PSA>=20"), ("psa <20", None), ("psa >10", None), ("psa in 2015", None), ("psa: 2015", None), ("psa density 0.2", None), ("psa immunostain positive", None)])
def test_psa(text, psa):
    assert read_psa(text) == psa


@pytest.mark.parametrize("text, markers", [("pt1a pn0 m0 s0", "S0"), ("pt2, pn1, s3, m0", "S3"), ("serum tumor markers (s): s1", "S1"), ("serum markers within normal limits", "S0"), ("serum tumor markers (s): sx", "SX"), ("cassettes a1, s1", "SX"), ("", "SX")])
def test_serum_markers(text, markers):
    assert read_serum_markers(text) == markers
