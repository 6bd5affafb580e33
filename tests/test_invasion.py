"Vessels, nerves and margins, phrase by phrase. The phrases are invented."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.invasion import find_structure, INVASION
from cancer_staging.rules.margin import MARGIN

GRAMMAR = Grammar([INVASION, MARGIN])
SILENT = "silent"


def label(text: str, field: str) -> str | None:
    found = GRAMMAR.read(text)
    return found[field].label if field in found else SILENT


VESSELS = [
    ("Lymphovascular invasion: Not identified", "absent"),
    ("Lymphovascular invasion:                                        \n          Present, extensive", "present"),
    ("Lymph-Vascular Invasion: None", "absent"),
    ("Angiolymphatic invasion: Focal", "present"),
    ("ANGIOLYMPHATIC INVASION IS IDENTIFIED.", "present"),
    ("Angiolymphatic. invasion is absent.", "absent"),
    ("NO LYMPHOVASCULAR SPACE INVASION IS SEEN.", "absent"),
    ("There is no definite evidence of lymphatic or vascular invasion.", "absent"),
    ("Lymphatic/vascular space invasion (LVSI): Yes", "present"),
    ("LVI: NOT IDENTIFIED", "absent"),
    ("Invasive carcinoma with extensive lymphovascular invasion.", "present"),
    ("Blood vessel invasion (large vessel): Negative. Lymphatic (small vessel) invasion: Present.", "present"),
    ("Venous invasion: absent. Lymphatic invasion: absent.", "absent"),
    ("Vascular invasion [ ] present [x] absent", "absent"),
    ("Vascular invasion present [x] absent [ ]", "present"),
    ("Lymphovascular invasion (-)", "absent"),
    ("pT3 pN1 (2/17) L1 V0 R0", "present"),
    ("pT3 pNO (0/17) LO VO RO", "absent"),
    ("Tumor emboli are present in peritumoral lymphatics.", "present"),
    ("Cancerous invasion of the blood vessels.", "present"),
    ("Carcinomatous lymphangitis is found.", "present"),
    ("Invasio carcinomatosa vasorum.", "present"),
    ("LYMPHATICNASCULAR INVASION IS PRESENT", "present"),
    ("The margins are free of tumor. Lymphovascular invasion is present.", "present"),
    ("Suspicious for lymphovascular invasion.", None),
    ("Vascular/Lymphatic Invasion: Indeterminate", None),
    ("Ductal carcinoma, pT4bN3aL1V0R0.", "present"),
    ("pT2NOLOVORO", "absent"),
    ("pT1cN1aLIVORO.", "present"),
    ("Carcinoma-free margins (L0, V0), R0", "absent"),
    ("Tumor stage: pT3 pN0 M0 (LO/V0), RO", "absent"),
    ("Extensive dermal lymphovascular extension identified.", "present"),
    ("Dermal lymphovascular invasion: present", "present"),
    ("Dermal lymphatic invasion: not identified", SILENT),
    ("Lymphovascular invasion: ( ) absent  ( ) present", SILENT),
    ("Lymphovascular invasion present [ ] absent [ ]", SILENT),
    ("Lymphovascular invasion: [X] absent  [ ] present", "absent"),
    ("Lymphovascular invasion ( ) absent  (x) present", "present"),
    ("LYMPHOVASCULAR INVASI0N: NOT IDENTIFIED", "absent"),
    ("Lymphovascu1ar invas ion: Present", "present"),
    ("NOLYMPHOVASCULAR INVASION IDENTIFIED.", "absent"),
    ("Lymphovas cular invasion: absent", "absent"),
    ("TUBULOVILLOUS ADENOMA, pT1", SILENT),
    ("VENOUS (LARGE VESSEL) INVASION (V) : Absent.", "absent"),
    ("Lymphatic invasion: Not specifiedVenous invasion: Not specified", None),
    ("Invasion Vasc/Lymphatic: Invasion Perineural: Absent.", SILENT),
    ("Consistent with lymphovascular invasion\nOvaries and tubes: negative.", "present"),
    ("Lymphocytic infiltration\nVascular invasion\nDiffuse", SILENT),
    ("Lymphovascular invasion: Not specified", SILENT),
    ("ANGIOLYMPHATIC INVASION: SEMINAL VESICLE INVASION: NO", SILENT),
    ("Metastasis with lymph node involvement.", SILENT),
    ("Lymphocytic infiltration: present", SILENT),
    ("Renal vein invasion: present", SILENT),
    ("The vascular margin is submitted in A4.", SILENT),
]


