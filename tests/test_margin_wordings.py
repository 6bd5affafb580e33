"Margins as hospitals word them: denied subjects, lists, incomplete excision, the circumferential margin, ink and R categories. The reports are invented; what is right follows CAP's and RCPath's protocols."
import pytest

from cancer_staging.rules.assembly import GRAMMAR

SILENT = "silent"


def label(report: str) -> str | None:
    found = GRAMMAR.read(report)
    return found["margin"].label if "margin" in found else SILENT


DENIED_SUBJECT = [
    ("None of the margins is involved.", "negative"),
    ("None of the resection margins are involved by tumor.", "negative"),
    ("NONE OF THE SURGICAL MARGINS CONTAINS CARCINOMA.", "negative"),
    ("No margin is positive.", "negative"),
    ("No surgical margin shows tumour.", "negative"),
    ("No margin contains carcinoma.", "negative"),
    ("Neither the proximal nor the distal margin is involved.", "negative"),
    ("Neither resection margin shows carcinoma.", "negative"),
    ("Neither margin is involved by tumor.", "negative"),
    ("Margins involved: none", "negative"),
    ("Margins involved: 0/6", "negative"),
    ("Margins positive: 0 of 4", "negative"),
    ("0 of 4 margins involved.", "negative"),
    ("0/4 margins positive", "negative"),
    ("Zero of six margins involved by tumor.", "negative"),
    ("Zero margins involved.", "negative"),
    ("0 margins positive", "negative"),
    ("Positive margins: 0/4", "negative"),
    ("Not one margin is involved.", "negative"),
    ("Neither the ureter nor the vascular margin is involved by tumor.", "negative"),
    ("None of the above margins is involved.", "negative"),
    ("The tumor involves neither margin.", "negative"),
    ("Tumour reaches none of the margins.", "negative"),
    ("No positive margins.", "negative"),
    ("No involved margins are seen.", "negative"),
    ("There is no margin involvement.", "negative"),
    ("No evidence of margin involvement.", "negative"),
    ("Positive margins: none", "negative"),
    ("Involved margins: None", "negative"),
    ("Margin involvement: none", "negative"),
    ("Number of margins involved: 0", "negative"),
    ("Involved margins: 0", "negative"),
    ("Tumor present at margin? No", "negative"),
    ("Margin involvement by tumor: not identified", "negative"),
    ("The tumor does not involve any of the margins.", "negative"),
    ("The resection is without involvement of the margins.", "negative"),
    ("Margins are not positive.", "negative"),
    ("1 of 6 margins involved.", "positive"),
    ("Margins: 2 of 6 involved.", "positive"),
    ("Only the deep margin is involved.", "positive"),
    ("Only one margin is positive.", "positive"),
    ("Involved margins: deep", "positive"),
    ("Positive margins: anterior and deep.", "positive"),
    ("Margin involvement: present", "positive"),
    ("None of the margins is free of tumor.", "positive"),
    ("No margin is free of tumor.", "positive"),
    ("No free margin is seen; carcinoma reaches the ink everywhere.", "positive"),
    ("The margin is not negative.", "positive"),
    ("There is no node with tumor. The deep margin is involved.", "positive"),
    ("No lymphovascular invasion. Deep margin is positive.", "positive"),
]

