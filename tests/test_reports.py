"""Reading reports: every fault is a row, every misuse is refused before any work."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging import reports
from cancer_staging.reports import (
    InputError,
    Report,
    available_engines,
    clean_text,
    decode_text,
    is_noise,
    plan_inputs,
    read_image,
    read_pdf,
    read_reports,
)

PROJECT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CANCER_STAGING_DATA", PROJECT.parent / "shared" / "data"))
LINES = (
    "FINAL DIAGNOSIS: Left kidney, radical nephrectomy.",
    "Renal cell carcinoma, clear cell type, Fuhrman grade 3.",
    "The tumor measures 7.2 cm and invades the renal vein.",
    "Margins of resection are free of tumor.",
    "Primary tumor: pT3a. Regional lymph nodes: pN0 (0/4).",
)
needs_engine = pytest.mark.skipif(not available_engines(), reason="no OCR engine on this machine")
needs_tesseract = pytest.mark.skipif("tesseract" not in available_engines(), reason="tesseract is not on this machine")
needs_rapidocr = pytest.mark.skipif("rapidocr" not in available_engines(), reason="rapidocr is not on this machine")
needs_data = pytest.mark.skipif(not (DATA / "pdf").is_dir(), reason=f"the test bed is not at {DATA}")


# Files to read


def drawn(lines=LINES, turn=0):
    "A scan: the lines drawn in grey on a page of 200 dots per inch."
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (1654, 1000), 255)
    drawing = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        drawing.text((100, 100 + 80 * row), line, font=ImageFont.load_default(size=40), fill=20)
    return image.rotate(turn, expand=True, fillcolor=255)


def pdf(*pages, **options):
    "A PDF: a page of text for each tuple of lines, of scan for each image, blank for None."
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842), **options)
    for page in pages:
        if isinstance(page, tuple):
            for row, line in enumerate(page):
                canvas.drawString(60, 780 - 16 * row, line)
        elif page is not None:
            canvas.drawImage(ImageReader(page), 0, 842 - 595 * page.height / page.width, 595, 595 * page.height / page.width)
        canvas.showPage()
    canvas.save()
    return data.getvalue()


def zero_pages():
    "A well-formed PDF whose page tree is empty."
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj%bendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"xref\n0 3\n0000000000 65535 f \n" + table + b"trailer<</Size 3/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(data)


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def read_bytes(folder, name, data, **options):
    "The one report in a file of these bytes."
    (folder / name).write_bytes(data)
    (report,) = read_reports(folder / name, **options)
    return report


# Text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff")))
@settings(max_examples=300, deadline=None)
def test_utf8_text_is_read_as_it_stands(text):
    assert decode_text(text.encode("utf-8")) == text
    assert decode_text(text.encode("utf-8-sig")) == text
    assert decode_text(text.encode("utf-16")) == text


@given(st.binary(max_size=3000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_text_that_can_be_stored(data):
    text = decode_text(data)
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\0" not in text and "\r" not in text


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_cleaning_is_done_once(text):
    assert clean_text(clean_text(text)) == clean_text(text) or text.startswith("\ufeff\ufeff")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Größe 2 cm – T2".encode("cp1252"), "Größe 2 cm – T2"),
        ("tumeur à 5 µm".encode("latin-1"), "tumeur à 5 µm"),
        (b"pT2\x81N0", "pT2\x81N0"),
        (b"pT2\x00pN0\r\nM0", "pT2 pN0\nM0"),
        ("pT2 pN0 ≥ 4 nodes".encode("utf-16-le"), "pT2 pN0 ≥ 4 nodes"),
    ],
    ids=["cp1252", "latin-1", "neither", "nul", "utf-16 without a mark"],
)
def test_text_files_in_old_encodings(tmp_path, data, text):
    report = read_bytes(tmp_path, "case.txt", data)
    assert (report.status, report.error, report.text) == ("ok", None, text)


def test_five_megabytes_in_one_report(tmp_path):
    text = ("Sections show invasive ductal carcinoma. " * 130_000)[:5_000_000]
    assert read_bytes(tmp_path, "long.txt", text.encode()).text == text
    (tmp_path / "long.csv").write_text(f'id,text\n1,"{text}"\n2,pT1\n')
    assert [len(report.text) for report in read_reports(tmp_path / "long.csv")] == [5_000_000, 3]


# Faults of one file: each is a row that says what to do


@pytest.mark.parametrize(
    ("name", "data", "status", "told"),
    [
        ("a.txt", b"", "empty", "the file is empty: get it again"),
        ("a.md", b" \n\t\r\n ", "empty", "there is no text"),
        ("a.txt", b"\x00\x00\x00", "empty", "there is no text"),
        ("a.txt", b"PK\x03\x04rest", "error", "a Word, Excel or zip file: save it as"),
        ("a.txt", b"%PDF-1.4", "error", "rename it to .pdf"),
        ("a.pdf", b"", "empty", "the file is empty: get it again"),
        ("a.pdf", b"pT2 N0", "error", "not a PDF"),
        ("a.pdf", pdf(LINES)[:700], "error", "incomplete, its end is missing: get it again"),
        ("a.pdf", zero_pages(), "error", "no pages: get it again"),
        ("a.pdf", pdf(LINES).replace(b"/Catalog", b"/Catalxx").replace(b"/Pages", b"/Pagxx"), "error", "PDF"),
        ("a.pdf", pdf(None), "empty", "no text was found on any page"),
        ("a.png", b"", "empty", "the file is empty: get it again"),
        ("a.png", b"not an image", "error", "broken image: get it again"),
        ("a.png", encoded(drawn(), "PNG")[:3000], "error", "broken image: get it again"),
        ("a.parquet", b"PAR1 cut short", "error", "not a Parquet table, or damaged: get it again"),
        ("a.csv", b"PK\x03\x04rest", "error", "a Word, Excel or zip file: save it as"),
        ("a.jsonl", b"[1,\n2]\n", "error", "no line holds a JSON object: write one"),
    ],
)
def test_a_bad_file_is_a_row(tmp_path, name, data, status, told):
    if name == "a.png" and status == "error" and not available_engines():
        pytest.skip("no OCR engine on this machine")
    report = read_bytes(tmp_path, name, data)
    assert (report.report_id, report.status, report.text) == ("a", status, "")
    assert told in report.error


def test_an_encrypted_pdf_says_remove_the_password(tmp_path):
    from reportlab.lib.pdfencrypt import StandardEncryption

    report = read_bytes(tmp_path, "locked.pdf", pdf(LINES, encrypt=StandardEncryption("secret")))
    assert report.status == "error" and "remove the password" in report.error
    report = read_bytes(tmp_path, "owner.pdf", pdf(LINES, encrypt=StandardEncryption("", ownerPassword="owner")))
    assert report.status == "ok" and "pT3a" in report.text


def test_every_cut_of_a_pdf_is_a_row(tmp_path):
    whole = pdf(LINES, LINES)
    for cut in range(0, len(whole) - 40, 97):
        report = read_bytes(tmp_path, "cut.pdf", whole[:cut], ocr="never")
        assert report.status == ("empty" if cut == 0 else "error"), cut


def test_a_file_that_may_not_be_read_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("pT1")
    (tmp_path / "b.txt").write_text("pT2")
    plan = plan_inputs(tmp_path)
    (tmp_path / "b.txt").unlink()

    def refuse(path):
        raise PermissionError(13, "Permission denied") if path.name == "a.txt" else FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    first, second = read_reports(plan)
    assert first.status == "error" and "change its permissions" in first.error
    assert second.status == "error" and "No such file" in second.error


def test_what_nobody_foresaw_is_a_row_without_the_text(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("pT1")

    def surprise(data):
        raise RuntimeError("Mrs Example, born 1950, pT1")

    monkeypatch.setattr(reports, "decode_text", surprise)
    (report,) = read_reports(tmp_path)
    assert report.status == "error" and "RuntimeError" in report.error and "Example" not in report.error


# PDFs and scans


def test_a_text_layer_is_read_without_ocr(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "ocr_image", None)
    report = read_bytes(tmp_path, "case.pdf", pdf(LINES, LINES[:2]))
    assert report.text == "\n".join(LINES) + "\n\n" + "\n".join(LINES[:2])
    assert read_bytes(tmp_path, "short.pdf", pdf(("pT2 pN0 adenocarcinoma",))).text == "pT2 pN0 adenocarcinoma"


def test_labels_and_values_are_joined_by_row():
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data)
    fields = {"Primary tumor:": "pT3c", "Regional lymph nodes:": "pN1", "Histologic grade:": "G3"}
    for column, texts in ((60, fields), (300, fields.values())):
        for row, text in enumerate(texts):
            canvas.drawString(column, 700 - 20 * row, text)
    canvas.save()
    assert read_pdf(data.getvalue())[0].text == "Primary tumor: pT3c\nRegional lymph nodes: pN1\nHistologic grade: G3"


def test_prose_in_two_columns_keeps_its_order():
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data)
    sentence = "the tumor invades the muscularis propria"
    for column in (60, 320):
        for row in range(10):
            canvas.drawString(column, 700 - 14 * row, f"{'left' if column == 60 else 'right'} {row}: {sentence}")
    canvas.save()
    lines = read_pdf(data.getvalue())[0].text.split("\n")
    assert [line.split(":")[0] for line in lines] == [f"left {row}" for row in range(10)] + [f"right {row}" for row in range(10)]


def test_filled_in_form_fields_are_read():
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data)
    canvas.drawString(60, 700, "Primary tumor (pT):")
    canvas.acroForm.textfield(name="pt", x=200, y=696, height=16, fontSize=12, value="pT3a")
    canvas.save()
    assert read_pdf(data.getvalue(), "never")[0].text == "Primary tumor (pT): pT3a"


def test_a_scan_without_an_engine_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "available_engines", lambda: ())
    for name, data in (("scan.pdf", pdf(drawn())), ("scan.png", encoded(drawn(), "PNG"))):
        report = read_bytes(tmp_path, name, data)
        assert report.status == "error" and report.text == ""
        assert "install tesseract or pip install 'cancer-staging[ocr]'" in report.error
    report = read_bytes(tmp_path, "both.pdf", pdf(LINES, drawn()))
    assert report.status == "ok" and "pT3a" in report.text and report.error.startswith("page 2 of 2: a scan")
    report = read_bytes(tmp_path, "blank_first.pdf", pdf(None, drawn()))
    assert report.status == "error" and report.error.startswith("page 2 of 2: a scan")
    with pytest.raises(InputError, match="no OCR engine"):
        plan_inputs(tmp_path / "scan.png", ocr="always")
    with pytest.raises(InputError, match="not on this machine"):
        plan_inputs(tmp_path / "scan.png", ocr="tesseract")


def test_ocr_never_says_so(tmp_path):
    report = read_bytes(tmp_path, "scan.pdf", pdf(drawn()), ocr="never")
    assert report.status == "error" and report.error == "page 1 of 1: a scan, and OCR is off: use ocr 'auto'"


@pytest.mark.parametrize("engine", [pytest.param("tesseract", marks=needs_tesseract), pytest.param("rapidocr", marks=needs_rapidocr)])
def test_scans_are_read_by_each_engine(tmp_path, engine):
    for name, data in (("scan.pdf", pdf(drawn())), ("scan.jpg", encoded(drawn(), "JPEG"))):
        report = read_bytes(tmp_path, name, data, ocr=engine)
        assert report.status == "ok" and report.error is None
        assert "Renal cell carcinoma, clear cell type" in report.text and "pT3a" in report.text


@needs_engine
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_scanned_the_wrong_way_up_is_turned(turn):
    (page,) = read_image(encoded(drawn(turn=turn), "PNG"))
    assert page.method == "ocr" and "Renal cell carcinoma" in page.text


@needs_engine
def test_every_page_of_a_tiff_is_read_in_any_mode():
    from PIL import Image

    pages = [drawn().convert("1"), drawn(LINES[::-1]).convert("1")]
    first, second = read_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert "radical nephrectomy" in first.text and "radical nephrectomy" in second.text
    transparent = Image.merge("LA", (Image.new("L", drawn().size, 0), drawn().point(lambda grey: 255 - grey)))
    deep = Image.frombytes("I;16", drawn().size, b"".join(bytes((0, grey)) for grey in drawn().tobytes()))
    for image in (drawn().convert("P"), drawn().convert("CMYK"), transparent, deep):
        (page,) = read_image(encoded(image, "TIFF"))
        assert "pT3a" in page.text, image.mode


@needs_engine
def test_a_text_layer_of_noise_is_replaced_by_ocr():
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842))
    canvas.drawImage(ImageReader(drawn()), 0, 400, 595, 360)
    layer = canvas.beginText(60, 380)
    layer.setTextRenderMode(3)
    for line in LINES:
        layer.textLine("".join(chr((ord(letter) - 33 + 29) % 94 + 33) for letter in line))
    canvas.drawText(layer)
    canvas.save()
    (kept,) = read_pdf(data.getvalue(), "never")
    assert is_noise(kept.text)
    (page,) = read_pdf(data.getvalue(), "auto")
    assert page.method == "ocr" and "pT3a" in page.text


@needs_engine
def test_a_stamp_above_a_scan_is_not_the_report():
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(595, 842))
    canvas.drawString(60, 800, "Received by fax from the county hospital, page one of one")
    canvas.drawImage(ImageReader(drawn()), 0, 400, 595, 360)
    canvas.save()
    (page,) = read_pdf(data.getvalue())
    assert page.method == "ocr" and "pT3a" in page.text


def fake_tesseract(folder, script):
    folder.mkdir(exist_ok=True)
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for tesseract is a shell script")
def test_a_tesseract_that_crashes_is_told_and_loses_no_other_page(tmp_path, monkeypatch):
    fake_tesseract(tmp_path / "bin", "kill -SEGV $$")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    report = read_bytes(tmp_path, "case.pdf", pdf(LINES, drawn()), ocr="tesseract")
    assert report.status == "ok" and "pT3a" in report.text
    assert report.error == "page 2 of 2: tesseract stopped with code -11: check it with `tesseract --list-langs`, or try ocr 'rapidocr'"
    report = read_bytes(tmp_path, "scan.png", encoded(drawn(), "PNG"), ocr="tesseract")
    assert report.status == "error" and "tesseract stopped" in report.error


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for tesseract is a shell script")
def test_a_tesseract_that_hangs_is_stopped(tmp_path, monkeypatch):
    fake_tesseract(tmp_path / "bin", "exec sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(reports, "OCR_PAGE_SECONDS", 0.2)
    report = read_bytes(tmp_path, "scan.png", encoded(drawn(), "PNG"), ocr="tesseract")
    assert report.status == "error" and "took more than" in report.error


@needs_rapidocr
def test_rapidocr_needs_no_network_and_keeps_quiet(tmp_path):
    (tmp_path / "scan.png").write_bytes(encoded(drawn(), "PNG"))
    script = """
