"""Retrieved examples: what may never be shown, whatever the retriever, and encoders of each family."""
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tiny_backbones import save_decoder, save_encoder

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.writing.retrieval import BM25Retriever, copy_nearest, DenseRetriever, embed_texts, Encoder, ENCODERS, Lookalikes, open_retriever, RandomRetriever, RETRIEVERS
from cancer_staging.writing.tasks import get_task

SCRIPT = Path(__file__).resolve().parents[1] / "nbs" / "benchmarks" / "compare_retrievers.py"


def save_neo(folder):
    "A random GPT-Neo of two layers, with a tokenizer that knows the brackets of SGPT."
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import GPTNeoConfig, GPTNeoModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator([*(report.text for report in synthetic_reports(60)), "[ ] { }"], trainers.WordLevelTrainer(special_tokens=["[UNK]"], vocab_size=1200))
    for bracket in "[]{}":
        tokenizer.add_tokens([bracket])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", model_max_length=512).save_pretrained(folder)
    config = GPTNeoConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], max_position_embeddings=512, window_size=64)
    GPTNeoModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    "A random BERT, whose vectors differ by more than the rounding of a batch, and a random GPT-Neo."
    root = tmp_path_factory.mktemp("encoders")
    for name in ("bert", "neo"):
        (root / name).mkdir()
    return {"bert": str(save_encoder(root / "bert", spread=0.5)), "neo": str(save_neo(root / "neo"))}


@pytest.fixture(scope="module")
def train():
    "120 invented reports of 60 patients; the first text stands under two patients, once with other blanks and a line more."
    texts = [report.text for report in synthetic_reports(118, 5)]
    texts += ["  " + texts[0].upper().replace(" ", "  "), texts[0] + "\nAddendum: slides reviewed at the request of the clinician."]
    return pl.DataFrame({"example_id": [f"e{number}" for number in range(120)], "group": [f"p{number % 60}" for number in range(118)] + ["p900", "p901"], "task": "icd10", "text": texts,
                         "response": [f"C{10 + number % 60}.9" for number in range(120)], "split": "train"})


def tiny(name, folders):
    "The retriever's name, or its encoder with random weights of the same family."
    if name not in ENCODERS:
        return name
    folder = folders["neo" if name == "sgpt" else "bert"]
    return replace(ENCODERS[name], query=folder, document=folder)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_no_retriever_shows_the_row_its_patient_or_its_text(name, folders, train):
    retriever, rows = open_retriever(tiny(name, folders), train, "icd10"), train.to_dicts()
    all_of_them = retriever.examples(rows, 1000)
    for row, examples in zip(rows, all_of_them):
        shown = {example["example_id"] for example in examples}
        assert len(shown) == len(examples) and row["group"] not in {example["group"] for example in examples}
        copies = {"e0", "e118", "e119"} if row["example_id"] in ("e0", "e118", "e119") else set()
        forbidden = {row["example_id"], *train.filter(group=row["group"])["example_id"]} | copies
        assert not shown & forbidden
        assert train.height - len(forbidden) - 2 <= len(shown)  # everything else may be shown, but for a few invented reports that happen to share most phrases
    three, one = retriever.examples(rows[:20], 3), retriever.examples(rows[:20], 1)
    assert [examples[-3:] for examples in all_of_them[:20]] == three and [examples[-1:] for examples in three] == one
    assert set(three[0][0]) == {"example_id", "group", "text", "response"}


@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_text_without_its_id_is_still_not_shown_to_itself(name, folders, train):
    found = open_retriever(tiny(name, folders), train, "icd10").examples([{"text": train["text"][0]}, {"text": ""}, {"text": None}, {}], 1000)
    assert not {"e0", "e118", "e119"} & {example["example_id"] for example in found[0]} and len(found[0]) >= 115 and found[1:] == [[], [], []]


def test_one_differing_word_in_forms_is_no_copy():
    forms = pl.DataFrame({"example_id": ["a", "b"], "group": ["p", "q"], "split": "train", "text": ["Grade: 2. Margins: negative.", "Grade: 3. Margins: negative."], "response": ["x", "y"]})
    assert [[example["example_id"] for example in found] for found in BM25Retriever(forms, "icd10").examples(forms.to_dicts(), 2)] == [["b"], ["a"]]
    assert [example["example_id"] for example in BM25Retriever(forms, "icd10").examples([{"text": "grade 2 -- MARGINS negative"}], 2)[0]] == ["b"]


