"CSV and TSV: Python's own rules for what is well-formed, and a broken quote costs its own row."

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging.reading import delimited
from cancer_staging.reading.columns import TableColumns
from cancer_staging.reading.content import Origin
from cancer_staging.reading.delimited import csv_header, csv_rows, Record
from cancer_staging.reading.limits import Limits

COLUMNS = TableColumns("text", "id")


def read(folder, data, columns=COLUMNS, limits=Limits()):
    "Id and text of each row, or id and None where it has a problem; and the problems."
    path = folder / "cases.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    rows = list(csv_rows(str(path), columns, limits))
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return [(row.report_id, None if row.problem else row.text) for row in rows], [row.problem for row in rows if row.problem]


BROKEN = {
    "the next row is quoted": ('1,"one\n2,"two"\n3,three\n', [("1", None), ("2", "two"), ("3", "three")], "line 2 opens"),
    "no quote follows": ('1,"one\n2,two\n3,three\n', [("1", None), ("2", "two"), ("3", "three")], "line 2 opens"),
    "the broken text has lines": ('1,"one\nmore, of it\nand more\n2,"two"\n3,"three"\n', [("1", None), ("2", "two"), ("3", "three")], "lines 2 to 4 run"),
    "the next text has lines": ('1,"one\n2,"two\nmore"\n3,"three"\n', [("1", None), ("2", "two\nmore"), ("3", "three")], "line 2 opens"),
    "an empty text follows": ('1,"one\n2,""\n3,"three"\n', [("1", None), ("2", ""), ("3", "three")], "line 2 opens"),
    "a doubled quote at the end": ('1,"one""\n2,"two"\n3,"three"\n', [("1", None), ("2", "two"), ("3", "three")], "line 2 opens"),
    "two in a row": ('1,"one\n2,"two\n3,"three"\n', [("1", None), ("2", None), ("3", "three")], "line 2 opens"),
    "the last row": ('1,one\n2,"two\nmore\n', [("1", "one"), ("2", None)], "lines 3 to 4 run"),
    "a quote within a text of lines": ('1,"one\nso-"called\nend"\n2,"two"\n', [("1", None), ("2", "two")], "lines 2 to 4 run"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_open_quote_costs_its_own_row(tmp_path, name, ends):
    body, expected, told = BROKEN[name]
    found, problems = read(tmp_path, ("id,text\n" + body).replace("\n", ends))
    assert found == expected
    assert told in problems[0] and "close it, or double the quotes inside the text" in problems[0]


def test_every_cell_quoted_and_other_columns(tmp_path):
    table = 'mrn,text,day,id\n"m1","one, two",2024-03-01,"1"\n"m2","two,2024-03-02,"2"\n"m3","three",2024-03-03,"3"\n"m4","a ""b""",2024-03-04,"4"\n'
    found, problems = read(tmp_path, table)
    assert found == [("1", "one, two"), (None, None), ("3", "three"), ("4", 'a "b"')]
    assert problems == ["line 3 opens a quote that is not closed: close it, or double the quotes inside the text, and run again"]


def test_well_formed_and_sloppy_texts_read_as_python_reads_them(tmp_path):
    body = '1,"a line\n2,that looks like a row\n3,""and another\n"\n2,the "so-called" margin\n3,"Fuhrman" grade 3\n4,"a" b "c"\n\n5,"sloppy" of\n6,"x"\n'
    found, problems = read(tmp_path, "id,text\n" + body)
    assert found == [
        ("1", 'a line\n2,that looks like a row\n3,"and another\n'),
        ("2", 'the "so-called" margin'),
        ("3", "Fuhrman grade 3"),
        ("4", 'a b "c"'),
        ("5", "sloppy of"),
        ("6", "x"),
    ]
    assert problems == []


@given(st.text(alphabet='1,"a \n', max_size=14), st.integers(0, 14))
@settings(max_examples=500, deadline=None)
def test_a_record_follows_the_rules_of_csv(text, cut):
    lines = text.splitlines(keepends=True) or ["\n"]
    reader = csv.reader(iter(lines))
    cells = next(reader) or [""]
    own = "".join(lines[: reader.line_num])
    record = Record(",", 100)
    record.feed(own[:cut])
    record.feed(own[cut:])
    try:
        next(csv.reader(own.splitlines(keepends=True), strict=True))
        refused = False
    except csv.Error as error:
        refused = "expected after" in str(error)
    assert record.sloppy == refused
    assert record.finish() == cells


TEXTS = st.lists(st.text(alphabet='ab,.-" ', min_size=1, max_size=12).map(lambda text: "x" + text.replace(",", ", ")), min_size=1, max_size=3).map("\n".join)


@given(st.lists(TEXTS, min_size=3, max_size=8), st.integers(0, 7), st.sampled_from(["begins", "unclosed", "ends"]), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=300, deadline=None)
def test_a_quote_that_is_opened_costs_its_row_and_at_most_its_neighbour(tmp_path_factory, texts, where, how, ends):
    where %= len(texts)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=ends).writerow(["number", "id", "text"])
    for number, text in enumerate(texts):
        plain = text.replace('"', '""').replace("\n", ends)
        written = {"begins": f'"{text.splitlines()[0]}', "unclosed": f'"{plain}', "ends": f'"{plain}""'}[how] if number == where else f'"{plain}"'
        buffer.write(f"{number},case {number},{written}{ends}")
    found, problems = read(tmp_path_factory.mktemp("csv"), buffer.getvalue().encode())
    kept = {identifier: text for identifier, text in found if text is not None}
    for number, text in enumerate(texts):
        if number not in (where, where + 1):
            assert kept.get(f"case {number}") == text
    assert len(problems) <= 2 and all(text == texts[int(name[5:])] or int(name[5:]) == where for name, text in kept.items())


def test_rows_of_many_lines_survive_a_quote_that_opens_in_another_column(tmp_path):
    body = '"1,"head one","one\nmore"\n"2","head two","two\nmore"\n3,"head three,"three\nmore"\n4,"head four","four\nmore"\n'
    found, problems = read(tmp_path, "id,head,text\n" + body)
    assert [row for row in found if row[1]] == [("2", "two\nmore"), ("4", "four\nmore")] and len(problems) == 2


def hostile(rows):
    "A table in which each second line opens quotes that no strict reader and no end of line closes."
    return "id,text,note\n" + '1,"a","\n2,b,c\n' * rows


def test_lines_that_open_quotes_cost_no_more_than_their_length(tmp_path, monkeypatch):
    fed = []
    feed = Record.feed
    monkeypatch.setattr(Record, "feed", lambda record, piece: (fed.append(len(piece)), feed(record, piece))[1])
    work = []
    for rows in (1_000, 2_000):
        fed.clear()
        found, problems = read(tmp_path, hostile(rows))
        assert found.count(("2", "b")) == rows and len(problems) == rows
        work.append(sum(fed))
    assert work[1] < 2.2 * work[0]


def test_what_would_be_read_again_and_again_is_one_counted_range(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "PIECE", 64)
    monkeypatch.setattr(delimited, "READ_AGAIN", 0)
    body = "".join(f'{number},"open\n' + f"{number},b\n" * 40 for number in range(100))
    found, problems = read(tmp_path, "id,text\n" + body, limits=Limits(text_chars=10))
    assert len(found) < 4_000 and problems[-1].endswith(" to 4101 run together because a quote is opened and not closed: close it, or double the quotes inside the text, and run again")


def test_an_open_quote_in_the_header_is_its_own(tmp_path):
    found, problems = read(tmp_path, 'id,"text\n1,one\n2,two\n')
    assert (found, problems) == ([("1", "one"), ("2", "two")], [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_encodings_and_delimiters(tmp_path, encoding, delimiter):
    table = 'MRN\tReport date\tid\ttext\n00123\t01-Mar-2024\t1\t"Größe 2 cm,\npT1"\n00124\t03/04/2024\t2\tpT2; pN0\n'
    lines = table if delimiter != ";" else table.replace("pT2; pN0", '"pT2; pN0"')
    path = tmp_path / "cases.tsv"
    path.write_bytes(lines.replace("\t", delimiter).replace("\n", "\r\n").encode(encoding))
    assert csv_header(str(path)) == (["MRN", "Report date", "id", "text"], delimiter)
    first, second = csv_rows(str(path), TableColumns("text", "id", "MRN", report_date="Report date"))
    assert (first.text, second.text) == ("Größe 2 cm,\npT1", "pT2; pN0")
    assert first.origin == Origin("2024-03-01", "00123") and second.origin == Origin("03/04/2024", "00124")


def test_a_long_cell_is_cut_and_the_rest_of_its_row_is_read(tmp_path):
    body = '1,"%s",x\n2,%s,y\n3,"%s\n",z\n' % ('pT1 "" ' * 300_000, "pT1 pN0 " * 300_000, "line\n" * 300_000)
    path = tmp_path / "cases.csv"
    path.write_text("id,text,mrn\n" + body)
    rows = list(csv_rows(str(path), TableColumns("text", "id", "mrn"), Limits(text_chars=10)))
    assert [row.text for row in rows] == ['pT1 " pT1', "pT1 pN0", "line\nline"]
    assert rows[1].note == "the report has more than 10 characters, only the first 7 were staged: split it"
    assert [row.origin.patient_id for row in rows] == ["x", "y", "z"]