import socket, sys
def refuse(*given, **named): raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from cancer_staging.reports import read_reports
(report,) = read_reports(sys.argv[1], ocr="rapidocr")
assert report.status == "ok" and "pT3a" in report.text, report
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "scan.png")], capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Tables


def write_table(path, columns):
    "The columns as CSV, Parquet or JSON Lines, by suffix."
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(columns))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return path


SUFFIXES = (".csv", ".parquet", ".jsonl")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_of_a_table(tmp_path, suffix):
    ids = ["TCGA-BP-5195.25c0b433-5557-4165-922e-2c1eac9c26f0", "TCGA-A6-2671", None, "x", "x"]
    texts = ["pT1a,\n\"Fuhrman\" 2", None, "  ", "Größe ≥ 2 cm\x00", "pT2"]
    path = write_table(tmp_path / f"cases{suffix}", {"Patient_Filename": ids, "n": [1, 2, 3, 4, 5], "TEXT": texts})
    found = list(read_reports(path))
    assert [report.report_id for report in found] == ["TCGA-BP-5195", "TCGA-A6-2671", "cases-3", "x", "x"]
    assert [report.status for report in found] == ["ok", "empty", "empty", "ok", "ok"]
    assert [report.text for report in found] == ['pT1a,\n"Fuhrman" 2', "", "", "Größe ≥ 2 cm ", "pT2"]
    assert [report.source for report in found] == [f"{path}#{row}" for row in range(1, 6)]
    assert "check the report at its source" in found[1].error
    assert found[4].error == "duplicate id: also report 4 of this run"
    assert plan_inputs(path).count == 5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_a_text_column_is_refused_naming_its_columns(tmp_path, suffix):
    path = write_table(tmp_path / f"labels{suffix}", {"case": ["a"], "body": ["pT1"]})
    with pytest.raises(InputError, match="no text column.*its columns are case, body"):
        read_reports(path)
    with pytest.raises(InputError, match="no column 'note'; its columns are case, body"):
        read_reports(path, text_column="note")
    with pytest.raises(InputError, match="no column 'mrn'; its columns are case, body"):
        read_reports(path, text_column="body", id_column="mrn")
    (report,) = read_reports(path, text_column="Body", id_column="case")
    assert (report.report_id, report.text) == ("a", "pT1")


