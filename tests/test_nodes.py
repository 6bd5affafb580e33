"Counts of lymph nodes and tumour sizes, phrase by phrase. The phrases are invented."
import pytest

from cancer_staging import Stager
from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.nodes import NODES
from cancer_staging.rules.size import SIZE

GRAMMAR = Grammar([NODES, SIZE])


def read(text: str) -> dict[str, str | None]:
    return {name: finding.label for name, finding in GRAMMAR.read(text).items()}


def counts(text: str) -> tuple[str | None, str | None]:
    found = read(text)
    return found.get("nodes_positive"), found.get("nodes_examined")


COUNTS = [
    # ratios
    ("Right axillary contents: metastatic carcinoma (3/14).", "3", "14"),
    ("pT2, pN1a(2/15), pMX.", "2", "15"),
    ("pT3 pNO (0/31) L0 V0 R0", "0", "31"),
    ("pT3 N1 4/22", "4", "22"),
    ("Lymph nodes, negative for tumor (O/14).", "0", "14"),
    ("Lymph nodes, negative for tumor (0 / l4).", "0", "14"),
    ("Regional lymph nodes (positive:total): 2:13", "2", "13"),
    ("pN0 (0 of 12)", "0", "12"),
    ("Lymph node status: Negative 0/3", "0", "3"),
    # words
    ("Metastatic carcinoma in three of fourteen lymph nodes.", "3", "14"),
    ("METASTATIC ADENOCARCINOMA IN THREE (3) OF TWELVE (12) PERICOLIC LYMPH NODES.", "3", "12"),
    ("Five out of thirty-three perigastric lymph nodes involved by neoplasm.", "5", "33"),
    ("Fourteen lymph nodes, negative for carcinoma.", "0", "14"),
    ("No evidence of malignancy in seven lymph nodes (0/7).", "0", "7"),
    ("No evidence of malignancy in any of 4 lymph nodes.", "0", "4"),
    ("TWENTY-FOUR (24) LYMPH NODES FREE OF TUMOR", "0", "24"),
    ("Multiple (6) left axillary lymph nodes are negative for tumor.", "0", "6"),
    ("Multiple (4 of 25) right axillary lymph nodes are positive for metastatic carcinoma.", "4", "25"),
    ("A single (of 5) left axillary lymph node is positive for metastatic carcinoma.", "1", "5"),
    ("Multiple left highest (2) and left axillary (23) lymph nodes are negative for tumor.", "0", "25"),
    ("One lymph node, positive for metastatic carcinoma.", "1", "1"),
    ("Nine benign lymph nodes.", "0", "9"),
    ("Lymph node status: 15 lymph nodes, of which 2 contain tumor.", "2", "15"),
    ("Excision lines and lymph nodes (17) - free of tumor.", "0", "17"),
    ("NO EVIDENCE OF CARCINOMA IN FOUR (014) LYMPH NODES", "0", "4"),
    ("Six regional lymph node metastases.", "6", None),
    # Roman numerals
    ("Metastases carcinomatosae in lymphonodis axillae (No III/XI).", "3", "11"),
    ("Lymphonodulitis reactiva lymphonodorum (No XIV).", "0", "14"),
    ("Cancer metastases in lymph nodes No II/XX.", "2", "20"),
    # the count behind the nodes
    ("Lymph nodes: 0 positive out of 18 examined", "0", "18"),
    ("METASTATIC CARCINOMA IN LYMPH NODES, 3 OF 3.", "3", "3"),
    ("Lymph nodes: 2 of 8 positive for metastasis.", "2", "8"),
    ("Perigastric lymph nodes x12: negative for malignancy.", "0", "12"),
    ("pT1b LN 1/13 cM0 L1 V0", "1", "13"),
    ("One of 11paraesophageal lymphatic nodes shows signs of metastasis.", "1", "11"),
    # one number known
    ("Paraoesophageal lymphatic node shows metastatic cells.", "1", None),
    ("Lymph nodes: Negative for metastasis. Margins: Uninvolved.", "0", None),
    ("Lymph node status: 6 positive lymph nodes.", "6", None),
    ("Number of nodes positive: 7", "7", None),
    # labels
    ("Number of lymph nodes examined: 14. Number of lymph nodes positive: 3.", "3", "14"),
    ("LYMPH NODES POSITIVE: 0. LYMPH NODES EXAMINED: 10.", "0", "10"),
    ("Regional lymph nodes:\nNumber examined: 08\nNumber positive: 03", "3", "8"),
    ("Number of involved nodes 4. Total number of nodes 105.", "4", "105"),
    ("Total number of lymph nodes examined (sentinel and nonsentinel): 17. Number of sentinel lymph nodes examined: 3. Number of lymph nodes with macrometastases: 2. "
     "Number of lymph nodes with micrometastases: 1. Number of lymph nodes with isolated tumor cells: 4.", "3", "17"),
    ("Number of pelvic lymph nodes examined: 12. Number of para-aortic lymph nodes examined: 5. Number of pelvic lymph nodes involved: 1. Number of para-aortic lymph nodes involved: 0.",
     "1", "17"),
    ("NUMBER OF POSITIVE LYMPH NODES / TOTAL NUMBER OF NODES EXAMINED: 1/10.", "1", "10"),
    ("Clinical history: Mass of the left lung. Primary site: lower lobe. Nodes examined: 2o. Nodes positive: 0.", "0", "20"),
    # sums, and no node twice
    ("3. NECK, LEVEL II, EXCISION:\n   - FOUR LYMPH NODES, NEGATIVE (0/4).\n4. NECK DISSECTION, LEVEL III:\n   - 22 LYMPH NODES, NEGATIVE FOR TUMOR (0/22).\nPATHOLOGIC STAGING: pN0",
     "0", "26"),
    ("(E) LEFT AXILLA, LEVEL 1 AND 2 LYMPH NODES: METASTATIC CARCINOMA IN ONE OF TWELVE LYMPH NODES.", "1", "12"),
    ("Multiple (3 of 25) axillary lymph nodes are positive for carcinoma. Two positive lymph nodes are matted together.", "3", "25"),
    ("pT4 pN0 (0/20) pMX; L1. Follow-up report: a further lymph node is free of tumor. Final tumor stage pT4 pN0 (0/21) pMX.", "0", "21"),
    ("GROSS DESCRIPTION: At least two lymph nodes are seen.\nFROZEN SECTION REPORT: Margin negative.\nNumber of positive lymph nodes: 1/5.", "1", "5"),
    ("A. Sentinel node, right: One lymph node with metastatic carcinoma (1/1). B. Right axilla: Two of ten lymph nodes positive (2/10).", "3", "11"),
    ("DIAGNOSIS: Metastatic carcinoma in 1 of 3 nodes (1/3).\nGROSS DESCRIPTION: Three lymph nodes are found.\nSYNOPTIC REPORT: Lymph node status: Positive 1/3", "1", "3"),
    ("Lymph nodes: 5/8 positive for metastasis (Axillary 3/5, infraclavicular 2/3).", "5", "8"),
    ("Five of 9 lymph nodes involved (5/9), distributed as follows: lesser curvature 4/5, greater curvature 1/4.", "5", "9"),
    ("FROZEN SECTION DIAGNOSIS: One lymph node, negative.\nFINAL DIAGNOSIS: One lymph node, positive for carcinoma (1/1).", "1", "1"),
    ("Multiple (7) axillary lymph nodes are negative for carcinoma. Blue dye is not found in any of the seven axillary lymph nodes.", "0", "7"),
    ("One sentinel lymph node with isolated tumor cells only (1/1).", "0", "1"),
    ("Metastasis in 6 perigastric lymph nodes, with extranodal invasion (6/32). Lymph node from chain 8A: One lymph node uninvolved by neoplasia (0/1).", "6", "33"),
    ("No metastasis in all 60 regional lymph nodes (pNO). (lesser curvature 0/28, greater curvature 0/32).", "0", "60"),
    ("Margins uninvolved by neoplasia. - Lymph nodes: 21 lymph nodes from lesser curvature and 7 lymph nodes from greater curvature uninvolved by neoplasia (0/28).", "0", "28"),
    ("Designated as chain 9 lymph nodes: fat. Presence of 33 lymph nodes uninvolved by neoplasia (0/33).", "0", "33"),
    ("2. Right common iliac: Number of lymph nodes examined: 4. 3. Left common iliac: Number of lymph nodes examined: 3. 4. Right pelvic: Number of lymph nodes examined: 8. "
     "5. Left pelvic: Number of lymph nodes examined: 4.", None, "19"),
    ("Level 10: Three lymph nodes negative for carcinoma (0/3). Lung: Total number of bronchial lymph nodes: 1. Level 9: Four lymph nodes negative for carcinoma (0/4).", "0", "7"),
    # no counts of nodes
    ("Invasive carcinoma, Nottingham grade 2/3, 10/30 HPF; lymph nodes not sampled.", None, None),
    ("Tumor of the upper 1/3 of the esophagus, signed 3/14/09.", None, None),
    ("Section code: A3, two lymph nodes; A4-A6, one lymph node serially sectioned.", None, None),
    ("pN1a: Metastasis in 1 to 3 axillary lymph nodes.", None, None),
    ("GROSS DESCRIPTION: Ten possible lymph nodes are identified.", None, None),
    ("Number of blocks examined: 6. Number of mitoses: 3/10 HPF.", None, None),
]


