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


@pytest.mark.parametrize("report, expected", [
    ("\u00d6strogenrezeptoren: positiv (IRS 12/12). Progesteronrezeptoren: negativ (IRS 0). HER2: negativ (Score 1+).", of(*"+--")), ("Receptores de estr\u00f3genos: positivos (90%). Receptores de progesterona: negativos. HER2: negativo (0).", of(*"+--")),
    ("Oestrogeenreceptor: positief (90%). Progesteronreceptor: negatief. HER2: negatief (1+).", of(*"+--")), ("R\u00e9cepteurs aux \u0153strog\u00e8nes : positifs (90 %). HER2 : score 1+, n\u00e9gatif.", of("+", "", "-")),
    ("ER+ve, PR-ve, HER2-ve", of(*"+--")), ("Positive: ER, PR. Negative: HER2.", of(*"++-")), ("ER: 95% (strong), PR: negative, HER2: negative (IHC 1+), Ki-67: 12%", {**of(*"+--"), "ki67": "12"}),
    ("DCIS: ER 0%, PR 0%. IDC: ER 90%, PR 50%.", of(*"++")), ("Benign ducts are ER positive; tumor is ER negative.", of("-")), ("Internal control ER positive. Tumor ER negative", of("-")),
    ("Receptor studies on the DCIS: ER positive. Receptors on the invasive focus could not be performed.", {}), ("ER, PR, and HER2 (respectively): positive, positive, negative", of(*"++-")), ("ER: no more than 1% of nuclei", {}),
])
def test_other_notations_and_components(report, expected):
    assert labels(report) == expected


