"The default model: what it learns, how it weighs description and statement, and what it refuses."
import json
import shutil

import numpy as np
import polars as pl
import pytest

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.fields import FIELDS
from cancer_staging.models import learned_files
from cancer_staging.models.features import describe
from cancer_staging.models.fitting import fit_learned
from cancer_staging.models.learned import LearnedModel
from cancer_staging.models.learned_files import load_learned, model_card, save_learned, shipped_learned
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.text.document import sentences
from cancer_staging.text.masking import remove_notation

COLON = ("Colon, sigmoid, segmental resection. Moderately differentiated adenocarcinoma, 4.2 cm in largest dimension, extending through the muscularis propria into pericolic fat. "
         "Metastasis in 2 of 14 lymph nodes. Margins are free of tumor. The remaining mucosa is unremarkable. The specimen is received in formalin, labelled with the name of the patient.")
KIDNEY = ("Kidney, right, radical nephrectomy. Clear cell renal cell carcinoma, Fuhrman grade 2. The tumor measures 9.5 cm in greatest dimension and is confined to the kidney. "
          "The renal vein and the perinephric fat are free of tumor. The adrenal gland is unremarkable. The ureter margin is negative. No lymph nodes are submitted.")
THYROID = ("Thyroid, total thyroidectomy. Papillary thyroid carcinoma, classic type, of the left lobe. The tumor measures 1.1 cm in greatest dimension. The tumor is confined to the thyroid. "
           "Margins are negative. Six lymph nodes are negative for carcinoma. The right lobe shows nodular hyperplasia. The parathyroid gland is normal.")
BLADDER = ("Urinary bladder, radical cystectomy. High grade urothelial carcinoma. The tumor infiltrates through the muscularis propria into perivesical fat. Ureteral margins are negative. "
           "Fourteen lymph nodes are negative for carcinoma, 0/14. The prostate shows benign hyperplasia. The specimen is received fresh.")
GLIOMA = ("Brain, left temporal lobe, craniotomy and resection. Glioblastoma multiforme, WHO grade IV. The tumor is a highly cellular astrocytic neoplasm with marked nuclear pleomorphism, brisk "
          "mitotic activity, microvascular proliferation and pseudopalisading necrosis. GFAP is positive in tumor cells. The Ki-67 labelling index is 30 percent. The specimen measures 4 x 3 x 2 cm.")
LETTER = ("Dear colleague, thank you for sending us this pleasant patient, who was seen in the clinic on Monday for a check of blood pressure. The heart sounds are normal. The lungs are clear. "
          "We will see her again in six months. Kind regards.")


def judge(model: LearnedModel, text: str):
    return model.judge([describe(text, model.vocabulary)], [GRAMMAR.read(text)])[0]


def evidence_of(model: LearnedModel, text: str, label: str):
    return model.evidence(describe(text, model.vocabulary), GRAMMAR.read(text), {"t": label})["t"]


@pytest.fixture(scope="module")
def shipped():
    return shipped_learned()


@pytest.fixture(scope="module")
def held():
    "Invented reports that the fitted model has not seen, without their notation."
    reports = list(synthetic_reports(80, seed=1000))
    return [(remove_notation(report.text).text, {name: report.truth[name].label for name in ("t", "n")}) for report in reports]


# Fitting

@pytest.mark.parametrize("name", ["t", "n"])
def test_descriptions_teach_what_the_notation_would_say(fitted, held, name):
    answers = [(judge(fitted, text)[name].label, truth[name]) for text, truth in held if truth[name] in FIELDS[name].trained]
    majority = max(sum(truth == label for _, truth in answers) for label in FIELDS[name].trained) / len(answers)
    assert np.mean([answer == truth for answer, truth in answers]) > majority + 0.15


def test_stated_labels_are_read_almost_always_right(fitted):
    scores = fitted.about["scores_on_folds"]
    assert scores["t"]["accuracy"] > 0.9 > scores["t"]["without_notation"]["accuracy"] and scores["t"]["reports"] == 298  # two are Tis
    assert fitted.about["reports"] == 300 and fitted.about["tcga"] is False
    assert fitted.cancer_types == ("BLADDER", "BREAST", "COLON", "ENDOMETRIUM", "KIDNEY", "LUNG", "PROSTATE", "STOMACH", "TONGUE")


