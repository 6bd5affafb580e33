"Parts of one case, as laboratories send them again: what the joined report says, written by hand."
import pytest

from cancer_staging.reading.content import Origin, Report
from cancer_staging.reading.joined import amended_text, join_reports
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.messages import message_reports

REPORT = "A. Left breast, mastectomy: Invasive ductal carcinoma, grade 2, 2.4 cm.\nB. Left axillary lymph nodes: Metastatic carcinoma in 2 of 14 lymph nodes.\nPathologic stage: pT2 pN1a"


def part(text: str, day: str = "2024-03-01", corrected: bool = False) -> Report:
    return Report("m", text, "ok", None, "m.hl7", Origin(day, "4711", "S24-1"), corrected)


def message(*observations: tuple[str, str], day: str = "20240301", status: str = "F", kind: str = "TX") -> str:
    segments = [r"MSH|^~\&|LAB||||20240301||ORU^R01|1|P|2.5.1", "PID|1||4711", f"OBR|1||S24-1|11529-5^Surgical pathology^LN|||{day}||||||||||||||||||{status}"]
    return "\r".join([*segments, *(f"OBX|1|{kind}|{code}||{line}||||||{status}" for code, text in observations for line in text.split("\n"))]) + "\r"


def joined(*messages: str) -> Report:
    contents = message_reports("".join(messages).encode(), None, Limits())
    one, = join_reports(Report(f"m-{number}", content.text, "ok", None, "m.hl7", content.origin, content.corrected) for number, content in enumerate(contents, 1))
    return one


DIAGNOSIS, ADDENDUM, GROSS, HER2 = "22637-3^Path report.final diagnosis^LN", "22639-9^Path report.supplemental reports^LN", "22634-0^Gross^LN", "85319-2^HER2 Ag by Immune stain^LN"


@pytest.mark.parametrize("again", [
    message((ADDENDUM, "ER positive (90%)."), status="C", day="20240305"),
    message((GROSS, "A left breast of 500 g."), status="C", day="20240305"),
    message((HER2, "^Positive (3+)^L"), status="C", day="20240305", kind="CWE"),
], ids=["addendum", "gross", "receptor"])
def test_a_correction_of_a_part_leaves_the_rest_of_the_report(again):
    assert joined(message((DIAGNOSIS, REPORT)), again).text.startswith(f"FINAL DIAGNOSIS:\n{REPORT}\n\nAMENDED REPORT")


def test_of_one_day_the_correction_is_the_later():
    corrected, first = message((DIAGNOSIS, "Colon: pT2."), status="C"), message((DIAGNOSIS, "Colon: pT3."))
    assert joined(corrected, first).text == joined(first, corrected).text == "FINAL DIAGNOSIS:\nColon: pT2."


def test_a_corrected_diagnosis_takes_the_place_of_the_first():
    again = message((DIAGNOSIS, "Left breast: benign."), (ADDENDUM, "Slides were mixed up."), status="C", day="20240305")
    assert joined(message((DIAGNOSIS, REPORT)), again).text == "FINAL DIAGNOSIS:\nLeft breast: benign.\n\nADDENDUM:\nSlides were mixed up."


@pytest.mark.parametrize("opening", ["AMENDED REPORT\n", "FINAL DIAGNOSIS:\nAMENDED REPORT: stage corrected.\n", "CORRECTED REPORT - see comment\n", "Surgical pathology, amended report:\n"])
def test_a_report_that_calls_itself_amended_and_tells_the_whole_again_replaces(opening):
    again = opening + REPORT.replace("pT2", "pT1c")
    assert amended_text([part(REPORT), part(again, "2024-03-05")]) == again


@pytest.mark.parametrize("later", ["AMENDED REPORT\nHER2: positive (3+)", "ADDENDUM\n" + REPORT.replace("pT2", "pT1c"), "FINAL DIAGNOSIS:\nRight breast: benign."])
def test_what_tells_only_a_part_is_added(later):
    assert amended_text([part(REPORT), part(later, "2024-03-05")]) == f"{REPORT}\n\nAMENDED REPORT 2024-03-05:\n{later}"


def test_addenda_that_are_marked_as_corrections_are_all_kept():
    addenda = [part(f"ADDENDUM {number}: {words}", f"2024-03-0{number}", True) for number, words in ((2, "ER positive."), (3, "PR negative."))]
    assert amended_text([part(REPORT), *addenda]) == f"{REPORT}\n\nAMENDED REPORT 2024-03-02:\nADDENDUM 2: ER positive.\n\nAMENDED REPORT 2024-03-03:\nADDENDUM 3: PR negative."
