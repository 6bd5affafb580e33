"""Questions about pieces of reports: what is asked, what is answered, and who confirms it."""
import json

import polars as pl
import pytest
from made_corpora import registry_corpus

from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.grammar import Finding
from cancer_staging.text.document import Span
from cancer_staging.writing.diagnosis import diagnosis_examples
from cancer_staging.writing.examples import check_examples
from cancer_staging.writing.questions import (answer_size, answer_stage, balanced_questions, check_not_scoring_rules, phenotype_questions, piece_answers, read_annotations, receptor_names, report_pieces,
                                              SHORT, who_confirms)
from cancer_staging.writing.tasks import NOT_RELEVANT, QUESTIONS


def answered(piece: str, report: str | None = None) -> dict[str, str]:
    "The questions that a piece of a report answers."
    return {key: answer for key, (answer, _) in piece_answers(piece, GRAMMAR.read(report or piece)).items()}


@pytest.fixture(scope="module")
def invented_corpus():
    return registry_corpus()


def test_answers_are_what_the_piece_prints():
    piece = "Tumor size: 4.5 X 3 X 1 cm. Histologic type: Adenocarcinoma. Histologic grade: Moderately differentiated. Sigmoid colon. pT3 pNO (0/14)."
    assert answered(piece) == {"tumor_size": "4.5 X 3 X 1 cm", "histology": "Adenocarcinoma", "receptors_mentioned": NOT_RELEVANT, "receptor_type": NOT_RELEVANT, "laterality": NOT_RELEVANT, "stage": "pT3; pN0",
                               "location": "Sigmoid colon", "grade": "moderately differentiated"}


@pytest.mark.parametrize(("piece", "key", "answer"), [
    ("Kidney, left, nephrectomy: Papillary renal cell carcinoma, Fuhrman grade II of IV, 3.2 cm.", "grade", "grade 2"),
    ("Prostate: adenocarcinoma, Gleason score 3 + 4 = 7, in both lobes of the prostate gland.", "grade", "Gleason 3+4=7"),
    ("Colon: adenocarcinoma, G2, moderately differentiated, of the ascending colon, resected.", "grade", "grade 2; moderately differentiated"),
    ("Kidney, left, nephrectomy: Papillary renal cell carcinoma, Fuhrman grade II of IV, 3.2 cm.", "histology", "Papillary renal cell carcinoma"),
    ("Lung, right upper lobe: invasive squamous cell carcinoma, 3.2 cm, margins are free.", "histology", "invasive squamous cell carcinoma"),
    ("The specimen is a right lung; the tumor measures 32 x 20 mm and is solid and white.", "tumor_size", "32 x 20 mm"),
    ("Breast carcinoma: the tumor cells are positive for estrogen receptor and negative for progesterone receptor.", "receptor_type", "ER positive; PR negative"),
    ("LEFT BREAST, TOTAL MASTECTOMY: INVASIVE DUCTAL CARCINOMA, 3.5 CM, MARGINS FREE.", "laterality", "left")])
def test_forms_of_answers(piece, key, answer):
    assert answered(piece)[key] == answer


@pytest.mark.parametrize(("piece", "key"), [
    ("The specimen holds a squamous cell carcinoma of 2 cm and, apart from it, a serous carcinoma of the lung.", "histology"),  # two types
    ("Receptors: ER positive, PR positive, prcgesterone receptor by a second method is to follow in the breast.", "receptors_mentioned"),  # one can't be read
    ("HER2/neu: 0, 1 = NEGATIVE FOR OVEREXPRESSION, 2 = INDETERMINATE, 3 = POSITIVE FOR OVEREXPRESSION.", "receptor_type"),  # a legend
    ("Left superior laryngeal nerve, biopsy: nerve, no tumor seen, negative for malignancy, nothing else.", "laterality"),  # no tumour there
    ("The upper pole holds something of 3 cm that may be tumor; the site is the left kidney.", "stage_group")])
def test_what_can_not_be_told_is_not_asked(piece, key):
    assert key not in answered(piece)


def test_a_value_that_is_not_the_reports_is_not_asked_about():
    report = "Final diagnosis: Kidney, left, nephrectomy: Papillary renal cell carcinoma, Fuhrman grade 2, tumor size 3.2 cm, confined to the kidney."
    older = "A papillary renal cell carcinoma, Fuhrman grade 4, tumor size 9.1 cm, was removed before from the right kidney."
    assert {"tumor_size", "grade", "laterality"} & set(answered(older, report)) == set() and answered(older, report)["receptor_type"] == NOT_RELEVANT
    assert answered(report)["tumor_size"] == "3.2 cm" and answered(report)["laterality"] == "left"


def test_size_must_be_the_value_that_was_read():
    piece = "a tumor, 2.5 cm"
    found = {"tumor_size_mm": Finding("tumor_size_mm", "31", "31 mm", (Span(0, len(piece)),), "size.label")}
    assert answer_size(piece, found) is None
    assert answer_size(piece, {"tumor_size_mm": found["tumor_size_mm"]._replace(label="25")}) == "2.5 cm"