def test_phrases_of_hospital_forms_link_nothing():
    form = " ".join(f"form{number}" for number in range(120))  # three quarters of each report
    texts = [" ".join(f"own{report}w{number}" for number in range(40)) + " " + form for report in range(30)]
    frame = pl.DataFrame({"example_id": [str(number) for number in range(30)], "group": [str(number) for number in range(30)], "split": "train", "text": texts, "response": "C18.9"})
    assert [len(found) for found in RandomRetriever(frame, "icd10").examples(frame.to_dicts(), 30)] == [29] * 30
    few = frame.head(10)  # among ten texts the phrases are not known to be a form
    assert [len(found) for found in RandomRetriever(few, "icd10").examples(few.to_dicts(), 30)] == [0] * 10


@pytest.mark.parametrize("name", RETRIEVERS)
def test_the_same_question_comes_first(name, folders):
    reports = [report.text for report in synthetic_reports(30, 9)]
    frame = pl.DataFrame([{"example_id": f"{number}-{question}", "group": str(number), "split": "train", "question": question, "context": text, "response": question}
                          for number, text in enumerate(reports) for question in (("grade", "stage") if number < 4 else ("stage",))])
    rows = [{"question": question, "context": reports[number], "group": str(number)} for number, question in ((0, "grade"), (20, "grade"), (20, "stage"), (20, "never asked"))]
    retriever = open_retriever(tiny(name, folders), frame, "phenotype", same="question")
    found = [[example["question"] for example in examples] for examples in retriever.examples(rows, 5)]
    assert found == [["stage"] * 2 + ["grade"] * 3, ["stage"] + ["grade"] * 4, ["stage"] * 5, found[3]] and len(found[3]) == 5
    assert [[example["question"] for example in examples] for examples in retriever.examples(rows[:3], 2)] == [["grade"] * 2, ["grade"] * 2, ["stage"] * 2]


def test_frames_that_would_leak_or_mislead_are_refused(train):
    with pytest.raises(ValueError, match=r"2 of 120 examples are not of train but of test, validation: give examples.filter\(split='train'\)"):
        open_retriever("random", train.with_columns(split=pl.Series(["test", "validation"] + ["train"] * 118)), "icd10")
    with pytest.raises(ValueError, match="1 of 120 examples are not of train but of None"):
        open_retriever("random", train.with_columns(split=pl.Series([None] + ["train"] * 119)), "icd10")
    with pytest.raises(ValueError, match="no column group, split"):
        open_retriever("bm25", train.drop("group", "split"), "icd10")
    with pytest.raises(ValueError, match="'icd10' needs the column text"):
        open_retriever("bm25", train.drop("text"), "icd10")
    with pytest.raises(ValueError, match="task soap can't be shown for 'icd10'"):
        open_retriever("bm25", train.with_columns(task=pl.lit("soap")), "icd10")
    with pytest.raises(ValueError, match="example_id of its own"):
        open_retriever("bm25", pl.concat([train, train.head(1)]), "icd10")
    with pytest.raises(ValueError, match="1 examples have no input or no response, the first is 'e3'"):
        open_retriever("bm25", train.with_columns(response=pl.when(pl.col("example_id") != "e3").then("response")), "icd10")
    with pytest.raises(ValueError, match="no examples"):
        open_retriever("bm25", train.clear(), "icd10")
    with pytest.raises(ValueError, match="no retriever 'bm52': there are random, bm25, minilm, medcpt, contriever, sgpt, specter2"):
        open_retriever("bm52", train, "icd10")
    with pytest.raises(ValueError, match="k must be 0 or more, not -1"):
        open_retriever("random", train, "icd10").examples([], -1)


def test_no_examples_are_asked_for_with_zero(train):
    retriever = open_retriever("bm25", train, "icd10")
    assert retriever.examples(train.to_dicts()[:2], 0) == [[], []] and retriever.examples([], 3) == []


def test_random_examples_follow_the_seed_and_not_the_batch(train):
    rows = train.to_dicts()
    first, second = RandomRetriever(train, "icd10", seed=1), RandomRetriever(train, "icd10", seed=2)
    assert first.examples(rows, 2) == [first.examples([row], 2)[0] for row in rows] == RandomRetriever(train, "icd10", seed=1).examples(rows, 2) != second.examples(rows, 2)
    counts = np.bincount([int(example["example_id"][1:]) for examples in first.examples(rows, 5) for example in examples], minlength=120)
    assert counts.max() < 20 and (counts > 0).mean() > 0.9  # spread over all


