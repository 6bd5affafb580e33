"Answers of language models: the same in any batch, one for every row, and flagged where they are not what was wanted."
import json
import re
import sys
import types
from dataclasses import replace
from importlib.machinery import ModuleSpec

import polars as pl
import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")
pytest.importorskip("outlines_core", reason="constrained answers need the generate extra")

import torch  # noqa: E402

from cancer_staging.writing import generate as writing  # noqa: E402
from cancer_staging.writing.engines import load_generator, open_engine, TransformersEngine, VllmEngine, WritingSettings, Written
from cancer_staging.writing.generate import Answer, answer_rows, ANSWER_SCHEMA, benchmark_generation, generate, generate_files, generate_frame, plan_task
from cancer_staging.runs import InputError  # noqa: E402
from cancer_staging.runs import Interrupted  # noqa: E402
from cancer_staging.writing.tasks import build_prompt, get_task, Parsed, QUESTIONS, Task  # noqa: E402
from made_files import pdf  # noqa: E402
from tiny_backbones import save_encoder  # noqa: E402
from tiny_writers import byte_pairs, random_writer, save_writer, telling_writer  # noqa: E402

REPORTS = [{"text": f"Left breast, {'invasive ductal ' * number}carcinoma, pT{number % 4 + 1}."} for number in range(8)]


@pytest.fixture(scope="module")
def writer():
    return random_writer()


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


# --- Writing ---

@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_an_answer_does_not_depend_on_its_batch(writer, temperature):
    settings = {"max_new_tokens": 40, "temperature": temperature, "seed": 5}
    together = generate(*writer, "icd10", REPORTS, **settings)
    assert together == [generate(*writer, "icd10", [row], **settings)[0] for row in REPORTS]
    assert together == generate(*writer, "icd10", REPORTS, batch_tokens=400, **settings) == generate(*writer, "icd10", REPORTS[::-1], **settings)[::-1]
    assert len({answer.response for answer in together}) > 4 and all(answer.status == "ok" and 0 < answer.new_tokens <= 40 for answer in together)


def test_the_seed_counts_when_sampling_alone(writer):
    def written(seed, temperature):
        return [answer.response for answer in generate(*writer, "icd10", REPORTS, max_new_tokens=12, seed=seed, temperature=temperature)]
    assert written(1, 0.0) == written(2, 0.0) and written(1, 1.0) == written(1, 1.0) != written(2, 1.0)
    assert sum(cold == greedy for cold, greedy in zip(written(1, 0.001), written(1, 0.0))) >= 7


def chain(tokenizer, *pieces, back_to=None):
    "Steps from the end of an ICD-10 prompt through the pieces, then to the end, or back to a piece."
    start = tokenizer(build_prompt(get_task("icd10"), REPORTS[0], tokenizer).text, add_special_tokens=False).input_ids[-1]
    ids = [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False).input_ids]
    assert len({start, *ids}) == len(ids) + 1
    last = tokenizer.eos_token_id if back_to is None else tokenizer(back_to, add_special_tokens=False).input_ids[0]
    return dict(zip([start, *ids], [*ids, last])), ids


@pytest.mark.parametrize("chat", [True, False])
def test_an_answer_ends_where_the_model_ends_it(chat):
    tokenizer = byte_pairs(chat)
    steps, ids = chain(tokenizer, "C50", ".9")
    answer, = generate(telling_writer(tokenizer, steps), tokenizer, "icd10", REPORTS[:1])
    assert answer == Answer("ok", "C50.9", "C50.9", input_tokens=answer.input_tokens, new_tokens=len(ids))
    cut, = generate(telling_writer(tokenizer, steps), tokenizer, "icd10", REPORTS[:1], max_new_tokens=len(ids) - 1)
    assert cut.flags == ("cut_answer", *(("unparsed",) if cut.parsed is None else ())) and "C50.9".startswith(cut.response) and cut.response != "C50.9"


