"""LLATMU's published answers, scored apart on patients whose T it was not trained on and on those whose T it was: `python nbs/benchmarks/llatmu_leak.py`.

Beside it stand the stored systems of `compare_all_*.json`, which were trained on neither: what they score higher on the second kind of patient is that these are easier, and the rest of the gap is the leak.
Needs the data folder; results go to `results/llatmu_leak.json`, without answers or text. It takes a few seconds.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.tcga import data_folder, labels, load_corpus
from cancer_staging.evaluate.intervals import bootstrap_interval
from cancer_staging.evaluate.scores import confusion, label_codes, macro_f1
from cancer_staging.fields import FIELDS
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"
CLASSES = FIELDS["t"].trained
PUBLISHED = "LLATMU (published)"


def scored(answers: pl.DataFrame,  # truth, t
           samples: int,           # of the bootstrap
           ) -> dict[str, object]:
    "Macro-F1 of T and the F1 of each class with their 95 % intervals, on the patients given."
    truth, given = (label_codes(answers[name], CLASSES) for name in ("truth", "t"))

    def f1(number: int):
        def of_class(truths: np.ndarray, said: np.ndarray) -> float:
            both = (truths == number).sum() + (said == number).sum()
            return 2 * ((truths == number) & (said == number)).sum() / both if both else float("nan")
        return of_class

    measures = {"macro_f1": lambda truths, said: macro_f1(confusion(truths, said, len(CLASSES))), **{label: f1(number) for number, label in enumerate(CLASSES)}}
    found = {name: bootstrap_interval(measure, truth, given, samples=samples) for name, measure in measures.items()}
    return {"patients": answers.height, "scores": {name: {"value": float(score.value), "low": score.low, "high": score.high} for name, score in found.items()}}


def sides(answers: pl.DataFrame, known: pl.DataFrame, system: str, samples: int) -> list[dict[str, object]]:
    "The two kinds of patient for one system; only patients that LLATMU answered count, for every system."
    rows = known.join(answers, on="patient_id")
    return [{"system": system, "t_trained_on_by_llatmu": trained, **scored(rows.filter(pl.col("t14_test") != trained), samples)} for trained in (False, True)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the results, and of the stored systems")
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    asked = parser.parse_args(arguments)
    path = data_folder() and data_folder() / "tcga" / "llatmu_predictions.csv"
    if not path or not path.is_file():
        parser.error("the published answers are in the data folder, tcga/llatmu_predictions.csv: set CANCER_STAGING_DATA")
    corpus = load_corpus()
    published = pl.read_csv(path).select("patient_id", "t")
    known = corpus.select("patient_id", "t14_test", truth=labels(corpus, "t")).filter(pl.col("truth").is_in(CLASSES)).join(published.select("patient_id"), on="patient_id")
    runs = sides(published, known, PUBLISHED, asked.samples)
    for stored in sorted(asked.results.glob("compare_all_*.json")):
        for system, answers in json.loads(stored.read_text(encoding="utf-8"))["about"].get("answers", {}).items():
            runs += sides(pl.DataFrame({"patient_id": answers["report_id"], "t": answers["t"]}, schema_overrides={"t": pl.String}), known, system, asked.samples)
    about = {"date": date.today().isoformat(), "machine": machine_name(), "version": __version__, "samples": asked.samples, "seed": 0}
    (asked.results / "llatmu_leak.json").write_text(json.dumps({"about": about, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