LISTS = [
    ("Margins: superior - negative; inferior - POSITIVE; medial - negative.", "positive"),
    ("Margins - anterior: clear; posterior: involved; deep: clear.", "positive"),
    ("Margins: medial clear, lateral involved, deep clear.", "positive"),
    ("Margins: superior: neg; inferior: pos; deep: neg", "positive"),
    ("Margins:\n  Superior: negative\n  Inferior: positive\n  Deep: negative", "positive"),
    ("MARGINS:\nProximal: Free of tumor\nDistal: Free of tumor\nRadial: Involved by carcinoma", "positive"),
    ("Margin status: anterior (-), posterior (+), deep (-)", "positive"),
    ("Margins: proximal 5 cm, distal 3 cm, radial positive.", "positive"),
    ("Margins: anterior, posterior and deep negative; medial focally positive.", "positive"),
    ("Proximal and distal margins clear, radial margin involved.", "positive"),
    ("All margins are clear except the deep margin.", "positive"),
    ("All margins are negative except lateral, which is positive.", "positive"),
    ("Margins: all free of tumor except for the posterior margin, which is involved.", "positive"),
    ("Margins: negative (medial, lateral, superior), positive (deep).", "positive"),
    ("Positive margins: inferior. Negative margins: superior.", "positive"),
    ("Margins:\nSuperior: Negative for carcinoma\nInferior: Carcinoma present\nMedial: Negative", "positive"),
    ("Margins: proximal: 4 cm, uninvolved; distal: 2 cm, uninvolved; radial: 0.1 cm, involved", "positive"),
    ("Margins: proximal: 4 cm, uninvolved; distal: 2 cm, uninvolved; radial: 0.1 cm, uninvolved", "negative"),
    ("Margins uninvolved: proximal, distal; involved: radial", "positive"),
    ("Margins: sup neg, inf pos, med neg, lat neg", "positive"),
    ("Margins: (a) superior - clear (b) inferior - involved (c) deep - clear", "positive"),
    ("Margins: bladder neck - negative; apex - positive; seminal vesicle - negative", "positive"),
    ("Margins: bronchial negative, vascular negative, parenchymal positive", "positive"),
    ("Proximal, distal and radial margins: negative, negative, positive", "positive"),
    ("| Margin | Status |\n| Superior | Negative |\n| Inferior | Positive |", "positive"),
    ("Margins: 12 o'clock: negative; 3 o'clock: positive; 6 o'clock: negative", "positive"),
    ("MARGINS. Bronchial Margin. Bronchial Margin Involvement by Invasive Carcinoma: Uninvolved", "negative"),
    ("Margins: proximal - negative; distal - negative; radial - negative.", "negative"),
    ("Margins - medial: 3 mm; lateral: 5 mm; deep: 2 mm.", "negative"),
    ("Margins: medial clear, lateral clear, deep close (1 mm).", "negative"),
    ("Margins:\n  Superior: negative\n  Deep: negative\nLymph nodes: positive (2/12)", "negative"),
    ("Margins: superior - negative; inferior - negative. ER: positive; PR: positive.", "negative"),
    ("Margins: deep: negative; lymphovascular invasion: present; ER: positive", "negative"),
    ("Margins: medial: involved by DCIS; lateral: clear; deep: clear.", "negative"),
]

EXCISION = [
    ("Incomplete excision (superior).", "positive"),
    ("Invasive carcinoma, incompletely excised.", "positive"),
    ("The tumour is incompletely excised at the deep aspect.", "positive"),
    ("Excision incomplete at lateral margin.", "positive"),
    ("Excision appears incomplete.", "positive"),
    ("EXCISION: INCOMPLETE", "positive"),
    ("Completeness of excision: incomplete", "positive"),
    ("Complete excision: No", "positive"),
    ("The carcinoma is not completely excised.", "positive"),
    ("The tumour has not been fully excised.", "positive"),
    ("Basal cell carcinoma, incompletely resected.", "positive"),
    ("The carcinoma is completely excised.", "negative"),
    ("Invasive carcinoma, completely excised.", "negative"),
    ("Completeness of excision: complete", "negative"),
    ("Excision complete.", "negative"),
    ("Excised completely.", "negative"),
    ("Not completely excised.", "positive"),
    ("Excision is complete in all planes.", "negative"),
    ("Complete excision: Yes", "negative"),
    ("The lesion appears fully excised.", "negative"),
    ("Total mesorectal excision: incomplete", SILENT),
    ("Quality of mesorectal excision: incomplete, defects of 5 mm", SILENT),
    ("Incomplete mesorectal excision.", SILENT),
    ("Clinical history: carcinoma, incompletely excised in 2009.", SILENT),
    ("Previously incompletely excised carcinoma; no residual tumour.", SILENT),
    ("New TCC, clinically muscle invasive. Incomplete resection.", SILENT),
    ("Incomplete excision would leave disease.", SILENT),
    ("DCIS, incompletely excised.", SILENT),
    ("Re-excision is advised to ensure complete excision.", SILENT),
    ("The lymph node capsule is incompletely excised.", SILENT),
]