def test_the_end_of_a_turn_ends_an_answer():
    tokenizer = byte_pairs()
    tokenizer.eos_token = "<begin>"  # as where a base model's tokenizer does not know of turns
    model = telling_writer(tokenizer, {})
    model.generation_config.eos_token_id = model.config.eos_token_id = None
    assert TransformersEngine(model, tokenizer).ends == (1, 2)


def test_a_loop_is_stopped_cut_and_flagged():
    tokenizer = byte_pairs()
    steps, ids = chain(tokenizer, " tumor", " of", " the", " breast", back_to=" tumor")
    answer, = generate(telling_writer(tokenizer, steps), tokenizer, "icd10", REPORTS[:1], max_new_tokens=600)
    assert answer.flags == ("repetition", "unparsed") and answer.response == "tumor of the breast" and answer.new_tokens < 60
    steps, _ = chain(tokenizer, " tumor", " -", back_to=" -")  # a loop without words
    answer, = generate(telling_writer(tokenizer, steps), tokenizer, "icd10", REPORTS[:1], max_new_tokens=600)
    assert answer.flags == ("repetition", "unparsed") and answer.response == "tumor -" and answer.new_tokens < 60


def test_rows_that_loop_leave_the_others_alone():
    model, tokenizer = random_writer(spread=0.15)
    settings = {"max_new_tokens": 150}
    together = generate(model, tokenizer, "icd10", REPORTS, **settings)
    looped = ["repetition" in answer.flags for answer in together]
    assert any(looped) and not all(looped), "the random model must do both for this test to say anything"
    assert together == [generate(model, tokenizer, "icd10", [row], **settings)[0] for row in REPORTS]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_constrained_answers_keep_to_the_form(chat, temperature):
    model, tokenizer = random_writer(chat)
    answers = generate(model, tokenizer, "icd10", REPORTS, constrained=True, temperature=temperature)
    assert all(re.fullmatch(get_task("icd10").constraint, answer.response) and answer.parsed == answer.response and answer.flags == () for answer in answers)
    assert answers == [generate(model, tokenizer, "icd10", [row], constrained=True, temperature=temperature)[0] for row in REPORTS]


def test_what_can_not_be_constrained_is_refused(writer):
    with pytest.raises(ValueError, match="'soap' has no constraint"):
        generate(*writer, "soap", [], constrained=True)
    odd = Task("odd", "Odd", "Say it.", ("text",), "{text}", constraint="☃☃")
    with pytest.raises(ValueError, match="can't be held to"):
        generate(*writer, odd, [{"text": "snow"}], constrained=True)


@pytest.mark.parametrize("settings, message", [({"max_new_tokens": 0}, "at least 1"), ({"batch_tokens": 0}, "at least 1"), ({"temperature": -1}, "0 or more"), ({"temperature": float("nan")}, "0 or more"),
                                               ({"max_new_tokens": 2048}, "leave no room")])
def test_settings_that_make_no_sense_are_refused(writer, settings, message):
    with pytest.raises(ValueError, match=message):
        generate(*writer, "icd10", REPORTS, **settings)


def failing(monkeypatch, model, fails):
    "Lets the model's `generate` fail where `fails(input_ids)` gives an error; counts the rows of each call."
    sizes, real = [], model.generate

    def sometimes(input_ids, **more):
        sizes.append(len(input_ids))
        if (error := fails(input_ids)) is not None:
            raise error
        return real(input_ids=input_ids, **more)

    monkeypatch.setattr(model, "generate", sometimes)
    return sizes


def test_a_batch_that_does_not_fit_is_written_row_by_row(writer, monkeypatch):
    expected = generate(*writer, "icd10", REPORTS)
    sizes = failing(monkeypatch, writer[0], lambda ids: torch.OutOfMemoryError("CUDA out of memory") if len(ids) > 1 else None)
    assert generate(*writer, "icd10", REPORTS) == expected and sizes == [8] + [1] * 8


