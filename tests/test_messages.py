"HL7 version 2: messages written by hand after the standard and NAACCR Volume V, with the texts and origins that they must give."
import base64
import logging

import pytest

from cancer_staging import Stager
from cancer_staging.reading.content import Content, Origin
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.messages import message_reports
from cancer_staging.reading.segments import is_messages
from cancer_staging.runs import ReadError

HEADER = r"MSH|^~\&|LAB^05D0000000^CLIA|HOSP|EMARC|STATE|20240302101500-0500||ORU^R01^ORU_R01|{}|P|2.5.1"
PATIENT = "PID|1||0815^^^LAB^PI~4711^^^HOSP^MR||Doe^Jane||19500101|F"
ORDER = "OBR|{}|P-9^EHR|{}^LAB|{}|||20240228||||||||||||||||20240301120000|||{}".replace("||||||||||||||||20240301", "|||||||||||||||20240301")


def message(*segments: str, number: str = "1", end: str = "\r") -> str:
    return end.join([HEADER.format(number), PATIENT, *segments]) + end


def order(number: str = "S24-1", asked: str = "11529-5^Surgical pathology study^LN", status: str = "F", place: int = 1) -> str:
    return ORDER.format(place, number, asked, status)


def obx(asked: str, value: str, kind: str = "TX", sub_id: str = "", status: str = "F", unit: str = "") -> str:
    return f"OBX|1|{kind}|{asked}|{sub_id}|{value}|{unit}|||||{status}|||20240301"


def dx(value: str, **other: str) -> str:
    return obx("22637-3^Path report.final diagnosis^LN", value, **other)


def refused(data: bytes, media: str) -> str:
    raise ReadError("no reader for it")


def read(text: str | bytes, attached=refused) -> list[Content]:
    return list(message_reports(text.encode() if isinstance(text, str) else text, attached, Limits()))


def only(*segments: str, attached=refused) -> Content:
    content, = read(message(*segments), attached)
    return content


@pytest.fixture(scope="module")
def stager() -> Stager:
    return Stager.from_pretrained("rules")


def labels(stager: Stager, content: Content) -> dict[str, str]:
    return {name: value.label for name, value in stager.stage(content.text).values.items() if value.label is not None}


# Files: framing, batches, characters


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_any_line_end(end):
    content, = read(message(order(), dx("Colon: adenocarcinoma, pT3."), end=end))
    assert content == Content("FINAL DIAGNOSIS:\nColon: adenocarcinoma, pT3.", origin=Origin("2024-03-01", "4711", "S24-1"))


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_with_and_without_a_byte_order_mark(codec):
    data = message(order(), dx("Stück: pT2 ≤ 5 cm")).encode(codec)
    assert is_messages(data[:4096])
    assert [content.text for content in read(data)] == ["FINAL DIAGNOSIS:\nStück: pT2 ≤ 5 cm"]


@pytest.mark.parametrize("declared, codec, word", [("8859/1", "latin-1", "Müller"), ("8859/2", "iso8859_2", "Łódź"), ("8859/5", "iso8859_5", "рак"), ("", "cp1252", "Größe “2 cm”"), ("8859/1", "utf-8", "Größe"), ("GB 18030-2000", "gb18030", "癌症"), ("BIG-5", "big5", "功能"), ("~ISO IR87", "iso2022_jp", "腺癌"), ("NONSENSE", "utf-8", "é")])
def test_the_characters_that_msh_18_names(declared, codec, word):
    text = message(order(), dx(word)).replace("|P|2.5.1\r", f"|P|2.5.1||||||{declared}\r")
    assert [content.text for content in read(text.encode(codec))] == [f"FINAL DIAGNOSIS:\n{word}"]


def test_a_batch_with_a_damaged_message_keeps_the_others():
    batch = "FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r" + message(order("S1"), dx("pT1")) + "MSH|^^^^|LAB|\rOBX|1|TX|X||lost\r" + message(order("S2"), dx("pT2"))[:80] + "\r" + message(order("S3"), dx("pT3")) + "BTS|4\rFTS|1\r"
    contents = read(batch)
    assert [(content.text, content.origin.accession) for content in contents] == [("FINAL DIAGNOSIS:\npT1", "S1"), ("", None), ("", None), ("FINAL DIAGNOSIS:\npT3", "S3")]
    assert "header (MSH) does not tell its delimiters apart: get the message again" in contents[1].problem and "breaks off" in contents[2].problem


