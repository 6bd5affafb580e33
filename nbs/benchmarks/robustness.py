"""What typing errors, OCR errors, removed notation and wrong training labels do to staging and to generated answers, and what helps.

python nbs/benchmarks/robustness.py staging
python nbs/benchmarks/robustness.py generation MODEL... --task phenotype --examples examples.parquet [--rates 0 0.02 0.04 0.06 0.08] [--noise misspelling] [--repair] [--rows 400]

Results go to `results/robustness_staging.json` and `results/robustness_generation.json`; `robustness.ipynb` shows them. Every run is written down when it is done, and one that stands there is not made again.
Rows that are scored have split `test`; what is learnt (models, spelling) comes from split `train`. No report text is written.
"""
from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import polars as pl

from cancer_staging.corpora.tcga import labels, load_corpus
from cancer_staging.fields import get_field
from cancer_staging.evaluate.intervals import bootstrap_interval, paired_bootstrap
from cancer_staging.evaluate.registry import field_answers
from cancer_staging.evaluate.scores import confusion, macro_f1
from cancer_staging.evaluate.text import generation_intervals
from cancer_staging.corpora.noise import counterfactual, misspell, noisy_copies, ocr_noise
from cancer_staging.corpora.spelling import SpellingRepair
from cancer_staging.text.masking import remove_notation
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"
RATES = (0.0, 0.02, 0.04, 0.06, 0.08)          # of misspelled words, as in CancerLLM
OCR_RATES = (0.05, 0.15, 0.3, 0.5)             # of `ocr_noise`; 0.15 is near to the rough half of TCGA-Reports
WRONG = (0.2, 0.4, 0.6, 0.8)                   # of the training labels, as in CancerLLM
NOISE: dict[str, Callable[[str, float, int], str]] = {
    "misspelling": misspell, "ocr": ocr_noise, "notation removed": lambda text, rate, seed: remove_notation(text).text if rate else text,
    "misspelling without notation": lambda text, rate, seed: misspell(remove_notation(text).text, rate, seed)}
SMALL = 2000                                   # training reports of a model that is fitted here
TRAINING_RATE = 0.06                           # of misspelled words in the copies that a model is trained with
PACKAGES = ("polars", "numpy", "scikit-learn", "symspellpy", "torch", "transformers", "peft")
NOT_SPOILT = {"question", "section"}           # columns of a task that its user does not type


def versions() -> dict[str, str]:
    "The installed versions of what matters."
    found = {"python": platform.python_version()}
    for name in ("cancer-staging", *PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class Ledger:
    "Runs and where they are written down."
    def __init__(self, path: Path, keys: Sequence[str]):
        self.path, self.keys = path, tuple(keys)
        self.content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"about": {}, "runs": []}
        self._done = {tuple(run[key] for key in self.keys) for run in self.content["runs"]}

    def __contains__(self, key: tuple) -> bool:
        return key in self._done

    def add(self, key: tuple, found: dict, about: dict) -> None:
        "Writes down a run."
        self._done.add(key)
        self.content["about"] = {"date": date.today().isoformat(), "machine": machine_name(), "versions": versions(), **about}
        self.content["runs"].append({**dict(zip(self.keys, key, strict=True)), "date": date.today().isoformat(), **found})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.path.with_suffix(".part")
        waiting.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        waiting.replace(self.path)
        print(" · ".join(map(str, key)), "done", file=sys.stderr, flush=True)


def spoilt(frame: pl.DataFrame, columns: Sequence[str], noise: str, level: float, repair: SpellingRepair | None, seed: int = 0) -> pl.DataFrame:
    "The rows with noise in their texts, and then with their spelling mended."
    def change(text: str | None, number: int) -> str | None:
        noisy = text and NOISE[noise](text, level, seed + number)
        return repair.repair(noisy).text if repair and noisy else noisy

    return frame.with_columns(pl.Series(name, [change(text, number) for number, text in enumerate(frame[name])], pl.String) for name in columns)


