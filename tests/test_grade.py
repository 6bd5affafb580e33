"Grade: which of several statements wins, evidence, and hostile text. Single phrases are tested in the notebook."

import pytest

from cancer_staging import Stager
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


@pytest.mark.parametrize("disease", ["Chronic hepatitis C with mild activity", "Tubular adenoma with dysplasia", "Steatohepatitis", "Prostatic intraepithelial neoplasia", "Reflux esophagitis", "Follicular lymphoma",
                                     "Lobular carcinoma in situ (LCIS)", "Tumor regression after therapy"])
def test_grades_of_other_diseases_are_none(disease):
    assert read(f"{disease}, grade 2.") is None and read(f"Invasive carcinoma, grade 3. {disease}, grade 2.") == ("G3", "G3")


@pytest.mark.parametrize("words", ["grade 1 fatty change", "grade 2 tubular adenoma", "grade 2 lobular carcinoma in situ", "grade 2 esophagitis", "grade 3 toxicity", "grade 2 systolic murmur", "high grade squamous intraepithelial lesion"])
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


# Nottingham sums: Elston and Ellis 1991; the first part of a list is not the total
@pytest.mark.parametrize("words, label", [
    ("Bloom-Richardson 3+2+1 = 6.", "G2"), ("Nottingham: tubules 3, nuclei 2, mitoses 1 = 6/9.", "G2"), ("Nottingham 3+3+2=8", "G3"), ("SBR (3+2+1)", "G2"), ("SBR: 2+2+1=5", "G1"), ("NHG 3+3+1 (7p)", "G2"),
    ("Elston-Ellis score: 3 + 2 + 2 = 7", "G2"), ("Nottingham score: 1+1+1=3", "G1"), ("Scarff-Bloom-Richardson: 3 + 3 + 3 (9)", "G3"), ("Nottingham score: 3 (tubules) + 2 (nuclei) + 1 (mitoses) = 6", "G2"),
    ("Nottingham: tubule formation 3, nuclear pleomorphism 3, mitotic count 2; total 8", "G3"), ("Modified Bloom-Richardson: architecture 3, nuclear 2, mitotic 1, total score 6", "G2"),
    ("Nottingham: glandular differentiation 2, nuclear pleomorphism 2, mitotic rate 1", "G1"), ("Nottingham grade (tubules 3, pleomorphism 3, mitoses 3): 3", "G3"), ("Nottingham: tubular 3 nuclear 3 mitotic 1", "G2"),
    ("Nottingham histologic grade\nTubule formation 3\nNuclear pleomorphism 3\nMitotic count 2\nTotal 8", "G3"), ("Nottingham (tubule 3 + nuclear 2 + mitosis 2): 7/9", "G2"), ("Nottingham 3, 3, 2 (8/9)", "G3"),
    ("Nottingham T3 P2 M1", "G2"), ("Grade 1 (T2 P2 M1 = 5)", "G1"), ("Grade: T3 P3 M2 = 8/9 (grade 3)", "G3"), ("Nottingham grade: 3 (3+3+2=8)", "G3"), ("Combined Nottingham score: tubules (3), nuclear (2), mitotic (3)", "G3"),
    ("Nottingham score 5", "G1"), ("Nottingham 6/9", "G2"), ("Nottingham grade II of III (3+2+2)", "G2"),
])
def test_nottingham_lists(words, label):
    assert read(f"Breast: invasive ductal carcinoma. {words}")[0] == label


@pytest.mark.parametrize("words", ["Nottingham (3, 2, 1)", "Nottingham 3-2-1", "Nottingham: 3/3 tubules, 2/3 nuclei, 1/3 mitoses", "Nottingham prognostic index 3.4"])
def test_parts_without_a_total_are_not_guessed(words):
    assert read(f"Invasive ductal carcinoma. {words}") is None


@pytest.mark.parametrize("words, label", [
    ("Histologic grade: highly differentiated", "G1"), ("Tumor grade: highly differentiated adenocarcinoma", "G1"), ("Grade: high differentiated", "G1"), ("high differentiated adenocarcinoma", "G1"),
    ("Grade of differentiation: highly differentiated (G1)", "G1"), ("histological grade: lowly differentiated", "G3"), ("Tumour grade: low differentiated squamous carcinoma", "G3"), ("Grade: high", "G3"), ("Grade: low", "G1"),
    ("Adenocarcinoma. Grade (II).", "G2"), ("Adenocarcinoma, grade [II]", "G2"), ("Histologic grade (III)", "G3"), ("grade (iii/iii)", "G3"), ("Grade [II/III]", "G2"), ("Grade (I)", "G1"),
    ("RCC, grade WHO/ISUP 2", "G2"), ("RCC, nucleolar grade ISUP/WHO 4", "G4"), ("Grade (WHO / ISUP): G3", "G3"), ("Grade (ISUP/WHO 2022) 3", "G3"), ("RCC, ISUP/WHO grade 2", "G2"), ("RCC, grade ISUP 3", "G3"),
    ("Histologic grade (1-3): 2", "G2"), ("grade (out of 4): 3", "G3"), ("Grade (I to III): II", "G2"), ("Grade (I/II/III): 2", "G2"), ("Grade three carcinoma", "G3"), ("Grade 2/3", "G2"), ("Carcinoma ductal infiltrante, grado histol\u00f3gico 2", "G2"),
    ("Adenocarcinoma, mod. diff.", "G2"), ("poorly diff adenocarcinoma", "G3"), ("Adenocarcinoma, well diff", "G1"), ("NET G2 (Ki-67 5 %)", "G2"), ("Prostate, biopsy: adenocarcinoma, Grade Group 4", "G3"), ("Adenokarzinom (G2)", "G2"),
])
def test_ways_of_writing_a_grade(words, label):
    assert read(words)[0] == label


