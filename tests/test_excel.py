"Workbooks: the sheet and header are found, cells are clean text, and none of them can take the run down."

import datetime
import zipfile

import pytest
import xlsxwriter
import xlwt

from cancer_staging.reading.columns import TableColumns
from cancer_staging.reading.content import Origin
from cancer_staging.reading.excel import excel_header, excel_rows
from cancer_staging.reading.limits import Limits
from cancer_staging.runs import ReadError

COLUMNS = TableColumns("Text", "Case", "MRN", "Accession No.", "Signed Date")
HEADER = ["Case", "MRN", "Accession No.", "Signed Date", "Text"]
ROWS = [[17, 123, "S24-1", datetime.datetime(2024, 3, 1), "pT1a,\n\"Fuhrman\" 2"], [], ["x-2", "00124", 7.5, datetime.datetime(2024, 3, 2, 14, 30), "Größe ≥ 2 cm"], ["x-3", True, None, "03/04/2024", None]]


def xlsx(path, sheets, hidden=()):
    "A workbook of sheets, name → rows."
    with xlsxwriter.Workbook(path) as book:
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            else:
                sheet.activate()
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write_datetime(row, column, cell, day) if isinstance(cell, datetime.datetime) else sheet.write(row, column, cell)
    return str(path)


def xls(path, rows):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Cases")
    day = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell, day) if isinstance(cell, datetime.datetime) else sheet.write(row, column, cell)
    book.save(path)
    return str(path)


