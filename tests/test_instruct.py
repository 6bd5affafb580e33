"What goes into training and what must not: dialogues, questions about reports, diagnoses, and the leakage check over all of them."
import json

import polars as pl
import pytest

from cancer_staging.rules.grammar import Finding
from cancer_staging.text.document import Span
from cancer_staging.writing.diagnosis import diagnosis_examples, diagnosis_text, visit_examples, visit_note
from cancer_staging.writing.dialogues import clean_dialogue, read_dialogues, soap_examples
from cancer_staging.writing.examples import (check_examples, example_frame, MADE_BY, patient_splits, read_instructions, split_context, to_instruction_records, write_instructions)
from cancer_staging.writing.questions import (answer_size, answer_stage, balanced_questions, check_not_scoring_rules, phenotype_questions, piece_answers, read_annotations, receptor_names, report_pieces, SHORT, who_confirms)
from cancer_staging.writing.tasks import NOT_RELEVANT
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.corpora.splits import LeakageError
from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.writing.tasks import get_task, QUESTIONS


def answered(piece: str, report: str | None = None) -> dict[str, str]:
    "The questions that a piece of a report answers."
    return {key: answer for key, (answer, _) in piece_answers(piece, GRAMMAR.read(report or piece)).items()}


@pytest.fixture(scope="module")
def invented_corpus() -> pl.DataFrame:
    "Invented reports with registry columns, 160 to train on and 60 to test."
    reports = list(synthetic_reports(220))
    return pl.DataFrame({"patient_id": [report.report_id for report in reports], "split": ["train"] * 160 + ["test"] * 60, "text": [report.text for report in reports],
                         "icd10": [report.truth["site"].detail for report in reports], "grade": [report.truth["grade"].label for report in reports], "t": [report.truth["t"].label for report in reports]})


def test_the_three_published_forms(tmp_path):
    (tmp_path / "aci.csv").write_text('dataset,encounter_id,dialogue,note\nvirtassist,D2N001,"[doctor] hi .\n[patient] hey .",CHIEF COMPLAINT\n')
    (tmp_path / "mts.csv").write_text("ID,section_header,section_text,dialogue\n0,GENHX,Pain.,Doctor: Pain?\n1,LABS,None.,Doctor: Labs?\n")
    (tmp_path / "primock.csv").write_text('id,presenting_complaint,dialogue,note,highlights\nday1,x,"[doctor] <UNSURE>Hello</UNSURE> <UNIN/> you",3/7 hx,y\n')
    aci, mts, primock = (read_dialogues(tmp_path / f"{name}.csv", kind).frame for name, kind in (("aci", "aci"), ("mts", "mts"), ("primock", None)))
    assert aci.rows() == [("D2N001", "[doctor] hi .\n[patient] hey .", "CHIEF COMPLAINT")]
    assert mts.select("id", "section", "note").rows() == [("0", "History of present illness", "Pain."), ("1", "Laboratory results", "None.")]
    assert primock["dialogue"].to_list() == ["[doctor] Hello you"]


def test_medsynth_rows_without_a_note_are_dropped_and_counted(tmp_path):
    rows = [{"": number, " ID ": f"m{number}", "Dialogue": f"[doctor] Case {number}.", "Note": f"S: case {number}"} for number in range(40)]
    rows[7]["Note"], rows[19]["Dialogue"], rows[30]["Note"] = None, None, "nan"
    pl.DataFrame(rows).write_csv(tmp_path / "medsynth.csv")
    read = read_dialogues(tmp_path / "medsynth.csv")
    assert (read.frame.height, read.dropped) == (37, 3) and "m7" not in read.frame["id"].to_list() and read.frame.row(0) == ("m0", "[doctor] Case 0.", "S: case 0")
    pl.DataFrame({"id": ["1"], "dialogue": [None], "note": ["x"]}, schema=dict.fromkeys(("id", "dialogue", "note"), pl.String)).write_csv(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="no row with a dialogue and a note"):
        read_dialogues(tmp_path / "none.csv")


