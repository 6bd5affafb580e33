"Tables: every row comes out, and a row that cannot be read says what to do."

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_files import SUFFIXES, write_table

from cancer_staging.reading.reports import plan_inputs, read_reports
from cancer_staging.runs import InputError


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
        read_reports(tmp_path / "cases.csv")
    (row,) = read_reports(tmp_path)  # in a folder it does not stop the others
    for told in (str(refusal.value), row.error):
        assert "Example" not in told and "characters)" in told


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
    assert plan_inputs(path).parts[0].columns.text == "ocr_text"
    with pytest.raises(InputError, match="'text' of .* does not hold text"):
        plan_inputs(path, text_column="text")


def test_csv_faults_are_rows_and_lose_nothing(tmp_path):
    data = b'id;text\r\n1;pT1 \x96 N0\r\n\r\n2\r\n3;cut; in two\r\n4;"open\r\n5;kept\r\n6;kept\r\n'
    (tmp_path / "cases.csv").write_bytes(data)
    found = list(read_reports(tmp_path))
    assert [(report.report_id, report.status) for report in found] == [("1", "ok"), ("2", "error"), ("3", "error"), ("4", "error"), ("5", "ok"), ("6", "ok")]
    assert found[0].text == "pT1 – N0"
    assert "ends before the column 'text'" in found[1].error
    assert "3 cells, the header 2: put the text in double quotes" in found[2].error
    assert "line 6 opens a quote that is not closed" in found[3].error
    assert found[4].text == "kept"


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
