"""The bundled example files: they are what `synthetic` says, and the scan can be read."""
import csv
import runpy
import shutil
from pathlib import Path

import pytest

from cancer_staging.reading.ocr import tesseract_text
from cancer_staging.corpora.synthetic import example_paths, EXAMPLES

TOOL = Path(__file__).resolve().parents[1] / "tools" / "make_examples.py"


def test_files_are_there_and_small():
    paths = example_paths()
    assert [path.name for path in paths] == ["breast_synoptic.txt", "colon_scan.pdf", "five_reports.csv", "kidney_parts.pdf", "lung_addendum.txt"]
    assert sum(path.stat().st_size for path in paths) < 400_000


def test_text_and_table_are_the_declared_reports():
    for path in example_paths():
        reports = EXAMPLES[path.name].reports
        if path.suffix == ".txt":
            assert path.read_text(encoding="utf-8") == reports[0].text + "\n"
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                assert list(csv.DictReader(file)) == [{"report_id": report.report_id, "text": report.text} for report in reports]


def test_text_pdf_has_its_text():
    pdfium = pytest.importorskip("pypdfium2")
    text = pdfium.PdfDocument(example_paths()[3])[0].get_textpage().get_text_range()
    assert "PATHOLOGIC STAGING: pT3a pN1." in text and "(1/4)" in text


def test_scan_has_no_text_layer_and_ocr_reads_its_stage():
    pdfium = pytest.importorskip("pypdfium2")
    page = pdfium.PdfDocument(example_paths()[1])[0]
    assert page.get_textpage().get_text_range().strip() == ""
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed")
    text = tesseract_text(page.render(scale=200 / 72).to_pil())
    gold = EXAMPLES["colon_scan.pdf"].reports[0].gold
    assert gold["t"].detail == "pT2" and gold["n"].detail == "pN1b"
    assert gold["t"].detail in text and gold["n"].detail in text and "(3/16)" in text


def test_tool_writes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("fpdf", reason="fpdf2 is not installed")
    monkeypatch.setattr("sys.argv", ["make_examples.py", str(tmp_path)])
    runpy.run_path(str(TOOL), run_name="__main__")
    for path in example_paths():
        if path.suffix in (".txt", ".csv"):
            assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        else:  # fonts and compression differ between library versions
            assert (tmp_path / path.name).read_bytes()[:5] == b"%PDF-"
