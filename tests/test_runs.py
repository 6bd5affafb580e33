"Runs on files that are killed, interrupted, started twice, or short of room: nothing is lost, and what happened is said."
import errno
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time

import polars as pl
import psutil
import pytest
from typer.testing import CliRunner

from cancer_staging import stager
from cancer_staging.cli import app
from cancer_staging.models.learned_files import shipped_learned
from cancer_staging.models.judges import LearnedJudge
from cancer_staging.rules.calibration import RuleCalibration
from cancer_staging.runs import beside, digest, InputError, Interrupted, Journal, locked, read_stream, replace_file
from cancer_staging.staged import staged_schema
from cancer_staging.stager import BATCH, SMALL_RUN, stage_files, Stager

ROWS = 24 * BATCH + 50


def write_reports(path, count=ROWS):
    "A CSV of `count` reports whose T category tells the row."
    pl.DataFrame({"patient_id": [f"P{row:05}" for row in range(count)], "text": [f"Tumor stage pT{row % 4 + 1} pN0, grade {row % 3 + 1}" for row in range(count)]}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return write_reports(tmp_path_factory.mktemp("reports") / "reports.csv")


@pytest.fixture(scope="module")
def whole(reports):
    "The table of an unbroken run, and how large its journal was at the end."
    out, sizes = reports.with_name("whole.parquet"), [0]
    stage_files(reports, out, "rules", workers=1, progress=lambda rows: sizes.append(beside(out, ".part").stat().st_size))
    table = pl.read_parquet(out)
    assert table["report_id"].to_list() == [f"P{row:05}" for row in range(ROWS)] and table["t"].to_list() == [f"T{row % 4 + 1}" for row in range(ROWS)]
    return table, max(sizes)


def command(reports, out, *more, model="rules"):
    return [sys.executable, "-m", "cancer_staging", "stage", str(reports), "--out", str(out), "--model", model, *more]


def started(arguments, until):
    "A process of its own session that has come as far as `until` says."
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not until(process):
        time.sleep(0.001)
    return process


def holds(part, size):
    "Whether a journal has grown so far."
    return lambda process: part.exists() and part.stat().st_size >= size


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# Two runs on one output

def test_a_second_run_is_refused_at_once_and_the_first_loses_nothing(tmp_path, reports, whole):
    out = tmp_path / "staged.parquet"
    first = started(command(reports, out, "--workers", "1"), holds(beside(out, ".part"), whole[1] // 4))
    os.killpg(first.pid, signal.SIGSTOP)
    for more in ([], ["--overwrite"], ["--resume"]):
        second = subprocess.run(command(reports, out, *more), capture_output=True, text=True)
        assert second.returncode == 2 and second.stdout == "" and second.stderr.count("\n") == 1
        assert f"is being written by process {first.pid} on {socket.gethostname()} since 20" in second.stderr
    os.killpg(first.pid, signal.SIGCONT)
    told = first.communicate(timeout=120)[1]
    assert first.returncode == 0 and f"{ROWS:,} ok" in told and pl.read_parquet(out).equals(whole[0])
    assert [path.name for path in tmp_path.iterdir()] == ["staged.parquet"]


def test_a_lock_ends_with_its_owner(tmp_path):
    code = f"import os, signal\nfrom cancer_staging.runs import locked\nwith locked({str(tmp_path / 'staged.csv')!r}):\n    os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert beside(tmp_path / "staged.csv", ".lock").exists()
    with locked(tmp_path / "staged.csv"), pytest.raises(InputError, match=f"process {os.getpid()} on"):
        with locked(tmp_path / "staged.csv"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_not_in_the_journal_are_no_success(tmp_path):
    source, out = write_reports(tmp_path / "reports.csv", 4 * BATCH), tmp_path / "staged.parquet"
    sizes = []

    def shorten(rows):
        sizes.append(beside(out, ".part").stat().st_size)
        if len(sizes) == 5:  # all batches are written
            os.truncate(beside(out, ".part"), sizes[2])

    with pytest.raises(Interrupted, match=f"{2 * BATCH} of {4 * BATCH} reports are in the journal"):
        stage_files(source, out, "rules", workers=1, progress=shorten)
    assert not out.exists()


# Signals and a full disk

def test_workers_end_with_their_parent(tmp_path, whole):
    source, out = write_reports(tmp_path / "reports.csv", 60 * BATCH), tmp_path / "staged.parquet"
    process = started(command(source, out, "--workers", "2"), holds(beside(out, ".part"), (SMALL_RUN + 2) * whole[1] // 24))
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    process.wait()
    assert psutil.wait_procs(children, timeout=20)[1] == []  # under two seconds where the machine is idle; without a lifeline, never


@pytest.mark.parametrize("number, code, word", [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_is_one_line_that_says_how_to_go_on(tmp_path, reports, whole, number, code, word, workers):
    out = tmp_path / "staged.parquet"
    process = started(command(reports, out, "--workers", str(workers)), holds(beside(out, ".part"), whole[1] // 4))
    os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)  # Ctrl-C goes to all processes of the terminal
    told = process.communicate(timeout=60)[1]
    assert process.returncode == code and told.count("\n") == 1
    assert told.startswith("cancer-staging: stopped after ") and f"({word})" in told and "go on with --resume" in told
    resumed = CliRunner().invoke(app, ["stage", str(reports), "--out", str(out), "--model", "rules", "--resume", "--workers", "1", "--quiet"])
    assert (resumed.exit_code, resumed.output) == (0, "") and pl.read_parquet(out).equals(whole[0])


@pytest.mark.parametrize("error, code, word", [(OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device: make room"), (KeyboardInterrupt(), 130, "interrupted")])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_breaks_off_the_last_write_is_said(tmp_path, monkeypatch, error, code, word, suffix):
    source, out, write = write_reports(tmp_path / "reports.csv", 3 * BATCH), tmp_path / f"staged.{suffix}", stager.write_table

    def broken(batches, path, suffix, *schema):
        write([next(batches)], path, suffix, *schema)
        raise error

    arguments = ["stage", str(source), "--out", str(out), "--model", "rules", "--workers", "1", "--quiet"]
    monkeypatch.setattr(stager, "write_table", broken)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code and done.stderr.count("\n") == 1
    assert f"stopped after {3 * BATCH} reports ({word}" in done.stderr and "--resume" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports.csv", f"staged.{suffix}.part"]
    monkeypatch.undo()
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0 and (pl.read_parquet if suffix == "parquet" else pl.read_csv)(out).height == 3 * BATCH


def test_a_full_disk_in_the_middle_of_a_batch_leaves_whole_batches(tmp_path, monkeypatch):
    source, out = write_reports(tmp_path / "reports.csv", 4 * BATCH), tmp_path / "staged.jsonl"
    append = Journal._append

    def full(self, data):
        if self.rows == 2 * BATCH:
            self._file.write(memoryview(data)[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return append(self, data)

    monkeypatch.setattr(Journal, "_append", full)
    with pytest.raises(Interrupted, match=f"stopped after {2 * BATCH} reports .No space left"):
        stage_files(source, out, "rules", workers=1)
    monkeypatch.undo()
    summary = stage_files(source, out, "rules", workers=1, resume=True)
    assert summary.rows == 4 * BATCH and summary.journal is None


def test_a_stopped_worker_is_said_where_the_rows_go_to_stdout(reports, monkeypatch):
    from concurrent.futures import BrokenExecutor

    def broken(*given, **more):
        raise BrokenExecutor
        yield

    monkeypatch.setattr(stager, "stage_reports", broken)
    done = CliRunner().invoke(app, ["stage", str(reports), "--model", "rules"])
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "fewer --workers" in done.stderr


# What a run depends on

def break_off(source, out, model):
    "Leaves a journal of one batch."
    def stop(rows):
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        stage_files(source, out, model, workers=1, progress=stop)


def change_calibration(folder):
    content = json.loads((folder / "stager.json").read_text())
    rules = next(iter(content["fields"].values() if "fields" in content else content["counts"].values()))
    name = next(iter(rules))
    rules[name] = [rules[name][0], rules[name][1] + 1]
    (folder / "stager.json").write_text(json.dumps(content))


def change_weights(folder):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["t.arbiter.bias"] = tensors["t.arbiter.bias"] + 0.01
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("change", [change_calibration, change_weights])
def test_a_run_does_not_go_on_with_another_model_of_the_same_name(tmp_path, change):
    source, out, model = write_reports(tmp_path / "reports.csv", 2 * BATCH), tmp_path / "staged.jsonl", tmp_path / "model"
    Stager.from_pretrained().save_pretrained(model)
    break_off(source, out, model)
    kept = beside(out, ".part").read_bytes()
    change(model)
    with pytest.raises(InputError, match="with another model"):
        stage_files(source, out, model, resume=True)
    assert beside(out, ".part").read_bytes() == kept
    model.rename(tmp_path / "changed")
    Stager.from_pretrained().save_pretrained(tmp_path / "the same model")
    assert stage_files(source, out, tmp_path / "the same model", resume=True, workers=1).rows == 2 * BATCH


def test_a_digest_is_of_content(tmp_path):
    model = shipped_learned()
    one = Stager(RuleCalibration.shipped(), LearnedJudge(model))
    assert one.digest() == Stager.from_pretrained("default").digest() != Stager(target_accuracy=0.9).digest()
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b").write_bytes(b"x" * 2_999_999 + b"y")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


# Who may read it

def test_what_holds_words_of_reports_is_its_owners_alone(tmp_path, monkeypatch):
    source, out, write = write_reports(tmp_path / "reports.csv", 2 * BATCH), tmp_path / "staged.jsonl", stager.write_table
    before, modes = os.umask(0), {}
    try:
        def watched(batches, path, suffix, *schema):
            write(batches, path, suffix, *schema)
            modes.update((file.name, mode(file)) for file in tmp_path.iterdir())

        monkeypatch.setattr(stager, "write_table", watched)
        beside(out, ".part").touch(0o644)  # of a version that left it open
        stage_files(source, out, "rules", workers=1, overwrite=True)
        assert {name: mode for name, mode in modes.items() if name != "reports.csv"} == dict.fromkeys(["staged.jsonl.part", "staged.jsonl.new", "staged.jsonl.lock", "staged.jsonl.holder"], 0o600)
        assert mode(out) == 0o600
        out.chmod(0o640)  # the group may read it
        stage_files(source, out, "rules", workers=1, overwrite=True)
        assert mode(out) == 0o640
    finally:
        os.umask(before)


def test_a_safe_write_follows_no_link_that_lies_in_wait(tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    beside(tmp_path / "table.csv", ".new").symlink_to(tmp_path / "theirs")
    with replace_file(tmp_path / "table.csv") as fresh:
        fresh.write_text("mine")
    assert (tmp_path / "theirs").read_text() == "theirs" and (tmp_path / "table.csv").read_text() == "mine"


# A broken journal

def test_a_broken_end_is_said_and_staged_again(tmp_path):
    source, out, whole = write_reports(tmp_path / "reports.csv", 3 * BATCH), tmp_path / "staged.jsonl", tmp_path / "whole.jsonl"
    stage_files(source, whole, "rules", workers=1)
    break_off(source, out, "rules")
    os.truncate(beside(out, ".part"), beside(out, ".part").stat().st_size - 40)
    arguments = ["stage", str(source), "--out", str(out), "--model", "rules", "--workers", "1", "--resume"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and "staged.jsonl.part was broken at its end: 0 reports before that are kept, those after it were done again" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    out.unlink()
    break_off(source, out, "rules")
    with beside(out, ".part").open("ab") as file:
        file.write(bytes(4096))  # as a file system may leave it
    done = CliRunner().invoke(app, [*arguments, "--quiet"])
    assert done.exit_code == 0 and done.stderr.count("\n") == 1 and f"{BATCH} reports before that are kept" in done.stderr
    assert out.read_bytes() == whole.read_bytes()


def test_a_batch_of_zeros_is_no_batch(tmp_path):
    schema = staged_schema()
    with Journal(tmp_path / "staged.csv", schema, "run") as journal:
        for text in ("pT1 pN0", "pT2 pN1"):
            journal.write(Stager().stage_batch([stager.Report(text, text, "ok", None, "x")]))
    (_, _, _), (_, first, after_first), (_, _, _) = read_stream(journal.path)
    data = bytearray(journal.path.read_bytes())
    data[after_first + 8:] = bytes(len(data) - after_first - 8)
    journal.path.write_bytes(data)
    with Journal(tmp_path / "staged.csv", schema, "run", resume=True) as journal:
        assert journal.rows == 1 and "1 rows before that are kept" in journal.note


# Killed

@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_that_is_killed_again_and_again_gives_the_whole_table(tmp_path, reports, whole, workers):
    out, chance, kills = tmp_path / "staged.parquet", random.Random(int(workers)), 0
    part = beside(out, ".part")
    for size in sorted(chance.randrange(1, whole[1]) for _ in range(4)):
        process = started(command(reports, out, "--workers", workers, "--resume"), holds(part, size))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        if out.exists():
            break
        if chance.random() < 0.5:  # the disk lost the last of what it was given
            os.truncate(part, part.stat().st_size - chance.randrange(1, 3000))
    assert kills
    stage_files(reports, out, "rules", workers=1, resume=not out.exists() or part.exists(), overwrite=out.exists() and not part.exists())
    assert pl.read_parquet(out).equals(whole[0]) and [path.name for path in tmp_path.iterdir()] == ["staged.parquet"]


KILLED_AT = {
    "in the last write": "write = stager.write_table\ndef killed(batches, path, suffix, *schema):\n    write([next(batches)], path, suffix, *schema)\n    die()\nstager.write_table = killed",
    "before the table has its name": "os.replace = lambda source, target, real=os.replace: die() if str(target).endswith('.jsonl') else real(source, target)",
    "before the journal is gone": "Journal.close = lambda self: die()",
}


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_kill_at_the_end_costs_nothing(tmp_path, moment):
    source, out, whole = write_reports(tmp_path / "reports.csv", 2 * BATCH), tmp_path / "staged.jsonl", tmp_path / "whole.jsonl"
    stage_files(source, whole, "rules", workers=1)
    code = f"import os, signal\nfrom cancer_staging import stager\nfrom cancer_staging.runs import Journal\ndef die():\n    os.kill(os.getpid(), signal.SIGKILL)\n{KILLED_AT[moment]}\nstager.stage_files({str(source)!r}, {str(out)!r}, 'rules', workers=1)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert stage_files(source, out, "rules", workers=1, resume=True).rows == 2 * BATCH
    assert out.read_bytes() == whole.read_bytes() and sorted(path.name for path in tmp_path.iterdir()) == ["reports.csv", "staged.jsonl", "whole.jsonl"]


GENERATE = "from cancer_staging.writing.engines import TransformersEngine\nTransformersEngine.chunk = 3\nfrom cancer_staging.cli import main\nmain()"


@pytest.fixture(scope="module")
def writing(tmp_path_factory):
    "A folder with a tiny random writer, reports, and the answers of an unbroken run; how large its journal was."
    pytest.importorskip("torch", reason="generation needs the generate extra")
    pytest.importorskip("transformers", reason="generation needs the generate extra")
    from cancer_staging.writing import generate
    from tiny_writers import save_writer

    folder = tmp_path_factory.mktemp("writing")
    save_writer(folder / "model")
    pl.DataFrame({"patient_id": [f"P{row:02}" for row in range(24)], "text": [f"Left breast, carcinoma, pT{row % 4 + 1}, {row} nodes." for row in range(24)]}).write_csv(folder / "reports.csv")
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate.TransformersEngine, "chunk", 3)
        write = Journal.write
        patch.setattr(Journal, "write", lambda self, batch: (write(self, batch), sizes.append(self.path.stat().st_size))[0])
        generate.generate_files(folder / "reports.csv", "icd10", folder / "model", folder / "whole.jsonl", max_new_tokens=12)
    assert len(sizes) == 8
    return folder, sizes


def test_generation_that_is_killed_gives_the_same_answers(tmp_path, writing):
    folder, sizes = writing
    out, chance, kills = tmp_path / "answers.jsonl", random.Random(5), 0
    arguments = [sys.executable, "-c", GENERATE, "generate", "icd10", str(folder / "reports.csv"), "--model", str(folder / "model"), "--out", str(out), "--max-new-tokens", "12", "--resume", "--quiet"]
    for size in sorted(chance.randrange(1, sizes[-2]) for _ in range(2)):
        process = started(arguments, holds(beside(out, ".part"), size))
        assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
        kills += 1
    part = beside(out, ".part")
    assert not out.exists() and mode(part) == 0o600
    os.truncate(part, part.stat().st_size - 30)
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "was broken at its end" in done.stderr
    assert out.read_bytes() == (folder / "whole.jsonl").read_bytes() and mode(out) == 0o600 and list(tmp_path.iterdir()) == [out]


def test_generation_does_not_go_on_with_another_model_and_nobody_joins_in(tmp_path, writing):
    from cancer_staging.writing.generate import generate_files
    from tiny_writers import save_writer

    folder, _ = writing
    out, model = tmp_path / "answers.csv", save_writer(tmp_path / "model")

    def stop(rows):
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="go on with --resume"):
        generate_files(folder / "reports.csv", "icd10", model, out, max_new_tokens=4, limit=2, progress=stop)
    with locked(out):
        done = CliRunner().invoke(app, ["generate", "icd10", str(folder / "reports.csv"), "--model", str(model), "--out", str(out), "--resume"])
        assert done.exit_code == 2 and f"is being written by process {os.getpid()}" in done.stderr
    save_writer(model, spread=0.31)
    with pytest.raises(InputError, match="with another model"):
        generate_files(folder / "reports.csv", "icd10", model, out, max_new_tokens=4, limit=2, resume=True)
    save_writer(tmp_path / "elsewhere")
    assert generate_files(folder / "reports.csv", "icd10", tmp_path / "elsewhere", out, max_new_tokens=4, limit=2, resume=True).rows == 2
