"Tumour size: what a registrar would call the greatest dimension of the primary tumour, and what not."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.size import SIZE, SizeEvidence

GRAMMAR = Grammar([SIZE])


def read(report):
    finding = GRAMMAR.read(report).get("tumor_size_mm")
    return finding and (float(finding.label), finding.rule)


@pytest.mark.parametrize("report, millimetres, rule", [
    ("Tumor Size: Greatest dimension: 2.3 cm. Additional dimensions: 1.8 x 1.1 cm", 23, "size.label"),
    ("Tumor size: 18 mm", 18, "size.label"),
    ("TUMOUR SIZE\n3,2 x 2 x 1,5 cm", 32, "size.label"),
    ("Tumor. size: 2.5 ern", 25, "size.label"),
    ("Size of the invasive component: .9 cm", 9, "size.label"),
    ("Maximum tumor diameter 14 mm", 14, "size.label"),
    ("FINAL DIAGNOSIS: Right kidney: renal cell carcinoma, 6.5 cm.", 65, "size.diagnosis"),
    ("FINAL DIAGNOSIS: Two invasive carcinomas: carcinoma, 1.1 cm; carcinoma, 0.6 cm.", 11, "size.diagnosis"),
    ("GROSS DESCRIPTION: On the cut surface is a 4.2 x 3 x 3 cm yellow mass.", 42, "size.gross"),
    ("GROSS DESCRIPTION: An ulcerated, fungating lesion measures 5 by 4 cm.", 50, "size.gross"),
    ("CLINICAL HISTORY: Tumor size 2 cm.", 20, "size.early"),
])
def test_sizes_of_tumours(report, millimetres, rule):
    assert read(report) == (millimetres, rule)


@pytest.mark.parametrize("report", [
    "The specimen measures 22 x 18 x 6 cm.",
    "Skin ellipse 5 x 2 cm with a scar.",
    "The tumor is 0.4 cm from the deep margin.",
    "The carcinoma comes within 2 mm of the closest margin.",
    "The melanoma has a Breslow thickness of 1.8 mm.",
    "The tumor invades to a depth of 8 mm.",
    "Three lymph nodes with metastatic carcinoma, the largest deposit 1.2 cm.",
    "Ductal carcinoma in situ, spanning 4 cm.",
    "A sessile polyp, 2.5 cm, tubular adenoma.",
    "No residual mass is seen in the 3 cm biopsy site.",
    "Tumor: 12 mitoses per 10 HPF.",
    "Tumor size: 900 cm",
    "CLINICAL HISTORY: Tumor size 2 cm by ultrasound.",
])
def test_other_measures_are_none(report):
    assert read(report) is None


def test_label_wins_over_diagnosis_and_diagnosis_over_gross():
    gross = "GROSS DESCRIPTION: There is a mass measuring 5 cm.\n"
    diagnosis = "FINAL DIAGNOSIS: Adenocarcinoma, 4 cm.\n"
    label = "Tumor size: 3 cm\n"
    assert [read(report)[0] for report in (gross, gross + diagnosis, gross + diagnosis + label)] == [50, 40, 30]
    assert [evidence.name for evidence in SizeEvidence] == ["LABEL", "DIAGNOSIS", "GROSS", "EARLY"]


@pytest.mark.parametrize("report, words", [
    ("Colon: moderately differentiated adenocarcinoma, 3.5 cm, 2 cm from the margin.", "adenocarcinoma, 3.5 cm"),
    ("Kidney: a 6 cm tan tumor in the upper pole.", "6 cm tan tumor"),
    ("Synoptic. Tumor size: 2.0 x 1.5 cm. Grade 2.", "Tumor size: 2.0 x 1.5 cm"),
])
def test_evidence_is_the_words_with_the_size(report, words):
    assert [report[start:end] for start, end in GRAMMAR.read(report)["tumor_size_mm"].evidence] == [words]


def millimetres(report):
    found = read(report)
    return found and found[0]


