"""Every system on the same held-out rows, each in a process of its own: `python nbs/benchmarks/compare_systems.py TABLE [SYSTEM ...] [--budget MINUTES] [--work FOLDER]`.

Results go to `results/compare_TABLE_SYSTEM.json`; `compare_systems.ipynb` shows them together. A system that is not named is not run again.
A neural system that was killed goes on where it stopped when it is named again: its checkpoints and vectors are in the folder of `--work`, and are removed (but for the vectors) when its result is stored.
"""
from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from cancer_staging.corpora.tcga import data_folder, load_corpus
from cancer_staging.corpora.splits import clear_of
from cancer_staging.evaluate.leaderboard import compare
from cancer_staging.evaluate.neural_systems import FrozenFeatures, OnWindows, pretrained_modernbert, WindowNetwork
from cancer_staging.evaluate.registry import field_answers, with_every_answer
from cancer_staging.evaluate.systems import PublishedAnswers, RulesSystem, System, TfidfLinear, TfidfRulesBoosting
from cancer_staging.evaluate.zero_shot import ZeroShotJson, ZeroShotLikelihood
from cancer_staging.models.frozen import FrozenEncoder
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"
WORK = Path(tempfile.gettempdir()) / "compare_systems"
TOKENS = 256  # of a window; a report is one window for every neural system but the frozen one, which reads two

FIELDS = {"all": ("t", "n", "m", "grade", "er", "pr", "her2"), "t14": ("t",), "breast": ("t", "n", "er", "pr", "her2")}
LINEAR = {"rules": RulesSystem, "default": partial(RulesSystem, "default"), "tfidf-linear": TfidfLinear, "tfidf-rules-boosting": TfidfRulesBoosting}
SMALL = {"batch": 8, "batch_tokens": 8 * TOKENS, "class_weights": True}  # of the breast table, with its 325 reports
LARGE = {"batch": 16, "batch_tokens": 8 * TOKENS, "class_weights": True}
TUNED: dict[str, dict[str, dict[str, object]]] = {  # table → system → settings of the recipe; epochs are upper bounds, the best one on the validation part counts
    "breast": {"minilm": {"epochs": 20, "learning_rate": 1e-4, "patience": 8, "window": TOKENS, **SMALL},
               "modernbert-from-configuration": {"epochs": 20, "learning_rate": 3e-4, "patience": 8, "pooling": "mean", **SMALL},
               "smollm2-lora": {"epochs": 5, "learning_rate": 5e-4, "patience": 5, **SMALL},
               "smollm2-qlora": {"epochs": 5, "learning_rate": 5e-4, "patience": 5, **SMALL},
               "smollm2-single-task": {"epochs": 4, "learning_rate": 5e-4, "patience": 4, **SMALL}},
    "all": {"minilm": {"epochs": 5, "learning_rate": 1e-4, "patience": 3, "window": TOKENS, **LARGE},
            "modernbert-from-configuration": {"epochs": 6, "learning_rate": 3e-4, "patience": 3, "pooling": "mean", **LARGE},
            "smollm2-lora": {"epochs": 3, "learning_rate": 3e-4, "patience": 3, **LARGE}}}
RECIPES = {"modernbert-from-configuration": "llatmu-task6"}  # others are called as their system
PRETRAINING = {"breast": {"epochs": 20}, "all": {"epochs": 4}}
PRETRAINING_SHARE = 2 / 3  # of the budget of a system that is pre-trained first
BUDGETS = {  # minutes of training at most, on the machine that the results name
    "breast": {"minilm": 45, "modernbert-from-configuration": 90, "smollm2-lora": 60, "smollm2-qlora": 75, "smollm2-single-task": 200},
    "all": {"minilm": 95, "modernbert-from-configuration": 240, "smollm2-lora": 480}}
ZERO_SHOT = {"smollm2-zero-shot-likelihood": ZeroShotLikelihood, "smollm2-zero-shot-json": ZeroShotJson}
FROZEN = "minilm-frozen"
BACKBONES: dict[str, object] = {}  # system → another backbone, encoder, model with its tokenizer, or the sizes of a ModernBERT
SYSTEMS = {"all": (*LINEAR, FROZEN, *TUNED["all"], *ZERO_SHOT), "t14": (*LINEAR, FROZEN, "llatmu"), "breast": (*LINEAR, FROZEN, *TUNED["breast"], *ZERO_SHOT)}


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


def frozen_encoder(work: Path  # where vectors are kept
                   ) -> FrozenEncoder:
    "MiniLM on two windows of a report, with a line on stderr for every part."
    return FrozenEncoder("minilm", TOKENS, 2, work / "vectors", progress=lambda done, of: print(f"{done:,} of {of:,} reports read", file=sys.stderr, flush=True))


def make(table: str,                      # `all`, `t14` or `breast`
         name: str,                       # one of its systems
         work: Path = WORK,               # for checkpoints and vectors
         minutes: float | None = None,    # of training, at most; None: as in `BUDGETS`
         ) -> System:
    "A system of a table, not fitted yet. Raises ValueError for a name that the table does not have."
    if name not in SYSTEMS[table]:
        raise ValueError(f"table {table} has no system {name!r}: there are {', '.join(SYSTEMS[table])}")
    given = BACKBONES.get(name)
    if name in LINEAR:
        return LINEAR[name]()
    if name == "llatmu":
        return PublishedAnswers(data_folder() / "tcga" / "llatmu_predictions.csv")
    if name == FROZEN:
        return FrozenFeatures(given or frozen_encoder(work), FROZEN)
    if name in ZERO_SHOT:
        model = given or "smollm2"
        return OnWindows(ZERO_SHOT[name](model, max_tokens=TOKENS), model if isinstance(model, str) else model[1], TOKENS)
    minutes, backbone, tuning = minutes or BUDGETS[table][name], given, minutes or BUDGETS[table][name]
    if name == "modernbert-from-configuration":
        backbone = partial(pretrained_modernbert, minutes=PRETRAINING_SHARE * minutes, settings=PRETRAINING[table], **(given or {}))
        tuning = (1 - PRETRAINING_SHARE) * minutes
    return WindowNetwork(RECIPES.get(name, name), own_folder(work, table, name) / "model", name, backbone, TOKENS, tuning, **TUNED[table][name])


