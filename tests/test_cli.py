"""The command line as a user meets it: exit codes, messages, what goes to stdout and what to stderr."""
import json
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.corpora.synthetic import example_paths
from cancer_staging.fields import FIELDS, staged_columns
from cancer_staging.staged import read_staged

TEXT = "LEFT BREAST, MASTECTOMY. Invasive ductal carcinoma. pT2 pN1a (2/14) pMX."


def run(*arguments):
    "Exit code, stdout and stderr of `cancer-staging`."
    done = subprocess.run([sys.executable, "-m", "cancer_staging", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def called(*arguments, **environment):
    "The same within this process."
    done = CliRunner(env=environment).invoke(app, list(map(str, arguments)))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "TCGA-AA-0001.txt"
    path.write_text(TEXT)
    return path


def test_stage_writes_the_table_and_says_so_on_stderr(report, tmp_path):
    code, out, err = run("stage", report, "--out", tmp_path / "staged.parquet")
    assert code == 0 and out == ""
    assert "1 reports: 1 ok" in err and "100.0%" in err
    assert pl.read_parquet(tmp_path / "staged.parquet")["report_id"].to_list() == ["TCGA-AA-0001"]


def test_without_out_json_lines_go_to_stdout(report):
    code, out, err = run("stage", report, "--quiet")
    row, = map(json.loads, out.splitlines())
    assert code == 0 and err == "" and row["t"] == "T2" and row["t_evidence"] == [{"start": 52, "end": 55, "text": "pT2"}]


def test_failed_rows_give_exit_code_1_and_are_in_the_output(report, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    code, out, err = run("stage", report, tmp_path / "empty.txt", "--out", tmp_path / "staged.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "staged.jsonl").read_text().splitlines()]
    assert code == 1 and [row["status"] for row in rows] == ["ok", "empty"]


@pytest.mark.parametrize("arguments, message", [
    (["stage"], "INPUT"),
    (["stage", "missing.txt", "--out", "x.parquet"], "missing.txt"),
    (["stage", "{report}", "--out", "{folder}/x.xlsx"], ".parquet"),
    (["stage", "{report}", "--out", "{folder}/no/such/x.csv"], "does not exist"),
    (["stage", "{report}", "--out", "{report}"], ".parquet"),
    (["stage", "{report}", "--ocr", "maybe"], "maybe"),
    (["stage", "{report}", "--model", "gpt"], "gpt"),
    (["stage", "{folder}/table.csv"], "remark"),
    (["stage", "{folder}/table.csv", "--text-column", "body"], "body"),
    (["stage", "{folder}/void"], "void"),
    (["stage", "{report}", "--workers", "0"], "workers"),
    (["stage", "{report}", "--edition", "5"], "edition"),
    (["stage", "{report}", "--min-confidence", "2"], "min-confidence"),
    (["show", "missing.parquet"], "missing.parquet"),
    (["show", "{folder}/table.csv"], "no staged table"),
    (["show", "{folder}/damaged.parquet"], "damaged"),
    (["show", "{folder}/damaged.jsonl"], "damaged"),
    (["unknown"], "unknown"),
    (["corpus", "tcga", "--reports", "missing.csv", "--out", "{folder}/c.parquet"], "missing.csv"),
])
def test_bad_usage_gives_exit_code_2_and_one_clear_line(report, tmp_path, arguments, message):
    (tmp_path / "table.csv").write_text("patient,remark\n1,2\n")
    (tmp_path / "void").mkdir()
    (tmp_path / "damaged.parquet").write_text("no table")
    (tmp_path / "damaged.jsonl").write_text("no json")
    code, out, err = run(*(argument.format(report=report, folder=tmp_path) for argument in arguments))
    assert code == 2, err
    assert message in err + out and "Traceback" not in err


def test_an_existing_table_needs_overwrite(report, tmp_path):
    out = tmp_path / "staged.csv"
    assert run("stage", report, "--out", out)[0] == 0
    code, _, err = run("stage", report, "--out", out)
    assert code == 2 and "--overwrite" in err
    assert run("stage", report, "--out", out, "--overwrite")[0] == 0


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_show_prints_a_table_of_any_format(report, tmp_path, suffix):
    run("stage", report, "--out", tmp_path / f"staged.{suffix}")
    code, out, _ = run("show", tmp_path / f"staged.{suffix}", "--fields", "t,n", "--evidence")
    assert code == 0 and "pT2" in out and "pN1a" in out and "TCGA-AA-0001" in out


@pytest.mark.slow
def test_doctor_reports_the_model_as_ready():
    code, out, _ = run("doctor")
    assert code == 0 and any(line.startswith("yes") and "model default" in line for line in out.splitlines())


def test_no_report_text_on_stderr(tmp_path):
    (tmp_path / "a.txt").write_text("SECRETWORD pT2")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 SECRETWORD")
    code, _, err = run("stage", tmp_path / "a.txt", tmp_path / "b.pdf", "--out", tmp_path / "staged.parquet")
    assert code == 1 and "SECRETWORD" not in err


def test_thresholds_leave_out_labels(report, tmp_path):
    (tmp_path / "unsure.txt").write_text("Bladder, cystectomy: urothelial carcinoma infiltrating the muscularis propria. The ureteral margins are negative. The specimen is received fresh and the mucosa is ulcerated and red.")
    rows = {}
    for threshold in ("0", "0.999"):
        code, out, _ = run("stage", tmp_path / "unsure.txt", "--min-confidence", threshold, "--quiet")
        rows[threshold], = map(json.loads, out.splitlines())
        assert code == 0
    assert rows["0"]["t"] and rows["0.999"]["t"] is None and rows["0.999"]["t_confidence"] == rows["0"]["t_confidence"]
    code, _, err = run("stage", report, "--target-accuracy", "2")
    assert code == 2 and "target-accuracy" in err


def test_the_edition_is_asked_for_and_written_down(tmp_path):
    (tmp_path / "lung.txt").write_text("Lung, left upper lobe: adenocarcinoma, 4.5 cm. pT2a pN1 pM0")
    rows = [json.loads(run("stage", tmp_path / "lung.txt", "--quiet", *more)[1]) for more in ((), ("--edition", "7"))]
    assert [(row["stage_group_detail"], row["ajcc_edition"], row["ajcc_edition_basis"]) for row in rows] == [("IIB", "8", "assumed"), ("IIA", "7", "assumed")]  # T2a N1 by the manuals


@pytest.mark.slow
def test_the_doctor_names_the_extra_of_what_is_missing():
    hide = """
import importlib.util as util, sys
from importlib import metadata
found, version = util.find_spec, metadata.version
util.find_spec = lambda name, *more: None if name in ("torch", "pydicom") else found(name, *more)
def told(name):
    if name in ("torch", "bitsandbytes", "scikit-learn"):
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = told
from cancer_staging.cli import main
sys.argv = ["cancer-staging", "doctor"]
main()
"""
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True)
    lines = {" ".join(line[4:].split()[:2]): line for line in done.stdout.splitlines()}
    assert {name: lines[name][:3].strip() for name in ("model default", "model rules", "reads pdf", "reads docx", "reads hl7", "extra plots")} == dict.fromkeys(("model default", "model rules", "reads pdf", "reads docx", "reads hl7", "extra plots"), "yes")
    assert "missing torch: pip install 'cancer-staging[learn]'" in lines["extra learn"] and "missing bitsandbytes" in lines["extra qlora"] and "missing scikit-learn" in lines["extra metrics"]
    assert "[dicom]" in lines["reads dcm"] and all(lines[name].startswith("no ") for name in ("extra learn", "extra qlora", "extra metrics", "reads dcm"))

@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_show_only_what_needs_a_look(tmp_path, suffix):
    (tmp_path / "fine.txt").write_text("Colon: adenocarcinoma, pT3 pN0 (0/12).")
    (tmp_path / "odd.txt").write_text("Colon: adenocarcinoma, pT3. 7/5 nodes positive.")
    (tmp_path / "blank.txt").write_text(" ")
    out = tmp_path / f"staged.{suffix}"
    run("stage", *(tmp_path / f"{name}.txt" for name in ("fine", "odd", "blank")), "--out", out, "--model", "rules")
    code, checks, _ = run("show", out, "--only", "checks")
    assert code == 0 and "odd" in checks and "nodes_order" in checks and "7 nodes positive of 5 examined" in checks and "fine" not in checks
    code, failed, _ = run("show", out, "--only", "failed")
    assert code == 0 and "blank" in failed and "empty: there is no text" in failed and "odd" not in failed and "fine" not in failed


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_fewer_columns_for_a_spreadsheet(report, tmp_path, suffix):
    sets = {name: tmp_path / f"{name}.{suffix}" for name in ("narrow", "review", "full")}
    for name, out in sets.items():
        assert called("stage", report, "--out", out, "--columns", name)[0] == 0
    tables = {name: read_staged(out) for name, out in sets.items()}
    assert set(tables["full"].columns) - set(tables["review"].columns) == {f"{name}_probs" for name in FIELDS if FIELDS[name].kind == "label"}
    assert {"report_id", "status", "error", "t", "nodes_examined", "reportable", "ajcc_edition", "checks", "source"} <= set(tables["narrow"].columns)
    assert not [name for name in tables["narrow"].columns if name.endswith(("_detail", "_confidence", "_probs", "_evidence"))] and "t_basis" not in tables["narrow"].columns
    assert all(table["t"].to_list() == ["T2"] for table in tables.values())
    assert called("show", sets["narrow"])[1].split()[:2] == ["report", "T"] and "T2" in called("show", sets["narrow"])[1]
    assert "pT2" in called("show", sets["review"], "--evidence")[1]
    for command in (("show", sets["narrow"], "--evidence"), ("review", sets["narrow"], "--reports", report, "--out", tmp_path / "a.html")):
        code, _, err = called(*command)
        assert code == 2 and "--columns narrow" in err and err.count("\n") == 1
    assert called("review", sets["review"], "--reports", report, "--out", tmp_path / f"{suffix}.html")[0] == 0
    code, _, err = called("stage", report, "--columns", "wide")
    assert code == 2 and "narrow" in err


def test_fewer_columns_beside_kept_texts(report, tmp_path):
    out = tmp_path / "staged.parquet"
    assert called("stage", report, "--out", out, "--columns", "narrow", "--keep-text")[0] == 0
    assert pl.read_parquet(out).columns == list(staged_columns("narrow")) and pl.read_parquet(tmp_path / "staged.texts.parquet")["text"][0] == report.read_text()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_numbers_are_numbers(tmp_path, suffix):
    (tmp_path / "a.txt").write_text("Left breast, mastectomy: invasive ductal carcinoma, 2.45 cm. 3 of 14 lymph nodes are positive. Ki-67: 20%.")
    (tmp_path / "b.txt").write_text("Colon: adenocarcinoma, pT3.")
    out = tmp_path / f"staged.{suffix}"
    assert called("stage", tmp_path / "a.txt", tmp_path / "b.txt", "--out", out, "--model", "rules")[0] == 0
    names = ("tumor_size_mm", "nodes_positive", "nodes_examined", "ki67")
    table = read_staged(out).select(names)
    assert dict(table.schema) == {"tumor_size_mm": pl.Float64, "nodes_positive": pl.Int64, "nodes_examined": pl.Int64, "ki67": pl.Float64}
    assert table.rows() == [(24.5, 3, 14, 20.0), (None,) * 4]
    if suffix == "parquet":  # as an earlier version wrote them
        whole = pl.read_parquet(out)
        whole.with_columns(pl.col(names).cast(pl.String)).write_parquet(out)
        assert read_staged(out).select(names).rows() == [(24.5, 3, 14, 20.0), (None,) * 4]
        whole.with_columns(nodes_positive=pl.lit("several")).write_parquet(out)
        code, _, err = called("show", out)
        assert code == 2 and "words in a column of numbers" in err and "several" not in err


@pytest.mark.parametrize("width", [60, 80, 132])
def test_show_fits_the_terminal(tmp_path, width):
    out = tmp_path / "staged.parquet"
    assert called("stage", *example_paths(), "--out", out, "--quiet")[0] == 0
    frame = pl.read_parquet(out)
    for more in ((), ("--fields", "all"), ("--evidence",), ("--only", "checks")):
        lines = called("show", out, *more, COLUMNS=str(width))[1].splitlines()
        assert lines and max(map(len, lines)) <= width
        if "--fields" in more:  # nothing is lost for want of room
            assert all(report in "\n".join(lines) for report in frame["report_id"]) and all(FIELDS[name].title in "\n".join(lines) for name in FIELDS if frame[name].null_count() < frame.height)