def test_the_same_seed_gives_the_same_model(invented):
    pytest.importorskip("sklearn")
    one, two = (fit_learned(invented.head(80), ("t",), folds=2, seed=3) for _ in range(2))
    assert one.features == two.features and np.array_equal(one.descriptions["t"].weights, two.descriptions["t"].weights) and np.array_equal(one.arbiters["t"].weights, two.arbiters["t"].weights)


def test_no_cancer_types_are_no_obstacle(invented):
    pytest.importorskip("sklearn")
    model = fit_learned(invented.head(80).drop("project"), ("t",), folds=2)
    assert model.cancer_types == ("ANY",) and judge(model, remove_notation(invented["text"][150]).text)["t"].label in FIELDS["t"].trained
    assert "Cancer type not known" in model_card(model)


@pytest.mark.parametrize("change, fields, message", [
    ({"t": pl.lit(None, pl.String)}, ("t", "n"), "'t' has no label"),
    ({"m": pl.lit("M0")}, ("m",), "'m' has one class only, M0"),
    ({"t": pl.when(pl.int_range(pl.len()) < 30).then("t")}, ("t",), "needs 50"),
    ({}, ("t", "size"), "no field 'size'"),
    ({}, ("er",), "learns t, n, m"),
    ({"patient_id": pl.lit("one")}, ("t",), "folds"),
])
def test_labels_that_cannot_be_learnt_from_are_refused(invented, change, fields, message):
    pytest.importorskip("sklearn")
    with pytest.raises(ValueError, match=message):
        fit_learned(invented.with_columns(**change), fields)


def test_progress_is_told(invented):
    pytest.importorskip("sklearn")
    told = []
    fit_learned(invented.head(100), ("n",), folds=2, progress=told.append)
    assert told[0] == "reading 100 reports" and "arbiter and trees of n" in told and told[-1] == "fitting on everything"


# Keeping

def test_a_saved_model_judges_the_same(fitted, held, tmp_path):
    save_learned(fitted, tmp_path)
    again = load_learned(tmp_path)
    for text, _ in held[:30]:
        before, after = judge(fitted, text), judge(again, text)
        assert before.keys() == after.keys()
        for name in before:
            assert list(after[name].probabilities.values()) == pytest.approx(list(before[name].probabilities.values()), abs=1e-3)


