"How counts of lymph nodes are found, told apart and joined. The sentences are invented, as pathologists write them, and what they say is written beside them."
import pytest

from cancer_staging.rules.grammar import Grammar
from cancer_staging.rules.node_counts import Count, find_labelled, find_ratios, find_roman, How, Side
from cancer_staging.rules.node_health import is_diseased
from cancer_staging.rules.node_words import find_worded
from cancer_staging.rules.nodes import JOIN_RULES, join_counts, join_rule, NODES, settle_labels
from cancer_staging.text.document import Document

PREPARE = Grammar([NODES]).prepare

OTHER_FRACTIONS = [
    "Lymph nodes negative. Nottingham score 6/9.",
    "Axillary nodes clear; Gleason 4/10.",
    "Metastatic carcinoma, nuclear grade 2/3.",
    "Lymph node negative for tumor. Tubule formation 3/3.",
    "Metastatic carcinoma; mitoses 9/10.",
    "Metastatic carcinoma, at x4 5/10.",
    "Lymph node in cassettes 2/3.",
    "Sentinel node, slide 1/4.",
    "Lymph node; tumor in the left breast at 3 o'clock 1/2.",
    "Paratracheal nodes clear, carcinoma of the lower 1/3.",
    "Lymph nodes negative. Page 2/3.",
    "Lymph node ratio 2/14.",
    "Lymph nodes negative. 3/10 HPF.",
    "Nodes negative; mitotic figures (4/10) high power fields.",
    "Metastasis to 1/3 of the vagina.",
    "Nodes negative. 2/4 cores involved.",
    "Nodes clear; esophagus 2/3 middle.",
    "Lymph nodes, 1/2 pathology report.",
    "Metastatic carcinoma, 2/3 nuclear grade.",
    "Lymph nodes seen on 3/14/09.",
    "Lymph node, 1/2 cm.",
]


@pytest.mark.parametrize("text", OTHER_FRACTIONS)
def test_a_fraction_of_something_else_counts_no_nodes(text):
    assert list(find_ratios(PREPARE(text))) == []


@pytest.mark.parametrize("text, how", [
    ("Right axillary contents (2/9).", "ratio"),
    ("Hilar lymph nodes, corresponding to the upper lobe: 2/9.", "ratio"),
    ("pT3 pN1mi 2/9", "code"),
    ("ypT1 yp N1 (2/9)", "code"),
    ("T3 N1 [2/9]", "code"),
    ("pT2 pNO(sn)(0/2)", "code"),
    ("Lymph nodes, total: 2/9", "code"),
    ("Lymph node status: positive for metastasis 2/9", "status"),
    ("Regional lymph nodes (pN): 2/9", "status"),
    ("Nodal status: 2/9", "status"),
    ("Lymph nodes: positive 2/9", "status"),
])
def test_how_a_ratio_counts(text, how):
    assert [count.how for count in find_ratios(PREPARE(text))] == [how]


@pytest.mark.parametrize("text, diseased", [
    ("No evidence of malignancy in {six lymph nodes}.", False),
    ("N0 tumor identified in any of {six lymph nodes}.", False),
    ("{Six lymph nodes}, un-involved by carcinoma.", False),
    ("{Six lymph nodes} with reactive hyperplasia.", False),
    ("{Six lymph nodes} show sinus histiocytosis, tumor is absent.", False),
    ("{Six lymph nodes}: anthracosis.", False),
    ("{Six benign lymph nodes}; tumor in the margin.", False),
    ("No significant abnormality in {six lymph nodes}.", False),
    ("{Six lymph nodes}, none with carcinoma.", False),
    ("No malignancy in {six lymph nodes} beside the tumor.", False),
    ("{Six lymph nodes} involved by lymphoma.", True),
    ("{Six lymph nodes}, macrometastases.", True),
    ("{Six lymph nodes} with carcinoma.", True),
    ("Metastatic adenocarcinoma involving {six lymph nodes}, margins are free.", True),
    ("{Six lymph nodes} are replaced by tumor.", True),
    ("{Six lymph nodes} with micrometastasis.", True),
    ("{Six positive lymph nodes}.", True),
    ("Carcinoma in the breast; {six lymph nodes} are identified.", None),
    ("{Six lymph nodes} are found. Tumor is seen at the margin.", None),
])
def test_whether_counted_nodes_are_diseased(text, diseased):
    start, end = text.index("{"), text.index("}") - 1
    assert is_diseased(Document(text.replace("{", "").replace("}", "")), start, end) is diseased