@pytest.mark.parametrize("text, expected", VESSELS)
def test_vessels(text, expected):
    assert label(text, "lymphovascular_invasion") == expected


NERVES = [
    ("Perineural invasion: Present", "present"),
    ("PERINEURAL INVASION IS NOT IDENTIFIED", "absent"),
    ("No vascular or perineural invasion.", "absent"),
    ("Angiolymphatic and perineural invasion seen.", "present"),
    ("Neural infiltration: not detected", "absent"),
    ("Venous and perineural invasion not observed", "absent"),
    ("Perineural: not identified", "absent"),
    ("Lymphovascular invasion is not identified, perineural invasion is focally identified", "present"),
    ("pT3 pN0 L0 V0 Pn1", "present"),
    ("pT3 pN1 (2/9) cM0 Pn0 R0", "absent"),
    ("pT2 pn1 R0", SILENT),
    ("Lymphovascular invasion:\tno\nPerineural invasion:\tyes", "present"),
    ("Perineural. H. invasion is not identified.", "absent"),
    ("Perineural invasion ( ) absent  ( ) present", SILENT),
    ("PERINEURAL INVASIONPRESENT.", "present"),
    ("F.MARGINS ARE FREE OF CARCINOMA.G.PERINEURAL INVASION IS IDENTIFIED.", "present"),
    ("Seminal vesicle invasion: NoPERINEURAL INVASION: Yes", "present"),
    ("Infraorbital nerve: squamous carcinoma in perineural space.", "present"),
    ("pT3 L1 V1 pN0", SILENT),
    ("Perineural invasion cannot be determined", SILENT),
    ("Segment of vagus nerve present.", SILENT),
]


@pytest.mark.parametrize("text, expected", NERVES)
def test_nerves(text, expected):
    assert label(text, "perineural_invasion") == expected


