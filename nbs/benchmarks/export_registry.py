"""Site, histology and behaviour of the exported cases against the registry's own: `python nbs/benchmarks/export_registry.py`.

The reports of the test split are staged with the default model and exported as NAACCR XML; the file is checked against the standard's dictionary (`standards/naaccr-dictionary-260.xml` beside the data) and read back, and its ICD-O-3 codes are compared with those that TCGA's
registry holds of the same patients; the same tables go to the OMOP CDM and back. Nothing was tuned to them. Results go to `results/export_registry.json`; `export_registry.ipynb` shows them. It takes a minute on one core.
"""
from __future__ import annotations

import json
import os
import platform
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
from lxml import etree

from cancer_staging import __version__, Stager
from cancer_staging.corpora.tcga import load_corpus
from cancer_staging.evaluate.scores import wilson_interval
from cancer_staging.export.naaccr import export_naaccr, NAMESPACE, read_naaccr
from cancer_staging.export.omop import export_omop, read_omop, TABLES
from cancer_staging.export.values import row_values
from cancer_staging.fields import FIELDS
from device_rates import machine_name

RESULTS = Path(__file__).resolve().parent / "results" / "export_registry.json"
DICTIONARY = Path(os.environ.get("CANCER_STAGING_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")).parent / "standards" / "naaccr-dictionary-260.xml"


def misfits(path: Path  # a NAACCR XML file
            ) -> tuple[int, int]:
    "How many items it holds, and how many of them the dictionary does not allow where and as they stand."
    known = {one.get("naaccrId"): one for one in etree.parse(str(DICTIONARY)).iter(f"{{{NAMESPACE}}}ItemDef")}
    items = [item for item in etree.parse(str(path)).iter(f"{{{NAMESPACE}}}Item")]
    wrong = 0
    for item in items:
        of = known.get(item.get("naaccrId"))
        wrong += of is None or of.get("parentXmlElement") != etree.QName(item.getparent()).localname or len(item.text) > int(of.get("length")) or (of.get("dataType") == "digits" and not item.text.isdecimal())
    return len(items), wrong


def share(right: int, total: int) -> dict[str, float]:
    "A share with its interval."
    low, high = wilson_interval(right, total)
    return {"right": right, "total": total, "value": right / total, "low": low, "high": high}


def omop_of(table: pl.DataFrame, texts: list[str], folder: Path) -> dict:
    "The same table in the OMOP CDM: the rows of each of its tables, and how many values come back the same."
    exported = export_omop(table, texts, folder, undated=date(1900, 1, 1), file_format="parquet")  # TCGA's reports have no date
    left, same, compared = {(one.row, one.field) for one in exported.left_out}, 0, 0
    cases = [(number, row) for number, row in enumerate(table.iter_rows(named=True)) if row["reportable"]]
    for (number, row), again in zip(cases, read_omop(folder).to_dicts(), strict=True):
        for name, value in row_values(row).items():
            if name != "behavior" and value.label is not None and (number, name) not in left:
                compared += 1
                same += again.get(name) == (value.detail if name in ("site", "histology") else value.label)
    return {"rows": {name: pl.read_parquet(folder / f"{name}.parquet").height for name in TABLES}, "compared": compared, "unchanged": same}


def main() -> None:
    "Stages, exports, reads back and compares."
    corpus = load_corpus().filter(split="test")
    table = Stager.from_pretrained().stage_frame(corpus.select("patient_id", "text"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.xml"
        exported = export_naaccr(table, path)
        (items, wrong), back = misfits(path), read_naaccr(path)
        omop = omop_of(table, corpus["text"].to_list(), Path(folder) / "omop")
    numbers = table.with_row_index().filter("reportable")["index"].to_list()
    truth = corpus[numbers]
    left = {(one.row, one.field) for one in exported.left_out}
    kept = [again == FIELDS[name].label_of(told) for name in ("t", "n", "m", "stage_group") for again, told, basis, number in zip(back[name], table[numbers][name], table[numbers][f"{name}_basis"], numbers) if told is not None and basis != "inferred" and (number, name) not in left]
    compared = {"site, 4 characters": (back["site"], truth["icdo3_site"], 5), "site, organ (3 characters)": (back["site"], truth["icdo3_site"], 3), "histology": (back["histology"], truth["icdo3_morphology"], 4)}
    scores = {}
    for name, (given, registry, length) in compared.items():
        pairs = [(one[:length], other[:length]) for one, other in zip(given, registry) if one and other]
        scores[name] = share(sum(one == other for one, other in pairs), len(pairs)) | {"of": sum(other is not None for other in registry)}
    pairs = [(one, other[5:6]) for one, other in zip(back["behavior"], truth["icdo3_morphology"]) if one and other]
    scores["behaviour"] = share(sum(one == other for one, other in pairs), len(pairs)) | {"of": sum(other is not None for other in truth["icdo3_morphology"])}
    reasons = Counter((one.field, one.why.split(":")[0] if one.field is None else one.why.partition(" (")[0]) for one in exported.left_out)
    RESULTS.write_text(json.dumps({"date": date.today().isoformat(), "machine": f"{machine_name()}, Python {platform.python_version()}", "version": __version__, "reports": table.height, "patients": exported.patients, "tumors": exported.tumors, "inferred": exported.inferred,
                                   "items": items, "misfits": wrong, "unchanged": sum(kept), "compared": len(kept), "omop": omop, "scores": scores, "left_out": [[field, why, count] for (field, why), count in reasons.most_common()]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
