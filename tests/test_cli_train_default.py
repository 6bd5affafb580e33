"`cancer-staging train --recipe default` as a user meets it."
import json
import subprocess
import sys

import polars as pl
import pytest

pytest.importorskip("sklearn", reason="fitting needs the metrics extra")

from made_files import write_corpora  # noqa: E402
from made_signed import write_signed_table  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from cancer_staging.cli import app  # noqa: E402
from cancer_staging.models.learned_files import load_learned, model_card  # noqa: E402
from cancer_staging.stager import Stager  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory, invented):
    "A folder with a corpus as a registry exports it, and spoiled copies."
    folder = tmp_path_factory.mktemp("default")
    frame = invented.head(130).rename({"t": "ajcc_pathologic_t", "project": "project_id"}).with_columns(project_id="TCGA-" + pl.col("project_id"), split=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("test")).otherwise(pl.lit("train")))
    write_corpora(frame, folder, unread="ajcc_pathologic_t", missing="n")
    write_signed_table(invented.tail(70), folder, ("n",))
    return folder


def arguments(place, *more, data="corpus.parquet", out="new"):
    return ["train", "--recipe", "default", "--data", str(place / data), "--out", str(place / out), *more]


@pytest.mark.parametrize("options, more, message", [
    ({}, ("--fields", "t,size"), "no field 'size'"),
    ({}, ("--map", "t=colour"), "the table has no column 'colour'"),
    ({"data": "signed.parquet"}, ("--fields", "n"), "give its reports with --reports"),
    ({}, ("--fields", "er"), "no label column for field 'er'"),
    ({"data": "nothing.csv"}, (), "maps to nothing"),
    ({"data": "missing.parquet"}, (), "field 'n' has no label"),
    ({"data": "one_class.parquet"}, (), "field 'm' has one class only, M0"),
    ({"data": "body.parquet"}, (), "--text-column"),
    ({"data": "damaged.parquet"}, (), "damaged"),
    ({"data": "absent.parquet"}, (), "no file"),
    ({"out": "used"}, (), "exists already"),
    ({"out": "corpus.parquet"}, (), "exists already"),
    ({}, ("--where", "organ=breast"), "organ"),
    ({}, ("--limit", "30"), "needs 50"),
    ({}, ("--backbone", "minilm"), "no --backbone"),
    ({}, ("--epochs", "3", "--resume"), "no --epochs, --resume"),
])
def test_bad_input_is_one_line_and_code_2(place, options, more, message):
    done = CliRunner().invoke(app, arguments(place, *more, **options))
    assert done.exit_code == 2 and done.stdout == ""
    line, = [line for line in done.stderr.splitlines() if line.startswith("cancer-staging:")]
    assert message in line and "Traceback" not in done.stderr
    assert not (place / "new").exists() and (place / "used" / "model.safetensors").read_bytes() == b"mine"


@pytest.mark.slow
def test_one_command_makes_a_model_that_stages(place):
    code = "import sys\nfrom cancer_staging.cli import main\ntry:\n    main()\nfinally:\n    assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, *arguments(place, "--fields", "t,n", "--limit", "100", "--seed", "2", out="made")], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert "left out: 2 rows (text stands in the test split)" in done.stderr and "reading 98 reports" in done.stderr and "macro-F1 on folds: t 0." in done.stderr and f"written to {place / 'made'}" in done.stderr
    model = load_learned(place / "made")
    assert tuple(model.arbiters) == ("t", "n") and model.about["reports"] == 98 and model.about["seed"] == 2
    assert "PROSTATE" in model.cancer_types and (place / "made" / "README.md").read_text() == model_card(model)
    report = place / "report.txt"
    report.write_text("Prostate, radical prostatectomy: adenocarcinoma, pT2c pN0 (0/8).")
    staged = subprocess.run([sys.executable, "-m", "cancer_staging", "stage", str(report), "--model", str(place / "made"), "--quiet"], capture_output=True, text=True)
    row = json.loads(staged.stdout)
    assert row["t"] == "T2" and row["t_evidence"] and row["t_confidence"] == pytest.approx(Stager.from_pretrained(place / "made").stage(report.read_text())["t"].confidence, abs=1e-6)


def test_what_was_reviewed_teaches_the_default_model(place, invented):
    done = CliRunner().invoke(app, arguments(place, "--fields", "n", "--reports", str(place / "staged.texts.parquet"), data="signed.parquet", out="reviewed"))
    assert done.exit_code == 0 and done.stdout == "", done.stderr
    labels = invented.tail(70)["n"][:69]
    assert done.stderr.splitlines()[0] == f"labels that were reviewed: n {69 - labels.null_count()}"
    assert load_learned(place / "reviewed").about["reports"] == 69 - labels.null_count()


def test_quiet_says_nothing(place):
    done = CliRunner().invoke(app, arguments(place, "--fields", "n", "--limit", "60", "--quiet", out="quiet"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "") and (place / "quiet" / "learned.json").is_file()
