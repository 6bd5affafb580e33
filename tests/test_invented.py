"Values of short answers that their text does not hold: what is flagged, what must not be, and where the flag stands."
import pytest

from cancer_staging.writing.invented import invented_values, VALUE_FORMS

BREAST = "Left breast, mastectomy: Invasive ductal carcinoma, moderately differentiated, 2.3 x 1.5 cm. Two of fourteen lymph nodes. ER: positive (95%), PR negative. pT2 pN1a MX. Stage IIB."


def flagged(answer: str, text: str, question: str = "") -> list[str]:
    return [statement.text for statement in invented_values(answer, text, question)]


@pytest.mark.parametrize("answer, text", [
    ("grade 1", BREAST), ("grade 3", BREAST), ("high grade", BREAST), ("well differentiated", BREAST), ("poorly differentiated", BREAST), ("G4", "Fuhrman nuclear grade 3, tumor of 4 cm"),
    ("Gleason 3+4=7", "Gleason score 4+3=7"), ("Gleason 9", "Gleason score 4+3=7"), ("Gleason 3+4=7", "3 of 4 cores"),
    ("3.2 cm", BREAST), ("2.3 mm", BREAST), ("2.3 x 1.8 cm", BREAST), ("3 cm", "3 x 2 mm"),
    ("pT3", BREAST), ("pT2a", BREAST), ("N1b", BREAST), ("M0", BREAST), ("N0", "NO LYMPH NODES WERE FOUND"), ("N0", "There is no tumor"), ("T1", "Block T12"),
    ("Stage IIA", BREAST), ("Stage III", BREAST), ("Stage II", "type II collagen"),
    ("ER negative", BREAST), ("PR positive", "PR: negative. ER: positive"), ("HER2 positive", BREAST), ("HER2", BREAST),
    ("right", BREAST), ("bilateral", BREAST), ("midline", BREAST), ("bilateral", "LATERALITY: RIGHT"), ("kidney", BREAST), ("invasive lobular carcinoma", BREAST), ("squamous cell carcinoma", BREAST),
    ("2/15", BREAST), ("14/2", BREAST), ("80%", BREAST), ("undifferentiated", "moderately differentiated"), ("left", "")])
def test_what_the_text_does_not_hold_is_flagged(answer, text):
    assert flagged(answer, text) == [answer]


@pytest.mark.parametrize("answer, text", [
    ("grade 2", "Fuhrman grade II/IV"), ("grade 2", "G2, pT1"), ("grade II", "Histologic grade: 2"), ("grade 3", "GRADE lll"), ("grade 2", "moderately differentiated"), ("high grade", "High-grade urothelial carcinoma"),
    ("moderately to poorly differentiated", "MODERATE TO POORLY DIFFERENTIATED"), ("Gleason 4+3=7", "Gleason's score 4 + 3"), ("Gleason 7", "Gleason 4+3"), ("grade 2; moderately differentiated", "G2: Moderately differentiated"),
    ("2.3 cm", BREAST), ("23 mm", BREAST), ("2.3 x 1.5 cm", BREAST), ("1.5 cm", "measures l.5 em"), ("2.50 cm", "2,5 cm"), ("3 cm", "three cm"), ("3.5cm", "Size: 3.5"),
    ("pT2", BREAST), ("T2", BREAST), ("pT2", "T2 N0"), ("T2", "pT2a"), ("pN1a", BREAST), ("N0", "pT3a NO MX"), ("pN0", "pT3pNOpMX"), ("pT1a", "at least pTla"), ("pNX", "Regional lymph nodes (pN): Cannot be assessed"), ("N1mi", "pN1 mi"),
    ("Stage IIB", BREAST), ("Stage II", BREAST), ("Stage IVA", "AJCC stage IV A"), ("Stage 2", "STAGE: II"),
    ("ER positive", BREAST), ("ER+", BREAST), ("PR-", BREAST), ("ER positive; PR positive", "positive for estrogen and progesterone receptors"), ("HER2 negative", "c-erbB-2: not overexpressed"), ("ER negative", "ER (-)"), ("estrogen receptor positive", "ER POSITIVE"),
    ("left", "LT. BREAST"), ("bilateral", "right and left ovary"), ("left", BREAST), ("Breast", BREAST), ("IDC", BREAST), ("invasive ductal carcinoma", "IDC, 2 cm"), ("squamous cell carcinoma", "squamouscell carcinorna"),
    ("hemorrhage", "haemorrhages"), ("2/14", BREAST), ("2 of 14", "(2/14)"), ("95%", BREAST), ("Not relevant", BREAST), ("n/a", ""), ("", BREAST), (";", BREAST)])
def test_what_the_text_holds_in_its_own_form_is_not(answer, text):
    assert flagged(answer, text) == []


def test_each_value_is_judged_by_itself_and_found_in_the_answer():
    answer = "pT2; pN2b ; MX; Stage IV"
    found = invented_values(answer, BREAST)
    assert [(statement.text, answer[statement.start:statement.end]) for statement in found] == [("pN2b", "pN2b"), ("Stage IV", "Stage IV")]
    assert found[0].kinds == ("number",) and "pn2b" in found[0].reason
    assert [statement.kinds for statement in invented_values("lobular carcinoma, grade 4", BREAST)] == [("number", "words")]


def test_words_of_the_question_need_no_support():
    assert flagged("The tumor size is 2.3 cm", BREAST) and not flagged("The tumor size is 2.3 cm", BREAST, "What is the tumor size?")


def test_no_form_stands_for_two_sides_or_receptors():
    for group in (("er", "pr", "her2"), ("left", "right", "bilateral", "midline")):
        forms = [form for value in group for form in VALUE_FORMS[value]]
        assert len(forms) == len(set(forms))
