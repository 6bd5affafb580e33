"""Receptors as the reports of different hospitals print them. The right answers are those of ASCO/CAP (ER and PR 2020; HER2 2018 and 2023), of Allred and of Remmele and Stegner, and what a reader of the sentence would say."""

import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.receptors import RECEPTORS

GRAMMAR = Grammar([RECEPTORS])
POSITIVE, NEGATIVE, EQUIVOCAL = "positive", "negative", "equivocal"


def labels(report):
    return {name: finding.label for name, finding in GRAMMAR.read(report).items()}


def details(report):
    return {name: finding.detail for name, finding in GRAMMAR.read(report).items()}


def of(*values):
    "ER, PR and HER2 in this order; '' where nothing is stated."
    words = {"+": POSITIVE, "-": NEGATIVE, "=": EQUIVOCAL}
    return {marker: words[value] for marker, value in zip(("er", "pr", "her2"), values) if value.strip()}


@pytest.mark.parametrize("report", [
    "PR: fewer than 1% of nuclei stain.", "PR under 1%", "PR: below 1 % of tumor cells", "PR staining is seen in less than one percent of cells", "Progesterone receptor: <1% of nuclei",
    "PgR: no more than 0.5% of nuclei", "PR: lower than 1%", "PR (fewer than 1 per cent)", "Progesterone receptor | under 1% |", "PR: at most 0.5%", "PR - below 1%, weak", "Fewer than 1% of nuclei stain for PR.",
    "Under 1% of tumor nuclei express PR", "PR: less  than 1%", "progesterone receptor: 0%", "PR: < 1 %",
])
def test_below_one_percent_is_negative(report):
    assert labels(report) == of("", "-")


@pytest.mark.parametrize("report, detail", [
    ("ER: 1%", "1%"), ("ER: at least 1%", ">1%"), ("ER: above 90%", ">90%"), ("ER: exceeding 95% of nuclei", ">95%"), ("ER: low positive (3%)", "Low positive (3%)"), ("ER low positive, 1-10%", "Low positive (1-10%)"),
    ("Estrogen receptor: low-positive", "Low positive"), ("ER: positive (low positive), 5%", "Low positive (5%)"), ("ER: 10 to 20 percent", "10-20%"),
])
def test_from_one_percent_is_positive(report, detail):
    assert labels(report) == of("+") and details(report) == {"er": detail}


@pytest.mark.parametrize("report", ["ER: under 10%", "PR fewer than 5% of nuclei", "ER: below 10 percent"])
def test_a_bound_that_leaves_it_open_says_nothing(report):
    assert labels(report) == {}