CIRCUMFERENTIAL = [
    ("Rectum: adenocarcinoma pT3. CRM clear by 8 mm.", "negative"),
    ("Rectum: adenocarcinoma. CRM: negative", "negative"),
    ("Rectal cancer, CRM not involved (3 mm).", "negative"),
    ("Rectal adenocarcinoma, CRM uninvolved.", "negative"),
    ("Rectum, anterior resection. Distance to CRM: 12 mm", "negative"),
    ("Rectum. CRM 6 mm.", "negative"),
    ("Rectum: adenocarcinoma. CRM: 0.5 mm", "positive"),
    ("Rectum: adenocarcinoma. CRM 1 mm", "positive"),
    ("Rectal carcinoma; distance to CRM: 0.8 mm.", "positive"),
    ("Rectal carcinoma; distance of tumour to circumferential margin 0.9 mm.", "positive"),
    ("Rectum: adenocarcinoma. Circumferential (radial) margin: 0.1 cm", "positive"),
    ("Rectum: CRM < 1 mm", "positive"),
    ("Rectum: CRM involved.", "positive"),
    ("Rectum: CRM+", "positive"),
    ("Rectum: CRM (-).", "negative"),
    ("Rectum. Radial margin: 0.5 mm", "positive"),
    ("Rectum: CRM: negative (>1 mm).", "negative"),
    ("Rectum: adenocarcinoma. CRM positive (0 mm).", "positive"),
    ("CRM: 0 mm", "positive"),
    ("Tumour is 0.5 mm from the CRM. Rectum, APR.", "positive"),
    ("Left breast. Deep margin: 0.5 mm", "negative"),
    ("Rectum: distal margin: 1 mm. CRM: 4 mm", "negative"),
    ("CRM notes: call the clinic.", SILENT),
]

INK = [
    ("Tumour at ink.", "positive"),
    ("Ink on tumour.", "positive"),
    ("Ink on tumor: yes", "positive"),
    ("Tumor on ink, superior.", "positive"),
    ("Invasive carcinoma extends to ink.", "positive"),
    ("Carcinoma is present at the inked surface.", "positive"),
    ("Invasive carcinoma touches ink at the inferior edge.", "positive"),
    ("No ink on tumor.", "negative"),
    ("No tumor at ink.", "negative"),
    ("Tumour does not touch ink.", "negative"),
    ("Ink on tumor: no", "negative"),
    ("Closest margin: no tumor on ink", "negative"),
    ("Tumor is 2 mm from ink.", "negative"),
    ("Carcinoma is present on the inked surface of the disrupted pleura. The stapled margin is clear.", "negative"),
    ("Tumor is focally present at inked surface. Final margins are uninvolved.", "negative"),
    ("DCIS at ink.", SILENT),
    ("The tumor is inked black.", SILENT),
    ("Blue ink on tumor bed.", SILENT),
    ("Surgical ink is placed on the tumor.", SILENT),
]