def test_a_row_that_fails_takes_no_other_with_it(writer, monkeypatch):
    expected = generate(*writer, "icd10", REPORTS)
    broken = max(len(writer[1](row["text"]).input_ids) for row in REPORTS)
    longest = max(range(8), key=lambda number: expected[number].input_tokens)
    failing(monkeypatch, writer[0], lambda ids: RuntimeError("an odd shape") if ids.shape[1] == expected[longest].input_tokens else None)
    answers = generate(*writer, "icd10", REPORTS)
    assert broken and answers[longest].status == "error" and "odd shape" in answers[longest].error and answers[longest].response is None
    assert [answer for number, answer in enumerate(answers) if number != longest] == [answer for number, answer in enumerate(expected) if number != longest]
    failing(monkeypatch, writer[0], lambda ids: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert all("do not fit into memory" in answer.error for answer in generate(*writer, "icd10", REPORTS[:2]))


# --- Reading ---

def test_a_note_is_read_and_its_inventions_are_named():
    dialogue = "Doctor: What brings you in?\nPatient: My left knee hurts since Monday. I take ibuprofen."
    note = "SUBJECTIVE\nLeft knee pain since Monday.\nOBJECTIVE\nKnee tender.\nASSESSMENT\nKnee pain.\nPLAN\nStart warfarin 5 mg."
    whole, partial = scripted("soap", [{"dialogue": dialogue}] * 2, note, "SUBJECTIVE\nLeft knee pain since Monday.")
    assert whole.parsed["subjective"] == "Left knee pain since Monday." and whole.error is None and whole.flags == ("unsupported",)
    assert [statement.text for statement in whole.unsupported if "warfarin" in statement.text] == ["Start warfarin 5 mg."]
    assert all(note[statement.start:statement.end] == statement.text for statement in whole.unsupported)
    assert partial.flags == ("unparsed",) and "no objective, assessment, plan" in partial.error and partial.parsed == {"subjective": "Left knee pain since Monday."}


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


# --- Models ---

def test_an_adapter_is_merged_into_its_base(tmp_path):
    peft = pytest.importorskip("peft")
    base = save_writer(tmp_path / "base")
    model = peft.get_peft_model(load_generator(base, "float32")[0], peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False))
    model.save_pretrained(tmp_path / "adapter")
    merged, tokenizer = load_generator(tmp_path / "adapter", "float32")
    ids = tokenizer("Left breast", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(merged(ids).logits, model(ids).logits, atol=1e-5) and not torch.allclose(merged(ids).logits, load_generator(base, "float32")[0](ids).logits, atol=1e-3)
    assert not any("lora" in name for name, _ in merged.named_parameters()) and tokenizer.chat_template
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(ValueError, match="needs its base model .*base'"):
        load_generator(tmp_path / "adapter")


def test_models_that_can_not_write_or_be_had_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    save_encoder(tmp_path / "encoder")
    for name, message in ((tmp_path / "empty", "holds no model"), (tmp_path / "encoder", "does not write text"), (tmp_path / "no" / "such" / "folder", "there is no folder"), ("nobody/nothing", "not on the hub or not to be had")):
        with pytest.raises(ValueError, match=message):
            load_generator(name)
    from transformers import AutoModel, AutoTokenizer

    with pytest.raises(ValueError, match="does not write text"):
        generate(AutoModel.from_pretrained(tmp_path / "encoder"), AutoTokenizer.from_pretrained(tmp_path / "encoder"), "icd10", REPORTS[:1])


def test_a_gated_model_says_how_to_get_it(monkeypatch):
    def gated(*_):
        raise OSError("You are trying to access a gated repo.\n401 Client Error")

    monkeypatch.setattr("cancer_staging.models.backbones.load_causal", gated)
    with pytest.raises(ValueError, match="owner/model is a gated model: accept its licence"):
        load_generator("owner/model")


# --- vLLM, of which only what is asked of it can be tested here ---

class FakeLLM:
    made: list = []

    def __init__(self, **options):
        FakeLLM.made.append(options)
        self.llm_engine = types.SimpleNamespace(model_config=types.SimpleNamespace(max_model_len=300))
        self.calls = []

    def get_tokenizer(self):
        return byte_pairs()

    def generate(self, prompts, params, use_tqdm, lora_request):
        self.calls.append((prompts, params, lora_request))
        said = byte_pairs()("C50.9", add_special_tokens=False).input_ids
        ends = [([*said, 2], "stop"), (said[:1], "length")]
        return [types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=ids, finish_reason=reason)]) for (ids, reason), _ in zip(ends * len(prompts), prompts)]


