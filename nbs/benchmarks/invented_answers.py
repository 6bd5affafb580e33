"""How often `writing.invented` flags right, wrong and generated answers to phenotype questions: `python nbs/benchmarks/invented_answers.py --examples examples_phenotype.parquet`.

The table is the one that `tune_smollm2.py` keeps beside its models. References and wrong answers are told apart by split (the check was set on train); generated answers are those stored in `results/answers`, on split test. No model runs: it takes half a minute.
Results go to `results/invented_answers.json`; only counts are written, no text.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.noise import counterfactual
from cancer_staging.writing.invented import invented_values
from cancer_staging.writing.tasks import NOT_RELEVANT
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results"


def flagged(answers: Sequence[str | None], rows: pl.DataFrame) -> int:
    "How many of the answers to the rows have an invented value."
    return sum(bool(invented_values(answer or "", context, question)) for answer, context, question in zip(answers, rows["context"], rows["question"], strict=True))


def of_references(said: pl.DataFrame) -> list[dict]:
    "Right answers, by question and by who made them."
    return [{"split": split, "question": key, "made_by": maker, "rows": part.height, "flagged": flagged(part["response"], part)} for (split, key, maker), part in sorted(said.group_by("split", "question_key", "made_by"))]


def of_wrong(said: pl.DataFrame, silent: pl.DataFrame) -> list[dict]:
    "Other rows' answers to the same question, where the text answers it and where it doesn't."
    found = []
    for (split, key), part in sorted(said.group_by("split", "question_key")):
        part = part.sort("example_id")
        wrong = counterfactual(part["response"].to_list(), 1.0, seed=0).labels
        other = part.with_columns(wrong=pl.Series(wrong)).filter(pl.Series([not set(one.lower().split("; ")) <= set(right.lower().split("; ")) for one, right in zip(wrong, part["response"])]))
        unasked = silent.filter(split=split, question_key=key).sort("example_id").head(part.height)
        found += [{"split": split, "question": key, "text": "answers it", "rows": other.height, "flagged": flagged(other["wrong"], other)},
                  {"split": split, "question": key, "text": "does not answer it", "rows": unasked.height, "flagged": flagged(part["response"][:unasked.height], unasked)}]
    return found


def of_models(examples: pl.DataFrame, folder: Path) -> dict[str, dict[str, int]]:
    "Generated answers by run; those whose question and reference are still the table's."
    found = {}
    for path in sorted(folder.glob("phenotype*.parquet")):
        answers = pl.read_parquet(path).select("question", "response", "reference", example_id="id")
        rows = answers.join(examples.select("example_id", "context", "question", reference="response"), on=("example_id", "question", "reference"), maintain_order="left")
        if rows.height:
            said = rows.filter(pl.col("reference") != NOT_RELEVANT)
            silent = rows.filter(pl.col("reference") == NOT_RELEVANT)
            found[path.stem] = {"rows": rows.height, "flagged": flagged(rows["response"], rows), "silent_rows": silent.height, "silent_flagged": flagged(silent["response"], silent),
                                "wrong_rows": (wrong := said.filter(pl.col("response") != pl.col("reference"))).height, "wrong_flagged": flagged(wrong["response"], wrong)}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, required=True, help="parquet: example_id, question_key, question, context, response, made_by, split")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder for the results, with the answers in it")
    asked = parser.parse_args(arguments)
    examples = pl.read_parquet(asked.examples)
    used, silent = examples.filter(pl.col("split").is_in(["train", "test"])), pl.col("response") == NOT_RELEVANT
    content = {"about": {"date": date.today().isoformat(), "machine": machine_name(), "version": __version__, "rows": used.height},
               "references": of_references(used.filter(~silent)), "wrong": of_wrong(used.filter(~silent), used.filter(silent)), "models": of_models(examples.filter(pl.col("split") == "test"), asked.results / "answers")}
    (asked.results / "invented_answers.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