# AJCC, 8th edition: wordings of T categories; none of their numbers was measured
@pytest.mark.parametrize("definition", [
    "pT1b: Tumor > 4 cm but <= 7 cm in greatest dimension, limited to the kidney.", "pT1a (tumor \u2264 4 cm, limited to kidney)", "pT2: tumor more than 20 mm but not more than 50 mm", "pT2 (tumor greater than 2 cm but no greater than 5 cm in greatest dimension)",
    "T1c: tumour larger than 1 cm, not larger than 2 cm", "pT2b - Tumor >4 cm to 5 cm", "pT3: Tumor more than 5 cm in greatest dimension", "pT1: Tumor 2 cm or less in greatest dimension", "pT1 - tumour 7 cm or less in greatest dimension",
    "T2a: Tumor >3 cm but \u22644 cm", "pT1mi: tumor \u2264 1 mm", "Primary tumor (pT): pT2 Tumor size between 2 and 5 cm", "pT2 tumor measuring over 2 cm and up to 5 cm", "pT1c: Tumor over 1 cm and at most 2 cm", "pT3 tumor at least 5 cm",
    "pT2 tumor of 2-5 cm", "Tumor not exceeding 2 cm (T1)", "Stage IA: tumor 3 cm or smaller", "T1, tumor <= 2 cm in greatest dimension; T2, tumor > 2 cm but <= 5 cm", "pT1: Tumor size 2 cm or less, limited to thyroid",
])
def test_definitions_of_categories_are_no_sizes(definition):
    assert read(definition) is None
    assert millimetres(f"{definition}\nTumor size: 2.6 cm") == 26