WORDS = [
    ("Margins free.", "negative"),
    ("Margins clear by 5 mm.", "negative"),
    ("Margins uninvolved by 0.4 cm", "negative"),
    ("Margins: N", SILENT),
    ("Margins negative by at least 2 mm.", "negative"),
    ("Margins not involved, nearest 3 mm (deep).", "negative"),
    ("Nearest margin 4 mm (lateral).", "negative"),
    ("Nearest margin: 0 mm", "positive"),
    ("Tumour lies nearest the deep margin, 3 mm.", "negative"),
    ("Distance to nearest margin: 0 mm", "positive"),
    ("The deep margin with tumor.", "positive"),
    ("Lateral margin with invasive carcinoma", "positive"),
    ("Deep margin with no tumor.", "negative"),
    ("Deep margin with tumor 3 mm away.", "negative"),
    ("Margins cannot be evaluated.", None),
    ("Margins: indeterminate", None),
    ("Margins: cannot be assessed (fragmented).", None),
    ("Margins: suspicious", None),
    ("The margin is suspicious for involvement.", None),
    ("Involvement of the deep margin cannot be excluded.", None),
    ("Margin involvement has not been ruled out.", None),
    ("Tumour cannot be excluded at the deep margin.", None),
    ("Carcinoma at the deep margin cannot be excluded.", None),
    ("Suspicious for carcinoma at the deep margin.", None),
    ("Deep margin: possibly involved", None),
    ("Margins: -ve", "negative"),
    ("Margins +ve", "positive"),
    ("Closest margin 0 cm", "positive"),
    ("History of positive margins. Now: no residual tumor. Margins clear.", "negative"),
    ("Prior margin was positive. Re-excision: no residual carcinoma; margins free.", "negative"),
    ("Positive margins on previous excision.", SILENT),
    ("Most margins are free, see below.", SILENT),
    ("No involvement by tumor of the margins", "negative"),
    ("Tumor at 1.5 cm form surgical margin.", "negative"),
    ("Carcinoma in situ absent at distal margin.", "negative"),
    ("Carcinoma is not only present at but extends beyond the deep margin.", "positive"),
    ("The patient presents with a mass at the margin of the scar.", SILENT),
    ("The margin of the tumor is ill defined.", SILENT),
    ("Margins of the lesion: irregular.", SILENT),
]

ABROAD = [
    ("Exérèse en marges saines.", "negative"),
    ("Sein : carcinome infiltrant. Marges d'exérèse : saines.", "negative"),
    ("Limites chirurgicales envahies.", "positive"),
    ("Schnittränder tumorfrei.", "negative"),
    ("Karzinom, Resektionsränder befallen.", "positive"),
    ("Márgenes quirúrgicos libres.", "negative"),
    ("Márgenes afectos por carcinoma.", "positive"),
    ("Snijvlakken vrij.", "negative"),
    ("Snijvlakken niet vrij.", "positive"),
    ("Marges encrées en noir.", SILENT),
]

CODES = [
    ("pT3 pN1a (1/18) L1 V0 Pn1 R0", "negative"),
    ("pT3pN1a(1/18)L1V0Pn1R0G2", "negative"),
    ("pT3, INFb, Ly1b, V0, Pn0, pPM0, pDM0, pRM0, pN1a(2/18)", "negative"),
    ("pT3, ly0, v0, pPM0, pDM0, pRM1", "positive"),
    ("R1 resection.", "positive"),
    ("R2 resection, macroscopic residual tumour.", "positive"),
    ("R0 resection.", "negative"),
    ("Resection status: R1", "positive"),
    ("Residual tumor (R): R0", "negative"),
    ("Residual tumour classification: R2", "positive"),
    ("Margin status: R1", "positive"),
    ("Conclusion: pT2 N0 R1 (UICC 2017)", "positive"),
    ("Margins: R0", "negative"),
    ("pT2 pN0 RX", None),
    ("Residual tumor: RX", None),
    ("Stage: pTla, RO", "negative"),
    ("Residual Tumor (R)\n[ } RX cannot be assessed\n[ } R0 No residual tumor\n[ } R1 Microscopic residual tumor", SILENT),
    ("Cassettes: R1 right ovary, R2 right tube.", SILENT),
    ("R1: adenocarcinoma of the ovary", SILENT),
    ("Adenocarcinoma. Block R1 shows fat.", SILENT),
    ("Slides R1-R4 resection margin", SILENT),
    ("T2N0M0R0", "negative"),
    ("Lymph nodes: R1 station negative", SILENT),
]


@pytest.mark.parametrize("report, expected", [*DENIED_SUBJECT, *LISTS, *EXCISION, *CIRCUMFERENTIAL, *INK, *WORDS, *ABROAD, *CODES])
def test_the_margin_status_is_what_is_printed(report, expected):
    assert label(report) == expected


