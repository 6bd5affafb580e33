"Calibration to a hospital: a known distortion is found, what is right stays, and the command goes from reviewed reports to a stager with the same labels and other confidences."
import json
import os

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.evaluate.calibrating import site_field
from cancer_staging.models.site_calibration import DOUBT, fit_curve, log_odds, SiteCalibration
from cancer_staging.review.decisions import Decision, text_digest, write_decisions
from cancer_staging.staged import read_staged
from cancer_staging.stager import Stager

ORGANS = ("Breast", "Colon", "Lung", "Kidney")


def drawn(seed: int, slope: float, shift: float, count: int = 200):
    "The truth, and made answers of which just so many are right: confidence, right, inferred and case."
    generator = np.random.default_rng(seed)
    confidence = generator.beta(5, 1.5, count)
    truth = 1 / (1 + np.exp(-(slope * np.log(confidence / (1 - confidence)) + shift)))
    return truth, confidence, generator.random(count) < truth, generator.random(count) < 0.5, np.arange(count)


def test_a_known_distortion_comes_out_of_many_answers():
    truth, confidence, right, inferred, _ = drawn(1, 0.5, -0.3, 20_000)
    curve = fit_curve(confidence, right, inferred)
    assert curve.slope == pytest.approx(0.5, abs=0.05) and curve.stated == pytest.approx(-0.3, abs=0.08) and curve.inferred == pytest.approx(-0.3, abs=0.08)
    assert np.abs(curve(confidence, inferred) - truth).mean() < 0.01


def test_the_two_bases_are_told_apart():
    truth, confidence, right, inferred, _ = drawn(2, 1.0, 0.0, 20_000)
    right = np.where(inferred, np.random.default_rng(3).random(20_000) < 1 / (1 + np.exp(-(log_odds(confidence) - 1))), right)
    curve = fit_curve(confidence, right, inferred)
    assert curve.stated == pytest.approx(0, abs=0.1) and curve.inferred == pytest.approx(-1, abs=0.1) and curve.slope == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_two_hundred_answers_bring_the_confidences_nearer(seed):
    truth, *answers = drawn(seed, 0.5, -0.3)
    field, held = site_field(*answers)
    assert field.applied
    for corrected in (held, field.corrected(answers[0], answers[2])):
        assert np.abs(corrected - truth).mean() < np.abs(answers[0] - truth).mean() / 2


def test_confidences_that_are_right_stay():
    told = [site_field(*drawn(seed, 1, 0)[1:]) for seed in range(30)]
    assert sum(field.applied for field, _ in told) <= 6
    for seed, (field, _) in enumerate(told):
        truth, confidence, _, inferred, _ = drawn(seed, 1, 0)
        assert np.abs(field.corrected(confidence, inferred) - truth).mean() < 0.06


@pytest.mark.parametrize("slope, shift", [(1, 0), (0.8, -0.3), (1.3, 0.3), (0.5, 0.5)])
def test_thresholds_keep_what_they_promise(slope, shift):
    "Of the answers at or above a threshold that two hundred answers gave, the truth says as many as promised in most hospitals, the last one far from any that was thought of; and something is shown."
    kept, shown = [], []
    for seed in range(40):
        field, _ = site_field(*drawn(seed, slope, shift)[1:])
        truth, confidence, _, inferred, _ = drawn(1000 + seed, slope, shift, 4000)
        least = [field.threshold(0.85, of_inferred, doubt=DOUBT) for of_inferred in (False, True)]
        said = field.corrected(confidence, inferred) >= np.where(inferred, least[1], least[0])
        shown.append(said.mean())
        kept.append(not said.any() or truth[said].mean() >= 0.85)
    assert np.mean(kept) >= 0.85 and np.mean(shown) > 0.1, (np.mean(kept), np.mean(shown))


# By the command

@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "A folder with 120 made reports that were staged by rules, reviewed and signed; in every third the reviewer finds another T, in every sixth no N."
    folder = tmp_path_factory.mktemp("site")
    texts = [f"{ORGANS[number % 4]} specimen {number}, resection: invasive carcinoma, {1 + number % 5}.{number % 10} cm. pT{1 + number % 3} pN{number % 2}. Margins negative." for number in range(120)]
    pl.DataFrame({"report_id": [f"R{number}" for number in range(120)], "text": texts}).write_csv(folder / "reports.csv")
    run("stage", folder / "reports.csv", "--model", "rules", "--out", folder / "staged.parquet", "--keep-text", "--quiet")
    staged = read_staged(folder / "staged.parquet")

    def decided(number, field, action, label=None):
        return Decision(f"R{number}", number, text_digest(texts[number]), action, "R. Ito", "2026-11-27T09:00:00Z", field, label)

    of_t = [decided(number, "t", "edit", "T4") if number % 3 == 0 else decided(number, "t", "accept", staged["t"][number]) for number in range(120)]
    of_n = [decided(number, "n", "none") if number % 6 == 0 else decided(number, "n", "accept", staged["n"][number]) for number in range(120)]
    few = [decided(number, "margin", "accept", staged["margin"][number]) for number in range(30)]
    for name, decisions in (("all", [*of_t, *of_n, *few]), ("five", of_t[:5])):
        write_decisions(decisions, folder / f"{name}.jsonl")
        run("review-apply", folder / "staged.parquet", folder / f"{name}.jsonl", "--out", folder / f"{name}.parquet")
    return folder


