"""The systems of the comparison: they answer in staged tables, on the same rows, and nobody is scored on what it was trained on."""
import json

import numpy as np
import polars as pl
import pytest

from cancer_staging.corpora.splits import LeakageError, multilabel_split
from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.corpora.tcga import labels
from cancer_staging.evaluate.leaderboard import compare, Leaderboard, open_system, score_systems
from cancer_staging.evaluate.systems import modernbert_backbone, PublishedAnswers, RecipeSystem, RulesSystem, StagedTable, TfidfLinear, TfidfRulesBoosting, training_rows
from cancer_staging.fields import get_field
from cancer_staging.staged import read_staged
from cancer_staging.stager import Stager


@pytest.fixture(scope="module")
def sides():
    "Invented training and test reports, apart."
    reports = list(synthetic_reports(320, 50))
    frame = pl.DataFrame({"patient_id": [report.report_id for report in reports], "text": [report.text for report in reports],
                          **{name: [report.truth[name].label for report in reports] for name in ("t", "n", "m")}})
    split = multilabel_split(frame, shares=(0.7, 0.3), seed=1)
    return split.filter(pl.col("split") == "train"), split.filter(pl.col("split") == "test")


def check_answers(staged, test, fields):
    "A staged table as the contract says."
    assert staged["report_id"].to_list() == test["patient_id"].to_list() and set(staged["status"]) <= {"ok", "empty", "error"}
    for name in fields:
        for label, confidence, probs in staged.select(name, f"{name}_confidence", f"{name}_probs").iter_rows():
            assert label is None or label in get_field(name).labels
            if probs is not None:
                assert abs(sum(item["prob"] for item in probs) - 1) < 1e-4
                if label is not None:
                    assert confidence == pytest.approx(next(item["prob"] for item in probs if item["label"] == label), abs=1e-6)


@pytest.mark.parametrize("system", [RulesSystem(), TfidfLinear(min_reports=2), TfidfRulesBoosting(min_reports=2, trees=15, threads=1)], ids=lambda system: system.name)
def test_every_system_answers_with_a_staged_table(system, sides):
    train, test = sides
    system.fit(train, ("t", "n"), seed=3)
    check_answers(system.answer(test), test, ("t", "n"))
    empty = test.head(2).with_columns(text=pl.Series([None, " "], dtype=pl.String))
    assert system.answer(empty).height == 2


@pytest.mark.parametrize("make", [lambda: TfidfLinear(min_reports=2), lambda: TfidfRulesBoosting(min_reports=2, trees=10, threads=1)])
def test_the_same_seed_gives_the_same_answers(make, sides):
    train, test = sides
    first, second = make(), make()
    for system in (first, second):
        system.fit(train, ("t",), seed=4)
    assert first.answer(test).equals(second.answer(test)) and first.parameters == second.parameters > 100


def test_a_row_counts_only_for_the_fields_it_has_a_label_of(sides):
    train, _ = sides
    half = train.with_columns(t=pl.when(pl.int_range(pl.len()) % 2 == 0).then("t"))
    rows, codes = training_rows(half, "t")
    assert len(rows) == labels(half, "t").is_in(get_field("t").trained).sum() < train.height and (rows % 2 == 0).all()


def test_a_class_that_training_never_saw_has_probability_zero(sides):
    train, test = sides
    system = TfidfLinear(min_reports=2)
    system.fit(train.filter(labels(train, "t") != "T4"), ("t",))
    assert {item["prob"] for row in system.answer(test)["t_probs"] for item in row if item["label"] == "T4"} == {0.0}


def test_one_class_only_is_refused(sides):
    with pytest.raises(ValueError, match="'m' can't be learnt.*have M0"):
        TfidfLinear().fit(sides[0].filter(labels(sides[0], "m") == "M0"), ("m",))


def test_compare_scores_all_on_the_same_rows(sides, tmp_path):
    train, test = sides
    seen = []
    board = compare([RulesSystem(), TfidfLinear(min_reports=2)], train, test, stated=True, samples=60, progress=seen.append)
    assert seen == ["rules", "TF-IDF + linear"]
    totals = board.scores.group_by("field", "subset").agg(pl.col("total").n_unique())
    assert (totals["total"] == 1).all()
    for name in ("t", "n", "m"):
        of_field = board.scores.filter(system="rules", field=name)
        assert of_field.filter(subset="all")["total"][0] == of_field.filter(pl.col("subset") != "all")["total"].sum() == labels(test, name).is_in(get_field(name).trained).sum()
    assert board.table().columns[:5] == ["system", "t", "n", "m", "tnm exact"] and board.table()["system"].to_list()[0] == "rules"
    exact = board.table().filter(system="rules")["tnm exact"][0].replace("(", "").replace(")", "").replace("–", " ").split()
    assert float(exact[1]) < float(exact[0]) < float(exact[2])
    assert (board.systems["peak_memory_mb"] > 10).all() and board.systems["training_seconds"].null_count() == 0
    board.save(tmp_path / "board.json")
    again = Leaderboard.load(tmp_path / "board.json")
    assert again.scores.equals(board.scores) and again.systems.equals(board.systems) and again.about["test_rows"] == test.height
    assert len(board.figure().axes) == 3
    (tmp_path / "board.json").write_text('{"scores": 1}')
    with pytest.raises(ValueError, match="no leaderboard"):
        Leaderboard.load(tmp_path / "board.json")