@pytest.mark.parametrize("text, side, number", [
    ("Number of lymph nodes involved: 3", Side.POSITIVE, 3),
    ("Number of nodes with macroscopic disease = two", Side.POSITIVE, 2),
    ("Number of lymph nodes containing metastases is 4", Side.POSITIVE, 4),
    ("NODES WITH TUMOR: O", Side.POSITIVE, 0),
    ("Number of metastatic lymph nodes: 4", Side.POSITIVE, 4),
    ("Number of nodes with metastases 2", Side.POSITIVE, 2),
    ("Positive lymph nodes: 2", Side.POSITIVE, 2),
    ("Axillary nodes. Total examined: 21", Side.EXAMINED, 21),
    ("Number of lymph nodes: 12", Side.EXAMINED, 12),
    ("Number of regional lymph nodes retrieved - : l2", Side.EXAMINED, 12),
    ("Nodes submitted (levels I and II): 17", Side.EXAMINED, 17),
    ("Number of nodes examined. 1.5 cm", Side.EXAMINED, None),
    ("Number of lymph nodes with isolated tumor cells: 2", Side.POSITIVE, None),
    ("Number of lymph nodes with metastases as isolated tumor cells: 2", Side.POSITIVE, None),
    ("Number of lymph nodes without metastasis: 9", Side.POSITIVE, None),
    ("Number of metastatic nodes with extranodal extension: 2", Side.POSITIVE, None),
    ("Number of nodes in quadrants examined: 2", Side.EXAMINED, None),
    ("Number of high power fields examined in lymph nodes: 9", Side.EXAMINED, None),
    ("Number of lymph node sections examined: 9", Side.EXAMINED, None),
    ("Number of tumors in the specimen, lymph nodes not examined: 2", Side.EXAMINED, None),
    ("Number of negative lymph nodes: 9", Side.POSITIVE, None),
])
def test_what_a_label_counts(text, side, number):
    numbers = [count.number(side) for count in find_labelled(PREPARE(text))]
    assert numbers == ([] if number is None else [number])


@pytest.mark.parametrize("first, second", [("pelvic", "para-aortic"), ("axillary", "internal mammary"), ("cervical", "hilar"), ("right", "left"), ("sentinel", "axillary")])
def test_two_stations_with_as_many_nodes_are_two_stations(first, second):
    text = f"Number of {first} lymph nodes examined: 4. Number of {second} lymph nodes examined: 4."
    assert settle_labels(find_labelled(PREPARE(text)), Side.EXAMINED).value == 8


def test_labels_of_stations_are_added_and_a_total_stands_alone():
    stations = "Number of obturator nodes examined: 4. Number of iliac nodes examined: 7."
    assert settle_labels(find_labelled(PREPARE(stations)), Side.EXAMINED).value == 11
    assert settle_labels(find_labelled(PREPARE("Number of all iliac lymph nodes examined: 9. Number of left iliac lymph nodes examined: 4.")), Side.EXAMINED).value == 9
    assert settle_labels(find_labelled(PREPARE(stations + " Total number of lymph nodes examined: 12.")), Side.EXAMINED).value == 12


@pytest.mark.parametrize("text, name, pairs", [
    ("Adenocarcinoma metastatic to two of nine lymph nodes (2/9).", "figures behind words", [(2, 9)]),
    ("Four local lymph nodes are tumor-free, pT2 pN0 (0/4).", "figures behind words", [(0, 4)]),
    ("Five (5) (0/6) pelvic lymph nodes.", "figures within words", [(0, 6)]),
    ("With a solitary regional lymph node metastasis (pT4 pN1 1/31).", "all of them behind the diseased", [(1, 31)]),
    ("Two hilar lymph nodes with capsular invasion (2/7).", "denominator behind words", [(2, 7)]),
    ("Carcinoma in 7/8 lymph nodes.", "words behind figures", [(7, 8)]),
    ("Total number of lymph nodes is twelve lymph nodes, negative (0/12).", "figures behind a total", [(0, 12)]),
    ("Lymphonodi axillares sine metastasibus, lymph nodes (No I/1).", "Roman and Arabic", [(1, 1)]),
    ("Station 7 lymph node: Negative for tumor (0/3).", "heading and its text", [(0, 3)]),
    ("Lymph nodes, 2/3, positive for carcinoma (2/3).", "repeated in a bracket", [(2, 3)]),
    ("Two of nine lymph nodes, level 1 (2/9). Level 2, none of four nodes (0/4).", "figures behind words", [(2, 9), (0, 4)]),
])
def test_counts_of_the_same_nodes_are_joined(text, name, pairs):
    document = PREPARE(text)
    counts = sorted([*find_ratios(document), *find_roman(document), *find_worded(document)], key=lambda count: (count.start, count.end))
    assert name in [rule.name for rule in (join_rule(document.lower, *pair) for pair in zip(counts, counts[1:])) if rule]
    assert [count.pair for count in join_counts(document, counts)] == pairs