def run(*arguments, code: int = 0):
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    return done


def calibrated(place, name: str, *more, signed: str = "all.parquet", reports: str = "staged.texts.parquet", model="rules", code: int = 0):
    return run("calibrate", place / signed, "--reports", place / reports, "--model", model, "--out", place / name, *more, code=code)


def test_from_reviewed_reports_to_a_stager_with_the_same_labels(place):
    done = calibrated(place, "ours")
    assert "120 reviewed reports; confidences of 2 of 3 fields corrected" in done.stderr and "left: 30 of 50 answers" in done.stdout.replace("\n", " ")
    before, after = read_staged(place / "staged.parquet"), place / "again.parquet"
    run("stage", place / "reports.csv", "--model", place / "ours", "--out", after, "--quiet")
    after = read_staged(after)
    for name in ("t", "n", "m", "stage_group", "margin"):
        assert after[name].to_list() == before[name].to_list()
    assert after["margin_confidence"].to_list() == before["margin_confidence"].to_list()
    content = json.loads((place / "ours" / "site.json").read_text())["fields"]
    for name, accuracy in (("t", 80 / 120), ("n", 100 / 120)):
        curve = content[name]
        expected = 1 / (1 + np.exp(-(curve["slope"] * np.log(before[f"{name}_confidence"] / (1 - before[f"{name}_confidence"])) + curve["stated"])))
        assert np.allclose(after[f"{name}_confidence"], expected, atol=1e-5) and abs(after[f"{name}_confidence"].mean() - accuracy) < abs(before[f"{name}_confidence"].mean() - accuracy) / 2
        for confidence, label, probs in after.select(f"{name}_confidence", name, f"{name}_probs").iter_rows():
            shares = {item["label"]: item["prob"] for item in probs}
            assert sum(shares.values()) == pytest.approx(1, abs=1e-5) and shares[label] == pytest.approx(confidence, abs=1e-6)
    assert len(content["t"]["answers"]) == 120 and sum(right for _, right, _ in content["t"]["answers"]) == 80 and sum(right for _, right, _ in content["n"]["answers"]) == 100
    assert "specimen" not in (place / "ours" / "site.json").read_text()
    assert "120 reviewed reports" in repr(Stager.from_pretrained(place / "ours"))


def test_a_promise_that_the_hospital_cannot_keep_shows_nothing(place):
    "Two thirds are right here: no confidence promises 95 of 100, and the shipped thresholds would have shown all."
    calibrated(place, "promise")
    assert Stager.from_pretrained("rules", target_accuracy=0.95).thresholds["t"].stated < 1
    assert Stager.from_pretrained(place / "promise", target_accuracy=0.95).thresholds["t"].stated == float("inf")
    margin = [Stager.from_pretrained(name, target_accuracy=0.95).thresholds["margin"] for name in ("rules", place / "promise")]
    assert margin[0] == margin[1]


def test_a_calibrated_stager_is_calibrated_anew(place):
    calibrated(place, "first")
    calibrated(place, "second", model=place / "first")
    assert (place / "second" / "site.json").read_text() == (place / "first" / "site.json").read_text()
    again = place / "saved"
    Stager.from_pretrained(place / "second").save_pretrained(again)
    assert (again / "site.json").read_text() == (place / "second" / "site.json").read_text()


def test_the_default_model_keeps_its_labels(place):
    calibrated(place, "learned", model="default")
    texts = pl.read_csv(place / "reports.csv").head(8)
    before, after = (Stager.from_pretrained(name, min_confidence=0).stage_frame(texts) for name in ("default", place / "learned"))
    assert after["t"].to_list() == before["t"].to_list() and (after["t_confidence"] < before["t_confidence"]).all()
    assert after["stage_group"].to_list() == before["stage_group"].to_list() and after["stage_group_confidence"].to_list() == before["stage_group_confidence"].to_list()


