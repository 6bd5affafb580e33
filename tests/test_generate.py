"""Answers of language models: one for every row whatever happens, and flagged where they are not what was wanted."""
import json
from dataclasses import replace

import polars as pl
import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")
pytest.importorskip("outlines_core", reason="constrained answers need the generate extra")

from made_files import pdf  # noqa: E402
from tiny_writers import byte_pairs, random_writer, REPORTS  # noqa: E402

from cancer_staging.runs import InputError, Interrupted  # noqa: E402
from cancer_staging.writing import engines, generate as writing  # noqa: E402
from cancer_staging.writing.engines import TransformersEngine, Written  # noqa: E402
from cancer_staging.writing.generate import Answer, answer_rows, ANSWER_SCHEMA, benchmark_generation, generate, generate_files, generate_frame, plan_task  # noqa: E402
from cancer_staging.writing.tasks import get_task, Parsed, QUESTIONS  # noqa: E402


class Scripted(TransformersEngine):
    "An engine that writes what it is told, in turn."
    chunk = 4

    def __init__(self, answers, tokenizer, context=2000):
        self.answers, self.tokenizer, self.context, self.asked = iter(answers), tokenizer, context, []

    name = "scripted"

    def write(self, prompts, settings, progress=None):
        self.asked += [self.tokenizer.decode(prompt) for prompt in prompts]
        if progress:
            progress(len(prompts))
        told = [next(self.answers) for _ in prompts]
        return [one if isinstance(one, Written) else Written(self.tokenizer(one, add_special_tokens=False).input_ids) for one in told]


def scripted(task, rows, *answers, **more):
    return answer_rows(Scripted(answers, byte_pairs()), task, rows, writing.writing_settings(task), **more)


def test_a_note_is_read_and_its_inventions_are_named():
    dialogue = "Doctor: What brings you in?\nPatient: My left knee hurts since Monday. I take ibuprofen."
    note = "SUBJECTIVE\nLeft knee pain since Monday.\nOBJECTIVE\nKnee tender.\nASSESSMENT\nKnee pain.\nPLAN\nStart warfarin 5 mg."
    whole, partial = scripted("soap", [{"dialogue": dialogue}] * 2, note, "SUBJECTIVE\nLeft knee pain since Monday.")
    assert whole.parsed["subjective"] == "Left knee pain since Monday." and whole.error is None and whole.flags == ("unsupported",)
    assert [statement.text for statement in whole.unsupported if "warfarin" in statement.text] == ["Start warfarin 5 mg."]
    assert all(note[statement.start:statement.end] == statement.text for statement in whole.unsupported)
    assert partial.flags == ("unparsed",) and "no objective, assessment, plan" in partial.error and partial.parsed == {"subjective": "Left knee pain since Monday."}


def test_a_value_that_the_text_does_not_hold_is_named():
    row = {"question": "What is the grade?", "context": "Left breast: invasive ductal carcinoma, moderately differentiated."}
    right, wrong, silent = scripted("phenotype", [row] * 3, "grade 2", "grade 2; grade 1", "Not relevant")
    assert right.flags == silent.flags == () == right.unsupported
    assert wrong.flags == ("invented",) and [(one.start, one.end, one.text) for one in wrong.unsupported] == [(9, 16, "grade 1")]


def test_an_answer_that_can_not_be_read_is_kept_and_flagged():
    fine, odd, silent = scripted("icd10", REPORTS[:3], "C50.9", "the breast", "")
    assert fine.flags == () and (odd.status, odd.response, odd.parsed, odd.flags) == ("ok", "the breast", None, ("unparsed",)) and "no ICD-10 code" in odd.error and silent.flags == ("unparsed",)

    def raises(answer):
        raise KeyError(answer)

    own = replace(get_task("icd10"), name="own", parse=raises)
    answer, = scripted(own, REPORTS[:1], "C50.9")
    assert answer.response == "C50.9" and answer.flags == ("unparsed",) and "KeyError" in answer.error


def test_a_loop_in_the_middle_leaves_the_answer_whole():
    text = "No pain, no pain, no pain. The lungs are clear, the heart is regular and the abdomen is soft."
    answer, = scripted("section_note", [{"section": "EXAM", "dialogue": text}], text)
    assert answer.flags == ("repetition",) and answer.response == text


def test_rows_without_input_and_rows_that_are_no_text_keep_their_place():
    rows = [{"dialogue": " \n"}, {"dialogue": "Doctor: hello"}, {"dialogue": None}, {"dialogue": 7}]
    answers = scripted("soap", rows, "SUBJECTIVE\nhello")
    assert [answer.status for answer in answers] == ["empty", "ok", "empty", "error"] and answers[0].error == "dialogue is empty" and "must hold text" in answers[3].error
    seen = []
    assert len(scripted("soap", rows, "x", progress=seen.append)) == 4 and sum(seen) == 4


