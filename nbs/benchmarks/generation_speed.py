"""Time and memory of writing, per task and model, as CancerLLM's table 5 (arXiv 2406.10459): `python nbs/benchmarks/generation_speed.py [MODEL ...] [--rows 16]`.

Rows are training rows of the test bed (visits are invented), the same for every model; answers are greedy, with the tasks' own lengths. A model is `smollm2` (the default), a folder or a hub name.
The table goes to `results/generation_speed.json`; a model that stands there is measured again, the others are kept. `--ways` measures, in turns, what batches and a prefix read once gain, and adds it under `ways`.
"""
from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import cycle, islice
from pathlib import Path
from unittest import mock

import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.tcga import data_folder, load_corpus
from cancer_staging.writing.generate import answer_rows, benchmark_generation, writing_settings
from cancer_staging.writing import engines
from cancer_staging.writing.diagnosis import diagnosis_text, visit_examples
from cancer_staging.writing.dialogues import soap_examples
from cancer_staging.writing.questions import report_pieces
from cancer_staging.writing.tasks import QUESTIONS
from cancer_staging.models.training import versions

RESULTS = Path(__file__).resolve().parent / "results" / "generation_speed.json"


def benchmark_rows(count: int,           # rows of each task
                   data: str | Path      # the test bed
                   ) -> dict[str, list[dict[str, str | None]]]:
    "Task → rows of train, drawn by a fixed seed."
    reports = load_corpus(Path(data) / "tcga" / "reports.parquet").filter(split="train").sample(count, seed=0)["text"].to_list()
    pieces = [piece for text in reports for piece in islice(report_pieces(text), 4)]
    notes = {name: frame.filter(split="train").sample(count, seed=0) for name, frame in soap_examples(Path(data) / "soap").items()}
    return {"phenotype": [{"question": question, "context": piece} for question, piece in zip(islice(cycle(QUESTIONS.values()), count), pieces)],
            "diagnosis": visit_examples(4 * count).filter(split="train").head(count).to_dicts(), "icd10": [{"text": diagnosis_text(text, 300)} for text in reports],
            "section_note": notes["section_note"].to_dicts(), "soap": notes["soap"].to_dicts()}


WAYS = {  # way of writing → tokens of a batch (None: as always) and from how many tokens on a common beginning is read once
    "row after row": (1, math.inf), "batches of like length": (None, math.inf), "and their common beginning read once": (None, engines.LEAST_SHARED)}


def machine() -> str:
    "The card, or the processor with the threads that torch uses."
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()}, {torch.get_num_threads()} threads"


def ways_of_writing(model,                                                       # as for `generate_frame`
                    rows: Mapping[str, Sequence[Mapping[str, str | None]]],      # task → rows
                    rounds: int = 2,                                             # of which the faster one counts
                    **settings,                                                  # as for `writing_settings`
                    ) -> list[dict[str, object]]:
    "A row for each task and way: seconds an answer and tokens a second. The ways take turns, so that a busy minute meets all of them. `same_answers`: those that are as the first way writes them."
    writer, found = engines.open_engine(model), []
    for task, of_task in rows.items():
        best, texts, tokens = dict.fromkeys(WAYS, math.inf), {}, {}
        for _ in range(rounds):
            for way, (batch_tokens, least) in WAYS.items():
                how = writing_settings(task, **settings, **({} if batch_tokens is None else {"batch_tokens": batch_tokens}))
                with mock.patch.object(engines, "LEAST_SHARED", least):
                    began = time.perf_counter()
                    answers = answer_rows(writer, task, of_task, how)
                    best[way] = min(best[way], time.perf_counter() - began)
                texts[way] = [answer.response or "" for answer in answers]
                tokens[way] = sum(answer.new_tokens for answer in answers)
        same = {way: sum(map(str.__eq__, written, texts[next(iter(WAYS))])) for way, written in texts.items()}
        found += [{"task": task, "way": way, "rows": len(of_task), "seconds_per_answer": seconds / len(of_task), "tokens_per_second": tokens[way] / seconds, "same_answers": same[way]} for way, seconds in best.items()]
    return found


def stored(path: Path) -> dict:
    "What earlier runs left; empty where there is nothing."
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}


def measure(models: Mapping[str, object],                                  # name for the table → as for `generate_frame`
            rows: Mapping[str, Sequence[Mapping[str, str | None]]],        # task → rows
            path: Path,                                                    # the table of earlier runs, if any
            **settings,                                                    # as for `writing_settings`
            ) -> pl.DataFrame:
    "The speed of the models on the rows, written to `path` beside that of others."
    found, before = benchmark_generation(models, rows, **settings), stored(path)
    measured = [{**row, "device": machine(), "date": str(date.today())} for row in found.to_dicts()]
    kept = [row for row in before["rows"] if row["model"] not in models]
    path.write_text(json.dumps({**before, "version": __version__, "versions": versions(), "rows": [*kept, *measured]}, indent=1) + "\n", encoding="utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["smollm2"])
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--ways", action="store_true", help="the ways of writing alone, with the first model")
    asked = parser.parse_args()
    if data_folder() is None:
        parser.error("the test bed is missing: set CANCER_STAGING_DATA to its folder")
    rows = benchmark_rows(asked.rows, data_folder())
    with pl.Config(tbl_cols=-1, tbl_width_chars=160):
        if not asked.ways:
            print(measure({Path(name).name: name for name in asked.models}, rows, RESULTS))
            return
        found = [{"model": Path(asked.models[0]).name, **row, "device": machine(), "date": str(date.today())} for row in ways_of_writing(asked.models[0], {task: rows[task] for task in ("phenotype", "icd10", "section_note")})]
        RESULTS.write_text(json.dumps({**stored(RESULTS), "ways": found}, indent=1) + "\n", encoding="utf-8")
        print(pl.DataFrame(found))


if __name__ == "__main__":
    main()