def test_columns_that_are_missing_are_named(tmp_path):
    (tmp_path / "talk.csv").write_text("id,talk,note\n1,a,b\n")
    with pytest.raises(ValueError, match=r"lacks a dialogue \(dialogue, .*it has 'id', 'talk', 'note'"):
        read_dialogues(tmp_path / "talk.csv")
    with pytest.raises(ValueError, match="lacks section_header, section_text, dialogue"):
        read_dialogues(tmp_path / "talk.csv", "mts")
    with pytest.raises(ValueError, match="no kind of dialogue file 'soap'"):
        read_dialogues(tmp_path / "talk.csv", "soap")
    with pytest.raises(FileNotFoundError, match="aci_train.csv"):
        soap_examples(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds none of"):
        soap_examples(tmp_path)


def test_marks_go_and_words_stay():
    assert clean_dialogue(" a <INAUDIBLE_SPEECH/> b\r\n\r\n\r\nc < 3 > d ") == "a b\n\nc < 3 > d"


def test_real_dialogues_keep_their_published_splits(test_bed):
    examples = soap_examples(test_bed / "soap")
    counts = {(row["task"], row["split"], row["source"]): row["len"] for frame in examples.values() for row in frame.group_by("task", "split", "source").len().iter_rows(named=True)}
    assert counts == {("soap", "train", "aci"): 67, ("soap", "validation", "aci"): 20, ("soap", "test", "aci_test1"): 40, ("soap", "test", "aci_test2"): 40, ("soap", "test", "primock57"): 57,
                      ("section_note", "train", "mts"): 1195, ("section_note", "validation", "mts"): 100, ("section_note", "test", "mts_test1"): 200}
    for frame in examples.values():
        check_examples(frame)
        assert frame["group"].n_unique() == frame["example_id"].n_unique() == frame.height and set(frame["made_by"]) == {"clinician"}
        assert not frame["dialogue"].str.contains("<UN|  ").any()


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


def test_the_same_patient_or_text_in_two_splits_is_refused(invented_corpus):
    examples = diagnosis_examples(invented_corpus)
    check_examples(examples)
    twice = pl.concat([examples, examples.filter(pl.col("split") == "train").head(1).with_columns(split=pl.lit("test"), text=pl.lit("another text"))])
    with pytest.raises(LeakageError, match="1 patients on both sides"):
        check_examples(twice)
    copied = pl.concat([examples, examples.filter(pl.col("split") == "train").head(1).with_columns(split=pl.lit("validation"), group=pl.lit("somebody else"))])
    with pytest.raises(LeakageError, match="nearly the same"):
        check_examples(copied)
    with pytest.raises(ValueError, match="no column split"):
        check_examples(examples.drop("split"))


def test_validation_is_a_part_of_the_training_patients(invented_corpus):
    splits = patient_splits(invented_corpus, 0.2)
    sides = {name: set(splits.filter(pl.col("split") == name)["patient_id"]) for name in ("train", "validation", "test")}
    given = {name: set(invented_corpus.filter(pl.col("split") == name)["patient_id"]) for name in ("train", "test")}
    assert sides["test"] == given["test"] and sides["train"] | sides["validation"] <= given["train"] and 15 <= len(sides["validation"]) <= 50
    assert splits.equals(patient_splits(invented_corpus, 0.2)) and not splits.equals(patient_splits(invented_corpus, 0.2, seed=1))


def test_the_part_with_the_diagnosis(invented_corpus):
    long = "Gross description: " + "a piece of tissue. " * 200 + "Final diagnosis: Stomach: signet ring cell carcinoma. " + "Comment: none. " * 200
    assert diagnosis_text(long, 30).startswith("Final diagnosis: Stomach: signet ring cell carcinoma.") and len(diagnosis_text(long, 30).split()) == 30
    assert diagnosis_text("Short report.", 30) == "Short report."
    cut = diagnosis_examples(invented_corpus, max_words=40)
    assert cut["text"].str.split(" ").list.len().max() <= 40 and set(cut["made_by"]) == {"registry"} and cut["response"].equals(cut["icd10"].rename("response"))
    with pytest.raises(ValueError, match="no column 'icd10'"):
        diagnosis_examples(invented_corpus.drop("icd10"))


def test_reports_that_are_alike_only_where_they_are_read_are_kept_apart():
    read = "Final diagnosis: Liver, segment six, wedge resection: hepatocellular carcinoma, moderately differentiated, of four centimetres, in a cirrhotic liver with clear margins on all of its sides."
    other = {name: " ".join(f"{name}{number}" for number in range(400)) for name in "ab"}  # the reports differ in most of their words
    frame = pl.DataFrame({"patient_id": ["A", "B"], "split": ["train", "test"], "icd10": ["C22.0", "C22.0"], "text": [f"{other['a']}.\n{read}", f"{other['b']}.\n{read}"]})
    assert diagnosis_examples(frame, validation_share=0.0)["split"].to_list() == ["train", "test"]
    assert diagnosis_examples(frame, max_words=28, validation_share=0.0)["split"].to_list() == ["test"]


def test_visits_are_invented_and_say_so():
    visits = visit_examples(150, seed=5)
    check_examples(visits)
    assert set(visits["made_by"]) == {"synthetic"} and set(visits["split"]) == {"train", "validation", "test"} and visits["objective"].null_count() == 0 and visits["laboratory"].null_count() > 0
    breast = next(note for note in map(visit_note, range(100)) if "breast" in note["response"])
    status = breast["response"].split(", ")[-3:]
    assert [word.split()[0] for word in status] == ["ER", "PR", "HER2"] and f"Estrogen receptor: {status[0].split()[1].capitalize()}" in breast["objective"]


def test_records_are_read_back_as_they_were(tmp_path):
    visits = visit_examples(30)
    records = to_instruction_records(visits)
    assert set(records[0]) == {"instruction", "context", "response"} and records[0]["instruction"] == get_task("diagnosis").instruction
    again = read_instructions(write_instructions(visits, tmp_path / "v.jsonl"), "diagnosis", made_by="synthetic")
    columns = [*get_task("diagnosis").columns, "response"]
    assert again.dropped == 0 and again.frame.select(columns).equals(visits.select(columns))
    pl.DataFrame(records).write_parquet(tmp_path / "v.parquet")
    assert read_instructions(tmp_path / "v.parquet", "diagnosis", made_by="synthetic").frame.drop("source", "example_id", "group").equals(again.frame.drop("source", "example_id", "group"))
    with pytest.raises(ValueError, match="none of the lines Section:, Dialogue:"):
        split_context("free text", "section_note")
    with pytest.raises(ValueError, match="made_by 'me' is none of annotator"):
        read_instructions(tmp_path / "v.jsonl", made_by="me")


def test_a_published_question_file(tmp_path):
    (tmp_path / "q.csv").write_text("instruction,context,response,patient_id\nWhat is the grade?,Grade 2.,grade 2,A\nWhat is the stage?,Grade 2.,,A\n")
    read = read_instructions(tmp_path / "q.csv")
    assert read.dropped == 1 and read.frame.select("group", "question", "context", "response", "made_by", "split").rows() == [("A", "What is the grade?", "Grade 2.", "grade 2", "annotator", "train")]


def test_rules_are_not_scored_on_their_own_answers():
    frame = pl.DataFrame({"made_by": ["rule", "registry", "annotator"]})
    for name in ("rules", "default", "my-rules"):
        with pytest.raises(ValueError, match="1 of 3 references were made by the rules"):
            check_not_scoring_rules(frame, name)
        check_not_scoring_rules(frame[1:], name)
    check_not_scoring_rules(frame, "smollm2-lora")


def test_no_example_can_be_made_by_nobody_known():
    rows = [{"example_id": "1", "group": "a", "text": "x", "response": "C50.9", "made_by": "somebody", "split": "train", "source": "s"}]
    with pytest.raises(ValueError, match="somebody"):
        example_frame("icd10", rows, ("text",))
    assert MADE_BY == ("annotator", "registry", "clinician", "rule", "synthetic")


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