EVIDENCE = [
    ("Carcinoma is present at the medial margin.", "Carcinoma is present at the medial margin"),
    ("None of the margins is involved.", "None of the margins is involved"),
    ("Margins: superior - negative; inferior - POSITIVE.", "inferior - POSITIVE"),
    ("The tumour is incompletely excised.", "incompletely excised"),
    ("Tumour at ink.", "Tumour at ink"),
    ("Rectum. CRM: 0.5 mm", "CRM: 0.5 mm"),
]


@pytest.mark.parametrize("report, words", EVIDENCE)
def test_the_evidence_holds_the_words_that_say_so(report, words):
    assert [report[start:end] for start, end in GRAMMAR.read(report)["margin"].evidence] == [words]


# A heading of a form asks, and the answer behind it is a code

@pytest.mark.parametrize("answer, right", [("R0", "negative"), ("R1", "positive"), ("absent", "negative"), ("none", "negative"), ("see comment", SILENT), ("0", SILENT)])
@pytest.mark.parametrize("heading", ["Presence of neoplasm at excised surgical margin", "Tumor at resection margin", "Carcinoma at margin", "Residual tumor at margins"])
def test_a_heading_says_nothing_where_its_answer_is_a_code(heading, answer, right):
    assert label(f"Colon, resection: adenocarcinoma.\n{heading}: {answer}\n") == right


def test_tumour_at_a_margin_is_still_tumour_at_a_margin():
    for told in ("Tumor at resection margin, anterior.", "Carcinoma at margin.", "Tumor present at the deep margin: right lateral"):
        assert label(f"Colon, resection: adenocarcinoma.\n{told}\n") == "positive"


@pytest.mark.parametrize("told, right", [
    ("Tumor 0 mm from the deep margin.", "positive"), ("Carcinoma is 0.0 cm from the inked posterior margin.", "positive"), ("Tumor 0.5 mm from the deep margin.", "negative"),
    ("Margins: limited (< 3 mm) positivity at apex.", "positive"), ("Margins: focal positivity, apex.", "positive"), ("Margins: limited to the mucosa, free.", "negative"),
    ("Margin status: involved by adenoma, not by carcinoma.", SILENT), ("Margin involved by carcinoma, not by adenoma.", "positive"),
])
def test_no_distance_limited_positivity_and_adenoma(told, right):
    assert label(f"Colon, resection: adenocarcinoma.\n{told}\n") == right


@pytest.mark.parametrize("told, right", [
    ("Margins: proximal (negative), distal (negative), radial (positive).", "positive"), ("Margins: superior (free), inferior (free), deep (free).", "negative"), ("Resection margins: anterior (involved); posterior (clear).", "positive"),
    ("Positive margin on biopsy; the mastectomy margins are free.", "negative"), ("The margin is positive on this biopsy.", "positive"), ("Tumour reaches margins of the biopsies.", "positive"),
])
def test_lists_in_brackets_and_margins_of_a_biopsy(told, right):
    assert label(f"Breast: invasive ductal carcinoma.\n{told}\n") == right


@pytest.mark.parametrize("report, right", [
    ("Breast: ductal carcinoma in situ. No invasive carcinoma.\nMargins: DCIS extends to inked lateral margin over 4 mm. Remaining margins clear.", "positive"), ("Breast: ductal carcinoma in situ, no invasion. LCIS at the superior margin. Radial margins clear.", "negative"),
    ("Breast: invasive ductal carcinoma. DCIS extends to the lateral margin. Invasive carcinoma is clear of all margins.", "negative"),
    ("LLETZ: CIN 3. No invasive malignancy. CIN 3 is present at the ectocervical margin; the endocervical and deep margins are clear.", "positive"), ("Cervix: invasive carcinoma. Ectocervical margin is free of invasive carcinoma; CIN 3 extends to the vaginal margin.", "negative"),
    ("Ileum: carcinoid. Resection margins: proximal and distal negative; mesenteric (radial) margin POSITIVE. Nodes: 5 of 12 positive.", "positive"), ("Breast: carcinoma with a brisk lymphoid infiltrate at its margin.", SILENT),
])
def test_margins_of_carcinoma_in_situ_and_the_tumours_own(report, right):
    assert label(report) == right
