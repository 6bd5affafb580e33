"Tables of reports and registry labels, read without torch."
import subprocess
import sys

import polars as pl
import pytest

from cancer_staging.corpora.labelled import check_classes, label_numbers, labelled_reports, learning_rows, MISSING, read_data, read_label, select_rows

TABLE = pl.DataFrame({"Text": ["one", " ", "three", "four", "five"], "case_submitter_id": ["A", "B", None, "D", "E"], "project_id": ["TCGA-BRCA", "TCGA-BRCA", "luad", None, "TCGA-KIRC"],
                      "ajcc_pathologic_t": ["T2a", "T1", "TX", None, "4"], "n": ["N0 (i+)", "N1", None, "NX", "N2"], "split": ["train", "train", "Dev", "train", "test"]})


def test_nothing_here_needs_torch():
    code = "import sys; import cancer_staging.corpora.labelled, cancer_staging.models.learned, cancer_staging.models.judges; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["False", "False"]


def test_rows_to_learn_from_keep_those_without_a_label():
    rows, left_out = learning_rows(TABLE, ("t", "n"))
    assert rows.rows() == [("A", "one", "train", "BRCA", "T2", "N0"), ("row 2", "three", "validation", "LUAD", None, None), ("D", "four", "train", None, None, None)]
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
