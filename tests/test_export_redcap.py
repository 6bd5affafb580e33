"Cases as a REDCap project: the dictionary as REDCap documents it, records by its codes, and read back."
import csv
import re
import stat

import polars as pl
import pytest

from cancer_staging import Stager
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.export.redcap import export_redcap, read_choices, read_redcap
from cancer_staging.fields import FIELDS
from cancer_staging.runs import InputError

HOSTILE = "=cmd|' /C calc'!A0 a|b^c~d\\e&f\n\"quoted\", and more"
COLUMNS = '''Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number,Text Validation Min,Text Validation Max,Identifier?,Branching Logic (Show field only if...),Required Field?,Custom Alignment,Question Number (surveys only),Matrix Group Name,Matrix Ranking?,Field Annotation'''


@pytest.fixture(scope="module")
def rules():
    return Stager.from_pretrained("rules")


@pytest.fixture(scope="module")
def table(rules):
    texts = [synthetic_report(seed).text for seed in range(60)]
    return rules.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(60)], "text": texts, "patient_id": [f"P{number // 2}" for number in range(60)], "report_date": ["2024-03-01"] * 60}))


@pytest.fixture(scope="module")
def project(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("redcap") / "project"
    return folder, export_redcap(table, folder)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def changed(table, row=0, **cells):
    "The table with other cells in one row."
    rows = table.to_dicts()
    rows[row] |= cells
    return pl.DataFrame(rows, schema=table.schema)


def test_the_dictionary_is_as_redcap_documents_it(project):
    folder, _ = project
    header, *_ = (folder / "data_dictionary.csv").read_text(encoding="utf-8").splitlines()
    rows = rows_of(folder / "data_dictionary.csv")
    names = [row["Variable / Field Name"] for row in rows]
    assert header == COLUMNS and len(rows[0]) == 18
    assert names[0] == "record_id" and len(set(names)) == len(names)
    for row in rows:
        assert re.fullmatch("[a-z][a-z0-9_]{0,99}", row["Variable / Field Name"]) and re.fullmatch("[a-z][a-z0-9_]*", row["Form Name"]) and row["Field Label"]
        assert row["Field Type"] in ("text", "notes", "radio") and row["Text Validation Type OR Show Slider Number"] in ("", "integer", "number", "date_ymd") and row["Identifier?"] in ("", "y")
        assert bool(row["Choices, Calculations, OR Slider Labels"]) == (row["Field Type"] == "radio")
        assert all(re.fullmatch(r"\w+, [^|]+", choice) for choice in row["Choices, Calculations, OR Slider Labels"].split(" | ") if choice)
    assert {"report_id", "patient_id", "accession", "report_date", "t_evidence"} <= {row["Variable / Field Name"] for row in rows if row["Identifier?"] == "y"}


def test_each_field_is_asked_for_as_it_is_declared(project):
    rows = {row["Variable / Field Name"]: row for row in rows_of(project[0] / "data_dictionary.csv")}
    for name, field in FIELDS.items():
        row = rows[name]
        assert row["Section Header"] == field.title and rows[f"{name}_evidence"]["Field Type"] == "notes" and rows[f"{name}_detail"]["Field Type"] == "text"
        assert tuple(rows[f"{name}_confidence"][f"Text Validation {part}"] for part in ("Type OR Show Slider Number", "Min", "Max")) == ("number", "0", "1")
        assert set(read_choices(rows[f"{name}_basis"]["Choices, Calculations, OR Slider Labels"])) == {"stated", "derived", "reviewed", "inferred"}
        if field.kind == "label":
            assert tuple(read_choices(row["Choices, Calculations, OR Slider Labels"]).values()) == field.labels
    told = {name: tuple(rows[name][f"Text Validation {part}"] for part in ("Type OR Show Slider Number", "Min", "Max")) for name in ("ki67", "tumor_size_mm", "nodes_positive", "nodes_examined")}
    assert told == {"ki67": ("number", "0", "100"), "tumor_size_mm": ("number", "0", ""), "nodes_positive": ("integer", "0", ""), "nodes_examined": ("integer", "0", "")}


def test_records_keep_to_the_dictionary(project, table):
    folder, done = project
    dictionary, records = rows_of(folder / "data_dictionary.csv"), rows_of(folder / "records.csv")
    assert list(records[0]) == [row["Variable / Field Name"] for row in dictionary]
    assert len({record["record_id"] for record in records}) == len(records) == done.tumors == table["reportable"].sum() and all(re.fullmatch("r[0-9a-f]{16}", record["record_id"]) for record in records)
    for row in dictionary:
        held = {record[row["Variable / Field Name"]] for record in records} - {""}
        if row["Field Type"] == "radio":
            assert held <= {choice.partition(", ")[0] for choice in row["Choices, Calculations, OR Slider Labels"].split(" | ")}
        if row["Text Validation Type OR Show Slider Number"] in ("integer", "number"):
            assert all(0 <= float(one) <= float(row["Text Validation Max"] or "inf") for one in held)


def test_what_is_read_back_is_what_was_staged(project, table):
    compared, back = 0, {row["report_id"]: row for row in read_redcap(project[0]).iter_rows(named=True)}
    for row in table.filter("reportable").iter_rows(named=True):
        assert back[row["report_id"]]["patient_id"] == row["patient_id"]
        for name in FIELDS:
            assert back[row["report_id"]][name] == FIELDS[name].label_of(row[name]), (row["report_id"], name)
            compared += row[name] is not None
    assert compared > 600


def test_codes_of_another_dictionary_are_read_by_it(project, tmp_path):
    "As after a project manager numbered the choices."
    for name in ("data_dictionary.csv", "records.csv"):
        (tmp_path / name).write_bytes((project[0] / name).read_bytes())
    told = (tmp_path / "data_dictionary.csv").read_text(encoding="utf-8")
    (tmp_path / "data_dictionary.csv").write_text(told.replace("G1, G1 | G2, G2 | G3, G3 | G4, G4", "1, G1 | 2, G2 | 3, G3 | 4, G4"), encoding="utf-8")
    with pytest.raises(InputError, match="grade holds 'G"):
        read_redcap(tmp_path)
    before = read_redcap(project[0])
    records = pl.read_csv(tmp_path / "records.csv", infer_schema=False)
    records.with_columns(pl.col("grade").str.strip_prefix("G")).write_csv(tmp_path / "records.csv")
    assert read_redcap(tmp_path)["grade"].to_list() == before["grade"].to_list() and before["grade"].drop_nulls().len() > 10


def test_hostile_text_comes_back_and_no_spreadsheet_runs_it(table, tmp_path):
    number = next(place for place, row in enumerate(table.iter_rows(named=True)) if row["reportable"] and row["t_evidence"])
    cells = dict.fromkeys(("report_id", "patient_id", "site", "t_detail"), HOSTILE) | {"site_basis": "stated", "t_evidence": [{"start": 0, "end": len(HOSTILE), "text": HOSTILE}]}
    export_redcap(changed(table, number, **cells), tmp_path / "project")
    record = next(row for row in rows_of(tmp_path / "project" / "records.csv") if row["patient_id"].endswith(HOSTILE))
    assert {record[name] for name in ("report_id", "patient_id", "site", "t_detail", "t_evidence")} == {"'" + HOSTILE}
    row, = read_redcap(tmp_path / "project").filter(pl.col("report_id") == HOSTILE).to_dicts()
    assert (row["patient_id"], row["site"], row["record_id"]) == (HOSTILE, HOSTILE, record["record_id"])


def test_what_is_no_case_is_listed_and_reports_of_one_id_stay_apart(rules, tmp_path):
    cancer = rules.stage("Left breast: invasive ductal carcinoma, 12 mm. pT1c pN0 (0/3).", report_id="A").to_frame()
    polyp = rules.stage("Colon, polypectomy: tubular adenoma.", report_id="polyp").to_frame()
    undated = changed(cancer, report_date="spring")
    done = export_redcap(pl.concat([cancer, polyp, cancer, undated]), tmp_path / "one")
    assert [(one.report_id, one.row) for one in done.left_out] == [("polyp", 1), ("A", 3)] and "not reportable" in done.left_out[0].why and "spring" in done.left_out[1].why
    assert done.tumors == 3 and len(set(read_redcap(tmp_path / "one")["record_id"])) == 3
    export_redcap(cancer, tmp_path / "two")
    assert read_redcap(tmp_path / "two")["record_id"][0] == read_redcap(tmp_path / "one")["record_id"][0]  # imported again, it is the same record


def test_inferred_values_go_out_only_when_asked_for(tmp_path):
    row = Stager.from_pretrained(min_confidence=0).stage("Bladder, cystectomy: urothelial carcinoma invading the perivesical fat. 0 of 12 lymph nodes are positive. Grade 3. No vascular invasion.")
    without, asked = export_redcap(row.to_frame(), tmp_path / "without"), export_redcap(row.to_frame(), tmp_path / "asked", with_inferred=0.3)
    assert without.inferred > asked.inferred and read_redcap(tmp_path / "without")["t"][0] is None
    record, = rows_of(tmp_path / "asked" / "records.csv")
    assert (record["t"], record["t_basis"], record["nodes_examined"], record["nodes_examined_basis"], record["ajcc_edition_basis"]) == ("T3", "inferred", "12", "stated", "assumed")
    assert float(record["t_confidence"]) == pytest.approx(row.to_dict()["t_confidence"], abs=1e-4)


def test_files_and_mistakes(project, table, tmp_path):
    folder, _ = project
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600} and len(list(folder.iterdir())) == 2
    with pytest.raises(InputError, match="--overwrite"):
        export_redcap(table, folder)
    before = (folder / "records.csv").read_bytes()
    export_redcap(table, folder, overwrite=True)
    assert (folder / "records.csv").read_bytes() == before
    with pytest.raises(InputError, match="exists already"):
        export_redcap(table, folder / "records.csv", overwrite=True)
    with pytest.raises(InputError, match="t_detail"):
        export_redcap(table.drop("t_detail"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="data_dictionary.csv"):
        read_redcap(tmp_path)