def test_loading_and_saving_again_changes_no_bit(fitted, held, tmp_path):
    save_learned(fitted, tmp_path / "one")
    once = load_learned(tmp_path / "one")
    save_learned(once, tmp_path / "two")
    for name in ("model.safetensors", "learned.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [judge(once, text) for text, _ in held[:10]] == [judge(load_learned(tmp_path / "two"), text) for text, _ in held[:10]]


@pytest.fixture
def spoilt(tmp_path):
    "A copy of the shipped model, and a way to spoil its names."
    folder = tmp_path / "model"
    shutil.copytree(str(learned_files.resources.files("cancer_staging") / "data" / "default"), folder)

    def spoil(**change):
        content = json.loads((folder / "learned.json").read_text())
        (folder / "learned.json").write_text(json.dumps(content | change))
        return folder

    return spoil


@pytest.mark.parametrize("change, message", [
    ({"format": 99}, "format 99"), ({"fields": {"t": ["T1", "T2"]}}, "T1, T2"), ({"fields": {"colour": ["red"]}}, "no such field"), ({"fields": ["t"]}, "holds no learned model"),
    ({"features": ["one"]}, "does not belong"), ({"cancer_types": ["BRCA"]}, "does not belong"), ({"arbiters": {}}, "holds no learned model"),
])
def test_a_foreign_folder_is_refused_by_name(spoilt, change, message):
    folder = spoilt(**change)
    with pytest.raises(ValueError, match=message) as error:
        load_learned(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("name, content", [("learned.json", b"\xff\xfe"), ("learned.json", b"[]"), ("learned.json", b"{"), ("model.safetensors", b"nothing"), ("model.safetensors", None), ("learned.json", None)])
def test_a_damaged_folder_is_refused_by_name(spoilt, name, content):
    folder = spoilt()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match="holds no learned model") as error:
        load_learned(folder)
    assert str(folder) in str(error.value)


# Judging

@pytest.mark.parametrize("text, field, label", [(COLON, "t", "T3"), (COLON, "n", "N1"), (KIDNEY, "t", "T2"), (THYROID, "t", "T1"), (THYROID, "n", "N0"), (BLADDER, "t", "T3"), (BLADDER, "n", "N0")])
def test_what_is_described_is_inferred(shipped, text, field, label):
    assert judge(shipped, text)[field].label == label


@pytest.mark.parametrize("text, words", [(COLON, "muscularis propria"), (KIDNEY, "9.5 cm"), (THYROID, "1.1 cm"), (BLADDER, "perivesical fat")])
def test_evidence_is_the_sentences_that_the_answer_rests_on(shipped, text, words):
    inferred, found = judge(shipped, text)["t"], GRAMMAR.read(text).get("t")
    evidence = found.evidence if found and found.label == inferred.label else evidence_of(shipped, text, inferred.label)  # what the grammar infers, it shows itself
    assert any(words in text[start:end] for start, end in evidence)

    def drop(start, end):
        left = judge(shipped, text[:start] + text[end:]).get("t")
        return inferred.probabilities[inferred.label] - (left.probabilities[inferred.label] if left else 0)

    each = {piece: drop(*piece) for piece in sentences(text)}
    assert max(lost for (start, end), lost in each.items() if any(start <= first < end for first, _ in evidence)) > np.median(list(each.values())) + 0.05


def test_evidence_of_invented_reports_carries_the_answer(fitted, held):
    better, count = 0, 0
    for text, _ in held[:14]:
        inferred = judge(fitted, text)["t"]
        where, evidence = sentences(text), evidence_of(fitted, text, inferred.label)
        assert len(evidence) <= 2 and all(0 <= start < end <= len(text) and text[start:end] == text[start:end].strip() for start, end in evidence)
        if not evidence or len(where) < 5:
            continue
        answers = {piece: judge(fitted, text[:piece[0]] + text[piece[1]:])["t"].probabilities[inferred.label] for piece in where}
        shown = [left for (start, end), left in answers.items() if any(start <= first < end for first, _ in evidence)]
        better, count = better + (min(shown) < np.median(list(answers.values()))), count + 1
    assert count >= 8 and better >= 0.8 * count


def test_probabilities_are_of_the_trained_labels_and_sum_to_one(shipped, held):
    for text in [COLON, KIDNEY, "Breast, carcinoma, pT2 pN1 M0.", *(text for text, _ in held[:20])]:
        for name, judgement in judge(shipped, text).items():
            assert tuple(judgement.probabilities) == FIELDS[name].trained and judgement.label in judgement.probabilities
            assert sum(judgement.probabilities.values()) == pytest.approx(1) and min(judgement.probabilities.values()) >= 0


def test_the_arbiter_weighs_the_statement_against_the_description(shipped):
    described, agreeing, contradicting = (judge(shipped, BLADDER + more)["t"].probabilities for more in ("", " Pathologic stage: pT3b pN0.", " Pathologic stage: pT2b pN0."))
    assert agreeing["T3"] > described["T3"] > contradicting["T3"] > 0 and contradicting["T2"] > described["T2"]


@pytest.mark.parametrize("text", ["Adenocarcinoma.", "Carcinoma of the colon", "", "tumor " * 60])
def test_a_text_of_few_words_gives_nothing(shipped, text):
    assert judge(shipped, text) == {}


def test_what_has_no_cancer_gives_nothing_and_a_glioma_no_t(shipped):
    assert judge(shipped, LETTER) == {} and not {"t", "n", "stage_group"} & judge(shipped, GLIOMA).keys()


# The card

def test_the_card_is_made_of_the_model(fitted, shipped):
    card = model_card(fitted)
    scores = fitted.about["scores_on_folds"]["t"]
    assert f"| T | 298 | {scores['macro_f1']:.3f} ({scores['without_notation']['macro_f1']:.3f}) |" in card
    assert "300 reports with registry labels" in card and "BLADDER" in card and f"{fitted.parameters:,} weights" in card and "TCGA" not in card
    assert "not a medical device" in card and "--model" in card and "{" not in card


def test_the_shipped_card_is_that_of_the_shipped_model(shipped, root):
    card = (root / "cancer_staging" / "data" / "default" / "README.md").read_text(encoding="utf-8")
    assert card == model_card(shipped) and "TCGA-Reports" in card and "7th edition" in card