def staging_conditions() -> Iterator[tuple[str, str, float, bool]]:
    "System, noise, level, whether the spelling is mended."
    for system in ("default", "rules"):
        yield from ((system, "misspelling", rate, mended) for rate in RATES for mended in (False, True))
        yield from ((system, "ocr", rate, mended) for rate in OCR_RATES for mended in (False, True))
        yield system, "notation removed", 1.0, False
    yield from (("default", "misspelling without notation", rate, mended) for rate in RATES for mended in (False, True))
    for system in ("small", "small, trained with misspellings"):
        yield from ((system, noise, rate, False) for noise in ("misspelling", "misspelling without notation") for rate in RATES)
    yield from ((f"small, {rate:.0%} wrong labels", "misspelling", 0.0, False) for rate in WRONG)


class Staging:
    "The staging systems, made when they are first wanted, and the rows that they are scored on."
    def __init__(self, corpus: Path | None, rows: int | None, small: int, samples: int):
        self.frame, self.small, self.samples = load_corpus(corpus), small, samples
        test = self.frame.filter(split="test")
        self.test = test if rows is None else test.sample(min(rows, test.height), seed=0)
        self.train = self.frame.filter(split="train")
        self.system, self.spelling, self.clean = cache(self._system), cache(self._spelling), cache(self._clean)

    def _spelling(self) -> SpellingRepair:
        return SpellingRepair.from_texts(self.train["text"])

    def _system(self, name: str):
        "The stager and the fields that it is scored on."
        from cancer_staging.models.judges import LearnedJudge
        from cancer_staging.models.fitting import fit_learned
        from cancer_staging.stager import Stager

        if not name.startswith("small"):
            return Stager.from_pretrained(name), ("t", "n", "m")
        rows = self._small_rows()
        if name.endswith("wrong labels"):
            rate = float(name.split()[1].rstrip("%")) / 100
            rows = rows.with_columns(pl.Series(field, counterfactual(rows[field].to_list(), rate, seed=0).labels) for field in ("t", "n"))
        if name.endswith("misspellings"):
            rows = noisy_copies(rows, "text", TRAINING_RATE, seed=1)
        return Stager(None, LearnedJudge(fit_learned(rows, ("t", "n"), seed=0))), ("t", "n")

    @cache
    def _small_rows(self) -> pl.DataFrame:
        "Training reports with T and N as labels, none of them nearly the same as a test report."
        from cancer_staging.corpora.splits import clear_of

        rows = clear_of(self.train, self.test, among=self.frame)
        rows = rows.sample(min(self.small, rows.height), seed=0)
        trained = {field: pl.Series(field, [label if label in get_field(field).trained else None for label in labels(rows, field)], pl.String) for field in ("t", "n")}
        return rows.with_columns(**trained)

    def answer(self, system: str, noise: str, level: float, mended: bool) -> pl.DataFrame:
        "The staged table of the spoilt test reports."
        return self.system(system)[0].stage_frame(spoilt(self.test, ["text"], noise, level, self.spelling() if mended else None), "text", "patient_id")

    def _clean(self, system: str, noise: str) -> dict[str, np.ndarray]:
        "Codes of the answers at level 0 of the noise."
        staged = self.answer(system, noise, 0.0, False)
        return {field: field_answers(staged, self.test, field).codes[1] for field in self.system(system)[1]}

    def run(self, system: str, noise: str, level: float, mended: bool) -> dict[str, object]:
        "Scores of the fields, with intervals, and their difference from the same system at level 0 of the noise."
        began = time.process_time()
        staged, fields = self.answer(system, noise, level, mended), self.system(system)[1]
        seconds = time.process_time() - began
        found = {}
        for field in fields:
            answers = field_answers(staged, self.test, field)
            scores, (true, given), options = answers.scores(), answers.codes, {"samples": self.samples, "groups": answers.patients}

            def score(truths: np.ndarray, said: np.ndarray) -> float:
                return macro_f1(confusion(truths, said, len(answers.classes)))

            interval, loss = bootstrap_interval(score, true, given, **options), paired_bootstrap(score, true, given, self.clean(system, noise)[field], **options)
            found[field] = {"total": scores.total, "answered": scores.answered, "accuracy_all": float(scores.accuracy_all), "macro_f1": interval.value, "macro_f1_low": interval.low, "macro_f1_high": interval.high,
                            "from_clean": {"value": loss.value, "low": loss.low, "high": loss.high, "p_value": loss.p_value}}
        return {"rows": self.test.height, "cpu_seconds": round(seconds, 1), "scores": found}


