"PDFs and scans: what they say comes out, and what is wrong with one page stays on that page."
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from made_files import drawn, encoded, LINES, pdf, read_bytes

from cancer_staging.reading import ocr as ocr_module
from cancer_staging.reading import pdf as pdf_module
from cancer_staging.reading.ocr import available_engines, is_noise
from cancer_staging.reading.pdf import read_image, read_pdf
from cancer_staging.reading.reports import plan_inputs, read_reports
from cancer_staging.runs import InputError

PROJECT = Path(__file__).resolve().parent.parent


DATA = Path(os.environ.get("CANCER_STAGING_DATA", PROJECT.parent / "shared" / "data"))


needs_engine = pytest.mark.skipif(not available_engines(), reason="no OCR engine on this machine")


needs_tesseract = pytest.mark.skipif("tesseract" not in available_engines(), reason="tesseract is not on this machine")


needs_rapidocr = pytest.mark.skipif("rapidocr" not in available_engines(), reason="rapidocr is not on this machine")


needs_data = pytest.mark.skipif(not (DATA / "pdf").is_dir(), reason=f"the test bed is not at {DATA}")


def test_a_text_layer_is_read_without_ocr(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf_module, "ocr_image", None)
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
    monkeypatch.setattr(ocr_module, "available_engines", lambda: ())
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


@pytest.mark.parametrize("engine", [pytest.param("tesseract", marks=needs_tesseract), pytest.param("rapidocr", marks=[needs_rapidocr, pytest.mark.slow])])
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

    scans = [drawn().convert("1"), drawn(LINES[::-1]).convert("1")]
    first, second = read_image(encoded(scans[0], "TIFF", save_all=True, append_images=scans[1:]))
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
    monkeypatch.setattr(ocr_module, "OCR_PAGE_SECONDS", 0.2)
    report = read_bytes(tmp_path, "scan.png", encoded(drawn(), "PNG"), ocr="tesseract")
    assert report.status == "error" and "took more than" in report.error


@pytest.mark.slow
@needs_rapidocr
def test_rapidocr_needs_no_network_and_keeps_quiet(tmp_path):
    (tmp_path / "scan.png").write_bytes(encoded(drawn(), "PNG"))
    script = """
import socket, sys
def refuse(*given, **named): raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from cancer_staging.reading.reports import read_reports
(report,) = read_reports(sys.argv[1], ocr="rapidocr")
assert report.status == "ok" and "pT3a" in report.text, report
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "scan.png")], capture_output=True, text=True, cwd=PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_data
def test_the_real_pdfs_have_a_text_layer_that_is_used():
    found = {report.report_id: report for report in read_reports(DATA / "pdf", ocr="never")}
    assert len(found) == 11 and all(report.status == "ok" for report in found.values())
    for name, stated in (("prostate", "pT3a"), ("uteri", "PATHOLOGIC STAGE (AJCC 7th Edition): pT3a pNl pMX"), ("lung-1", "pT2a NO")):
        assert stated in found[name].text
    assert "Histologic Grade: G3: Poorly differentiated" in found["ovary1"].text


@pytest.mark.slow
@needs_data
@needs_tesseract
def test_ocr_of_the_real_pdfs_says_what_their_text_layers_say():
    for name, stated in (("kidney", "pT1a"), ("prostate", "pT3a"), ("lung-1", "pT2a NO"), ("uteri", "pT3a pNl pMX")):
        (report,) = read_reports(DATA / "pdf" / f"{name}.pdf", ocr="tesseract")
        (always,) = read_reports(DATA / "pdf" / f"{name}.pdf", ocr="always")
        assert stated in report.text and stated in always.text
