"`cancer-staging train` as a user meets it."
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="training needs the learn extra")
pytest.importorskip("transformers", reason="training needs the learn extra")

import polars as pl  # noqa: E402
from made_files import write_corpora  # noqa: E402
from made_signed import write_signed_table  # noqa: E402
from tiny_backbones import labelled_frame, save_encoder  # noqa: E402
import typer  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from cancer_staging.cli import app  # noqa: E402
from cancer_staging.commands.train import table_to_learn  # noqa: E402
from cancer_staging.fields import FIELDS  # noqa: E402
from cancer_staging.models.network import StagingModel  # noqa: E402
from cancer_staging.models.recipes import RECIPES, WRITING_RECIPES  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A folder with a corpus, spoiled copies of it, and a tiny backbone."
    folder = tmp_path_factory.mktemp("cli")
    save_encoder(folder / "backbone")
    frame = labelled_frame(40)
    write_corpora(frame, folder, unread="t", missing="t")
    frame.rename({"t": "pT"}).with_columns(pathologic_t="pT").write_parquet(folder / "two_t.parquet")
    write_signed_table(frame.with_columns(t=pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit(None)).otherwise("t")), folder)
    return folder


def arguments(place, *more, data="corpus.parquet", out="new", recipe="llatmu-task6"):
    return ["train", "--recipe", recipe, "--data", str(place / data), "--out", str(place / out), "--backbone", str(place / "backbone"), "--epochs", "1", *more]


@pytest.mark.parametrize("options, more, message", [
    ({"recipe": "llatmu"}, (), "no recipe 'llatmu'"),
    ({}, ("--map", "t=colour"), "--map t=colour: the table has no column 'colour'"),
    ({}, ("--map", "er=t", "--fields", "t,n"), "--map er=t is for a field that is not used"),
    ({"data": "two_t.parquet"}, (), "pT and pathologic_t could both be t: say which with --map t=pT"),
    ({}, ("--reports", "x.parquet"), "corpus.parquet is none"),
    ({"data": "signed.parquet"}, (), "signed.parquet is a signed table, which holds no texts: give its reports with --reports"),
    ({"data": "signed.parquet"}, ("--reports", "{place}/corpus.parquet"), "row 0 of the staged table is another report than the one at its place"),
    ({"data": "signed.parquet"}, ("--reports", "{place}/staged.texts.parquet"), "field 'm' has no label"),
    ({}, ("--fields", "t,size"), "no field 'size'"),
    ({}, ("--fields", "site"), "site"),
    ({}, ("--fields", "grade"), "no label column for field 'grade'"),
    ({"data": "nothing.csv"}, (), "maps to nothing"),
    ({"data": "missing.parquet"}, (), "field 't' has no label"),
    ({"data": "missing.parquet"}, ("--fields", "t"), "no report to train on"),
    ({"data": "one_class.parquet"}, (), "field 'm' has one class only, M0"),
    ({"data": "body.parquet"}, (), "--text-column"),
    ({"data": "damaged.parquet"}, (), "damaged"),
    ({"data": "absent.parquet"}, (), "no file"),
    ({"out": "used"}, (), "--resume"),
    ({"out": "used"}, ("--resume",), "no run to resume"),
    ({}, ("--where", "organ=breast"), "organ"),
    ({}, ("--where", "project=LUAD"), "no row has project=LUAD"),
    ({}, ("--learning-rate", "0"), "learning_rate"),
    ({}, ("--backbone", "owner/model"), "write hf://owner/model or add --hub"),
    ({}, ("--backbone", "{place}/no_such_backbone"), "no_such_backbone': give minilm, smollm2 or a folder"),
])
def test_bad_input_is_one_line_and_code_2(place, options, more, message):
    done = CliRunner().invoke(app, arguments(place, *(word.format(place=place) for word in more), **options))
    assert done.exit_code == 2 and done.stdout == ""
    line, = [line for line in done.stderr.splitlines() if line.startswith("cancer-staging:")]
    assert message in line and "Traceback" not in done.stderr
    assert not (place / "new").exists() or not (place / "new" / "training.json").exists()
    assert (place / "used" / "model.safetensors").read_bytes() == b"mine"


