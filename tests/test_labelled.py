"Tables of reports and registry labels, read without torch."
import subprocess
import sys

import polars as pl
import pytest

from cancer_staging.corpora.labelled import (check_classes, label_columns, label_numbers, labelled_reports, learning_rows, MISSING, named_columns, read_data, read_label, read_labels, select_rows, standard_table,
                                             told_columns)
from cancer_staging.fields import FIELDS
from cancer_staging.reading.columns import ACCESSION_COLUMNS, DATE_COLUMNS, folded_name, ID_COLUMNS, PATIENT_COLUMNS, TEXT_COLUMNS

TABLE = pl.DataFrame({"Text": ["one", " ", "three", "four", "five"], "case_submitter_id": ["A", "B", None, "D", "E"], "project_id": ["TCGA-BRCA", "TCGA-BRCA", "luad", None, "TCGA-KIRC"],
                      "ajcc_pathologic_t": ["T2a", "T1", "TX", None, "4"], "n": ["N0 (i+)", "N1", None, "NX", "N2"], "split": ["train", "train", "Dev", "train", "test"]})


def test_nothing_here_needs_torch():
    code = "import sys; import cancer_staging.corpora.labelled, cancer_staging.models.learned, cancer_staging.models.judges; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["False", "False"]


def test_rows_to_learn_from_keep_those_without_a_label():
    rows, left_out = learning_rows(TABLE, ("t", "n"))
    assert rows.rows() == [("A", "one", "train", "BRCA", "T2", "N0"), ("row-3", "three", "validation", "LUAD", None, None), ("D", "four", "train", None, None, None)]
    assert left_out == {"not in the train split": 1, "no text": 1}


def test_labelled_reports_leave_them_out_and_say_so():
    reports = labelled_reports(TABLE, ("t", "n"))
    assert reports.texts == ("one",) and reports.labels.tolist() == [[1, 0]] and reports.left_out == {"not in the train split": 1, "no text": 1, "no label": 2}
    with pytest.raises(ValueError, match="no report to train on: of 1 rows, 1 have no text"):
        labelled_reports(TABLE[1:2], ("t", "n"))


def test_labels_are_numbers_of_trained_labels():
    assert label_numbers(pl.DataFrame({"t": ["T4b", "Tis", None]}), ("t",)).tolist() == [[3], [MISSING], [MISSING]]
    with pytest.raises(ValueError, match="cannot be a classification head"):
        label_numbers(pl.DataFrame({"site": ["breast"]}), ("site",))


@pytest.mark.parametrize("name, value, label", [("t", "4", "T4"), ("n", "0.0", "N0"), ("t", "-1", None), ("t", "[Not Available]", None), ("m", "M1b", "M1")])
def test_spellings(name, value, label):
    assert read_label(name, value) == label


@pytest.mark.parametrize("name, spellings", [
    ("t", ("t", "T", "pT", "p_T", "pathologic_t", "pathologic_T", "Pathologic T", "ajcc_pathologic_t", "AJCC Pathologic pT", "diagnoses.ajcc_pathologic_t", "PATH_T_STAGE", "ajcc_tumor_pathologic_pt", "ajccTnmPathT", "T stage")),
    ("n", ("pN", "ajcc_pathologic_n", "ajcc_nodes_pathologic_pn", "pathologic-N")), ("m", ("pM", "ajcc_pathologic_m", "ajcc_metastasis_pathologic_pm")),
    ("stage_group", ("stage", "Stage group", "ajcc_pathologic_stage", "AJCC_PATHOLOGIC_TUMOR_STAGE", "pathologic_stage")), ("grade", ("tumor_grade", "Histologic Grade", "neoplasm_histologic_grade")),
    ("er", ("ER_STATUS_BY_IHC", "breast_carcinoma_estrogen_receptor_status", "ER status")), ("pr", ("pr_status_by_ihc", "PgR")), ("her2", ("IHC_HER2", "her2_status", "HER2/neu")),
    ("laterality", ("Laterality", "tumor_laterality")), ("lymphovascular_invasion", ("LVI", "lymphovascular_invasion_present", "Lymph-vascular invasion"))])
def test_a_field_is_found_under_the_names_that_others_give_it(name, spellings):
    value = FIELDS[name].labels[-1]
    for spelling in spellings:
        frame = pl.DataFrame({"text": ["a report"], spelling: [value]})
        assert label_columns(frame, [name]) == {name: spelling} and read_labels(frame, [name])[name].to_list() == [value]


@pytest.mark.parametrize("column", ["clinical_t", "ajcc_clinical_t", "cT", "clinical.T", "Clinical.Stage", "yT", "tumor", "text", "figo_stage", "clinical_stage", "patient"])
def test_other_facts_are_no_labels(column):
    frame = pl.DataFrame({column: ["T2"]})
    for name in ("t", "stage_group"):
        with pytest.raises(ValueError, match=f"no label column for field '{name}'.*--map {name}=COLUMN"):
            label_columns(frame, [name])


