"Codes that look like T, N and M, and codes that several hands have joined or corrected; the right answers are those of a reader with the manual."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.tnm import TNM

READER = Grammar([TNM])


def details(text):
    return {name: finding.detail for name, finding in READER.read(text).items()}


@pytest.mark.parametrize("text, expected", [
    ("Invasive ductal carcinoma. Grade 1 (T2 P2 M1 = 5). pT1c pN0(sn).", {"t": "pT1c", "n": "pN0(sn)"}),
    ("Grade 2 (T3, P2, M1). pT1c pN0.", {"t": "pT1c", "n": "pN0"}),
    ("Histological grade: 3 (T3+P3+M2=8). Stage pT2 pN1a.", {"t": "pT2", "n": "pN1a"}),
    ("Nottingham grade 2 (T3 N2 M1). TNM: pT1b pN0", {"t": "pT1b", "n": "pN0"}),
    ("Grade II, T 3 P 2 M 1, total 6. pT2 pN0", {"t": "pT2", "n": "pN0"}),
    ("Bloom and Richardson grade: III (T=3, N=3, M=2). Staging pT2 pN1", {"t": "pT2", "n": "pN1"}),
    ("pT1c pN0. Nottingham score: T3/P2/M1 (6/9).", {"t": "pT1c", "n": "pN0"}),
    ("Elston-Ellis grade 2: T: 3, P: 2, M: 1. Pathological stage: pT2 pN0 cM0", {"t": "pT2", "n": "pN0", "m": "cM0"}),
    ("Grade 2 (M1 P2 T3). pT1a pN0", {"t": "pT1a", "n": "pN0"}),
    ("GRADE 1 (T2, N1, M1; total score 4). PT1B PN0.", {"t": "pT1b", "n": "pN0"}),
    ("Tubules (T2), nuclear pleomorphism (P2), mitoses (M1). pT1c pN0", {"t": "pT1c", "n": "pN0"}),
    ("Tubule formation T3\nNuclear grade N2\nMitotic count M1\nTNM stage pT1c pN0", {"t": "pT1c", "n": "pN0"}),
    ("Invasive lobular carcinoma grade 2 (T3 N2 M1 = 6)", {}),
    ("Grade: 2 (tubules T3; nuclei N2; mitoses M1)", {}),
    ("Nottingham histologic grade 3 (T3, NP3, M2). pT2, pN1a, M0", {"t": "pT2", "n": "pN1a", "m": "M0"}),
    ("SBR grade I [T1 + N2 + M1]. AJCC: pT1a pNX", {"t": "pT1a", "n": "pNX"}),
    ("Grade 2. T3 N2 M1.", {"t": "T3", "n": "N2", "m": "M1"}),
    ("Breast carcinoma, grade 3, T2 N1 M1", {"t": "T2", "n": "N1", "m": "M1"}),
    ("Nottingham grade 2. Stage: T2 N1 M0", {"t": "T2", "n": "N1", "m": "M0"}),
    ("Nottingham score 6/9. pT2 pN1 pM1", {"t": "pT2", "n": "pN1", "m": "pM1"}),
    ("Stage IV (T3 N2 M1)", {"t": "T3", "n": "N2", "m": "M1"}),
    ("Grade 1 (T2P2M1). pT1c pN0", {"t": "pT1c", "n": "pN0"}),
    ("Histologic grade: G2 (T3 N2 M1). pT2 pN1a", {"t": "pT2", "n": "pN1a"}),
    ("Score: T 3, N 2, M 1 (6). pT1c pN0 cM0", {"t": "pT1c", "n": "pN0", "m": "cM0"}),
    ("Modified Bloom Richardson grade 2 of 3 (T2, N2, M2: total 6 of 9). pT2 pNX", {"t": "pT2", "n": "pNX"}),
    ("Tubular differentiation: T3; nuclear pleomorphism: N2; mitotic rate: M1. pT1b pN0", {"t": "pT1b", "n": "pN0"}),
])
def test_scores_of_a_grade_are_no_stage(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("Colon adenocarcinoma. Cassettes: T1 to T4 tumor and serosa, M1 mesenteric margin, N1 one node bisected.", {}),
    ("Summary of sections: T1-T3 - tumor; N1 - five lymph nodes; M1 - margin. Stage pT3 pN0", {"t": "pT3", "n": "pN0"}),
    ("Block key: M1 proximal margin, M2 distal margin, T1-T5 tumour, N1-N3 lymph nodes.", {}),
    ("Sections submitted as follows:\nT1: tumor\nT2: tumor with ink\nN1: one lymph node\nM1: margin\n", {}),
    ("Gross: labelled T1, T2 tumour; blocks N1 two nodes, M1 mesentery.\nMicroscopic: pT2 pN0", {"t": "pT2", "n": "pN0"}),
    ("Representative sections are submitted in cassettes M1 (margin), N1 (nodes, 4) and T1-T4 (tumor).", {}),
    ("Slide M1 shows the margin, slide N1 two nodes. Pathologic stage: pT1 pN0", {"t": "pT1", "n": "pN0"}),
    ("pT3 pN0. Cassette code: M1 = mesenteric margin; N1 = node, bisected", {"t": "pT3", "n": "pN0"}),
    ("Tumor stage pT3. Block M1: mesenteric resection margin. Block N1: nodes.", {"t": "pT3"}),
    ("Sections: N1 node; M1 muscle margin; pT4a. Stage T4a", {"t": "pT4a"}),
    ("Blocks A1-A5: tumor. Stage: T2 N1 M1", {"t": "T2", "n": "N1", "m": "M1"}),
    ("Cassettes A-F. TNM: T3, N1, M1 (liver).", {"t": "T3", "n": "N1", "m": "M1"}),
    ("Slides reviewed. Distant metastasis (M): M1. pN1", {"n": "pN1", "m": "M1"}),
    ("T1-T4: tumor; N1: one node; M1: mesenteric margin. Pathologic stage pT3 pN0", {"t": "pT3", "n": "pN0"}),
    ("Blocks: N1-N6 lymph nodes, M1-M2 margins. pT2", {"t": "pT2"}),
])
def test_blocks_are_no_stage(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("Corrected report: pT1c instead of pT2.", {"t": "pT1c"}),
    ("pT2 pN0. ADDENDUM: pT2 should read pT1c.", {"t": "pT1c", "n": "pN0"}),
    ("Stage: pT3 pN1.\nAmendment: the T category is pT2 rather than pT3.", {"t": "pT2", "n": "pN1"}),
    ("The tumor is pT1b, not pT2 as previously reported.", {"t": "pT1b"}),
    ("Correction: pT2 pN0 → pT1c pN0", {"t": "pT1c", "n": "pN0"}),
    ("Revised stage pT3 (previously pT2), pN1", {"t": "pT3", "n": "pN1"}),
    ("The category pN1a was entered in error; the correct category is pN0(i+). pT1c", {"t": "pT1c", "n": "pN0(i+)"}),
    ("pT2 pN0. Erratum: stage should read pT1 pN0.", {"t": "pT1", "n": "pN0"}),
    ("pT2 has been changed to pT1c after measuring on the slide.", {"t": "pT1c"}),
    ("pT3 corrected to pT2; nodes pN0", {"t": "pT2", "n": "pN0"}),
    ("Amended report. pT1c replaces pT2 of the first report.", {"t": "pT1c"}),
    ("Stage pT1c (originally reported as pT2).", {"t": "pT1c"}),
    ("Stage pT2 pN0. Addendum 1: stage amended to pT3 pN0. Addendum 2: stage amended to pT2 pN0.", {"t": "pT2", "n": "pN0"}),
    ("AMENDED REPORT: pT1c pN0 (was pT2 pN0)", {"t": "pT1c", "n": "pN0"}),
    ("pT2 pN0. In the original report pT3 was erroneously given as stage.", {"t": "pT2", "n": "pN0"}),
    ("The tumour is upstaged from pT2 to pT3 pN1", {"t": "pT3", "n": "pN1"}),
    ("pT2 is incorrect; it should be pT3. pN0.", {"t": "pT3", "n": "pN0"}),
    ("Right breast: pT1c. Left breast: pT2 (m). pN0 (0/12)", {"t": "pT2", "n": "pN0"}),
    ("pT3 pN1, not involving the margin", {"t": "pT3", "n": "pN1"}),
    ("Amended: right pT1c, left pT2", {"t": "pT2"}),
    ("The stage is pT1c (NOT pT2).", {"t": "pT1c"}),
    ("pT1c pN0. The pT2 given previously is wrong.", {"t": "pT1c", "n": "pN0"}),
    ("Original: pT2 pN0. Corrected: pT1c pN0", {"t": "pT1c", "n": "pN0"}),
    ("T stage revised downward to pT1c from pT2", {"t": "pT1c"}),
])
def test_the_last_valid_category_counts(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("Lung RUL: adenocarcinoma. pT2a C4 pN0 C4 M0 C2", {"t": "pT2a", "n": "pN0", "m": "M0"}),
    ("pT3 (C4) pN1 (C4) M0 (C1)", {"t": "pT3", "n": "pN1", "m": "M0"}),
    ("pT2C4 N1C4 M0C3 stage", {"t": "pT2", "n": "N1", "m": "M0"}),
    ("pT2apN0M0", {"t": "pT2a", "n": "pN0", "m": "M0"}),
    ("pT3pN1aM0R0", {"t": "pT3", "n": "pN1a", "m": "M0"}),
    ("ypT2ypN0cM0", {"t": "ypT2", "n": "ypN0", "m": "cM0"}),
    ("pT2a(m)pN1a(sn)cM0", {"t": "pT2a", "n": "pN1a(sn)", "m": "cM0"}),
    ("pT2aL0V0R0 pN0", {"t": "pT2a", "n": "pN0"}),
    ("pT3-pN1-pM0", {"t": "pT3", "n": "pN1", "m": "pM0"}),
    ("pT2_pN0_cM0", {"t": "pT2", "n": "pN0", "m": "cM0"}),
    ("pT1c,pN0,cM0", {"t": "pT1c", "n": "pN0", "m": "cM0"}),
    ("mpT1cpN0", {"t": "pT1c", "n": "pN0"}),
    ("rpT2 rpN0", {"t": "rpT2", "n": "rpN0"}),
    ("TNM:pT2bpN0", {"t": "pT2b", "n": "pN0"}),
    ("stage=pT4aN2bM0", {"t": "pT4a", "n": "N2b", "m": "M0"}),
    ("pT2^pN0^cM0", {"t": "pT2", "n": "pN0", "m": "cM0"}),
    ("FINAL\\.br\\Stage:\\.br\\pT2\\.br\\pN1a\\.br\\cM0", {"t": "pT2", "n": "pN1a", "m": "cM0"}),
    ("OBX|5|ST|x||INVASIVE CARCINOMA~pT1c~pN0~cM0||||||F", {"t": "pT1c", "n": "pN0", "m": "cM0"}),
    ("Diagnosis: carcinoma\\X0D\\\\X0A\\pT3 N1 M0", {"t": "pT3", "n": "N1", "m": "M0"}),
    ("\\H\\pT2 N0\\N\\ cM0", {"t": "pT2", "n": "N0", "m": "cM0"}),
    ("pT2&pN0&cM0", {"t": "pT2", "n": "pN0", "m": "cM0"}),
    ("pT1c(2)N1a(3/12)M0G2R0L1V0", {"t": "pT1c", "n": "N1a", "m": "M0"}),
    ("pT3N1bM0", {"t": "pT3", "n": "N1b", "m": "M0"}),
    ("T1cN0(i-)(sn)M0", {"t": "T1c", "n": "N0(i-)(sn)", "m": "M0"}),
    ("pT2 L0 V0 Pn0 N0 M0", {"t": "pT2", "n": "N0", "m": "M0"}),
    ("pT3 L1 V1 Pn1 pN2a cM0", {"t": "pT3", "n": "pN2a", "m": "cM0"}),
    ("pT2aN1bM0G2R0", {"t": "pT2a", "n": "N1b", "m": "M0"}),
    ("pT1c(mf)pN0", {"t": "pT1c", "n": "pN0"}),
    ("(y)pT2 (y)pN1", {"t": "pT2", "n": "pN1"}),
    ("pT3b/pN1/M0", {"t": "pT3b", "n": "pN1", "m": "M0"}),
    ("pT2pNXpMX", {"t": "pT2", "n": "pNX", "m": "pMX"}),
])
def test_joined_codes(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("pT1b: Tumor > 4 cm but <= 7 cm in greatest dimension, limited to the kidney.", {"t": "pT1b"}),
    ("pT2: Tumor > 20 mm but <= 50 mm\npN1a: Metastases in 1 to 3 axillary lymph nodes, at least 1 larger than 2.0 mm", {"t": "pT2", "n": "pN1a"}),
    ("Primary tumor (pT): pT3 Tumor invades through the muscularis propria into pericolorectal tissues\nRegional lymph nodes (pN): pN0 No regional lymph node metastasis", {"t": "pT3", "n": "pN0"}),
    ("pT category: pT2 (tumor more than 2 cm but not more than 5 cm; T1 would be up to 2 cm)", {"t": "pT2"}),
    ("pT4a: Tumor invades through visceral peritoneum (T4b: other organs)", {"t": "pT4a"}),
    ("pT2 - Tumor larger than T1 but not exceeding 5 cm. pN0", {"t": "pT2", "n": "pN0"}),
    ("16736.1^pT2: Tumor > 20 mm but <= 50 mm in greatest dimension^CAPECC", {"t": "pT2"}),
    ("pN1mi: Micrometastases (approximately 200 cells, larger than 0.2 mm, but none larger than 2.0 mm). pT1c", {"t": "pT1c", "n": "pN1mi"}),
])
def test_a_definition_behind_a_category_changes_nothing(text, expected):
    assert details(text) == expected