@pytest.mark.parametrize("report, expected", [
    ("pT2a: Tumor more than 7 cm but not more than 10 cm in greatest dimension. Tumor 8.4 cm", 84), ("Greatest dimension of largest invasive focus >1 mm: 14 mm", 14), ("Tumor size 2.2 cm (T2: >2 and \u22645 cm)", 22), ("Tumor size: at least 4.5 cm", 45),
    ("pT2 tumor, 3.1 cm", 31), ("Tumor size: > 5 cm", None),
    ("OBX|1|NM|21111.1^Tumor size greatest dimension^CAPECC||24|mm^millimeter^UCUM|||||F\nOBX|2|CWE|16720.1^pT Category^CAPECC||16736.1^pT2: Tumor > 20 mm but <= 50 mm in greatest dimension^CAPECC||||||F", 24),
])
def test_what_is_measured_beside_a_definition(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Breast: clinical history 2.1 cm mass on ultrasound. Lumpectomy: IDC, 1.7 cm.", 17), ("Mammographic 2.1 cm mass. Excision: invasive carcinoma, 1.8 cm", 18), ("MRI: 3.4 cm mass. Pathology: invasive ductal carcinoma 2.9 cm", 29),
    ("CT shows a 5 cm mass in the left kidney. RCC, 4.2 cm", 42), ("A 2.4 cm lesion by ultrasound. Invasive carcinoma measuring 1.9 cm", 19), ("radiologic tumour size 30 mm, pathological tumour size 22 mm", 22), ("Tumor size on MRI: 45 mm. Tumor size: 38 mm", 38),
    ("Imaging size of mass: 25 mm; invasive carcinoma 20 mm", 20), ("Clinically palpable 5 cm tumor. Invasive carcinoma, 3 cm.", 30), ("Tumor 3.1 cm (radiologically 2.5 cm)", 31), ("Invasive carcinoma, 18 mm (MRI 25 mm)", 18),
    ("Prior excision: tumor size 2.4 cm. Re-excision: residual carcinoma 3 mm", 3), ("Tumor size: 2.3 cm (previous biopsy 0.5 cm)", 23), ("Per MRI tumor 3.4 cm", None), ("Sonographic size 12 mm mass", None), ("PET-avid 4 cm mass in the right upper lobe", None),
    ("Tumor size by mammogram 2.5 cm; by microscopy 1.9 cm", None), ("pT2, tumor 3 cm, direct extension", 30),
])
def test_sizes_of_other_examinations_do_not_count(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Tumour bed 30 mm; residual invasive carcinoma 4 mm. ypT1a.", 4), ("Rectum: tumor bed 3 cm scar, no residual carcinoma. ypT0.", None), ("Tumor bed measures 25 x 20 mm. Residual invasive tumor: 6 mm", 6), ("The tumor bed is 2.8 cm. No residual tumor", None),
    ("Tumor bed size: 30 mm", None), ("Size of tumor bed: 3.2 cm; residual cancer largest focus 0.5 cm", 5), ("Size of residual invasive carcinoma: 8 mm. Tumour bed: 40 mm", 8), ("A 3 cm tumor bed is identified", None), ("Tumor bed, 4.2 cm, with residual carcinoma 1.1 cm", 11),
    ("RCB: primary tumor bed 22 x 18 mm, overall cellularity 10%", None), ("Carcinoma, 1.5 cm, adjacent to 4 cm biopsy cavity", 15), ("Biopsy cavity 3.5 cm; residual tumor 8 mm", 8), ("Hematoma 6 cm near carcinoma 1.5 cm", 15),
    ("4.5 cm cystic mass with a 1.2 cm mural nodule of carcinoma", 12), ("Specimen: 15 cm colon with tumor 4 cm", 40), ("Lumpectomy 6 x 5 x 3 cm: invasive ductal carcinoma 1.2 cm", 12), ("Resection material 8 cm includes an ulcerated carcinoma", None),
])
def test_beds_cavities_and_specimens_do_not_count(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("DCIS spans 5 cm; invasive focus 8 mm", 8), ("Invasive focus 8 mm; DCIS spans 5 cm", 8), ("Extent of DCIS: 50 mm. Size of invasive focus: 8 mm", 8), ("Whole tumour size (invasive + DCIS): 45 mm; invasive size 12 mm", 12), ("DCIS 35 mm with 6 mm invasive ductal carcinoma", 6),
    ("Invasive tumour size: 12 mm. Whole size of lesion: 45 mm", 12), ("Carcinoma in situ 40 mm with invasive carcinoma 7 mm", 7), ("Overall size including DCIS: 4.2 cm. Size of largest invasive tumor: 1.3 cm", 13), ("Non-invasive component: 30 mm. Invasive component: 8 mm", 8),
    ("Size of DCIS: 32 mm. Size of invasive carcinoma: 12 mm", 12), ("Total tumor size: 38 mm. Invasive tumour size: 15 mm", 15), ("Adenocarcinoma 1.2 cm arising in a 4 cm adenoma", 12), ("3.5 cm tubulovillous adenoma with invasive adenocarcinoma 0.8 cm", 8), ("DCIS, 3.2 cm. No invasive carcinoma", None),
])
def test_the_invasive_size_counts_and_not_the_in_situ_extent(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Invasive ductal carcinoma. Size (cm): 2.3 x 2.0", 23), ("Breast: invasive carcinoma\nSize (mm): 14", 14), ("Tumor size in cm: 3.1", 31), ("Tumor size (cm): 2.3 x 2.0 x 1.1", 23), ("Max dimension (mm): 17", 17), ("Tumor dimensions (cm): 4 x 3 x 2", 40), ("Tumor size, mm: 14", 14),
    ("Greatest Dimension of Tumor (Centimeters): 4.2", 42), ("Greatest dimension of largest invasive focus (Millimeters): 14", 14), ("Tumor Size (Greatest Dimension) (cm): 4.5", 45), ("Size of tumour (mm): 35 x 20", 35), ("Tumor size (cm): 2.5\nMargin (cm): 0.8", 25),
    ("Specimen size (cm): 12 x 8", None), ("Lymph node size (mm): 14", None), ("Depth of invasion (mm): 7", None), ("Closest margin (mm): 5", None), ("Size of largest metastasis (mm): 6", None), ("SIZE (CM): 5", None),
])
def test_units_in_labels(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Two foci of invasive carcinoma, 12 and 7 mm", 12), ("Foci of invasive carcinoma measuring 4, 9 and 18 mm", 18), ("Three tumors measuring 2.2, 1.4 and 0.9 cm", 22), ("Tumour foci: 22, 14, 9 mm", 22), ("Two tumors, grade 3 and 9 mm", 9), ("Largest tumor 3.2 cm, smallest 0.4 cm", 32),
    ("Sectioning shows a 3 cm firm tumor", 30), ("Cut section reveals a 3.2 cm tan tumor", 32), ("Sectioned to reveal a 5 cm mass", 50), ("On sectioning there is a 2.5 cm tumor", 25), ("A section of skin 4 cm with tumor", None), ("Small bowel section, 14 cm; tumor 3 cm", 30),
    ("IDC, 1.7 cm", 17), ("ccRCC 5.1 cm", 51), ("NSCLC, 3.2 cm", 32), ("HCC 3.3 cm", 33), ("Karzinom, 2,4 cm", 24), ("Tumorgr\u00f6\u00dfe 24 mm", 24), ("Sein gauche : carcinome infiltrant de 1,5 cm.", 15), ("Taille tumorale : 18 mm", 18), ("Karzinom, Abstand zum Rand 5 mm", None),
    ("Carcinoma with clearance of 8 mm", None), ("Margins free of tumor by 2 cm", None), ("Melanoma, Breslow 1.2 mm", None), ("Sentinel node positive for carcinoma (4 mm)", None), ("micrometastasis of carcinoma, 1.2 mm", None), ("Liver: metastatic adenocarcinoma, 4 cm", None),
    ("DCIS 40 mm; invasive 6 mm", 6), ("Invasive carcinoma; calcifications spanning 20 mm", None), ("Carcinoma excised with 12 mm clearance", None), ("Invasive carcinoma. LCIS 15 mm", None), ("Tumour diameter 2\u00b73 cm", 23), ("Tumor 2.3 centimeters", 23),
    ("Mammographic lesion 25 mm; histologic size 18 mm", 18), ("Carcinoma with invasive growth, 30 mm", 30), ("Radiology: 3 cm spiculated mass.", None), ("Carcinoma. Overall extent 40 mm. Invasive carcinoma 6 mm", 6),
    ("Ovary with tumor. The right fallopian tube measures 6.5 cm", None), ("Maximum dimension of tumor implants outside the pelvis is 4 cm", None),
])
def test_lists_sections_names_and_distances(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Adenocarcinoma, FIGO grade 1, invading 3 mm of a 15 mm thick myometrium", None), ("Tumor invades 1.3 cm into the myometrium", None), ("Endometrium: carcinoma 3.5 cm, invading 4 mm", 35), ("Carcinoma invading the muscularis, 3 cm", 30),
    ("Papillary microcarcinoma, 4 mm. Goiter nodule 3.5 cm", 4), ("Hepatocellular carcinoma 2.2 cm; regenerative nodule 3 cm", 22), ("Malignant nodule 3 cm", 30),
    ("Bladder: urothelial carcinoma, 3 fragments aggregate 2.5 cm", None), ("Tumor in pieces, in aggregate 4 cm", None), ("Adenocarcinoma, 1 1/2 cm", None),
])
def test_depths_benign_nodules_and_sums_of_pieces_are_no_sizes(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Lumpectomy 9 cm; tumor 2.0 cm", 20), ("Tumour 23 x 19 mm in a breast 180 mm across", 23), ("Orchidectomy; seminoma; diameter 6.5 cm; tumor confined to the testis", 65), ("Specimen 12 cm; tumor grade 2", None),
])
def test_what_is_measured_before_a_semicolon_is_not_the_tumour_behind_it(report, expected):
    assert millimetres(report) == expected


@pytest.mark.parametrize("report, expected", [
    ("Residual invasive ductal carcinoma, largest focus 9 mm, in a 24 x 20 mm fibrotic tumor bed", 9), ("Rectal tumour. Macroscopy: 265 mm of rectosigmoid.", None), ("Ileum: carcinoid tumour 17 mm; largest mesenteric mass 1.9 cm", 17), ("Dominant nodule 3.8 cm, benign. Papillary thyroid carcinoma, 1.4 cm", 14),
])
def test_beds_lengths_and_nodal_masses(report, expected):
    assert millimetres(report) == expected