@pytest.fixture
def fake_vllm(monkeypatch):
    "A module vllm with a GPU beside it."
    vllm, sampling, lora = (types.ModuleType(name) for name in ("vllm", "vllm.sampling_params", "vllm.lora.request"))
    vllm.LLM, sampling.SamplingParams, sampling.StructuredOutputsParams, lora.LoRARequest = FakeLLM, lambda **more: more, lambda regex: {"regex": regex}, lambda *given: given
    for module in (vllm, sampling, types.ModuleType("vllm.lora"), lora):
        module.__spec__ = ModuleSpec(module.__name__, None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    FakeLLM.made = []


def test_vllm_gets_the_same_prompts_and_settings(fake_vllm, writer):
    engine = open_engine("owner/model")
    assert isinstance(engine, VllmEngine) and FakeLLM.made == [{"model": "owner/model", "trust_remote_code": False}] and engine.context == 300
    settings = writing.writing_settings("icd10", constrained=True, temperature=0.1, seed=4)
    answers = answer_rows(engine, "icd10", [*REPORTS[:2], {"text": "breast " * 900}, {"text": ""}], settings)
    (prompts, params, lora), = engine._llm.calls
    assert [prompt["prompt_token_ids"] for prompt in prompts[:2]] == [writer[1](build_prompt(get_task("icd10"), row, writer[1]).text, add_special_tokens=False).input_ids for row in REPORTS[:2]]
    assert params == {"temperature": 0.1, "seed": 4, "max_tokens": 12, "stop_token_ids": [2], "structured_outputs": {"regex": get_task("icd10").constraint}} and lora is None
    assert [answer.status for answer in answers] == ["ok", "ok", "ok", "empty"] and answers[0].response == "C50.9" and answers[0].flags == () and "cut_answer" in answers[1].flags
    assert answers[2].input_tokens == 300 - 12 and "cut_input" in answers[2].flags
    plain = engine.sampling(WritingSettings(20))
    assert plain == {"temperature": 0.0, "seed": 0, "max_tokens": 20, "stop_token_ids": [2]}


def test_vllm_serves_an_adapter_on_its_base(fake_vllm, tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base", "r": 64}')
    engine = open_engine(tmp_path)
    assert FakeLLM.made == [{"model": "owner/base", "trust_remote_code": False, "enable_lora": True, "max_lora_rank": 64}]
    answer_rows(engine, "icd10", REPORTS[:1], writing.writing_settings("icd10"))
    assert engine._llm.calls[0][2] == ("adapter", 1, str(tmp_path))


def test_the_engine_is_chosen_by_what_there_is(fake_vllm, writer, monkeypatch):
    assert type(open_engine(writer)) is TransformersEngine
    for model, engine, message in ((writer, "vllm", "folders and hub names"), ("smollm2", "vllm", "folders and hub names"), ("owner/model", "fast", "no engine 'fast'")):
        with pytest.raises(ValueError, match=message):
            open_engine(model, engine)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="needs the package vllm and a GPU"):
        open_engine("owner/model", "vllm")
    assert FakeLLM.made == []


# --- Tables and files ---

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
    (tmp_path / "notes.docx").write_bytes(b"other")
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
    assert as_csv.columns == list(ANSWER_SCHEMA) and as_csv["flags"][0] == '["cut_answer"]' and as_csv["status"].to_list() == ["ok", "empty", "ok"]
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