@pytest.mark.parametrize("options, words", [
    ({"signed": "five.parquet"}, ["too few reviewed reports", "50 reviewed values", "T has most, 5"]),
    ({"signed": "staged.parquet"}, ["not signed", "review-apply"]),
    ({"signed": "nothing.parquet"}, ["no file"]),
    ({"reports": "other.csv"}, ["row 0 of the staged table is another report"]),
    ({"reports": "fewer.csv"}, ["row 0 of the staged table is another report"]),
    ({"name": "used"}, ["exists already"]),
    ({"name": "no/such/folder"}, ["does not exist"]),
    ({"model": "modell"}, ["no folder or model 'modell'"]),
    ({"model": "empty"}, ["holds no model"]),
])
def test_bad_input_is_one_line_and_code_2(place, options, words):
    pl.DataFrame({"report_id": ["X"] * 120, "text": ["Lipoma."] * 120}).write_csv(place / "other.csv")
    pl.read_csv(place / "reports.csv").head(100).write_csv(place / "fewer.csv")
    for name in ("used", "empty"):
        (place / name).mkdir(exist_ok=True)
    (place / "used" / "mine").write_text("mine")
    if options.get("model") == "empty":
        options = options | {"model": place / "empty"}
    done = calibrated(place, **({"name": "new"} | options), code=2)
    line, = done.stderr.splitlines()
    assert line.startswith("cancer-staging: ") and all(word in line for word in words), line
    assert done.stdout == "" and not (place / "new").exists() and not (place / "new.new").exists() and (place / "used" / "mine").read_text() == "mine"


@pytest.mark.parametrize("change, words", [
    (lambda content: content["fields"]["t"].update(slope=float("nan")), "the curve of 't'"), (lambda content: content["fields"]["t"].update(slope=-1), "the curve of 't'"), (lambda content: content["fields"]["t"].update(stated=1e400), "the curve of 't'"),
    (lambda content: content["fields"]["t"].update(inferred="0"), "the curve of 't'"), (lambda content: content["fields"]["t"].update(applied=1), "whether it is applied"), (lambda content: content["fields"]["t"].update(answers={}), "of which answers"),
    (lambda content: content["fields"]["t"]["answers"].append([0.5, 2, 0]), "an answer of 't'"), (lambda content: content["fields"]["t"]["answers"].append([float("nan"), 1, 0]), "an answer of 't'"), (lambda content: content["fields"]["t"]["answers"].append([10**400, 1, 0]), "an answer of 't'"),
    (lambda content: content["fields"]["t"]["answers"].append("abc"), "an answer of 't'"), (lambda content: content["fields"]["t"].pop("slope"), "it has no 'slope'"), (lambda content: content.pop("fields"), "it has no 'fields'"),
    (lambda content: content.update(fields=[]), "site.json"), (lambda content: content["fields"].update(colour=content["fields"]["t"]), "no field 'colour'"), (lambda content: content.update(reports=-1), "of how many reports"), (lambda content: content.update(format=2), "format 2"),
])
def test_a_tampered_calibration_is_refused_in_one_line(place, tmp_path, change, words):
    if not (place / "whole").exists():
        calibrated(place, "whole")
    content = json.loads((place / "whole" / "site.json").read_text())
    change(content)
    folder = tmp_path / "tampered"
    folder.mkdir()
    (folder / "stager.json").write_bytes((place / "whole" / "stager.json").read_bytes())
    (folder / "site.json").write_text(json.dumps(content))
    done = run("stage", place / "reports.csv", "--model", folder, "--out", tmp_path / "out.parquet", code=2)
    line, = done.stderr.splitlines()
    assert "site.json" in line and words in line and line.endswith(("calibrate again", "copy of its folder")), line
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("content", ["[]", "{", '{"a":' * 100_000, ""])
def test_what_is_no_calibration_is_refused(tmp_path, content):
    (tmp_path / "site.json").write_text(content)
    with pytest.raises(ValueError, match="site.json"):
        SiteCalibration.load(tmp_path / "site.json")


def test_a_folder_that_cannot_be_written_leaves_nothing(place, monkeypatch):
    def fails(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(SiteCalibration, "save", fails)
    done = calibrated(place, "full", code=2)
    assert "No space left" in done.stderr and not any(name.startswith("full") for name in os.listdir(place))


def test_a_network_is_calibrated_in_a_copy_of_its_folder(place, tmp_path):
    pytest.importorskip("transformers", reason="a network needs the extra learn")
    from tiny_networks import make, train_tokenizer

    texts = pl.read_csv(place / "reports.csv")
    make(fields=["t", "n"], tokenizer=train_tokenizer(texts["text"].to_list(), 200)).save_pretrained(tmp_path / "network")
    (tmp_path / "network" / "checkpoints").mkdir()
    calibrated(place, "of_network", model=tmp_path / "network")
    copied = {path.name for path in (place / "of_network").iterdir()}
    assert copied == {path.name for path in (tmp_path / "network").iterdir()} - {"checkpoints"} | {"site.json"}
    before, after = (Stager.from_pretrained(folder, min_confidence=0).stage_frame(texts.head(12)) for folder in (tmp_path / "network", place / "of_network"))
    assert after["t"].to_list() == before["t"].to_list() and after["t_confidence"].to_list() != before["t_confidence"].to_list()