def test_messages_one_after_the_other_and_framed():
    framed = "".join(f"\x0b{message(order(f'S{number}'), dx('pT1'))}\x1c\r" for number in (1, 2, 3))
    assert is_messages(framed.encode()[:100])
    assert [content.origin.accession for content in read(framed)] == ["S1", "S2", "S3"]
    assert [content.origin.accession for content in read("\n\n".join(message(order(f"S{number}"), dx("pT1"), end="\n") for number in (1, 2)))] == ["S1", "S2"]


def test_messages_without_results_give_nothing_and_a_file_of_them_a_problem():
    admission = message("EVN|A01").replace("ORU^R01^ORU_R01", "ADT^A01") + message("OBX|1|NM|8302-2^Height^LN||170|cm").replace("ORU^R01^ORU_R01", "ADT^A01")
    request = message(order()).replace("ORU^R01^ORU_R01", "ORM^O01")
    assert [content.text for content in read(admission + message(order(), dx("pT1")) + request)] == ["FINAL DIAGNOSIS:\npT1"]
    assert [content.problem for content in read(admission + request)] == ["the file holds only messages without results, such as ACK or ADT: give messages of type ORU"]
    assert "no HL7 message" in read("FINAL DIAGNOSIS: pT2")[0].problem and "no HL7 message" in read(b"")[0].problem


def test_other_delimiters():
    text = "MSH$%*!@$LAB$$$$20240302$$ORU%R01$1$P$2.3\rPID$1$0815$\rOBR$1$$S1%LAB$X\rOBX$1$FT$22637-3%Dx%LN$$a | b ^ c~d!.br!e!T!f!F!g*h$$$$$$F\r"
    content, = read(text)
    assert content == Content("FINAL DIAGNOSIS:\na | b ^ c~d\ne@f$g\nh", origin=Origin("2024-03-02", "0815", "S1"))


@pytest.mark.parametrize("head, told", [(b"MSH2: retained", False), (b"MSH-2 and MSH-6 are retained", False), (b"MSH", False), (b"\n\x0bMSH|^~\\&|", True), (b"BHS|^~\\&|", True), (b"MSH#^~\\&#LAB", True)])
def test_what_begins_like_messages(head, told):
    assert is_messages(head) is told


# Narrative


def test_narrative_lines_repetitions_and_escapes():
    content = only(order(), dx(r"Colon, resection:\.br\  - Adenocarcinoma \T\ polyp^s~pT3 \H\pN1\N\ (2\F\17)\X0D0A\path C:\dir\ \E\ \R\\.sp2\M0 \XC2B5\ \Zx\ end\.in+4\.", kind="FT"), dx("second line"))
    assert content.text == "FINAL DIAGNOSIS:\nColon, resection:\n  - Adenocarcinoma & polyp^s\npT3 pN1 (2|17)\npath C:\\dir\\ \\ ~\n\nM0 µ \\Zx\\ end .\nsecond line"


def test_formatting_never_splits_a_word():
    assert only(order(), dx(r"p\H\T\N\2 2\.fi\.5 c\.nf\m", kind="FT")).text == "FINAL DIAGNOSIS:\npT2 2.5 cm"


def test_raw_line_breaks_belong_to_the_text():
    for end in ("\r", "\n", "\r\n"):
        content, = read(message(order(), f"OBX|1|TX|22637-3||Breast:{end}IDC{end}HER2{end}{end}{end}{end}pT1c||||||F", dx("pN0"), end=end))
        assert content.text == "FINAL DIAGNOSIS:\nBreast:\nIDC\nHER2\n\npT1c\npN0"


def test_value_types_that_hold_text_all_the_same():
    content = only(order(), dx("one", kind=""), dx("two & ^ three", kind="ST"), dx("1^Infiltrating carcinoma^L", kind="CE"), dx("text, longer than any number", kind="NM"))
    assert content.text == "FINAL DIAGNOSIS:\none\ntwo & ^ three\nInfiltrating carcinoma\ntext, longer than any number"


# Sections


