"Sentences that assert nothing of the specimen. The texts are invented; what a registrar takes from them stands beside them: the manuals code what is diagnosed in this specimen, not what would be, was or is of another."
import pytest

from cancer_staging import Stager

FIELDS = ("t", "n", "m", "stage_group", "grade", "er", "her2", "margin", "lymphovascular_invasion", "laterality")


def stated(report):
    "What the grammar finds of these fields: detail of a category, else label."
    staged = Stager.from_pretrained("rules").stage(report)
    return {name: staged[name].detail if name in ("t", "n", "stage_group") else staged[name].label for name in FIELDS if name in staged and staged[name].label is not None}


@pytest.mark.parametrize("report, right", [
    ("Receptors: ER 80%. HER2 result pending. If HER2 is equivocal by IHC, reflex FISH will be performed.", {"er": "positive"}),
    ("Sentinel node: scattered single cells. Category pN0(i+)(sn). If larger deposits are found on deeper levels, pN1mi would apply.", {"n": "pN0(i+)(sn)"}),
    ("Breast: invasive carcinoma, pT1b pN0(sn) cM0 -> Stage IA. The stage would be IIA if nodes were positive.", {"t": "pT1b", "n": "pN0(sn)", "m": "M0", "stage_group": "IA"}),
    ("Should the margins prove positive on the permanent sections, re-excision will be discussed.", {}),
    ("Left oophorectomy: serous cyst. Had a borderline component been present, FIGO IA would have applied and lymphovascular invasion been reported.", {"laterality": "left"}),
    ("Secretory carcinoma would typically be ER negative; this tumor, however, is diffusely ER immunoreactive in 85% of cells.", {"er": "positive"}),
    ("Breast: carcinoma. If all margins uninvolved: closest margin 3 mm. All margins negative.", {"margin": "negative"}),
])
def test_conditions(report, right):
    assert stated(report) == right


@pytest.mark.parametrize("report, right", [
    ("Fibroadenoma, left breast. Mother had invasive ductal carcinoma at 52, right breast, stage III.", {"laterality": "left"}),
    ("Right breast: invasive carcinoma, grade 2. Fam hx: sister L breast ca stage IV at 44.", {"laterality": "right", "grade": "G2"}),
    ("Seborrhoeic keratosis, trunk. Clinical notes: PMH Ca breast 2011 pT2 N1 M0 grade 3, on letrozole.", {}),
    ("Hx: R hemicolectomy 2019 for caecal adenocarcinoma pT3 N1 G3. Colon polyp: tubular adenoma.", {}),
    ("Urine: negative for carcinoma. History: bladder cancer pT1 G3 2017 treated with BCG.", {}),
    ("Radical cystectomy (previous TUR elsewhere: pT2). No residual carcinoma. Stage: pT0 pN0.", {"t": "pT0", "n": "pN0"}),
    ("Nephrektomie links. Anamnese: Z. n. Kolonkarzinom 2011 (damals pT3 pN1, G3, L1). Nierenzellkarzinom. TNM: pT1b pN0 G2.", {"t": "pT1b", "n": "pN0", "grade": "G2"}),
    ("Rectum: adenocarcinoma. Pretreatment MRI: T3c N2, EMVI positive, CRM threatened. ypT0 ypN1a.", {"t": "ypT0", "n": "ypN1a", "stage_group": "IIIA"}),
    ("TURBT: papillary urothelial carcinoma. Note: the 2021 outside resection was reported as pT1 high grade with lymphovascular invasion.", {}),
    ("Liver, resection: carcinoma with daughter nodules and satellite growth, pT3.", {"t": "pT3", "stage_group": "IIIA"}),
])
def test_relatives_and_the_past(report, right):
    assert stated(report) == right


@pytest.mark.parametrize("report, right", [
    ("Liver core: no carcinoma. The request form said 'query HCC, T3 N1, stage III'; the sample contains steatohepatitis alone.", {}),
    ("Prostatic chips: nodular hyperplasia. Clinical query: ?carcinoma cT2. Negative for carcinoma.", {}),
    ("Submitting diagnosis: invasive urothelial carcinoma, at least pT1. Our opinion: von Brunn nests; we do not see carcinoma.", {}),
    ("Submitting diagnosis: invasive urothelial carcinoma, pT1. We agree.", {"t": "pT1"}),
    ("Elements to be reported: size, grade, lymphovascular invasion, margins. Dictation to follow.", {}),
    ("Adverse features comprise lymphovascular invasion and a margin of less than 1 mm. Polyp: pT1 adenocarcinoma.", {"t": "pT1"}),
    ("Vascular invasion: present / absent / suspicious (delete as appropriate). pT1.", {"t": "pT1"}),
    ("LEFT parotid: carcinoma, margin involved.\nORIGINAL DIAGNOSIS (for record only, do not use): RIGHT parotid - carcinoma, 15 mm. Margins clear.", {"margin": "positive", "laterality": "left"}),
    ("pT2 = organ confined; pT3b = seminal vesicle invasion; pN1 = regional nodes involved; M1b = bone.\nRESULT: benign prostatic hyperplasia.", {}),
    ("pT3a = extraprostatic extension. Prostate: adenocarcinoma.", {"t": "pT3a"}),
    ("AMENDED\nPREVIOUSLY: Colon adenocarcinoma, pT3 pN0 (0/9), no lymphovascular invasion.\nREVISED DIAGNOSIS: Colon adenocarcinoma, pT4a pN1b; lymphovascular invasion is present.", {"t": "pT4a", "n": "pN1b", "lymphovascular_invasion": "present"}),
])
def test_requests_lists_keys_and_former_diagnoses(report, right):
    found = stated(report)
    found.pop("stage_group", None)
    assert found == right