@pytest.mark.parametrize("text, positive, examined", COUNTS)
def test_counts(text, positive, examined):
    assert counts(text) == (positive, examined)


SIZES = [
    ("Tumor size: 3.5 x 2 x 1 cm.", "35"),
    ("TUMOR SIZE: Greatest dimension: 2,5 cm. Additional dimensions: 2 x 1 cm", "25"),
    ("Maximum dimension invasive component: 11 mm.", "11"),
    ("INFILTRATING DUCTAL CARCINOMA, 1.8 CM IN GREATEST DIMENSION.", "18"),
    ("Invasive adenocarcinoma measuring 9,0 em.", "90"),
    ("DIAGNOSIS: Invasive carcinoma (4.0 cm in\ngreatest dimension).\nGROSS DESCRIPTION: a mass measuring 5 cm.", "40"),
    ("GROSS DESCRIPTION: The specimen measures 20 x 10 x 5 cm. On section there is a firm mass measuring 2.2 x 2 cm, 3 cm from the deep margin.", "22"),
    ("The lymph node measures 1.2 cm. The closest margin is 3 mm.", None),
    ("Ductal carcinoma in situ spans 4 cm.", None),
    ("TUMOR SIZE: LENGTH IS 4.0 CM, WIDTH IS 5.4 CM.", "54"),
    ("Tumor size: 6.4 cm and 7.8 cm.", "78"),
    ("Tumour Size (cm). 5.5. Histology. Adenocarcinoma.", "55"),
    ("Ulcerous tumour. sized 4 x 4 x 1.2 cm found in the mucosa.", "40"),
    ("Nuclear grade III/III (marked variation in size and shape) measuring 2.3 cm in largest dimension.", "23"),
    ("Adenocarcinoma extending to within 8 cm of a resection margin and encircling the intestinal wall over a length of 7 cm.", "70"),
    ("All margins are free of tumor, the nearest by 31 mm.", None),
    ("Metastatic carcinoma measures 2.8 cm in greatest dimension.", None),
    ("Adenocarcinoma of the lung, 19 mm in greatest diameter. pT1b LN 1/13 cM0", "19"),
    ("GROSS DESCRIPTION: Lung, upper lobe: 16 x 11 x 8 cm. tumor: 6.5 x 5 x 4.5 cm.", "65"),
    ("GROSS DESCRIPTION: The pancreas sized 14 x 8 x 5 cm. The mucosa shows an ulcerated tumour of 5 x 4 x 2 cm.", "50"),
    ("GROSS DESCRIPTION: The omentum sized 26 x 15 cm, no focal lesions found.", None),
    ("A4: Fibrous tissue, 5.0 cm inferior to tumor.", None),
]