def test_compare_refuses_before_training_what_was_trained_on(sides):
    train, test = sides

    class MustNotBeFitted(RulesSystem):
        def fit(self, *_):
            raise AssertionError("fitted")

    with pytest.raises(LeakageError) as raised:
        compare([MustNotBeFitted()], pl.concat([train, test.head(3)]), test)
    assert len(raised.value.leakage.patients) == 3 and test["text"][0] not in str(raised.value)


def test_two_systems_of_one_name_are_refused(sides):
    with pytest.raises(ValueError, match="same name: rules"):
        score_systems([RulesSystem(), RulesSystem()], sides[1], ("t",))


def test_a_staged_table_is_taken_as_it_is(sides, tmp_path):
    test = sides[1]
    staged = RulesSystem().answer(test)
    for suffix, write in ((".parquet", staged.write_parquet), (".jsonl", staged.write_ndjson)):
        write(tmp_path / f"staged{suffix}")
        assert open_system(tmp_path / f"staged{suffix}").answer(test.reverse())["t"].to_list() == staged["t"].to_list()[::-1]
    with pytest.raises(ValueError, match="not in the staged table"):
        StagedTable(staged.head(5)).answer(test)
    with pytest.raises(ValueError, match="no column report_id"):
        pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
        read_staged(tmp_path / "other.parquet")


def test_published_answers_are_compared_on_t_of_the_t_test_only(tmp_path):
    pl.DataFrame({"patient_id": ["A", "B", "C"], "t": ["T1", "T2", "T3"], "n": "N0", "m": "M0"}).write_csv(tmp_path / "published.csv")
    published = PublishedAnswers(tmp_path / "published.csv")
    corpus = pl.DataFrame({"patient_id": ["A", "B", "C", "D"], "t14_test": [True, False, True, True], "t": ["T1", "T1", "T1", "T1"], "text": ["a", "b", "c", "d"]})
    covered = published.covered(corpus)
    assert covered["patient_id"].to_list() == ["A", "C"] and published.answer(covered)["t"].to_list() == ["T1", "T3"]
    for wrong in (corpus, corpus.head(2), corpus.drop("t14_test")):
        with pytest.raises(ValueError, match="T test set"):
            published.answer(wrong)
    with pytest.raises(ValueError, match="T only"):
        published.fit(corpus, ("t", "n"))
    score = score_systems([published], covered, ("t",), corpus, samples=20)
    assert score.scores["accuracy_all"][0] == 0.5 and score.systems["reports_per_second"][0] is None


def test_published_answers_score_as_the_data_readme_says(test_bed):
    corpus = pl.read_parquet(test_bed / "tcga" / "reports.parquet").filter(split="test")
    published = PublishedAnswers(test_bed / "tcga" / "llatmu_predictions.csv")
    board = score_systems([published], published.covered(corpus), ("t",), samples=20)
    assert abs(board.scores["macro_f1"][0] - 0.827) < 0.01


# models: tiny, with random weights

@pytest.fixture(scope="module")
def tiny_language_model(sides):
    "A two-layer Llama with a byte-level tokenizer that can write JSON."
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator([*sides[0]["text"], '{"t":"T1","n":null,"m":"M0"}'] * 2, vocab_size=500, special_tokens=["<end>"], show_progress=False)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made._tokenizer, eos_token="<end>")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    return transformers.LlamaForCausalLM(config).eval(), tokenizer


def test_zero_shot_likelihood_reads_the_report_once_and_says_what_it_cut(tiny_language_model, sides, monkeypatch):
    from cancer_staging.evaluate.zero_shot import ZeroShotLikelihood

    model, _ = tiny_language_model
    lengths, forward = [], type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda self, input_ids=None, **more: lengths.append(tuple(input_ids.shape)) or forward(self, input_ids, **more))
    system = ZeroShotLikelihood(tiny_language_model, max_tokens=150)
    system.fit(sides[0], ("t", "n", "m"))
    staged = system.answer(sides[1].head(2))
    check_answers(staged, sides[1].head(2), ("t", "n", "m"))
    assert [rows for rows, _ in lengths] == [1, 4, 4, 2] * 2 and lengths[0][1] > 150
    assert "tokens were not read" in staged["error"][0] and system.parameters == sum(weights.numel() for weights in model.parameters())