def test_sections_by_code_alternate_code_order_and_name():
    content = only(
        order(), obx("22636-5^Path report.relevant Hx^LN", "lump, 2 cm"), obx("GR^Local^L^22634-0^Gross^LN", "a piece"), obx("MIC^Microscopic^L", "ducts"), obx("22638-1", "see above"),
        order(asked="22639-9^Supplemental reports^LN"), obx("TXT^Text^L", "ER added"),
    )
    assert content.text == "CLINICAL HISTORY:\nlump, 2 cm\n\nGROSS DESCRIPTION:\na piece\n\nMICROSCOPIC DESCRIPTION:\nducts\n\nCOMMENT:\nsee above\n\nADDENDUM:\nER added"


def test_a_text_of_no_known_kind_does_not_belong_to_the_history():
    assert only(order(), obx("22636-5", "lump, 2 cm"), obx("&GDT", "Benign.")).text == "CLINICAL HISTORY:\nlump, 2 cm\n\nREPORT:\nBenign."


def test_specimens_by_sub_id_segment_and_source():
    sent = [obx("22633-2^Nature of specimen^LN", "left breast", sub_id="1"), obx("22633-2^Nature of specimen^LN", "node", sub_id="2"), dx("1. carcinoma", sub_id="1"), dx("2. free", sub_id="2")]
    assert only(order(), *sent, "SPM|1|||TISS^Tissue").text == "SPECIMEN:\nleft breast\nnode\n\nFINAL DIAGNOSIS:\n1. carcinoma\n2. free"
    segments = ["SPM|1|^S24-1-A||TISS^Tissue||||80248007^Breast^SCT|7771000^Left^SCT", "SPM|2|^S24-1-B||||||||||||sentinel node"]
    assert only(order(), dx("carcinoma"), *segments).text == "SPECIMEN:\n1. Breast, Left, Tissue\n2. sentinel node\n\nFINAL DIAGNOSIS:\ncarcinoma"
    old = "OBR|{}||S91-1700|X|||20040720||||||||{}"
    content, = read("MSH|^~\\&|LAB||||20040801||ORU^R01|1|P|2.3\rPID|1|777\r" + old.format(1, "^left breast mass") + "\rOBX|1|TX|22637-3||carcinoma||||||F\r" + old.format(2, "TISS&Skin&L^^^ARM&Arm&L") + "\rOBX|1|TX|22637-3||naevus||||||F\r")
    assert content.text == "SPECIMEN:\n1. left breast mass\n\nFINAL DIAGNOSIS:\ncarcinoma\n\nSPECIMEN:\n2. Skin, Arm\n\nFINAL DIAGNOSIS:\nnaevus"
    assert content.origin == Origin("2004-07-20", "777", "S91-1700")


def test_remarks_are_comments_and_those_of_a_history_are_history():
    content = only("NTE|1||of the patient", order(), "NTE|1|L|of the order", obx("22636-5", "lump, 2 cm"), "NTE|1|L|pT3, in 2015", dx("benign"), "NTE|1|L|line one~line two", "NTE|2|L|three")
    assert content.text == "COMMENT:\nof the order\n\nCLINICAL HISTORY:\nlump, 2 cm\n\npT3, in 2015\n\nFINAL DIAGNOSIS:\nbenign\n\nCOMMENT:\nline one\nline two\nthree"


# Reports and their origins


def test_orders_of_one_number_are_one_report():
    contents = read(message(order("S1"), dx("pT1"), order("S2", place=2), dx("pT2"), order("S1", place=3), obx("22638-1", "of S1"), "OBR|4|P-9||X", dx("also of S1")))
    assert [(content.text, content.origin.accession) for content in contents] == [("FINAL DIAGNOSIS:\npT1\n\nCOMMENT:\nof S1\n\nFINAL DIAGNOSIS:\nalso of S1", "S1"), ("FINAL DIAGNOSIS:\npT2", "S2")]
    assert [content.origin.accession for content in read(message("OBR|1|P-1||X", dx("pT1"), "OBR|2|P-2||X", dx("pT2"), "OBR|3|||X", dx("also of P-2")))] == ["P-1", "P-2"]


