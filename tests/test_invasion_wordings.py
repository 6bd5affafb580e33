"Vessels and nerves as hospitals word them: abbreviations, codes, lists, and negations that deny or only seem to. The reports are invented; what is right follows CAP's and UICC's definitions."
import pytest

from cancer_staging.rules.assembly import GRAMMAR

SILENT = "silent"


def labels(report: str) -> tuple[str | None, str | None]:
    found = GRAMMAR.read(report)
    return tuple(found[field].label if field in found else SILENT for field in ("lymphovascular_invasion", "perineural_invasion"))


SHORT = [  # report, vessels, nerves
    ("LVI pos, PNI neg", "present", "absent"),
    ("LVI: Y   PNI: N", "present", "absent"),
    ("LVI: N, PNI: Y", "absent", "present"),
    ("LVI: yes. PNI: no.", "present", "absent"),
    ("PNI: absent", SILENT, "absent"),
    ("PNI - present", SILENT, "present"),
    ("PNI present, LVI absent.", "absent", "present"),
    ("PNI is not identified.", SILENT, "absent"),
    ("No LVI or PNI.", "absent", "absent"),
    ("No LVI/PNI seen.", "absent", "absent"),
    ("LVI, PNI: absent", "absent", "absent"),
    ("LVI and PNI: not identified", "absent", "absent"),
    ("LVI and PNI are present.", "present", "present"),
    ("LVI/PNI: absent/present", "absent", "present"),
    ("LVI / PNI: -/+", "absent", "present"),
    ("LVI +, PNI -", "present", "absent"),
    ("LVI(+) PNI(-)", "present", "absent"),
    ("LVI+", "present", SILENT),
    ("LVI: -", "absent", SILENT),
    ("LVI = negative; PNI = positive", "absent", "present"),
    ("LVI -ve, PNI +ve", "absent", "present"),
    ("LVI+/PNI-", "present", "absent"),
    ("Lymphovascular invasion - N", "absent", SILENT),
    ("LVSI: negative", "absent", SILENT),
    ("LVSI is seen.", "present", SILENT),
    ("LVSI: substantial", "present", SILENT),
    ("ALI: absent", "absent", SILENT),
    ("ALI present; PNI absent", "present", "absent"),
    ("EMVI: positive", "present", SILENT),
    ("EMVI not identified. Lymphatic invasion present.", "present", SILENT),
    ("LI: absent, VI: present", "present", SILENT),
    ("VI: absent", "absent", SILENT),
    ("Lymphovascular invasion (LVI): 0", "absent", SILENT),
    ("Lymphovascular invasion: 0 (not present)", "absent", SILENT),
    ("LVI: 1 (present)", "present", SILENT),
    ("Vascular invasion: 1\nG. Tumor capsule: 2", SILENT, SILENT),
    ("- NO RENAL VEIN INVASION IS IDENTIFIED. - ALI, SURGICAL MARGINS ARE FREE.", SILENT, SILENT),
    ("LVI : 0\nPNI : 0", "absent", "absent"),
    ("Lymphovascular invasion | No\nPerineural invasion | Yes", "absent", "present"),
    ("LVI\tabsent\nPNI\tpresent", "absent", "present"),
    ("Invasive ductal carcinoma.\\.br\\PNI: present\\.br\\LVI: absent\\.br\\Margins: negative", "absent", "present"),
    ("pT2 PNI (2/12) M0", SILENT, SILENT),
    ("TNM: T2 PNI MX", SILENT, SILENT),
    ("VI. Lymph nodes: absent tumour", SILENT, SILENT),
    ("Part VI: Present in formalin is a nodule.", SILENT, SILENT),
    ("LVI: n/a", SILENT, SILENT),
    ("LVI: ___", SILENT, SILENT),
    ("LVI: indeterminate, PNI: suspicious", None, None),
]

CODES = [
    ("pT3 pN1 L1 V0 Pn1 R0", "present", "present"),
    ("pT3pN1a(1/18)L1V0Pn1R0G2", "present", "present"),
    ("pT3, INFb, Ly1b, V0, Pn0, pPM0, pDM0, pRM0, pN1a(2/18)", "present", "absent"),
    ("pT2, INFa, ly0, v0, pn0, pN0", "absent", SILENT),
    ("pT2 Ly0 V1a Pn1b", "present", "present"),
    ("pT1b, ly0, v0", "absent", SILENT),
    ("pT3 N1 V0 L0 Pn0", "absent", "absent"),
    ("pT2, ly (+), v (-)", "present", SILENT),
    ("T3N1M0L1V1Pn1", "present", "present"),
    ("Lymphatic invasion (L): L0. Venous invasion (V): V0. Perineural invasion (Pn): Pn1", "absent", "present"),
    ("pT3 N0 L0 V0 Pn0", "absent", "absent"),
    ("pT3 pN2 M0 L1 R0", "present", SILENT),
    ("pT3 pN0 V1 Pn0 R0", "present", "absent"),
    ("pT3 pN0 V0 R0", SILENT, SILENT),
    ("Metastasis in L1 and T12.", SILENT, SILENT),
    ("Laminectomy L1, L2. pT2", SILENT, SILENT),
]

