"`cancer-staging generate` as a user meets it."
import subprocess
import sys

import polars as pl
import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")

from typer.testing import CliRunner  # noqa: E402

from cancer_staging.writing import engines, generate  # noqa: E402
from cancer_staging.cli import app  # noqa: E402
from cancer_staging.writing.tasks import QUESTIONS  # noqa: E402
from tiny_backbones import save_encoder  # noqa: E402
from tiny_writers import save_writer  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A folder with models, dialogues, reports, and solved rows."
    folder = tmp_path_factory.mktemp("generate")
    save_writer(folder / "chat"), save_writer(folder / "plain", chat=False), save_encoder(folder / "encoder")
    (folder / "visits").mkdir()
    for number in range(3):
        (folder / "visits" / f"visit-{number}.txt").write_text(f"Doctor: Hello.\nPatient: My knee hurts since day {number}.")
    (folder / "visits" / "Thumbs.db").write_bytes(b"other")
    pl.DataFrame({"patient_id": ["A", "B", "C"], "text": ["Left breast, carcinoma.", " ", "Colon, adenocarcinoma."]}).write_csv(folder / "reports.csv")
    pl.DataFrame({"id": ["a", "b"], "question": [QUESTIONS["grade"], QUESTIONS["stage"]], "context": ["Grade 2.", "pT2 N0."]}).write_parquet(folder / "questions.parquet")
    solved = pl.DataFrame({"example_id": ["1", "2", "3"], "group": ["P", "Q", "A"], "split": ["train"] * 3, "text": ["Right breast, lobular carcinoma.", "Colon, carcinoma.", "Left breast, papilloma."], "response": ["C50.1", "C18.9", "D24"]})
    solved.write_parquet(folder / "solved.parquet")
    solved.with_columns(split=pl.lit("test")).write_parquet(folder / "test.parquet")
    return folder


def arguments(place, task, inputs, *more, model="chat", out="new.jsonl"):
    return ["generate", task, str(place / inputs), "--model", str(place / model), "--out", str(place / out), "--max-new-tokens", "12", *more]


@pytest.mark.parametrize("task, inputs, options, more, message", [
    ("poem", "reports.csv", {}, (), "no task 'poem'"),
    ("soap", "reports.csv", {}, (), "needs the column dialogue"),
    ("diagnosis", "visits", {}, (), "use the task icd10"),
    ("phenotype", "visits", {}, (), "name the question for all rows"),
    ("phenotype", "visits", {}, ("--question", "colour"), "no question 'colour'"),
    ("soap", "visits", {}, ("--question", "stage"), "--question is for the task phenotype"),
    ("soap", "visits", {}, ("--constrained",), "has no constraint"),
    ("soap", "absent", {}, (), "absent"),
    ("soap", "visits", {"out": "new.xlsx"}, (), "new.xlsx"),
    ("soap", "visits", {"model": "visits"}, (), "holds no model"),
    ("soap", "visits", {"model": "no/such/model"}, (), "no folder or model"),
    ("soap", "visits", {"model": "encoder"}, (), "does not write text"),
    ("soap", "visits", {}, ("--max-new-tokens", "3000"), "leave no room for a prompt"),
    ("soap", "visits", {}, ("--engine", "vllm"), "needs the package vllm and a GPU"),
    ("icd10", "reports.csv", {}, ("-k", "2"), "--examples"),
    ("icd10", "reports.csv", {}, ("--retriever", "bm25"), "--examples"),
    ("icd10", "reports.csv", {}, ("--examples", "{place}/solved.parquet", "--retriever", "nearest"), "no retriever 'nearest'"),
    ("icd10", "reports.csv", {}, ("--examples", "{place}/test.parquet", "--retriever", "random"), "not of train"),
    ("icd10", "reports.csv", {}, ("--text-column", "body"), "body"),
])
def test_bad_usage_is_one_line_and_code_2(place, task, inputs, options, more, message):
    done = CliRunner().invoke(app, arguments(place, task, inputs, *(word.format(place=place) for word in more), **options))
    assert done.exit_code == 2 and done.stdout == ""
    line, = [line for line in done.stderr.splitlines() if line.startswith("cancer-staging:")]
    assert message in line and "Traceback" not in done.stderr and not (place / "new.jsonl").exists()