@pytest.mark.parametrize("segments, number", [
    (["ORC|RE|P1|F1^LAB", "OBR|1|P1||X"], "F1"),
    (["ORC|RE|P1|F1", "OBR|1|P1|F2^LAB|X"], "F2"),
    (["OBR|1|P1||X||||||||||||||||F3"], "F3"),
    (["OBR|1|P1^EHR||X", "SPM|1|P1&EHR^F4&LAB"], "F4"),
    (["OBR|1|P1^EHR||X"], "P1"),
    ([], None),
])
def test_the_number_of_a_case(segments, number):
    assert only(*segments[:2], dx("pT1")).origin.accession == number


@pytest.mark.parametrize("patient, number", [("PID|1||0815^^^LAB^PI~4711^^^HOSP^MR", "4711"), ("PID|1||0815^^^LAB^PI~4711", "0815"), ("PID|1|77|", "77"), ("PID|1||^^^HOSP^MR", None), ("PV1|1", None)])
def test_the_number_of_a_patient(patient, number):
    content, = read(message(order(), dx("pT1")).replace(PATIENT, patient))
    assert content.origin.patient_id == number


@pytest.mark.parametrize("segments, day", [
    (["OBR|1||S1|X|||20240228|||||||||||||||20240301120000-0500"], "2024-03-01"),
    (["OBR|1||S1|X|||202402281530"], "2024-02-28"),
    (["OBR|1||S1|X", "SPM|1|||TISS|||||||||||||20240227"], "2024-02-27"),
    (["OBR|1||S1|X|||soon"], "2024-03-02"),
])
def test_the_date_of_a_report(segments, day):
    assert only(*segments, dx("pT1")).origin.report_date == day


# Status


def test_a_corrected_result_takes_the_place_of_the_earlier(stager):
    content = only(order(status="C"), dx("Left breast: carcinoma, pT2."), dx("pN0."), obx("22638-1", "as before"), dx("Left breast: carcinoma, pT1c.", status="C"), dx("pN1a.", status="C"))
    assert content.text == "COMMENT:\nas before\n\nFINAL DIAGNOSIS:\nLeft breast: carcinoma, pT1c.\npN1a." and content.corrected
    assert labels(stager, content).items() >= {"t": "T1", "n": "N1"}.items()


def test_corrections_keep_to_their_specimen_and_question():
    content = only(order(), dx("A: pT2", sub_id="1"), dx("B: pT1", sub_id="2"), obx("22634-0", "gross"), dx("A: pT3", sub_id="1", status="C"))
    assert content.text == "FINAL DIAGNOSIS:\nB: pT1\n\nGROSS DESCRIPTION:\ngross\n\nFINAL DIAGNOSIS:\nA: pT3" and not content.corrected
    assert only(order(), dx("pT1", status="C")).corrected


def test_other_statuses():
    content = only(order(), dx("pT1", status="P"), obx("22638-1", "draft", status="P"), dx("pT2"), obx("22634-0", "wrong"), obx("22634-0", "", status="W"), obx("22635-7", "pending", status="I"), obx("22639-9", "ordered", status="O"))
    assert (content.text, content.note) == ("COMMENT:\ndraft\n\nFINAL DIAGNOSIS:\npT2", "the result is preliminary")
    taken_back = only(order(), dx("pT1"), dx("", status="D"))
    assert (taken_back.text, taken_back.problem) == ("", None) and "taken back" in taken_back.note
    assert "no result yet" in only(order(), dx("", status="I")).note and "empty" in only(order(), dx("")).note


# Synoptic answers and receptors