@pytest.mark.parametrize("text, number", [
    ("Two of nine lymph nodes positive. B. Level 2 (0/4).", 2),
    ("Axilla (1/4), level 2 (1/4).", 2),                                           # two stations that happen to hold the same
    ("Level 7 lymph node: Negative for tumor. B. Level 8 lymph nodes (0/3).", 2),  # the next entry
    ("Lymph nodes (0/5). Five lymph nodes are negative.", 2),                      # a full stop between them
])
def test_counts_of_other_nodes_stay_apart(text, number):
    document = PREPARE(text)
    assert len(join_counts(document, [*find_ratios(document), *find_worded(document)])) == number


REPORTS = [
    ("Metastases carcinomatosae in lymphonodis (No IV).", "4", "4"),
    ("Metastases carcinomatosae (No III/XI).", "3", "11"),
    ("Six possible lymph nodes, negative for tumor.", None, None),
    ("Six lymph node blocks are negative for tumor.", None, None),
    ("Six lymph node candidates are negative for tumor.", None, None),
    ("Nine lymph nodes, two of which contain tumor.", "2", "9"),
    ("Axillary lymph nodes (2): positive for carcinoma.", "2", "2"),
    ("Axillary lymph nodes (6) are negative for carcinoma.", "0", "6"),
    ("Lymph node, axilla, biopsy: Metastatic lobular carcinoma.", "1", "1"),
    ("Lymph node, hilar, biopsy: Positive for carcinoma.", "1", "1"),
    ("LYMPH NODE, LEVEL 4 - NEGATIVE FOR TUMOR - FAT ONLY.", None, None),
    ("GROSS DESCRIPTION: Metastatic carcinoma is found in two of six lymph nodes.", "2", "6"),
    ("GROSS DESCRIPTION: Negative for carcinoma in six lymph nodes.", "0", "6"),
    ("GROSS DESCRIPTION: Six lymph nodes are submitted.", None, None),
    ("Lymph nodes: No evidence of malignancy.", "0", None),
    ("One lymph node (1/1), pN0(i+).", "0", "1"),
    ("One lymph node (1/1) with a focus of < 0.2 mm.", "0", "1"),
    ("Isolated tumor cells and a micrometastasis in lymph nodes (1/2).", "1", "2"),
    ("Carcinoma in one lymph node (1/1), no isolated tumor cells.", "1", "1"),
    ("Lymph nodes (0/10), including the sentinel nodes (0/3).", "0", "10"),
    ("Lymph nodes (2/10), of which the sentinel nodes (1/3).", "2", "10"),
    ("Number of nodes examined in this specimen only: 1. Level 9: Lymph nodes (0/4). Level 10: Lymph nodes (0/3).", "0", "7"),
]


@pytest.mark.parametrize("text, positive, examined", REPORTS)
def test_what_a_report_says(text, positive, examined):
    found = Grammar([NODES]).read(text)
    assert [found[name].label if name in found else None for name in ("nodes_positive", "nodes_examined")] == [positive, examined]


def test_every_joining_rule_says_what_it_joins():
    assert len({rule.name for rule in JOIN_RULES}) == len(JOIN_RULES)
    assert all(rule.first and rule.second and all(isinstance(how, How) for how in rule.first | rule.second) for rule in JOIN_RULES)


def test_a_count_knows_its_sides():
    count = Count(0, 4, 3, 14, How.RATIO)
    assert count.pair == (count.number(Side.POSITIVE), count.number(Side.EXAMINED)) == (3, 14)
    with pytest.raises(ValueError, match="guess"):
        How("guess")
