"Statements about several margins, and what they come to. The reports are invented."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.margin import MARGIN

GRAMMAR = Grammar([MARGIN])

REPORTS = [  # report, label, kind of evidence, the words that decide
    ("Proximal margin: free of tumor. Radial margin: involved by carcinoma.", "positive", "margin.stated", "margin: involved"),
    ("Radial margin: involved by carcinoma. Proximal margin: free of tumor.", "positive", "margin.stated", "margin: involved"),
    ("Carcinoma is present at the medial margin. Additional medial margin: negative for carcinoma.", "negative", "margin.stated", "margin: negative"),
    ("Carcinoma is present at the medial margin. Additional lateral margin: negative for carcinoma.", "positive", "margin.stated", "Carcinoma is present at the medial margin"),
    ("Carcinoma is present at the medial margin. Final margins are free of tumor.", "negative", "margin.stated", "margins are free"),
    ("DCIS is present at the medial margin. All margins are free of invasive carcinoma.", "negative", "margin.stated", "margins are free"),
    ("Closest margin: 4 mm.", "negative", "margin.distance", "margin: 4 mm"),
    ("Closest margin: 0 mm.", "positive", "margin.stated", "margin: 0 mm"),
    ("Distance to the closest margin: 4 mm. Deep margin: free.", "negative", "margin.stated", "margin: free"),
    ("GROSS DESCRIPTION: The tumor extends to the deep margin.", "positive", "margin.early", "extends to the deep margin"),
    ("The margins cannot be assessed.", None, "margin.stated", "margins cannot be "),
    ("pT2 pN0 L0 V0 R0", "negative", "margin.code", "R0"),
    ("pT2 pN1 R2", "positive", "margin.code", "R2"),
    ("pT2. Deep margin free of tumor. R1", "negative", "margin.stated", "margin free"),
]


@pytest.mark.parametrize("report, label, kind, words", REPORTS)
def test_several_statements_come_to_one_label(report, label, kind, words):
    finding = GRAMMAR.read(report)["margin"]
    assert (finding.label, finding.rule) == (label, kind)
    assert [report[start:end] for start, end in finding.evidence] == [words]


@pytest.mark.parametrize("report", ["DCIS is present at the medial margin.", "The tumor has a pushing margin.", "The costal margin is free of tumor.", "A3: deep margin; A4: lateral margin", "Left R2 level nodes"])
def test_what_is_no_margin_of_a_cancer_is_not_read(report):
    assert GRAMMAR.read(report) == {}
