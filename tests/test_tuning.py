"Tuning of models that write: tiny random models of the papers' families go the whole way from examples to answers."
import json

import polars as pl
import pytest

pytest.importorskip("trl")
torch = pytest.importorskip("torch")

from safetensors.torch import load_file
from tiny_writers import FAMILIES, save_writer

from cancer_staging.models.backbones import load_causal
from cancer_staging.models.recipes import get_recipe, WRITING_RECIPES
from cancer_staging.writing import tuning
from cancer_staging.writing.engines import open_engine, read_once
from cancer_staging.writing.generate import answer_rows, writing_settings
from cancer_staging.writing.tasks import get_task
from cancer_staging.writing.tuning import answer_loss, collate, pack_blocks, perplexity, row_tasks, tokenize_examples, tune, written_score

SIDES = {"A left breast specimen": "left", "The right breast specimen": "right", "Tumor of the left lung": "left", "Tumor of the right lung": "right"}
EXAMPLES = pl.DataFrame({"task": ["phenotype"] * 8, "question": ["What is the laterality?"] * 8, "context": list(SIDES) * 2, "response": list(SIDES.values()) * 2, "split": ["train"] * 8})


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_learns_an_instruction(tmp_path, family):
    base = save_writer(tmp_path / "base", family=family)
    losses = []
    run = tune("llatmu-task4", EXAMPLES, tmp_path / "tuned", backbone=str(base), learning_rate=0.01, epochs=10, batch=4, max_length=256, progress=lambda at: losses.append(at.loss))
    assert run.steps == 20 == len(losses) and losses[-1] < 0.8 * losses[0]
    assert run.recipe["backbone"] == str(base) and run.examples == 8 and run.cut == 0 and not run.left_out
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "training.json", "history.json"} <= {path.name for path in (tmp_path / "tuned").iterdir()}
    before, after = (load_causal(folder, torch.float32)[0] for folder in (base, tmp_path / "tuned"))
    tokenizer = load_causal(base, torch.float32)[1]
    found = tokenize_examples(EXAMPLES.head(4), tokenizer, 256)
    batch = collate([{"input_ids": ids, "labels": [-100] * (len(ids) - count) + ids[len(ids) - count:]} for ids, count in zip(found.input_ids, found.answer_tokens)], tokenizer.pad_token_id)
    with torch.no_grad():
        assert answer_loss(after, batch)[0] < 0.8 * answer_loss(before, batch)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_instruction_read_once_gives_the_same_loss_and_gradient(tmp_path, family, monkeypatch):
    base = save_writer(tmp_path / "base", family=family)
    model, tokenizer = load_causal(base, torch.float32)
    found = tokenize_examples(EXAMPLES.head(4), tokenizer, 256)
    rows = [{"input_ids": ids, "labels": [-100] * (len(ids) - count) + ids[len(ids) - count:]} for ids, count in zip(found.input_ids, found.answer_tokens)]

    def read() -> tuple[float, list]:
        model.zero_grad()
        loss = answer_loss(model, collate(rows, tokenizer.pad_token_id))[0]
        loss.backward()
        return float(loss), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    calls = []
    monkeypatch.setattr(tuning, "read_once", lambda *given: calls.append(len(given[1])) or read_once(*given))
    once, gradients = read()
    assert len(calls) == 1 and calls[0] >= 16  # the instruction of the task, once for the batch
    monkeypatch.setattr("cancer_staging.writing.engines.LEAST_SHARED", 10_000), monkeypatch.setattr(tuning, "LEAST_SHARED", 10_000)
    each, wanted = read()
    assert len(calls) == 1 and once == pytest.approx(each, rel=1e-5)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(gradients, wanted, strict=True))


def test_the_best_epoch_by_validation_is_kept(tmp_path, monkeypatch):
    "The scores are given here; what is kept has to follow them."
    base = save_writer(tmp_path / "base")
    rows = pl.concat([EXAMPLES, EXAMPLES.head(4).with_columns(split=pl.lit("validation"))])
    given = iter([0.2, 0.6, 0.5, 0.7, 0.7])  # three epochs; then a bias of -1 helps and -2 does not
    seen = []
    monkeypatch.setattr(tuning, "written_score", lambda engine, asked, task, score, bias, examples: seen.append((asked.height, score, bias, [weight.clone() for name, weight in engine.model.named_parameters() if "lora_B" in name])) or next(given))
    settings = {"backbone": str(base), "learning_rate": 0.01, "epochs": 3, "batch": 4, "max_length": 256}
    run = tune("llatmu-task4", rows, tmp_path / "tuned", keep_best="rouge1", **settings)
    assert [(one["step"], one["end_bias"], one["score"]) for one in run.validation] == [(2, 0.0, 0.2), (4, 0.0, 0.6), (6, 0.0, 0.5), (4, -1.0, 0.7), (4, -2.0, 0.7)]
    assert run.end_bias == -1.0 and "kept step 4, rouge1 0.700 on 4 validation rows" in run.describe()
    assert all(one[:2] == (4, "rouge1") for one in seen)
    kept = [weight for name, weight in load_file(tmp_path / "tuned" / "adapter_model.safetensors").items() if "lora_B" in name]
    assert {weight.sum().item() for weight in kept} == {weight.sum().item() for weight in seen[1][3]} != {weight.sum().item() for weight in seen[2][3]}
    assert open_engine(str(tmp_path / "tuned")).end_bias == -1.0
    with pytest.raises(ValueError, match="split validation"):
        tune("llatmu-task4", EXAMPLES, tmp_path / "none", keep_best="rouge1", **settings)


