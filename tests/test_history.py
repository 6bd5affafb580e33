"A history's tumour is not this one: what a report says of an earlier tumour is no value of its row."
import pytest

from cancer_staging import Stager

RULES = Stager.from_pretrained("rules")
HISTORIES = ("Left breast carcinoma in 2015, pT3 N2 M0, grade 3, ER negative.", "Prostate cancer, Gleason 4+4=8, pT3b N1.", "Previous rectal adenocarcinoma pT3 N1, poorly differentiated (2019).")
ADENOMA = "Colon, sigmoid, biopsy: tubular adenoma. No malignancy."
CANCER = "Colon, sigmoid, resection: Adenocarcinoma, moderately differentiated, invading into submucosa, pT1. 0 of 12 lymph nodes, pN0."


def written(history: str, diagnosis: str, last: bool) -> str:
    sections = [f"CLINICAL HISTORY:\n{history}", f"FINAL DIAGNOSIS:\n{diagnosis}"]
    return "\n\n".join(sections[::-1] if last else sections)


@pytest.mark.parametrize("last", (False, True), ids=("first", "last"))
@pytest.mark.parametrize("history", HISTORIES)
def test_a_benign_report_gets_no_stage_from_its_history(history, last):
    staged = RULES.stage(written(history, ADENOMA, last))
    assert staged["behavior"].label == "0" and staged["site"].detail == "C18.7"
    assert not {"t", "n", "m", "stage_group", "grade", "er", "laterality"} & set(staged.values)


@pytest.mark.parametrize("last", (False, True), ids=("first", "last"))
@pytest.mark.parametrize("history", HISTORIES)
def test_this_tumour_keeps_its_own_values(history, last):
    staged = RULES.stage(written(history, CANCER, last))
    assert {name: value.detail for name, value in staged.values.items() if name in ("t", "n", "m", "stage_group", "grade", "site", "histology", "er", "laterality")} == {
        "t": "pT1", "n": "pN0", "stage_group": "I", "grade": "G2", "site": "C18.7", "histology": "8140/3"}


def test_a_history_without_a_year_speaks_of_this_tumour():
    "The core biopsy that led to the operation is told in many a history."
    staged = RULES.stage("CLINICAL HISTORY: Right breast carcinoma, ER positive on core biopsy.\nFINAL DIAGNOSIS:\nRight breast, lumpectomy: invasive ductal carcinoma, pT1c.")
    assert (staged["er"].label, staged["laterality"].label, staged["t"].detail) == ("positive", "right", "pT1c")
