"Grade: which of several statements wins, evidence, and hostile text. Single phrases are tested in the notebook."

import pytest

from cancer_staging.rules.grade import GRADE
from cancer_staging.rules.grammar import Grammar

GRAMMAR = Grammar([GRADE])


def read(report):
    finding = GRAMMAR.read(report).get("grade")
    return finding and (finding.label, finding.detail)


@pytest.mark.parametrize("report, expected", [
    ("FROZEN SECTION DIAGNOSIS: grade 2 carcinoma. FINAL DIAGNOSIS: carcinoma, grade 3.", ("G3", "G3")),
    ("A. biopsy: adenocarcinoma, histologic grade 1. B. resection: adenocarcinoma, histologic grade 3.", ("G3", "G3")),
    ("FINAL DIAGNOSIS: carcinoma, histologic grade: 3.\nAMENDED: histologic grade: 2.", ("G2", "G2")),
    ("CLINICAL HISTORY: grade 1 carcinoma on biopsy.\nFINAL DIAGNOSIS: carcinoma, grade 2.", ("G2", "G2")),
    ("Poorly differentiated invasive carcinoma. Nottingham grade 2 (score 7).", ("G2", "G2")),
    ("Invasive carcinoma, overall grade: 2. DCIS: present, nuclear grade high. Tumour regression grade 4.", ("G2", "G2")),
    ("In situ and moderately differentiated infiltrating duct carcinoma, nuclear grade III/III", ("G2", "G2")),
    ("NOTTINGHAM SCORE: Nuclear grade: 3. Tubule formation: 2. Mitotic activity score: 2. Total Nottingham score: 7.", ("G2", "G2 (score 7)")),
    ("Histologic grade:\nPoorly differentiated", ("G3", "G3")),
    ("Histologic grade. Moderately. differentiated. Tumor extent: Subserosa", ("G2", "G2")),
    ("Rectum: adenocarcinoma, G2. Rectal margins free. Incidental prostatic adenocarcinoma of the prostate, Gleason 3+3=6.", ("G2", "G2")),
    ("Kidney, nephrectomy: renal cell carcinoma of the kidney, predominant Fuhrman grade 2, focal Fuhrman grade 3.", ("G3", "G3")),
    ("Urothelial carcinoma, high grade, invading muscle, grade 3 of 3", ("G3", "High Grade")),
    ("no evidence of poorly differentiated carcinoma", None),
    ("The tumor is of intermediate size; the patient has grade 2 reflux.", None),
])
def test_statements(report, expected):
    assert read(report) == expected


def test_history_is_the_last_resort():
    assert GRAMMAR.read("CLINICAL HISTORY: adenocarcinoma, moderately differentiated.")["grade"].rule == "grade.history"


def test_evidence_is_the_text():
    report = "Breast:\u00a0invasive carcinoma \u2013 Nottingham grade II (tubules 3, nuclei 2, mitoses 1), score 6/9"
    finding = GRAMMAR.read(report)["grade"]
    assert [report[start:end] for start, end in finding.evidence] == ["Nottingham grade II"]
    report = "Tubules: 3; nuclei: 2; mitoses: 1"
    assert [report[start:end] for start, end in GRAMMAR.read(report)["grade"].evidence] == ["Tubules: 3", "nuclei: 2", "mitoses: 1"]


@pytest.mark.parametrize("piece", ["grade ", "grade (nottingham ", "G2 ", "G1-", "tubule 3 ", "moderately differentiated ", "gleason 3 + ", "nottingham score ", "i i i l l 1 ", "grade - - - ", "(((("])
def test_hostile_text_is_read(piece):
    report = piece * (300_000 // len(piece)) + "\nNottingham grade 2"
    finding = GRAMMAR.read(report).get("grade")
    assert finding is not None and all(0 <= start < end <= len(report) for start, end in finding.evidence)
