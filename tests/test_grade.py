"Grade: which of several statements wins, evidence, and hostile text. Single phrases are tested in the notebook."

import pytest

from cancer_staging.rules.differentiation import grade_group, GROUP_GRADES, NOTTINGHAM_GRADES
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


@pytest.mark.parametrize("disease", ["Chronic hepatitis C with mild activity", "Tubular adenoma with dysplasia", "Steatohepatitis", "DCIS", "Prostatic intraepithelial neoplasia", "Reflux esophagitis", "Follicular lymphoma",
                                     "Lobular carcinoma in situ (LCIS)", "Tumor regression after therapy"])
def test_grades_of_other_diseases_are_none(disease):
    assert read(f"{disease}, grade 2.") is None and read(f"Invasive carcinoma, grade 3. {disease}, grade 2.") == ("G3", "G3")


@pytest.mark.parametrize("words", ["grade 1 fatty change", "grade 2 tubular adenoma", "grade 3 ductal carcinoma in situ", "grade 2 esophagitis", "grade 3 toxicity", "grade 2 systolic murmur", "high grade squamous intraepithelial lesion"])
def test_a_disease_behind_takes_its_grade(words):
    assert read(f"There is {words}.") is None


def test_a_tumour_with_another_disease_keeps_its_grade():
    assert read("Invasive carcinoma, grade 2 with DCIS.") == ("G2", "G2")
    assert read("Adenocarcinoma, grade 3, arising in a tubular adenoma.") == ("G3", "G3")


@pytest.mark.parametrize("words", ["criteria for grade 3 are not met", "insufficient for grade 3", "if grade 3"])
def test_a_grade_that_is_only_spoken_of_is_none(words):
    assert read(f"Carcinoma; {words}.") is None


@pytest.mark.parametrize("total, grade", [(3, 1), (5, 1), (6, 2), (7, 2), (8, 3), (9, 3)])  # Elston and Ellis 1991
def test_nottingham_sums(total, grade):
    assert NOTTINGHAM_GRADES[total] == grade and read(f"Total Nottingham score: {total}/9")[0] == f"G{grade}"


@pytest.mark.parametrize("patterns, group, grade", [("3+3", 1, 1), ("3+4", 2, 2), ("4+3", 3, 2), ("4+4", 4, 3), ("3+5", 4, 3), ("5+3", 4, 3), ("4+5", 5, 3), ("5+5", 5, 3)])  # ISUP 2014
def test_gleason_scores(patterns, group, grade):
    primary, secondary = map(int, patterns.split("+"))
    assert grade_group(primary, secondary) == group and GROUP_GRADES[group] == grade
    assert read(f"Prostate, radical prostatectomy: adenocarcinoma, Gleason score {patterns}") == (f"G{grade}", f"{patterns}={primary + secondary} (grade group {group})")


@pytest.mark.parametrize("stronger, weaker", [
    ("Nottingham grade 2", "Histologic grade: 3"),
    ("FIGO grade 1", "Poorly differentiated"),
    ("Histologic grade: 2", "Poorly differentiated"),
    ("Nottingham grade 2", "Nottingham score: 8"),
    ("Moderately differentiated", "Tubules: 3; nuclei: 3; mitoses: 3"),
    ("Histologic grade: 1", "High grade carcinoma"),
    ("High grade urothelial carcinoma", "Histologic grade: 1"),
    ("Poorly differentiated", "Histologic grade: cannot be assessed"),
    ("Carcinoma, grade 2", "Metastatic carcinoma, grade 3"),
])
def test_which_evidence_wins(stronger, weaker):
    between = "All surgical margins are free and the remaining tissue is unremarkable"
    assert read(f"{weaker}. {between}. {stronger}.") == read(f"{stronger}. {between}. {weaker}.") == read(f"{stronger}.") != read(f"{weaker}.")


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
