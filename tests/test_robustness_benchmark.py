"The robustness benchmark: its path on a small random model and on invented reports, and that a stored run is not made again."
import json
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"))
import robustness  # noqa: E402
sys.path.pop(0)


@pytest.fixture(scope="module")
def corpus(invented, tmp_path_factory):
    "Invented reports, the last hundred of which are test."
    path = tmp_path_factory.mktemp("corpus") / "reports.parquet"
    invented.with_columns(split=pl.Series(["train"] * (invented.height - 100) + ["test"] * 100), source=pl.lit("invented")).write_parquet(path)
    return path


def test_staging_is_scored_against_itself_on_clean_reports(corpus):
    bench = robustness.Staging(corpus, rows=60, small=150, samples=20)
    clean = bench.run("rules", "misspelling", 0.0, False)
    assert clean["rows"] == 60 and set(clean["scores"]) == {"t", "n", "m"} and all(score["from_clean"]["value"] == 0 for score in clean["scores"].values())
    hidden = bench.run("rules", "notation removed", 1.0, False)["scores"]["n"]
    assert hidden["macro_f1"] < clean["scores"]["n"]["macro_f1"] and hidden["from_clean"]["value"] == pytest.approx(hidden["macro_f1"] - clean["scores"]["n"]["macro_f1"])


def test_wrong_labels_and_copies_go_into_training(corpus, monkeypatch):
    pytest.importorskip("sklearn", reason="fitting needs the metrics extra")
    given = {}

    def fit(rows, fields, seed):
        given[len(given)] = rows
        raise InterruptedError

    monkeypatch.setattr("cancer_staging.models.fitting.fit_learned", fit)
    bench = robustness.Staging(corpus, rows=None, small=120, samples=20)
    for name in ("small", "small, 40% wrong labels", "small, trained with misspellings"):
        with pytest.raises(InterruptedError):
            bench.system(name)
    right, wrong, copied = (given[number] for number in range(3))
    known = right["t"].drop_nulls().len()
    assert (right["t"] != wrong["t"]).sum() == round(0.4 * known) and right["text"].equals(wrong["text"])
    copies = copied[right.height:].join(right, on="patient_id", how="left", maintain_order="left")
    assert copied[:right.height].equals(right) and copies.height > 0.9 * right.height and copies["t"].equals(copies["t_right"].alias("t")) and (copies["text"] != copies["text_right"]).all()
    names = {system for system, *_ in robustness.staging_conditions()}
    assert {"default", "rules", "small", "small, trained with misspellings", "small, 20% wrong labels", "small, 80% wrong labels"} <= names


def test_generation_runs_once(tmp_path, capsys):
    pytest.importorskip("transformers", reason="generation needs the generate extra")
    pytest.importorskip("symspellpy", reason="mending the spelling needs the generate extra")
    pytest.importorskip("rouge_score", reason="generation scores need the generate extra")
    from tiny_writers import save_writer

    model, examples = save_writer(tmp_path / "tiny"), tmp_path / "examples.parquet"
    rows = [{"example_id": str(number), "group": str(number // 2), "question": "What is the laterality?", "context": f"Left breast, mastectomy: invasive ductal carcinoma, {number} cm, margins free of tumor.",
             "response": "left", "split": "test" if number < 4 else "train"} for number in range(40)]
    pl.DataFrame(rows).write_parquet(examples)
    arguments = ["--results", str(tmp_path), "--samples", "20", "generation", str(model), "--task", "phenotype", "--examples", str(examples), "--rates", "0", "0.5", "--repair", "--rows", "3"]
    robustness.main(arguments)
    path = tmp_path / "robustness_generation.json"
    first, content = path.read_bytes(), json.loads(path.read_text())
    assert [(run["model"], run["level"], run["mended"], run["rows"], run["columns"]) for run in content["runs"]] == [("tiny", level, mended, 3, ["context"]) for level in (0, 0.5) for mended in (False, True)]
    assert all(0 <= score["low"] <= score["value"] <= score["high"] <= 1 for run in content["runs"] for score in run["scores"].values()) and {"date", "machine", "versions", "test_rows"} <= set(content["about"])
    robustness.main(arguments)
    assert path.read_bytes() == first, "a stored run is not made again"
    pl.DataFrame(rows).drop("split").write_parquet(examples)
    with pytest.raises(SystemExit):
        robustness.main(arguments)
    assert "no column split" in capsys.readouterr().err


def test_what_is_spoilt():
    rows = pl.DataFrame({"question": ["Which side?"] * 3, "context": ["Left breast, mastectomy, margins free of tumor, pT2 pN0.", None, ""]})
    noisy = robustness.spoilt(rows, ["context"], "misspelling", 1.0, None)
    assert noisy["question"].equals(rows["question"]) and noisy["context"][0] != rows["context"][0] and noisy["context"][0].endswith("pT2 pN0.") and noisy["context"].to_list()[1:] == [None, ""]
    assert robustness.spoilt(rows, ["context"], "notation removed", 1.0, None)["context"][0] == "Left breast, mastectomy, margins free of tumor, " + " " * len("pT2 pN0") + "."
    assert robustness.spoilt(rows, ["context"], "misspelling", 0.0, None).equals(rows)
