"CDA documents and NAACCR XML written by hand as their standards have them, and what their reports are."
import base64
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging import Stager
from cancer_staging.reading.clinical_xml import cda_reports, naaccr_reports, xml_kind
from cancer_staging.reading.content import Content, Origin
from cancer_staging.reading.limits import Limits
from cancer_staging.runs import ReadError


def attached(data: bytes, media_type: str) -> str:
    if media_type == "application/pdf":
        raise ReadError("the PDF is damaged: get it again from its source")
    return data.decode("utf-8", errors="replace")


def read(data: str | bytes) -> list[Content]:
    return list(cda_reports(data if isinstance(data, bytes) else data.encode(), attached, Limits()))


def only(data: str | bytes) -> Content:
    (content,) = read(data)
    return content


HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id root="1.2.3" extension="DOC-9"/>
<code code="11526-1" codeSystem="2.16.840.1.113883.6.1"/><title>Surgical pathology</title><effectiveTime value="20240301101500-0500"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.4.1" extension="111-22-3333"/><id root="1.2.4" extension="MRN-77"/></patientRole></recordTarget>
<inFulfillmentOf><order><id root="1.2.5" extension="S24-117"/></order></inFulfillmentOf>
<componentOf><encompassingEncounter><id root="1.2.6" extension="VISIT-1"/></encompassingEncounter></componentOf>"""
SECTIONS = """<component><structuredBody>
<component><section><code code="22636-5" codeSystem="2.16.840.1.113883.6.1"/><title>Reason for the procedure</title><text><paragraph>Mass. Carcinoma of the left breast in 2015, pT3 pN2.</paragraph></text></section></component>
<component><section><code code="22637-3"/><title>Diagnosis</title><text><list><item>Left breast: invasive ductal carcinoma, <content revised="delete">pT4b</content> pT1c pN0.</item><item>Margins free.</item></list></text>
  <entry><observation><code displayName="pT"/><value displayName="pT4"/></observation></entry>
  <component><section><title>Specimen B</title><text>Sentinel node: 0/2.</text></section></component></section></component>
<component><section><code code="60568-3"/><title>Checklist</title><text><table><thead><tr><th>Question</th><th>Answer</th></tr></thead><tbody><tr><td>Tumor size</td><td>14 mm</td></tr><tr><td>Estrogen receptor</td><td>Positive</td></tr></tbody></table></text></section></component>
<component><section><title>Markers</title><text/><entry><organizer><component><observation><code displayName="Ki-67"/><value xsi:type="PQ" value="12" unit="%"/></observation></component>
  <component><observation negationInd="true"><code displayName="HER2"/><value xsi:type="ST">3+</value></observation></component></organizer></entry></section></component>
</structuredBody></component></ClinicalDocument>"""
DOCUMENT = HEADER + SECTIONS
TEXT = """CLINICAL HISTORY:
> Mass. Carcinoma of the left breast in 2015, pT3 pN2.

FINAL DIAGNOSIS:
Left breast: invasive ductal carcinoma, pT1c pN0.
Margins free.

Specimen B:
Sentinel node: 0/2.

SYNOPTIC REPORT:
Question: Answer
Tumor size: 14 mm
Estrogen receptor: Positive

