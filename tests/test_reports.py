"Reading reports: every fault is a row, every misuse is refused before any work."

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from made_files import LINES, SUFFIXES, drawn, encoded, pdf, read_bytes, write_table, zero_pages

from cancer_staging.reading import documents, reports
from cancer_staging.reading.content import Content
from cancer_staging.reading.ocr import available_engines
from cancer_staging.reading.reports import plan_inputs, read_reports, Report
from cancer_staging.runs import InputError

PROJECT = Path(__file__).resolve().parent.parent


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
        ("a.txt", b"PK\x03\x04rest", "error", "zip"),
        ("a.txt", b"%PDF-1.4", "error", "incomplete, its end is missing: get it again"),
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
        ("a.csv", b"PK\x03\x04rest", "error", "zip"),
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

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied") if path.name == "a.txt" else FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "open", refuse)
    first, second = read_reports(plan)
    assert first.status == "error" and "change its permissions" in first.error
    assert second.status == "error" and "No such file" in second.error


def test_what_nobody_foresaw_is_a_row_without_the_text(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("pT1")

    def surprise(data):
        raise RuntimeError("Mrs Example, born 1950, pT1")

    monkeypatch.setattr(documents, "decode_text", surprise)
    (report,) = read_reports(tmp_path)
    assert report.status == "error" and "RuntimeError" in report.error and "Example" not in report.error


# Inputs


def test_folders_and_globs_in_natural_order(tmp_path):
    for name in ("b/case10.txt", "b/case2.TXT", "a.md", ".hidden/x.txt", ".y.txt", "__MACOSX/z.txt", "~$c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    plan = plan_inputs(tmp_path)
    assert [Path(part.path).name for part in plan.parts] == ["a.md", "case2.TXT", "case10.txt"]
    assert {kind: [Path(path).name for path in paths] for kind, paths in plan.skipped_by_kind.items()} == {"files of the system": ["__MACOSX"], "hidden files and folders": [".hidden", ".y.txt", "~$c.txt"]}
    assert plan.count == 3
    plan = plan_inputs([tmp_path / "b", tmp_path / "*.md", tmp_path / "**" / "case*.txt"])
    assert [Path(part.path).name for part in plan.parts] == ["case2.TXT", "case10.txt", "a.md", "case10.txt"]


def test_an_earlier_output_in_the_folder_is_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("pT1")
    (tmp_path / "staged.csv").write_text("report_id,status,error,t,t_evidence\na,ok,,,[]\n")
    plan = plan_inputs(tmp_path)
    assert plan.count == 1 and plan.skipped_by_kind == {"staged tables": (str(tmp_path / "staged.csv"),)}


def test_a_name_with_glob_characters_is_a_file_first(tmp_path):
    (tmp_path / "case [1].txt").write_text("pT1")
    assert plan_inputs(tmp_path / "case [1].txt").count == 1


def test_what_cannot_be_read_is_refused_before_any_work(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    (tmp_path / "a.txt").write_text("pT1")
    for given_input, told in (
        (tmp_path / "missing.txt", "does not exist: check the path"),
        (tmp_path / "*.pdf", "no file matches"),
        (tmp_path / "a.bin", "a kind that is not read (.bin): leave it out, or save it as one of txt, pdf"),
        (tmp_path / "empty", "there is no report in"),
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

    def load(path, kind, ocr, limits):
        read.append(Path(path).stem)
        return Content(f"report {Path(path).stem}")

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
    script = "import sys, cancer_staging.reading.reports; print(*({'PIL', 'pypdfium2', 'pyarrow', 'polars', 'numpy', 'rapidocr'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == ""