FORM = [
    obx("60573-3^Report template source^LN", "CAP Cancer Protocols", kind="ST"),
    obx("60572-5^Report template ID^LN", "189.1^INVASIVE CARCINOMA OF THE BREAST: Resection^CAPECC", kind="CWE"),
    obx("60574-1^Report template version ID^LN", "4.010.001.REL", kind="ST"),
    obx("1^Specimen Laterality^CAPECC", "2^Right^CAPECC", kind="CWE"),
    obx("3^Histologic Type (Note B)^CAPECC", "4^Invasive lobular carcinoma^CAPECC^89740008^LOBULAR CARCINOMA^SCT", kind="CWE"),
    obx("5^Overall Grade^CAPECC", "6^Grade 2 (scores of 6 or 7)^CAPECC", kind="CWE"),
    obx("7^Tumor Size^CAPECC", "8^Greatest dimension of largest invasive focus greater than 1 mm (specify exact measurement in Millimeters (mm))^CAPECC", kind="CWE"),
    obx("7^Tumor Size^CAPECC", "17", kind="NM", unit="mm^millimeter^UCUM"),
    obx("9^Number of Lymph Nodes with Macrometastases (greater than 2 mm)^CAPECC", "1", kind="NM"),
    obx("10^Total Number of Lymph Nodes Examined (sentinel and non-sentinel)^CAPECC", "3", kind="NM"),
    obx("11^Primary Tumor (pT) (Note K)^CAPECC", "12^pT1c: Tumor > 10 mm but <= 20 mm in greatest dimension^CAPECC", kind="CWE"),
    obx("13^Regional Lymph Nodes (pN)^CAPECC", "14^pN1a: Metastases in 1-3 axillary lymph nodes, at least one metastasis larger than 2.0 mm^CAPECC", kind="CWE"),
    obx("15^Estrogen Receptor (ER) Status^CAPECC", "16^Positive (greater than 10% of cells demonstrate nuclear positivity)^CAPECC", kind="CWE"),
    obx("17^HER2 (by immunohistochemistry)^CAPECC", "18^Negative (Score 1+)^CAPECC", kind="CWE"),
    obx("19^Ki-67 Percentage of Positive Nuclei^CAPECC", "18", kind="NM", unit="%"),
    obx("20^Additional Findings^CAPECC", "21^Other (specify)^CAPECC~22^Fibrosis^CAPECC", kind="CWE"),
    obx("20^Additional Findings^CAPECC", "radial scar", kind="ST"),
    obx("23^Perineural Invasion^CAPECC", "", kind="CWE"),
]


def test_a_synoptic_form_is_staged_without_its_definitions(stager):
    content = only(order(asked="60568-3^Pathology Synoptic report^LN"), *FORM)
    assert content.text == (
        "SYNOPTIC REPORT:\nINVASIVE CARCINOMA OF THE BREAST: Resection\nSpecimen Laterality: Right\nHistologic Type: Invasive lobular carcinoma\nOverall Grade: Grade 2\n"
        "Tumor Size: Greatest dimension of largest invasive focus: 17 mm\nNumber of Lymph Nodes with Macrometastases: 1\nTotal Number of Lymph Nodes Examined (sentinel and non-sentinel): 3\n"
        "Primary Tumor (pT): pT1c\nRegional Lymph Nodes (pN): pN1a\nEstrogen Receptor (ER) Status: Positive\nHER2 (by immunohistochemistry): Negative (Score 1+)\n"
        "Ki-67 Percentage of Positive Nuclei: 18%\nAdditional Findings: Other; Fibrosis: radial scar"
    )
    wanted = {"t": "T1", "n": "N1", "grade": "G2", "tumor_size_mm": "17", "nodes_positive": "1", "nodes_examined": "3", "er": "positive", "her2": "negative", "ki67": "18", "laterality": "right"}
    assert labels(stager, content).items() >= wanted.items()


def test_answers_under_a_synoptic_order_of_any_coding_system():
    content = only(order(asked="60568-3^Synoptic^LN"), obx("T1^Tumor Size^L", "2.3", kind="NM", unit="cm"), obx("T2^Margins^L", "Uninvolved", kind="ST"), obx("T3^Invasion^L", ">^1", kind="SN", unit="mm"), obx("T4^Distance^L", "1^-^10", kind="SN", unit="mm"), obx("T5^Deposits^L", "^^^C^None^L", kind="CE"))
    assert content.text == "SYNOPTIC REPORT:\nTumor Size: 2.3 cm\nMargins: Uninvolved\nInvasion: >1 mm\nDistance: 1-10 mm\nDeposits: None"


def test_a_synoptic_text_stays_a_text():
    assert only(order(asked="60568-3^Synoptic^LN"), obx("SYN^Synoptic report^L", "Tumor size: 2 cm"), obx("SYN^Synoptic report^L", "pT1c")).text == "SYNOPTIC REPORT:\nTumor size: 2 cm\npT1c"