# a report in one line, `\\n` and `\\t` as in code, and behind the last bar ER, PR and HER2: + positive, - negative, = equivocal, _ nothing
MORE_WORDINGS = r"""
Left breast, mastectomy: invasive ductal carcinoma. ER: fewer than 1 % of tumor nuclei are immunoreactive.|-
PR: < 1% (negative). ER: >90%|+-
ER staining below the 1% threshold.|-
ER: under 1 percent of invasive tumor cells|-
PR, less than 1% of cells staining|_-
Fewer than 1% of tumor cells express estrogen receptor|-
ER <1% nuclear staining; PR <1%; HER2 1+|---
No more than 1% of nuclei|
Estrogen receptor negative (fewer than 1%)|-
ER negative: below 1% tumor nuclei staining|-
Estrogen receptor is seen in under 1% of cells|-
progesterone receptor staining in fewer than one percent of tumor nuclei|_-
ER: 0.5%|-
ER: <0.1 %|-
ER/PR: neg/pos|-+
ER/PR/HER2: +/+/+|+++
ER/PR/HER2: 90/80/0|
ER, PR and HER2: positive, negative and negative.|+--
ER/PR: +/+; HER2: 2+|++=
ER+/PR+/HER2-|++-
ER+ PR- HER2+|+-+
ER +, PR +, HER2 -|++-
ER(+)PR(-)HER2(3+)|+-+
ER pos, PR neg, Her2 neg|+--
ER POS/PR NEG/HER2 NEG|+--
ER-positive/PR-negative/HER2-negative breast cancer|+--
ER positive/PR positive/HER2 negative|++-
Estrogen, progesterone and HER2 receptors are positive, negative and negative respectively|+--
Estrogen receptor and progesterone receptor are 95% and <1%, respectively|+-
Immunostains for ER, PR and HER2 are positive, positive and negative (1+), respectively.|++-
ER and PR stains are negative and positive respectively.|-+
ER and HER2 are negative and positive (3+), respectively; PR is negative.|--+
Receptor status (ER/PR/HER2): positive/positive/negative|++-
Hormone receptor status: ER/PR +/-|+-
ER/PR/Her2 status is +/+/-.|++-
Biomarkers ER/PR/HER2: Positive / Negative / Equivocal (2+)|+-=
ER, PR: 100%, 0%|+-
Marker    Result\nER    Positive (95%)\nPR    Negative\nHER2  Negative (1+)\nKi-67   18%|+--
ER | Positive | 95% | strong\nPR | Negative | <1% | -\nHER2 | Negative | 1+ |\nKi67 | | 12% ||+--
| Test | Result |\n|---|---|\n| ER | Negative |\n| PR | Negative |\n| HER2 IHC | 3+ ||--+
ESTROGEN RECEPTOR\tPROGESTERONE RECEPTOR\tHER2\nPOSITIVE\tPOSITIVE\tNEGATIVE|++-
ER\t\tPR\t\tHER2\nPositive\t\tNegative\t\tNegative|+--
ER    PR    HER2    Ki67\n(+)   (-)   (2+)   15%|+-=
Name\tER\tPR\tHER2\nCore\tNegative\tNegative\t0\n|---
ER   95%   strong\nPR   0%\nHER2  0|+--
Tumor cells lack ER and PR.|--
Tumor cells are devoid of ER and PR expression|--
There is complete absence of ER and PR immunoreactivity|--
No staining for ER, PR or HER2 is seen.|---
Neither ER nor PR is expressed.|--
Neither ER, PR nor HER2 is expressed|---
The tumor is not immunoreactive for ER or PR|--
ER and PR are not expressed.|--
ER, PR and HER2 are all negative.|---
All three markers (ER, PR, HER2) are negative|---
Loss of ER expression|-
ER-, PR-, HER2- (triple negative)|---
triple negative phenotype (ER, PR, HER2)|---
TRIPLE-POSITIVE INVASIVE CARCINOMA|+++
Tumor shows strong nuclear positivity for ER in 90% of cells|+
Strong ER positivity (90%)|+
Diffuse and strong ER expression|+
ER shows strong nuclear staining in 90%|+
Weak ER staining in 5% of cells|+
ER weakly positive|+
ER focally positive|+
Hormone receptors: ER 90% PR 20%|++
ER (90%+), PR (10%+)|++
HER2-low (IHC 1+).|__-
HER2 low positive (1+)|__-
HER2-low (2+, FISH non-amplified)|__-
HER2: negative (HER2-low, IHC 1+)|__-
HER2 IHC 2+/FISH- (HER2-low)|__-
HER2 IHC 1+, i.e. HER2 low|__-
HER2 (0, ultralow)|__-
HER2 ultralow (>0 <1+)|__-
HER2 null (IHC 0)|__-
HER2: 0 (ultralow)|__-
Her-2/neu: HER2-low|__-
HER2 zero|__-
HER2 IHC: score 0|__-
HER2 neg|__-
HER2-|__-
HER2+|__+
HER2 3+ positive|__+
HER2 amplified|__+
HER2 not amplified|__-
HER2 nonamplified by FISH|__-
HER2 ISH+|__+
HER2 FISH -|__-
HER2 FISH: neg|__-
HER2 IHC 2+ ISH neg|__-
HER2 IHC 2+, FISH positive|__+
IHC 2+ for HER2; FISH ratio 1.4|__-
HER2 equivocal by IHC (2+); FISH: HER2/CEP17 = 2.9|__+
HER2 FISH: not amplified; HER2/CEP17 ratio 2.1 with copy number 3.2|__-
HER2 FISH ratio 1.2. HER2 copy number 3.0. Negative.|__-
HER2 by ISH is amplified (ratio 5.2, copy number 14)|__+
HER2 IHC 0; HER2 FISH ratio 2.1 copy number 3.0 (group 2) - negative|__-
HER2 group 3: ratio 1.8, HER2 copies 6.2, IHC 2+: POSITIVE|__+
HER2 dual-probe ISH: ratio 1.6, average HER2 signals/cell 7.2|__+
HER2/CEP17 ratio: 1.9; HER2 copy number: 6.1|__+
FISH: HER2 signals per nucleus 8.0, CEP17 signals per nucleus 4.4, ratio 1.8|__+
FISH: HER2 average copy 3.1; CEP17 average copy 2.9; ratio 1.07|__-
Group 4 (ratio 1.4, HER2 copy number 4.5), IHC 2+: HER2 negative|__-
HER2 by FISH: ratio 1.9 (reported as equivocal); IHC repeat: 0|__-
HER2 FISH positive per report, although the ratio is 1.9|__+
HER2 interpretation: negative; ratio 2.05|__-
HER2 result: POSITIVE. HER2/CEP17 ratio 1.95|__+
Final HER2 status: Negative. IHC 2+, FISH ratio 2.1, copy number 3.5|__-
Tumor 1 (2.2 cm): ER+, PR+, HER2-. Tumor 2 (0.7 cm): ER-, PR-, HER2+.|++-
Tumor 1 (0.7 cm): ER-, PR-, HER2+. Tumor 2 (2.2 cm): ER+, PR+, HER2-.|++-
Larger tumor (3.1 cm): ER negative. Smaller tumor (0.4 cm): ER positive.|-
The 22 mm tumor is ER positive; the 6 mm tumor is ER negative.|+
Largest focus: ER 90%. Second focus: ER 0%.|+
DCIS component: ER positive. Invasive component: ER negative.|-
ER: invasive carcinoma negative; DCIS positive|-
ER (invasive): 0%; ER (in situ): 90%|-
ER (in situ): 90%; ER (invasive): 0%|-
ER in invasive component: not done. ER in DCIS: positive.|
In situ carcinoma ER positive. ER on invasive carcinoma pending.|
HER2 in DCIS 3+; HER2 in invasive carcinoma 1+|__-
HER2 (DCIS): 3+. HER2 (invasive): 0.|__-
ER: positive in DCIS only; invasive tumor negative|-
Seen in ER for abdominal pain. Positive for CT finding.|
Pt presented to ER. Negative workup.|
Patient arrived at ER with pain; family history positive for breast cancer|
Was in the ER last week. Positive COVID test.|
Referred by ER. Positive FIT test.|
Per ER note, positive fecal test|
PR: partial response. Negative margins|
Emergency Room (ER): positive troponin|
The ER stain is positive|+
the ER is positive in 60%|+
ER Allred score 8/8; PR Allred score 2/8|+-
ER Allred 0; PR Allred 3|-+
ER H-score 0, PR H-score 280|-+
ER: IRS 0, PR: IRS 12|-+
ER IRS 8 (3x... )|+
ER: Allred score (proportion 5 + intensity 3) = 8/8|+
PR Allred score TS 2 (PS1+IS1)|_-
ER immunoreactive score 4|+
ER Remmele-Stegner score 12/12|+
ER: Allred: 8|+
ER Allred total score (0-8): 8|+
Ki-67 index 22 %; ER 3%|+
ER low positive (1-10%)|+
ER: positive, low (5%)|+
ER pending. Prior biopsy S12-1: ER positive, PR negative, HER2 negative|+--
Receptors from the core biopsy: ER 90%, PR 0%, HER2 0|+--
ER not performed on this specimen; see core biopsy (ER positive).|+
ER: N/A|
ER: see prior report|
ER: cannot be determined|
ER not done, PR not done, HER2 not done|
ER/PR/HER2 pending|
ER: [ ] Positive [x] Negative|-
ER: positive control positive; tumor negative|-
ER - Positive, PR - Negative, HER2 - Negative|+--
ER – positive; PR – negative; HER2 – 1+|+--
ER=pos; PR=neg; HER2=neg|+--
ER: +++ ; PR: + ; HER2: 0|++-
ER 100% 3+; PR 1% 1+; HER2 0|++-
ER 100% (3+), PR 5% (1+), HER2 2+|++=
ER: 3+ (90%); PR: 0 (0%); HER2: 1+|+--
ER: 95 %, PR: 0 %, HER2: 0|+--
ER: 0; PR: 0; HER2: 0|---
PR: <1% of tumour cell nuclei (negative per ASCO/CAP)|_-
ER: focal staining in below 1% of cells|-
ER: rare cells (<1%)|-
ER is negative, with fewer than 1% of tumor cells staining|-
Estrogen receptor expression is identified in fewer than 1% of invasive tumor cells.|-
ER status: negative (0%) PR status: negative (under 1%) HER2 status: negative (1+)|---
ER: 1-10% (low positive)|+
ER low positive (2%), PR negative (fewer than 1%), HER2 2+, ISH not amplified|+--
ER (fewer than 1%) and PR (0%) negative|--
PR: positive in fewer than 5% of cells|_+
ER-low-positive (4%)|+
ER low (5%)|+
ER/PR/HER2: 100%/100%/2+, FISH negative|++-
ER / PR / Her2: pos / neg / pos (3+)|+-+
ER, PR, HER2 = +, +, -|++-
(ER/PR/HER2 -/-/-)|---
ER/PR/HER2 status: -/-/3+|--+
ER/PR +/- HER2 -|+--
ER/PR -/- HER2 +|--+
ER/PR/HER2: positive, negative, negative|+--
ER/PR/HER2: Pos (90%), Pos (50%), Neg (0)|++-
ER/PR/HER2: 90% / 50% / 0|++-
ER/PR/HER-2/neu: +/-/-|+--
Estrogen/Progesterone receptors: Positive/Negative|+-
Estrogen/progesterone/HER2: pos/pos/neg|++-
ER and PR positive, respectively 90% and 40%; HER2 1+|++-
ER and PR expression was 80% and 5%, respectively, with HER2 of 3+|+++
PR and ER are negative and positive, respectively|+-
ER: 90%\nPR: 60%\nHER2: 0\nKi67: 8%|++-
ER 90 %, PR 60 %, HER2 score 0, Ki67 8 %|++-
Test\tResult\tInterpretation\nER\t95%\tPositive\nPR\t0%\tNegative\nHER2\t1+\tNegative|+--
Biomarker      Result        Intensity\nER             Positive (90%)   Strong\nPR             Negative (0%)    -\nHER2           1+ Negative|+--
           ER        PR       HER2\nTumor A    pos       neg      neg\nTumor B    pos       neg      neg|+--
ER | PR | HER2 | Ki-67\n--- | --- | --- | ---\n95% | 80% | 0 | 10%|++-
ER / PR / HER2 / Ki-67\n+ / + / - / 15%|++-
Estrogen Receptor | Progesterone Receptor | HER2 IHC | HER2 FISH\nPositive | Positive | 2+ | Not amplified|++-
Antibody  ER  PR  HER2\nResult    +   -   -|+--
ER\nPositive\nPR\nNegative\nHER2\nNegative|+--
ER\t+\nPR\t-\nHER2\t-|+--
Receptors: ER + (90%), PR - (0%), HER2 - (1+)|+--
HER2: negative (1+, HER2-low)|__-
HER2: Negative, low (IHC 1+)|__-
HER2-ultralow (IHC 0, incomplete faint staining ≤10%)|__-
HER2: IHC 1+ (low)|__-
HER2 IHC: 2+; ISH: negative (HER2-low)|__-
HER2 low (IHC 2+/FISH non-amplified)|__-
Her2 (-)|__-
HER2 (3+)|__+
HER2 (2+)|__=
Her-2: neg|__-
HER2 (IHC 0)|__-
HER2: 3+ out of 3+|__+
HER2 FISH: amplified (ratio 1.9, copy 6.8)|__+
HER2 FISH: ratio 1.9, mean HER2 copy number 5.1; result: equivocal|__=
HER2 FISH: HER2:CEP17 ratio = 2.3; HER2 copies = 3.8. Interpretation: not amplified.|__-
HER2 FISH: HER2:CEP17 ratio = 3.3; HER2 copies = 7.8.|__+
ISH: ratio 1.5, mean HER2 copy number 6.2 -> HER2 positive|__+
HER2 (IHC 3+); FISH ratio 1.9, copies 5.8 - overall HER2 status positive|__+
HER2 negative (FISH ratio 1.1)|__-
HER2 positive (FISH ratio 1.9; copies 7.0)|__+
IHC HER2 1+; ISH ratio 2.4, copies 3.4: interpreted as negative|__-
HER2 by FISH, repeat: negative. Prior FISH: equivocal.|__-
HER2 FISH indeterminate; HER2 IHC negative (0)|__-
HER2 IHC 2+; FISH failed|__=
HER2 IHC 2+; FISH not performed|__=
HER2 IHC 1+, FISH amplified|__+
Hercep test: 3+|__+
HER2: non-contributory, ER: 90%|+
ER positive in invasive; ER positive in DCIS|+
ER: 95% (invasive), 20% (DCIS)|+
ER: 20% (DCIS), 95% (invasive)|+
ER: 0% (invasive), 90% (DCIS)|-
ER: 90% (DCIS), 0% (invasive)|-
Invasive: ER neg, PR neg. In situ: ER pos, PR pos.|--
In situ: ER pos, PR pos. Invasive: ER neg, PR neg.|--
ER/PR in invasive component: neg/neg; in DCIS: pos/pos|--
Focus 1 (3 mm) - ER 0%. Focus 2 (18 mm) - ER 95%.|+
Two tumors. Tumor 1, 25 mm: ER pos. Tumor 2, 9 mm: ER neg.|+
Tumor one: 9 mm, ER neg. Tumor two: 25 mm, ER pos.|+
Lesion A: 5 mm IDC, HER2 3+. Lesion B: 22 mm IDC, HER2 0.|__-
She was seen in ER, negative for stroke.|
Pt seen at the ER on 1/2. Positive troponin.|
Presented to ER with bleeding. Negative for HPV.|
Patient transferred from outside ER. Negative margins.|
Brought in by EMS to ER. Positive for alcohol.|
History: seen in the ER. Positive smoking history. Lung, RUL: adenocarcinoma|
"""


