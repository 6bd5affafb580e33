"Whatever kind of file a report comes in, its row is the same; a folder of them never stops."
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from made_hospital_files import all_kinds, DETAILS, EXPECTED, LINES, ORIGIN, TEXT, WITH_ORIGIN, hl7_bytes, write_kinds

from cancer_staging.fields import FIELDS
from cancer_staging.reading.plan import plan_inputs
from cancer_staging.reading.reports import read_reports
from cancer_staging.runs import InputError
from cancer_staging.stager import Stager, stage_files

KINDS = list(all_kinds())


def run(*arguments) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "cancer_staging", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    "The report in every kind, staged by the default model with its texts kept."
    folder = tmp_path_factory.mktemp("kinds")
    for ending in KINDS:
        write_kinds(folder / "reports")
    out = folder / "staged.parquet"
    stage_files([folder / "reports" / f"one.{ending}" for ending in KINDS], out, keep_text=True, workers=1)
    return pl.read_parquet(out), pl.read_parquet(folder / "staged.texts.parquet")


@pytest.mark.parametrize("ending", KINDS)
def test_every_kind_of_file_gives_the_same_row(staged, ending):
    row = staged[0].row(KINDS.index(ending), named=True)
    assert row["status"] == "ok" and (row["error"] or "").partition(":")[0] in ("", "duplicate id")
    assert {name: row[name] for name in EXPECTED} == EXPECTED
    assert {name: row[f"{name}_detail"] for name in DETAILS} == DETAILS
    assert [row[f"{name}_basis"] for name in ("t", "n", "er")] == ["stated"] * 3
    assert [words["text"] for words in row["t_evidence"]] == ["pT2"] and [words["text"] for words in row["n_evidence"]] == ["pN1a"]
    assert row["report_id"].startswith("one")


@pytest.mark.parametrize("ending", KINDS)
def test_a_row_says_where_its_report_came_from(staged, ending):
    row = staged[0].row(KINDS.index(ending), named=True)
    assert f"one.{ending}" in row["source"]
    assert {name: row[name] for name in ORIGIN} == (ORIGIN if ending in WITH_ORIGIN or ending == "csv.gz" else dict.fromkeys(ORIGIN))
    assert row["page"] == ("1" if ending in ("pdf", "dcm") else None)


def test_the_kept_text_holds_all_evidence(staged):
    rows, texts = staged
    assert texts.columns == ["report_id", "source", "text", "page_starts"] and texts["report_id"].to_list() == rows["report_id"].to_list()
    for row, kept in zip(rows.iter_rows(named=True), texts.iter_rows(named=True)):
        for name in FIELDS:
            assert all(kept["text"][words["start"]:words["end"]] == words["text"] for words in row[f"{name}_evidence"])
    of_pdf = texts.row(KINDS.index("pdf"), named=True)
    assert of_pdf["page_starts"] == [{"page": 1, "start": 0}] and of_pdf["text"].split() == TEXT.split()


# A folder