@pytest.mark.parametrize("report, expected", [
    ("ER/PR: +/-; HER2: -", of(*"+--")), ("ER/PR/HER2: pos/neg/neg", of(*"+--")), ("ER/PR/Her-2: 90%/0%/1+", of(*"+--")), ("ER and PR are positive and negative, respectively.", of(*"+-")), ("ER/PR/HER2: +/+/-", of(*"++-")),
    ("ER/PR/HER2 -/-/+", of(*"--+")), ("ER/PR/HER2 (+/-/-)", of(*"+--")), ("ER / PR / HER2 : + / - / -", of(*"+--")), ("ER, PR, HER2: +, -, -", of(*"+--")), ("ER/PR: 95%/<1%", of(*"+-")), ("ER/PR: positive/negative", of(*"+-")),
    ("ER/PR/HER2: negative/negative/positive", of(*"--+")), ("ER, PR and HER2 are positive, positive and negative, respectively.", of(*"++-")), ("ER, PR, and HER-2/neu: 90%, 20%, and 3+, respectively", of(*"+++")),
    ("Estrogen and progesterone receptors are positive (80%) and negative (0%) respectively", of(*"+-")), ("The tumor is respectively positive and negative for ER and PR.", of(*"+-")), ("Positive and negative for ER and PR, respectively.", of(*"+-")),
    ("ER and PR show 90% and 0% nuclear staining, respectively.", of(*"+-")), ("0% and 90% of the nuclei stain for ER and PR, respectively.", of(*"-+")), ("Estrogen receptor / progesterone receptor: 100% / 0%", of(*"+-")),
    ("ER/PR/HER2: 3+/2+/1+", of(*"++-")), ("ER/PR/HER2: neg / neg / 0", of(*"---")), ("ER, PR and HER2 neu: pos., neg., 2+", of(*"+-=")), ("ER+/PR-/HER2-", of(*"+--")), ("ER(+), PR(-), HER2(-)", of(*"+--")),
    ("Hormone receptors (ER/PR): pos/neg.", of(*"+-")), ("ER/PR/HER2 = +/-/equivocal", of(*"+-=")), ("ER and PR: 90% and 5%", of(*"++")), ("PR/ER: 0%/80%", of(*"+-")), ("HER2/ER/PR: -/+/+", of(*"++-")),
    ("ER/PR +/+, HER2 -", of(*"++-")), ("ER and PR are positive (90% and 20%, respectively)", of(*"++")), ("ER & PR: Negative & Positive, respectively", of(*"-+")),
    # one value for all
    ("ER/PR+, HER2-", of(*"++-")), ("ER/PR positive, HER2 negative", of(*"++-")), ("ER, PR and HER2 negative", of(*"---")), ("ER/PR positive, negative for HER2", of(*"++-")), ("ER and PR: positive, 90%", of(*"++")), ("ER and PR: 95%.", of(*"++")),
    ("ER and PR are both positive.", of(*"++")), ("ER/PR/HER2: -/-/-", of(*"---")), ("ER-/PR-/HER2-", of(*"---")),
])
def test_lists_give_each_marker_its_own_value(report, expected):
    assert labels(report) == expected


@pytest.mark.parametrize("report", ["ER +/-", "ER: +/- staining", "ER and PR, respectively, will be reported.", "ER/PR/HER2: +/-"])
def test_a_list_that_does_not_fit_says_nothing(report):
    assert labels(report) == {}