def test_a_score_is_of_what_is_written(tmp_path):
    base = save_writer(tmp_path / "base")
    tune("llatmu-task4", EXAMPLES, tmp_path / "tuned", backbone=str(base), learning_rate=0.01, epochs=40, batch=8, max_length=256, lora_targets="all")
    engine = open_engine(str(tmp_path / "tuned"))
    rows = EXAMPLES.head(4)
    written = [answer.response for answer in answer_rows(engine, "phenotype", rows.to_dicts(), writing_settings("phenotype"))]
    right = sum(answer == wanted for answer, wanted in zip(written, rows["response"])) / 4
    assert written_score(engine, rows, None, "exact_match", 0.0) == right > 0
    with pytest.raises(ValueError, match="no score 'rouge9'"):
        written_score(engine, rows, None, "rouge9", 0.0)


def test_pretraining_lowers_perplexity_and_is_a_backbone(tmp_path):
    base = save_writer(tmp_path / "base", family="mistral")
    reports = pl.DataFrame({"text": [f"{text} . Tumor of the left lung ." for text in SIDES] * 10})
    run = tune("cancerllm-pretrain", reports, tmp_path / "further", backbone=str(base), learning_rate=0.02, epochs=3, batch=2, max_length=32)
    assert run.recipe["lora_rank"] == 8 and run.recipe["lora_alpha"] == 16
    (model, tokenizer), (further, _) = load_causal(base, torch.float32), load_causal(tmp_path / "further", torch.float32)
    texts = ["Tumor of the right lung . Tumor of the left lung ."]
    before, after = perplexity(model, tokenizer, texts), perplexity(further, tokenizer, texts)
    assert after.value < 0.8 * before.value and after.tokens == before.tokens == len(tokenizer(texts[0]).input_ids) - 1
    second = tune("cancerllm-instruct", EXAMPLES, tmp_path / "second", backbone=str(tmp_path / "further"), epochs=1, max_length=256)
    assert second.recipe["lora_rank"] == 64
    assert json.loads((tmp_path / "second" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tmp_path / "further")
    both = load_causal(tmp_path / "second", torch.float32)[0]
    assert not torch.equal(both.model.layers[0].self_attn.q_proj.weight, further.model.layers[0].self_attn.q_proj.weight) and perplexity(both, tokenizer, texts).value < 0.9 * before.value


def test_qlora_learns_on_four_bits(tmp_path):
    pytest.importorskip("bitsandbytes")
    base = save_writer(tmp_path / "base")
    losses = []
    tune("llatmu-task4", EXAMPLES, tmp_path / "tuned", backbone=str(base), tuning="qlora", learning_rate=0.01, epochs=10, batch=4, max_length=256, progress=lambda at: losses.append(at.loss))
    assert losses[-1] < 0.7 * losses[0]


def test_a_broken_run_goes_on(tmp_path):
    base = save_writer(tmp_path / "base")
    settings = {"backbone": str(base), "learning_rate": 0.01, "epochs": 5, "batch": 4, "max_length": 256, "lora_dropout": 0.0}
    tune("llatmu-task4", EXAMPLES, tmp_path / "whole", **settings)

    def breaks(at):
        if at.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune("llatmu-task4", EXAMPLES, tmp_path / "broken", progress=breaks, **settings)
    with pytest.raises(ValueError, match="exists already"):
        tune("llatmu-task4", EXAMPLES, tmp_path / "broken", **settings)
    with pytest.raises(ValueError, match="epochs differ"):
        tune("llatmu-task4", EXAMPLES, tmp_path / "broken", resume=True, **settings | {"epochs": 6})
    run = tune("llatmu-task4", EXAMPLES, tmp_path / "broken", resume=True, **settings)
    assert run.steps == 10 and not (tmp_path / "broken" / "checkpoints").exists()
    whole, resumed = (json.loads((tmp_path / name / "history.json").read_text()) for name in ("whole", "broken"))
    assert [entry["loss"] for entry in resumed if "loss" in entry][-1] == pytest.approx([entry["loss"] for entry in whole if "loss" in entry][-1], rel=1e-3)


@pytest.mark.parametrize("frame, message", [
    (pl.DataFrame({"context": ["x"]}), "column response"), (pl.DataFrame({"context": ["x"], "response": ["y"]}), "column task"),
    (pl.DataFrame({"task": ["soap"], "response": ["y"]}), "needs the column dialogue"), (pl.DataFrame({"task": ["poem"], "response": ["y"]}), "no task 'poem'"),
    (EXAMPLES.with_columns(split=pl.lit("test")), "no rows of split train"), (EXAMPLES.with_columns(response=pl.lit("")), "no response")])
def test_tables_that_cannot_be_learnt_from(tmp_path, frame, message):
    base = save_writer(tmp_path / "base")
    with pytest.raises(ValueError, match=message):
        tune("llatmu-task4", frame, tmp_path / "tuned", backbone=str(base), max_length=256)
    assert not (tmp_path / "tuned").exists()


def test_recipes_hold_the_papers_numbers():
    assert {"cancerllm-pretrain", "cancerllm-instruct", "llatmu-task4"} <= set(WRITING_RECIPES)
    pretrain, instruct = get_recipe("cancerllm-pretrain"), get_recipe("cancerllm-instruct")
    assert (pretrain.lora_rank, pretrain.lora_alpha, pretrain.lora_dropout, pretrain.learning_rate, pretrain.epochs) == (8, 16, 0.05, 2e-4, 1)
    assert (instruct.lora_rank, instruct.lora_alpha) == (64, 16) and "mistral" in instruct.backbone.lower()
    with pytest.raises(ValueError, match="objective"):
        instruct.but(objective="guess")


def test_a_long_input_is_cut_and_the_answer_never(tmp_path):
    _, tokenizer = load_causal(save_writer(tmp_path / "base"), torch.float32)
    long = pl.DataFrame({"task": ["section_note"] * 2, "section": ["Plan"] * 2, "dialogue": ["the left lung " * 200, "left"], "response": ["right breast", "left " * 300]})
    found = tokenize_examples(long, tokenizer, 120)
    assert found.cut == 1 and len(found.input_ids[0]) == 120 and found.left_out == ("the answer alone is too long",)
    assert tokenizer.decode(found.input_ids[0][-found.answer_tokens[0]:]).replace(" ", "").startswith("rightbreast")


def test_published_form_and_blocks(tmp_path):
    published = pl.DataFrame({"instruction": ["Name the side."], "context": ["left lung"], "response": ["left"]})
    assert row_tasks(published)[0].message({"context": "left lung"}) == "left lung" and row_tasks(EXAMPLES)[0] == get_task("phenotype")
    _, tokenizer = load_causal(save_writer(tmp_path / "base"), torch.float32)
    blocks = pack_blocks(["left lung"] * 10, tokenizer, 8)
    assert {len(block) for block in blocks} == {8} and sum(block.count(tokenizer.eos_token_id) for block in blocks) >= 2 and pack_blocks([], tokenizer, 8) == []


def test_from_the_command_line(tmp_path):
    from typer.testing import CliRunner

    from cancer_staging.cli import app

    base = save_writer(tmp_path / "base")
    pl.DataFrame({"id": ["a", "b"], "dialogue": ["[patient] left lung", "[patient] right lung"], "note": ["Subjective: left", "Subjective: right"]}).write_csv(tmp_path / "visits.csv")

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    done = run("train", "--recipe", "llatmu-task4", "--backbone", base, "--data", tmp_path / "visits.csv", "--out", tmp_path / "tuned", "--epochs", 1, "--max-length", 400)
    assert done.exit_code == 0, done.output
    assert "2 examples" in done.output and json.loads((tmp_path / "tuned" / "training.json").read_text())["recipe"]["tuning"] == "lora"
    for wrong, words in ((["--fields", "t"], "no --fields"), (["--tuning", "half"], "half"), (["--backbone", tmp_path / "none" / "at" / "all"], "none"), (["--keep-best", "rouge1"], "split validation")):
        refused = run("train", "--recipe", "llatmu-task4", "--backbone", base, "--data", tmp_path / "visits.csv", "--out", tmp_path / "other", *wrong)
        assert refused.exit_code == 2 and words in refused.output and not (tmp_path / "other").exists(), refused.output
    assert run("train", "--recipe", "minilm", "--task", "soap", "--data", tmp_path / "visits.csv", "--out", tmp_path / "other").exit_code == 2
    misplaced = run("train", "--recipe", "minilm", "--keep-best", "rouge1", "--data", tmp_path / "visits.csv", "--out", tmp_path / "other")
    assert misplaced.exit_code == 2 and "--keep-best" in misplaced.output
    made = run("corpus", "soap", "--dialogues", tmp_path, "--out", tmp_path / "soap.parquet")
    assert made.exit_code == 2 and "medsynth.csv" in made.output  # no published file is there