def test_a_stage_with_more_codes_than_were_read_has_no_answer():
    assert answer_stage("pT2 pN1 in the left, pT1 in the right breast", GRAMMAR.read("pT2 pN1 in the left, pT1 in the right breast")) is None
    assert answer_stage("pT2 pN1 M0", GRAMMAR.read("pT2 pN1 M0")).split("; ")[:2] == ["pT2", "pN1"]


def test_receptors_in_order_of_appearance():
    assert receptor_names("negative for HER-2/neu; Estrogen and progesterone receptors: positive") == ["her2", "er", "pr"] and receptor_names("the older sample") == []


def test_pieces_are_readable_and_of_a_sentences_length():
    pieces = list(report_pieces("The left kidney holds a firm mass. " * 6 + "\n\n" + "III IIII IIIII VIII the tumour is here and it is seen by all of us now."))
    assert pieces and all(len(piece.split()) >= SHORT for piece in pieces) and not any("IIII" in piece for piece in pieces)


def test_who_made_an_answer():
    read = {"er": Finding("er", "positive", "90%", (Span(0, 2),), "r"), "site": Finding("site", "Breast", "C50.4", (Span(0, 2),), "r")}
    assert who_confirms(read, {"er": {"positive"}, "site": {"C50.9"}}, {}) == "registry" and who_confirms(read, {"er": {"positive"}}, {}) == "rule"
    assert who_confirms({"er": read["er"]}, {"er": {"negative"}}, {"er": {"positive"}}) == "annotator"


def test_annotations_as_the_grammar_writes_them(tmp_path):
    data = {"pt_category": "t1c", "pn_category": None, "grade": 3, "cancer_laterality": "right", "tumor_size": 18, "anatomic_stage_group": "ia", "biomarkers": [{"biomarker_category": "er", "expression": False}]}
    (tmp_path / "a.jsonl").write_text(json.dumps({"patient_id": "P", "cancer_data": data}) + "\n" + json.dumps({"patient_id": "Q", "cancer_data": None}) + "\n")
    assert read_annotations(tmp_path / "a.jsonl") == {"P": {"t": {"T1"}, "stage_group": {"I"}, "grade": {"G3"}, "laterality": {"right"}, "tumor_size_mm": {"18"}, "er": {"negative"}}, "Q": {}}


def test_questions_of_a_corpus(invented_corpus):
    questions = phenotype_questions(invented_corpus, per_report=6, validation_share=0.2)
    assert questions.columns[:6] == ["example_id", "group", "task", "question", "context", "response"] and questions["example_id"].n_unique() == questions.height
    assert questions.group_by("group").len()["len"].max() <= 6 and set(questions["made_by"]) == {"registry", "rule"}
    assert questions.equals(phenotype_questions(invented_corpus, per_report=6, validation_share=0.2))
    chosen = balanced_questions(questions, {"train": 160, "validation": 32, "test": 48})
    check_examples(chosen)
    for (_, _), part in chosen.filter(pl.col("split") == "test").group_by("split", "question_key"):
        assert (part["response"] == NOT_RELEVANT).sum() <= part.height / 2
    in_train = set(chosen.filter(pl.col("split") == "train").select("question", "context").rows())
    assert in_train and not in_train & set(chosen.filter(pl.col("split") != "train").select("question", "context").rows())


def test_rules_are_not_scored_on_their_own_answers():
    frame = pl.DataFrame({"made_by": ["rule", "registry", "annotator"]})
    for name in ("rules", "default", "my-rules"):
        with pytest.raises(ValueError, match="1 of 3 references were made by the rules"):
            check_not_scoring_rules(frame, name)
        check_not_scoring_rules(frame[1:], name)
    check_not_scoring_rules(frame, "smollm2-lora")


def test_real_reports_give_balanced_questions_and_codes_without_leakage(test_bed):
    corpus = pl.read_parquet(test_bed / "tcga" / "reports.parquet")
    part = pl.concat([corpus.filter(pl.col("split") == "train").sample(400, seed=2), corpus.filter(pl.col("split") == "test").sample(200, seed=2)])
    codes = diagnosis_examples(part, max_words=220)
    assert set(check_examples(codes)) == {("train", "validation"), ("train", "test"), ("validation", "test")}
    questions = balanced_questions(phenotype_questions(part, annotations=read_annotations(test_bed / "tcga" / "field_annotations_test.jsonl")), {"train": 240, "validation": 48, "test": 112})
    check_examples(questions)
    test = questions.filter(pl.col("split") == "test")
    assert set(test["group"]) <= set(part.filter(pl.col("split") == "test")["patient_id"]) and test.height >= 70 and "annotator" in set(test["made_by"])
    assert set(questions["question"]) == set(QUESTIONS.values()) and 0.45 <= (questions["response"] == NOT_RELEVANT).mean() <= 0.55
    said = questions.filter((pl.col("response") != NOT_RELEVANT) & pl.col("question_key").is_in(["tumor_size", "histology", "location"]))
    assert all(response in context for context, response in said.select("context", "response").rows())  # spans of the text
