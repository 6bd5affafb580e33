"Training: labels, batches, losses over whole steps, checkpoints that survive a kill, and clear words when a run can't go on."
import errno
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="training needs the learn extra")
pytest.importorskip("transformers", reason="training needs the learn extra")

from tiny_backbones import labelled_frame, save_decoder, save_encoder  # noqa: E402
from transformers import TrainerCallback  # noqa: E402

from cancer_staging.models import batches, recipes, trainer, training  # noqa: E402
from cancer_staging.models.batches import padding_ratio, plan_epoch  # noqa: E402
from cancer_staging.models.network import StagingModel  # noqa: E402
from cancer_staging.models.trainer import TrainingError  # noqa: E402
from cancer_staging.models.training import train, TrainingRun  # noqa: E402

TINY = {"epochs": 2, "batch": 8, "learning_rate": 1e-3, "validation": 0.3, "fields": "t,n"}


@pytest.fixture(scope="module")
def frame():
    return labelled_frame(60)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(save_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def still_encoder(tmp_path_factory):
    "Without dropout."
    return str(save_encoder(tmp_path_factory.mktemp("still"), dropout=0.0))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return str(save_decoder(tmp_path_factory.mktemp("decoder")))


def weights(folder) -> dict[str, torch.Tensor]:
    "All tensors of a saved model."
    return StagingModel.from_pretrained(folder).state_dict()


def same(first: dict, second: dict) -> bool:
    "Whether all tensors are equal to the bit."
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class At(TrainerCallback):
    "Does something after a step."
    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_end(self, args, state, control, model=None, **_):
        if state.global_step == self.step:
            self.action(model)


class Last(TrainerCallback):
    "Keeps the weights of the last step; the saved model is that of the best."
    def on_step_end(self, args, state, control, model=None, **_):
        self.step, self.weights = state.global_step, {name: tensor.clone() for name, tensor in model.state_dict().items()}


def resumed_as(finished, arguments) -> bool:
    "Whether going on with a broken run ends, at the last step and in the folder, where the unbroken one did."
    run, out, last = finished
    mine = Last()
    again = train("minilm", resume=True, callbacks=[mine], **arguments)
    history = [[{name: value for name, value in row.items() if "runtime" not in name and "per_second" not in name} for row in json.loads((Path(folder) / "history.json").read_text()) if "loss" in row or "eval_loss" in row]
               for folder in (out, arguments["out"])]
    assert history[0] == history[1] and mine.step == last.step
    assert (again.macro_f1, again.temperatures, again.real_tokens) == (run.macro_f1, run.temperatures, run.real_tokens)
    return same(mine.weights, last.weights) and same(weights(arguments["out"]), weights(out))


class Killed(BaseException):
    "Stands for a signal: nothing may catch it."


def kill(*_):
    raise Killed


# What comes out

@pytest.fixture(scope="module")
def finished(frame, encoder, tmp_path_factory):
    "A run with dropout that nobody interrupts, with a checkpoint every three steps."
    out = tmp_path_factory.mktemp("runs") / "whole"
    last = Last()
    return train("minilm", frame, out, backbone=encoder, checkpoint_every=3, patience=9, callbacks=[last], **TINY), out, last


def test_the_folder_is_a_calibrated_model_with_its_record(finished):
    run, out, _ = finished
    config = StagingModel.from_pretrained(out).config
    assert config.temperatures == pytest.approx(run.temperatures) and set(run.temperatures) == {"t", "n"} and all(value != 1 for value in run.temperatures.values())
    assert TrainingRun.load(out / "training.json") == replace(run, recipe=json.loads(json.dumps(run.recipe)))
    names = {path.name for path in out.iterdir()}
    assert {"training.json", "history.json", "curves.png", "config.json", "tokenizer.json"} <= names and "checkpoints" not in names
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pth", ".pkl")]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_record_says_what_was_done(finished, frame):
    run, out, _ = finished
    assert run.reports["trained on"] + run.reports["validated on"] + run.reports.get("no label", 0) == frame.height
    assert run.steps == 2 * -(-run.reports["trained on"] // 8) and run.recipe["batch"] == 8 and run.recipe["seed"] == 0
    assert set(run.versions) >= {"python", "torch", "transformers", "cancer-staging"} and run.seconds > 0 and run.peak_memory_mb > 0
    assert sum(run.labels["t"].values()) <= run.reports["trained on"]
    history = json.loads((out / "history.json").read_text())
    logged = [row for row in history if "loss" in row]
    assert len(logged) == run.steps and all(row["loss"] == pytest.approx(row.get("loss_t", 0) + row.get("loss_n", 0), rel=1e-4) for row in logged)
    assert (logged[-1]["real_tokens"], logged[-1]["computed_tokens"]) == (run.real_tokens, run.computed_tokens)
    assert run.computed_ratio <= 1.15
    tokens = np.diff([0, *(row["real_tokens"] for row in logged)])
    assert tokens[:run.steps // 2].sum() == tokens[run.steps // 2:].sum() and list(tokens[:run.steps // 2]) != list(tokens[run.steps // 2:])  # each epoch in an order of its own
    scored = [row["eval_macro_f1"] for row in history if "eval_macro_f1" in row]
    assert np.mean(list(run.macro_f1.values())) == pytest.approx(max(scored))


def test_it_learns(still_encoder, tmp_path):
    words = ["early", "small", "wide", "deep"]
    texts = [f"report {number} the tumour is {words[number % 4]}" for number in range(160)]
    frame = pl.DataFrame({"text": texts, "t": [f"T{number % 4 + 1}" for number in range(160)]}).sample(fraction=1, shuffle=True, seed=0)
    backbone = tmp_path / "backbone"
    save_encoder(backbone, 0.0)
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    known = [word for word in tokenizer.get_vocab() if word.isalpha() and len(word) > 4][:4]
    frame = frame.with_columns(pl.col("text").str.replace_many(words, known))
    run = train("minilm", frame, tmp_path / "out", backbone=str(backbone), fields="t", epochs=8, batch=16, learning_rate=5e-3, patience=8, dropout=0.0, validation=0.2)
    assert run.macro_f1["t"] > 0.9


# Steps and their cuts

def test_every_report_once_in_each_epoch_and_in_another_order():
    lengths = np.random.default_rng(0).integers(20, 4000, 333)
    plans = [plan_epoch(lengths, 16, seed, epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for plan in plans:
        assert sorted(number for step in plan for number in step) == list(range(333)) and [len(step) for step in plan] == [16] * 20 + [13]
    assert plans[0] != plans[1] and plans[0] != plans[2]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_step_is_dealt_whole_and_within_the_budget(processes):
    random = np.random.default_rng(processes)
    longest = random.integers(20, 4000, 200).tolist()
    for step in plan_epoch(longest, 16, 0, 0):
        dealt = batches.deal_step(step, [1] * 200, longest, processes, 8192)
        assert sorted(number for share in dealt for micro in share for number in micro) == sorted(step)
        assert all(len(micro) * max(longest[number] for number in micro) <= 8192 for share in dealt for micro in share)


@pytest.mark.parametrize("batch, processes", [(8, 1), (16, 1), (16, 2), (32, 4)])
def test_padding_on_lengths_like_the_corpus(batch, processes):
    drawn = np.clip(np.random.default_rng(1).lognormal(np.log(864) - 0.28, 0.75, 6000), 20, 4096).astype(int)
    assert 800 < drawn.mean() < 930
    assert padding_ratio([1] * 6000, drawn, drawn, batch, processes=processes) <= 1.15
    assert 4096 / drawn.mean() > 4


def test_padding_on_the_corpus(test_bed):
    words = [len(re.findall(r"\w+|[^\w\s]", text)) for text in pl.read_parquet(test_bed / "tcga" / "reports.parquet", columns=["text"])["text"][::4]]
    lengths = np.clip(np.array(words) * 864 / np.mean(words), 8, 4096).astype(int)
    assert padding_ratio([1] * len(lengths), lengths, lengths, 16) <= 1.15
    windows = [[min(510, length - start) + 2 for start in range(0, max(1, length - 128), 382)] for length in lengths.tolist()]  # what a backbone of 512 tokens reads
    assert padding_ratio(list(map(len, windows)), list(map(max, windows)), list(map(sum, windows)), 16) <= 1.15


# One step, however it is cut

STEP = {**TINY, "dropout": 0.0, "patience": 9, "fields": "t,n,m"}
TWO_PROCESSES = """
import sys, torch, polars
torch.set_num_threads(1)
from cancer_staging.models.training import train
frame, out, backbone, settings = polars.read_parquet(sys.argv[1]), sys.argv[2], sys.argv[3], eval(sys.argv[4])
run = train("minilm", frame, out, backbone=backbone, **settings)
assert run.processes == 2
"""


def test_one_by_eight_four_by_two_and_two_processes_end_at_the_same_weights(frame, still_encoder, tmp_path):
    frame = frame.with_columns(t=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("t"))  # fields differ in how many labels a part of a step has
    frame.write_parquet(tmp_path / "frame.parquet")
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]  # without a GPU it falls back to gloo
    command = [sys.executable, "-m", *launch, "--main_process_port", str(29500 + os.getpid() % 1000), tmp_path / "two.py", tmp_path / "frame.parquet", tmp_path / "two", still_encoder, repr(STEP)]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    for name, accumulation in (("one", 1), ("four", 4)):
        run = train("minilm", frame, tmp_path / name, backbone=still_encoder, accumulation=accumulation, **STEP)
    one, four, two = (weights(tmp_path / name) for name in ("one", "four", "two"))
    assert run.steps > 8
    for name in one:
        torch.testing.assert_close(four[name], one[name], atol=1e-5, rtol=0)
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=0)
    # Adam forgives a factor on the gradient, so its size is compared too, and the loss of every step.
    logged = [[[row.get(key, 0.0) for key in ("loss", "loss_t", "loss_m", "grad_norm")] for row in json.loads((tmp_path / name / "history.json").read_text()) if "grad_norm" in row] for name in ("one", "four", "two")]
    assert len(logged[0]) == run.steps
    np.testing.assert_allclose(logged[1], logged[0], rtol=1e-3)
    np.testing.assert_allclose(logged[2], logged[0], rtol=1e-3)


# Killed and resumed

@pytest.mark.parametrize("step", [1, 5, 8])
def test_killed_at_any_step_ends_at_the_same_weights(finished, frame, encoder, tmp_path, step):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, checkpoint_every=3, patience=9, **TINY)
    with pytest.raises(Killed):
        train("minilm", callbacks=[At(step, kill)], **arguments)
    assert resumed_as(finished, arguments)


def test_killed_by_the_system(finished, frame, encoder, tmp_path):
    frame.write_parquet(tmp_path / "frame.parquet")
    code = f"""
import os, signal, sys, polars, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
torch.set_num_threads(1)
from test_training import At, TINY, train
train("minilm", polars.read_parquet({str(tmp_path / 'frame.parquet')!r}), {str(tmp_path / 'run')!r}, backbone={encoder!r}, checkpoint_every=3, patience=9, callbacks=[At(7, lambda model: os.kill(os.getpid(), signal.SIGKILL))], **TINY)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert resumed_as(finished, dict(data=frame, out=tmp_path / "run", backbone=encoder, checkpoint_every=3, patience=9, **TINY))


@pytest.mark.parametrize("part", ["_save_optimizer_and_scheduler", "_save_rng_state"])
def test_killed_while_a_checkpoint_is_written(finished, frame, encoder, tmp_path, monkeypatch, part):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, checkpoint_every=3, patience=9, **TINY)
    original = getattr(trainer.StagingTrainer, part)

    def stop_at_the_second(trainer, *rest):
        original(trainer, *rest)
        if trainer.state.global_step > 3:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(trainer.StagingTrainer, part, stop_at_the_second)
        train("minilm", **arguments)
    assert trainer.last_checkpoint(tmp_path / "run" / "checkpoints").endswith("checkpoint-3")
    assert resumed_as(finished, arguments)


def test_an_adapter_is_resumed_too(frame, decoder, tmp_path):
    arguments = dict(data=frame, backbone=decoder, checkpoint_every=3, patience=9, **TINY)
    whole, broken = Last(), Last()
    train("smollm2-lora", out=tmp_path / "whole", callbacks=[whole], **arguments)
    with pytest.raises(Killed):
        train("smollm2-lora", out=tmp_path / "run", callbacks=[At(5, kill)], **arguments)
    run = train("smollm2-lora", out=tmp_path / "run", resume=True, callbacks=[broken], **arguments)
    assert same(broken.weights, whole.weights) and same(weights(tmp_path / "run"), weights(tmp_path / "whole")) and 0 < run.parameters["trained"] < run.parameters["all"]


def test_early_stopping_is_remembered(frame, encoder, tmp_path, monkeypatch):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, **{**TINY, "epochs": 9, "learning_rate": 1e-9, "patience": 1})
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training, "fit_temperature", kill)  # after the last checkpoint, before the model is written
        train("minilm", **arguments)
    run = train("minilm", resume=True, **arguments)
    assert run.epochs == 2


def test_a_finished_run_is_not_run_again(finished, frame, encoder):
    run, out, _ = finished
    before = (out / "training.json").stat().st_mtime_ns
    assert train("minilm", frame, out, backbone=encoder, resume=True, checkpoint_every=3, patience=9, **TINY).macro_f1 == run.macro_f1
    assert (out / "training.json").stat().st_mtime_ns == before


# What can't go on

def poison(model):
    "What a diverged optimiser leaves: the head of N is no number."
    with torch.no_grad():
        next(weights for name, weights in model.named_parameters() if re.search(r"heads\.n\b.*weight", name)).fill_(float("nan"))


@pytest.mark.parametrize("step, message", [(4, "the loss of n is not a number at step 5; the last good checkpoint is .*checkpoint-3"),
                                           (6, "the answers for n are not numbers after step 6; the last good checkpoint is .*checkpoint-3"),
                                           (1, "step 2; there is no checkpoint yet")])
def test_a_loss_that_is_no_number_names_field_and_step(frame, encoder, tmp_path, step, message):
    with pytest.raises(TrainingError, match=message):
        train("minilm", frame, tmp_path / "run", backbone=encoder, checkpoint_every=3, callbacks=[At(step, poison)], patience=9, **TINY)
    if step == 1:
        return
    kept = weights(trainer.last_checkpoint(tmp_path / "run" / "checkpoints"))
    assert all(torch.isfinite(tensor).all() for tensor in kept.values() if tensor.is_floating_point())


@pytest.mark.parametrize("where, error", [("torch.save", OSError(errno.ENOSPC, "No space left on device")), ("torch.save", RuntimeError("PytorchStreamWriter failed writing file")),
                                          ("model", OSError(errno.ENOSPC, "No space left on device"))])
def test_a_full_disk_leaves_the_last_checkpoint(finished, frame, encoder, tmp_path, monkeypatch, where, error):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, checkpoint_every=3, patience=9, **TINY)
    original_save, original_model = torch.save, StagingModel.save_pretrained

    def full(original):
        def save(*rest, **options):
            if trainer.last_checkpoint(tmp_path / "run" / "checkpoints"):
                raise error
            return original(*rest, **options)
        return save

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full(original_save)) if where == "torch.save" else patch.setattr(StagingModel, "save_pretrained", full(original_model))
        with pytest.raises(TrainingError, match="could not be written.*checkpoint-3.*--resume"):
            train("minilm", **arguments)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["checkpoint-3"]
    assert where == "torch.save" or resumed_as(finished, arguments)


def test_a_full_disk_at_the_very_end(finished, frame, encoder, tmp_path, monkeypatch):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, checkpoint_every=3, patience=9, **TINY)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "plot_history", full)
        with pytest.raises(TrainingError, match="model could not be written"):
            train("minilm", **arguments)
    assert not (tmp_path / "run" / "training.json").exists()
    train("minilm", resume=True, **arguments)
    assert same(weights(tmp_path / "run"), weights(finished[1]))


@pytest.mark.parametrize("change, message", [({"learning_rate": 5e-4}, "learning_rate"), ({"seed": 1}, "seed"), ({"limit": 50}, "the reports")])
def test_a_resume_with_other_settings_is_refused(frame, encoder, tmp_path, change, message):
    arguments = dict(data=frame, out=tmp_path / "run", backbone=encoder, **TINY)
    with pytest.raises(Killed):
        train("minilm", callbacks=[At(1, kill)], **arguments)
    with pytest.raises(ValueError, match=message):
        train("minilm", resume=True, **{**arguments, **change})


# Data

def test_test_rows_are_never_trained_on(frame):
    split = frame.with_columns(split=pl.Series(["train", "test"] * (frame.height // 2)))
    reports = training.labelled_reports(split, ("t", "n"))
    held = set(split.filter(pl.col("split") == "test")["patient_id"])
    assert not held & set(reports.patients) and reports.left_out["not in the train split"] == frame.height // 2


def test_patients_and_equal_texts_stay_on_one_side(frame):
    twice = pl.concat([frame, frame.with_columns(patient_id="COPY-" + pl.col("patient_id")), frame.with_columns(text="Another report. " + pl.col("text").str.slice(0, 40))])
    learn, validate = training.validation_part(training.labelled_reports(twice, ("t", "n")), 0.2, 0)
    assert not set(learn.patients) & set(validate.patients) and not set(learn.texts) & set(validate.texts)
    assert len(validate) > 10


def test_the_tables_own_validation_rows_are_used(frame):
    split = frame.with_columns(split=pl.Series(["train"] * 45 + ["val"] * 15))
    reports = training.labelled_reports(split, ("t", "n"))
    learn, validate = training.validation_part(reports, 0.2, 0)
    assert set(validate.patients) <= set(frame["patient_id"][45:]) and set(learn.patients) <= set(frame["patient_id"][:45])


def test_published_column_names_and_spellings_are_read():
    table = pl.DataFrame({"report_text": ["a b", "c d", "e f"], "AJCC_PATHOLOGIC_T": ["T2a", "[Not Available]", "T4b"], "er_status_by_ihc": ["Positive", "Negative", "Indeterminate"]})
    reports = training.labelled_reports(table, ("t", "er"))
    assert reports.labels.tolist() == [[1, 0], [-1, 1], [3, -1]]


# Recipes on other designs

def test_a_single_task_recipe_makes_a_model_a_field(frame, decoder, tmp_path):
    run = train("smollm2-single-task", frame, tmp_path / "out", backbone=decoder, **TINY)
    assert set(run.macro_f1) == {"t", "n"} and StagingModel.from_pretrained(tmp_path / "out" / "n").config.fields == ["n"]


@pytest.mark.parametrize("settings", [{"loss": "corn"}, {"loss": "focal", "class_weights": True}, {"task_weights": "learned", "label_smoothing": 0.1}, {"gradient_checkpointing": True}])
def test_options_of_the_loss_and_of_memory(frame, encoder, tmp_path, settings):
    run = train("minilm", frame, tmp_path / "out", backbone=encoder, **{**TINY, "epochs": 1, **settings})
    assert run.steps > 0 and StagingModel.from_pretrained(tmp_path / "out").config.loss == settings.get("loss", "cross_entropy")


def test_the_published_recipe_runs_on_another_backbone(frame, encoder, tmp_path):
    run = train("llatmu-task6", frame, tmp_path / "out", backbone=encoder, epochs=1, validation=0.2, max_length=600)
    assert set(run.macro_f1) == {"t", "n", "m"} and run.recipe["dropout"] == 0.1 and run.recipe["backbone"] == encoder
    assert recipes.get_recipe("llatmu-task6").backbone.endswith("ModernBERT-large")