@pytest.mark.parametrize("words", ["Grade (I-III)", "Grade (1-4)", "Grade (see note)", "Grade one of these", "Diff-Quik stain", "Endometrioid carcinoma, FIGO stage II", "Tumour budding: low grade (Bd1), adenocarcinoma", "No grade group given"])
def test_scales_and_other_words_are_no_grade(words):
    assert read(words) is None


@pytest.mark.parametrize("words, label", [  # the second sentence speaks for itself
    ("Histologic grade: 3. Nottingham grade 2.", "G2"), ("Grade 3. Nottingham score: 6/9.", "G2"), ("Histologic grade: 1. Elston-Ellis grade III.", "G3"), ("Tumor grade 3; Bloom-Richardson grade 2", "G2"),
    ("Histologic grade: 2 (Nottingham)", "G2"), ("Histologic grade (Nottingham): 3. Size 2 cm.", "G3"),
])
def test_a_system_counts_in_its_own_sentence(words, label):
    assert read(f"Invasive carcinoma. {words}")[0] == label


# UICC: codes may stand without spaces
@pytest.mark.parametrize("codes, label", [("pT3pN1a(1/18)L1V0Pn1R0G2", "G2"), ("pT2pN0M0G3R0", "G3"), ("pT3N1G2L1V0", "G2"), ("ypT2ypN0L0V0Pn0R0G2", "G2"), ("pT1c(m)pN0(sn)G2L0V0", "G2"), ("pT4apN2bG3", "G3"), ("pT1c,pN0(0/2)(sn),G2,L0,V0,R0", "G2"), ("pT3 pN1 cM0 G3 L1 V1 Pn0 R0", "G3")])
def test_codes_without_spaces(codes, label):
    assert read(f"Kolon: Adenokarzinom. {codes}")[0] == label


def test_blocks_are_no_codes():
    assert read("Blocks F1, G2, H1: margin. Carcinoma.") is None and read("Slides ABCG2 and BRG1: carcinoma") is None


# NAACCR grade manual: in situ breast carcinoma is coded by its nuclear grade, beside an invasive one only the invasive grade counts
@pytest.mark.parametrize("words, label", [
    ("Left breast: ductal carcinoma in situ, nuclear grade 3 (high).", "G3"), ("DCIS, high nuclear grade, comedo type. No invasive carcinoma.", "G3"), ("Ductal carcinoma in situ, intermediate grade, 12 mm. Margins clear.", "G2"),
    ("High grade DCIS with comedonecrosis. Negative for invasive carcinoma.", "G3"), ("DCIS:\nNuclear grade: Grade II (intermediate)\nNecrosis: absent", "G2"), ("Low-grade ductal carcinoma in situ.", "G1"), ("DCIS, grade 2.", "G2"),
    ("Ductal carcinoma in situ. Nuclear grade: low. Invasive carcinoma: not identified", "G1"), ("B5a - ductal carcinoma in situ, high cytonuclear grade", "G3"), ("Intraductal carcinoma, nuclear grade 3, with necrosis; no invasion", "G3"),
    ("Margins free. DCIS nuclear grade 2. Nodes: no metastasis (0/2).", "G2"), ("There is grade 3 ductal carcinoma in situ.", "G3"),
])
def test_in_situ_carcinoma_alone(words, label):
    assert read(words)[0] == label


@pytest.mark.parametrize("words", ["LCIS, grade 2", "Invasive ductal carcinoma. DCIS, nuclear grade 3.", "Invasive carcinoma of no special type with high grade DCIS", "Microinvasive carcinoma; DCIS, high grade", "No ductal carcinoma in situ. High grade",
                                   "Atypical ductal hyperplasia, no DCIS, grade 2", "DCIS, nuclear grade 3. Infiltrating carcinoma is present."])
def test_in_situ_grades_that_do_not_count(words):
    assert read(words) is None


