"Neural systems of the comparison, on networks of two layers: heads on frozen vectors, tuning within a budget, pre-training that goes on where it was killed, and the whole path of the benchmark."
import json
import math
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="networks need the learn extra")
pytest.importorskip("transformers", reason="networks need the learn extra")
pytest.importorskip("sklearn", reason="heads need the metrics extra")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"))
import compare_systems  # noqa: E402
import cross_validate  # noqa: E402
from published import PUBLISHED, published_table  # noqa: E402
sys.path.pop(0)

from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import f1_score  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from tiny_backbones import labelled_frame, save_decoder, save_encoder  # noqa: E402
from transformers import TrainerCallback  # noqa: E402

from cancer_staging.corpora.splits import k_folds, multilabel_split  # noqa: E402
from cancer_staging.evaluate.leaderboard import Leaderboard  # noqa: E402
from cancer_staging.evaluate.neural_systems import FrozenFeatures, OnWindows, WindowNetwork  # noqa: E402
from cancer_staging.evaluate.systems import constant_loss, System, staged_from_labels  # noqa: E402
from cancer_staging.fields import get_field  # noqa: E402
from cancer_staging.models.backbones import load_backbone, load_tokenizer  # noqa: E402
from cancer_staging.models.frozen import FrozenEncoder  # noqa: E402
from cancer_staging.models.pretraining import MaskedRecipe, pretrain_masked, text_blocks, TimeBudget  # noqa: E402

SIZES = {"vocabulary": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def sides():
    "Invented training and test reports, apart."
    frame = multilabel_split(labelled_frame(110, 7), ("t", "n", "er"), (0.75, 0.25), seed=1)
    return frame.filter(split="train"), frame.filter(split="test")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(save_encoder(tmp_path_factory.mktemp("encoder"), dropout=0.0))


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return str(save_decoder(tmp_path_factory.mktemp("decoder")))


class Killed(BaseException):
    "Stands for a signal: nothing may catch it."


class KilledAt(TrainerCallback):
    "Is killed in the middle of a step."
    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **_):
        if state.global_step == self.step:
            raise Killed


# Heads on frozen vectors

class Told:
    "An encoder whose vectors are twenty numbers of noise, and four that tell the label."
    tokens, windows, tokens_read, parameters, bytes = 8, 1, 0, 100, 400

    def __init__(self, frame, strength):
        random = np.random.default_rng(0)
        self.vectors = {text: np.concatenate([random.normal(size=20), [strength * (label == name) + random.normal() for name in get_field("t").trained]]).astype(np.float32)
                        for text, label in frame.select("text", "t").iter_rows()}

    def features(self, texts):
        return np.stack([self.vectors[text] for text in texts])


def test_heads_learn_what_the_vectors_tell(sides):
    train, test = sides
    system = FrozenFeatures(Told(pl.concat([train, test]), 20.0), strengths=(1e-6, 100.0))
    system.fit(train, ("t",))
    known = test.filter(pl.col("t").is_in(get_field("t").trained))
    assert system.training["strength"] == {"t": 100.0} and (system.answer(known)["t"] == known["t"]).mean() > 0.9
    assert system.parameters == 100 + 4 * 24 + 4 + 2 * 24 and system.bytes == 400 + 4 * (system.parameters - 100)


def test_the_penalty_is_chosen_on_folds_of_the_training_reports(sides):
    train, _ = sides
    encoder, strengths = Told(train, 1.5), (0.001, 0.1, 10.0)
    system = FrozenFeatures(encoder, strengths=strengths, folds=3)
    system.fit(train, ("t",), seed=5)
    fold = k_folds(train, 3, 5, ("t",))["fold"].to_numpy()
    known = train["t"].is_in(get_field("t").trained).to_numpy()
    features, truth, fold = encoder.features(train["text"])[known], train["t"].to_numpy()[known], fold[known]
    expected = {}
    for strength in strengths:
        given = np.empty_like(truth)
        for number in range(3):
            inside = fold != number
            scaler = StandardScaler().fit(features[inside])
            given[~inside] = LogisticRegression(C=strength, class_weight="balanced", max_iter=300).fit(scaler.transform(features[inside]), truth[inside]).predict(scaler.transform(features[~inside]))
        expected[str(strength)] = f1_score(truth, given, average="macro")
    assert system.training["inner_macro_f1"]["t"] == pytest.approx(expected, abs=1e-4)
    assert str(system.training["strength"]["t"]) == max(expected, key=expected.get) and len({round(value, 3) for value in expected.values()}) > 1


