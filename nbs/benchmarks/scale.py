"""One machine and Ray, side by side: `python nbs/benchmarks/scale.py [NAME...]`.

Reports of the train split (for a million: made-up ones), repeated under new ids, are staged from Parquet to Parquet by the command line, each run in a process of its own whose memory is that of all its processes together (proportional set size, four times a second). What has been measured is kept in
`results/scale.json` and not measured again; `scale.ipynb` shows it. All takes about an hour on two cores; let nothing else run beside it.
"""
from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as parquet

from cancer_staging import __version__
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.corpora.tcga import load_corpus
from cancer_staging.fields import staged_columns
from cancer_staging.reading.plan import plan_inputs
from cancer_staging.runs import peak_memory
from cancer_staging.scale.shards import Folder, id_hashes, note_repeated, open_run, Shard
from cancer_staging.scale.work import pieces_of, StagingWork
from cancer_staging.staged import columns_schema
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "scale.json"
TABLE_ROWS = 25_000  # of one input file: a piece, that one worker reads


def write_inputs(folder: Path,
                 count: int,                        # reports
                 texts: pl.Series | None = None,    # that are repeated; None: those of the train split
                 ) -> Path:
    "Tables with as many reports, each with an id of its own."
    texts = load_corpus().filter(split="train")["text"] if texts is None else texts
    folder.mkdir(parents=True)
    for first in range(0, count, TABLE_ROWS):
        numbers = np.arange(first, min(count, first + TABLE_ROWS))
        pl.DataFrame({"report_id": [f"R{number:08}" for number in numbers], "text": texts.gather(numbers % texts.len())}).write_parquet(folder / f"{first:09}.parquet", row_group_size=1000)
    return folder


def memory_of(process: psutil.Process) -> float:
    "MB of the process and all below it, what they share counted once."
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):
            total += one.memory_full_info().pss
    return total / 2**20


def measured(arguments: list[str],
             out: Path,                                              # the table, or the folder of shards
             stop: Callable[[int], bool] = lambda shards: False,     # whether the run is to be killed, by the shards that are there
             ) -> dict:
    "Seconds, seconds to the first rows, the highest memory, and its course by shards."
    began, first, peak, course = time.monotonic(), None, 0.0, []
    process = subprocess.Popen([sys.executable, "-m", "cancer_staging", "stage", *arguments, "--out", str(out), "--quiet"], start_new_session=True)
    watched = psutil.Process(process.pid)
    part = out.with_name(out.name + ".part")
    while process.poll() is None:
        shards = len(list(out.glob("part-*"))) if out.is_dir() else 0
        if first is None and (shards or part.exists() and part.stat().st_size > 100_000):
            first = time.monotonic() - began
        with suppress(psutil.Error):
            peak = max(peak, memory_of(watched))
        if not course or shards >= course[-1][0] + 20:
            course.append((shards, round(peak)))
        if stop(shards):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return {"seconds": time.monotonic() - began, "shards": shards}
        time.sleep(0.25)
    if process.returncode != 0:
        raise SystemExit(f"{arguments}: exit code {process.returncode}")
    return {"seconds": time.monotonic() - began, "first_rows": first, "memory_mb": peak, "course": course}


def pair(place: Path, count: int, model: str, workers: tuple[int, ...] = (2,)) -> dict:
    "The same reports on one machine without Ray and with it."
    inputs = write_inputs(place / "inputs", count)
    found = {}
    for worker in workers:
        how = [str(inputs), "--model", model, "--columns", "review", "--workers", str(worker)]
        found[f"local, {worker}"] = measured(how, place / f"local{worker}.parquet")
        found[f"ray, {worker}"] = measured([*how, "--engine", "ray"], place / f"ray{worker}")
    return {"reports": count, "model": model, "runs": found}


def rules_100k(place: Path) -> dict:
    "A hundred thousand reports by the rules."
    return pair(place, 100_000, "rules")


def rules_workers(place: Path) -> dict:
    "One worker against two."
    return pair(place, 30_000, "rules", (1, 2))


def default_10k(place: Path) -> dict:
    "Ten thousand by the default model."
    return pair(place, 10_000, "default")