Markers:
Ki-67: 12%"""


def test_a_document_is_read_by_its_sections():
    assert only(DOCUMENT) == Content(TEXT, origin=Origin("2024-03-01", "MRN-77", "S24-117"))


def test_what_is_staged_is_the_diagnosis_not_the_history_nor_what_was_struck_out():
    staged = Stager.from_pretrained("rules").stage(only(DOCUMENT).text)
    assert {name: staged.values[name].detail for name in ("t", "n", "tumor_size_mm", "ki67", "laterality")} == {"t": "pT1c", "n": "pN0", "tumor_size_mm": "14 mm", "ki67": "12%", "laterality": "left"}
    assert staged.values["er"].label == "positive" and "her2" not in staged.values


@pytest.mark.parametrize("header, accession", [
    (HEADER, "S24-117"), (HEADER.replace("inFulfillmentOf", "authorization"), "DOC-9"),
    (HEADER.replace("inFulfillmentOf>", "documentationOf>").replace("order>", "serviceEvent>"), "S24-117"),
    (HEADER.replace("inFulfillmentOf", "authorization").replace("<code", '<setId root="1.2.7" extension="SET-1"/><code', 1), "SET-1")])
def test_the_number_of_the_case_is_the_order_or_the_document_and_never_the_visit(header, accession):
    assert only(header + SECTIONS).origin == Origin("2024-03-01", "MRN-77", accession)


@pytest.mark.parametrize("kind, corrected", [("RPLC", True), ("APND", False), ("XFRM", False)])
def test_a_document_that_replaces_another_is_corrected(kind, corrected):
    related = f'<relatedDocument typeCode="{kind}"><parentDocument><id root="1.2.3" extension="DOC-8"/></parentDocument></relatedDocument>'
    assert only(HEADER + related + SECTIONS).corrected is corrected


def body(text: str) -> str:
    return f"{HEADER}<component><nonXMLBody>{text}</nonXMLBody></component></ClinicalDocument>"


def test_a_body_that_is_no_xml_is_read_as_what_it_is():
    words = base64.b64encode("Colon: adenocarcinoma, pT3".encode()).decode()
    assert only(body(f'<text mediaType="text/plain" representation="B64">{words[:8]}\n  {words[8:]}</text>')).text == "Colon: adenocarcinoma, pT3"
    assert only(body('<text mediaType="text/plain">Colon: adenocarcinoma, pT3</text>')).text == "Colon: adenocarcinoma, pT3"


@pytest.mark.parametrize("text, told", [
    ('<text mediaType="application/pdf" representation="B64">AAAA</text>', "the PDF is damaged"), ('<text representation="B64">A*</text>', "not valid Base64"),
    ('<text mediaType="application/pdf"><reference value="report.pdf"/></text>', "is a link, which is not followed"), ('<text representation="B64" compression="DF">AAAA</text>', "is compressed"), ("<text/>", "holds no report text")])
def test_a_body_that_cannot_be_read_is_a_problem_with_its_origin(text, told):
    content = only(body(text))
    assert content.text == "" and told in content.problem and content.origin.accession == "S24-117"


BOMB = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>" + "".join(f"<!ENTITY {one} '{f'&{before};' * 10}'>" for before, one in zip("abcdefgh", "bcdefghi")) + "]>"


@pytest.mark.parametrize("data, told", [
    (b"", "damaged"), (b"<ClinicalDocument", "damaged"), (DOCUMENT[:-40].encode(), "damaged at line"), (b"<ClinicalDocument/>", "holds no report text"),
    (BOMB.encode() + b"<ClinicalDocument>&i;</ClinicalDocument>", "declares a document type"),
    (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument><component><nonXMLBody><text>&x;</text></nonXMLBody></component></ClinicalDocument>', "declares a document type"),
    (b"<ClinicalDocument>" + b"<component>" * 100_000, "nests deeper")])
def test_hostile_and_damaged_documents_are_a_problem(data, told):
    content = only(data)
    assert content.text == "" and told in content.problem


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=40), at=st.integers(0, len(DOCUMENT)), length=st.integers(0, 80))
def test_a_damaged_document_is_read_or_told(data, at, length):
    whole = DOCUMENT.encode()
    content = only(whole[:at] + data + whole[at + length:])
    assert content.text.strip() or content.problem
    naaccr = TUMORS.encode()
    assert list(naaccr_reports(naaccr[:at] + data + naaccr[at + length:], Limits()))


@settings(max_examples=150, deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(["section", "component", "text", "title", "code", "entry", "observation", "value", "structuredBody", "nonXMLBody", "id", "effectiveTime", "recordTarget", "Tumor", "Patient", "Item"]),
                                st.sampled_from(["section", "component", "text", "title", "code", "entry", "observation", "value", "structuredBody", "nonXMLBody", "id", "effectiveTime", "recordTarget", "Tumor", "Patient", "Item"])), max_size=3))
def test_elements_in_each_others_place_are_read_or_told(pairs):
    changed = [DOCUMENT, TUMORS]
    for old, new in pairs:
        changed = [one.replace(f"<{old}", f"<{new}").replace(f"</{old}", f"</{new}") for one in changed]
    assert all(one.text.strip() or one.problem for one in read(changed[0]))
    assert list(naaccr_reports(changed[1].encode(), Limits()))


@pytest.mark.parametrize("head, kind", [
    (DOCUMENT[:300].encode(), "cda"), (b"\xef\xbb\xbf<n1:ClinicalDocument xmlns:n1='urn:hl7-org:v3'>", "cda"), (b"<?xml version='1.0'?><!-- <NaaccrData> --><?xsl a?><ClinicalDocument>", "cda"),
    (b"<NaaccrData recordType='A'>", "naaccr"), ("<?xml version='1.0' encoding='UTF-16'?><NaaccrData>".encode("utf-16"), "naaccr"), (b"<Bundle xmlns='http://hl7.org/fhir'>", "fhir"), (b"<f:Bundle xmlns:f='http://hl7.org/fhir'>", "fhir"),
    (b"<!DOCTYPE html>\n<html><head>", "html"), (b"<?xml version='1.0'?><ClinicalDocuments>", "xml"), (BOMB.encode() + b"<ClinicalDocument>", "cda"), (b"<p>pT2", None), (b"< 5 mm", None), (b"pT2", None), (b"", None)])
def test_xml_is_told_by_its_first_element(head, kind):
    assert xml_kind(head) == kind


TUMORS = """<?xml version="1.0"?>
<NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-250.xml" recordType="A" specificationVersion="1.7" xmlns="http://naaccr.org/naaccrxml" xmlns:o="http://other.example">
<Item naaccrId="registryId">0000009900</Item>
<Patient><Item naaccrId="patientIdNumber" naaccrNum="20">00000007</Item>
 <Tumor><Item naaccrId="primarySite">C504</Item><Item naaccrId="dateOfDiagnosis">20240228</Item><Item naaccrId="accessionNumberHosp">202400123</Item><Item naaccrId="medicalRecordNumber">MRN-77</Item>
  <Item naaccrId="textDxProcPe">Palpable mass. Carcinoma of the right breast 2015, pT3 pN2.</Item>
  <Item naaccrId="textDxProcXRayScan">5 cm mass at 2 o'clock, left breast</Item>
  <Item naaccrId="textDxProcLabTests"><![CDATA[ER >95% positive, PR negative, HER2 negative (1+)]]></Item>
  <Item naaccrId="textDxProcPath">3/1/24 S24-117 Left breast lumpectomy: invasive ductal carcinoma, grade 2,\nmargins free, pT1c pN0(sn)</Item>
  <Item naaccrId="textPrimarySiteTitle">Left breast, UOQ</Item><Item naaccrId="textHistologyTitle">Invasive ductal carcinoma</Item><Item naaccrId="textStaging">pT1c pN0(sn) cM0</Item>
  <Item naaccrId="textPlaceOfDiagnosis">General Hospital</Item></Tumor>
 <Tumor><Item naaccrId="pathReportNumber1">S23-9</Item><Item naaccrId="pathDateSpecCollect1">2023-05-06T08:00:00-05:00</Item><Item naaccrId="dateOfDiagnosis">2023</Item>
  <Item naaccrId="textPathFormalDx">Sigmoid colon:\\X0D\\adenocarcinoma, pT3 pN1a.</Item><Item naaccrId="textPathClinicalHistory">Polyp.</Item><Item naaccrId="textPathGrossPathology">Colon, 20 cm.</Item>
  <o:Item naaccrId="x">kept apart</o:Item><Item naaccrId="textPathImmunoStains">MLH1 intact</Item></Tumor></Patient>
