"""Time and memory of writing, per task and model, as CancerLLM's table 5 (arXiv 2406.10459): `python nbs/benchmarks/generation_speed.py [MODEL ...] [--rows 16]`.

Rows are training rows of the test bed (visits are invented), the same for every model; answers are greedy, with the tasks' own lengths. A model is `smollm2` (the default), a folder or a hub name.
The table goes to `results/generation_speed.json`; a model that stands there is measured again, the others are kept.
"""
from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import cycle, islice
from pathlib import Path

import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.tcga import data_folder, load_corpus
from cancer_staging.writing.generate import benchmark_generation
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


def measure(models: Mapping[str, object],                                  # name for the table → as for `generate_frame`
            rows: Mapping[str, Sequence[Mapping[str, str | None]]],        # task → rows
            path: Path,                                                    # the table of earlier runs, if any
            **settings,                                                    # as for `writing_settings`
            ) -> pl.DataFrame:
    "The speed of the models on the rows, written to `path` beside that of others."
    import torch

    found = benchmark_generation(models, rows, **settings)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()}, {torch.get_num_threads()} threads"
    measured = [{**row, "device": device, "date": str(date.today())} for row in found.to_dicts()]
    kept = [row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["model"] not in models] if path.is_file() else []
    path.write_text(json.dumps({"version": __version__, "versions": versions(), "rows": [*kept, *measured]}, indent=1) + "\n", encoding="utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["smollm2"])
    parser.add_argument("--rows", type=int, default=16)
    asked = parser.parse_args()
    if data_folder() is None:
        parser.error("the test bed is missing: set CANCER_STAGING_DATA to its folder")
    with pl.Config(tbl_cols=-1, tbl_width_chars=160):
        print(measure({Path(name).name: name for name in asked.models}, benchmark_rows(asked.rows, data_folder()), RESULTS))


if __name__ == "__main__":
    main()