def test_coded_receptors_beside_the_narrative(stager):
    content = only(
        order(), dx("Left breast, core biopsy: invasive ductal carcinoma."),
        obx("85337-4^Estrogen receptor Ag [Presence] in Breast cancer specimen by Immune stain^LN", "10828004^Positive^SCT", kind="CE"), obx("85339-0^PR STATUS^LN", "260385009^Negative^SCT", kind="CWE"),
        obx("85319-2", "^2+", kind="CE"), obx("85318-4", "1^Negative^SCT", kind="CE"), obx("85330-9", "15", kind="NM", unit="%"),
    )
    assert content.text.endswith("\n\nRESULTS:\nEstrogen receptor (ER): Positive\nPR STATUS: Negative\nHER2 (IHC): 2+\nHER2 (FISH): Negative\nKi-67: 15%")
    assert labels(stager, content).items() >= {"er": "positive", "pr": "negative", "her2": "negative", "ki67": "15"}.items()


# Attached documents


@pytest.mark.parametrize("value, media", [("^application^pdf^Base64^{}", "application/pdf"), ("^AP^PDF^Base64^{}", "application/pdf"), ("LAB^AP^^Base64^{}", "application/pdf"), ("PDF^^^Base64^{}", "application/pdf"), ("{}", "application/pdf")])
def test_an_attached_pdf(value, media):
    given = []

    def attached(data: bytes, told: str) -> str:
        given.append((data, told))
        return "Colon: adenocarcinoma, pT3."

    packed = base64.b64encode(b"%PDF-1.7 made").decode()
    content = only(order(), obx("PDF^Report^L", value.format(packed[:10] + "\\.br\\" + packed[10:]), kind="ED" if "^" in value else "TX"), attached=attached)
    assert (content.text, given) == ("ATTACHED REPORT:\nColon: adenocarcinoma, pT3.", [(b"%PDF-1.7 made", media)])


@pytest.mark.parametrize("value, data, media", [
    ("^text^rtf^Base64^" + base64.b64encode(rb"{\rtf1 pT2}").decode(), rb"{\rtf1 pT2}", "application/rtf"),
    ("^text^html^A^<p>a \\T\\ b</p>", b"<p>a & b</p>", "text/html"),
    ("^TEXT^XML^A^<a/>", b"<a/>", "text/xml"),
    ("^TEXT^^A^pT2^N0", b"pT2^N0", "text/plain"),
    ("^text^plain^Hex^70 5432", b"pT2", "text/plain"),
    ("^IM^TIFF^Base64^SUkqAA==", b"II*\0", "image/tiff"),
])
def test_other_attached_documents(value, data, media):
    assert only(order(), obx("X", value, kind="ED"), attached=lambda given, told: f"{given!r} {told}").text == f"ATTACHED REPORT:\n{data!r} {media}"


def test_a_document_that_adds_nothing_is_left_out_and_one_that_fails_is_a_note():
    same = only(order(), dx("Colon: adenocarcinoma, pT3 N0."), obx("PDF", "^AP^PDF^Base64^JVBERi0x", kind="ED"), attached=lambda data, media: "Colon: adenocarcinoma,\npT3 N0.")
    assert (same.text, same.note) == ("FINAL DIAGNOSIS:\nColon: adenocarcinoma, pT3 N0.", None)
    more = only(order(), dx("Colon: adenocarcinoma."), obx("PDF", "^AP^PDF^Base64^JVBERi0x", kind="ED"), attached=lambda data, media: "Colon: adenocarcinoma, pT3 N0.")
    assert more.text == "FINAL DIAGNOSIS:\nColon: adenocarcinoma.\n\nATTACHED REPORT:\nColon: adenocarcinoma, pT3 N0."

    def broken(data: bytes, media: str) -> str:
        raise ValueError("secret text")

    documents = [obx("PDF", "^AP^PDF^Base64^JVBERi0x", kind="ED"), obx("PDF", "^AP^PDF^Base64^abcde", kind="ED", sub_id="2"), obx("P", "http://x", kind="RP")]
    assert only(order(), dx("pT1"), *documents).note == "an attached document was not read (no reader for it); an attached document was not read (an attached document is damaged: get the message again); a document that the message points to was not read: give it as a file"
    assert only(order(), dx("pT1"), *documents[:1], attached=broken).note == "an attached document was not read (ValueError)"
    alone = only(order(), documents[0])
    assert alone.text == "" and "no reader for it" in alone.problem


