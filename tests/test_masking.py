"The mask takes all notation out of a report, nothing else, and keeps its length."
import string

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.text.masking import Masked, remove_notation


def rest(text, **options):
    "The text with one underscore in place of each removed span."
    parts, last = [], 0
    for start, end in remove_notation(text, **options).removed:
        parts += [text[last:start], "_"]
        last = end
    return "".join(parts) + text[last:]


@pytest.mark.parametrize("text, expected", [
    ("pT2a", "_"), ("T3N1M0", "___"), ("T3, N1, M0", "_, _, _"), ("pT2/pN1/M0", "_/_/_"), ("stagepT2N0", "stage__"),
    ("pT: 2", "_"), ("T stage: pT3", "_"), ("pT category 3", "_"), ("N stage: N2b", "_"), ("T Stage: 3. N Stage: 1. M Stage: 1", "_. _. _"),
    ("pTl NO MO", "_ _ _"), ("pN o (0/12)", "_ (0/12)"), ("pT 2 N O M X", "_ _ _"), ("T1 c N0", "_ _"), ("pT1 aN0", "__"), ("pTlapN1[IIIC1]pMX", "__[IIIC1]_"),
    ("ypT3 ypN1mi", "_ _"), ("rpT2 cT2c apT1 mT2", "_ _ _ _"), ("pN0(sn)(i+)", "_"), ("pT1c(m)N1a(2/15)MX", "__(2/15)_"),
    ("TNM: T2 N0 MX", "TNM: _ _ _"), ("TX NX MX", "_ _ _"), ("pTis, pTa", "_, _"), ("Skin (T4d)", "Skin (_)"), ("station N2 nodes", "station _ nodes"),
    ("Primary tumor (pT): pT3: Tumor invades pericolic fat", "Primary tumor _: _: Tumor invades pericolic fat"),
    ("Distant metastasis (pM): Cannot be assessed", "Distant metastasis _: Cannot be assessed"),
])
def test_categories_go(text, expected):
    assert rest(text, kinds=("tnm",)) == expected


@pytest.mark.parametrize("text, expected", [
    ("Stage IIIA", "_"), ("AJCC stage II", "_"), ("pathologic stage: IIB", "pathologic _"), ("AJCC (7th edition) stage group: llIA.", "_."), ("stage 1 B2 carcinoma", "_ carcinoma"),
    ("FIGO stage IB1", "_"), ("FIGO: IIIC2", "_"), ("stage III-IV", "_"), ("Overall Stage: IV", "Overall _"), ("TNM stage 3", "TNM _"),
    ("Dukes B2", "_"), ("Dukes' stage C", "_"), ("MAC C2", "_"), ("Astler-Coller B2", "_"), ("Jewett stage B1", "_"),
    ("Stage: pT2 N0 (IIA)", "Stage: _ _ (_)"), ("T2/N0/MX (Stage X)", "_/_/_ (_)"), ("pT2 N0 (FIGO 11)", "_ _ (_)"),
])
def test_stage_groups_go(text, expected):
    assert rest(text) == expected


@pytest.mark.parametrize("text", [
    "T-cell lymphoma, T1-weighted image, T2 signal, N-cadherin, M/F, CD4", "T12 vertebra, vertebra T4, level T4, levels II-IV", "Cassettes: A1-A4, N1. Sections submitted as M1, N2 and T3.", "1 RPM 1, PM. 1",
    "CT 1.5 cm mass, PT 2 years, at 3 o'clock", "PNI: not identified. Perineural invasion Pn1, L1 V0 R0 G2", "Clark level IV, Breslow 1.2 mm",
    "We stage the tumor; an intermediate stage; in two stages 1 and 2", "end-stage renal disease; fibrosis, stage 3 of 4; cirrhosis stage 4", "FIGO grade 2, FIGO II endometrioid carcinoma", "5 cm ML; the tumor is not most often node negative",
    "Lymph nodes: NO TUMOR. NONE", "stage is a word", "2 of 14 lymph nodes (2/14), Nottingham grade 3, Gleason 3+4=7",
])
def test_look_alikes_stay(text):
    assert remove_notation(text) == Masked(text, (), ())


def test_one_kind_alone():
    text = "Stage IIIA (pT3 pN1)"
    assert rest(text, kinds=("stage",)) == "_ (pT3 pN1)" and rest(text, kinds=("tnm",)) == "Stage IIIA (_ _)" and rest(text, kinds=()) == text
    assert remove_notation(text).kinds == ("stage", "tnm", "tnm")
    with pytest.raises(ValueError, match="'grade'"):
        remove_notation(text, kinds=("grade",))
    with pytest.raises(ValueError, match="one character"):
        remove_notation(text, mask="[…]")


PIECES = st.sampled_from(["pT2a", "T3", "NO", "N1", "pN0(sn)", "MX", "M0", "Stage", "IIIA", "FIGO", "II", "Dukes B", "tumor invades fat", "(2/14)", ":", ".", "\n", "(", "[", "İ", "ﬁ", "G2", "T1-weighted", "12 mm"])


@given(st.lists(PIECES | st.text(string.printable, max_size=6), max_size=25).map(" ".join), st.sampled_from([" ", "_", "…"]))
@settings(max_examples=300, deadline=None)
def test_all_else_is_unchanged(text, mask):
    masked = remove_notation(text, mask=mask)
    assert len(masked.removed) == len(masked.kinds) and all(0 <= start < end <= len(text) for start, end in masked.removed)
    assert all(left[1] <= right[0] for left, right in zip(masked.removed, masked.removed[1:]))
    hidden = {place for start, end in masked.removed for place in range(start, end)}
    assert masked.text == "".join(mask if place in hidden else char for place, char in enumerate(text))


@pytest.mark.slow
def test_the_grammar_finds_no_notation(test_bed):
    "After removal the grammar reads T, N or M from their notation in fewer than 0.5 % of the train reports, block and recut labels aside."
    texts = pl.read_parquet(test_bed / "tcga" / "reports.parquet", columns=["text", "split"]).filter(split="train")["text"]
    left = 0
    for text in texts:
        masked = remove_notation(text).text
        found = [finding for finding in GRAMMAR.read(masked).values() if finding.rule.startswith("tnm.")]
        left += any(not masked[slice(*finding.evidence[0])].startswith(("Rct", "RPM", "PM")) for finding in found)
    assert left < 0.005 * len(texts)
