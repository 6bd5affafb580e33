"""SmolLM2-135M-Instruct before and after tuning, on the tasks of CancerLLM and LLATMU: `python nbs/benchmarks/tune_smollm2.py NAME... --models FOLDER`; `list` names the runs, `all` makes them in order.

A run trains an adapter into FOLDER/NAME, answers held-out rows, and writes `results/tuned_NAME.json` with scores, intervals and cost, and `results/answers/NAME.parquet` with the answers by id
(no report text). What is there already is not made again. Rows: training rows have split train; answers are for a seeded sample of the rows of split test, the same for every run of a task.
"""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora import noise
from cancer_staging.writing.answer_errors import error_counts, judge_answer
from cancer_staging.models.backbones import load_causal
from cancer_staging.corpora.tcga import data_folder, load_corpus
from cancer_staging.writing.generate import answer_table, generate_frame
from cancer_staging.writing.diagnosis import diagnosis_examples
from cancer_staging.writing.dialogues import soap_examples
from cancer_staging.writing.questions import balanced_questions, phenotype_questions, read_annotations
from cancer_staging.evaluate.text import generation_intervals, icd_accuracy, INTERVAL_SCORES
from cancer_staging.runs import peak_memory
from cancer_staging.writing.engines import open_engine
from cancer_staging.writing.notes import write_notes
from cancer_staging.writing.ranking import rank_answers
from cancer_staging.writing.retrieval import open_retriever, Retriever
from cancer_staging.writing.tasks import get_task, parse_icd10
from cancer_staging.writing.tuning import perplexity, tune
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"
TEST_ROWS = {"phenotype": 300, "icd10": 200, "section_note": 200, "soap": 40}
ICD10_WORDS = 90  # of the part of the report that carries the diagnosis


@dataclass(frozen=True)
class Run:
    "One row of a table."
    task: str                                               # of `writing.tasks`, or `reports` for continued pre-training
    recipe: str | None = None                               # None: nothing is trained
    backbone: str = "smollm2"                               # or the name of another run
    settings: Mapping[str, object] = field(default_factory=dict)  # of `tune`
    change: Callable[[pl.DataFrame], pl.DataFrame] | None = None  # of the training rows
    copy: str | None = None                                 # the column that is given back as the answer, in place of a model
    shots: int = 0                                          # solved reports before each prompt, the nearest by MiniLM; also while it is trained
    source: str | None = None                               # of the rows that are answered; None: all
    by_section: bool = False                                # a note is written section by section
    candidates: int = 0                                     # codes of so many nearest reports, of which the likeliest is the answer; 0: the model writes