def test_a_table_without_a_header_does_not_show_its_reports(tmp_path):
    (tmp_path / "cases.csv").write_text("17,Mrs Example has an adenocarcinoma of the sigmoid colon\n")
    with pytest.raises(InputError) as refusal:
        read_reports(tmp_path)
    assert "Example" not in str(refusal.value) and "characters)" in str(refusal.value)


def test_a_table_without_rows_is_refused_alone_and_a_row_in_company(tmp_path):
    for name, content in (("a.csv", "id,text\n"), ("b.csv", ""), ("c.jsonl", "")):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="there is no report in"):
            read_reports(tmp_path / name)
    (tmp_path / "d.txt").write_text("pT1")
    assert [(report.report_id, report.status) for report in read_reports(tmp_path)] == [
        ("a", "empty"),
        ("b", "empty"),
        ("c", "empty"),
        ("d", "ok"),
    ]


def test_a_column_that_is_no_text_is_refused(tmp_path):
    path = write_table(tmp_path / "cases.parquet", {"text": [1, 2], "ocr_text": ["pT1", "pT2"]})
    assert plan_inputs(path).parts[0].text_column == "ocr_text"
    with pytest.raises(InputError, match="'text' of .* does not hold text"):
        plan_inputs(path, text_column="text")


def test_csv_faults_are_rows_and_lose_nothing(tmp_path):
    data = b'id;text\r\n1;pT1 \x96 N0\r\n\r\n2\r\n3;cut; in two\r\n4;"open\r\n5;lost\r\n6;lost\r\n'
    (tmp_path / "cases.csv").write_bytes(data)
    found = list(read_reports(tmp_path))
    assert [(report.report_id, report.status) for report in found] == [("1", "ok"), ("2", "error"), ("3", "error"), ("4", "error")]
    assert found[0].text == "pT1 – N0"
    assert "ends before the column 'text'" in found[1].error
    assert "3 cells, the header 2: put the text in double quotes" in found[2].error
    assert "lines 6 to 8 run together" in found[3].error