@pytest.mark.parametrize("line", MORE_WORDINGS.strip().split("\n"))
def test_more_wordings(line):
    report, values = line.rsplit("|", 1)
    found = labels(report.replace("\\n", "\n").replace("\\t", "\t"))
    assert {marker: label for marker, label in found.items() if marker != "ki67"} == of(*values.replace("_", " "))


@pytest.mark.parametrize("report, expected", [
    ("Progesterone receptor: Less than 1% positive cells.", "_-"), ("PR shows only rare (under 1 %) positive nuclei.", "_-"), ("ER: 0% positive", "-"), ("ER: 60% positive nuclei", "+"),
    ("ER, PR and HER2: 90%, 0%, 1+.", "+--"), ("ER, PR, HER2: 95%, 60%, 3+", "+++"), ("ER and HER2: 80%, 2+", "+_="),
    ("HER2 is not 3+.", ""), ("HER2 1+/2+", "__="), ("HER2 amplification was not performed.", ""), ("HER2 amplification was not detected.", "__-"), ("HER2 IHC 0.", "__-"), ("HER2 by IHC: 0", "__-"),
    ("Lymph node metastasis: HER2 3+. Primary: HER2 1+.", "__-"), ("Oncotype ER score 9.8 positive; IHC ER negative.", "-"),
])
def test_numbers_lists_and_other_assays(report, expected):
    assert labels(report) == of(*expected.replace("_", " "))


