"What a table costs: damage is counted, a long cell is cut before it is held, and rows stream."

import json
import re
import subprocess
import sys

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cancer_staging.reading.columns import TableColumns
from cancer_staging.reading.content import Origin
from cancer_staging.reading.tables import read_rows, table_columns
from cancer_staging.runs import ReadError

COLUMNS = TableColumns("text", "id")
LONG = 74_000_000  # characters


def grouped(path, compression="snappy", use_dictionary=True):
    "Twelve rows in groups of four."
    table = pyarrow.table({"id": [f"case {number}" for number in range(1, 13)], "text": [f"report {number}, pT{number % 4} " * 40 for number in range(1, 13)]})
    parquet.write_table(table, path, row_group_size=4, compression=compression, use_dictionary=use_dictionary, write_page_checksum=True)
    return [f"report {number}, pT{number % 4} " * 40 for number in range(1, 13)]


def chunk(path, name):
    "Where the second group's column of texts begins, its first data page, and its end."
    column = parquet.ParquetFile(path).metadata.row_group(1).column(1)
    assert column.path_in_schema == name
    start = column.dictionary_page_offset or column.data_page_offset
    return start, column.data_page_offset, start + column.total_compressed_size


DAMAGE = {
    "a page": lambda data, start, page, end: data.__setitem__(slice(end - 10, end), bytes(10)),
    "a page header": lambda data, start, page, end: data.__setitem__(slice(page, page + 10), b"\xff" * 10),
    "a dictionary page": lambda data, start, page, end: data.__setitem__(slice(start + 30, start + 40), bytes(10)),
    "a dictionary header": lambda data, start, page, end: data.__setitem__(slice(start, start + 10), bytes(10)),
    "the whole column": lambda data, start, page, end: data.__setitem__(slice(start, end), b"\xff" * (end - start)),
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("compression", ["snappy", "none", "zstd"])
def test_a_damaged_row_group_is_counted_and_the_others_are_read(tmp_path, what, compression):
    path = tmp_path / "cases.parquet"
    texts = grouped(path, compression)
    data = bytearray(path.read_bytes())
    DAMAGE[what](data, *chunk(path, "text"))
    path.write_bytes(data)
    rows = list(read_rows(str(path), "parquet", COLUMNS))
    assert [row.text for row in rows] == [*texts[:4], "", *texts[8:]]
    assert (rows[4].number, rows[4].problem) == (5, "rows 5 to 8 are damaged: get the table again from its source")
    assert rows[5].number == 9


@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_damage_to_parquet_loses_a_row_in_silence(tmp_path_factory, place, noise):
    path = tmp_path_factory.mktemp("parquet") / "cases.parquet"
    texts = grouped(path)
    data = bytearray(path.read_bytes())
    start, _, end = chunk(path, "text")
    place = start + place % (end - start)
    noise = noise[: end - place]
    data[place : place + len(noise)] = noise
    path.write_bytes(data)
    rows = list(read_rows(str(path), "parquet", COLUMNS))
    lost = [re.match(r"rows? (\d+)(?: to (\d+))? (?:is|are) damaged", row.problem).groups() for row in rows if row.problem]
    gone = {number for first, last in lost for number in range(int(first), int(last or first) + 1)}
    assert gone <= {5, 6, 7, 8}
    assert sorted(gone | {row.number for row in rows if not row.problem}) == list(range(1, 13))
    assert all(row.text == texts[row.number - 1] for row in rows if row.number not in range(5, 9))


def test_text_that_is_not_utf_8_is_read_as_the_encoding_it_is_in(tmp_path):
    path = tmp_path / "cases.parquet"
    table = pyarrow.table({"id": ["a", "b", "c"], "text": ["pT1", "Gr\u00f6\u00dfe pT2", "pT3"]})
    parquet.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    path.write_bytes(path.read_bytes().replace("Größe".encode(), b"Gr\xf6 \xdfe "))
    assert [(row.text, row.problem) for row in read_rows(str(path), "parquet", COLUMNS)] == [("pT1", None), ("Grö ße  pT2", None), ("pT3", None)]


def test_a_footer_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "nothing.parquet"
    parquet.write_table(pyarrow.table({"text": pyarrow.nulls(5_000_000, pyarrow.string())}), path)
    assert path.stat().st_size < 12_000
    with pytest.raises(ReadError, match="or damaged: get it again from its source"):
        table_columns(str(path), "parquet")
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match="or damaged: get it again from its source"):
        table_columns(str(tmp_path / "cut.parquet"), "parquet")