def test_csv_with_an_open_quote_in_a_large_file_stops_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "CSV_FIELD_LIMIT", 200_000)
    before = csv.field_size_limit(1)
    try:
        (tmp_path / "cases.csv").write_text('id,text\n1,"open\n' + "2,pT2\n" * 100_000)
        (report,) = read_reports(tmp_path)
    finally:
        csv.field_size_limit(before)
    assert report.status == "error" and "run together" in report.error


def test_jsonl_faults_are_rows(tmp_path):
    lines = ['{"id": 1, "text": "pT1"}', "{broken", '"pT1"', '{"id": 4}', '{"id": 5, "text": ["pT1"]}', '{"id": 6, "text": "\\ud800 pT1"}']
    (tmp_path / "cases.jsonl").write_text("\n".join(lines))
    found = list(read_reports(tmp_path))
    assert [report.status for report in found] == ["ok", "error", "error", "empty", "error", "ok"]
    assert found[1].error == "line 2 is not a JSON object: correct it and run again"
    assert "a list, not a string" in found[4].error and found[5].text == "\ufffd pT1"


def test_a_parquet_file_with_a_broken_row_group_gives_the_others(tmp_path):
    path = tmp_path / "cases.parquet"
    write_table(path, {"id": [f"case {n}" for n in range(6)], "text": [f"report number {n} " * 50 for n in range(6)]})
    from pyarrow.parquet import ParquetFile

    column = ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    found = list(read_reports(path))
    assert [report.status for report in found] == ["ok", "ok", "error", "ok", "ok"]
    assert found[2].error == "rows 3 to 4 are damaged: get the table again from its source"
    assert found[4].source.endswith("#6")


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff")), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_csv_wrote_comes_back(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("csv")
    path = write_table(folder / "cases.csv", {"id": [str(number) for number in range(len(texts))], "text": texts})
    found = list(read_reports(path))
    assert [report.text for report in found] == [text if text.strip() else "" for text in texts]