@pytest.mark.parametrize("text, size", SIZES)
def test_size(text, size):
    assert read(text).get("tumor_size_mm") == size


def test_evidence_is_the_words_that_prove_it():
    text = "İ. FINAL DIAGNOSIS: Metastatic carcinoma in two (2) of\ntwenty-one (21) lymph nodes. Adenocarcinoma, 4.5 cm."
    found = GRAMMAR.read(text)
    evidence = {name: [text[start:end] for start, end in finding.evidence] for name, finding in found.items()}
    assert evidence["nodes_positive"] == ["two (2) of\ntwenty-one (21) lymph nodes"]
    assert evidence["tumor_size_mm"] == ["Adenocarcinoma, 4.5 cm"]


CONTRADICTED = [  # what is printed, nodes positive, nodes examined
    ("Lymph nodes: 7/5 nodes positive.", 7, 5),
    ("Axillary lymph nodes: 7/5 positive.", 7, 5),
    ("5 of 3 lymph nodes positive for carcinoma.", 5, 3),
    ("Metastatic carcinoma in five of three lymph nodes.", 5, 3),
    ("Lymph nodes: 5 of 3 positive.", 5, 3),
    ("pT2 pN1 (7 of 5) M0", 7, 5),
    ("pT2 pN1 (7/5)", 7, 5),
    ("Lymph nodes (positive:total): 7:5", 7, 5),
    ("Number of lymph nodes examined: 3. Number of lymph nodes positive: 5.", 5, 3),
    ("Total nodes examined: 4\nTotal nodes positive: 9", 9, 4),
    ("Lymph nodes: 3 examined, 5 positive", 5, 3),
    ("3 lymph nodes, of which 5 contain metastatic carcinoma.", 5, 3),
    ("Five positive lymph nodes. Number of lymph nodes examined: 3", 5, 3),
    ("Lymph node status: positive 7/5", 7, 5),
    ("Sentinel: 5 of 3", 5, 3),
    ("Metastases carcinomatosae in lymphonodis (No XI/III).", 11, 3),
]