def restart(place: Path) -> dict:
    "Killed when half of the shards are there, and gone on with."
    inputs = write_inputs(place / "inputs", 30_000)
    how, out = [str(inputs), "--model", "rules", "--columns", "review", "--workers", "2", "--engine", "ray"], place / "staged"
    killed = measured(how, out, stop=lambda shards: shards >= 15)
    rest = measured([*how, "--resume"], out)
    ids = pl.read_parquet(out / "*.parquet", columns=["report_id"])["report_id"]
    return {"reports": 30_000, "killed_after": killed, "rest": rest, "rows": ids.len(), "distinct": ids.n_unique()}


def rules_million(place: Path) -> dict:
    "A million made-up reports, which are short, by the rules: does memory stay flat?"
    inputs = write_inputs(place / "inputs", 1_000_000, pl.Series([synthetic_report(number).text for number in range(2000)]))
    found = measured([str(inputs), "--model", "rules", "--columns", "narrow", "--workers", "2", "--engine", "ray"], place / "staged")
    shards = list((place / "staged").glob("part-*"))
    rows = pl.scan_parquet(place / "staged" / "*.parquet").select(pl.len()).collect().item()
    return {"reports": 1_000_000, "rows": rows, "run": found, "shards": len(shards), "bytes": sum(path.stat().st_size for path in shards)}


def hundred_million(place: Path) -> dict:
    "What the process that starts a run holds, and what it does at the end, for 10⁸ reports: the shards' notes are made, no report is staged."
    found = {}
    for rows in (1000, 10_000):
        count = 10**8 // rows
        generator = np.random.default_rng(0)
        with peak_memory() as peak:
            began = time.monotonic()
            hashes = {Shard(number // 25, number % 25 * rows): generator.bytes(8 * rows) for number in range(count)}
            made = time.monotonic() - began
            began = time.monotonic()
            noted = note_repeated(Folder(place), hashes, "report_id")
        found[f"{rows} rows a shard"] = {"shards": count, "peak_mb": peak.mb, "made_seconds": made, "repeated_seconds": time.monotonic() - began, "noted": noted}
        del hashes
    folder, _ = open_run(place / "shards", "simulated")
    began = time.monotonic()
    for number in range(100_000):
        (place / "shards" / Shard(number // 25, number % 25 * 1000).name).touch()
    found["files"] = {"count": 100_000, "made_seconds": time.monotonic() - began}
    began = time.monotonic()
    found["files"]["listed"] = len(folder.names())
    found["files"]["list_seconds"] = time.monotonic() - began
    ids = [f"R{number:08}" for number in range(100_000)]
    began = time.monotonic()
    id_hashes(ids)
    found["hash_seconds_per_million"] = (time.monotonic() - began) * 10
    for columns in ("narrow", "review", "full"):
        empty = columns_schema(staged_columns(columns)).empty_table()
        sink = pa.BufferOutputStream()
        parquet.write_table(empty, sink)
        found[f"footer_bytes, {columns}"] = len(sink.getvalue())
    return found


def reader(place: Path) -> dict:
    "How fast one worker reads a table and packs its rows for those that stage."
    inputs = write_inputs(place / "inputs", TABLE_ROWS)
    plan = plan_inputs(inputs)
    work = StagingWork.planned(plan, "rules")
    began = time.monotonic()
    packed = sum(len(pickle.dumps(stretch.rows)) for piece in pieces_of(plan) for stretch in work.rows(piece))
    seconds = time.monotonic() - began
    return {"rows": TABLE_ROWS, "seconds": seconds, "rows_per_second": TABLE_ROWS / seconds, "bytes": packed}


BENCHMARKS = {"reader": reader, "hundred_million": hundred_million, "default_10k": default_10k, "restart": restart, "rules_workers": rules_workers, "rules_100k": rules_100k, "rules_million": rules_million}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), help=f"of {', '.join(BENCHMARKS)}; all without one")
    for name in parser.parse_args(arguments).names:
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
        if name in kept:
            print(f"{name}: there already", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = BENCHMARKS[name](Path(folder))
        kept[name] = {"date": date.today().isoformat(), "machine": f"{machine_name()}, Python {platform.python_version()}", "version": __version__, **found}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: done", flush=True)


if __name__ == "__main__":
    main()