@pytest.mark.parametrize("text", ["Colon: adenocarcinoma. pTX pNX pMX", "Stage: TX NX MX", "pT2 pNX; no lymph nodes submitted", "pT3 pNX. Lymph nodes: 0/14", "Primary tumor (pT): Cannot be assessed. Regional lymph nodes (pN): pNX", "pT1c, pN x, pM x", "Regional nodes (pN): cannot be assessed\nDistant metastasis (pM): not assessed"])
def test_what_was_not_assessed_has_no_label(text):
    for name, finding in READER.read(text).items():
        assert finding.label is None if finding.detail.endswith("X") else finding.label == finding.detail.lstrip("p")[:2], name
    assert any(finding.detail.endswith("X") for finding in READER.read(text).values())


@pytest.mark.parametrize("text, expected", [("Features of pT4 are not seen; pT3.", "pT3"), ("Criteria for pT4a are not met. pT3 pN0", "pT3"), ("pT3 is present.", "pT3")])
def test_a_denied_category_is_none(text, expected):
    assert READER.read(text)["t"].detail == expected


@pytest.mark.parametrize("text, expected", [("Lung: adenocarcinoma pT1b. N2 nodes: negative; N1 nodes: 1 of 3 positive.", None), ("Lung: adenocarcinoma. N2 lymph nodes: 0/3.", None), ("Lung: adenocarcinoma, pT2 N1, nodes 3/12.", "N1"), ("Nodes: cN1-2.", "cN1"), ("No metastases in the N2 lymph nodes. Pathologic stage T2 N1 MX.", "N1")])
def test_stations_called_by_a_category_are_no_category(text, expected):
    found = READER.read(text).get("n")
    assert (found and found.detail) == expected