<Patient><Item naaccrId="patientIdNumber">00000008</Item><Tumor><Item naaccrId="primarySite">C619</Item></Tumor></Patient>
</NaaccrData>"""
FIRST = """CLINICAL HISTORY:
> Physical examination:
> Palpable mass. Carcinoma of the right breast 2015, pT3 pN2.

> Imaging: 5 cm mass at 2 o'clock, left breast

LABORATORY TESTS:
ER >95% positive, PR negative, HER2 negative (1+)

PATHOLOGIC DIAGNOSIS:
3/1/24 S24-117 Left breast lumpectomy: invasive ductal carcinoma, grade 2,
margins free, pT1c pN0(sn)

TUMOR SUMMARY:
Primary site: Left breast, UOQ

Histology: Invasive ductal carcinoma

Staging: pT1c pN0(sn) cM0"""
SECOND = """CLINICAL HISTORY:
> Polyp.

GROSS DESCRIPTION:
Colon, 20 cm.

FINAL DIAGNOSIS:
Sigmoid colon:
adenocarcinoma, pT3 pN1a.

Immuno Stains:
MLH1 intact"""


@pytest.mark.parametrize("data", [TUMORS.encode(), TUMORS.replace(' xmlns="http://naaccr.org/naaccrxml"', "").encode(), TUMORS.replace('<?xml version="1.0"?>\n', "").encode("utf-16")], ids=["as sent", "without a namespace", "UTF-16"])
def test_each_tumor_is_a_report(data):
    first, second, third = naaccr_reports(data, Limits())
    assert first.text == FIRST and first.origin == Origin("2024-02-28", "00000007", "202400123")
    assert second.text == SECOND and second.origin == Origin("2023-05-06", "00000007", "S23-9")
    assert third == Content(note="the tumor's record holds no text: a text needs record type A or M", origin=Origin(patient_id="00000008"))


def test_a_registry_abstract_is_staged_by_its_pathology():
    first, second, _ = naaccr_reports(TUMORS.encode(), Limits())
    stager = Stager.from_pretrained("rules")
    staged = stager.stage(first.text)
    assert {name: staged.values[name].detail for name in ("t", "n", "laterality")} == {"t": "pT1c", "n": "pN0(sn)", "laterality": "left"}
    assert (staged.values["er"].label, staged.values["pr"].label, staged.values["her2"].label) == ("positive", "negative", "negative")
    assert stager.stage(second.text).values["n"].detail == "pN1a"


def test_what_a_full_text_says_is_not_said_again():
    sent = b"""<NaaccrData><Patient><Tumor><Item naaccrId="textPathFormalDx">Colon: adenocarcinoma, pT3</Item><Item naaccrId="textPathComments">MSI pending</Item>