def test_one_answer_to_all_costs_the_entropy_of_the_labels():
    assert constant_loss([30, 10]) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)) and constant_loss([1, 1, 1, 1, 0]) == pytest.approx(math.log(4))
    assert constant_loss([90, 10], weighted=True) == pytest.approx(math.log(2))


# Tuned on windows

def tuned(backbone, **settings):
    return WindowNetwork(**{"recipe": "minilm", "name": "tiny", "backbone": backbone, "tokens": 48, "window": None, "epochs": 3, "batch": 16, "learning_rate": 2e-3, "patience": 9, **settings})


def test_a_network_reads_windows_and_keeps_its_record(sides, encoder, tmp_path):
    train, test = sides
    system = tuned(encoder, folder=tmp_path / "model")
    system.fit(train, ("t", "n"), seed=2)
    record = system.training
    apart = multilabel_split(train, ("t", "n"), (0.9, 0.1), 2)["split"] == "test"
    labelled = train["t"].is_in(get_field("t").trained) | train["n"].is_in(get_field("n").trained)
    assert record["reports"]["validated on"] == (apart & labelled).sum() and record["reports"]["trained on"] == (~apart & labelled).sum()
    assert record["epochs"] == record["planned_epochs"] == 3 and [row["epoch"] for row in record["validation"]] == [1, 2, 3] and record["window_tokens"] == 48
    assert record["tokens_read"] == record["curve"][-1]["tokens"] <= 3 * 48 * record["reports"]["trained on"] and record["tokens_read"] > 3 * 30 * record["reports"]["trained on"]
    counts = train.filter(~apart)["t"].value_counts().filter(pl.col("t").is_in(get_field("t").trained))["count"].to_list()
    assert record["constant_loss"]["t"] == pytest.approx(constant_loss(counts), abs=1e-4) and not record["stopped_by_budget"] and record["budget_minutes"] is None
    staged = system.answer(test)
    tokenizer = load_tokenizer(encoder)
    unread = int(staged["error"][0].removeprefix("the other ").removesuffix(" tokens were not read").replace(",", ""))
    assert 0 <= len(tokenizer(test["text"][0]).input_ids) - unread <= 48
    assert json.loads(json.dumps(record)) == record


def test_single_tasks_have_a_record_each(sides, encoder):
    system = tuned(encoder, single_task=True, epochs=1, minutes=60)
    system.fit(sides[0], ("t", "er"))
    assert set(system.training["fields"]) == {"t", "er"} and set(system.training["fields"]["er"]["curve"][0]["losses"]) == {"er"}
    assert system.training["tokens_read"] == sum(record["tokens_read"] for record in system.training["fields"].values()) and not system.training["stopped_by_budget"]


def test_a_budget_ends_a_run_with_its_best_checkpoint(sides, encoder):
    system = tuned(encoder, minutes=1e-9, batch=8)
    system.fit(sides[0], ("t",))
    assert system.training["steps"] == 1 and system.training["stopped_by_budget"] and len(system.training["validation"]) == 1 and system.training["epochs"] < 1
    assert system.answer(sides[1]).height == sides[1].height
    with pytest.raises(ValueError, match="above 0 minutes"):
        TimeBudget(0)


def test_a_network_that_was_killed_goes_on(sides, encoder, tmp_path, monkeypatch):
    train, test = sides
    whole = tuned(encoder, folder=tmp_path / "whole", minutes=60)
    whole.fit(train, ("t",))
    steps = math.ceil(whole.training["reports"]["trained on"] / 16)
    monkeypatch.setattr(TimeBudget, "on_step_end", lambda self, args, state, control, **_: KilledAt(steps + 1).on_step_begin(args, state, control))
    with pytest.raises(Killed):
        tuned(encoder, folder=tmp_path / "killed", minutes=60).fit(train, ("t",))
    monkeypatch.undo()
    again = tuned(encoder, folder=tmp_path / "killed", minutes=60)
    again.fit(train, ("t",))
    timed = {"seconds", "tokens_per_second"}
    assert {name: value for name, value in again.training.items() if name not in timed} == {name: value for name, value in whole.training.items() if name not in timed}
    assert again.answer(test).equals(whole.answer(test))