@pytest.mark.parametrize("report, label, detail", [
    ("ER positive in the prior core biopsy; repeated on the resection: negative.", NEGATIVE, "Negative"), ("ER was negative on core; repeat on this specimen shows 20% positivity.", POSITIVE, "20%"), ("ER positive, now negative.", NEGATIVE, "Negative"),
    ("ER was reported negative; on review ER is positive (15%).", POSITIVE, "15%"), ("History of breast cancer, ER positive in 2018. Today: ER negative.", NEGATIVE, "Negative"), ("ER positive in 2018.", POSITIVE, "Positive"),
    ("ER positive (90%). On review, the margins are negative.", POSITIVE, "90%"), ("ER: negative. Repeat HER2: positive.", NEGATIVE, "Negative"),
])
def test_a_repeated_test_takes_the_place_of_the_first(report, label, detail):
    found = GRAMMAR.read(report)["er"]
    assert (found.label, found.detail) == (label, detail)
    assert report[found.evidence[-1].start:found.evidence[-1].end].lower().rstrip(").").endswith(detail.lower())


@pytest.mark.parametrize("report", ["ER +, PR +, HER2 -\npT2 pN0", "ER +, PR +, HER2 -~pT2 pN0", "| ER + | PR + | HER2 - |"])
def test_a_minus_at_the_end_of_a_line_is_a_result(report):
    assert labels(report) == of("+", "+", "-")