def staging(asked: argparse.Namespace) -> None:
    "All conditions of the staging systems."
    ledger = Ledger(asked.results / "robustness_staging.json", ("system", "noise", "level", "mended"))
    bench = Staging(asked.corpus, asked.rows, asked.small, asked.samples)
    about = {"test_rows": bench.test.height, "train_rows": bench.train.height, "small_rows": min(asked.small, bench.train.height), "training_rate": TRAINING_RATE, "samples": asked.samples, "seed": 0}
    for key in staging_conditions():
        if key not in ledger:
            ledger.add(key, bench.run(*key), about)


def read_examples(path: Path, task, rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    "Examples to answer (split test, a seeded sample) and examples to learn the spelling from (split train)."
    frame = pl.read_parquet(path)
    task.check_columns(frame.columns)
    if missing := [name for name in ("response", "split", "group", "example_id") if name not in frame.columns]:
        raise ValueError(f"{path} has no column {missing[0]}: it has {', '.join(frame.columns)}")
    test, train = frame.filter(pl.col("split") == "test"), frame.filter(pl.col("split") == "train")
    return test.sample(min(rows, test.height), seed=0).sort("example_id"), train


def generation(asked: argparse.Namespace) -> None:
    "Each model at each level of noise."
    from cancer_staging.writing.engines import load_generator
    from cancer_staging.writing.generate import generate_frame
    from cancer_staging.writing.tasks import get_task

    task = get_task(asked.task)
    test, train = read_examples(asked.examples, task, asked.rows)
    columns = [name for name in task.columns if name in test.columns and name not in NOT_SPOILT]
    ledger = Ledger(asked.results / "robustness_generation.json", ("model", "task", "noise", "level", "mended"))
    spelling = cache(lambda: SpellingRepair.from_texts(text for name in columns for text in train[name].unique(maintain_order=True)))
    about = {"test_rows": test.height, "spelling_rows": train.height, "samples": asked.samples, "seed": 0}
    for model in asked.models:
        loaded = cache(load_generator)
        for level in asked.rates:
            for mended in ((False, True) if asked.repair else (False,)):
                key = (Path(model).name, task.name, asked.noise, level, mended)
                if key in ledger:
                    continue
                rows = spoilt(test, columns, asked.noise, level, spelling() if mended else None)
                began = time.monotonic()
                answers = generate_frame(rows.drop("response"), task, loaded(model), id_column="example_id", batch_tokens=asked.batch_tokens)
                seconds = time.monotonic() - began
                intervals = generation_intervals(answers["response"].to_list(), test["response"].to_list(), groups=test["group"].to_list(), samples=asked.samples)
                ledger.add(key, {"rows": test.height, "columns": columns, "seconds": round(seconds, 1), "flags": dict(answers["flags"].explode().drop_nulls().value_counts().iter_rows()),
                                 "scores": {name: {"value": score.value, "low": score.low, "high": score.high} for name, score in intervals.items()}}, about)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the results")
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    commands = parser.add_subparsers(dest="command", required=True)
    of_staging = commands.add_parser("staging", help="the default model, the rules, and models fitted on a part of train")
    of_staging.add_argument("--corpus", type=Path, help="a built corpus; by default the test bed's")
    of_staging.add_argument("--rows", type=int, help="test reports to score on, a seeded sample; all by default")
    of_staging.add_argument("--small", type=int, default=SMALL, help="training reports of the fitted models")
    of_generation = commands.add_parser("generation", help="language models on a task's examples")
    of_generation.add_argument("models", nargs="+", help="folders, or names such as smollm2")
    of_generation.add_argument("--task", required=True)
    of_generation.add_argument("--examples", type=Path, required=True, help="parquet: example_id, group, the task's columns, response, split")
    of_generation.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    of_generation.add_argument("--noise", choices=("misspelling", "ocr"), default="misspelling")
    of_generation.add_argument("--repair", action="store_true", help="also with the spelling mended first")
    of_generation.add_argument("--rows", type=int, default=400, help="test examples to answer, a seeded sample")
    of_generation.add_argument("--batch-tokens", type=int, default=16384, help="tokens of prompts and answers computed at once")
    asked = parser.parse_args(arguments)
    try:
        {"staging": staging, "generation": generation}[asked.command](asked)
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