# Masked pre-training

def test_blocks_hold_every_token_once(sides, encoder):
    texts = sides[0]["text"].to_list()[:10]
    from cancer_staging.models.encoding import train_tokenizer

    tokenizer = train_tokenizer(texts, 200)
    blocks = text_blocks(texts, tokenizer, 20)
    stream = [token for block in blocks for token in block[1:-1]]
    assert stream == [token for text in texts for token in [*tokenizer(text, add_special_tokens=False).input_ids, tokenizer.sep_token_id]]
    assert all(len(block) == 20 for block in blocks[:-1])
    with pytest.raises(ValueError, match="no mask"):
        text_blocks(texts, load_tokenizer(encoder), 20)  # a word-level tokenizer without a mask token


@pytest.fixture(scope="module")
def start(sides, tmp_path_factory):
    "A ModernBERT with random weights."
    from cancer_staging.evaluate.systems import modernbert_backbone

    return str(modernbert_backbone(sides[0]["text"].to_list(), tmp_path_factory.mktemp("start"), 0, **SIZES))


MASKED = MaskedRecipe(epochs=2, learning_rate=3e-3, batch=16, block=48, held_out=0.1)


def test_pretraining_learns_and_goes_on_where_it_was_killed(sides, start, tmp_path):
    texts = sides[0]["text"].to_list()
    whole = pretrain_masked(start, texts, tmp_path / "whole", MASKED)
    held = max(1, round(0.1 * len(texts)))
    assert whole.reports == {"trained on": len(texts) - held, "held out": held} and whole.tokens_read == 2 * whole.tokens
    assert whole.guessing_loss == pytest.approx(math.log(len(load_tokenizer(start))), abs=1e-4) and whole.held_out[-1]["loss"] < whole.held_out[0]["loss"] < whole.guessing_loss
    steps = whole.steps // 2
    with pytest.raises(Killed):
        pretrain_masked(start, texts, tmp_path / "killed", MASKED, callbacks=[KilledAt(steps + 2)])
    again = pretrain_masked(start, texts, tmp_path / "killed", MASKED, resume=True)
    assert again.held_out == whole.held_out and again.tokens_read == whole.tokens_read
    one, other = (load_backbone(str(tmp_path / name)).state_dict() for name in ("whole", "killed"))
    assert all(torch.equal(one[name], other[name]) for name in one) and not (tmp_path / "killed" / "checkpoints").exists()
    with pytest.raises(ValueError, match="the reports differ"):
        pretrain_masked(start, texts[1:], tmp_path / "whole", MASKED, resume=True)
    with pytest.raises(ValueError, match="exists already"):
        pretrain_masked(start, texts, tmp_path / "whole", MASKED)


