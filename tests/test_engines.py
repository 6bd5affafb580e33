"""The engines that run a language model: the same in any batch, held to a form, stopped where they should be."""
import json
import re
import sys
import types
from importlib.machinery import ModuleSpec

import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")
pytest.importorskip("outlines_core", reason="constrained answers need the generate extra")

import torch  # noqa: E402
from tiny_backbones import save_encoder  # noqa: E402
from tiny_writers import byte_pairs, FAMILIES, random_writer, REPORTS, save_writer, telling_writer  # noqa: E402

from cancer_staging.writing import engines  # noqa: E402
from cancer_staging.writing import generate as writing  # noqa: E402
from cancer_staging.writing.engines import load_generator, open_engine, read_once, TransformersEngine, VllmEngine, WritingSettings  # noqa: E402
from cancer_staging.writing.generate import Answer, answer_rows, generate  # noqa: E402
from cancer_staging.writing.tasks import build_prompt, get_task, Task  # noqa: E402


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_an_answer_does_not_depend_on_its_batch(writer, temperature):
    settings = {"max_new_tokens": 40, "temperature": temperature, "seed": 5}
    together = generate(*writer, "icd10", REPORTS, **settings)
    assert together == [generate(*writer, "icd10", [row], **settings)[0] for row in REPORTS]
    assert together == generate(*writer, "icd10", REPORTS, batch_tokens=400, **settings) == generate(*writer, "icd10", REPORTS[::-1], **settings)[::-1]
    assert len({answer.response for answer in together}) > 4 and all(answer.status == "ok" and 0 < answer.new_tokens <= 40 for answer in together)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_prompts_share_is_read_once_by_every_family(family, monkeypatch):
    model, tokenizer = random_writer(family=family)
    read, settings = [], {"max_new_tokens": 24}
    monkeypatch.setattr(engines, "read_once", lambda model, ids, rows: read.append((len(ids), rows)) or read_once(model, ids, rows))
    together = generate(model, tokenizer, "icd10", REPORTS, **settings)
    assert len(read) == 1 and read[0][0] > 30 and read[0][1] == len(REPORTS)  # the instruction
    assert together == [generate(model, tokenizer, "icd10", [row], **settings)[0] for row in REPORTS] and len(read) == 1


def test_a_bias_against_the_end_makes_answers_longer(writer):
    def lengths(bias):
        return [answer.new_tokens for answer in generate(*writer, "icd10", REPORTS, max_new_tokens=60, end_bias=bias)]
    plain = lengths(None)
    assert plain == lengths(0.0) and lengths(50.0) == [0] * len(REPORTS) and min(lengths(-50.0)) >= max(0, min(plain)) and sum(lengths(-50.0)) >= sum(plain)
    engine = TransformersEngine(*writer, end_bias=50.0)
    assert [answer.new_tokens for answer in answer_rows(engine, "icd10", REPORTS, WritingSettings(60))] == [0] * len(REPORTS)
    assert [answer.new_tokens for answer in answer_rows(engine, "icd10", REPORTS, WritingSettings(60, end_bias=0.0))] == plain  # what is asked for goes before what was tuned


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
    for name, message in ((tmp_path / "empty", "holds no model"), (tmp_path / "encoder", "does not write text"), (tmp_path / "no" / "such" / "folder", "no folder or model"), ("nobody/nothing", "write hf://nobody/nothing or add --hub"), ("hf://nobody/nothing", "can't be fetched")):
        with pytest.raises(ValueError, match=message):
            load_generator(name)
    from transformers import AutoModel, AutoTokenizer

    with pytest.raises(ValueError, match="does not write text"):
        generate(AutoModel.from_pretrained(tmp_path / "encoder"), AutoTokenizer.from_pretrained(tmp_path / "encoder"), "icd10", REPORTS[:1])


def test_a_gated_model_says_how_to_get_it(monkeypatch):
    from huggingface_hub.errors import GatedRepoError

    def gated(*_, **__):
        raise GatedRepoError("401 Client Error", response=types.SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr("huggingface_hub.snapshot_download", gated)
    with pytest.raises(ValueError, match="hf://owner/model is a gated model: accept its licence"):
        load_generator("hf://owner/model")


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


def test_vllm_gets_the_same_prompts_and_settings(fake_vllm, writer, tmp_path):
    base = save_writer(tmp_path / "base")
    engine = open_engine(base)
    assert isinstance(engine, VllmEngine) and FakeLLM.made == [{"model": str(base), "trust_remote_code": False, "load_format": "safetensors"}] and engine.context == 300
    settings = writing.writing_settings("icd10", constrained=True, temperature=0.1, seed=4)
    answers = answer_rows(engine, "icd10", [*REPORTS[:2], {"text": "breast " * 900}, {"text": ""}], settings)
    (prompts, params, lora), = engine._llm.calls
    assert [prompt["prompt_token_ids"] for prompt in prompts[:2]] == [writer[1](build_prompt(get_task("icd10"), row, writer[1]).text, add_special_tokens=False).input_ids for row in REPORTS[:2]]
    assert params == {"temperature": 0.1, "seed": 4, "max_tokens": 12, "stop_token_ids": [2], "structured_outputs": {"regex": get_task("icd10").constraint}} and lora is None
    assert [answer.status for answer in answers] == ["ok", "ok", "ok", "empty"] and answers[0].response == "C50.9" and answers[0].flags == () and "cut_answer" in answers[1].flags
    assert answers[2].input_tokens == 300 - 12 and "cut_input" in answers[2].flags
    plain = engine.sampling(WritingSettings(20))
    assert plain == {"temperature": 0.0, "seed": 0, "max_tokens": 20, "stop_token_ids": [2]}
    assert engine.sampling(WritingSettings(20, end_bias=-2.0)) == plain | {"logit_bias": {2: -2.0}}


def test_vllm_serves_an_adapter_on_its_base(fake_vllm, tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base", "r": 64}')
    with pytest.raises(ValueError, match="'owner/base', which is no folder here"):
        open_engine(tmp_path)
    base = save_writer(tmp_path / "base")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base), "r": 64}))
    with pytest.raises(ValueError, match="no adapter_model.safetensors"):
        open_engine(tmp_path)
    (tmp_path / "adapter_model.safetensors").hardlink_to(base / "model.safetensors")
    engine = open_engine(tmp_path)
    assert FakeLLM.made == [{"model": str(base), "trust_remote_code": False, "load_format": "safetensors", "enable_lora": True, "max_lora_rank": 64}]
    answer_rows(engine, "icd10", REPORTS[:1], writing.writing_settings("icd10"))
    assert engine._llm.calls[0][2] == ("adapter", 1, str(tmp_path))


def test_the_engine_is_chosen_by_what_there_is(fake_vllm, writer, tmp_path, monkeypatch):
    assert type(open_engine(writer)) is TransformersEngine
    for model, engine, message in ((writer, "vllm", "folders and models of the hub"), ("smollm2", "vllm", "folders and models of the hub"), ("owner/model", "fast", "no engine 'fast'")):
        with pytest.raises(ValueError, match=message):
            open_engine(model, engine)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="needs the package vllm and a GPU"):
        open_engine(tmp_path, "vllm")
    assert FakeLLM.made == []