def wrong_answers(rate: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    "Training rows of which a share has another row's answer to the same question."
    def change(rows: pl.DataFrame) -> pl.DataFrame:
        return pl.concat([part.with_columns(response=pl.Series(noise.counterfactual(part["response"].to_list(), rate, seed=0)[0])) for _, part in rows.group_by("question", maintain_order=True)])
    return change


def with_misspelled(rows: pl.DataFrame) -> pl.DataFrame:
    "Training rows of which half have misspelled words, 2 to 8 % of them."
    return rows.with_columns(context=pl.Series([noise.misspell(text, (0.02, 0.04, 0.06, 0.08)[number // 2 % 4], seed=number) if number % 2 else text for number, text in enumerate(rows["context"])]))


ALL_LAYERS = {"lora_targets": "all", "lora_rank": 32, "lora_alpha": 64, "learning_rate": 5e-4}  # learns more from an example than an adapter on two projections, for a fifth more time
PHENOTYPE = {**ALL_LAYERS, "limit": 2400, "epochs": 2, "micro_batch": 8, "keep_best": "exact_match"}
SMALL = {"limit": 300, "micro_batch": 8}  # questions to learn from where settings are compared
NOTE_SETS = {"": "aci_test1", "-test2": "aci_test2"}  # how a run's name ends → the test set of ACI-Bench
RUNS: dict[str, Run] = {
    "pretrain": Run("reports", "smollm2-continue", settings={"limit": 1000}),
    "phenotype-zero-shot": Run("phenotype"),
    "phenotype": Run("phenotype", "smollm2-instruct", settings=PHENOTYPE),
    "phenotype-four-bit": Run("phenotype", "smollm2-instruct", settings={**PHENOTYPE, "tuning": "qlora"}),
    "phenotype-lora": Run("phenotype", "smollm2-instruct", settings=SMALL),
    "phenotype-qlora": Run("phenotype", "smollm2-instruct", settings={**SMALL, "tuning": "qlora"}),
    "phenotype-pretrained": Run("phenotype", "smollm2-instruct", "pretrain", SMALL),
    "phenotype-misspelled": Run("phenotype", "smollm2-instruct", settings=SMALL, change=with_misspelled),
    **{f"phenotype-wrong-{percent}": Run("phenotype", "smollm2-instruct", settings=SMALL, change=wrong_answers(percent / 100)) for percent in (20, 40, 60, 80)},
    "icd10-zero-shot": Run("icd10"),
    "icd10": Run("icd10", "smollm2-instruct", settings={"limit": 2000, "max_length": 384}),
    "icd10-ranked-zero-shot": Run("icd10", shots=3, candidates=20),
    "icd10-ranked": Run("icd10", "smollm2-instruct", settings={**ALL_LAYERS, "limit": 400, "max_length": 768, "micro_batch": 4}, shots=2, candidates=20),
    "section-copy": Run("section_note", copy="dialogue"),
    "section-zero-shot": Run("section_note"),
    "section": Run("section_note", "smollm2-notes", settings={**ALL_LAYERS, "epochs": 3, "micro_batch": 4, "max_length": 640, "keep_best": "rouge1"}),
    **{f"soap-copy{end}": Run("soap", copy="dialogue", source=source) for end, source in NOTE_SETS.items()},
    **{f"soap{end}": Run("soap", backbone="section", source=source, by_section=True) for end, source in NOTE_SETS.items()},
    **{f"soap-zero-shot{end}": Run("soap", source=source) for end, source in NOTE_SETS.items()},
}


@cache
def examples(task: str, models: Path) -> pl.DataFrame:
    "All rows of a task, with their splits; those of reports are made once and kept beside the models."
    kept = models / f"examples_{task}.parquet"
    if kept.is_file():
        return pl.read_parquet(kept)
    rows = make_examples(task)
    if task in ("phenotype", "icd10"):
        models.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(kept)
    return rows


def make_examples(task: str) -> pl.DataFrame:
    "The rows from their sources."
    if task in ("section_note", "soap"):
        return soap_examples()[task]
    corpus = load_corpus()
    if task == "reports":
        return corpus
    if task == "icd10":
        return diagnosis_examples(corpus, max_words=ICD10_WORDS)
    annotations = data_folder() / "tcga" / "field_annotations_test.jsonl"
    return balanced_questions(phenotype_questions(corpus, annotations=read_annotations(annotations) if annotations.is_file() else {}))


def test_rows(run: Run, models: Path) -> pl.DataFrame:
    "The rows that are answered."
    rows = examples(run.task, models).filter(pl.col("split") == "test")
    if run.source is not None:
        rows = rows.filter(pl.col("source") == run.source)
    return rows.sample(min(TEST_ROWS[run.task], rows.height), seed=0).sort("example_id")


def torch_device() -> str:
    "`cuda` or `cpu`."
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def nearest(task: str, models: Path) -> Retriever:
    "Finds the nearest training rows."
    return open_retriever("minilm", examples(task, models).filter(pl.col("split") == "train"), task, cache=models / "vectors")


def solved(run: Run, models: Path) -> Callable | None:
    "What gives a row the solved rows before it."
    return (lambda rows: nearest(run.task, models).examples(rows, run.shots)) if run.shots else None


def choose(run: Run, rows: pl.DataFrame, model: str, models: Path) -> pl.DataFrame:
    "The likeliest of the answers of the nearest rows, by the model, as `generate_frame` gives what it wrote."
    asked, retriever = rows.to_dicts(), nearest(run.task, models)
    candidates = [[near["response"] for near in reversed(found)] for found in retriever.examples(asked, run.candidates)]
    ranked = rank_answers(open_engine(model, "transformers"), run.task, asked, candidates, retriever.examples(asked, run.shots) if run.shots else None)
    return pl.DataFrame({"id": rows["example_id"], "status": ["ok" if found else "empty" for found in ranked], "response": [found[0].answer if found else None for found in ranked], "flags": [[]] * rows.height,
                         "candidates": [[one.answer for one in found] for found in ranked]}, schema_overrides={"flags": pl.List(pl.String), "response": pl.String})


def answer(run: Run, rows: pl.DataFrame, model: str, models: Path) -> pl.DataFrame:
    "What the model answers, as `generate_frame` gives it."
    if run.candidates:
        return choose(run, rows, model, models)
    if run.by_section:
        return answer_table(rows["example_id"].to_list(), run.task, write_notes(open_engine(model, "transformers"), rows["dialogue"].to_list(), progress=lambda count: print(".", end="", flush=True)))
    return generate_frame(rows, run.task, model=model, id_column="example_id", examples=solved(run, models), batch_tokens=262144 if torch_device() == "cuda" else 16384)


def train_run(name: str, models: Path) -> dict | None:
    "Trains the run's adapter where it is not there yet."
    run, out = RUNS[name], models / name
    if run.recipe is None:
        return None
    if not (out / "training.json").is_file():
        rows, settings = examples(run.task, models), dict(run.settings)
        if "keep_best" not in settings:
            rows = rows.filter(pl.col("split") == "train")
        if run.change is not None:
            rows = run.change(rows.sample(min(settings.pop("limit"), rows.height), seed=0).sort("example_id"))
        if torch_device() == "cuda":
            settings["micro_batch"] = 16
        backbone = run.backbone if run.backbone not in RUNS else str((models / run.backbone).resolve())
        tune(run.recipe, rows, out, backbone=backbone, resume=True, examples=solved(run, models), progress=lambda at: print(f"{name} {at.step}/{at.steps} {float(at.loss):.3f}", flush=True), **settings)
    trained = json.loads((out / "training.json").read_text(encoding="utf-8"))
    trained.pop("folder")
    trained["recipe"]["backbone"] = run.backbone
    return trained


def scores(task: str, predictions: list[str | None], rows: pl.DataFrame, samples: int = 1000) -> dict[str, dict[str, float]]:
    "Score → value and, where there is one, its 95 % interval (bootstrap over patients or encounters; codes: Wilson)."
    references = rows["response"].to_list()
    found = {name: {"value": value} for name, value in get_task(task).metric(predictions, references).items()}
    intervals = generation_intervals(predictions, references, INTERVAL_SCORES, rows["group"].to_list(), samples)
    if task == "icd10":
        intervals |= icd_accuracy([parse_icd10(answer or "").value for answer in predictions], references)
    for name, interval in intervals.items():
        found.setdefault(name, {"value": interval.value}).update(low=interval.low, high=interval.high)
    return found


def judge(name: str, predictions: list[str | None], rows: pl.DataFrame) -> dict[str, list]:
    "The kinds of error of each answer, and how many there are of each."
    column = max(get_task(RUNS[name].task).columns, key=lambda column: rows[column].str.len_chars().mean() or 0)
    frame = pl.DataFrame({"model": [name] * rows.height, "prediction": predictions, "reference": rows["response"], "context": rows[column]}, schema_overrides={"prediction": pl.String})
    kinds = [sorted(judge_answer(row["prediction"] or "", row["reference"], row["context"])) for row in frame.iter_rows(named=True)]
    return {"kinds": kinds, "counts": error_counts(frame).to_dicts()}


def evaluate_run(name: str, models: Path) -> dict:
    "Answers the test rows and scores them."
    run, rows = RUNS[name], test_rows(RUNS[name], models)
    began = time.monotonic()
    with peak_memory() as peak:
        if run.copy is not None:
            answers = pl.DataFrame({"id": rows["example_id"], "response": rows[run.copy], "flags": [[]] * rows.height}, schema_overrides={"flags": pl.List(pl.String)})
        else:
            answers = answer(run, rows.drop("response"), str(models / name) if run.recipe else str(models / run.backbone) if run.backbone in RUNS else run.backbone, models)
    seconds = time.monotonic() - began
    predictions, kept = answers["response"].to_list(), answers.select(name for name in ("id", "response", "status", "flags", "cut_tokens", "new_tokens", "candidates") if name in answers.columns)
    judged = judge(name, predictions, rows)
    if run.task == "phenotype":
        kept = kept.with_columns(rows["question"], rows["response"].alias("reference"), pl.Series("kinds", judged["kinds"]))
    (RESULTS / "answers").mkdir(parents=True, exist_ok=True)
    kept.write_parquet(RESULTS / "answers" / f"{name}.parquet")
    found = {"rows": rows.height, "seconds": seconds, "peak_memory_mb": peak.mb, "flags": dict(answers["flags"].explode().drop_nulls().value_counts().iter_rows()), "scores": scores(run.task, predictions, rows),
             "errors": judged["counts"]}
    if "made_by" in rows.columns and rows["made_by"].n_unique() > 1:
        found["by_maker"] = {maker: scores(run.task, [predictions[number] for number in numbers], rows[numbers], 300)
                             for maker in sorted(rows["made_by"].unique()) if (numbers := [number for number, by in enumerate(rows["made_by"]) if by == maker])}
    return found


def measure_perplexity(name: str, models: Path) -> dict:
    "Perplexity on 100 test reports, before and after."
    texts = examples("reports", models).filter(pl.col("split") == "test").sample(100, seed=0)["text"].to_list()
    found = {}
    for moment, model in (("before", "smollm2"), ("after", str(models / name))):
        of_model = perplexity(*load_causal(model), texts)
        found[moment] = {"value": of_model.value, "low": of_model.interval.low, "high": of_model.interval.high, "tokens": of_model.tokens}
    return found


def make(name: str, models: Path, results: Path = RESULTS) -> None:
    "Trains, answers, scores and writes down one run."
    path = results / f"tuned_{name}.json"
    if path.is_file():
        print(f"{name}: there already", flush=True)
        return
    run = RUNS[name]
    if run.backbone in RUNS:
        make(run.backbone, models, results)
        train_run(run.backbone, models)  # where its result is stored and its adapter is not here
    content = {"about": {"date": date.today().isoformat(), "machine": machine_name(), "version": __version__, "task": run.task, "recipe": run.recipe, "backbone": run.backbone},
               "training": train_run(name, models)}
    content |= {"perplexity": measure_perplexity(name, models)} if run.task == "reports" else {"test": evaluate_run(name, models)}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{name}: done", flush=True)


def stored(name: str, results: Path = RESULTS) -> dict | None:
    "What a run wrote down; None when it was not made."
    path = results / f"tuned_{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def results_table(names: Mapping[str, str], shown: Mapping[str, str], results: Path = RESULTS) -> pl.DataFrame:
    "A row for each run (name → what it is called) that was made: its scores (name → column) in percent with 95 % intervals, and what it took."
    rows = []
    for name, title in names.items():
        if (content := stored(name, results)) is None:
            continue
        test, training = content["test"], content["training"]
        cells = {column: _percent(test["scores"].get(score)) for score, column in shown.items()}
        cost = {"examples": training and training["examples"], "training (min)": training and round(training["seconds"] / 60, 1),
                "answering (s a row)": round(test["seconds"] / test["rows"], 2), "rows": test["rows"]}
        rows.append({"system": title, **cells, **cost})
    return pl.DataFrame(rows, infer_schema_length=None)


def _percent(score: Mapping[str, float] | None) -> str | None:
    "`91.2 (88.0–94.1)`."
    if score is None or score["value"] is None:
        return None
    return f"{100 * score['value']:.1f}" + (f" ({100 * score['low']:.1f}–{100 * score['high']:.1f})" if "low" in score else "")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="runs; list: name them; all: every one")
    parser.add_argument("--models", type=Path, default=Path("tuned_models"), help="where adapters are kept (some MB each)")
    options = parser.parse_args(arguments)
    if options.names == ["list"]:
        print("\n".join(RUNS))
        return
    for name in RUNS if options.names == ["all"] else options.names:
        if name not in RUNS:
            parser.error(f"no run {name!r}: there are {', '.join(RUNS)}")
        make(name, options.models)


if __name__ == "__main__":
    main()
