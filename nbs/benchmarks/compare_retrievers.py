"""Retrievers on the same held-out rows, with 0, 1 and 3 examples: `python nbs/benchmarks/compare_retrievers.py TASK MODEL --train TRAIN.parquet --test TEST.parquet`.

The tables have the columns of `writing.examples`: example_id, group, split, the task's inputs, response. Examples come from the rows of `--train` whose split is train; `--split` of `--test` is
answered (validation unless said otherwise), the same rows by every retriever. Every combination is added to `results/retrieval_TASK.json` as soon as it is done; one that stands there is not
made again. Beside the model stands the answer of the nearest example, copied: `copy` needs no model.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from cancer_staging import __version__
from cancer_staging.writing.engines import load_generator
from cancer_staging.writing.generate import generate_frame
from cancer_staging.evaluate.text import generation_intervals, icd_accuracy, INTERVAL_SCORES
from cancer_staging.writing.retrieval import copy_nearest, open_retriever, Retriever, RETRIEVERS
from cancer_staging.writing.tasks import get_task, Task
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"
HERE = ("random", "bm25", "minilm")  # those whose weights, if any, come by package
COPY = "copy"                        # in place of a model


def scores_with_limits(task: Task,                             # whose metric counts
                       predictions: Sequence[str | None],      # answers
                       references: Sequence[str],              # what is right
                       groups: Sequence[str],                  # the patient or encounter of each row, drawn as a whole
                       samples: int,                           # bootstrap draws
                       ) -> dict[str, dict[str, float | None]]:
    "Score → value, and low and high of its 95 % interval: Wilson's for codes, bootstrap for texts; None where there is none."
    scores = task.metric(predictions, references)
    if "icd3" in scores:
        intervals = icd_accuracy([task.parse(answer or "").value for answer in predictions], references)
    else:
        intervals = generation_intervals(predictions, references, INTERVAL_SCORES, groups, samples)
    ends = {name: (interval.low, interval.high) for name, interval in intervals.items()}
    return {name: dict(zip(("value", "low", "high"), (value, *ends.get(name, (None, None))))) for name, value in scores.items()}


def digest(train: pl.DataFrame, test: pl.DataFrame, task: Task, settings: dict[str, object]) -> str:
    "A fingerprint of the rows on both sides and of what is not named in the key of a run."
    columns = ["example_id", *(name for name in task.columns if name in test.columns), "response"]
    content = json.dumps([train.select(columns).rows(), test.select(columns).rows(), settings], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("model", help=f"a folder, a name such as smollm2, or {COPY!r} for no model")
    parser.add_argument("--train", type=Path, required=True, help="parquet with the examples")
    parser.add_argument("--test", type=Path, required=True, help="parquet with the rows to answer")
    parser.add_argument("--split", default="validation", help="of the rows to answer")
    parser.add_argument("--rows", type=int, help="answer so many of them, drawn by seed 0; all when not given")
    parser.add_argument("--retrievers", nargs="*", choices=RETRIEVERS, default=HERE)
    parser.add_argument("--shots", nargs="*", type=int, default=[0, 1, 3], help="examples in a prompt")
    parser.add_argument("--same", help="column that examples should share with the row, such as question")
    parser.add_argument("--max-input-tokens", type=int, help="longer prompts are cut")
    parser.add_argument("--constrained", action="store_true", help="hold answers to the task's constraint")
    parser.add_argument("--batch-tokens", type=int, default=16384, help="tokens of prompts and answers computed at once")
    parser.add_argument("--samples", type=int, default=1000, help="bootstrap draws")
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors of examples")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)

    task = get_task(asked.task)
    train, test = pl.read_parquet(asked.train).filter(split="train"), pl.read_parquet(asked.test).filter(split=asked.split)
    if not train.height or not test.height:
        parser.error(f"{asked.train} has {train.height} rows of train, {asked.test} has {test.height} of {asked.split}: both need some")
    if asked.rows is not None and asked.rows < test.height:
        test = test.sample(asked.rows, seed=0).sort("example_id")
    references, groups, rows = test["response"].to_list(), test["group"].to_list(), test.to_dicts()
    settings = {"same": asked.same, "max_input_tokens": asked.max_input_tokens, "constrained": asked.constrained}
    of_rows = digest(train, test, task, settings)
    path = asked.results / f"retrieval_{task.name}.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    done = {(run["model"], run["retriever"], run["shots"], run["digest"]) for run in runs}

    @cache
    def model() -> tuple[object, object]:
        return load_generator(asked.model)

    @cache
    def retriever(name: str) -> Retriever:
        return open_retriever(name, train, task, same=asked.same, cache=asked.cache)

    combinations = [("none", 0)] if 0 in asked.shots and asked.model != COPY else []
    combinations += [(name, shots) for name in asked.retrievers for shots in ([1] if asked.model == COPY else asked.shots) if shots]
    for name, shots in combinations:
        if (asked.model, name, shots, of_rows) in done:
            continue
        start = time.perf_counter()
        if asked.model == COPY:
            predictions, flagged, failed = copy_nearest(retriever(name), rows), {}, 0
        else:
            source = (lambda given: retriever(name).examples(given, shots)) if shots else None
            answers = generate_frame(test, task, model(), "example_id", source, max_input_tokens=asked.max_input_tokens, constrained=asked.constrained, batch_tokens=asked.batch_tokens)
            predictions, failed = answers["response"].to_list(), int((answers["status"] != "ok").sum())
            flagged = dict(sorted(answers["flags"].explode().drop_nulls().value_counts().rows()))
        seconds = time.perf_counter() - start
        scores = scores_with_limits(task, predictions, references, groups, asked.samples)
        runs.append({"model": asked.model, "retriever": name, "shots": shots, "digest": of_rows, "split": asked.split, "train_rows": train.height, "test_rows": test.height, **settings,
                     "date": date.today().isoformat(), "seconds": round(seconds, 1), "failed": failed, "flags": flagged, "scores": scores,
                     "answers": dict(zip(test["example_id"].to_list(), predictions))})
        content = {"version": __version__, "machine": machine_name(), "task": task.name, "runs": runs}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)
        print(f"{asked.model} {name} k={shots}: " + ", ".join(f"{score} {limits['value']:.3f} ({limits['low']:.3f}–{limits['high']:.3f})" for score, limits in scores.items() if limits["low"] is not None), flush=True)


if __name__ == "__main__":
    sys.exit(main())