def test_a_missing_column_is_refused_before_anything_is_written():
    engine = Scripted([], byte_pairs())
    with pytest.raises(ValueError, match="needs the column question"):
        answer_rows(engine, "phenotype", [{"context": "Grade 2."}], writing.writing_settings("phenotype"))
    with pytest.raises(ValueError, match="no task 'poem'"):
        generate(*random_writer(), "poem", [])
    assert engine.asked == [] and answer_rows(engine, "phenotype", [], writing.writing_settings("phenotype")) == []


def test_what_does_not_fit_is_cut_and_said():
    model, tokenizer = random_writer(positions=256)
    cut, small = generate(model, tokenizer, "icd10", [{"text": "carcinoma " * 400}, {"text": "carcinoma"}], max_new_tokens=16)
    assert "cut_input" in cut.flags and cut.input_tokens == 240 and cut.cut_tokens > 100 and "cut_input" not in small.flags and small.cut_tokens == 0
    assert generate(model, tokenizer, "icd10", [{"text": "carcinoma " * 400}], max_new_tokens=16, max_input_tokens=200)[0].input_tokens == 200
    none, = generate(model, tokenizer, "icd10", [{"text": "carcinoma"}], max_input_tokens=20)
    assert none.status == "error" and "20" in none.error and "not enough" in none.error


def test_examples_stand_before_the_row_and_those_that_do_not_fit_are_said():
    solved = [{"text": "Colon, adenocarcinoma.", "response": "C18.9"}, {"text": "Left lung, carcinoma.", "response": "C34.9"}]
    engine = Scripted(["C50.9"] * 2, byte_pairs())
    shown, dropped = answer_rows(engine, "icd10", [REPORTS[0], {"text": "breast " * 2500}], writing.writing_settings("icd10"), examples=[solved, solved])
    assert engine.asked[0].index("C18.9") < engine.asked[0].index("C34.9") < engine.asked[0].index("Left breast") and shown.flags == ()
    assert dropped.flags[:2] == ("cut_input", "dropped_examples") and "C34.9" not in engine.asked[1]
    with pytest.raises(ValueError, match="examples for 1 rows"):
        scripted("icd10", REPORTS[:2], "C50", "C50", examples=[solved])


def test_a_frame_gives_a_frame(writer):
    frame = pl.DataFrame({"example_id": [7, 8, 9], "text": ["Left breast.", None, "Colon."], "response": ["C50", "C50", "C18"]})
    table = generate_frame(frame, "icd10", writer, constrained=True)
    assert table.schema == pl.Schema(ANSWER_SCHEMA) and table["id"].to_list() == ["7", "8", "9"] and table["status"].to_list() == ["ok", "empty", "ok"] and table["task"].unique().to_list() == ["icd10"]
    assert table["parsed"].to_list() == table["response"].to_list()
    pandas = generate_frame(frame.drop("example_id").to_pandas(), "icd10", writer, constrained=True)
    assert list(pandas["id"]) == ["row-1", "row-2", "row-3"] and list(pandas["response"])[0] == table["response"][0]
    with pytest.raises(ValueError, match="no column 'case'"):
        generate_frame(frame, "icd10", writer, id_column="case")
    with pytest.raises(ValueError, match="needs the column dialogue"):
        generate_frame(frame, "soap", "no/such/model")


def test_examples_get_to_know_whose_row_it_is():
    frame, seen = pl.DataFrame({"example_id": ["a", "b"], "patient_id": ["P", None], "text": ["Left breast.", "Colon."]}), []

    def source(rows):
        seen.extend(rows)
        return [[] for _ in rows]

    engine = Scripted(["C50", "C18"], byte_pairs())
    generate_frame(frame, "icd10", engine, examples=source)
    assert [(row["example_id"], row["group"]) for row in seen] == [("a", "P"), ("b", None)]


