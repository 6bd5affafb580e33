"A run on many workers: the rows are those of a run on one machine, whatever dies."
import glob
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import polars as pl
import pyarrow.parquet as parquet
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.corpora.synthetic import example_paths, synthetic_report
from cancer_staging.review.page import texts_of
from cancer_staging.runs import InputError
from cancer_staging.staged import read_staged
from cancer_staging.stager import stage_files

pytest.importorskip("ray.data", reason="needs the extra ray")
from cancer_staging.scale.engine import stage_dataset, stage_sharded, workers_of  # noqa: E402


@pytest.fixture(scope="module")
def ray():
    "Ray on this machine, started once for these tests."
    with workers_of(workers=2):
        import ray

        yield ray


def reports_table(path, count, first=0):
    "Reports whose T category tells the row; the ids of two tables overlap where their rows do."
    frame = pl.DataFrame({"report_id": [f"R{row:05}" for row in range(first, first + count)], "text": [f"Colon, resection: adenocarcinoma, pT{row % 4 + 1} pN0 (0/{row % 20 + 1}), grade {row % 3 + 1}." for row in range(first, first + count)]})
    getattr(frame, f"write_{path.suffix[1:]}")(path)
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    "Everything that can come: tables with ids that stand twice, single files, a scan, an archive, an empty and a broken file."
    place = tmp_path_factory.mktemp("inputs")
    reports_table(place / "a.csv", 250)
    reports_table(place / "b.parquet", 120, first=200)
    for number in range(7):
        (place / f"single{number}.txt").write_text(synthetic_report(number).text)
    (place / "empty.txt").write_text("")
    (place / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    with zipfile.ZipFile(place / "packed.zip", "w") as archive:
        archive.writestr("inner/R00001.txt", synthetic_report(50).text)
        archive.writestr("more.csv", "report_id,text\nR00002,\"Breast: invasive ductal carcinoma, pT2 pN1.\"\n")
    return [place, *example_paths()]


@pytest.fixture(scope="module")
def local(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("local") / "local.parquet"
    summary = stage_files(inputs, out, keep_text=True, workers=1)
    table = read_staged(out)
    assert table.height == 250 + 120 + 7 + 2 + 2 + 9 and set(table["status"]) == {"ok", "empty", "error"}
    assert table["error"].str.contains("duplicate id").sum() == 52  # 50 of the second table, two of the archive
    return summary, out


def test_rows_values_and_texts_are_those_of_one_machine(ray, inputs, local, tmp_path):
    seen = []
    summary = stage_sharded(inputs, tmp_path / "staged", keep_text=True, shard_rows=100, progress=seen.append)
    table = read_staged(tmp_path / "staged")
    assert_frame_equal(table, read_staged(local[1]))
    assert sum(seen) == table.height and summary.describe() == local[0].describe()
    assert texts_of(table, tmp_path / "staged.texts") == texts_of(read_staged(local[1]), local[1].with_suffix(".texts.parquet"))
    sizes = [parquet.read_metadata(path).num_rows for path in sorted((tmp_path / "staged").glob("part-*"))]
    assert sizes[:3] == [100, 100, 50] and max(sizes) == 100
    for command in (["show", str(tmp_path / "staged"), "--status", "error"], ["show", str(tmp_path / "staged"), "--field", "t", "--limit", "2"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code in (0, 2), done.output


@pytest.mark.parametrize("columns", ["narrow", "review"])
def test_fewer_columns_and_joined_reports(ray, tmp_path, columns):
    messages = tmp_path / "reports.csv"
    messages.write_text("accession,text\n" + "".join(f"S-{row % 5},\"Part {row}: adenocarcinoma of the colon, pT{row % 4 + 1}.\"\n" for row in range(15)))
    stage_files(messages, tmp_path / "local.parquet", "rules", join="accession", columns=columns, workers=1)
    stage_sharded(messages, tmp_path / "staged", "rules", join="accession", columns=columns, shard_rows=2)
    assert_frame_equal(pl.read_parquet(tmp_path / "staged" / "*.parquet"), pl.read_parquet(tmp_path / "local.parquet"))
    assert pl.read_parquet(tmp_path / "local.parquet").height == 5


def test_addresses_are_read_and_written(ray, tmp_path):
    store = tmp_path / "bucket"
    (store / "deep").mkdir(parents=True)
    reports_table(store / "a.csv", 30)
    (store / "deep" / "one #1, 100%.txt").write_text(synthetic_report(3).text)
    with zipfile.ZipFile(store / "z.zip", "w") as archive:
        archive.writestr("two.txt", synthetic_report(4).text)
    stage_files(store, tmp_path / "local.parquet", "rules", workers=1)
    summary = stage_sharded(f"file://{store}", f"file://{tmp_path}/staged", "rules", shard_rows=10)
    table, expected = read_staged(tmp_path / "staged"), read_staged(tmp_path / "local.parquet")
    assert summary.rows == 32 and table["source"].to_list() == [f"file://{source}" for source in expected["source"]]
    assert_frame_equal(table.drop("source"), expected.drop("source"))
    assert stage_sharded(f"file://{store}/*.csv", tmp_path / "tables", "rules").rows == 30
    (tmp_path / "tables" / "_run.json").write_text((tmp_path / "tables" / "_run.json").read_text().replace("true", "false"))
    reports_table(store / "a.csv", 31)  # another file under the same address is another run
    with pytest.raises(InputError, match="over other inputs or options"):
        stage_sharded(f"file://{store}/*.csv", tmp_path / "tables", "rules", resume=True)
    with pytest.raises(InputError, match="there is no file at"):
        stage_sharded(f"file://{store}/*.pdf", tmp_path / "none", "rules")
    with pytest.raises(InputError, match="can't be used|can't be read"):
        stage_sharded("nowhere://bucket/reports", tmp_path / "none", "rules")
    with pytest.raises(InputError) as told:
        stage_sharded("s3://key:secret@bucket/reports?endpoint_override=127.0.0.1:9&scheme=http", tmp_path / "none", "rules")
    assert "s3://bucket/reports" in str(told.value) and "secret" not in str(told.value)
    with pytest.raises(InputError, match="leave --join out"):
        stage_sharded(f"file://{store}", tmp_path / "none", "rules", join="accession")


def test_a_dataset_in_a_dataset_out(ray, tmp_path):
    frame = pl.DataFrame({"report_id": [f"R{row}" for row in range(300)], "text": [synthetic_report(row).text for row in range(300)], "patient_id": [f"P{row % 40}" for row in range(300)]})
    frame.write_parquet(tmp_path / "reports.parquet")
    ds = ray.data.read_parquet(str(tmp_path / "reports.parquet"))
    staged = pl.concat([pl.from_arrow(ray.get(block)) for block in stage_dataset(ds, "rules").to_arrow_refs()]).sort("report_id")
    stage_files(tmp_path / "reports.parquet", tmp_path / "local.parquet", "rules", workers=1)
    expected = read_staged(tmp_path / "local.parquet").sort("report_id")
    assert_frame_equal(staged.drop("source"), expected.drop("source"))
    with pytest.raises(InputError, match="no column of ids"):
        stage_dataset(ray.data.from_items([{"text": "a"}]), "rules")
    with pytest.raises(InputError, match="no column 'note'; it has report_id"):
        stage_dataset(ds, "rules", text_column="note")


def test_one_table_is_staged_by_all_workers(ray, tmp_path):
    from ray import cloudpickle

    from cancer_staging.reading.plan import plan_inputs
    from cancer_staging.scale.engine import run_sharded
    from cancer_staging.scale.work import pieces_of, StagingWork

    class TellingWork(StagingWork):
        def tables(self, loaded, rows):
            (tmp_path / f"worker {os.getpid()}").touch()
            return super().tables(loaded, rows)

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    plan = plan_inputs(reports_table(tmp_path / "a.csv", 3000))
    work = TellingWork.planned(plan, "rules", shard_rows=50)
    assert run_sharded(work, pieces_of(plan), tmp_path / "staged", "one table", workers=2).rows == 3000
    assert len(list(tmp_path.glob("worker *"))) == 2


def test_a_worker_with_another_model_stops_the_run(ray, tmp_path, monkeypatch):
    from cancer_staging.scale import engine
    from cancer_staging.scale.work import StagingWork

    planned = StagingWork.planned.__func__

    def other(cls, *given, **more):
        from dataclasses import replace

        return replace(planned(cls, *given, **more), digest="of another machine")

    monkeypatch.setattr(engine.StagingWork, "planned", classmethod(other))
    with pytest.raises(InputError, match="another version of cancer_staging, or another model"):
        stage_sharded(reports_table(tmp_path / "a.csv", 5), tmp_path / "staged", "rules")


def test_answers_are_those_of_one_machine(ray, tmp_path):
    pytest.importorskip("transformers", reason="needs the extra generate")
    from tiny_writers import save_writer

    from cancer_staging.scale.engine import generate_sharded
    from cancer_staging.writing.generate import generate_files, plan_task

    save_writer(tmp_path / "model")
    pl.DataFrame({"id": [f"R{row}" for row in (0, 1, 2, 3, 1)], "question": ["Which grade?"] * 5, "context": ["Grade 1.", "Grade 2.", "", "Grade 3.", "Grade 1."]}).write_csv(tmp_path / "rows.csv")
    plan, how = plan_task(tmp_path / "rows.csv", "phenotype"), {"max_new_tokens": 4}
    generate_files(plan, "phenotype", tmp_path / "model", tmp_path / "local.parquet", **how)
    summary = generate_sharded(plan, tmp_path / "model", tmp_path / "answers", shard_rows=2, **how)
    table = pl.read_parquet(tmp_path / "answers" / "*.parquet")
    assert_frame_equal(table, pl.read_parquet(tmp_path / "local.parquet"))
    assert summary.rows == 5 and table["error"][4].endswith("duplicate id: also report 2 of this run")


# The command line: each of these starts a Ray of its own

def command(*more):
    return [sys.executable, "-m", "cancer_staging", "stage", "--engine", "ray", "--model", "rules", *map(str, more)]


def test_a_killed_run_goes_on_and_does_nothing_twice(tmp_path):
    source, out = reports_table(tmp_path / "reports.csv", 6000), tmp_path / "staged"
    process = subprocess.Popen(command(source, "--out", out, "--workers", "1", "--shard-rows", "250"), stderr=subprocess.PIPE, start_new_session=True)
    while process.poll() is None and len(list(out.glob("part-*"))) < 3:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 3 <= len(before) < 24
    left, = glob.glob(f"/tmp/cs-{process.pid}-*")  # where Ray may have put rows on disk
    assert oct(os.stat(left).st_mode)[-3:] == "700"
    for more, told in ([], "holds an interrupted run: use --resume"), (["--resume", "--shard-rows", "100"], "over other inputs or options"):
        refused = subprocess.run(command(source, "--out", out, *more), capture_output=True, text=True)
        assert refused.returncode == 2 and told in refused.stderr and refused.stderr.count("\n") == 1
    shown = CliRunner().invoke(app, ["show", str(out)])
    assert shown.exit_code == 2 and "interrupted run" in shown.stderr
    done = subprocess.run(command(source, "--out", out, "--resume", "--shard-rows", "250"), capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.startswith("6,000 reports: 6,000 ok") and done.stdout == ""
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert len(after) == 24 and all(after[name] == made for name, made in before.items())
    table = read_staged(out)
    assert table["report_id"].to_list() == [f"R{row:05}" for row in range(6000)] and table["t"].to_list() == [f"T{row % 4 + 1}" for row in range(6000)]
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("part-")) == ["_run.json"] and json.loads((out / "_run.json").read_text())["complete"]
    assert not os.path.exists(left)
    again = subprocess.run(command(source, "--out", out, "--resume"), capture_output=True, text=True)
    assert again.returncode == 2 and "exists already" in again.stderr


def test_ctrl_c_is_one_line_and_leaves_no_process(tmp_path):
    import psutil

    source, out = reports_table(tmp_path / "reports.csv", 6000), tmp_path / "staged"
    process = subprocess.Popen(command(source, "--out", out, "--workers", "1", "--shard-rows", "250"), stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and len(list(out.glob("part-*"))) < 2:
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGINT)
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 130 and told.count("\n") == 1 and told.startswith("cancer-staging: stopped after ") and "(interrupted)" in told and "--resume" in told
    assert children and psutil.wait_procs(children, timeout=60)[1] == []


@pytest.mark.parametrize("arguments, told", [
    (["--engine", "ray"], "--engine ray writes a folder: give --out"),
    (["--engine", "ray", "--out", "staged.parquet"], "give --out a name without .parquet"),
    (["--engine", "ray", "--out", "none/staged"], "none does not exist"),
    (["--engine", "ray", "--out", "."], "holds other files"),
    (["--engine", "ray", "--out", "a.txt"], "is a file: name a folder"),
    (["--out", "staged.csv", "--address", "auto"], "--address is for --engine ray"),
    (["--out", "staged.csv", "--shard-rows", "10"], "--shard-rows is for --engine ray"),
    (["s3://bucket/reports", "--out", "staged.csv"], "is an address, and those are read with --engine ray"),
    (["--engine", "ray", "--out", "staged", "--address", "127.0.0.1:1"], "there is no Ray cluster at 127.0.0.1:1"),
])
def test_bad_options_are_one_line(tmp_path, arguments, told):
    (tmp_path / "a.txt").write_text("Colon: adenocarcinoma, pT3.")
    done = subprocess.run([sys.executable, "-m", "cancer_staging", "stage", "a.txt", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and told in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_without_the_extra_the_command_says_what_to_install(tmp_path):
    (tmp_path / "a.txt").write_text("Colon: adenocarcinoma, pT3.")
    code = "import sys; sys.modules['ray'] = None\nfrom cancer_staging.cli import main\nsys.argv = ['cancer-staging', 'stage', 'a.txt', '--engine', 'ray', '--out', 'staged']\nmain()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'cancer-staging[ray]'" in done.stderr and not (tmp_path / "staged").exists()
