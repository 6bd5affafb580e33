"Folders and calls that nobody meant well: names of any bytes, links in circles, pipes, archives of odd kinds, streams that are closed."

import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import tracemalloc
import zipfile

import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.reading.excel import open_sheet
from cancer_staging.reading.kinds import kind_of
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.plan import input_files, plan_inputs
from cancer_staging.reading.reports import part_items, read_item, read_reports
from cancer_staging.runs import InputError, ReadError
from cancer_staging.staged import read_staged
from cancer_staging.stager import stage_files

POSIX = pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="file names of any bytes, and pipes")


def command(folder, *arguments, shell=None, **settings):
    "Runs the command in the folder, by a shell line around it where one is given."
    line = [sys.executable, "-m", "cancer_staging", *arguments]
    environment = {**os.environ, **settings}
    if shell is not None:
        return subprocess.run(["bash", "-c", shell, "bash", *line], cwd=folder, capture_output=True, text=True, env=environment)
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env=environment)


@POSIX
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_names_of_any_bytes_are_rows(tmp_path, suffix):
    folder = os.fsencode(tmp_path / "in")
    os.makedirs(folder + b"/\xfa")
    names = [b"\xff\xfe.txt", b"\xfa/\xf9.txt", b"gr\xc3\xb6\xc3\x9fe.txt", b"esc\x1b[31m.txt", b"new\nline.txt", b"[red]=cmd.txt", b"-x.txt", b"a" * 251 + b".txt"]
    for name in names:
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"Colon: adenocarcinoma, pT3 pN0.")
    with open(folder + b"/\xfb.bin\xfb", "wb") as file:
        file.write(bytes(range(256)) * 20)
    summary = stage_files(tmp_path / "in", tmp_path / f"out{suffix}", "rules", workers=1)
    frame = read_staged(tmp_path / f"out{suffix}")
    assert (summary.rows, summary.failed) == (9, 1)
    assert set(frame["report_id"]) == {"\\xff\\xfe", "\\xf9", "größe", "esc\\x1b[31m", "new line", "[red]=cmd", "-x", "a" * 251, "\\xfb"}
    assert f"{tmp_path / 'in'}/\\xfa/\\xf9.txt" in set(frame["source"])


@POSIX
def test_a_glob_waits_for_no_pipe_and_walks_in_no_circle(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("pT1")
    os.mkfifo(tmp_path / "sub" / "pipe.txt")
    for name in ("one", "two", "three"):
        (tmp_path / name).symlink_to(".")
    assert [(os.path.basename(file.path), file.skipped) for file in input_files(f"{tmp_path}/sub/*")[0]] == [("a.txt", None), ("pipe.txt", "pipes, sockets and devices")]
    assert [file.path for file in input_files(f"{tmp_path}/**/a.txt")[0]] == [f"{tmp_path}/sub/a.txt"]
    everything = input_files(f"{tmp_path}/**")[0]
    assert [file.path for file in everything if not file.skipped] == [f"{tmp_path}/sub/a.txt"]
    assert [report.report_id for report in read_reports(f"{tmp_path}/**")] == ["a"]


def test_a_glob_names_no_hidden_files_unless_asked(tmp_path):
    for name in ("a.txt", ".b.txt"):
        (tmp_path / name).write_text("pT1")
    assert [file.path for file in input_files(f"{tmp_path}/*.txt")[0]] == [f"{tmp_path}/a.txt"]
    assert [file.path for file in input_files(f"{tmp_path}/.*.txt")[0]] == [f"{tmp_path}/.b.txt"]
    assert [file.path for file in input_files(f"{tmp_path}/[ax].txt")[0]] == [f"{tmp_path}/a.txt"]
    with pytest.raises(InputError, match="no file matches"):
        input_files(f"{tmp_path}/*.pdf")


@POSIX
def test_a_file_that_became_a_pipe_is_a_row(tmp_path):
    (tmp_path / "a.txt").write_text("pT1")
    plan = plan_inputs(tmp_path)
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    report = read_item(next(part_items(plan.parts[0], plan)))
    assert report.status == "error" and "no file any more" in report.error


def test_a_file_that_grew_is_read_to_the_limit(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_bytes(b"pT1 " * 2**18 + b"more")
    real = os.stat
    monkeypatch.setattr("cancer_staging.reading.reports.os.stat", lambda path: os.stat_result((*real(path)[:6], 10, *real(path)[7:])))
    plan = plan_inputs(tmp_path / "a.txt", limits=Limits(file_mb=1))
    report = read_item(next(part_items(plan.parts[0], plan)))
    assert report.status == "error" and "limit file_mb" in report.error


def test_a_tar_archive_says_what_to_do(tmp_path):
    (tmp_path / "a.txt").write_text("pT1")
    for name, mode in (("a.tar", "w"), ("b.tar.gz", "w:gz"), ("c.tgz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "a.txt", "a.txt")
    found = list(read_reports(f"{tmp_path}/*.t*gz")) + list(read_reports(f"{tmp_path}/*.gz"))
    assert len(found) == 3 and all(report.status == "error" and "make a zip archive of it" in report.error for report in found)
    with pytest.raises(InputError, match="a tar archive: unpack it"):
        plan_inputs(tmp_path / "a.tar")


def test_members_of_an_archive_have_their_own_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("top.txt", "pT1")
        archive.writestr("sub/deep.txt", "pT2")
        archive.writestr("rows.csv", "text\npT3\npT4\n")
        archive.writestr("empty.csv", "")
    reports = list(read_reports(tmp_path / "z.zip"))
    assert [report.report_id for report in reports] == ["top", "deep", "rows-1", "rows-2", "empty"]
    assert reports[3].source == f"{tmp_path / 'z.zip'}!rows.csv#2"


def test_an_archive_of_very_many_names_is_not_listed_to_tell_its_kind():
    count = 300_000
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(entry) * count, 4)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 4 + len(entry) * count, 1)
    crowded = io.BytesIO(b"PK\x03\x04" + entry * count + end + locator + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    tracemalloc.start()
    try:
        assert kind_of("a.zip", crowded) == "zip"
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["out.texts.parquet", "out.csv.part", "out.csv.new", "out.texts.parquet.new"])
def test_no_input_is_replaced_by_what_stands_beside_the_table(tmp_path, name):
    path = tmp_path / name
    pl.DataFrame({"text": ["pT1"]}).write_parquet(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="is one of the inputs"):
        stage_files(path, tmp_path / "out.csv", "rules", keep_text=True, overwrite=True)
    assert path.read_bytes() == before and not (tmp_path / "out.csv").exists()


def test_without_a_folder_for_temporary_files_the_call_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("id,text,accession\n1,pT1,A\n")

    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "pT1")
    assert plan_inputs(tmp_path / "a.csv").count == 1
    for call in ({"inputs": tmp_path / "a.csv", "join": "accession"}, {"inputs": tmp_path / "a.zip"}):
        with pytest.raises(InputError, match="set TMPDIR"):
            plan_inputs(**call)


# Streams that the caller closed, filled or left


@POSIX
@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ('"$@" stage a.txt --model rules --quiet >&-', 2, "standard output is closed"),
        ('"$@" stage a.txt --model rules 2>&-', 0, ""),
        ('"$@" stage no.txt --model rules 2>&-', 2, ""),
        ('"$@" stage a.txt --model rules --out b.csv <&- >&- 2>&-', 0, ""),
        ('"$@" stage a.txt --model rules --quiet >/dev/full', 2, "No space left on device"),
        ('"$@" stage no.txt --model rules 2>/dev/full', 2, ""),
        ('"$@" doctor >&-', 2, "standard output is closed"),
        ('"$@" doctor >/dev/full', 2, "No space left on device"),
        ('set -o pipefail; "$@" stage a.txt --model rules --quiet | sleep 0', 141, ""),
    ],
)
def test_closed_full_and_broken_streams_are_a_line_and_a_code(tmp_path, shell, code, said):
    (tmp_path / "a.txt").write_text("Colon: adenocarcinoma, pT3.")
    done = command(tmp_path, shell=shell)
    assert done.returncode == code and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.stderr.count("\n") <= 1 if said else True
    assert said in done.stderr


