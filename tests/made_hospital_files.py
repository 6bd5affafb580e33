"One report as every kind of file that a hospital may send."
import base64
import gzip
import io
import json
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl
from fpdf import FPDF

LINES = [
    "FINAL DIAGNOSIS:",
    "Left breast, lumpectomy: Invasive ductal carcinoma, Nottingham grade 2.",
    "Tumor size: 2.4 cm. Margins are negative for tumor.",
    "Metastatic carcinoma in 2 of 14 axillary lymph nodes.",
    "Lymphovascular invasion: present. Perineural invasion: not identified.",
    "Estrogen receptor: positive (95%). Progesterone receptor: negative. HER2: negative (1+).",
    "Pathologic stage: pT2 pN1a.",
]
EXPECTED = {  # read off the lines above: label and detail
    "behavior": "3", "t": "T2", "n": "N1", "grade": "G2", "er": "positive", "pr": "negative", "her2": "negative", "laterality": "left", "lymphovascular_invasion": "present",
    "perineural_invasion": "absent", "margin": "negative", "tumor_size_mm": 24.0, "nodes_positive": 2, "nodes_examined": 14, "site": "Breast"}
DETAILS = {"t": "pT2", "n": "pN1a"}
TEXT = "\n".join(LINES)
ORIGIN = {"report_date": "2024-03-05", "patient_id": "4711", "accession": "S24-1234"}


def pdf_bytes(lines=LINES) -> bytes:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("helvetica", size=10)
    for line in lines:
        pdf.cell(0, 7, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def docx_bytes(lines=LINES) -> bytes:
    from docx import Document

    document, file = Document(), io.BytesIO()
    for line in lines:
        document.add_paragraph(line)
    document.save(file)
    return file.getvalue()


def rtf_bytes(lines=LINES) -> bytes:
    return ("{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0 Arial;}}\\f0\\fs20 " + "\\par\n".join(lines) + "}").encode("cp1252")


def html_bytes(lines=LINES) -> bytes:
    return ("<!DOCTYPE html><html><head><title>Report 17</title><style>p {color: red}</style></head><body>" + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</body></html>").encode()


def hl7_bytes(lines=LINES[1:], accession="S24-1234", patient="4711", date="20240305", status="F", end="\r") -> bytes:
    segments = [
        f"MSH|^~\\&|LAB|HOSPITAL|REG|STATE|{date}1200||ORU^R01^ORU_R01|M1|P|2.5.1",
        f"PID|1||{patient}^^^HOSPITAL^MR||DOE^JANE",
        f"OBR|1||{accession}^LAB|11529-5^Surgical pathology study^LN|||20240301|||||||||||||||{date}1100|||{status}",
        *(f"OBX|{number}|TX|22637-3^Path report.final diagnosis^LN||{line}||||||{status}" for number, line in enumerate(lines, start=1)),
    ]
    return (end.join(segments) + end).encode()


def fhir_resource(lines=LINES, accession="S24-1234", patient="4711") -> dict:
    return {
        "resourceType": "Bundle", "type": "collection", "entry": [
            {"fullUrl": "urn:uuid:p", "resource": {"resourceType": "Patient", "id": "p", "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": patient}]}},
            {"resource": {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "11529-5"}]}, "subject": {"reference": "urn:uuid:p"},
                          "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": accession}], "effectiveDateTime": "2024-03-05T11:00:00Z",
                          "presentedForm": [{"contentType": "text/plain", "data": base64.b64encode("\n".join(lines).encode()).decode()}]}}]}


def cda_bytes(lines=LINES[1:]) -> bytes:
    words = "".join(f"<paragraph>{escape(line)}</paragraph>" for line in lines)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2.3" extension="doc-1"/><effectiveTime value="20240305110000"/>
  <recordTarget><patientRole><id root="1.2.4" extension="4711"/></patientRole></recordTarget>
  <inFulfillmentOf><order><id root="1.2.5" extension="S24-1234"/></order></inFulfillmentOf>
  <component><structuredBody><component><section><code code="22637-3" codeSystem="2.16.840.1.113883.6.1"/><title>Final diagnosis</title><text>{words}</text></section></component></structuredBody></component>
</ClinicalDocument>""".encode()


def naaccr_bytes(lines=LINES) -> bytes:
    return f"""<?xml version="1.0"?>
<NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-260.xml" recordType="I" specificationVersion="1.8" xmlns="http://naaccr.org/naaccrxml">
  <Patient><Item naaccrId="patientIdNumber">4711</Item>
    <Tumor><Item naaccrId="pathReportNumber1">S24-1234</Item><Item naaccrId="pathDateSpecCollect1">20240305</Item><Item naaccrId="textDxProcPath">{escape(chr(10).join(lines))}</Item></Tumor>
  </Patient>
</NaaccrData>""".encode()


def table() -> pl.DataFrame:
    return pl.DataFrame({"report_id": ["one"], "mrn": ["4711"], "accession_number": ["S24-1234"], "report_date": ["2024-03-05"], "text": [TEXT]})


def excel_bytes(frame: pl.DataFrame) -> bytes:
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    book.active.append(frame.columns)
    for row in frame.iter_rows():
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def dicom_bytes() -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID = EncapsulatedPDFStorage, generate_uid(), ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.MIMETypeOfEncapsulatedDocument, words = EncapsulatedPDFStorage, "application/pdf", pdf_bytes()
    data.EncapsulatedDocument = words + b"\0" * (len(words) % 2)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return file.getvalue()


WITH_ORIGIN = ("hl7", "json", "ndjson", "cda.xml", "naaccr.xml", "csv", "tsv", "xlsx", "parquet", "jsonl")  # kinds that say whose report it is


def all_kinds() -> dict[str, bytes]:
    "The report, by the ending of its file."
    resource = json.dumps(fhir_resource())
    return {
        "txt": TEXT.encode(), "utf16.txt": TEXT.encode("utf-16"), "pdf": pdf_bytes(), "html": html_bytes(), "rtf": rtf_bytes(), "docx": docx_bytes(), "hl7": hl7_bytes(), "json": resource.encode(),
        "ndjson": (resource + "\n").encode(), "cda.xml": cda_bytes(), "naaccr.xml": naaccr_bytes(), "csv": table().write_csv().encode(), "tsv": table().write_csv(separator="\t").encode("utf-16"),
        "xlsx": excel_bytes(table()), "parquet": parquet_bytes(table()), "jsonl": table().write_ndjson().encode(), "txt.gz": gzip.compress(TEXT.encode()), "csv.gz": gzip.compress(table().write_csv().encode()),
        "zip": zipped(one__docx=docx_bytes()), "dcm": dicom_bytes()}


def write_kinds(folder: Path, name: str = "one") -> list[Path]:
    "The report as one file of each kind."
    folder.mkdir(parents=True, exist_ok=True)
    for ending, data in all_kinds().items():
        (folder / f"{name}.{ending}").write_bytes(data)
    return [folder / f"{name}.{ending}" for ending in all_kinds()]