@pytest.mark.parametrize("report, expected", [
    ("Marker | Result | %\nER | Positive | 90\nPR | Negative | 0\nHER2 | Equivocal (2+) |\nKi-67 | | 22", {**of(*"+-="), "ki67": "22"}), ("ER\tPR\tHER2\tKi-67\nPos\tNeg\t2+\t20%", {**of(*"+-="), "ki67": "20"}),
    ("ER      PR      HER2\n90%     0%      1+\n", of(*"+--")), ("ER | PR | HER2\nNegative | Negative | Positive (3+)", of(*"--+")), ("Specimen | ER | PR | HER2\nA | pos | neg | 1+", of(*"+--")), ("ER PR HER2\n+ + -", of(*"++-")),
    ("| ER | PR | HER2 | Ki67 |\n|----|----|----|----|\n| 80% | <1% | 0 | 15% |", {**of(*"+--"), "ki67": "15"}), ("             ER     PR     HER2\nInvasive     90%    10%    1+\nDCIS         0%     0%     3+\n", of(*"++-")),
    ("Ki-67\tER\tPR\tHER2\n35%\tnegative\tpositive\t3+", {**of(*"-++"), "ki67": "35"}), ("Marker\tResult\tPercent\nER\tPositive\t95\nPR\tNegative\t0\nHER2\tNegative (1+)\t\nKi-67\t\t30", {**of(*"+--"), "ki67": "30"}),
    ("HER2    PR    ER\n0       neg   pos", of(*"+--")), ("Estrogen Receptor   Progesterone Receptor   HER2/neu\nPositive (95%)      Negative (0%)           Negative (1+)", of(*"+--")),
    # a row each
    ("ER      Positive   95%\nPR      Negative   0%\nHER2    Negative   1+", of(*"+--")), ("ER  PR  HER2\nThe studies are pending.", {}),
])
def test_tables(report, expected):
    assert labels(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Tumor cells lack ER, PR and HER2 expression.", of(*"---")), ("The tumor lacks expression of ER and PR.", of(*"--")), ("Cells without ER or PR expression", of(*"--")), ("There is no ER, PR or HER2 expression.", of(*"---")),
    ("The carcinoma does not express ER, PR, or HER2.", of(*"---")), ("Absence of ER and PR staining.", of(*"--")), ("ER and PR expression is absent; HER2 is overexpressed (3+).", of(*"--+")), ("lacking ER/PR staining", of(*"--")),
    ("Triple-positive phenotype.", of(*"+++")), ("triple positive breast cancer", of(*"+++")), ("Triple - negative carcinoma", of(*"---")), ("TNBC, grade 3", of(*"---")), ("Not triple positive.", {}), ("The tumor is not triple-negative.", {}),
    ("80% of nuclei stain for ER", of("+")), ("90% of tumor cells show ER", of("+")), ("95% of the tumor cells are positive for ER", of("+")), ("0% of the tumor nuclei stain for PR", of("", "-")), ("Nuclear ER staining in 60% of cells", of("+")),
    ("ER 3+ 95%", of("+")), ("ER: 3+, 95%", of("+")), ("ER: 2+ (40%)", of("+")), ("ER: unequivocally positive", of("+")), ("ER is unequivocally negative", of("-")), ("ERs positive", of("+")), ("PgR positive", of("", "+")), ("PgR 5%", of("", "+")),
    ("positive for ER (80%) and HER2 is not overexpressed (1+)", of("+", "", "-")), ("Positive for ER, PR is negative", of(*"+-")), ("Negative for ER and PR; HER2 is positive.", of(*"--+")), ("Positive for ER (90%), PR (40%) and negative for HER2.", of(*"++-")),
    ("Positive for ER and PR, HER2 negative.", of(*"++-")), ("Positive for CK7. ER: pending.", {}), ("ER: abnormal positive staining in tumor", of("+")), ("ERpos, PRneg, HER2neg", of(*"+--")), ("ER: positiv (80 %), PR: negativ, HER2: negativ (1+)", of(*"+--")),
    ("LEFT BREAST~ER POSITIVE~PR NEGATIVE", of(*"+-")), ("Positive for ER and PR", of(*"++")), ("Immunostains are positive for ER and HER2 and negative for PR", of(*"+-+")),
])
def test_phrases(report, expected):
    assert labels(report) == expected


@pytest.mark.parametrize("report, expected, detail", [
    ("HER2-low (IHC 2+/ISH-).", "-", "2+; ISH not amplified (HER2-low)"), ("HER2: IHC 0 with faint membrane staining in under 10% (HER2-ultralow).", "-", "0 (HER2-ultralow)"), ("HER2-low.", "-", "HER2-low"), ("HER2: 1+ (HER2-low)", "-", "1+ (HER2-low)"),
    ("HER2 ultralow, IHC 0", "-", "0 (HER2-ultralow)"), ("HER2: low (1+)", "-", "1+ (HER2-low)"), ("HER2 low, score 2+, FISH not amplified", "-", "2+; ISH not amplified (HER2-low)"), ("HER2 ultra-low", "-", "HER2-ultralow"), ("HER2neg", "-", "Negative"), ("HER2-neg.", "-", "Negative"),
    ("HER2pos", "+", "Positive"), ("HER2 0", "-", "0"), ("HER2 IHC 0", "-", "0"), ("HER2 (IHC): 0", "-", "0"), ("HER2 IHC 3+", "+", "3+"), ("HER2 by IHC: 1", "-", "1+"), ("HER2 (++)", "=", "2+"), ("HER2 (+++)", "+", "3+"), ("HER2: +++", "+", "3+"), ("HER2/neu: ++", "=", "2+"),
    ("Her2: 0/3+", "-", "0"), ("HER2 IHC score: 1+ of 3+", "-", "1+"), ("HER2 status: IHC 2+, ISH-", "-", "2+; ISH not amplified"), ("HER2 IHC 2+/ISH+", "+", "2+; ISH amplified"), ("HER2 2+/FISH negative", "-", "2+; ISH negative"),
])
def test_her2_categories(report, expected, detail):
    assert (labels(report), details(report)) == (of("", "", expected), {"her2": detail})