def test_one_command_writes_notes_for_a_folder(place):
    done = subprocess.run([sys.executable, "-m", "cancer_staging", *arguments(place, "soap", "visits", out="notes.jsonl")], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert "left out, 1 files of the system" in done.stderr and "3 rows: 3 ok" in done.stderr and "cut_answer" in done.stderr and done.stderr.splitlines()[-1].startswith("written to")
    table = pl.read_ndjson(place / "notes.jsonl", schema=generate.ANSWER_SCHEMA)
    assert table["id"].to_list() == ["visit-0", "visit-1", "visit-2"] and table["new_tokens"].to_list() == [12] * 3 and table["task"][0] == "soap"
    again = CliRunner().invoke(app, arguments(place, "soap", "visits", out="notes.jsonl"))
    assert again.exit_code == 2 and "--overwrite" in again.stderr
    quiet = CliRunner().invoke(app, arguments(place, "soap", "visits", "--overwrite", "--quiet", out="notes.jsonl"))
    assert quiet.exit_code == 0 and quiet.output == "" and pl.read_ndjson(place / "notes.jsonl", schema=generate.ANSWER_SCHEMA).equals(table)


@pytest.mark.parametrize("model", ["chat", "plain"])
def test_a_row_that_failed_is_told_by_the_code(place, model):
    done = CliRunner().invoke(app, arguments(place, "icd10", "reports.csv", "--constrained", model=model, out=f"codes-{model}.csv"))
    assert done.exit_code == 1 and "1 empty" in done.stderr
    table = pl.read_csv(place / f"codes-{model}.csv")
    assert table["id"].to_list() == ["A", "B", "C"] and table["status"].to_list() == ["ok", "empty", "ok"] and table["parsed"].str.contains(r"^[CD]\d\d(\.\d\d?)?$").to_list() == [True, None, True]
    first = CliRunner().invoke(app, arguments(place, "icd10", "reports.csv", "--limit", "1", "--temperature", "0.1", model=model, out=f"first-{model}.csv"))
    assert first.exit_code == 0 and pl.read_csv(place / f"first-{model}.csv")["id"].to_list() == ["A"]


def test_questions_from_a_table_or_for_all_rows(place, monkeypatch):
    asked = []
    real = generate.answer_rows
    monkeypatch.setattr(generate, "answer_rows", lambda engine, task, rows, *more: asked.extend(rows) or real(engine, task, rows, *more))
    assert CliRunner().invoke(app, arguments(place, "phenotype", "questions.parquet", out="answers.parquet")).exit_code == 0
    assert CliRunner().invoke(app, arguments(place, "phenotype", "visits", "--question", "stage", out="stages.parquet")).exit_code == 0
    assert [row["question"] for row in asked] == [QUESTIONS["grade"]] + [QUESTIONS["stage"]] * 4 and asked[-1]["context"].startswith("Doctor: Hello.")


@pytest.mark.parametrize("retriever", ["random", "bm25"])
def test_examples_never_come_from_the_same_patient(place, monkeypatch, retriever):
    if retriever == "bm25":
        pytest.importorskip("bm25s", reason="bm25 needs the generate extra")
    shown = []
    real = generate.answer_rows
    monkeypatch.setattr(generate, "answer_rows", lambda engine, task, rows, settings, examples, *more: shown.extend(examples) or real(engine, task, rows, settings, examples, *more))
    done = CliRunner().invoke(app, arguments(place, "icd10", "reports.csv", "--examples", str(place / "solved.parquet"), "--retriever", retriever, "-k", "2", out=f"shots-{retriever}.csv"))
    assert done.exit_code == 1, done.output
    assert {example["response"] for example in shown[0]} == {"C50.1", "C18.9"} and shown[1] == [] and len(shown[2]) == 2
    alone, helped = (pl.read_csv(place / name)["input_tokens"][0] for name in ("codes-chat.csv", f"shots-{retriever}.csv"))
    assert helped > alone


def test_an_interrupted_run_goes_on(place, monkeypatch):
    real, chunks = generate.answer_rows, []

    def interrupted(*given):
        chunks.append(given)
        if len(chunks) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(engines.TransformersEngine, "chunk", 2)
    monkeypatch.setattr(generate, "answer_rows", interrupted)
    done = CliRunner().invoke(app, arguments(place, "soap", "visits", out="again.parquet"))
    assert done.exit_code == 130 and "stopped after 2 rows" in done.stderr and "--resume" in done.stderr and not (place / "again.parquet").exists()
    other = CliRunner().invoke(app, arguments(place, "soap", "visits", "--resume", "--seed", "3", out="again.parquet"))
    assert other.exit_code == 2 and "belongs to a run over other inputs" in other.stderr
    done = CliRunner().invoke(app, arguments(place, "soap", "visits", "--resume", out="again.parquet"))
    assert done.exit_code == 0 and len(chunks) == 3
    monkeypatch.undo()
    whole = CliRunner().invoke(app, arguments(place, "soap", "visits", out="whole.parquet"))
    assert whole.exit_code == 0 and pl.read_parquet(place / "whole.parquet").equals(pl.read_parquet(place / "again.parquet"))


def test_help_says_what_a_task_reads():
    done = CliRunner().invoke(app, ["generate", "--help"])
    assert done.exit_code == 0
    told = " ".join(done.stdout.split())
    for words in ("soap", "phenotype", "nursing_review_of_systems", "for a diagnosis from a report, use this", "--retriever", "tumor_size"):
        assert words in told