@POSIX
def test_a_terminal_of_ascii_shows_escapes(tmp_path):
    (tmp_path / "größe.txt").write_text("Colon: adenocarcinoma, pT3.")
    assert CliRunner().invoke(app, ["stage", str(tmp_path / "größe.txt"), "--out", str(tmp_path / "a.parquet"), "--model", "rules"]).exit_code == 0
    done = command(tmp_path, "show", "a.parquet", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 0 and "gr\\xf6\\xdfe" in done.stdout and "pT3" in done.stdout
    done = command(tmp_path, "stage", "größe.txt", "--model", "rules", "--out", "b.csv", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0 and read_staged(tmp_path / "b.csv")["report_id"].to_list() == ["größe"]


# Parts of one accession number, and workbooks that claim much


def test_a_stand_in_for_an_accession_number_joins_nothing(tmp_path):
    (tmp_path / "a.csv").write_text("id,text,accession\n" + "".join(f"{number},Colon: pT{number % 4 + 1} in part {number}.,UNKNOWN\n" for number in range(101)) + "x,pT2,A1\ny,ER positive,A1\n")
    reports = list(read_reports(tmp_path / "a.csv", join="accession"))
    assert len(reports) == 102 and reports[100].text == "Colon: pT1 in part 100."
    assert reports[0].error == "not joined: accession UNKNOWN names more than 100 reports, as a stand-in for a number does"
    assert reports[101].text == "pT2\n\nAMENDED REPORT:\nER positive"


def test_parts_longer_together_than_a_report_stay_apart(tmp_path):
    (tmp_path / "a.csv").write_text("id,text,accession\n1,pT1 pN0 pM0,A\n2,ER positive,A\n")
    apart = list(read_reports(tmp_path / "a.csv", join="accession", limits=Limits(text_chars=20)))
    assert [report.text for report in apart] == ["pT1 pN0 pM0", "ER positive"] and "more than 20 characters together" in apart[1].error
    assert len(list(read_reports(tmp_path / "a.csv", join="accession", limits=Limits(text_chars=22)))) == 1


def test_a_workbook_buys_no_memory_by_what_it_claims(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * 200_000_000)
    allowed = []

    class Watched:
        def allow(self, seconds, memory_mb):
            allowed.append((seconds, memory_mb))
            raise ReadError("enough")

    assert (tmp_path / "a.xlsx").stat().st_size < 400_000
    with pytest.raises(ReadError, match="enough"):
        open_sheet(str(tmp_path / "a.xlsx"), None, Limits(), Watched())
    assert allowed == [(20, 479)]  # 450 and a few for the workbook, not the 1,525 of 200 MB


@POSIX
@pytest.mark.parametrize("suffix", [b".parquet", b".csv", b".jsonl"])
def test_a_table_may_have_a_name_of_any_bytes(tmp_path, suffix):
    (tmp_path / "a.txt").write_text("pT1")
    out = os.fsdecode(os.fsencode(tmp_path) + b"/\xff" + suffix)
    assert stage_files(tmp_path / "a.txt", out, "rules", keep_text=True).rows == 1
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"a.txt", *sorted([b"\xff" + suffix, b"\xff.texts.parquet"])]
    assert read_staged(out)["t"].to_list() == ["T1"]
