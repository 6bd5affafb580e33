"""What a hospital gains by calibrating the default model on 200 of its own reviewed reports: `python nbs/benchmarks/calibrate_site.py --models FOLDER [--draws 100]`.

Seven hospitals of TCGA's `train` split are held out, two or three at a time, and the default model is fitted anew on the reports of all others (what is linked to a held-out report is left out), so that nothing was learnt from them. The registry's labels stand for the reviewer.
For each hospital 200 reports, or half of them where there are fewer than 400, are drawn as reviewed; the model is calibrated on them as `cancer-staging calibrate` does, and scored on the hospital's other reports, before and after; many times, from other draws.

The fitted models and their answers are kept in FOLDER, and what stands there is not made again; fitting takes an hour on one core, the rest minutes. Results go to `results/site_calibration.json`; `site_calibration.ipynb` shows them. No report text is written, and `test` is not touched.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from cancer_staging import __version__
from cancer_staging.corpora.labelled import label_numbers
from cancer_staging.corpora.splits import hold_out, linked_groups
from cancer_staging.corpora.tcga import load_corpus, registry_editions
from cancer_staging.evaluate.calibrating import site_field, surprise, TARGET
from cancer_staging.evaluate.scores import calibration_error
from cancer_staging.fields import FIELDS
from cancer_staging.models.fitting import fit_learned
from cancer_staging.models.judges import LearnedJudge
from cancer_staging.models.learned import LEARNED_FIELDS, SHOWN_ACCURACY
from cancer_staging.models.site_calibration import LEAST_ANSWERS, SiteCalibration
from cancer_staging.stager import Stager
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "site_calibration.json"
REVIEWED = 200  # reports
SITES = {       # hospital → its tissue source sites in TCGA's code table
    "University of Pittsburgh": "50 61 AZ B0 B1 BD BG BH BI BJ BT CI CN EJ ER FZ IC IN K1 LK N6 P8", "Mayo Clinic": "AR CW D1 DB DD DZ J8 NF", "Christiana": "41 42 43 44 A6 A7 AF B2 B3 BK BL EP EQ H2 H6 HM IJ IK KF L7",
    "Indivumed": "66 A8 AA AG C4 CG CH", "Memorial Sloan Kettering": "AO AP BP BQ CM DC DJ DK DX HW IR IS KH KL MX N5 RS",
    "MD Anderson": "3G 3H CJ CV D3 DI EL G2 GM GP IF KK KO MA N9 P4 R5 R6 R8", "Roswell Park": "59 5V 60 65 73 E2 E3 E5 E6 G4 G5 G6 G7 G8 G9 GN HG NG NI OU PR QQ"}
TOGETHER = (("University of Pittsburgh", "Mayo Clinic", "Christiana"), ("Indivumed", "Memorial Sloan Kettering"), ("MD Anderson", "Roswell Park"))  # held out of one model
ANSWERS = ("hospital", "patient_id", "field", "truth", "label", "basis", "confidence")


def answers_without(frame: pl.DataFrame, hospitals: Sequence[str], groups: np.ndarray, folder: Path) -> pl.DataFrame:
    "What a model that was fitted without the hospitals answers to their reports, every label shown; the model is left in the folder."
    if not (folder / "answers.parquet").is_file():
        dealt = hold_out(frame, "hospital", hospitals, groups=groups)
        held, model = dealt.filter(split="test"), fit_learned(dealt.filter(split="train").drop("split"), progress=print)
        Stager(None, LearnedJudge(model)).save_pretrained(folder)
        truths, editions, rows = label_numbers(held, LEARNED_FIELDS), registry_editions(held), []
        for edition in sorted(set(editions), key=str):  # a stage group is the registry's only by its own edition
            of_edition = [row for row, named in enumerate(editions) if named == edition]
            staged = Stager(None, LearnedJudge(model), min_confidence=0, edition=edition).stage_frame(held[of_edition].select("patient_id", "text"), "text", "patient_id")
            rows += [(held["hospital"][row], held["patient_id"][row], name, FIELDS[name].trained[truths[row, place]] if truths[row, place] >= 0 else None, answer[name], answer[f"{name}_basis"], answer[f"{name}_confidence"])
                     for row, answer in zip(of_edition, staged.iter_rows(named=True)) for place, name in enumerate(LEARNED_FIELDS)]
        pl.DataFrame(rows, schema=ANSWERS, orient="row").write_parquet(folder / "answers.parquet")
    return pl.read_parquet(folder / "answers.parquet").filter(pl.col("truth").is_not_null())


def shown(confidence: np.ndarray, right: np.ndarray, least: np.ndarray | float) -> dict[str, float]:
    "How many answers are shown at the threshold, and how many of them are right."
    said = confidence >= least
    return {"shown": int(said.sum()), "right": int(right[said].sum())}


def draw(of_field: pl.DataFrame, name: str, reviewed: set[str], thresholds: dict[str, float], seed: int) -> dict[str, object] | None:
    "One field, calibrated on the reviewed reports and scored on the others; None where too few of them have an answer."
    chosen = of_field["patient_id"].is_in(reviewed).to_numpy()
    confidence, right, inferred = of_field["confidence"].to_numpy().astype(np.float64), (of_field["truth"] == of_field["label"]).to_numpy(), (of_field["basis"] == "inferred").to_numpy()
    if chosen.sum() < LEAST_ANSWERS:
        return None
    field, _ = site_field(confidence[chosen], right[chosen], inferred[chosen], of_field["patient_id"].to_numpy()[chosen], seed)
    confidence, right, inferred = confidence[~chosen], right[~chosen], inferred[~chosen]
    after, site = field.corrected(confidence, inferred), SiteCalibration({name: field}, len(reviewed))
    target = site.threshold(name, TARGET, thresholds["target"])
    told = {"reviewed": int(chosen.sum()), "others": len(right), "right": int(right.sum()), "inferred": int(inferred.sum()), "applied": field.applied, "own_shown": field.threshold(SHOWN_ACCURACY, True, inferred_only=True) is not None}
    for measure, value in (("ece", lambda of: calibration_error(of, right)), ("surprise", lambda of: float(surprise(of, right).mean()))):
        told |= {f"{measure}_before": value(confidence), f"{measure}_after": value(after), f"{measure}_always": value(field.curve(confidence, inferred))}
    told |= {"target_before": shown(confidence, right, thresholds["target"]), "target_after": shown(after, right, np.where(inferred, target[1], target[0]))}
    told |= {"inferred_before": shown(confidence[inferred], right[inferred], thresholds["shown"]), "inferred_after": shown(after[inferred], right[inferred], site.shown_from(name, SHOWN_ACCURACY, thresholds["shown"]))}
    return told


def summary(draws: Sequence[dict[str, object]]) -> dict[str, object]:
    "Means over the draws, with the interval in which 95 of 100 draws lie."
    def spread(values: Sequence[float]) -> list[float] | None:
        "None where no draw has a value."
        return None if np.isnan(values).all() else [float(np.nanmean(values)), *np.nanquantile(values, (0.025, 0.975)).tolist()]

    told = {name: float(np.mean([one[name] for one in draws])) for name in ("reviewed", "others", "inferred", "applied", "own_shown")} | {"accuracy": sum(one["right"] for one in draws) / sum(one["others"] for one in draws)}
    for measure in ("ece", "surprise"):
        told |= {f"{measure}_{when}": spread([one[f"{measure}_{when}"] for one in draws]) for when in ("before", "after", "always")}
        told |= {f"{measure}_change": spread([one[f"{measure}_after"] - one[f"{measure}_before"] for one in draws]), f"{measure}_change_always": spread([one[f"{measure}_always"] - one[f"{measure}_before"] for one in draws])}
    for which, total in (("target", "others"), ("inferred", "inferred")):
        for when in ("before", "after"):
            told[f"{which}_{when}"] = {"shown": spread([one[f"{which}_{when}"]["shown"] / max(one[total], 1) for one in draws]),
                                       "right": spread([one[f"{which}_{when}"]["right"] / one[f"{which}_{when}"]["shown"] if one[f"{which}_{when}"]["shown"] else np.nan for one in draws])}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="a folder for the fitted models and their answers")
    parser.add_argument("--draws", type=int, default=100)
    asked = parser.parse_args()
    frame = load_corpus().filter(split="train")
    hospital_of = {code: hospital for hospital, codes in SITES.items() for code in codes.split()}
    frame = frame.with_columns(hospital=pl.col("tissue_source_site").replace_strict(hospital_of, default=None, return_dtype=pl.String))
    groups, found, curves = linked_groups(frame), [], []
    for number, hospitals in enumerate(TOGETHER):
        folder = asked.models / f"group{number}"
        answers = answers_without(frame, hospitals, groups, folder)
        before, promised = (Stager.from_pretrained(folder, target_accuracy=accuracy).thresholds for accuracy in (None, TARGET))
        for hospital in hospitals:
            of_hospital = answers.filter(hospital=hospital)
            patients = np.array(sorted(of_hospital["patient_id"].unique()))
            fields = {name: of_hospital.filter(pl.col("label").is_not_null() & pl.col("confidence").is_not_null(), field=name) for name in LEARNED_FIELDS}
            draws = {name: [] for name in LEARNED_FIELDS}
            for seed in range(asked.draws):
                reviewed = set(np.random.default_rng(seed).permutation(patients)[:min(REVIEWED, len(patients) // 2)].tolist())
                for name, of_field in fields.items():
                    one = draw(of_field, name, reviewed, {"shown": before[name].inferred, "target": promised[name].inferred}, seed)
                    draws[name] += [] if one is None else [one]
            for name, of_field in fields.items():
                if len(draws[name]) == asked.draws:
                    found.append({"hospital": hospital, "field": name, "reports": len(patients), **summary(draws[name])})
                if of_field.height >= 2 * LEAST_ANSWERS:
                    field, _ = site_field(of_field["confidence"].to_numpy().astype(np.float64), (of_field["truth"] == of_field["label"]).to_numpy(), (of_field["basis"] == "inferred").to_numpy(), of_field["patient_id"].to_numpy())
                    curves.append({"hospital": hospital, "field": name, "answers": of_field.height, **field.curve._asdict()})
            print(hospital, [(one["field"], round(one["ece_before"][0], 3), round(one["ece_after"][0], 3)) for one in found if one["hospital"] == hospital], flush=True)
    content = {"version": __version__, "date": date.today().isoformat(), "machine": machine_name(), "draws": asked.draws, "reviewed": REVIEWED, "target": TARGET, "reports": frame.height, "fields": found, "curves": curves}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