def test_bm25_ranks_as_the_formula_says():
    texts = ["carcinoma of the kidney", "carcinoma carcinoma of the breast with lymph nodes", "kidney stone", "benign skin"]
    frame = pl.DataFrame({"example_id": list("abcd"), "group": list("abcd"), "split": "train", "text": texts, "response": list("wxyz")})
    asked = "kidney carcinoma in nodes 1"
    words = [["carcinoma", "kidney"], ["carcinoma", "carcinoma", "breast", "lymph", "nodes"], ["kidney", "stone"], ["benign", "skin"]]  # without stop words
    mean = np.mean([len(of_text) for of_text in words])

    def score(of_text):
        total = 0.0
        for word in ("kidney", "carcinoma", "nodes"):
            holders, count = sum(word in other for other in words), of_text.count(word)
            total += np.log(1 + (4 - holders + 0.5) / (holders + 0.5)) * count / (count + 1.5 * (0.25 + 0.75 * len(of_text) / mean))
        return total

    expected = [list("abcd")[at] for at in np.argsort([score(of_text) for of_text in words])]
    assert [example["example_id"] for example in BM25Retriever(frame, "icd10").examples([{"text": asked}], 4)[0]] == expected == ["d", "c", "a", "b"]


def test_bm25_answers_for_words_that_no_example_has(train):
    assert [len(found) for found in BM25Retriever(train, "icd10").examples([{"text": "zzz qqq"}, {"text": "!"}], 2)] == [2, 2]


def test_weighted_mean_and_brackets_follow_sgpt(folders):
    import torch
    from cancer_staging.models.backbones import load_backbone, load_tokenizer

    model, tokenizer, encoder = load_backbone(folders["neo"], attention=None).eval(), load_tokenizer(folders["neo"]), tiny("sgpt", folders)
    texts = ["carcinoma of the left breast", "tumor"]
    vectors = embed_texts(texts, model, tokenizer, encoder, encoder.query_ends)
    for text, vector in zip(texts, vectors):
        ids = tokenizer("[").input_ids + tokenizer(text).input_ids + tokenizer("]").input_ids
        with torch.no_grad():
            hidden = model(torch.tensor([ids])).last_hidden_state[0]
        weights = torch.arange(1, len(ids) + 1)[:, None]
        expected = (hidden * weights).sum(0) / weights.sum()
        np.testing.assert_allclose(vector, (expected / expected.norm()).numpy(), atol=1e-5)
    assert not np.allclose(vectors, embed_texts(texts, model, tokenizer, encoder, encoder.document_ends), atol=1e-3)
    with pytest.raises(ValueError, match="each must be one"):
        embed_texts(texts, model, tokenizer, encoder, ("two words", ""))


@pytest.mark.parametrize("pooling, similarity", [("cls", "dot"), ("mean", "cosine"), ("cls", "l2"), ("mean", "dot")])
def test_dense_order_is_that_of_the_similarity(pooling, similarity, folders, train):
    import torch
    from cancer_staging.models.backbones import load_backbone, load_tokenizer

    encoder = Encoder("own", folders["bert"], folders["bert"], pooling, similarity, 64)
    model, tokenizer, vectors = load_backbone(folders["bert"]).eval(), load_tokenizer(folders["bert"]), []
    for text in train["text"][:40]:
        with torch.no_grad():
            hidden = model(**tokenizer(" ".join(text.split()), truncation=True, max_length=64, return_tensors="pt", return_token_type_ids=False)).last_hidden_state[0]
        vectors.append((hidden[0] if pooling == "cls" else hidden.mean(0)).numpy())
    some, vectors = train.head(40), np.stack(vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    closeness = {"dot": vectors @ vectors.T, "cosine": unit @ unit.T, "l2": -((vectors[:, None] - vectors) ** 2).sum(2)}[similarity]
    lookalikes = Lookalikes(some["text"])  # also the text itself
    closeness[[[lookalikes.alike(at, lookalikes.sketch(text)) for at in range(40)] for text in some["text"]]] = -np.inf
    found = DenseRetriever(some, "icd10", encoder, dtype="float32").examples(some.to_dicts(), 5)
    for row, examples in enumerate(found):
        np.testing.assert_allclose([closeness[row][int(example["example_id"][1:])] for example in examples], np.sort(closeness[row])[-5:], rtol=1e-3, atol=1e-4)


def test_queries_and_examples_may_have_models_of_their_own(folders, train, tmp_path):
    other = save_encoder(tmp_path, dropout=0.0)
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(other)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    model.save_pretrained(other)
    same, apart = (replace(ENCODERS["medcpt"], query=query, document=folders["bert"]) for query in (folders["bert"], str(other)))
    rows = train.to_dicts()[:20]
    assert open_retriever(same, train, "icd10").examples(rows, 3) != open_retriever(apart, train, "icd10").examples(rows, 3)


def test_vectors_are_kept_and_never_stale(folders, train, tmp_path):
    encoder, rows, told = tiny("contriever", folders), train.to_dicts()[:5], []
    first = open_retriever(encoder, train, "icd10", cache=tmp_path / "kept", progress=told.append).examples(rows, 3)
    assert sum(told) == train.height and len(list((tmp_path / "kept").iterdir())) == 1
    assert open_retriever(encoder, train, "icd10", cache=tmp_path / "kept", progress=told.append).examples(rows, 3) == first and sum(told) == train.height
    for changed, frame in ((replace(encoder, max_length=16), train), (encoder, train.head(100)), (replace(encoder, pooling="cls"), train)):
        before = sum(told)
        open_retriever(changed, frame, "icd10", cache=tmp_path / "kept", progress=told.append)
        assert sum(told) - before == frame.height
    assert len(list((tmp_path / "kept").iterdir())) == 4


def test_an_encoder_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="encoder 'x': pooling 'max' is none of cls, mean, weighted_mean"):
        Encoder("x", "minilm", "minilm", "max", "dot", 8)
    with pytest.raises(ValueError, match="similarity 'manhattan' is none of"):
        Encoder("x", "minilm", "minilm", "mean", "manhattan", 8)