# Inputs


def test_folders_and_globs_in_natural_order(tmp_path):
    for name in ("b/case10.txt", "b/case2.TXT", "a.md", ".hidden/x.txt", ".y.txt", "__MACOSX/z.txt", "c.docx", "~$c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    plan = plan_inputs(tmp_path)
    assert [Path(part.path).name for part in plan.parts] == ["a.md", "case2.TXT", "case10.txt"]
    assert [Path(path).name for path in plan.skipped] == ["c.docx"] and plan.count == 3
    plan = plan_inputs([tmp_path / "b", tmp_path / "*.md", tmp_path / "**" / "case*.txt"])
    assert [Path(part.path).name for part in plan.parts] == ["case2.TXT", "case10.txt", "a.md", "case10.txt"]


def test_an_earlier_output_in_the_folder_is_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("pT1")
    (tmp_path / "staged.csv").write_text("report_id,status\na,ok\n")
    with pytest.raises(InputError, match="its columns are report_id, status"):
        plan_inputs(tmp_path)
    assert plan_inputs(tmp_path, leave_out=tmp_path / "staged.csv").count == 1


def test_a_name_with_glob_characters_is_a_file_first(tmp_path):
    (tmp_path / "case [1].txt").write_text("pT1")
    assert plan_inputs(tmp_path / "case [1].txt").count == 1


def test_what_cannot_be_read_is_refused_before_any_work(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "a.txt").write_text("pT1")
    for given_input, told in (
        (tmp_path / "missing.txt", "does not exist: check the path"),
        (tmp_path / "*.pdf", "no file matches"),
        (tmp_path / "a.docx", "must be one of .txt, .md, .pdf"),
        (tmp_path / "empty", "there is no report in"),
        (tmp_path / "*.docx", "there is no report in"),
        ([], "no input"),
        ([tmp_path / "a.txt", tmp_path / "missing.txt"], "does not exist"),
    ):
        with pytest.raises(InputError) as refusal:
            read_reports(given_input)
        assert told in str(refusal.value)
    with pytest.raises(InputError, match="ocr is 'sometimes'; it must be one of"):
        read_reports(tmp_path / "a.txt", ocr="sometimes")


# The stream


def test_reports_come_in_order_and_no_more_than_asked_for(tmp_path, monkeypatch):
    for number in range(40):
        (tmp_path / f"{number}.pdf").write_bytes(b"%PDF")
    read = []

    def load(path, kind, ocr):
        read.append(Path(path).stem)
        return f"report {Path(path).stem}", None

    monkeypatch.setattr(reports, "load_file", load)
    for workers in (1, 3):
        read.clear()
        stream = read_reports(tmp_path, workers=workers)
        assert read == []
        assert next(stream).text == "report 0"
        assert len(read) <= 2 * workers
        assert [report.report_id for report in stream] == [str(number) for number in range(1, 40)]
    assert [report.report_id for report in read_reports(tmp_path, workers=3, skip=38)] == ["38", "39"]


def test_a_skipped_id_still_counts_for_duplicates(tmp_path):
    path = write_table(tmp_path / "cases.jsonl", {"id": ["a", "b", "a"], "text": ["pT1", "pT2", "pT3"]})
    (last,) = read_reports(path, skip=2)
    assert last.error == "duplicate id: also report 1 of this run" and last.status == "ok"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_large_table_is_never_whole_in_memory(tmp_path, suffix):
    texts = [f"{number} " + "invasive ductal carcinoma " * 150 for number in range(4000)]
    path = write_table(tmp_path / f"cases{suffix}", {"id": [str(number) for number in range(4000)], "text": texts})
    size = sum(map(len, texts))
    next(read_reports(path))
    tracemalloc.start()
    try:
        assert sum(len(report.text) for report in read_reports(path)) == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size / 4


def test_a_report_cannot_contradict_itself():
    with pytest.raises(ValueError, match="is not one of"):
        Report("a", "pT1", "fine", None, "a.txt")
    with pytest.raises(ValueError, match="exactly when"):
        Report("a", "", "ok", None, "a.txt")
    with pytest.raises(ValueError, match="needs an error"):
        Report("a", "", "empty", None, "a.txt")
    assert "pT1" not in repr(Report("a", "pT1", "ok", None, "a.txt"))


def test_importing_the_module_is_light():
    script = "import sys, cancer_staging.reports; print(*({'PIL', 'pypdfium2', 'pyarrow', 'polars', 'numpy', 'rapidocr'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""


# The real PDFs


@needs_data
def test_the_real_pdfs_have_a_text_layer_that_is_used():
    found = {report.report_id: report for report in read_reports(DATA / "pdf", ocr="never")}
    assert len(found) == 11 and all(report.status == "ok" for report in found.values())
    for name, stated in (("prostate", "pT3a"), ("uteri", "PATHOLOGIC STAGE (AJCC 7th Edition): pT3a pNl pMX"), ("lung-1", "pT2a NO")):
        assert stated in found[name].text
    assert "Histologic Grade: G3: Poorly differentiated" in found["ovary1"].text


@needs_data
@needs_tesseract
def test_ocr_of_the_real_pdfs_says_what_their_text_layers_say():
    for name, stated in (("kidney", "pT1a"), ("prostate", "pT3a"), ("lung-1", "pT2a NO"), ("uteri", "pT3a pNl pMX")):
        (report,) = read_reports(DATA / "pdf" / f"{name}.pdf", ocr="tesseract")
        (always,) = read_reports(DATA / "pdf" / f"{name}.pdf", ocr="always")
        assert stated in report.text and stated in always.text