def test_pretraining_keeps_to_its_minutes_and_refuses_what_it_cannot_use(sides, start, tmp_path):
    run = pretrain_masked(start, sides[0]["text"].to_list(), tmp_path / "short", MASKED, minutes=1e-9)
    assert run.steps == 1 and len(run.held_out) == 1 and run.tokens_read < run.tokens
    with pytest.raises(ValueError, match="too few"):
        pretrain_masked(start, ["one", " "], tmp_path / "none", MASKED)
    for wrong in ({"masked": 1.0}, {"epochs": 0}, {"held_out": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            MaskedRecipe(**wrong)


# Asked without training

class Listener(System):
    name = "listener"

    def fit(self, train, fields, seed=0):
        self.learnt = train["text"].to_list()

    def answer(self, frame):
        self.given = frame["text"].to_list()
        return staged_from_labels(frame["patient_id"].to_list(), {"t": [("T1", 0.5)] * frame.height})


def test_another_system_is_given_windows(sides, encoder):
    train, test = sides
    inner = Listener()
    system = OnWindows(inner, encoder, 40)
    system.fit(train, ("t",))
    staged = system.answer(test)
    tokenizer = load_tokenizer(encoder)
    assert max(len(tokenizer(text).input_ids) for text in [*inner.learnt, *inner.given]) <= 40 and len(inner.given) == test.height == staged.height
    assert staged["error"][0].startswith("the other ") and system.name == "listener"


# The benchmark's whole path

@pytest.fixture
def benchmark(sides, encoder, decoder, writer, tmp_path, monkeypatch):
    "The script's tables, with tiny networks and invented reports."
    train, test = sides
    monkeypatch.setattr(compare_systems, "rows", lambda table: (train, test))
    monkeypatch.setattr(compare_systems, "load_corpus", lambda: pl.concat([train, test]))
    monkeypatch.setattr(compare_systems, "RESULTS", tmp_path)
    monkeypatch.setattr(compare_systems, "FIELDS", {"breast": ("t", "er"), "all": ("t", "er")})
    monkeypatch.setattr(compare_systems, "TOKENS", 48)
    monkeypatch.setattr(compare_systems, "TUNED", {table: {name: {**settings, "epochs": 1} for name, settings in systems.items()} for table, systems in compare_systems.TUNED.items()})
    monkeypatch.setattr(compare_systems, "PRETRAINING", {"breast": {"epochs": 1, "block": 48}, "all": {"epochs": 1, "block": 48}})
    monkeypatch.setattr(compare_systems, "BACKBONES", {
        "minilm": encoder, "minilm-frozen": FrozenEncoder(encoder, 48, 2, tmp_path / "vectors"), "modernbert-from-configuration": SIZES, "smollm2-lora": decoder, "smollm2-qlora": decoder,
        "smollm2-single-task": decoder, "smollm2-zero-shot-likelihood": writer, "smollm2-zero-shot-json": writer})
    return tmp_path


@pytest.mark.parametrize("name", ["minilm-frozen", "minilm", "modernbert-from-configuration", "smollm2-lora", "smollm2-qlora", "smollm2-single-task", "smollm2-zero-shot-likelihood", "smollm2-zero-shot-json"])
def test_each_neural_system_is_made_scored_and_stored(name, benchmark, sides):
    if "lora" in name or name == "smollm2-single-task":
        pytest.importorskip("peft")
    if "qlora" in name:
        pytest.importorskip("bitsandbytes")
    if name.endswith("json"):
        pytest.importorskip("outlines_core")
    compare_systems.run("breast", name, benchmark / "work", None)
    board = Leaderboard.load(benchmark / f"compare_breast_{name}.json")
    system = board.systems["system"][0]
    answers = board.about["answers"][system]
    assert answers["report_id"] == sides[1]["patient_id"].to_list() and set(answers) == {"report_id", "t", "t_confidence", "er", "er_confidence"}
    assert board.about["read"] == ("2 × 48 tokens chosen" if name == "minilm-frozen" else "1 × 48 tokens chosen") and board.systems["parameters"][0] > 1000
    training = board.about["training"]
    assert (training is None) == ("zero-shot" in name) and not (benchmark / "work" / f"breast-{name}").exists()
    if training:
        assert training["tokens_read"] > 0 and compare_systems.why(board.about, "t")
    if name == "modernbert-from-configuration":
        assert training["pretraining"]["tokens_read"] > 0 and training["budget_minutes"] == pytest.approx(30)  # a third of ninety
    if name == "smollm2-single-task":
        assert set(training["fields"]) == {"t", "er"}


def test_a_table_refuses_a_system_that_it_does_not_have(tmp_path):
    with pytest.raises(ValueError, match="table all has no system 'smollm2-qlora'"):
        compare_systems.make("all", "smollm2-qlora", tmp_path)
    assert set(compare_systems.TUNED["all"]) == set(compare_systems.BUDGETS["all"]) and set(compare_systems.TUNED["breast"]) == set(compare_systems.BUDGETS["breast"])


def test_why_a_system_stays_near_the_commonest_label():
    def record(first, last, **more):
        return {"training": {"tokens_read": 120_000, "epochs": 2.5, "curve": [{"losses": {"t": first}}, {"losses": {"t": last}}], "constant_loss": {"t": 1.2}, "best": {"macro_f1": 0.3}, **more}, "date": "2026-11-28"}

    assert compare_systems.why({"train_rows": 1000}, "t", "minilm") == "at most 2.05 M tokens, the beginnings of 1,000 reports in 4 epochs; its loss was not kept"
    assert "nothing is learnt" in compare_systems.why({"train_rows": 1000}, "t", "zero-shot, likelihood, smollm2")
    assert "nothing is learnt" in compare_systems.why({"training": None}, "t")
    assert compare_systems.why(record(1.4, 1.19), "t") == "0.12 M tokens in 2.5 epochs, training loss 1.40 to 1.19, one answer to all 1.20: hardly anything was learnt"
    assert "the training reports were learnt, the validation reports less (macro-F1 0.30)" in compare_systems.why(record(1.4, 0.2), "t")
    assert compare_systems.why(record(1.4, 1.3, stopped_by_budget=True, budget_minutes=45), "t").endswith("; its 45 minutes were over")
    assert "others less" in compare_systems.why({"training": {"tokens_read": 1, "losses": {"t": 0.1}, "constant_loss": {"t": 1.2}}}, "t")


def test_systems_near_the_commonest_label_are_found_by_kappa():
    test = pl.DataFrame({"patient_id": list("ABCDE"), "m": ["M0", "M0", "M0", "M1", None], "text": "x"})
    same, right = (staged_from_labels(list("ABCDE"), {"m": [(label, 0.9) for label in labels]}) for labels in (["M0"] * 5, ["M0", "M0", "M0", "M1", "M0"]))
    scores = pl.DataFrame({"system": ["same", "right"], "field": "m", "subset": "all", "kappa": [0.0, 1.0], "accuracy_all": [0.75, 1.0]})
    found = compare_systems.near_commonest(scores, {"same": same, "right": right}, test, {"same": {"training": None}, "right": {"training": None}})
    assert found.rows() == [("same", "m", 0.0, 0.75, "M0, 0.750", "M0, 1.000", "nothing is learnt: the model answers as it comes")]


def test_a_run_takes_the_place_of_its_older_self():
    runs = [{"part": "folds", "system": name, "seed": 0, "folds": 5, "fold": 0, "date": date} for name, date in (("a", "2026-11-21"), ("b", "2026-11-27"))]
    fresh = {**runs[0], "date": "2026-11-28"}
    assert cross_validate.merged(runs, fresh) == [fresh, runs[1]] and cross_validate.merged(runs, {**fresh, "fold": 1}) == [*runs, {**fresh, "fold": 1}]


def test_cross_validation_makes_what_is_missing_or_old(sides, tmp_path, monkeypatch):
    made = []

    class Quick(Listener):
        def fit(self, train, fields, seed=0):
            made.append((seed, train.height))

        def answer(self, frame):
            return staged_from_labels(frame["patient_id"].to_list(), {name: [(get_field(name).trained[0], 0.5)] * frame.height for name in ("t", "n", "m")})

    train = sides[0].with_columns(split=pl.lit("train"), tissue_source_site=pl.Series([f"H{number % 9}" for number in range(sides[0].height)]))
    monkeypatch.setattr(cross_validate, "load_corpus", lambda: train)
    monkeypatch.setattr(cross_validate, "RESULTS", tmp_path / "cross_validation.json")
    monkeypatch.setattr(cross_validate, "SYSTEMS", {"tfidf-linear": Quick})

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cross_validate.py", *arguments, "--systems", "tfidf-linear", "--work", str(tmp_path)])
        cross_validate.main()
        return json.loads((tmp_path / "cross_validation.json").read_text())["runs"]

    runs = call("folds", "hospital", "--seeds", "2", "--folds", "3")
    assert len(runs) == len(made) == 2 * 3 + 2 and {run["part"] for run in runs} == {"folds", "hospital"}
    assert all(run["train_rows"] + run["test_rows"] == train.height for run in runs if run["part"] == "folds")
    assert all(run["held_out"] and set(run["held_out"]) < {f"H{number}" for number in range(9)} for run in runs if run["part"] == "hospital")
    assert call("folds", "hospital", "--seeds", "2", "--folds", "3") == runs and len(made) == 8
    assert len(call("folds", "--seeds", "1", "--folds", "3", "--since", "9999-01-01")) == 8 and len(made) == 11


def test_published_figures_name_where_they_are_from():
    table = published_table()
    assert table.height == len(PUBLISHED) and all(all(figure.__dict__.values()) for figure in PUBLISHED)
    figures = {(row["system"].split(" (")[0], row["measure"]): row["published"] for row in table.iter_rows(named=True)}
    assert figures["BB-TEN", "AUROC, T"] == "0.945" and figures["CancerLLM", "F1, phenotypes / diagnosis"] == "0.918 / 0.868" and figures["Shao et al. 2026", "macro-F1"] == "0.976"
