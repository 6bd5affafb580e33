"""Repeated cross-validation and hold-outs on `train`: `python nbs/benchmarks/cross_validate.py [folds] [hospital] [cancer_type] [--seeds 5] [--folds 5] [--since DATE]`.

Every run is added to `results/cross_validation.json` as soon as it is done, and a run that stands there is not made again,
unless it was made before the date of `--since`: then the new one takes its place. `compare_systems.ipynb` shows them. In full it takes about three hours on one core.
"""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.tcga import load_corpus
from cancer_staging.models.judges import LearnedJudge
from cancer_staging.models.fitting import fit_learned
from cancer_staging.evaluate.registry import field_answers
from cancer_staging.corpora.splits import hold_out, k_folds, linked_groups
from cancer_staging.runs import replace_file
from cancer_staging.stager import Stager
from cancer_staging.evaluate.neural_systems import FrozenFeatures
from cancer_staging.evaluate.systems import RulesSystem, System, TfidfLinear, TfidfRulesBoosting
from compare_systems import FROZEN, frozen_encoder, WORK
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "cross_validation.json"
FIELDS = ("t", "n", "m")
SHARE = 0.2  # of the reports, held out by hospital or by cancer type
COLUMNS = {"hospital": "tissue_source_site", "cancer_type": "project"}
MEASURES = ("total", "accuracy_all", "macro_f1", "auroc", "ece")


class DefaultModel(RulesSystem):
    "The default model, fitted anew. Its rules keep their shipped calibration, which learned fields don't use."
    def __init__(self):
        super().__init__("rules", "default")

    def fit(self, train: pl.DataFrame, fields: tuple[str, ...], seed: int = 0) -> None:
        self._stager = Stager(None, LearnedJudge(fit_learned(train, seed=seed)))


SYSTEMS = {"tfidf-linear": TfidfLinear, "tfidf-rules-boosting": TfidfRulesBoosting, FROZEN: FrozenFeatures, "default": DefaultModel}


def sides(frame: pl.DataFrame,   # the training split
          part: str,             # `folds`, `hospital` or `cancer_type`
          seed: int,             # of the folds or of the draw
          folds: int,            # how many
          groups: np.ndarray,    # from `linked_groups`
          ) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame, list[str]]]:
    "Number, training side, test side and what is held out, for each run of a seed."
    if part == "folds":
        dealt = k_folds(frame, folds, seed, FIELDS, groups=groups)
        for fold in range(folds):
            yield fold, dealt.filter(pl.col("fold") != fold), dealt.filter(fold=fold), []
    else:
        dealt = hold_out(frame, COLUMNS[part], share=SHARE, seed=seed, groups=groups)
        test = dealt.filter(split="test")
        yield 0, dealt.filter(split="train"), test, sorted(test[COLUMNS[part]].unique())


def run(system: System, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> dict[str, object]:
    "Scores of one system on one test side, and the seconds of its training."
    start = time.perf_counter()
    system.fit(train, FIELDS, seed)
    seconds = time.perf_counter() - start
    staged = system.answer(test)
    scores = {name: field_answers(staged, test, name).scores() for name in FIELDS}
    return {"train_rows": train.height, "test_rows": test.height, "training_seconds": round(seconds, 1),
            "scores": {name: {measure: None if np.isnan(value := getattr(of_field, measure)) else float(value) for measure in MEASURES} for name, of_field in scores.items()}}


def merged(runs: list[dict], fresh: dict) -> list[dict]:
    "The stored runs with the fresh one in the place of its older self, or last."
    places = {key(run): number for number, run in enumerate(runs)}
    number = places.get(key(fresh), len(runs))
    return [*runs[:number], fresh, *runs[number + 1:]]


def key(run: dict) -> tuple:
    "What tells one run from another."
    return tuple(run[name] for name in ("part", "system", "seed", "folds", "fold"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="folds, hospital or cancer_type; all when none is given")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--systems", nargs="*", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--since", default="", metavar="DATE", help="make runs from before this date, such as 2026-11-28, again")
    parser.add_argument("--work", type=Path, default=WORK, help="folder that keeps the vectors of frozen networks")
    asked = parser.parse_args()
    parts = asked.parts or ["folds", *COLUMNS]
    if unknown := set(parts) - {"folds", *COLUMNS}:
        parser.error(f"no part {sorted(unknown)[0]}: there are folds, {', '.join(COLUMNS)}")

    frame = load_corpus().filter(split="train")
    groups = linked_groups(frame)
    made = SYSTEMS | {FROZEN: partial(FrozenFeatures, frozen_encoder(asked.work), FROZEN)}  # one encoder for all runs: a report is read once
    runs = json.loads(RESULTS.read_text())["runs"] if RESULTS.is_file() else []
    done = {key(stored) for stored in runs if stored["date"] >= asked.since}
    for part in parts:
        for seed in range(asked.seeds):
            for fold, train, test, held in sides(frame, part, seed, asked.folds, groups):
                for name in asked.systems:
                    of_run = {"part": part, "system": name, "seed": seed, "folds": asked.folds if part == "folds" else 1, "fold": fold, "date": date.today().isoformat()}
                    if key(of_run) in done:
                        continue
                    of_run |= {**run(made[name](), train, test, seed), "held_out": held}
                    runs = merged(runs, of_run)
                    content = {"version": __version__, "machine": machine_name(), "train_rows": frame.height, "share_held_out": SHARE, "runs": runs}
                    with replace_file(RESULTS, mode=0o666) as fresh:
                        fresh.write_text(json.dumps(content, indent=1) + "\n")
                    print(f"{part} seed {seed} {fold + 1}/{of_run['folds']} {name}: " + ", ".join(f"{field} {scores['macro_f1']:.3f}" for field, scores in of_run["scores"].items()), flush=True)


if __name__ == "__main__":
    main()