@pytest.fixture(scope="module", params=["rules", "default"])
def stager(request):
    return Stager.from_pretrained(request.param)


def nodes_order(staged):
    return [failed.message for failed in staged.checks if failed.check == "nodes_order"]


@pytest.mark.parametrize("told, positive, examined", CONTRADICTED)
def test_more_nodes_positive_than_examined_keeps_both_and_flags_them(stager, told, positive, examined):
    staged = stager.stage("FINAL DIAGNOSIS: Breast, left: invasive ductal carcinoma. " + told)
    assert nodes_order(staged) == [f"{positive} nodes positive of {examined} examined"]
    assert (staged["nodes_positive"].label, staged["nodes_examined"].label) == (str(positive), str(examined))
    for name in ("nodes_positive", "nodes_examined"):
        assert all(piece.text == staged.text[piece.start:piece.end] != "" for piece in staged[name].evidence)


@pytest.mark.parametrize("told, positive, examined", CONTRADICTED[:6])
def test_a_threshold_withholds_both_of_them(told, positive, examined):
    staged = Stager.from_pretrained("rules", min_confidence=0.5).stage("FINAL DIAGNOSIS: Breast: invasive ductal carcinoma. " + told)
    assert staged["nodes_positive"].label is staged["nodes_examined"].label is None and len(nodes_order(staged)) == 1


@pytest.mark.parametrize("told, positive, examined, flagged", [
    ("Lymph nodes, left axilla: 3/15. Lymph nodes, right axilla: 7/5.", 3, 15, "7 nodes positive of 5 examined"),
    ("Number of lymph nodes examined: 2. Number of lymph nodes involved: 36. Lymph nodes, left neck: 1/20. Lymph nodes, right neck: 1/16.", 2, 36, "36 nodes positive of 2 examined"),  # slipped columns
    ("Five lymph nodes are positive for metastatic carcinoma. Three lymph nodes were examined.", 5, 5, "5 nodes positive of 3 examined"),
    ("Nodes examined: 3\nMetastatic carcinoma in 4 lymph nodes", 4, 4, "4 nodes positive of 3 examined"),
])
def test_a_count_that_cannot_be_is_flagged_beside_those_that_can(stager, told, positive, examined, flagged):
    staged = stager.stage("FINAL DIAGNOSIS: Oral cavity: squamous cell carcinoma. " + told)
    assert (staged["nodes_positive"].label, staged["nodes_examined"].label) == (str(positive), str(examined))
    [message] = nodes_order(staged)
    assert message.startswith(f"{flagged} (at ")


@pytest.mark.parametrize("told", [
    "Lymph nodes, right axilla: 2/15.", "Lymph nodes (total / positive): 14 / 3", "Case 124/13. Lymph nodes: 0/4.", "Sentinel node #10/1. Lymph nodes: 0/4.",
    "A. Three lymph nodes were examined.\nB. Lymph nodes, right: five lymph nodes are positive.", "FINAL DIAGNOSIS: Lymph nodes 1/4.\nGROSS DESCRIPTION: Summary of sections: 4A, five lymph nodes, 5/1.",
])
def test_what_can_be_true_is_not_flagged(stager, told):
    assert nodes_order(stager.stage("FINAL DIAGNOSIS: Breast: invasive ductal carcinoma. " + told)) == []