@pytest.mark.parametrize("report", ["HER2-low is defined as IHC 1+ or 2+ with negative ISH.", "Patients with HER2-low tumors may be eligible for trastuzumab deruxtecan.", "HER2 low-level amplification cannot be excluded", "HER2-low category: see guideline"])
def test_her2_low_in_general_says_nothing(report):
    assert labels(report) == {}


@pytest.mark.parametrize("report, expected", [
    ("HER2 FISH equivocal; repeat HER2 IHC: 1+ negative.", "-"), ("HER2 FISH: ratio 1.8, average copy number 7.0; interpreted as POSITIVE.", "+"), ("HER2 FISH: ratio 1.7, HER2 copy number 6.8. IHC 3+. HER2 status: positive.", "+"),
    ("HER2/CEP17 ratio 2.5, average HER2 copy number 5.0", "+"), ("HER2 FISH: ratio 2.3, average HER2 copy number 3.1", "-"), ("HER2 FISH: ratio 1.6; average HER2 signals per cell: 6.4", "+"), ("HER2 FISH ratio 1.5, HER2 copy number 4.9", "-"),
    ("HER2 FISH ratio 1.2, average HER2 copy number 2.4, average CEP17 copy number 2.0", "-"), ("HER2 ISH: ratio 1.7, 6.5 HER2 copies per cell, IHC 2+", "+"), ("HER2 IHC 1+. HER2 FISH ratio 1.7, average HER2 copy number 6.3", "-"),
    ("HER2 IHC 3+. FISH ratio 2.2, average HER2 copy number 3.5", "+"), ("HER2 dual ISH: HER2/CEN17 ratio = 1.9, HER2 copy number = 6.2", "+"), ("Average HER2 copy number 8.2; HER2/CEP17 ratio 1.9", "+"), ("HER2 FISH group 5: negative (ratio 1.1)", "-"),
    ("HER2 FISH: ratio 2.1; interpretation: NEGATIVE (group 2, copy number 3.2).", "-"), ("FISH ratio 1.9 (HER2 copy number 5.1). Result: HER2 equivocal per 2013 guideline", "="), ("HER2 by FISH: 2.1, interpreted as not amplified; ratio 2.1", "-"),
    ("HER2: 2+ by IHC, negative by FISH", "-"), ("HER2 negative by IHC, positive by FISH", "+"), ("HER2 IHC 2+ (equivocal), reflex FISH amplified, ratio 3.4", "+"), ("HER2 IHC 2+. FISH pending.", "="), ("HER2 3+ by IHC; FISH not done", "+"),
    ("HER2 IHC: equivocal (2+). Addendum: FISH not amplified (ratio 1.3, copy number 2.9). HER2 negative.", "-"), ("HER2 FISH: indeterminate. HER2 IHC: positive (3+)", "+"), ("HER2 FISH equivocal. Repeat FISH on another block: not amplified.", "-"),
    ("HER2 copy number per cell: 6.9, single probe ISH", "+"), ("HER2 single probe CISH, average HER2 copy number 3.2", "-"), ("average CEP17 copy number 7.0; HER2/CEP17 ratio 1.0", "-"),
])
def test_her2_by_both_methods(report, expected):
    assert labels(report) == of("", "", expected)


