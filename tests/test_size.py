"Tumour size: what a registrar would call the greatest dimension of the primary tumour, and what not."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.size import SIZE, SizeEvidence

GRAMMAR = Grammar([SIZE])


def read(report):
    finding = GRAMMAR.read(report).get("tumor_size_mm")
    return finding and (float(finding.label), finding.rule)


@pytest.mark.parametrize("report, millimetres, rule", [
    ("Tumor Size: Greatest dimension: 2.3 cm. Additional dimensions: 1.8 x 1.1 cm", 23, "size.label"),
    ("Tumor size: 18 mm", 18, "size.label"),
    ("TUMOUR SIZE\n3,2 x 2 x 1,5 cm", 32, "size.label"),
    ("Tumor. size: 2.5 ern", 25, "size.label"),
    ("Size of the invasive component: .9 cm", 9, "size.label"),
    ("Maximum tumor diameter 14 mm", 14, "size.label"),
    ("FINAL DIAGNOSIS: Right kidney: renal cell carcinoma, 6.5 cm.", 65, "size.diagnosis"),
    ("FINAL DIAGNOSIS: Two invasive carcinomas: carcinoma, 1.1 cm; carcinoma, 0.6 cm.", 11, "size.diagnosis"),
    ("GROSS DESCRIPTION: On the cut surface is a 4.2 x 3 x 3 cm yellow mass.", 42, "size.gross"),
    ("GROSS DESCRIPTION: An ulcerated, fungating lesion measures 5 by 4 cm.", 50, "size.gross"),
    ("CLINICAL HISTORY: Tumor size 2 cm by ultrasound.", 20, "size.early"),
])
def test_sizes_of_tumours(report, millimetres, rule):
    assert read(report) == (millimetres, rule)


@pytest.mark.parametrize("report", [
    "The specimen measures 22 x 18 x 6 cm.",
    "Skin ellipse 5 x 2 cm with a scar.",
    "The tumor is 0.4 cm from the deep margin.",
    "The carcinoma comes within 2 mm of the closest margin.",
    "The melanoma has a Breslow thickness of 1.8 mm.",
    "The tumor invades to a depth of 8 mm.",
    "Three lymph nodes with metastatic carcinoma, the largest deposit 1.2 cm.",
    "Ductal carcinoma in situ, spanning 4 cm.",
    "A sessile polyp, 2.5 cm, tubular adenoma.",
    "No residual mass is seen in the 3 cm biopsy site.",
    "Tumor: 12 mitoses per 10 HPF.",
    "Tumor size: 900 cm",
])
def test_other_measures_are_none(report):
    assert read(report) is None


def test_label_wins_over_diagnosis_and_diagnosis_over_gross():
    gross = "GROSS DESCRIPTION: There is a mass measuring 5 cm.\n"
    diagnosis = "FINAL DIAGNOSIS: Adenocarcinoma, 4 cm.\n"
    label = "Tumor size: 3 cm\n"
    assert [read(report)[0] for report in (gross, gross + diagnosis, gross + diagnosis + label)] == [50, 40, 30]
    assert [evidence.name for evidence in SizeEvidence] == ["LABEL", "DIAGNOSIS", "GROSS", "EARLY"]


@pytest.mark.parametrize("report, words", [
    ("Colon: moderately differentiated adenocarcinoma, 3.5 cm, 2 cm from the margin.", "adenocarcinoma, 3.5 cm"),
    ("Kidney: a 6 cm tan tumor in the upper pole.", "6 cm tan tumor"),
    ("Synoptic. Tumor size: 2.0 x 1.5 cm. Grade 2.", "Tumor size: 2.0 x 1.5 cm"),
])
def test_evidence_is_the_words_with_the_size(report, words):
    assert [report[start:end] for start, end in GRAMMAR.read(report)["tumor_size_mm"].evidence] == [words]