def test_the_nearest_answer_is_copied(train):
    retriever, rows = BM25Retriever(train, "icd10"), train.to_dicts()[:10]
    assert copy_nearest(retriever, [*rows, {"text": " "}]) == [examples[-1]["response"] for examples in retriever.examples(rows, 3)] + [None]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("compare_retrievers", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_comparison_runs_resumes_and_keeps_what_is_done(script, train, tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    save_decoder(model)
    train.with_columns(text=pl.col("text").str.slice(0, 200)).write_parquet(tmp_path / "train.parquet")
    train.head(12).with_columns(split=pl.lit("validation"), text=pl.col("text").str.slice(0, 200)).write_parquet(tmp_path / "test.parquet")
    common = ["--train", str(tmp_path / "train.parquet"), "--test", str(tmp_path / "test.parquet"), "--results", str(tmp_path / "results"), "--rows", "4", "--samples", "20"]

    def stored():
        return json.loads((tmp_path / "results" / "retrieval_icd10.json").read_text(encoding="utf-8"))["runs"]

    script.main(["icd10", "copy", *common, "--retrievers", "random", "bm25"])
    assert [(run["model"], run["retriever"], run["shots"], run["test_rows"]) for run in stored()] == [("copy", "random", 1, 4), ("copy", "bm25", 1, 4)]
    assert all(0 <= limits["low"] <= limits["value"] <= limits["high"] <= 1 for run in stored() for limits in run["scores"].values())
    assert set(stored()[0]["scores"]) == {"icd3", "icd_full"}
    script.main(["icd10", str(model), *common, "--retrievers", "bm25", "--shots", "0", "1"])
    before = stored()
    assert [(run["retriever"], run["shots"]) for run in before[2:]] == [("none", 0), ("bm25", 1)] and all(len(run["answers"]) == 4 for run in before)
    capsys.readouterr()
    script.main(["icd10", str(model), *common, "--retrievers", "bm25", "random", "--shots", "0", "1"])
    assert capsys.readouterr().out.count("\n") == 1 and stored()[:4] == before and len(stored()) == 5


def test_text_answers_have_intervals_where_the_metric_has(script):
    found = script.scores_with_limits(get_task("phenotype"), ["grade 2", "left", None], ["grade 2", "right", "Not relevant"], ["p1", "p1", "p2"], 100)
    assert found["exact_match"] == {"value": pytest.approx(1 / 3), "low": 0.0, "high": 0.5} and found["set_f1"]["value"] == pytest.approx(0.4) and found["set_f1"]["low"] is None
    assert found["rougeL"]["low"] <= found["rougeL"]["value"] <= found["rougeL"]["high"]


def test_the_comparison_says_when_a_side_is_empty(script, train, tmp_path, capsys):
    train.write_parquet(tmp_path / "train.parquet")
    with pytest.raises(SystemExit) as stopped:
        script.main(["icd10", "copy", "--train", str(tmp_path / "train.parquet"), "--test", str(tmp_path / "train.parquet"), "--results", str(tmp_path)])
    assert stopped.value.code == 2 and "0 of validation" in capsys.readouterr().err
