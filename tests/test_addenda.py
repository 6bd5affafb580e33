"Reports that were amended, and forms and legends as laboratories send them: values as a registrar codes them by hand."
import pytest

from cancer_staging import Stager

REPORT = "FINAL DIAGNOSIS:\nA. Left breast, mastectomy: Invasive ductal carcinoma, grade 2, 2.4 cm.\nB. Left axilla, dissection: Metastatic carcinoma in 2 of 14 lymph nodes.\nPathologic stage: pT3 pN1a\n"


@pytest.fixture(scope="module")
def stager() -> Stager:
    return Stager.from_pretrained("rules")


@pytest.mark.parametrize("text, expected", [
    (REPORT + "\nADDENDUM:\nAll fat was sought again: metastatic carcinoma in 4 of 18 lymph nodes.", {"nodes_positive": "4", "nodes_examined": "18"}),
    (REPORT + "\nAMENDED REPORT 2024-03-05:\n" + REPORT.replace("2 of 14", "3 of 15"), {"nodes_positive": "3", "nodes_examined": "15"}),
    (REPORT + "\nADDENDUM 1:\n3 of 15 lymph nodes hold carcinoma.\n\nADDENDUM 2:\n4 of 16 lymph nodes hold carcinoma.", {"nodes_positive": "4", "nodes_examined": "16"}),
    (REPORT + "\nADDENDUM:\nThree more lymph nodes are negative (0/3).", {"nodes_positive": "2", "nodes_examined": "17"}),
    (REPORT + "Lymph nodes examined: 14\nLymph nodes positive: 2\n\nAMENDED SYNOPSIS:\nLymph nodes examined: 15\nLymph nodes positive: 4\n", {"nodes_positive": "4", "nodes_examined": "15"}),
    (REPORT + "\nAMENDED REPORT 2024-03-05:\n" + REPORT.replace("pT3", "pT2"), {"t": "T2"}),
    (REPORT + "\nAMENDED REPORT 2024-03-05:\nADDENDUM:\nFINAL DIAGNOSIS:\nLeft breast: pT1c.\n\nAMENDED REPORT 2024-03-09:\nER positive.", {"t": "T1", "n": "N1", "er": "positive"}),
    ("AMENDED REPORT\nA. Left breast, mastectomy: Invasive ductal carcinoma, grade 2, 2.4 cm. pT2", {"tumor_size_mm": "24", "t": "T2"}),
    ("FINAL DIAGNOSIS: Breast: carcinoma.\n\nAMENDED REPORT 2024-03-03:\nHER2: Negative (1+)\n\nAMENDED REPORT 2024-03-05:\nHER2: Positive (3+)", {"her2": "positive"}),
    ("ADDENDUM:\nTwo additional lymph nodes are negative (0/2).\n\nAMENDED REPORT:\nColon: adenocarcinoma. Thirteen lymph nodes are negative (0/13).", {"nodes_examined": "15"}),
])
def test_the_last_word_counts(stager, text, expected):
    values = stager.stage(text).values
    assert {name: values[name].label for name in expected} == expected


@pytest.mark.parametrize("answer", ["Small vessel", "Large vessel (venous), extramural", "Small vessel lymphovascular invasion"])
@pytest.mark.parametrize("after", ["Perineural Invasion: Not identified", "Margins: negative", ""])
def test_a_form_that_asks_which_vessels(stager, answer, after):
    values = stager.stage(f"SYNOPTIC REPORT:\nHistologic Type: Adenocarcinoma\nLymphatic and / or Vascular Invasion: {answer}\n{after}").values
    assert values["lymphovascular_invasion"].label == "present"
    assert ("perineural_invasion" in values) == after.startswith("Peri")


def test_a_piece_is_no_tumor_for_the_mass_of_the_next_sentence(stager):
    text = "GROSS DESCRIPTION:\nA lumpectomy measuring 8.5 x 6.0 x 3.2 cm. A firm mass 2.5 x 2.1 x 2.0 cm is seen.\nDIAGNOSIS:\nBreast: invasive carcinoma."
    assert stager.stage(text).values["tumor_size_mm"].label == "25"


@pytest.mark.parametrize("comment", [
    "T1 invades submucosa; T2 invades muscularis propria; T3 goes through it; T4a reaches the peritoneum.",
    "Key: T1 < 2 cm, T2 2-5 cm, T3 > 5 cm.",
])
def test_a_legend_is_no_category(stager, comment):
    value = stager.stage(f"FINAL DIAGNOSIS:\nColon, cecum, biopsy: Adenocarcinoma.\nCOMMENT:\nAJCC: {comment}").values.get("t")
    assert value is None or value.basis != "stated"


def test_a_legend_of_scores_is_no_result(stager):
    assert "her2" not in stager.stage("FINAL DIAGNOSIS:\nBreast: Invasive carcinoma.\nCOMMENT:\nHER2 scoring: 0 and 1+ negative, 2+ equivocal, 3+ positive.").values


def test_a_category_that_was_not_assigned_is_said_to_be_unknown(stager):
    values = stager.stage("SYNOPTIC REPORT:\nHistologic Type: Clear cell renal cell carcinoma\npT Category: pT1b\npN Category: pN not assigned (no nodes submitted or found)").values
    assert (values["t"].detail, values["n"].label, values["n"].detail) == ("pT1b", None, "pNX")


def test_vessels_of_an_earlier_tumor_are_not_this_ones(stager):
    history = "CLINICAL HISTORY:\nHistory of right breast cancer 2010, LVI present, perineural invasion present.\n\n"
    values = stager.stage(history + "FINAL DIAGNOSIS:\nLeft breast, biopsy: Invasive lobular carcinoma.").values
    assert "lymphovascular_invasion" not in values and "perineural_invasion" not in values
