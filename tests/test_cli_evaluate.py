"""`cancer-staging evaluate` as a user meets it."""
import json
import subprocess
import sys

import polars as pl
import pytest
from made_signed import write_signed_table

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.stager import Stager


def run(*arguments):
    "Exit code, stdout and stderr of `cancer-staging evaluate`."
    done = subprocess.run([sys.executable, "-m", "cancer_staging", "evaluate", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    "An invented corpus with both splits, and the staged table of its test side."
    folder = tmp_path_factory.mktemp("corpus")
    reports = list(synthetic_reports(60, 7))
    frame = pl.DataFrame({"patient_id": [report.report_id for report in reports], "split": ["train"] * 20 + ["test"] * 40, "project": ["BRCA", "COAD"] * 30, "text": [report.text for report in reports],
                          **{name: [report.truth[name].label for report in reports] for name in ("t", "n", "m")}})
    frame.write_parquet(folder / "corpus.parquet")
    Stager.from_pretrained("rules").stage_frame(frame.filter(split="test"), "text", "patient_id").write_parquet(folder / "staged.parquet")
    (folder / "signed").mkdir()
    write_signed_table(frame.head(3), folder / "signed", ("t",), ".csv").rename(folder / "signed.csv")
    return folder / "corpus.parquet"


def test_a_model_and_its_staged_table_have_the_same_scores(corpus, tmp_path):
    code, out, err = run("rules", corpus.parent / "staged.parquet", "--data", corpus, "--out", tmp_path / "scores.csv", "--samples", 20, "--stated-silent", "--fields", "t,n")
    assert code == 0 and "macro-F1" in out and "not checked for leakage" in err
    scores = pl.read_csv(tmp_path / "scores.csv")
    assert set(scores["subset"]) == {"all", "stated", "silent"} and set(scores["field"]) == {"t", "n"} and scores["total"].max() <= 40
    assert {(row["system"], row["answered_by"]) for row in scores.iter_rows(named=True)} == {("rules", "grammar alone"), (str(corpus.parent / "staged.parquet"), "staged table")}
    assert "rules: grammar alone\n" in out and "staged.parquet: staged table\n" in out
    one, other = (scores.filter(system=name).drop("system", "answered_by") for name in ("rules", str(corpus.parent / "staged.parquet")))
    assert one.equals(other)


def test_groups_and_json(corpus, tmp_path):
    code, out, _ = run("rules", "--data", corpus, "--by", "project", "--out", tmp_path / "scores.json", "--samples", 20, "--split", "all")
    content = json.loads((tmp_path / "scores.json").read_text())
    assert code == 0 and "BRCA" in out and "COAD" in out
    of_t = {row["group"]: row["total"] for row in content["groups"] if row["field"] == "t"}
    assert set(of_t) == {"BRCA", "COAD"} and sum(of_t.values()) == next(row["total"] for row in content["scores"] if row["field"] == "t" and row["subset"] == "all")


def test_without_notation_the_rules_state_less(corpus, tmp_path):
    answered = []
    for number, options in enumerate(((), ("--notation-removed",))):
        assert run("rules", "--data", corpus, "--samples", 20, "--out", tmp_path / f"{number}.json", *options)[0] == 0
        answered.append(sum(row["answered"] for row in json.loads((tmp_path / f"{number}.json").read_text())["scores"] if row["field"] in "tnm" and row["field"] != "tnm"))
    assert answered[1] < answered[0]


def test_leakage_is_refused(corpus):
    code, out, err = run("rules", "--data", corpus, "--train", corpus, "--samples", 20)
    assert "patients on both sides" not in err
    code, out, err = run("rules", "--data", corpus, "--train", corpus, "--split", "train")
    assert code == 2 and out == "" and "20 patients on both sides" in err


def other_names(corpus, folder):
    "The corpus as a hospital might hold it: other columns, no ids, two columns that could be T."
    frame = pl.read_parquet(corpus).filter(split="test").select(pl.col("text").alias("Report"), pl.col("t").alias("pT"), "project", pl.col("n").alias("AJCC pathologic N"), M=pl.lit("M0"), pathologic_T=pl.lit("T4"), cT=pl.lit("T1"))
    frame.write_csv(folder / "mine.csv")
    return folder / "mine.csv"


def test_any_table_that_train_takes_is_scored(corpus, tmp_path):
    mine = other_names(corpus, tmp_path)
    code, out, err = run("rules", "--data", mine, "--fields", "t,n")
    assert code == 2 and out == "" and "pT and pathologic_T could both be t: say which with --map t=pT" in err
    for data, more, name in ((mine, ["--map", "t=PT", "--out", tmp_path / "mine.json"], "mine"), (corpus, ["--out", tmp_path / "plain.json"], "plain")):
        code, out, err = run("rules", "--data", data, "--fields", "t,n", "--samples", 20, *more)
        assert code == 0, err
        assert ("mine.csv: t is read from pT, n from AJCC pathologic N\n" in err and "mine.csv has no patient column: each report counts as a patient of its own" in err) == (name == "mine")
    one, other = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("mine", "plain"))
    assert one["scores"] == other["scores"] and one["scores"][0]["total"] > 20


def test_the_text_column_can_be_named(corpus, tmp_path):
    pl.read_parquet(corpus).rename({"text": "body"}).write_parquet(tmp_path / "body.parquet")
    for data, more in ((corpus, []), (tmp_path / "body.parquet", ["--text-column", "Body"])):
        code, out, err = run("rules", "--data", data, "--fields", "n", "--samples", 20, "--out", tmp_path / f"{data.stem}.csv", "--train", data, *more)
        assert code == 0 and "is read from" not in err, err
    assert (tmp_path / "body.csv").read_text() == (tmp_path / "corpus.csv").read_text()


def test_a_staged_table_of_a_table_without_ids_is_scored_by_its_rows(corpus, tmp_path):
    mine = other_names(corpus, tmp_path)
    done = subprocess.run([sys.executable, "-m", "cancer_staging", "stage", str(mine), "--model", "rules", "--out", str(tmp_path / "staged.parquet"), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, out, err = run(tmp_path / "staged.parquet", "rules", "--data", mine, "--fields", "n", "--samples", 20, "--out", tmp_path / "scores.csv")
    one, other = (part.drop("system", "answered_by") for _, part in pl.read_csv(tmp_path / "scores.csv").group_by("system"))
    assert code == 0 and one.equals(other) and one["answered"][0] > 10


def test_the_same_reports_are_leakage_where_no_patient_is_known(corpus, tmp_path):
    mine = other_names(corpus, tmp_path)
    code, out, err = run("rules", "--data", mine, "--map", "t=pT", "--fields", "t", "--train", corpus)
    assert code == 0, err  # the training side is the corpus's own
    code, out, err = run("rules", "--data", mine, "--map", "t=pT", "--fields", "t", "--train", mine)
    assert code == 2 and "40 test reports nearly the same as a training report" in err and "patients on both sides" not in err


def test_several_reports_of_a_patient_are_scored(corpus, tmp_path):
    frame = pl.read_parquet(corpus).with_columns(patient_id=pl.concat_str(pl.lit("P"), pl.int_range(pl.len()) // 2))
    frame.write_parquet(tmp_path / "two.parquet")
    code, out, err = run("rules", "--data", tmp_path / "two.parquet", "--samples", 20)
    assert code == 0 and "two.parquet has several reports of one id: they are called by their rows" in err and "macro-F1" in out


def test_failed_rows_give_exit_code_1(corpus, tmp_path):
    frame = pl.read_parquet(corpus).with_columns(text=pl.when(pl.int_range(pl.len()) == 59).then(pl.lit(" ")).otherwise("text"))
    frame.write_parquet(tmp_path / "corpus.parquet")
    code, out, err = run("rules", "--data", tmp_path / "corpus.parquet", "--samples", 20)
    assert code == 1 and "1 answers are empty" in err and "macro-F1" in out


@pytest.mark.parametrize("arguments, message", [
    (["rules"], "--data"),
    (["rules", "--data", "no.parquet"], "no file no.parquet"),
    (["resnet", "--data", "{corpus}"], "resnet"),
    (["no.csv", "--data", "{corpus}"], "no file no.csv"),
    (["rules", "--data", "{corpus}", "--fields", "t,colour"], "colour"),
    (["rules", "--data", "{corpus}", "--fields", "er"], "no label column for field 'er'"),
    (["rules", "--data", "{corpus}", "--fields", "site"], "no classes"),
    (["rules", "--data", "{corpus}", "--split", "val"], "no rows of split 'val'"),
    (["rules", "--data", "{corpus}", "--by", "colour"], "colour"),
    (["rules", "--data", "{corpus}", "--by", "source"], "no column source"),
    (["rules", "--data", "{corpus}", "--out", "{folder}/x.xlsx"], ".json or .csv"),
    (["rules", "--data", "{corpus}", "--out", "{folder}/no/x.csv"], "does not exist"),
    (["rules", "rules", "--data", "{corpus}"], "same name"),
    (["rules", "--data", "{corpus}", "--map", "t"], "--map 't' is not field=COLUMN"),
    (["rules", "--data", "{corpus}", "--map", "t=size"], "the table has no column 'size'"),
    (["rules", "--data", "{corpus}", "--map", "er=project"], "--map er=project is for a field that is not used"),
    (["rules", "--data", "{corpus}", "--text-column", "body"], "no text column 'body'"),
    (["rules", "--against", "{staged}", "--map", "t=n"], "--against scores"),
    (["rules", "--data", "{signed}"], "score staged tables against it with --against"),
    (["rules", "--data", "{corpus}", "--train", "{signed}"], "give --train a table with the texts"),
    (["rules", "--data", "{corpus}", "--by", "project", "--map", "t=project"], "maps to nothing"),
    (["network:{folder}", "--data", "{corpus}"], "holds no network"),
    (["{staged}", "--data", "{corpus}", "--notation-removed"], "staged table"),
    (["{staged}", "--data", "{corpus}", "--split", "all"], "not in the staged table"),
    (["{corpus}", "--data", "{corpus}"], "no column report_id"),
])
def test_bad_input_is_one_clear_line(corpus, tmp_path, arguments, message):
    names = {"corpus": corpus, "staged": corpus.parent / "staged.parquet", "signed": corpus.parent / "signed.csv", "folder": tmp_path}
    code, out, err = run(*(argument.format(**names) for argument in arguments))
    assert code == 2 and message in err and "Traceback" not in err and out == ""