def test_zero_shot_json_is_always_valid_json_of_the_schema(tiny_language_model, sides):
    pytest.importorskip("outlines_core")
    from cancer_staging.evaluate.zero_shot import ZeroShotJson

    system = ZeroShotJson(tiny_language_model, max_tokens=60)
    system.fit(sides[0], ("t", "er"))
    staged = system.answer(sides[1].head(4))
    check_answers(staged, sides[1].head(4), ("t", "er"))
    written, certainty, _ = system._write(sides[1]["text"][0])
    answer = json.loads(written)
    assert list(answer) == ["t", "er"] and answer["t"] == staged["t"][0] and 0 < certainty["t"] <= 1 and all(value is None or value in get_field(name).trained for name, value in answer.items())


def test_a_recipe_trains_and_answers(sides, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from functools import partial

    train, test = sides
    sizes = {"vocabulary": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    system = RecipeSystem("minilm", tmp_path / "model", "ModernBERT, tiny", backbone=partial(modernbert_backbone, **sizes), epochs=1, max_length=96, window=None)
    board = compare([system], train.head(60), test.head(20), ("t", "n"), among=pl.concat([train, test]), samples=20)
    staged = board.staged["ModernBERT, tiny"]
    check_answers(staged, test.head(20), ("t", "n"))
    assert board.systems["parameters"][0] > 10_000 and board.systems["megabytes"][0] > 0.04
    assert staged["error"].str.contains("tokens were not read").any()
    assert board.systems["answered_by"].to_list() == ["network alone"] and "answered_by" not in board.table().columns
    again = open_system(f"network:{tmp_path / 'model'}")
    assert again.answered_by == "network alone" and again.name == f"network:{tmp_path / 'model'}"
    assert np.allclose(again.answer(test.head(20))["t_confidence"], staged["t_confidence"], atol=1e-6)


def test_a_folder_is_scored_as_it_stages_and_a_network_alone_where_that_is_asked(tmp_path):
    pytest.importorskip("torch")
    from tiny_networks import make, small_tokenizer

    make(tokenizer=small_tokenizer(), fields=["t", "n"]).save_pretrained(tmp_path / "net")
    # the network has random weights: on reports that state T and N, the grammar is surer
    frame = pl.DataFrame({"patient_id": ["A", "B"], "text": ["Colon, resection: adenocarcinoma, pT3 pN1.", "Breast, mastectomy: invasive ductal carcinoma, pT1 pN0."], "t": ["T3", "T1"], "n": ["N1", "N0"]})
    whole, alone = open_system(tmp_path / "net"), open_system(f"network:{tmp_path / 'net'}")
    assert (whole.answered_by, alone.answered_by) == ("grammar, then network net", "network alone")
    staged = Stager.from_pretrained(tmp_path / "net").stage_frame(frame, "text", "patient_id")
    assert whole.answer(frame).select("report_id", "t", "n", "t_basis").equals(staged.select("report_id", "t", "n", "t_basis"))
    assert staged["t"].to_list() == ["T3", "T1"] and set(staged["t_basis"]) == {"stated"} and set(alone.answer(frame)["t_basis"]) == {"inferred"}
    alone.answer(frame)
    assert whole.parameters == alone.parameters > 1000 and whole.bytes == alone.bytes
    board = score_systems([whole, alone], frame, ("t", "n"), samples=10)
    assert dict(board.systems.select("system", "answered_by").iter_rows()) == {str(tmp_path / "net"): "grammar, then network net", f"network:{tmp_path / 'net'}": "network alone"}
    assert board.scores.filter(system=str(tmp_path / "net"), field="t")["accuracy_all"][0] == 1.0
    for name, words in (("rules", "grammar alone"), ("default", "grammar, then learned model")):
        assert open_system(name).answered_by == words


def test_one_network_for_each_field_is_scored_alone_only(tmp_path):
    pytest.importorskip("torch")
    from tiny_networks import make, small_tokenizer

    for name in ("t", "n"):
        make(tokenizer=small_tokenizer(), fields=[name]).save_pretrained(tmp_path / "two" / name)
    frame = pl.DataFrame({"patient_id": ["A"], "text": ["pT3"]})
    staged = open_system(f"network:{tmp_path / 'two'}").answer(frame)
    assert {"t", "n"} <= set(staged.columns)
    with pytest.raises(ValueError, match=r"a network for each field \(n, t\).*evaluate network:"):
        open_system(tmp_path / "two")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no network"):
        open_system(f"network:{tmp_path / 'empty'}")


def test_a_folder_with_another_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="not one of this package"):
        open_system(tmp_path)
    with pytest.raises(ValueError, match="no-such"):
        open_system("no-such")
