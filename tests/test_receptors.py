"Receptors: which of several statements wins, evidence, and hostile text. Single phrases are tested in the notebook."

import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.receptors import RECEPTORS

GRAMMAR = Grammar([RECEPTORS])


def read(report):
    return {name: (finding.label, finding.detail) for name, finding in GRAMMAR.read(report).items()}


@pytest.mark.parametrize("report, expected", [
    ("FINAL DIAGNOSIS: carcinoma. ER: pending. HER2: pending.\nADDENDUM: ER: positive (60%). HER2: 3+.",
     {"er": ("positive", "60%"), "her2": ("positive", "3+")}),
    ("FINAL DIAGNOSIS: carcinoma. ER: negative (0%).\nADDENDUM: Repeat study. ER: positive (5%).", {"er": ("positive", "5%")}),
    ("CLINICAL HISTORY: ER positive cancer on biopsy.\nFINAL DIAGNOSIS: carcinoma; ER: negative.", {"er": ("negative", "Negative")}),
    ("CLINICAL HISTORY: ER positive, HER2 negative cancer.", {"er": ("positive", "Positive"), "her2": ("negative", "Negative")}),
    ("DCIS: ER positive (90%). Invasive carcinoma: ER negative (0%).", {"er": ("negative", "0%")}),
    ("HER2 by FISH: amplified. HER2 by immunohistochemistry: 2+.", {"her2": ("positive", "2+; ISH amplified")}),
    ("HER2: positive (3+). Her2 FISH not performed.", {"her2": ("positive", "3+")}),
    ("ER Score: 9.1 Positive. PR Score: 3.2 Negative.", {"er": ("positive", "Positive"), "pr": ("negative", "Negative")}),
    ("ESTROGEN RECEPTORS:\npositive, 80%\nPROGESTERONE RECEPTORS:\nnegative\nHER2/NEU:\nzero or 1+",
     {"er": ("positive", "80%"), "pr": ("negative", "Negative"), "her2": ("negative", "0-1+")}),
    ("The tumor cells express CK7 and are negative for TTF-1, ER and PR.", {"er": ("negative", "Negative"), "pr": ("negative", "Negative")}),
    ("E-cadherin: positive. Cytokeratin: negative. Margins negative.", {}),
    ("TCGA-AB-1234-01A-PR negative for tumor", {}),
])
def test_statements(report, expected):
    assert read(report) == expected


def test_rule_says_how_it_was_read():
    rules = {report: GRAMMAR.read(report)["er"].rule for report in ("ER positive", "ER 90%", "CLINICAL HISTORY: ER positive cancer", "ER Score: 9.1 Positive")}
    assert list(rules.values()) == ["receptors.word", "receptors.number", "receptors.history", "receptors.expression"]


def test_evidence_is_the_text():
    report = "Immunohistochemistry\nEstrogen receptor (ER): Positive (90%)\nHER2: equivocal (2+)\nHER2 FISH ratio: 1.3 \u2013 not amplified\nKi\u201167: 12 %"
    found = GRAMMAR.read(report)
    assert {name: [report[start:end] for start, end in finding.evidence] for name, finding in found.items()} == {
        "er": ["Estrogen receptor (ER): Positive (90%)"],
        "her2": ["HER2: equivocal (2+)", "HER2 FISH ratio: 1.3"],
        "ki67": ["Ki\u201167: 12 %"],
    }


@pytest.mark.parametrize("piece", ["ER ", "ER and PR, ", "positive for ER ", "HER2: ", "fish amplif ", "less than 1% ", "estrogen receptor (er) ", "10 10 10 ", "(((("])
def test_hostile_text_is_read(piece):
    report = piece * (300_000 // len(piece)) + "\nHER2: 3+"
    found = GRAMMAR.read(report)
    for finding in found.values():
        assert all(0 <= start < end <= len(report) for start, end in finding.evidence)