MARGINS = [
    ("Margins: Negative", "negative"),
    ("ALL SURGICAL MARGINS ARE FREE OF TUMOR.", "negative"),
    ("Surgical margins uninvolved by invasive carcinoma.", "negative"),
    ("Tumor-free oral and aboral resection margins.", "negative"),
    ("Incision lines free of neoplastic lesions.", "negative"),
    ("Invasive carcinoma is 3 mm from the deep margin.", "negative"),
    ("Distance of invasive tumor to closest margin: 0.4 cm", "negative"),
    ("No tumor is seen at the inked margins.", "negative"),
    ("Surgical margins involved: No", "negative"),
    ("Proximal resection margin (-). Distal resection margin (-).", "negative"),
    ("pT2 pN0 (0/12) L0 V0 R0", "negative"),
    ("Is tumor transected: No", "negative"),
    ("Surgical borders are clear.", "negative"),
    ("Margins\nUrethral: Free of neoplasm", "negative"),
    ("4) Resection margin. Free from carcinoma. 5) Size: 4 cm", "negative"),
    ("Carcinoma extends to within 1 mm of the line of resection.", "negative"),
    ("Incision lines off cancer invaded area.", "negative"),
    ("At the resection margins the tumor was completely removed.", "negative"),
    ("SURGICAL MARGINS; FRBE OF TUMOR.", "negative"),
    ("A tumor is identified, 3.5 cm frcm the distal margin and 7 cm from the proximal margin.", "negative"),
    ("pT3N1aL1V0R0", "negative"),
    ("L0, V0, R local 0", "negative"),
    ("Resection margins: [X] free of tumor  [ ] involved by tumor", "negative"),
    ("Carcinoma extends to the inked superior margin. Final margins negative, closest 3 mm to inferior.", "negative"),
    ("Resection margins: ( ) free of tumor  (x) involved by tumor", "positive"),
    ("Comments: irradical resection.", "positive"),
    ("Margin(s) positive: Posterior margin - 2 mm. Margin(s) negative: Superior: > 1 cm.", "positive"),
    ("- MARGIN OF RESECTION POSITIVE FOR CARCINOMA.\n2. RIGHT NODES, EXCISION:\n - no tumor", "positive"),
    ("Proximal margin - involvement by lymphatic emboli. Distal margin - free.", "positive"),
    ("Resection margins: ( ) free of tumor  ( ) involved by tumor", SILENT),
    ("GROSS DESCRIPTION: The wall 1 cm from the line of resection shows ulcerated tumor.", SILENT),
    ("Comments: radical resection.", SILENT),
    ("Margins: Positive", "positive"),
    ("Tumor extends to the inked lateral margin.", "positive"),
    ("INVASIVE CARCINOMA INVOLVES THE DEEP MARGIN.", "positive"),
    ("Carcinoma is present at the radial margin.", "positive"),
    ("Proximal margin: uninvolved. Distal margin: uninvolved. Circumferential (radial) margin: involved by carcinoma.", "positive"),
    ("Deep margin is positive; all other margins are negative.", "positive"),
    ("Margin(s): Positive, inferior", "positive"),
    ("The margins are not free of tumor.", "positive"),
    ("pT3 pN1 (2/12) L1 V0 R1", "positive"),
    ("Invasive carcinoma is present at the medial margin. New medial margin, excision: no tumor seen.", "negative"),
    ("Invasive carcinoma is present at the medial margin. New lateral margin, excision: no tumor seen.", "positive"),
    ("Margins are negative for invasive carcinoma. Medial margin is involved by DCIS.", "negative"),
    ("INTRAOPERATIVE CONSULTATION: Tumor at the deep margin.\nFINAL DIAGNOSIS: Margins: Negative", "negative"),
    ("GROSS DESCRIPTION: The tumor extends to the deep margin.\nFINAL DIAGNOSIS: The surgical margins are free of tumor.", "negative"),
    ("The margins cannot be assessed.", None),
    ("Margins: Not specified", SILENT),
    ("A3: deep margin. A4: tumor and lateral margin.", SILENT),
    ("The anterior margin is inked blue.", SILENT),
    ("SURGICAL MARGINS INVOLVED BY INVASIVE COMPONENT: LYMPH NODES POSITIVE: 1", SILENT),
    ("The tumor has an infiltrating margin.", SILENT),
]


@pytest.mark.parametrize("text, expected", MARGINS)
def test_margins(text, expected):
    assert label(text, "margin") == expected


def test_evidence_is_the_words_that_prove_it():
    text = "İ. No lymphovascular or perineural invasion is seen. Invasive carcinoma extends to the\ninked deep margin."
    evidence = {name: [text[start:end] for start, end in finding.evidence] for name, finding in GRAMMAR.read(text).items()}
    assert evidence["perineural_invasion"] == ["No lymphovascular or perineural invasion"]
    assert evidence["margin"] == ["extends to the\ninked deep margin"]


@pytest.mark.parametrize("text, kind", [
    ("Lymphovascular invasion: absent", "invasion.label"),
    ("Lymphovascular invasion is absent", "invasion.prose"),
    ("Carcinoma with lymphovascular invasion", "invasion.prose"),
    ("pT3 pN1 L1 V0", "invasion.code"),
    ("Ductal carcinoma, lymphovascular invasion, necrosis.", "invasion.bare"),
])
def test_how_the_report_says_it_is_told(text, kind):
    assert GRAMMAR.read(text)["lymphovascular_invasion"].rule == kind


@pytest.mark.parametrize("name, vessel, nerve", [
    ("lymphovascular invasion", True, False), ("lymphaticnascular invasion", True, False), ("lymphovas cu1ar invasion", True, False), ("large vessel invasion", True, False),
    ("perineural invasion", False, True), ("perinerual invasion", False, True), ("venous and perineural invasion", True, True),
    ("lymphoid infiltration", False, False), ("lymph node involvement", False, False), ("capsular invasion", False, False), ("portal venous invasion", False, False)])
def test_which_names_are_vessels_and_which_nerves(name, vessel, nerve):
    head = name.rindex(" ") + 1
    found = find_structure(name, head, len(name))
    assert (found is not None and found.vessel, found is not None and found.nerve) == (vessel, nerve)