@pytest.mark.parametrize("report, expected", [
    ("Focus 1, 8 mm: ER negative. Focus 2, 32 mm: ER positive (95%).", of("+")), ("Focus 1, 32 mm: ER positive. Focus 2, 8 mm: ER negative.", of("+")), ("Tumor A (0.6 cm): ER positive, PR positive, HER2 positive. Tumor B (2.4 cm): ER negative, PR negative, HER2 negative.", of(*"---")),
    ("Smaller focus: ER positive. Larger focus: ER negative.", of("-")), ("8 mm focus: HER2 3+. 25 mm focus: HER2 0.", of("", "", "-")), ("Satellite lesion: ER negative; main tumor: ER positive 90%", of("+")), ("Lesion #1 (1.1 cm):\nER: 0%\nPR: 0%\nLesion #2 (3 cm):\nER: 90%\nPR: 80%", of(*"++")),
    ("ER on in situ component: positive. ER on invasive component: not performed.", {}), ("ER (DCIS): positive 90%. ER (invasive): pending.", {}), ("DCIS: ER positive (90%). Invasive carcinoma: ER negative (0%).", of("-")), ("Invasive component: ER 0%. In situ component: ER 80%.", of("-")),
    ("ER in DCIS: 95%; ER in invasive carcinoma: 0%", of("-")), ("ER: positive in the in situ component, negative in the invasive component", of("-")), ("Ductal carcinoma in situ. ER: positive (95%).", of("+")),
    ("ER: negative in invasive carcinoma; positive in normal ducts", of("-")), ("Tumor 1: ER positive. Tumor 2: ER positive.", of("+")),
    ("Prior core biopsy: ER positive (90%). ER on the resection: pending.", of("+")),
])
def test_the_invasive_and_the_largest_focus_count(report, expected):
    assert labels(report) == expected


@pytest.mark.parametrize("report", [
    "Patient seen in ER. Positive family history.", "Presented to the ER; positive for influenza.", "The patient came through the ER. Negative CT scan.", "She was brought to ER with negative work-up.", "ER visit: negative troponin.", "Admitted via ER, positive blood culture.",
    "Partial response (PR). Negative margins.", "PR interval: positive deflection", "per rectum (PR) exam negative", "ER physician: positive findings on CT.", "Sent from ER. Positive nodes were seen.", "HER2 is amplified in 20% of carcinomas", "ER is positive in about 70% of breast cancers.",
    "HER2 gene amplification is found in 15-20 % of all breast tumors.",
])
def test_what_is_no_result_of_this_tumor(report):
    assert labels(report) == {}


@pytest.mark.parametrize("report, expected, detail", [
    ("ER: H-score120", "+", "H-score 120"), ("ER H-score: 0", "-", "H-score 0"), ("ER H score of 210/300", "+", "H-score 210"), ("ER histoscore 15", "+", "H-score 15"), ("ER: Allred 5+3=8", "+", "Allred 8"), ("ER: Allred score: PS 1 + IS 1 = 2", "-", "Allred 2"),
    ("ER Allred total score 7/8", "+", "Allred 7"), ("ER Quick score 0/8", "-", "Allred 0"), ("ER 6 out of 8", "+", "Allred 6"), ("ER: IRS 12", "+", "IRS 12"), ("ER: IRS 1/12", "-", "IRS 1"), ("ER immunoreactive score (IRS): 6", "+", "IRS 6"), ("ER: Remmele score 0", "-", "IRS 0"),
    ("ER: immunoreactive score 2 of 12", "+", "IRS 2"), ("ER: IRS = 9 (Remmele)", "+", "IRS 9"), ("Estrogen receptor score 8/12", "+", "IRS 8"), ("ER (Allred 7)", "+", "Allred 7"),
])
def test_scales(report, expected, detail):
    assert (labels(report), details(report)) == (of(expected), {"er": detail})


@pytest.mark.parametrize("report, label, detail", [
    ("Ki-67: 308 nuclear staining", "30", "30%"), ("Ki-67 index: low (8%)", "8", "8%"), ("Ki-67: fewer than 5%", None, "<5%"), ("Ki-67 proliferation index: approximately 15 to 20%", "17.5", "15-20%"), ("Ki-67 | | 22", "22", "22%"), ("Ki67 = 40", "40", "40%"),
    ("Proliferation index (Ki-67) of 25 percent", "25", "25%"), ("Ki-67 under 10 %", None, "<10%"),
])
def test_ki67(report, label, detail):
    assert (labels(report), details(report)) == ({"ki67": label}, {"ki67": detail})