def test_no_more_than_a_hundred_documents_of_a_report_are_read():
    given = []
    content = only(order(), dx("pT1"), *[obx("PDF", "^AP^PDF^Base64^JVBERi0x", kind="ED")] * 150, attached=lambda data, media: given.append(data) or "pT1")
    assert (content.text, len(given)) == ("FINAL DIAGNOSIS:\npT1", 100) and "has 150 attached documents, only the first 100 were read" in content.note


# Staged


def test_the_tumor_of_a_history_is_not_this_one(stager):
    history = "Breast carcinoma, pT3 N2, 2015. FINAL DIAGNOSIS: carcinoma, pT3.\\.br\\Prior biopsy: grade 3"
    content = only(order(), obx("22636-5", history), dx("Left breast: ductal carcinoma, pT1c pN0."))
    assert labels(stager, content).items() >= {"t": "T1", "n": "N0"}.items() and "grade" not in labels(stager, content)


def test_a_benign_report_after_a_cancer_has_no_stage(stager):
    content = only(order(), obx("22636-5", "Breast carcinoma, pT3 N2, 2015."), dx("Left breast: benign fibroadenoma."))
    assert not labels(stager, content).keys() & {"t", "n", "stage_group"}


def test_two_accessions_in_one_message_are_staged_apart(stager):
    first, second = read(message(order("S1"), dx("Left breast: ductal carcinoma, pT1c."), order("S2"), dx("Colon: adenocarcinoma, pT3.")))
    assert (labels(stager, first)["t"], labels(stager, second)["t"]) == ("T1", "T3")


# Hostile


@pytest.mark.parametrize("text", [
    "", "MSH", "MSH|", "MSH\r", "MSH|^~\\&|", "MSH|^~\\&|\r\r\r", "MSH||||||||||", "MSH^^^^^^^", "MSHMSHMSH", "\0" * 1000, "FHS|^~\\&|\r", "OBX|1|TX|22637-3||pT1",
    message("OBX"), message("OBX|"), message("OBX|1|SN|^^^||^^^^|^|||||^"), message("OBR", dx("\\X" * 1000)), message(order("^^^"), dx("\\" * 1001)), message("SPM|||", "NTE|", "PID"), message("PID|||~~~^^^", order(), dx("~~~")),
    message(order(), obx("^^^^^^^^^", "^^^^^^^^^", kind="CWE")), message(order(), obx("", "^^^^", kind="ED")), message(order(), obx("", "", kind="RP")), message(order(), dx("a\0b")),
])
def test_what_is_broken_is_said_and_never_raised(text):
    contents = read(text)
    assert contents and all(content.text or content.problem or content.note for content in contents)


def test_lone_surrogates_and_wild_bytes():
    sent = message(order(), dx("a@b")).encode()
    assert [content.text for content in read(sent.replace(b"@", "\ud800".encode("utf-8", "surrogatepass")))][0].startswith("FINAL DIAGNOSIS:\na")
    for content in read(sent.replace(b"@", bytes(range(128, 256)))):
        content.text.encode()


@pytest.mark.parametrize("text", [
    message(order(), dx("word " * 400_000)),
    message(order(), obx("22636-5", "word. Label: " * 150_000)),
    message(order(), *[dx(str(number)) for number in range(20_000)]),
    message(order(), *[obx(f"Q{number}^Question^L", f"{number}^answer^L", kind="CWE") for number in range(3_000)]),
    message(order(), *[obx("Q^Question^L", f"{number}^a^L", kind="CWE", status="C" if number % 2 else "F") for number in range(5_000)]),
    message(order(), dx("a~" * 100_000)),
    message(order(), dx("1^a~" * 100_000, kind="CWE")),
    message(order(), dx("\\X41" * 100_000, kind="FT")),
    message(order(), dx("\\X41\\" * 100_000, kind="FT")),
    message(order(), dx("\\" * 300_001, kind="FT")),
    message(*["OBR|1||S1|X"] * 20_000, dx("a")),
    "MSH|\r" * 20_000,
    "MSH|^~\\&|" + "|" * 300_000,
    " \t" * 300_000 + "MSH|",
    message("\r" * 300_000),
], ids=range(15))
def test_large_messages_cost_no_more_than_their_size(text):
    assert sum(len(content.text) + len(content.problem or "") + len(content.note or "") for content in read(text)) < 20 * len(text) + 1_000