DAMAGES = (lambda data, chance: data[: len(data) // 2], lambda data, chance: bytes(chance.randrange(256) for _ in range(600)), lambda data, chance: b"")


def fill(folder: Path, count: int) -> set[str]:
    "Writes `count` files of all kinds, every tenth damaged beyond reading; the names of the damaged ones."
    folder.mkdir()
    made, damaged = list(all_kinds().items()), set()
    for number in range(count):
        ending, data = made[number % len(made)]
        if number % 10 == 9:
            ending, data = ("pdf", "docx", "xlsx", "parquet", "zip")[number // 10 % 5], b""
            data = (all_kinds_cached()[ending][: 200], b"\x00\x01\x02\xff" * 150, b"")[number // 50 % 3]
            damaged.add(f"r{number:05}")
        (folder / f"r{number:05}.{ending}").write_bytes(data)
    return damaged


def all_kinds_cached(made={}) -> dict[str, bytes]:
    made.update({} if made else all_kinds())
    return made


SCRIPT = """
import sys
from pathlib import Path
from cancer_staging.stager import stage_files
summary = stage_files(sys.argv[1], sys.argv[2], model="rules", workers=1)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(summary.rows, summary.failed, int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_two_thousand_files_with_two_hundred_damaged(tmp_path):
    damaged, few = fill(tmp_path / "many", 2000), fill(tmp_path / "few", 400)
    told = {name: subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / name), str(tmp_path / f"{name}.parquet")], capture_output=True, text=True, check=True).stdout.split() for name in ("few", "many")}
    assert told["many"][:2] == ["2000", "200"] and told["few"][:2] == ["400", str(len(few))]
    assert int(told["many"][2]) - int(told["few"][2]) < 60  # MB: five times the files, and no more memory
    rows = pl.read_parquet(tmp_path / "many.parquet")
    failed = rows.filter(pl.col("status") != "ok")
    assert {name.partition("-")[0] for name in failed["report_id"]} == damaged and failed["error"].str.len_chars().min() > 10
    fine = rows.filter(pl.col("status") == "ok")
    assert set(fine["t_detail"]) == {"pT2"} and set(fine["n_detail"]) == {"pN1a"} and set(fine["nodes_examined"]) == {14}


def test_a_folder_never_stops(tmp_path):
    folder = tmp_path / "export"
    (folder / ".git").mkdir(parents=True)
    for name, data in {"a.txt": TEXT.encode(), "labels.csv": b"case,stage\n1,II\n", "model.bin": bytes(range(256)) * 20, "old.doc": b"\xd0\xcf\x11\xe0" + b"\0" * 600, "notes.json": b'{"a": 1}', "feed.xml": b"<feed/>", ".DS_Store": b"x", "Thumbs.db": b"x",
                       "earlier.csv": b"report_id,status,error,t,t_evidence\na,ok,,,[]\n", "earlier.csv.part": b"x", "z.txt": b"Colon: adenocarcinoma, pT3 pN0"}.items():
        (folder / name).write_bytes(data)
    (folder / "gone.txt").symlink_to(folder / "nowhere.txt")
    code, out, err = run("stage", folder, "--model", "rules")
    rows = {row["report_id"]: row for row in map(json.loads, out.splitlines())}
    assert code == 1 and list(rows) == ["a", "feed", "gone", "labels", "model", "notes", "old", "z"]
    assert {name: row["status"] for name, row in rows.items()} == {"a": "ok", "z": "ok", **dict.fromkeys(("feed", "gone", "labels", "model", "notes", "old"), "error")}
    for name, words in {"feed": "neither a CDA document", "gone": "a link to nothing", "labels": "its columns are case, stage", "model": "a kind that is not read (.bin)", "notes": "no FHIR resource", "old": "save it as .docx or PDF"}.items():
        assert words in rows[name]["error"], name
    lines = {line.split(":")[0].strip(): line for line in err.splitlines() if "left out" in line}
    assert set(lines) == {"left out, 2 hidden files and folders", "left out, 1 files of the system", "left out, 1 staged tables", "left out, 1 files of earlier runs"}
    assert "Thumbs.db" in lines["left out, 1 files of the system"] and ".DS_Store" in lines["left out, 2 hidden files and folders"]


def test_a_folder_that_may_not_be_opened_is_a_row(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may open every folder")
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "closed").chmod(0)
    try:
        reports = list(read_reports(tmp_path))
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [report.status for report in reports] == ["ok", "error"] and "cannot be opened" in reports[1].error


def test_what_is_named_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("case,stage\n1,II\n")
    (tmp_path / "model.bin").write_bytes(bytes(range(256)) * 20)
    for name, words in (("labels.csv", "its columns are case, stage"), ("model.bin", "a kind that is not read")):
        with pytest.raises(InputError, match=words):
            plan_inputs(tmp_path / name)
    code, _, err = run("stage", tmp_path / "labels.csv")
    assert code == 2 and err.count("\n") == 1


def test_all_kinds_are_told_by_content_too(tmp_path):
    "Files whose names say nothing, or the wrong thing."
    made = all_kinds()
    for ending in ("pdf", "rtf", "docx", "hl7", "json", "cda.xml", "html", "dcm"):
        (tmp_path / f"{ending.replace('.', '-')}.txt").write_bytes(made[ending])
    (tmp_path / "no-ending").write_bytes(made["pdf"])
    (tmp_path / "really-rtf.doc").write_bytes(made["rtf"])
    (tmp_path / "really-tabs.xls").write_bytes(made["tsv"])
    (tmp_path / "scanner.tmp").write_bytes(made["hl7"])
    rules = Stager.from_pretrained("rules")
    details = {report.report_id: rules.stage_report(report).values for report in read_reports(tmp_path)}
    assert len(details) == 12 and {values["t"].detail for values in details.values()} == {"pT2"} and {values["n"].detail for values in details.values()} == {"pN1a"}


# Archives


def test_an_archive_of_all_kinds(tmp_path):
    import zipfile

    made = all_kinds()
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        for ending in ("txt", "pdf", "docx", "hl7", "csv", "xlsx"):
            archive.writestr(f"ward/one.{ending}", made[ending])
        archive.writestr("ward/inner.zip", made["zip"])
        archive.writestr("ward/broken.pdf", b"%PDF-1.7 cut")
        archive.writestr("__MACOSX/x", b"x")
    reports = list(read_reports(tmp_path / "feed.zip"))
    assert [report.source.partition("!")[2].partition("#")[0] for report in reports] == ["ward/one.txt", "ward/one.pdf", "ward/one.docx", "ward/one.hl7", "ward/one.csv", "ward/one.xlsx", "ward/inner.zip", "ward/broken.pdf"]
    assert [report.status for report in reports] == ["ok"] * 6 + ["error"] * 2 and "an archive inside an archive" in reports[6].error
    assert all("pT2 pN1a" in report.text for report in reports[:6])


# Parts of one case


def test_the_later_amends_the_earlier(tmp_path):
    (tmp_path / "1.hl7").write_bytes(hl7_bytes(["Breast, left, lumpectomy: Invasive ductal carcinoma, 2.4 cm. pT2 pN1a."], date="20240305"))
    (tmp_path / "2.hl7").write_bytes(hl7_bytes(["ER positive (95%). PR negative."], date="20240309"))
    (tmp_path / "3.txt").write_text("ADDENDUM\nAccession No: S24-1234\nHER2 by IHC: negative (1+).")
    (tmp_path / "other.hl7").write_bytes(hl7_bytes(["Colon: adenocarcinoma, pT3 pN0."], accession="S24-9", patient="4712"))
    out = tmp_path / "out" / "staged.parquet"
    out.parent.mkdir()
    summary = stage_files(tmp_path, out, model="rules", join="accession", workers=1)
    rows = pl.read_parquet(out)
    assert summary.rows == 2 and rows["report_id"].to_list() == ["1", "other"]
    first = rows.row(0, named=True)
    assert (first["t_detail"], first["n_detail"], first["er"], first["pr"], first["her2"]) == ("pT2", "pN1a", "positive", "negative", "negative")
    assert first["accession"] == "S24-1234" and first["patient_id"] == "4711" and "joined from 3 parts" in first["error"] and first["source"].count(";") == 2


@pytest.mark.parametrize("status", ("C", "F"))
def test_a_later_category_counts(tmp_path, status):
    (tmp_path / "b.hl7").write_bytes(hl7_bytes(["Breast, left: Invasive ductal carcinoma, pT2 pN1a."], date="20240305"))
    (tmp_path / "a.hl7").write_bytes(hl7_bytes(["Breast, left: Invasive ductal carcinoma. Re-measured: pT3 pN1a."], date="20240309", status=status))
    (report,) = read_reports(tmp_path, join="accession")
    staged = Stager.from_pretrained("rules").stage_report(report)
    assert (staged["t"].detail, staged["n"].detail) == ("pT3", "pN1a")


def test_other_patients_of_one_accession_stay_apart(tmp_path):
    (tmp_path / "a.hl7").write_bytes(hl7_bytes(["Breast: carcinoma, pT2."], patient="1"))
    (tmp_path / "b.hl7").write_bytes(hl7_bytes(["Colon: carcinoma, pT3."], patient="2"))
    reports = list(read_reports(tmp_path, join="accession"))
    assert len(reports) == 2 and all("several patients" in report.error for report in reports)


# Runs that are killed


KILLED = """
import os, signal, sys
from cancer_staging.stager import stage_files
done = []
def progress(rows):
    done.append(rows)
    if sum(done) >= 128:
        os.kill(os.getpid(), signal.SIGKILL)
stage_files(sys.argv[1], sys.argv[2], model="rules", workers=1, keep_text=True, progress=progress)
"""


@pytest.mark.parametrize("join", (None, "accession"))
def test_a_killed_run_over_a_folder_goes_on(tmp_path, join):
    fill(tmp_path / "reports", 300)
    script = KILLED.replace("keep_text=True", f"keep_text=True, join={join!r}")
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "reports"), str(tmp_path / "staged.parquet")])
    if join is None:
        assert killed.returncode == -9 and (tmp_path / "staged.parquet.part").exists()
    stage_files(tmp_path / "reports", tmp_path / "staged.parquet", model="rules", workers=1, keep_text=True, join=join, resume=True, overwrite=join is not None)
    stage_files(tmp_path / "reports", tmp_path / "whole.parquet", model="rules", workers=1, keep_text=True, join=join)
    for ending in ("parquet", "texts.parquet"):
        assert pl.read_parquet(tmp_path / f"staged.{ending}").equals(pl.read_parquet(tmp_path / f"whole.{ending}"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports", "staged.parquet", "staged.texts.parquet", "whole.parquet", "whole.texts.parquet"]


# Memory


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc")
def test_a_large_table_stays_small_in_memory(tmp_path):
    "Over all processes; shared pages are counted once."
    import psutil

    rows = 12_000
    pl.DataFrame({"id": [f"r{number}" for number in range(rows)], "text": [f"Colon, case {number}: adenocarcinoma, pT{number % 4 + 1} pN0 (0/12). " + "Sections show fibrous tissue. " * 20 for number in range(rows)]}).write_csv(tmp_path / "large.csv")
    process = subprocess.Popen([sys.executable, "-m", "cancer_staging", "stage", str(tmp_path / "large.csv"), "--out", str(tmp_path / "staged.parquet"), "--model", "rules", "--workers", "2", "--quiet"])
    peak = 0
    while process.poll() is None:
        held = 0
        for one in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)] if psutil.pid_exists(process.pid) else ():
            try:
                held += one.memory_full_info().pss
            except psutil.Error:
                continue
        peak = max(peak, held)
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == 0 and pl.read_parquet(tmp_path / "staged.parquet")["t"].null_count() == 0
    assert 0 < peak < 600 * 2**20


# Chance


@pytest.mark.parametrize("seed", range(3))
def test_cut_files_of_every_kind_are_rows(tmp_path, seed):
    chance = random.Random(seed)
    for ending, data in all_kinds_cached().items():
        (tmp_path / f"{ending.replace('.', '-')}.{ending}").write_bytes(data[: chance.randrange(1, len(data))])
    (tmp_path / "zz.txt").write_text(TEXT)
    reports = list(read_reports(tmp_path, ocr="never"))
    assert len(reports) >= len(KINDS) + 1 and reports[-1].text == TEXT
    assert all(report.text or report.error for report in reports) and not any("unexpectedly" in (report.error or "") for report in reports)
    assert LINES[0] in TEXT