@pytest.mark.parametrize("words, label", [
    ("Invasive ductal carcinoma, grade 1; DCIS high grade", "G1"), ("DCIS grade 3 and invasive carcinoma grade 1", "G1"), ("Invasive ductal carcinoma (grade 2) with extensive high-grade DCIS (grade 3)", "G2"),
    ("In situ component, grade 3; invasive component, grade 2", "G2"), ("Infiltrating duct carcinoma, grade 2, with DCIS, nuclear grade 3", "G2"), ("Invasive ductal carcinoma G2, DCIS G3", "G2"), ("Invasive ductal carcinoma G2 with DCIS G3, pT1c", "G2"),
    ("High-grade DCIS, 4 cm, with a 3 mm focus of invasive carcinoma, grade 2", "G2"), ("DCIS nuclear grade: 3\nInvasive carcinoma histologic grade: 2", "G2"), ("Invasive carcinoma with LCIS, grade 2", "G2"),
    ("Infiltrating lobular carcinoma with associated lobular carcinoma in situ (LCIS), grade 1", "G1"), ("Invasive lobular carcinoma, LCIS present, histologic grade 2", "G2"),
])
def test_the_invasive_grade_wins_over_the_in_situ_one(words, label):
    assert read(words)[0] == label


@pytest.mark.parametrize("words, label", [
    ("Prior biopsy: grade 3 carcinoma. Current resection: invasive carcinoma, grade 2.", "G2"), ("Previous biopsy showed grade 3; this excision: invasive ductal carcinoma, grade 2", "G2"),
    ("Invasive carcinoma, grade 2 (core biopsy was grade 3).", "G2"), ("Invasive ductal carcinoma, grade 2. Prior core biopsy: grade 3.", "G2"), ("History of grade 3 carcinoma. Lumpectomy: invasive carcinoma, grade 1.", "G1"),
    ("Outside biopsy: poorly differentiated carcinoma. Resection: moderately differentiated adenocarcinoma.", "G2"), ("Compared to the previous biopsy (grade 1), the tumor is grade 2", "G2"), ("Known G3 carcinoma on biopsy. Mastectomy: invasive carcinoma, grade 2", "G2"),
    ("Left breast, core biopsy: invasive carcinoma, grade 3.", "G3"), ("Bladder (biopsy): high-grade urothelial carcinoma", "G3"), ("Prior biopsy grade 3.", None),
])
def test_the_grade_of_an_earlier_specimen_does_not_count(words, label):
    found = read(words)
    assert (found and found[0]) == label


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


@pytest.mark.parametrize("text", ["Breast carcinoma.\nHistologic grade | 3\n", "Breast carcinoma.\n| Nottingham grade | G2 |"])
def test_the_bar_of_a_table_is_no_stroke(text):
    "A bar read as I made grade 3 a G1 that says `stated`."
    grade = Stager.from_pretrained("rules").stage(text).values.get("grade")
    assert grade is None or grade.detail == text.strip(" |\n")[-1:].join(("G", ""))
    assert Stager.from_pretrained("rules").stage("Breast carcinoma. Grade | of III")["grade"].label == "G1"


def test_what_grades_mean_is_no_grade():
    for text, grade in (("Prostate carcinoma. Grading: G1 well, G2 moderate, G3 poor.", None), ("Carcinoma, G2. G1 = well differentiated, G2 = moderately differentiated, G3 = poorly differentiated.", "G2")):
        found = Stager.from_pretrained("rules").stage(text).values.get("grade")
        assert (found and found.detail) == grade


def test_poorly_differentiated_clusters_are_no_grade():
    found = Stager.from_pretrained("rules").stage("Colon: adenocarcinoma with poorly differentiated clusters; well differentiated overall.")
    assert found["grade"].label == "G1"


@pytest.mark.parametrize("report, label", [("Breast: IDC, intermediate grade.", "G2"), ("Breast: IDC, high grade", "G3"), ("Cervix: SCC, G2.", "G2"), ("Pancreas: PDAC, poorly differentiated.", "G3")])
def test_abbreviated_cancers_have_grades(report, label):
    assert Stager.from_pretrained("rules").stage(report)["grade"].label == label


@pytest.mark.parametrize("report, label", [("Renal cell carcinoma. Fuhrman grade (for RCC; grades 1-4): 3", "G3"), ("Renal cell carcinoma. Fuhrman grade (grade 1-4): 2", "G2"), ("Kidney: renal cell carcinoma, Fuhrman grade 3-4", "G4")])
def test_a_scale_in_brackets_is_no_grade(report, label):
    assert GRAMMAR.read(report)["grade"].label == label


def test_the_patients_fitness_is_no_grade():
    assert GRAMMAR.read("ASA grade 3 patient. Adenocarcinoma, G1.")["grade"].label == "G1"