def own_folder(work: Path, table: str, name: str) -> Path:
    "Where one system of a table keeps what it goes on with."
    return work / f"{table}-{name}"


def run(table: str, name: str, work: Path, minutes: float | None) -> None:
    "Fits and scores one system and stores its row of the leaderboard, its answers for paired tests and what is kept of its training."
    train, test = rows(table)
    fields = FIELDS[table]
    own_folder(work, table, name).mkdir(parents=True, exist_ok=True)
    system = make(table, name, work, minutes)
    board = compare([system], train, test, fields, among=load_corpus(), stated=table != "breast", progress=partial(print, file=sys.stderr))
    columns = [column for field in fields for column in (field, f"{field}_confidence")]
    about = {**board.about, "date": date.today().isoformat(), "machine": machine_name(), "table": table, "train_rows": train.height, "test_rows": test.height,
             "read": read_of(name), "training": system.training,
             "answers": {name: with_every_answer(staged, fields).select("report_id", *columns).to_dict(as_series=False) for name, staged in board.staged.items()}}
    type(board)(board.scores, board.systems, about).save(RESULTS / f"compare_{table}_{name}.json")
    shutil.rmtree(own_folder(work, table, name), ignore_errors=True)


def read_of(name: str) -> str:
    "What a system reads of a report, in words."
    if name in LINEAR or name == "llatmu":
        return "the report"
    return f"{2 if name == FROZEN else 1} × {TOKENS} tokens chosen"


NEAR = 0.1  # Cohen's κ below which a system is called near the commonest label
BEFORE = {"minilm": 4, "modernbert-from-configuration": 4, "smollm2-lora": 1, "smollm2-qlora": 1, "smollm2-single-task": 1}  # epochs of runs before windows: they kept no loss and read the first 512 tokens


def why(about: Mapping[str, object],  # of a stored result
        field: str,                   # in which it is near the commonest label
        system: str = "",             # its name
        ) -> str:
    "What the stored run says about why it learnt no more, in words."
    if system in BEFORE and "training" not in about:
        return f"at most {about['train_rows'] * 512 * BEFORE[system] / 1e6:.2f} M tokens, the beginnings of {about['train_rows']:,} reports in {BEFORE[system]} epochs; its loss was not kept"
    if about.get("training") is None:
        return "nothing is learnt: the model answers as it comes"
    record = about["training"].get("fields", {}).get(field, about["training"])
    curve = [row["losses"][field] for row in record.get("curve", ()) if field in row["losses"]] or [record["losses"][field]]
    loss = " to ".join(f"{value:.2f}" for value in dict.fromkeys((curve[0], curve[-1])))
    constant = record["constant_loss"][field]
    told = f"{record['tokens_read'] / 1e6:.2f} M tokens" + (f" in {record['epochs']:.1f} epochs" if "epochs" in record else "")
    told += f", training loss {loss}, one answer to all {constant:.2f}: "
    if curve[-1] > 0.95 * constant:
        told += "hardly anything was learnt"
    else:
        told += "the training reports were learnt, " + (f"the validation reports less (macro-F1 {record['best']['macro_f1']:.2f})" if record.get("best") else "others less")
    return told + (f"; its {about['training']['budget_minutes']:.0f} minutes were over" if about["training"].get("stopped_by_budget") else "")


def near_commonest(scores: pl.DataFrame,                      # of a leaderboard
                   staged: Mapping[str, pl.DataFrame],        # system → its stored answers
                   test: pl.DataFrame,                        # the reports that were scored
                   about: Mapping[str, Mapping[str, object]], # system → what is stored of its run
                   ) -> pl.DataFrame:
    "A row for each system and field with a κ below `NEAR`: the share that was right, that of the commonest label, that of the answer given most often, and why."
    found = []
    for row in scores.filter(pl.col("kappa") < NEAR, subset="all").iter_rows(named=True):
        answers = field_answers(staged[row["system"]], test, row["field"])
        commonest, favourite = (Counter(values).most_common(1)[0] for values in (answers.truths, answers.labels))
        found.append({"system": row["system"], "field": row["field"], "κ": row["kappa"], "right": row["accuracy_all"], "commonest label": f"{commonest[0]}, {commonest[1] / len(answers.truths):.3f}",
                      "most given": f"{favourite[0] or 'none'}, {favourite[1] / len(answers.truths):.3f}", "why": why(about[row["system"]], row["field"], row["system"])})
    return pl.DataFrame(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=SYSTEMS)
    parser.add_argument("systems", nargs="*", help="names; all of the table when none is given")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="of training for each neural system, in place of those in BUDGETS")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for checkpoints and vectors, so that a run that was killed goes on")
    asked = parser.parse_args()
    if unknown := [name for name in asked.systems if name not in SYSTEMS[asked.table]]:
        parser.error(f"table {asked.table} has no system {unknown[0]!r}: there are {', '.join(SYSTEMS[asked.table])}")
    for name in asked.systems or SYSTEMS[asked.table]:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(asked.table, name, asked.work, asked.budget))
        process.start()
        process.join()
        print(f"{name}: {'done' if process.exitcode == 0 else 'failed'}", flush=True)


if __name__ == "__main__":
    main()