@pytest.fixture
def folder(tmp_path):
    "Seven files, one of them empty and one damaged."
    for number in range(4):
        (tmp_path / f"visit-{number}.txt").write_text("" if number == 2 else f"Doctor: Day {number}?\nPatient: My knee hurts.")
    (tmp_path / "visit-4.pdf").write_bytes(pdf(("Doctor: Hello.", "Patient: My knee hurts since Monday.")))
    (tmp_path / "visit-5.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "visit-6.md").write_text("Patient: Also my elbow.")
    (tmp_path / ".notes.txt").write_bytes(b"other")
    return tmp_path


def test_every_file_is_a_row_whatever_is_in_it(folder, writer):
    progress = []
    summary = generate_files(folder, "soap", writer, folder / "out.parquet", max_new_tokens=8, progress=progress.append)
    table = pl.read_parquet(folder / "out.parquet")
    assert table["id"].to_list() == [f"visit-{number}" for number in range(7)] and table["status"].to_list() == ["ok", "ok", "empty", "ok", "ok", "error", "ok"]
    assert table.schema == pl.Schema(ANSWER_SCHEMA) and table["error"][5] and summary.rows == 7 and summary.failed == 2 and sum(progress) == 7 and not (folder / "out.parquet.part").exists()
    assert "7 rows: 5 ok" in summary.describe() and "cut_answer" in summary.describe()


def test_tables_of_every_kind_give_the_same(tmp_path, writer):
    frame = pl.DataFrame({"id": ["a", "b", "c"], "question": [QUESTIONS["grade"]] * 3, "context": ["Grade 2.", "", "High grade."], "response": ["grade 2", "x", "high grade"]})
    frame.write_parquet(tmp_path / "in.parquet"), frame.write_csv(tmp_path / "in.csv"), frame.write_ndjson(tmp_path / "in.jsonl")
    expected = generate_frame(frame, "phenotype", writer, max_new_tokens=8)
    for kind in ("parquet", "csv", "jsonl"):
        generate_files(tmp_path / f"in.{kind}", "phenotype", writer, tmp_path / f"out-{kind}.parquet", max_new_tokens=8)
        assert pl.read_parquet(tmp_path / f"out-{kind}.parquet").drop("error").equals(expected.drop("error"))
    generate_files(tmp_path / "in.csv", "phenotype", writer, tmp_path / "out.csv", max_new_tokens=8)
    generate_files(tmp_path / "in.csv", "phenotype", writer, tmp_path / "out.jsonl", max_new_tokens=8)
    as_csv = pl.read_csv(tmp_path / "out.csv")
    assert as_csv.columns == list(ANSWER_SCHEMA) and as_csv["flags"][0] == '["cut_answer", "invented"]' and as_csv["status"].to_list() == ["ok", "empty", "ok"]
    assert pl.read_ndjson(tmp_path / "out.jsonl", schema=ANSWER_SCHEMA).drop("error").equals(expected.drop("error"))


def test_what_the_inputs_lack_is_refused_before_a_model_is_loaded(tmp_path):
    pl.DataFrame({"text": ["a"], "number": [3]}).write_parquet(tmp_path / "reports.parquet")
    (tmp_path / "note.txt").write_text("Doctor: hello")
    for inputs, task, more, message in (
            ("reports.parquet", "soap", {}, "needs the column dialogue"), ("reports.parquet", "phenotype", {}, "needs the column question, context"), ("note.txt", "phenotype", {}, "name the question for all rows"),
            ("note.txt", "diagnosis", {}, "use the task icd10"), ("reports.parquet", "diagnosis", {}, "reason_for_visit"), ("note.txt", "section_note", {}, "give a table"), ("reports.parquet", "icd10", {"text_column": "body"}, "body"),
            ("reports.parquet", "phenotype", {"text_column": "text"}, "name them so in the table"), ("note.txt", "soap", {"values": {"colour": "red"}}, "no column 'colour'"), ("absent.csv", "soap", {}, "absent.csv"),
            ("*", "icd10", {}, "tables and single files")):
        with pytest.raises(ValueError, match=message):
            generate_files(tmp_path / inputs, task, "no/such/model", tmp_path / "out.csv", **more)
    assert not (tmp_path / "out.csv").exists() and not (tmp_path / "out.csv.part").exists()


def test_columns_go_by_other_names(tmp_path, writer):
    pl.DataFrame({"patient_id": ["P"], "talk": ["Doctor: hello"], "report_text": ["Left breast."]}).write_csv(tmp_path / "in.csv")
    talk, = plan_task(tmp_path / "in.csv", "soap", text_column="talk").rows()
    assert talk.id == "P" and talk.values == {"group": "P", "dialogue": "Doctor: hello"}
    report, = plan_task(tmp_path / "in.csv", "icd10").rows()
    assert report.values["text"] == "Left breast."
    asked, = plan_task(tmp_path / "in.csv", "phenotype", {"question": QUESTIONS["stage"]}, text_column="talk").rows()
    assert asked.values["question"] == QUESTIONS["stage"] and asked.values["context"] == "Doctor: hello"


def test_a_run_that_breaks_off_goes_on_where_it_stopped(tmp_path, monkeypatch):
    pl.DataFrame({"id": [str(number) for number in range(10)], "text": [f"Report {number}." for number in range(10)]}).write_parquet(tmp_path / "in.parquet")
    told = [f"C{number + 10}" for number in range(10)]
    tokenizer, out = byte_pairs(), tmp_path / "out.parquet"

    class Breaking(Scripted):
        def write(self, prompts, settings, progress=None):
            if len(self.asked) >= 8:
                raise KeyboardInterrupt
            return super().write(prompts, settings, progress)

    with pytest.raises(Interrupted, match="stopped after 8 rows"):
        generate_files(tmp_path / "in.parquet", "icd10", Breaking(told, tokenizer), out)
    assert not out.exists()
    with pytest.raises(InputError, match="--resume"):
        generate_files(tmp_path / "in.parquet", "icd10", Breaking(told, tokenizer), out)
    for other in ({"seed": 1}, {"max_new_tokens": 5}, {"examples_from": "others"}, {"max_input_tokens": 100}):
        with pytest.raises(InputError, match="belongs to a run over other inputs"):
            generate_files(tmp_path / "in.parquet", "icd10", Breaking(told, tokenizer), out, resume=True, **other)
    engine, progress = Breaking(told[8:], tokenizer), []
    summary = generate_files(tmp_path / "in.parquet", "icd10", engine, out, resume=True, progress=progress.append)
    assert len(engine.asked) == 2 and "Report 8." in engine.asked[0] and progress == [8, 2] and summary.rows == 10
    assert pl.read_parquet(out)["response"].to_list() == told and not (tmp_path / "out.parquet.part").exists()


def test_a_limit_and_an_output_that_is_an_input(tmp_path):
    pl.DataFrame({"id": list("abc"), "text": ["x", "y", "z"]}).write_parquet(tmp_path / "in.parquet")
    assert generate_files(tmp_path / "in.parquet", "icd10", Scripted(["C50"] * 2, byte_pairs()), tmp_path / "out.parquet", limit=2).rows == 2
    with pytest.raises(InputError, match="one of the inputs"):
        generate_files(tmp_path / "in.parquet", "icd10", Scripted([], byte_pairs()), tmp_path / "in.parquet", overwrite=True)


def test_a_damaged_table_is_a_row_that_says_so(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "Left breast."}\nnothing\n{"id": "c", "text": "Colon."}\n')
    generate_files(tmp_path / "in.jsonl", "icd10", Scripted(["C50", "C18"], byte_pairs()), tmp_path / "out.parquet")
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert table["status"].to_list() == ["ok", "error", "ok"] and "line 2" in table["error"][1] and table["response"].to_list() == ["C50", None, "C18"]


def test_speed_is_measured_for_each_model_and_task(writer):
    speed = benchmark_generation({"one": writer, "two": writer}, {"icd10": REPORTS, "soap": [{"dialogue": "Doctor: hello"}] * 2}, max_new_tokens=8)
    assert speed.select("model", "task", "rows").rows() == [("one", "icd10", 8), ("one", "soap", 2), ("two", "icd10", 8), ("two", "soap", 2)]
    assert (speed["seconds"] > 0).all() and (speed["peak_memory_mb"] > 1).all() and speed["failed"].sum() == 0
    assert speed["new_tokens"][0] == speed["new_tokens"][2] == sum(answer.new_tokens for answer in generate(*writer, "icd10", REPORTS, max_new_tokens=8))


def test_parsed_sets_and_notes_are_text_in_the_table():
    answers = [Answer("ok", "b; a", frozenset({"b", "a"})), Answer("ok", "x", {"plan": "é"}), Answer("ok", "C50", "C50"), Answer("error", error="no")]
    assert writing.answer_table(list("abcd"), "icd10", answers)["parsed"].to_list() == ["a; b", '{"plan": "é"}', "C50", None] and str(Parsed("C50")) == "C50"


def test_the_speed_benchmark_measures_every_task(writer, test_bed, tmp_path, root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "nbs" / "benchmarks"))
    import generation_speed

    rows = generation_speed.benchmark_rows(3, test_bed)
    assert {task: len(of_task) for task, of_task in rows.items()} == dict.fromkeys(("phenotype", "diagnosis", "icd10", "section_note", "soap"), 3)
    path = tmp_path / "speed.json"
    long = (random_writer(positions=16384)[0], writer[1])
    generation_speed.measure({"first": long}, rows, path, max_new_tokens=4)
    found = generation_speed.measure({"second": long}, {"icd10": rows["icd10"]}, path, max_new_tokens=4)
    stored = json.loads(path.read_text())["rows"]
    assert [row["model"] for row in stored] == ["first"] * 5 + ["second"] and found["failed"].sum() == 0 and all(row["failed"] == 0 and row["rows"] == 3 for row in stored)
    ways = generation_speed.ways_of_writing(long, {"icd10": rows["icd10"]}, rounds=1, max_new_tokens=4)
    assert [row["way"] for row in ways] == list(generation_speed.WAYS) and all(row["same_answers"] == row["rows"] == 3 and row["tokens_per_second"] > 0 for row in ways)
    assert engines.LEAST_SHARED == 16  # as it was
