"""This checkout and an earlier commit on the same reports, in turns: `python nbs/benchmarks/paired_speed.py [COMMIT] [--rounds 5] [--reports 500]`.

Seconds depend on the machine and on the minute; what travels is the ratio of two versions that met the same minutes. Each version stages a frame in a process of its own, on one core, the other one right after it, and the next round begins with the other.
Of a process the least of three passes counts, in processor time. `results/paired_speed.json` keeps every round; the speed page shows their ratios. A later version may be slower because it reads more: the commits between say what.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from cancer_staging.corpora.tcga import load_corpus
from device_rates import machine_name

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).resolve().parent / "results" / "paired_speed.json"
BEFORE = "4fc9f39"  # the last commit before staging was made quicker
ONE_CORE = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")}
STAGE = """
import json, sys, time
import cancer_staging, polars
assert cancer_staging.__file__.startswith(sys.argv[1]), cancer_staging.__file__
frame = polars.read_parquet(sys.argv[2])
found = {}
for model in ("rules", "default"):
    stager, passes = cancer_staging.Stager.from_pretrained(model), []
    for number in range(3):
        fresh = frame.with_columns(polars.col("text") + f"\\n{number}")  # no report that the stager may remember
        began = time.process_time()
        stager.stage_frame(fresh)
        passes.append(time.process_time() - began)
    found[model] = 1000 * min(passes) / frame.height
print(json.dumps(found))
"""


@contextmanager
def checked_out(commit: str,                    # any name that git knows
                repository: Path = REPOSITORY,
                ) -> Iterator[Path]:
    "A folder with the files of a commit. Raises CalledProcessError where the history does not hold it."
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "-C", str(repository), "archive", "--format=tar", commit, "cancer_staging"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        yield Path(folder).resolve()


def milliseconds(tree: Path,     # with a folder `cancer_staging`
                 reports: Path,  # Parquet
                 ) -> dict[str, float]:
    "Model → processor milliseconds a report, from a frame to the staged table."
    done = subprocess.run([sys.executable, "-c", STAGE, str(tree), str(reports)], cwd=tree, env=os.environ | ONE_CORE, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def take_turns(before: Path, now: Path,   # trees
               frame: pl.DataFrame,       # reports
               rounds: int,
               ) -> list[dict[str, dict[str, float]]]:
    "For each round `before` and `now`, in milliseconds a report."
    found = []
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports.parquet"
        frame.write_parquet(reports)
        for number in range(rounds):
            order = {"before": before, "now": now} if number % 2 == 0 else {"now": now, "before": before}
            found.append({name: milliseconds(tree, reports) for name, tree in order.items()})
            print(", ".join(f"{model} {found[-1]['before'][model] / found[-1]['now'][model]:.2f} times as fast" for model in ("rules", "default")), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="?", default=BEFORE)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reports", type=int, default=500, help="of train")
    asked = parser.parse_args()
    frame = load_corpus().filter(split="train").sample(asked.reports, seed=0).select("patient_id", "text")
    with checked_out(asked.commit) as before:
        rounds = take_turns(before, REPOSITORY, frame, asked.rounds)
    about = subprocess.run(["git", "-C", str(REPOSITORY), "log", "-1", "--format=%h %cs", asked.commit], check=True, capture_output=True, text=True).stdout.split()
    RESULTS.write_text(json.dumps({"date": date.today().isoformat(), "machine": machine_name(), "before": dict(zip(("commit", "date"), about)), "reports": frame.height, "milliseconds_per_report": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
