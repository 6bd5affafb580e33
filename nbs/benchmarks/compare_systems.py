"""Every system on the same held-out rows, each in a process of its own: `python nbs/benchmarks/compare_systems.py TABLE [SYSTEM ...]`.

Results go to `results/compare_TABLE_SYSTEM.json`; `compare_systems.ipynb` shows them together. A system that is not named is not run again.
"""
from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from cancer_staging.corpora.tcga import data_folder, load_corpus
from cancer_staging.corpora.splits import clear_of
from cancer_staging.evaluate.leaderboard import compare
from cancer_staging.evaluate.registry import with_every_answer
from cancer_staging.evaluate.systems import (EncoderSystem, LanguageModelSystem, modernbert_backbone, PublishedAnswers, RecipeSystem, RulesSystem, TfidfLinear, TfidfRulesBoosting)
from cancer_staging.evaluate.zero_shot import ZeroShotJson, ZeroShotLikelihood

RESULTS = Path(__file__).resolve().parent / "results"
TOKENS = 512  # of a report, for every neural system of the breast table

FIELDS = {"all": ("t", "n", "m", "grade", "er", "pr", "her2"), "t14": ("t",), "breast": ("t", "n", "er", "pr", "her2")}
LINEAR = {"rules": RulesSystem, "default": partial(RulesSystem, "default"), "tfidf-linear": TfidfLinear, "tfidf-rules-boosting": TfidfRulesBoosting}
NEURAL = {
    "minilm": partial(EncoderSystem, name="minilm", max_length=TOKENS, epochs=4, batch=8),
    "modernbert-from-configuration": partial(RecipeSystem, "llatmu-task6", name="modernbert-from-configuration", backbone=modernbert_backbone, max_length=TOKENS, epochs=4, learning_rate=3e-4, batch=8),
    "smollm2-lora": partial(LanguageModelSystem, name="smollm2-lora", max_length=TOKENS, epochs=1, batch=8, learning_rate=5e-4),
    "smollm2-qlora": partial(RecipeSystem, "smollm2-qlora", name="smollm2-qlora", max_length=TOKENS, epochs=1, batch=8, learning_rate=5e-4),
    "smollm2-single-task": partial(RecipeSystem, "smollm2-single-task", name="smollm2-single-task", max_length=TOKENS, epochs=1, batch=8, learning_rate=5e-4),
    "smollm2-zero-shot-likelihood": partial(ZeroShotLikelihood, max_tokens=TOKENS),
    "smollm2-zero-shot-json": partial(ZeroShotJson, max_tokens=TOKENS),
}
SYSTEMS = {"all": LINEAR, "t14": LINEAR | {"llatmu": None}, "breast": LINEAR | NEURAL}


def rows(table: str  # `all`, `t14` or `breast`
         ) -> tuple[pl.DataFrame, pl.DataFrame]:
    "Training and test reports of a table; training reports whose text stands in a test report are out."
    frame = load_corpus()
    train, test = frame.filter(split="train"), frame.filter(split="test")
    train = clear_of(train, test, among=frame)
    if table == "breast":
        train, test = train.filter(project="BRCA"), test.filter(project="BRCA")
    if table == "t14":
        test = PublishedAnswers(data_folder() / "tcga" / "llatmu_predictions.csv").covered(test)
    return train, test


def run(table: str, name: str) -> None:
    "Fits and scores one system and stores its row of the leaderboard, and its answers for paired tests."
    train, test = rows(table)
    fields = ("t",) if name == "smollm2-single-task" else FIELDS[table]  # one model a field: the first shows what the rest would cost
    system = PublishedAnswers(data_folder() / "tcga" / "llatmu_predictions.csv") if name == "llatmu" else SYSTEMS[table][name]()
    board = compare([system], train, test, fields, among=load_corpus(), stated=table != "breast", progress=partial(print, file=sys.stderr))
    about = {**board.about, "date": date.today().isoformat(), "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU", "table": table, "train_rows": train.height, "test_rows": test.height,
             "answers": {name: with_every_answer(staged, fields).select("report_id", *(column for field in fields for column in (field, f"{field}_confidence"))).to_dict(as_series=False) for name, staged in board.staged.items()}}
    type(board)(board.scores, board.systems, about).save(RESULTS / f"compare_{table}_{name}.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=SYSTEMS)
    parser.add_argument("systems", nargs="*", help="names; all of the table when none is given")
    asked = parser.parse_args()
    for name in asked.systems or SYSTEMS[asked.table]:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(asked.table, name))
        process.start()
        process.join()
        print(f"{name}: {'done' if process.exitcode == 0 else 'failed'}", flush=True)


if __name__ == "__main__":
    main()
