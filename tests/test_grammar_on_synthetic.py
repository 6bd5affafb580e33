"""The whole grammar against invented reports whose answers are known: seven hospital styles, nine cancers, with and without OCR noise."""
import pytest

from cancer_staging.fields import FIELDS
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.corpora.synthetic import synthetic_report

SEEDS = range(300)


def agreement(noise):
    "Share of reports in which each field is read as it is written, silence included; values that the grammar infers are left out where the report is silent."
    right, counted = dict.fromkeys(FIELDS, 0), dict.fromkeys(FIELDS, 0)
    for seed in SEEDS:
        report = synthetic_report(seed, ocr_noise=noise)
        found = GRAMMAR.read(report.text)
        for name in FIELDS:
            gold, finding = report.gold[name], found.get(name)
            if finding is not None and finding.basis != "stated" and gold.label is None:
                continue
            part = "detail" if name in ("site", "histology") else "label"
            counted[name] += 1
            right[name] += getattr(gold, part) == getattr(finding, part, None)
    return {name: right[name] / counted[name] for name in FIELDS}


@pytest.mark.parametrize("noise, least", [(0.0, 0.98), (0.03, 0.90)])
def test_every_field_is_read_as_it_is_written(noise, least):
    shares = agreement(noise)
    assert {name: share for name, share in shares.items() if share < least} == {}


def test_evidence_is_where_it_says_and_counts_are_possible():
    for seed in SEEDS:
        report = synthetic_report(seed, ocr_noise=0.05)
        found = GRAMMAR.read(report.text)
        for finding in found.values():
            assert finding.evidence and all(0 <= start < end <= len(report.text) for start, end in finding.evidence)
            FIELDS[finding.field].check(finding.label)
        if {"nodes_positive", "nodes_examined"} <= found.keys():
            assert int(found["nodes_positive"].label) <= int(found["nodes_examined"].label)