<Item naaccrId="textPathFullText">DIAGNOSIS: Colon: Adenocarcinoma,\npT3. GROSS: 4 cm</Item></Tumor></Patient></NaaccrData>"""
    (content,) = naaccr_reports(sent, Limits())
    assert content.text == "DIAGNOSIS: Colon: Adenocarcinoma,\npT3. GROSS: 4 cm\n\nCOMMENT:\nMSI pending"


@pytest.mark.parametrize("data, before, told", [
    (b"", 0, "is damaged"), (b"<NaaccrData/>", 0, "holds no tumor"), (TUMORS[:TUMORS.index("</Tumor>") + 40].encode(), 1, "is damaged at line 13, after 1 tumor: what follows is lost"),
    (TUMORS.replace("<Patient><Item naaccrId=\"patientIdNumber\">00000008", "<Patient><<Item>").encode(), 2, "after 2 tumors"),
    (BOMB.encode() + b"<NaaccrData><Patient><Tumor><Item naaccrId='textRemarks'>&i;</Item></Tumor></Patient></NaaccrData>", 0, "declares a document type"), (b"<NaaccrData>" + b"<Patient>" * 100_000, 0, "is damaged")])
def test_damage_costs_only_what_follows(data, before, told):
    *given, last = naaccr_reports(data, Limits())
    assert len(given) == before and all(one.text for one in given) and told in last.problem


@pytest.mark.parametrize("unit", ["<Patient><Tumor>{}</Tumor></Patient>", "<Tumor>{}</Tumor>"], ids=["many patients", "one patient"])
def test_memory_is_flat(unit):
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("memory is measured on Linux")
    tumor = unit.format("".join(f'<Item naaccrId="item{number}">{number}</Item>\n' for number in range(30)) + '<Item naaccrId="textRemarks">pT2</Item>')
    data = f"<NaaccrData><Patient>{tumor * 10_000}</Patient></NaaccrData>" if unit.startswith("<T") else f"<NaaccrData>{tumor * 10_000}</NaaccrData>"
    pages = []
    for number, content in enumerate(naaccr_reports(data.encode(), Limits())):
        assert content.text == "COMMENT:\npT2"
        if number in (1_000, 9_999):
            pages.append(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    assert number == 9_999 and pages[1] - pages[0] < 8 * 2**20  # the tree of these would take 70 MB


def test_what_stands_at_a_patient_is_not_copied_to_each_tumor():
    sent = b"<NaaccrData><Patient><Item naaccrId='patientIdNumber'>7</Item>" + b"<Item naaccrId='textRemarks'>x</Item>" * 9 + b"<Tumor/><Tumor/></Patient></NaaccrData>"
    assert [(one.text, one.origin.patient_id) for one in naaccr_reports(sent, Limits())] == [("", "7")] * 2


def test_the_sample_of_the_standard_has_ten_tumors_without_text(test_bed):
    path = test_bed.parent / "standards" / "naaccr-sample-v250-incidence-10.xml.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    contents = list(naaccr_reports(gzip.decompress(path.read_bytes()), Limits()))
    assert len(contents) == 10 and contents[0].origin.patient_id == "00000001" and all(one.text == "" and one.note and not one.problem for one in contents)