@pytest.mark.parametrize("text, expected", [
    ("Block Sect. Site PCs\n1 RPB 1\n1 RPM 1\n1 RSV 1\nPart 2: lymph nodes", None), ("1. dm. 1. 1. pm. 1. 1. rs. 1.", None), ("frozen at -80 degrees and in RPMI. Sections:", None), ("PROCEDURE: APMI. Addendum.", None), ("FS2, PM1, PM2: parametrium", None), ("3-PM1-3 -M (remainder of the margin)", None),
    ("Distant metastasis (pM)\n_ pMX: cannot be assessed\n_ pM1: Distant metastasis\n", None), ("Distant Metastasis (pM). Not applicable. pM1: Distant metastasis. Specify site(s), if known:", None), ("Block. Site. PCs. 1. fsc. 2. 1. pn. 1. Part 4", None),
    ("Distant metastasis: pM 1 (liver)", "M1"), ("pT3 pN1 pM 1", "M1"), ("Metastatic carcinoma in the omentum (pMI)", "M1"), ("pT2_pN0_pM1", "M1"), ("pM1", "M1"), ("M STAGE, PATHOLOGIC: pM1", "M1"),
])
def test_codes_of_places_and_blanks_are_no_distant_metastasis(text, expected):
    found = READER.read(text)
    assert (found["m"].label if "m" in found else None) == expected
    assert expected or "n" not in found or found["n"].label is None


@pytest.mark.parametrize("text, expected", [("pT2 per AJCC if > 2 cm. Breast: carcinoma pT1c.", "pT1c"), ("At least pT2NX; pT4NX if the capsular disruption represents extension.", "pT2")])
def test_a_category_under_a_condition_is_none(text, expected):
    assert READER.read(text)["t"].detail == expected


@pytest.mark.parametrize("text, expected", [
    ("Pathologic stage: AJCC (pT1),. (pT2). Related biopsy: none.", "pT1"), ("AJCC: pT2. Tumor stage by the old system pT3.", "pT2"),
    ("Two primaries, each staged as pT2N0. Alternatively, one may be a metastasis (would be staged as pT4N0Mx).", "pT2"), ("In the older edition this tumor would be staged as pT3.", "pT3"),
])
def test_the_category_of_ajcc_and_the_alternative(text, expected):
    assert READER.read(text)["t"].detail == expected