@pytest.mark.parametrize("answer, line", [
    ("2167^Other (specify)^CAPECC^^^^^^Descending colon", "Tumor Site: Descending colon"),
    ("2167^Cannot be determined (explain)^CAPECC^^^^^^crushed", "Tumor Site: Cannot be determined: crushed"),
    ("2167^Other (specify)^CAPECC^^^^^^Other: hilum", "Tumor Site: Other: hilum"),
    ("2167^Cecum^CAPECC^^^^^^Cecum: proximal to the ascending colon", "Tumor Site: Cecum"),
])
def test_what_was_filled_in_behind_an_answer(answer, line):
    assert only(order(), obx("2166^Tumor Site^CAPECC", answer, kind="CWE")).text == f"SYNOPTIC REPORT:\n{line}"


@pytest.mark.parametrize("text", ["ER | positive | 95%", "| a |", "a|||b||||||c", "pT2|F|pN1"])
def test_field_separators_that_were_not_escaped(text):
    assert only(order(), dx("first"), dx(text), dx("last")).text == f"FINAL DIAGNOSIS:\nfirst\n{text}\nlast"


def test_a_text_without_a_status_and_with_other_fields():
    assert only(order(), "OBX|1|TX|22637-3||Colon: pT3.||||||||20240301||LAB^F").text == "FINAL DIAGNOSIS:\nColon: pT3."


def test_a_conclusion_behind_the_macroscopy_is_the_diagnosis(stager):
    content = only(order(), obx("MAKRO^Macroscopy^L", "A colon with a tumor."), obx("BEG^Critical report^L", "Adenocarcinoma, pT3, pN1b (2/24)."))
    assert content.text == "GROSS DESCRIPTION:\nA colon with a tumor.\n\nFINAL DIAGNOSIS:\nAdenocarcinoma, pT3, pN1b (2/24)."
    assert (labels(stager, content)["nodes_positive"], labels(stager, content)["nodes_examined"]) == ("2", "24")


def test_an_impression_is_the_diagnosis_and_a_clinical_one_the_history():
    content = only(order(), obx("IMP^Impression^L", "Colon: adenocarcinoma."), obx("CI^Clinical Impression^L", "Cancer of the rectum?"))
    assert content.text == "FINAL DIAGNOSIS:\nColon: adenocarcinoma.\n\nCLINICAL HISTORY:\nCancer of the rectum?"


def test_a_document_with_the_same_words_adds_only_the_others():
    def held(data: bytes, media: str) -> str:
        return "FINAL DIAGNOSIS:\nMetastatic carcinoma in 1 of 3 nodes.\npT2\nCOMMENT:\nReceptors by immunohistochemistry, all controls work.\nER: positive, 90 percent"

    content = only(order(), dx("Metastatic carcinoma in 1 of 3 nodes."), obx("PDF^Report^L", "^Application^PDF^Base64^JVBERi0=", kind="ED"), attached=held)
    assert content.text == "FINAL DIAGNOSIS:\nMetastatic carcinoma in 1 of 3 nodes.\n\nATTACHED REPORT:\nFINAL DIAGNOSIS:\npT2\nCOMMENT:\nReceptors by immunohistochemistry, all controls work.\nER: positive, 90 percent"


def test_words_of_a_history_are_not_taken_from_a_document():
    content = only(order(), obx("22636-5", "Prior colon cancer pT3 pN1 G2."), obx("PDF^Report^L", "^Application^PDF^Base64^JVBERi0=", kind="ED"), attached=lambda data, media: "Rectum: adenocarcinoma of the wall\npT3 pN1 G2")
    assert content.text.endswith("ATTACHED REPORT:\nRectum: adenocarcinoma of the wall\npT3 pN1 G2")


def test_nothing_of_a_report_is_logged(caplog):
    with caplog.at_level(logging.DEBUG):
        read(message(order("\\Zsecret\\"), obx("\\Zsecret\\^\\.spx\\", "\\Zsecret\\^\\Xzz\\", kind="CWE"), dx("\\Zsecret\\ \\.spx\\", kind="FT")))
    assert caplog.text == ""