def test_rows_too_long_to_be_read_together_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("cancer_staging.reading.parquet.PAGE_BYTES", 40_000)
    path = tmp_path / "cases.parquet"
    with parquet.ParquetWriter(path, pyarrow.schema({"id": pyarrow.string(), "text": pyarrow.string()})) as writer:
        for rows in (1, 11, 1):
            writer.write_table(pyarrow.table({"id": ["a"] * rows, "text": [f"{row} " + "pT1 " * 1_250 for row in range(rows)]}))
    first, second, third = read_rows(str(path), "parquet", COLUMNS)
    assert (first.number, first.text[:5], third.number, third.text[:5]) == (1, "0 pT1", 13, "0 pT1")
    assert second.problem == "rows 2 to 12 are too long to be read together: write the table with row groups of one row and run again"


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_rows_say_where_they_come_from(tmp_path, kind):
    row = {"id": "1", "MRN": "00123", "Accession No.": "S24-1203", "Signed Date": "20240301", "text": "pT1"}
    path = tmp_path / f"cases.{kind}"
    if kind == "jsonl":
        path.write_text(json.dumps(row) + "\n")
    elif kind == "parquet":
        parquet.write_table(pyarrow.table({name: [value] for name, value in row.items()}), path)
    else:
        path.write_text("\n".join("\t".join(cells) if kind == "tsv" else ",".join(cells) for cells in (row, row.values())) + "\n")
    columns = TableColumns("text", "id", "MRN", "Accession No.", "Signed Date")
    (found,) = read_rows(str(path), kind, columns)
    assert (found.report_id, found.text, found.origin) == ("1", "pT1", Origin("2024-03-01", "00123", "S24-1203"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_json_lines_in_other_encodings(tmp_path, encoding):
    (tmp_path / "cases.jsonl").write_bytes('{"id": 1, "text": "Größe"}\r\n\r\n{"id": 2, "text": "pT2"}'.encode(encoding))
    assert [(row.number, row.report_id, row.text) for row in read_rows(str(tmp_path / "cases.jsonl"), "jsonl", COLUMNS)] == [(1, "1", "Größe"), (3, "2", "pT2")]


@given(st.text(alphabet='ab"\\\n\u00e4\U0001f600', max_size=40), st.integers(1, 50), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_long_line_of_json_is_cut_where_it_still_is_json(text, size, ascii_only):
    from cancer_staging.reading.jsonlines import cut_strings

    line = json.dumps({"a": "x", "text": text, "b": [1, text]}, ensure_ascii=ascii_only)
    pieces = [line[start : start + size] for start in range(0, len(line), size)]
    assert json.loads("".join(cut_strings(pieces, 1_000))) == {"a": "x", "text": text, "b": [1, text]}
    cut = json.loads("".join(cut_strings(pieces, 6)), strict=False)
    assert text.startswith(cut["text"].encode("utf-16", "surrogatepass").decode("utf-16", "ignore")) and cut["a"] == "x"


MEASURE = """
import json, pathlib, re, sys
from cancer_staging.reading.columns import TableColumns
from cancer_staging.reading.tables import read_rows
kind = sys.argv[1]
if kind == "parquet":
    import pyarrow.parquet
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024
start, count, lengths = peak(), 0, []
for row in read_rows(sys.argv[2], kind, TableColumns("text", "id")):
    count, lengths = count + 1, [*lengths[:9], len(row.text)]
print(json.dumps([count, lengths, peak() - start]))
"""


def measured(kind, path):
    "Rows, lengths of texts, and MB that reading took at its peak."
    return json.loads(subprocess.run([sys.executable, "-c", MEASURE, kind, str(path)], check=True, stdout=subprocess.PIPE).stdout)


def long_table(path, kind, one_line, times):
    "Rows of `LONG` characters between two short ones."
    text = "The margins of resection are free of tumor. ".ljust(50, "x")[:49] + (" " if one_line else "\n")
    text = text * (LONG // 50)
    if kind == "parquet":
        with parquet.ParquetWriter(path, pyarrow.schema({"id": pyarrow.string(), "text": pyarrow.string()})) as writer:
            for cell in ("pT1", *[text] * times, "pT2"):
                writer.write_table(pyarrow.table({"id": ["a"], "text": [cell]}))
        return
    with open(path, "w") as file:
        if kind == "jsonl":
            for cell in ("pT1", *[text] * times, "pT2"):
                file.write(json.dumps({"id": "a", "text": cell}) + "\n")
        else:
            between = "\t" if kind == "tsv" else ","
            file.write(f"id{between}text\na{between}pT1\n")
            for _ in range(times):
                file.write(f'a{between}"{text}"\n')
            file.write(f"a{between}pT2\n")


measures = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of memory from /proc")


@measures
@pytest.mark.parametrize(("kind", "one_line", "times", "most"), [("csv", True, 3, 80), ("csv", False, 1, 80), ("tsv", True, 1, 80), ("jsonl", True, 3, 160), ("jsonl", False, 1, 160), ("parquet", True, 3, 330)])
def test_a_cell_of_74_megabytes_costs_about_its_bytes_and_four_times_that_in_parquet(tmp_path, kind, one_line, times, most):
    path = tmp_path / f"long.{kind}"
    long_table(path, kind, one_line, times)
    count, lengths, cost = measured(kind, path)
    assert (count, lengths[0], lengths[-1]) == (times + 2, 3, 3)
    assert all(4_999_000 < length <= 5_000_000 for length in lengths[1:-1])
    print(f"{cost} MB")
    assert cost < most


@measures
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_hundred_thousand_rows_stream(tmp_path, kind):
    path, text = tmp_path / f"rows.{kind}", "Colon, resection: adenocarcinoma, pT3 pN0. " * 20
    if kind == "parquet":
        parquet.write_table(pyarrow.table({"id": [str(row) for row in range(100_000)], "text": [f"{row} {text}" for row in range(100_000)]}), path)
    else:
        with open(path, "w") as file:
            file.write("" if kind == "jsonl" else "id,text\n" if kind == "csv" else "id\ttext\n")
            for row in range(100_000):
                file.write(f'{{"id": {row}, "text": "{row} {text}"}}\n' if kind == "jsonl" else f'{row}{"," if kind == "csv" else chr(9)}"{row} {text}"\n')
    count, lengths, cost = measured(kind, path)
    print(f"{cost} MB")
    assert count == 100_000 and cost < 60