def test_no_name_of_a_column_stands_for_two_things():
    names = [(folded_name(spelling), name) for name, field in FIELDS.items() for spelling in (name, *field.published)]
    names += [(folded_name(spelling), "other") for spelling in (*TEXT_COLUMNS, *ID_COLUMNS, *PATIENT_COLUMNS, *ACCESSION_COLUMNS, *DATE_COLUMNS)]
    places = {spelling: {other for one, other in names if one == spelling} for spelling, _ in names}
    assert {spelling: those for spelling, those in places.items() if len(those) > 1} == {}


def test_a_column_of_report_numbers_is_not_taken_for_the_text(tmp_path):
    from cancer_staging.reading.reports import read_reports

    table = pl.DataFrame({"Report": ["R-17"], "report_text": ["Colon: adenocarcinoma, pT3."], "pT": ["T3"]})
    table.write_csv(tmp_path / "numbered.csv")
    assert next(iter(read_reports(tmp_path))).text == standard_table(table, ["t"])["text"][0] == "Colon: adenocarcinoma, pT3."


def test_the_plain_name_wins_and_two_others_are_not_guessed_between():
    table = pl.DataFrame({"pathologic_t": ["T3"], "pT": ["T2"], "T": ["T1"], "t": ["T4"]})
    assert label_columns(table, ["t"]) == {"t": "t"} and label_columns(table.drop("t"), ["t"]) == {"t": "T"}
    two = table.drop("t", "T")
    with pytest.raises(ValueError, match="pathologic_t and pT could both be t: say which with --map t=pathologic_t"):
        label_columns(two, ["t"])
    assert read_labels(two, ["t"], named_columns(["t=PT"]))["t"].to_list() == ["T2"]
    assert label_columns(two.with_columns(pathologic_t=pl.lit("[Not Available]")), ["t"]) == {"t": "pT"}  # a column without a value is no choice
    assert told_columns({"t": "pT", "n": "n", "m": "M"}) == "t is read from pT, m from M" and told_columns({"t": "t"}) == ""


@pytest.mark.parametrize("pairs, message", [(["t"], "'t' is not field=COLUMN"), (["t="], "not field=COLUMN"), (["size=a"], "no field 'size'"), (["t=a", "t=b"], "two columns for t: a and b"),
                                            (["t=colour"], "--map t=colour: the table has no column 'colour'; it has Text"), (["er=n"], "--map er=n is for a field that is not used: there are t, n")])
def test_what_is_wrong_with_a_map_is_said(pairs, message):
    with pytest.raises(ValueError, match=message):
        label_columns(TABLE, ("t", "n"), named_columns(pairs))


def test_a_table_without_patients_has_ids_that_staging_it_gives(tmp_path):
    from cancer_staging.reading.reports import read_reports

    table = pl.DataFrame({"Report": ["pT1", "pT2"], "pT": ["T1", "T2"]})
    table.write_csv(tmp_path / "mine.csv")
    read = standard_table(table, ["t"], stem="mine")
    assert read["report_id"].to_list() == [report.report_id for report in read_reports(tmp_path)] == ["mine-1", "mine-2"]
    assert read["patient_id"].to_list() == [None, None] and read["text"].to_list() == ["pT1", "pT2"] and read["t"].to_list() == ["T1", "T2"] and read["project"].to_list() == [None, None]
    both = table.with_columns(report_id=pl.Series([7.0, 8.0]), MRN=pl.Series(["A", None]))
    both.write_parquet(tmp_path / "mine.parquet")
    read = standard_table(both, ["t"])
    assert read["report_id"].to_list() == [report.report_id for report in read_reports(tmp_path / "mine.parquet")] == ["7", "8"] and read["patient_id"].to_list() == ["A", "8"]


def test_a_table_with_reports_and_patients_is_staged_by_its_reports(tmp_path):
    from cancer_staging.reading.reports import read_reports

    pl.DataFrame({"patient_id": ["A", "A"], "report_id": ["one", "two"], "text": ["pT1", "pT2"]}).write_parquet(tmp_path / "two.parquet")
    assert [(report.report_id, report.origin.patient_id) for report in read_reports(tmp_path)] == [("one", "A"), ("two", "A")]


def test_select_rows_draws_from_what_may_be_trained_on():
    drawn = select_rows(TABLE, ["n=N0 (i+),N1,N2"], limit=5)
    assert drawn["case_submitter_id"].to_list() == ["A", "B"]
    assert select_rows(TABLE, limit=2, seed=1).equals(select_rows(TABLE, limit=2, seed=1))


def test_what_is_wrong_is_said(tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 nothing")
    for action, message in ((lambda: read_data(tmp_path / "damaged.parquet"), "damaged"), (lambda: read_data(tmp_path / "none.csv"), "no file"), (lambda: learning_rows(TABLE, ("t",), "body"), "body"),
                            (lambda: learning_rows(TABLE, ("er",)), "no label column for field 'er'"), (lambda: check_classes({"m": {"M0": 3, "M1": 0}}), "one class only, M0"),
                            (lambda: learning_rows(TABLE.with_columns(n=pl.lit("large")), ("n",)), "maps to nothing")):
        with pytest.raises(ValueError, match=message):
            action()