def test_one_command_trains_and_resumes(place):
    command = arguments(place, "--fields", "t,n", "--max-length", "100", "--where", "project=OTHER,BRCA", "--limit", "38", "--validation", "0.2", out="trained")
    done = subprocess.run([sys.executable, "-m", "cancer_staging", *command], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert "macro-F1" in done.stderr and "written to" in done.stderr and "step " in done.stderr
    run = json.loads((place / "trained" / "training.json").read_text())
    assert run["recipe"]["max_length"] == 100 and run["recipe"]["fields"] == ["t", "n"] and sum(run["reports"].values()) == 38 and run["cut_tokens"] > 0
    assert StagingModel.from_pretrained(place / "trained").config.fields == ["t", "n"]
    again = CliRunner().invoke(app, [*command, "--resume"])
    assert again.exit_code == 0 and json.loads((place / "trained" / "training.json").read_text()) == run


def test_a_signed_table_is_trained_on_as_far_as_it_was_reviewed(place):
    frame = labelled_frame(40)
    done = CliRunner().invoke(app, arguments(place, "--reports", str(place / "staged.texts.parquet"), "--fields", "t,n", "--limit", "38", "--validation", "0.2", data="signed.parquet", out="reviewed"))
    assert done.exit_code == 0, done.stderr
    silent, learnt = 8, {name: sum(label in FIELDS[name].trained for label in frame[name][:39]) for name in ("t", "n")}
    of_t = sum(label in FIELDS["t"].trained for number, label in enumerate(frame["t"][:39]) if number % 5)
    missing = silent + sum(label is None for number, label in enumerate(frame["t"][:39]) if number % 5)
    assert f"labels that were reviewed: t {of_t}, n {learnt['n']}\n" in done.stderr and f"reviewed, but no label that a head learns: t {missing} without a value" in done.stderr
    run = json.loads((place / "reviewed" / "training.json").read_text())
    assert sum(run["reports"].values()) == 38 and sum(run["labels"]["t"].values()) <= of_t
    assert StagingModel.from_pretrained(place / "reviewed").config.fields == ["t", "n"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_signed_table_of_any_form_teaches_the_same(tmp_path, capsys, suffix):
    frame = labelled_frame(5).with_columns(er=pl.Series(["positive", None, "negative", "positive", "positive"]), n=pl.Series(["N0", "N1", None, None, "N2"]))
    signed = write_signed_table(frame, tmp_path, ("er", "n"), suffix)
    table, columns = table_to_learn(signed, [str(tmp_path / "staged.texts.parquet")], ("n", "er"), None, quiet=False)
    assert table.select("er", "n").rows() == [("positive", "N0"), (None, "N1"), ("negative", None), ("positive", None)] and table["t"].null_count() == 4 and columns == {"n": "n", "er": "er"}
    assert capsys.readouterr().err == "labels that were reviewed: n 2, er 3\nreviewed, but no label that a head learns: n 2 without a value, er 1 without a value\n"


def test_what_is_read_from_another_column_is_said_once(place):
    done = CliRunner().invoke(app, arguments(place, "--map", "t=PT", "--fields", "t,n", data="two_t.parquet", out="mapped"))
    assert done.exit_code == 0 and done.stderr.splitlines()[0] == "t is read from pT" and done.stderr.count("is read from") == 1, done.stderr


def test_an_unknown_recipe_is_said_before_anything_is_read_or_loaded(place):
    code = "import sys\nfrom cancer_staging.cli import main\ntry:\n    main()\nfinally:\n    print(sorted({'torch', 'transformers', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, "train", "--recipe", "nosuch", "--data", "absent.parquet", "--out", str(place / "corpus.parquet")], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "[]\n"
    line, = done.stderr.splitlines()
    assert line.startswith("cancer-staging: no recipe 'nosuch': there are default, llatmu-task6, ") and all(name in line for name in RECIPES | WRITING_RECIPES)
    told = next(option.help for option in typer.main.get_command(app).commands["train"].params if option.name == "recipe")
    assert all(name in told for name in RECIPES | WRITING_RECIPES)


def test_a_writer_takes_no_labels(place):
    done = CliRunner().invoke(app, arguments(place, "--reports", "a", "--map", "t=b", recipe="smollm2-notes"))
    assert done.exit_code == 2 and "it has no --reports, --map" in done.stderr


def test_two_processes_speak_with_one_voice(place):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(29500 + (os.getpid() + 7) % 1000), "-m", "cancer_staging",
               *arguments(place, "--fields", "t,n", "--batch", "8", out="two")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "" and done.stderr.count("written to") == 1
    assert json.loads((place / "two" / "training.json").read_text())["processes"] == 2 and not (place / "two" / "checkpoints").exists()