SCOPE = [
    ("Perineural invasion, lymphovascular invasion and extranodal extension are absent.", "absent", "absent"),
    ("Lymphovascular invasion, margin involvement and necrosis are not identified.", "absent", SILENT),
    ("Perineural invasion and extranodal extension are not seen.", SILENT, "absent"),
    ("Vascular invasion, necrosis, and perineural invasion: not identified", "absent", "absent"),
    ("Lymphovascular invasion and tumor necrosis were not observed.", "absent", SILENT),
    ("LYMPHOVASCULAR INVASION, PERINEURAL INVASION, AND CALCIFICATIONS NOT SEEN.", "absent", "absent"),
    ("Lymphovascular invasion, necrosis and perineural invasion are present.", "present", "present"),
    ("Perineural invasion and extranodal extension are identified.", SILENT, "present"),
    ("There is no necrosis, calcification, lymphovascular invasion or perineural invasion.", "absent", "absent"),
    ("No evidence of in situ carcinoma, necrosis, lymphovascular invasion, or perineural invasion.", "absent", "absent"),
    ("Neither necrosis nor lymphovascular invasion is seen.", "absent", SILENT),
    ("Neither perineural nor angiolymphatic invasion was identified.", "absent", "absent"),
    ("Tumor with perineural invasion and no lymphovascular invasion.", "absent", "present"),
    ("Carcinoma with lymphovascular invasion and without perineural invasion.", "present", "absent"),
    ("Lymphovascular invasion is present without perineural invasion.", "present", "absent"),
    ("There is lymphovascular invasion but not perineural invasion.", "present", "absent"),
    ("The tumor is without perineural invasion but shows lymphovascular invasion.", "present", "absent"),
    ("No necrosis, but lymphovascular invasion is present.", "present", SILENT),
    ("No nodal metastasis; lymphovascular invasion is present.", "present", SILENT),
    ("Necrosis is absent, lymphovascular invasion is present.", "present", SILENT),
    ("Lymphovascular and perineural invasion: absent and present, respectively.", "absent", "present"),
    ("Lymphovascular invasion and perineural invasion are absent and present, respectively.", "absent", "present"),
    ("The following are not identified: necrosis, lymphovascular invasion, perineural invasion.", "absent", "absent"),
    ("Present: lymphovascular invasion. Absent: perineural invasion.", "present", "absent"),
    ("There is no perineural invasion although lymphovascular invasion is present.", "present", "absent"),
    ("Lymphatic invasion present; venous invasion absent.", "present", SILENT),
    ("Lymphatic and/or vascular invasion: Small vessel: Not identified. Large vessel (venous): Present, extramural.", "present", SILENT),
    ("Lymphatic and/or vascular invasion:\nSmall vessel: Present\nLarge vessel (venous): Not identified", "present", SILENT),
    ("Vascular invasion: Large vessel: not identified. Small vessel: not identified.", "absent", SILENT),
    ("Lymphovascular invasion present, margins are not involved.", "present", SILENT),
    ("Perineural invasion, and no extranodal extension.", SILENT, "present"),
    ("No perineural invasion, lymphovascular invasion is present.", "present", "absent"),
    ("No nodes involved, lymphovascular invasion present.", "present", SILENT),
    ("Tumor lacks lymphovascular invasion.", "absent", SILENT),
    ("Angioinvasion: absent", "absent", SILENT),
    ("Angioinvasion: present (2 foci)", "present", SILENT),
    ("Nerve sheath invasion is present.", SILENT, "present"),
    ("No nerve sheath invasion.", SILENT, "absent"),
    ("Invasion of nerve sheaths is seen.", SILENT, "present"),
    ("Malignant peripheral nerve sheath tumor.", SILENT, SILENT),
]