def ods(path, rows, repeated=1):
    "The rows as OpenDocument; the last one stands so many times."
    def cell(value):
        if isinstance(value, bool):
            return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(value).lower()}"/>'
        if isinstance(value, (int, float)):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        if isinstance(value, datetime.datetime):
            return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat() if value.hour else value.date()}"/>'
        return "<table:table-cell/>" if value is None else '<table:table-cell office:value-type="string">' + "".join(f"<text:p>{line}</text:p>" for line in value.split("\n")) + "</table:table-cell>"

    last = len(rows) - 1
    body = "".join(f'<table:table-row table:number-rows-repeated="{repeated if number == last else 1}">{"".join(map(cell, cells)) or "<table:table-cell/>"}</table:table-row>' for number, cells in enumerate(rows))
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>')
        archive.writestr("content.xml", f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="S">{body}</table:table></office:spreadsheet></office:body></office:document-content>')
    return str(path)


def write(path, rows):
    return {"xlsx": lambda: xlsx(path, {"Cases": rows}), "xls": lambda: xls(path, rows), "ods": lambda: ods(path, rows)}[path.suffix[1:]]()


@pytest.mark.parametrize("suffix", ["xlsx", "xls", "ods"])
def test_the_same_rows_in_every_kind(tmp_path, suffix):
    path = write(tmp_path / f"cases.{suffix}", [HEADER, *ROWS])
    assert excel_header(path) == (HEADER, 3)
    rows = list(excel_rows(path, COLUMNS))
    assert [(row.number, row.report_id, row.text, row.problem) for row in rows] == [(1, "17", 'pT1a,\n"Fuhrman" 2', None), (2, "x-2", "Größe ≥ 2 cm", None), (3, "x-3", "", None)]
    assert [row.origin for row in rows[:2]] == [Origin("2024-03-01", "123", "S24-1"), Origin("2024-03-02", "00124", "7.5")]
    assert (rows[2].origin.patient_id.lower(), rows[2].origin.report_date) == ("true", "03/04/2024")


def test_a_workbook_under_the_name_of_another_kind(tmp_path):
    xlsx(tmp_path / "a.xlsx", {"Cases": [HEADER, *ROWS]})
    (tmp_path / "a.xlsx").rename(tmp_path / "a.xls")
    assert excel_header(str(tmp_path / "a.xls")) == (HEADER, 3)


def test_the_header_stands_below_a_title_and_the_sheet_behind_others(tmp_path):
    title = [["Report"], ["Exported 01.03.2024 by text search"], []]
    path = xlsx(tmp_path / "a.xlsx", {"About": [["Pathology", "2024"]], "Old": [["id", "text"], ["0", "old"]], "Cases": [*title, ["id", "text"], ["1", "pT1"]]}, hidden=["Old"])
    assert excel_header(path) == (["id", "text"], 1)
    assert [row.text for row in excel_rows(path, TableColumns("text", "id"))] == ["pT1"]
    hidden = xlsx(tmp_path / "b.xlsx", {"Old": [["id", "text"], ["0", "old"]], "About": [["Pathology", "2024"]]}, hidden=["Old"])
    assert [row.text for row in excel_rows(hidden, TableColumns("text", "id"))] == ["old"]


def test_the_column_that_is_named_finds_its_sheet(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", {"One": [["id", "text"], ["1", "pT1"]], "Two": [["All"], ["id", "Findings"], ["2", "pT2"]]})
    assert excel_header(path, "findings") == (["id", "Findings"], 1)
    assert [row.text for row in excel_rows(path, TableColumns("Findings", "id"))] == ["pT2"]


def test_a_sheet_without_reports_names_its_columns(tmp_path):
    assert excel_header(xlsx(tmp_path / "a.xlsx", {"One": [[], ["case", "body"], ["1", "pT1"]]})) == (["case", "body"], 1)


def refusal(path, limits=Limits()):
    with pytest.raises(ReadError) as refused:
        excel_header(str(path), None, limits)
    return str(refused.value)


def test_damaged_and_locked_workbooks_say_what_to_do(tmp_path):
    whole = open(xlsx(tmp_path / "a.xlsx", {"Cases": [HEADER, *ROWS]}), "rb").read()
    (tmp_path / "b.xlsx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.xls").write_bytes(b"<html><table><tr><td>text</td></tr></table></html>")
    (tmp_path / "d.xlsx").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5_000) + "EncryptedPackage".encode("utf-16-le") + bytes(5_000))
    (tmp_path / "e.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5_000))
    assert "save it as .xlsx and run again" in refusal(tmp_path / "b.xlsx")
    assert "save it as .xlsx and run again" in refusal(tmp_path / "c.xls")
    assert "password: save it without one" in refusal(tmp_path / "d.xlsx")
    assert "save it as .xlsx and run again" in refusal(tmp_path / "e.xls")
    assert "no cells" in refusal(xlsx(tmp_path / "f.xlsx", {"Empty": []}))


def test_sizes_are_looked_at_first(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", {"Cases": [["text"], ["pT1 " * 8_000]]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.bin", bytes(3 * 2**20))
    assert "unpacks to more than 2 MB" in refusal(path, Limits(unpacked_mb=2))
    (tmp_path / "b.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2 * 2**20))
    assert "more than 1 MB" in refusal(tmp_path / "b.xls", Limits(file_mb=1))


def test_a_cell_in_the_far_corner_is_refused(tmp_path):
    path = tmp_path / "far.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write("A1", "text")
        sheet.write("XFD1048576", "x")
    assert path.stat().st_size < 10_000 and "--limit memory_mb" in refusal(path)


def test_a_row_that_stands_a_million_times_is_refused(tmp_path):
    path = ods(tmp_path / "many.ods", [["text"], ["pT1 " * 1_000]], 1_000_000)
    assert "--limit memory_mb" in refusal(path)


def test_a_long_cell_is_cut(tmp_path):
    path = ods(tmp_path / "long.ods", [["text", "id"], ["pT1 pN0 " * 200_000, "a"], ["pT2", "b"]])
    first, second = excel_rows(path, TableColumns("text", "id"), Limits(text_chars=10))
    assert (first.text, first.note) == ("pT1 pN0", "the report has more than 10 characters, only the first 7 were staged: split it")
    assert (second.report_id, second.text) == ("b", "pT2")


def test_one_process_opens_one_workbook_after_the_other(tmp_path):
    "Starting one costs more than a small workbook does; one that was ended is replaced."
    from cancer_staging.reading import excel

    excel.end_openers()
    for number in range(3):
        xlsx(tmp_path / f"{number}.xlsx", {"Cases": [["id", "text"], [f"r{number}", "pT2 pN0"]]})
    told = []
    for number in range(3):
        assert [row.report_id for row in excel_rows(tmp_path / f"{number}.xlsx", TableColumns("text", "id"))] == [f"r{number}"]
        told.append(excel.IDLE[0].pid)
    assert len(excel.IDLE) == 1 and len(set(told)) == 1
    excel.IDLE[0].kill()
    excel.IDLE[0].wait()
    assert [row.report_id for row in excel_rows(tmp_path / "1.xlsx", TableColumns("text", "id"))] == ["r1"] and excel.IDLE[0].pid != told[0]
    excel.end_openers()
    assert excel.IDLE == []