@pytest.mark.parametrize("report, label, detail", [
    ("HER2 immunohistochemie 2+, SISH: geen amplificatie (ratio 1,2).", NEGATIVE, "2+; ISH not amplified"), ("HER2: 2+, in der CISH Nachweis einer HER2-Genamplifikation.", POSITIVE, "2+; ISH amplified"), ("HER2 2+, FISH: nicht amplifiziert.", NEGATIVE, "2+; ISH not amplified"),
    ("HER2 on core (2021): 2+, FISH non-amplified. HER2 repeated on excision: 3+, POSITIVE.", POSITIVE, "3+"), ("HER2 2+. FISH: not amplified.", NEGATIVE, "2+; ISH not amplified"),
    ("HER2 on the 2020 core was 1+. HER2 repeated on the present excision: 3+.", POSITIVE, "3+"), ("Oestrogen receptor, progesterone receptor and HER-2 were scored negative, negative and 3+ in that order.", POSITIVE, "3+"),
    ("HER2 positive. Amendment: HER2 was entered in error: correct result is NEGATIVE (IHC 1+).", NEGATIVE, "1+"), ("Suitable for treatment even though the tumour is not HER2-positive.", NEGATIVE, "Negative"),
])
def test_her2_in_other_languages_repeated_and_corrected(report, label, detail):
    found = GRAMMAR.read(report)["her2"]
    assert (found.label, found.detail) == (label, detail)


def test_an_internal_control_is_no_result():
    assert "er" not in GRAMMAR.read("Internal control ducts are ER positive; the tumour cells show no nuclear staining.")