SEEMING = [
    ("Lymphovascular invasion is not only present but extensive.", "present", SILENT),
    ("Not only lymphovascular invasion but also perineural invasion is present.", "present", "present"),
    ("Perineural invasion is not just focal but extensive.", SILENT, "present"),
    ("Lymphovascular invasion is not merely present but widespread.", "present", SILENT),
    ("Lymphovascular invasion has not been ruled out.", None, SILENT),
    ("Lymphovascular invasion is not ruled out.", None, SILENT),
    ("Lymphovascular invasion could not be excluded.", None, SILENT),
    ("Perineural invasion has not been excluded.", SILENT, None),
    ("Perineural invasion cannot be entirely excluded.", SILENT, None),
    ("Cannot exclude lymphovascular invasion.", None, SILENT),
    ("Cannot rule out perineural invasion.", SILENT, None),
    ("The presence of lymphovascular invasion cannot be ruled out.", None, SILENT),
    ("Lymphovascular invasion is difficult to exclude.", None, SILENT),
    ("It is not possible to exclude lymphovascular invasion.", None, SILENT),
    ("Lymphovascular invasion is not to be excluded.", None, SILENT),
    ("It is not clear whether lymphovascular invasion is present.", None, SILENT),
    ("It cannot be determined whether there is perineural invasion.", SILENT, None),
    ("Lymphovascular invasion is not uncommon in this tumour and is present here.", "present", SILENT),
    ("Perineural invasion is not unusual in this entity and is seen here.", SILENT, "present"),
    ("No increase in perineural invasion compared with the biopsy.", SILENT, SILENT),
    ("No change in lymphovascular invasion since the biopsy.", SILENT, SILENT),
    ("No clear evidence of lymphovascular invasion can be identified.", "absent", SILENT),
    ("No identifiable invasion of the vessels and no extraprostatic growth.", "absent", SILENT),
    ("CD31 was done to establish whether there was vessel invasion. No vessel invasion was detected.", "absent", SILENT),
    ("There is no doubt about lymphovascular invasion.", SILENT, SILENT),
    ("No further lymphovascular invasion in the re-excision.", SILENT, SILENT),
    ("Lymphovascular invasion is not extensive.", SILENT, SILENT),
    ("Although not extensive, lymphovascular invasion is present.", "present", SILENT),
    ("No fewer than three foci of lymphovascular invasion.", "present", SILENT),
    ("No additional foci of lymphovascular invasion.", SILENT, SILENT),
    ("Without doubt there is lymphovascular invasion.", "present", SILENT),
    ("Lymphovascular invasion is not absent.", SILENT, SILENT),
    ("Lymphovascular invasion is not limited to the periphery.", SILENT, SILENT),
    ("Lymphovascular invasion, although looked for, is not found.", SILENT, SILENT),
    ("Lymphovascular invasion: none", "absent", SILENT),
    ("Lymphovascular invasion is not a feature.", "absent", SILENT),
    ("Lymphovascular invasion has been excluded.", "absent", SILENT),
    ("Lymphovascular invasion is ruled out by D2-40.", "absent", SILENT),
    ("Lymphovascular invasion: not otherwise specified", SILENT, SILENT),
    ("Perineural invasion\nThe patient presents with a mass.", SILENT, SILENT),
]


@pytest.mark.parametrize("report, vessels, nerves", [*SHORT, *CODES, *SCOPE, *SEEMING])
def test_invasion_is_what_is_printed(report, vessels, nerves):
    assert labels(report) == (vessels, nerves)


@pytest.mark.parametrize("told, vessels", [
    ("No lymphovascular invasion other than in one focus.", "present"), ("No LVI except for a single small vessel.", "present"), ("LVI: not identified, apart from rare dermal lymphatics.", "present"),
    ("No lymphovascular invasion except as noted.", "absent"), ("No lymphovascular invasion; margins free except one focus.", "absent"),
])
def test_an_exception_is_found_after_all(told, vessels):
    assert labels(f"Colon, resection: adenocarcinoma. {told}")[0] == vessels


@pytest.mark.parametrize("told, vessels, nerves", [
    ("Absent: LVI. Present: PNI.", "absent", "present"), ("Positive for: LVI. Negative for: PNI.", "present", "absent"), ("Not identified: lymphovascular invasion, perineural invasion.", "absent", "absent"), ("Negative for: LVI, PNI.", "absent", "absent"),
])
def test_a_status_heads_a_list(told, vessels, nerves):
    assert labels(f"Colon, resection: adenocarcinoma. {told}") == (vessels, nerves)


@pytest.mark.parametrize("told, vessels, nerves", [
    ("Keine Lymphangiosis, keine H\u00e4mangiosis.", "absent", SILENT), ("Lymphangiosis carcinomatosa.", "present", SILENT), ("Perineuralscheideninvasion nachweisbar (Pn1).", SILENT, "present"), ("V1a, L2, Pn1b", "present", "present"), ("V0, L0, Pn0", "absent", "absent"),
    ("LV invasion +", "present", SILENT), ("LV invasion: absent", "absent", SILENT),
])
def test_german_words_and_codes(told, vessels, nerves):
    assert labels(f"Kolon, Resektion: Adenokarzinom. {told}") == (vessels, nerves)


@pytest.mark.parametrize("told, vessels, nerves", [
    ("There is perineural but no lymphovascular invasion.", "absent", "present"), ("Lymphatic but no venous invasion.", "present", SILENT), ("No LVI assessable.", SILENT, SILENT), ("Perineural invasion, not originally commented upon, is seen in block A6. Perineural invasion is present.", SILENT, "present"),
    ("Lymphovascular invasion, previously reported as present on the core, was reviewed. Final: LVI absent.", "absent", SILENT),
])
def test_what_is_found_beside_what_is_not(told, vessels, nerves):
    assert labels(f"Colon, resection: adenocarcinoma. {told}") == (vessels, nerves)
