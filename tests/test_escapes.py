"Ids, errors, file names and words of reports come from elsewhere: a terminal, a page and a spreadsheet show them and do nothing."
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cancer_staging import Stager
from cancer_staging.cli import app
from cancer_staging.display import report_html
from cancer_staging.fields import FIELDS, staged_columns
from cancer_staging.staged import batch_csv, batch_jsonl, read_staged, write_table
from cancer_staging.stager import reports_of_frame
from cancer_staging.visible import visible

STAGER = Stager.from_pretrained("rules")
STEERS = [*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), "\u061c", "\u200b", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ufeff", "\U000e0041"]


def staged(ids, text="pT2 N0 M0"):
    "A batch of reports of these ids, that no reader has cleaned."
    batch = STAGER.stage_batch(list(reports_of_frame(pl.DataFrame({"text": [text] * len(ids)}))))
    return batch.set_column(0, "report_id", pl.Series(ids, dtype=pl.String).to_arrow().cast(batch.schema.field(0).type))


def shown(*arguments):
    result = CliRunner().invoke(app, ["show", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("char", STEERS, ids=ascii)
def test_what_steers_or_hides_is_written_as_its_code(char):
    assert visible(f"a{char}b") == f"a{ascii(char)[1:-1]}b"


@pytest.mark.parametrize("text", ["a[/b] = \\x1b", "Größe ≥ 5 µm", "肺癌 3\u3000cm", "سرطان", "e\u0301", "😀", ""])
def test_what_can_be_seen_stays(text):
    assert visible(text) == text


def test_visible_keeps_what_is_asked_for():
    assert visible("a\tb\nc\r", keep="\n\t") == "a\tb\nc\\r"


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("more", [(), ("--evidence",)])
def test_show_neither_obeys_an_id_nor_reads_markup_in_it(tmp_path, suffix, more):
    path = tmp_path / f"staged{suffix}"
    write_table([staged(["a[/b]", "[red]x", "b\x1b[2J", "c\u202ed", "e\x9bf", ":smile:"])], path, suffix)
    printed = shown(str(path), *more)
    for told in ("a[/b]", "[red]x", r"b\x1b[2J", r"c\u202ed", r"e\x9bf", ":smile:"):
        assert told in printed
    assert not {"\x1b", "\u202e", "\x9b"} & set(printed)


def test_show_shows_words_of_a_report_as_they_are_and_obeys_none(tmp_path):
    path = tmp_path / "staged.parquet"
    write_table([staged(["one"], text="Tumor size: 2\u200e.5 cm. pT2 (\x1b[31m) [bold]N0")], path, ".parquet")
    frame = pl.read_parquet(path).with_columns(error=pl.lit("no file \x1b]0;x\x07[/y]"), t_evidence=pl.lit([{"start": 0, "end": 5, "text": "p\x1bT2[/x]"}], dtype=pl.read_parquet(path).schema["t_evidence"]))
    frame.write_parquet(path)
    assert r"p\x1bT2[/x]" in shown(str(path), "--evidence") and r"no file \x1b]0;x\x07[/y]" in shown(str(path), "--fields", "t")


def test_a_message_about_a_file_sends_nothing_to_the_terminal(tmp_path):
    result = CliRunner().invoke(app, ["show", str(tmp_path / "a\x1b[2J\u202eb.parquet")])
    assert result.exit_code == 2 and r"a\x1b[2J\u202eb.parquet" in result.stderr and "\x1b" not in result.stderr
    result = CliRunner().invoke(app, ["stage", str(tmp_path / "a\x1b\udc80.txt")])
    assert result.exit_code == 2 and r"a\x1b\udc80.txt" in result.stderr


def test_a_page_shows_every_character_and_runs_none():
    text = "Invasive carcinoma <script>\x1b[2J\u202e pT2 N0"
    page = report_html(STAGER.stage(text, report_id="<b>\u202ex\x07"))
    assert "&lt;b&gt;\\u202ex\\x07" in page and "&lt;script&gt;\\x1b[2J\\u202e" in page and "<script>" not in page
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert "seen.\n\tNothing" in report_html(STAGER.stage("None seen.\n\tNothing else."))  # lines stay lines


CELLS = [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@sum", "'@sum"), ("'=1", "''=1"), ("''=1", "'''=1"), ("\t=1", "'\t=1"), ("\r", "'\r"), ("'", "'"), ("'a", "'a"), ("a=1", "a=1"), (" =1", " =1"), ("1", "1")]


@pytest.mark.parametrize("report_id, cell", CELLS)
def test_a_spreadsheet_runs_no_cell(tmp_path, report_id, cell):
    import csv
    import io

    row = next(csv.reader(io.StringIO(batch_csv(staged([report_id])), newline="")))
    assert row[0] == cell
    values = dict(zip(staged_columns(), row))
    assert (values["t"], values["t_detail"], values["t_evidence"]) == ("T2", "pT2", '[{"start": 0, "end": 3, "text": "pT2"}]')  # labels and lists stay as they are
    path = tmp_path / "staged.csv"
    write_table([staged([report_id])], path, ".csv")
    assert read_staged(path)["report_id"].to_list() == [report_id]


IDS = st.text(st.sampled_from("'=+-@\t\r\n\",; a1＝\x1b\x85\x7f\u202e\u2028"), min_size=1, max_size=6) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(IDS, min_size=1, max_size=4))
def test_every_id_comes_back_from_a_spreadsheet(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("tables") / "staged.csv"
    write_table([staged(ids)], path, ".csv")
    assert read_staged(path)["report_id"].to_list() == ids


def test_a_table_in_csv_has_the_values_of_the_one_in_parquet(tmp_path):
    ids = ["=A1", "'@b", "-3", "plain", "\x1b[0m"]
    text = "FINAL DIAGNOSIS: Breast, left: invasive ductal carcinoma, grade 2, 2.5 cm. pT2 N1 M0. ER positive (90%), HER2 1+. Lymph nodes: 7/5 positive."
    columns = [column for name in FIELDS for column in (name, f"{name}_detail", f"{name}_basis", f"{name}_confidence", f"{name}_evidence")]
    for suffix in (".csv", ".jsonl", ".parquet"):
        write_table([staged(ids, text)], tmp_path / f"staged{suffix}", suffix)
    tables = [read_staged(tmp_path / f"staged{suffix}").select("report_id", "status", "error", "reportable", *columns).rows() for suffix in (".csv", ".jsonl", ".parquet")]
    assert tables[0] == tables[1] == tables[2] and [row[0] for row in tables[0]] == ids


def test_json_lines_hold_nothing_that_steers_a_terminal():
    ids = [f"a{char}b" for char in STEERS]
    lines = batch_jsonl(staged(ids))
    assert set(lines) & (set(STEERS) - {"\u200b", "\ufeff", "\U000e0041"}) == {"\n"}
    assert [json.loads(line)["report_id"] for line in lines.split("\n")[:-1]] == ids
    assert r'"a\u009bb"' in lines and r'"a\u001bb"' in lines and r'"a\u202eb"' in lines
