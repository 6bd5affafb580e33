"`cancer-staging train` as a user meets it."
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="training needs the learn extra")
pytest.importorskip("transformers", reason="training needs the learn extra")

from made_files import write_corpora  # noqa: E402
from tiny_backbones import labelled_frame, save_encoder  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from cancer_staging.cli import app  # noqa: E402
from cancer_staging.models.network import StagingModel  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A folder with a corpus, spoiled copies of it, and a tiny backbone."
    folder = tmp_path_factory.mktemp("cli")
    save_encoder(folder / "backbone")
    write_corpora(labelled_frame(40), folder, unread="t", missing="t")
    return folder


def arguments(place, *more, data="corpus.parquet", out="new", recipe="llatmu-task6"):
    return ["train", "--recipe", recipe, "--data", str(place / data), "--out", str(place / out), "--backbone", str(place / "backbone"), "--epochs", "1", *more]


@pytest.mark.parametrize("options, more, message", [
    ({"recipe": "llatmu"}, (), "no recipe 'llatmu'"),
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


def test_two_processes_speak_with_one_voice(place):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(29500 + (os.getpid() + 7) % 1000), "-m", "cancer_staging",
               *arguments(place, "--fields", "t,n", "--batch", "8", out="two")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "" and done.stderr.count("written to") == 1
    assert json.loads((place / "two" / "training.json").read_text())["processes"] == 2 and not (place / "two" / "checkpoints").exists()
