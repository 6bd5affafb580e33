"Cases in the OMOP CDM: loaded into DuckDB under the model's own keys, asked by SQL, and read back."
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging import Stager
from cancer_staging.cli import app
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.export.omop import columns_of, export_omop, read_omop, TABLES
from cancer_staging.export.values import row_values
from cancer_staging.fields import FIELDS, staged_columns
from cancer_staging.runs import InputError

duckdb = pytest.importorskip("duckdb")

# The tables of OMOP CDM 5.4 as OHDSI publishes them (CommonDataModel, inst/ddl/5.4/duckdb): columns, types, NOT NULL; with its primary keys, and its foreign keys among these tables.
MODEL = """
CREATE TABLE person (person_id integer NOT NULL PRIMARY KEY, gender_concept_id integer NOT NULL, year_of_birth integer NOT NULL, month_of_birth integer, day_of_birth integer, birth_datetime TIMESTAMP, race_concept_id integer NOT NULL, ethnicity_concept_id integer NOT NULL, location_id integer, provider_id integer,
  care_site_id integer, person_source_value varchar(50), gender_source_value varchar(50), gender_source_concept_id integer, race_source_value varchar(50), race_source_concept_id integer, ethnicity_source_value varchar(50), ethnicity_source_concept_id integer);
CREATE TABLE observation_period (observation_period_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), observation_period_start_date date NOT NULL, observation_period_end_date date NOT NULL, period_type_concept_id integer NOT NULL);
CREATE TABLE visit_occurrence (visit_occurrence_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), visit_concept_id integer NOT NULL, visit_start_date date NOT NULL, visit_start_datetime TIMESTAMP, visit_end_date date NOT NULL, visit_end_datetime TIMESTAMP, visit_type_concept_id integer NOT NULL,
  provider_id integer, care_site_id integer, visit_source_value varchar(50), visit_source_concept_id integer, admitted_from_concept_id integer, admitted_from_source_value varchar(50), discharged_to_concept_id integer, discharged_to_source_value varchar(50), preceding_visit_occurrence_id integer);
CREATE TABLE condition_occurrence (condition_occurrence_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), condition_concept_id integer NOT NULL, condition_start_date date NOT NULL, condition_start_datetime TIMESTAMP, condition_end_date date, condition_end_datetime TIMESTAMP,
  condition_type_concept_id integer NOT NULL, condition_status_concept_id integer, stop_reason varchar(20), provider_id integer, visit_occurrence_id integer REFERENCES visit_occurrence (visit_occurrence_id), visit_detail_id integer, condition_source_value varchar(50), condition_source_concept_id integer, condition_status_source_value varchar(50));
CREATE TABLE measurement (measurement_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), measurement_concept_id integer NOT NULL, measurement_date date NOT NULL, measurement_datetime TIMESTAMP, measurement_time varchar(10), measurement_type_concept_id integer NOT NULL, operator_concept_id integer,
  value_as_number NUMERIC, value_as_concept_id integer, unit_concept_id integer, range_low NUMERIC, range_high NUMERIC, provider_id integer, visit_occurrence_id integer REFERENCES visit_occurrence (visit_occurrence_id), visit_detail_id integer, measurement_source_value varchar(50), measurement_source_concept_id integer, unit_source_value varchar(50),
  unit_source_concept_id integer, value_source_value varchar(50), measurement_event_id integer, meas_event_field_concept_id integer);
CREATE TABLE note (note_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), note_date date NOT NULL, note_datetime TIMESTAMP, note_type_concept_id integer NOT NULL, note_class_concept_id integer NOT NULL, note_title varchar(250), note_text TEXT NOT NULL, encoding_concept_id integer NOT NULL,
  language_concept_id integer NOT NULL, provider_id integer, visit_occurrence_id integer REFERENCES visit_occurrence (visit_occurrence_id), visit_detail_id integer, note_source_value varchar(50), note_event_id integer, note_event_field_concept_id integer);
CREATE TABLE note_nlp (note_nlp_id integer NOT NULL PRIMARY KEY, note_id integer NOT NULL REFERENCES note (note_id), section_concept_id integer, snippet varchar(250), "offset" varchar(50), lexical_variant varchar(250) NOT NULL, note_nlp_concept_id integer, note_nlp_source_concept_id integer, nlp_system varchar(250), nlp_date date NOT NULL,
  nlp_datetime TIMESTAMP, term_exists varchar(1), term_temporal varchar(50), term_modifiers varchar(2000));
CREATE TABLE episode (episode_id integer NOT NULL PRIMARY KEY, person_id integer NOT NULL REFERENCES person (person_id), episode_concept_id integer NOT NULL, episode_start_date date NOT NULL, episode_start_datetime TIMESTAMP, episode_end_date date, episode_end_datetime TIMESTAMP, episode_parent_id integer, episode_number integer,
  episode_object_concept_id integer NOT NULL, episode_type_concept_id integer NOT NULL, episode_source_value varchar(50), episode_source_concept_id integer);
CREATE TABLE episode_event (episode_id integer NOT NULL REFERENCES episode (episode_id), event_id integer NOT NULL, episode_event_field_concept_id integer NOT NULL);
CREATE TABLE cdm_source (cdm_source_name varchar(255) NOT NULL, cdm_source_abbreviation varchar(25) NOT NULL, cdm_holder varchar(255) NOT NULL, source_description TEXT, source_documentation_reference varchar(255), cdm_etl_reference varchar(255), source_release_date date NOT NULL, cdm_release_date date NOT NULL, cdm_version varchar(10),
  cdm_version_concept_id integer NOT NULL, vocabulary_version varchar(20) NOT NULL);
"""


@pytest.fixture(scope="module")
def rules():
    return Stager.from_pretrained("rules")


@pytest.fixture(scope="module")
def made(rules):
    "Synthetic reports with dates and patients, staged, and their texts."
    texts = [synthetic_report(seed).text for seed in range(60)] + ["Skin, excision: benign nevus.", "Breast, left: invasive ductal carcinoma, pT2 pN1a(sn) (2/3).\nLymphovascular invasion: not identified. ER 95%, PR negative, HER2 2+ equivocal, Ki-67 20%.\nNote: \"quoted\", tab\tand\r\nline ends; Grüße."]
    table = rules.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(len(texts))], "text": texts, "patient_id": [f"P{number // 2}" if number % 5 else None for number in range(len(texts))],
                                            "report_date": [f"2024-{number % 12 + 1:02}-1{number % 10}" for number in range(len(texts))]}))
    assert table["report_date"].null_count() == 0
    return table, texts


def loaded(folder, file_format):
    "The folder's tables in DuckDB, under the keys of the model; a broken key or a missing value raises."
    database = duckdb.connect()
    database.execute(MODEL)
    assert {path.name for path in Path(folder).iterdir()} == {f"{name}.{file_format}" for name in TABLES}
    for name in TABLES:
        file = Path(folder) / f"{name}.{file_format}"
        columns = [row[0] for row in database.execute(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{name}' ORDER BY ordinal_position").fetchall()]
        frame = pl.read_parquet(file) if file_format == "parquet" else pl.read_csv(file, infer_schema=False)
        assert frame.columns == columns == [row["column"] for row in columns_of(name)]
        database.execute(f"COPY {name} FROM '{file}' (" + ("FORMAT parquet)" if file_format == "parquet" else "FORMAT csv, HEADER true)"))
    return database


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_tables_load_under_the_models_keys(made, tmp_path, file_format):
    table, texts = made
    done = export_omop(table, texts, tmp_path / "omop", file_format=file_format)
    database = loaded(tmp_path / "omop", file_format)

    def ask(query):
        return database.execute(query).fetchall()

    cases = table.filter("reportable")
    assert ask("SELECT count(*) FROM condition_occurrence") == [(cases.height,)] == [(done.tumors,)] and cases.height >= 50
    assert ask("SELECT count(*) FROM person") == [(done.patients,)]
    given = cases["patient_id"].drop_nulls()
    assert ask("SELECT count(DISTINCT person_source_value), count(*) - count(person_source_value) FROM person") == [(given.n_unique(), cases["patient_id"].null_count())]
    assert ask("SELECT count(*) FROM note_nlp l JOIN note n USING (note_id) WHERE substr(n.note_text, CAST(l.\"offset\" AS integer) + 1, length(l.lexical_variant)) <> l.lexical_variant") == [(0,)]
    evidence = sum(len(row[f"{name}_evidence"]) for row in cases.iter_rows(named=True) for name in row_values(row))
    assert ask("SELECT count(*) FROM note_nlp") == [(evidence,)] and evidence > 300
    assert ask("SELECT count(*) FROM measurement WHERE measurement_event_id NOT IN (SELECT condition_occurrence_id FROM condition_occurrence) OR meas_event_field_concept_id <> 1147127") == [(0,)]
    assert ask("SELECT count(*) FROM episode_event e JOIN condition_occurrence c ON e.event_id = c.condition_occurrence_id JOIN episode USING (episode_id) WHERE e.episode_event_field_concept_id = 1147127 AND episode_concept_id = 32533") == [(cases.height,)]
    assert ask("SELECT count(*) FROM measurement m JOIN condition_occurrence c ON c.condition_occurrence_id = m.measurement_event_id WHERE c.person_id <> m.person_id OR c.condition_start_date <> m.measurement_date") == [(0,)]
    number = table.height - 1  # the last report, whose values stand in this file
    assert ask(f"SELECT measurement_source_value, value_as_number, value_source_value FROM measurement WHERE measurement_event_id = {number + 1} AND measurement_source_value IN ('p-8th_AJCC/UICC-T2', 'p-8th_AJCC/UICC-N1a', '21893-3', '29593-1', '16112-5') ORDER BY 1") == [
        ("16112-5", None, "positive: 95%"), ("21893-3", 2, "2"), ("29593-1", 20, "20%"), ("p-8th_AJCC/UICC-N1a", None, "pN1a(sn)"), ("p-8th_AJCC/UICC-T2", None, "pT2")]
    told = {modifiers.partition(";")[0]: (exists, temporal, modifiers) for exists, temporal, modifiers in ask(f"SELECT term_exists, term_temporal, term_modifiers FROM note_nlp WHERE note_id = {number + 1}")}
    exists, temporal, modifiers = told["field=lymphovascular_invasion"]
    assert (exists, temporal) == ("N", "present") and modifiers == f"field=lymphovascular_invasion; value=absent; basis=stated; confidence={table['lymphovascular_invasion_confidence'][number]:.4f}"
    assert told["field=t"][0] == "Y" and told["field=t"][2].startswith("field=t; value=pT2; basis=stated; ") and told["field=t"][2].endswith("; edition=8 (assumed)")
    types = {"stated": 32858, "derived": 32882}  # NLP; Standard algorithm from EHR
    assert ask(f"SELECT measurement_source_value, measurement_type_concept_id FROM measurement WHERE measurement_event_id = {number + 1} AND measurement_source_value IN ('p-8th_AJCC/UICC-T2', 'p-8th_AJCC/UICC-Stage-2B') ORDER BY 1") == [
        ("p-8th_AJCC/UICC-Stage-2B", types["derived"]), ("p-8th_AJCC/UICC-T2", types["stated"])]
    assert ask(f"SELECT condition_source_value FROM condition_occurrence WHERE condition_occurrence_id = {number + 1}") == [("8500/3-C50.9",)]
    assert ask(f"SELECT note_text FROM note WHERE note_id = {number + 1}") == [(texts[-1],)]


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_read_back_the_values_are_those_of_the_table(made, tmp_path, file_format):
    table, texts = made
    done = export_omop(table, texts, tmp_path / "omop", file_format=file_format)
    left = {(one.row, one.field) for one in done.left_out}
    back, compared = read_omop(tmp_path / "omop"), 0
    rows = [(number, row) for number, row in enumerate(table.iter_rows(named=True)) if row["reportable"]]
    for (number, row), again in zip(rows, back.iter_rows(named=True), strict=True):
        assert again["patient_id"] == row["patient_id"]
        values = row_values(row)
        for name in FIELDS:
            if (number, name) not in left:
                expected = None if name not in values else values[name].detail if name in ("site", "histology") else values[name].label
                assert again[name] == expected, (number, name)
                compared += expected is not None
    assert compared > 600
    assert {one.field for one in done.left_out if one.field} <= {"m", "histology", "site", "behavior", "stage_group", "laterality", *FIELDS}
    assert any(one.field is None and "not reportable" in one.why for one in done.left_out)


def test_a_second_export_is_the_same_and_more_rows_change_no_id(made, tmp_path):
    table, texts = made
    for place in ("one", "two"):
        export_omop(table, texts, tmp_path / place, recorded="2026-11-27T10:00:00+00:00")
    export_omop(table.head(20), texts[:20], tmp_path / "part", recorded="2026-11-27T10:00:00+00:00")
    for name in TABLES:
        whole = (tmp_path / "one" / f"{name}.csv").read_text(encoding="utf-8")
        assert whole == (tmp_path / "two" / f"{name}.csv").read_text(encoding="utf-8")
        if name != "observation_period":  # a person's later reports make it longer
            assert whole.startswith((tmp_path / "part" / f"{name}.csv").read_text(encoding="utf-8"))


def test_concepts_are_those_of_the_users_vocabularies(made, tmp_path):
    table, texts = made
    place = tmp_path / "athena"
    place.mkdir()
    (place / "CONCEPT.csv").write_text("concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n" + "".join(f"{number}\t{name}\t\t{vocabulary}\t\t{standard}\t{code}\t19700101\t20991231\t\n" for number, name, vocabulary, standard, code in [
        (1634654, "AJCC/UICC 8th pathological T2 Category", "Cancer Modifier", "S", "p-8th_AJCC/UICC-T2"), (44499999, 'Infiltrating duct carcinoma, "NOS", of breast', "ICDO3", "", "8500/3-C50.9"), (9191, "Positive", "SNOMED", "S", "10828004"), (3038443, "Estrogen receptor", "LOINC", "S", "16112-5"), (8588, "millimeter", "UCUM", "S", "mm")]), encoding="utf-8")
    (place / "CONCEPT_RELATIONSHIP.csv").write_text("concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n44499999\t4112853\tMaps to\t19700101\t20991231\t\n44499999\t7\tIs a\t19700101\t20991231\t\n", encoding="utf-8")
    (place / "VOCABULARY.csv").write_text("vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id\nNone\tOMOP Standardized Vocabularies\t\tv5.0 30-AUG-24\t1\n", encoding="utf-8")
    export_omop(table, texts, tmp_path / "omop", vocabulary=place, file_format="parquet")
    database = loaded(tmp_path / "omop", "parquet")
    last = table.height
    assert database.execute(f"SELECT condition_concept_id, condition_source_concept_id FROM condition_occurrence WHERE condition_occurrence_id = {last}").fetchall() == [(4112853, 44499999)]
    assert database.execute(f"SELECT episode_object_concept_id FROM episode WHERE episode_id = {last}").fetchall() == [(4112853,)]
    assert database.execute(f"SELECT measurement_concept_id FROM measurement WHERE measurement_event_id = {last} AND measurement_source_value = 'p-8th_AJCC/UICC-T2'").fetchall() == [(1634654,)]
    assert database.execute(f"SELECT measurement_concept_id, value_as_concept_id FROM measurement WHERE measurement_event_id = {last} AND measurement_source_value = '16112-5'").fetchall() == [(3038443, 9191)]
    assert database.execute("SELECT DISTINCT unit_concept_id FROM measurement WHERE unit_source_value = 'mm'").fetchall() == [(8588,)]
    assert database.execute("SELECT vocabulary_version FROM cdm_source").fetchall() == [("v5.0 30-AUG-24",)]
    assert database.execute("SELECT count(*) FROM measurement WHERE measurement_concept_id = 0").fetchone()[0] > 100  # what the vocabularies lack
    of_the_model = {32858, 32882, 32835, 32817, 32678, 4180186, 32533, 32545, 1147127, 756265}
    for name in TABLES:
        for column in (row["column"] for row in columns_of(name) if row["column"].endswith("_concept_id")):
            assert {one for one, in database.execute(f"SELECT DISTINCT {column} FROM {name} WHERE {column} IS NOT NULL").fetchall()} <= of_the_model | {0, 1634654, 44499999, 4112853, 9191, 3038443, 8588}, column


def test_vocabularies_that_can_not_be_read_are_a_clear_error(made, tmp_path):
    table, _ = made
    place = tmp_path / "athena"
    for write, told in ({}, "holds no CONCEPT.csv: download"), ({"CONCEPT.csv": "concept_id\tconcept_code\n1\tT2\n"}, "holds no CONCEPT_RELATIONSHIP.csv: download"), (
            {"CONCEPT_RELATIONSHIP.csv": "concept_id_1\tconcept_id_2\trelationship_id\n"}, "vocabulary_id.*download them again"), (
            {"CONCEPT.csv": "concept_id\tvocabulary_id\tconcept_code\tstandard_concept\nx\tLOINC\t16112-5\tS\n"}, "download them again"), ({"CONCEPT.csv": ""}, "download them again"):
        for name, text in write.items():
            place.mkdir(exist_ok=True)
            (place / name).write_text(text)
        with pytest.raises(InputError, match=told):
            export_omop(table, None, tmp_path / "new", vocabulary=place, undated=date(1900, 1, 1))
        assert not (tmp_path / "new").exists()


def test_codes_are_those_the_vocabularies_have(rules, tmp_path):
    "Cancer Modifier has N0 and N1a, and neither N0(i-) nor N1a(sn); a behaviour that a person changed is that of the condition."
    texts = ["Left breast: invasive ductal carcinoma, pT1c pN0(i-)(sn) (0/2), AJCC 7th edition.", "Prostate: adenocarcinoma, Gleason score 4+5=9. rpT3a pN1 apM1."]
    table = rules.stage_frame(pl.DataFrame({"report_id": ["a", "b"], "text": texts, "report_date": ["2016-01-01"] * 2})).with_columns(behavior=pl.Series(["2", "3"]), behavior_basis=pl.Series(["reviewed", "stated"]))
    export_omop(table, texts, tmp_path / "omop", file_format="parquet")
    measurements = {(event, code): told for event, code, told in pl.read_parquet(tmp_path / "omop" / "measurement.parquet").select("measurement_event_id", "measurement_source_value", "value_source_value").iter_rows()}
    assert measurements[1, "p-7th_AJCC/UICC-T1c"] == "pT1c" and measurements[1, "p-7th_AJCC/UICC-N0"].startswith("pN0(i-)")
    assert "4+5=9" in measurements[2, "33732-9"] and measurements[2, "rp-8th_AJCC/UICC-T3a"] == "rpT3a"
    conditions = pl.read_parquet(tmp_path / "omop" / "condition_occurrence.parquet")
    assert conditions["condition_source_value"].to_list() == ["8500/2-C50.9", "8140/3-C61.9"] and read_omop(tmp_path / "omop")["behavior"].to_list() == ["2", "3"]


def test_a_note_says_its_language_only_where_it_is_told(rules, tmp_path):
    texts = ["The specimen is of the colon and was received in formalin; the tumour is an adenocarcinoma, which is in the wall of the colon, with nodes that are free. pT3 pN0.", "Colon: adenocarcinoma, pT2 pN0."]
    export_omop(rules.stage_frame(pl.DataFrame({"report_id": ["a", "b"], "text": texts, "report_date": ["2016-01-01"] * 2})), texts, tmp_path / "omop")
    assert pl.read_csv(tmp_path / "omop" / "note.csv")["language_concept_id"].to_list() == [4180186, 0]


def test_what_is_inferred_stays_behind_unless_asked_for(made, tmp_path):
    stager = Stager.from_pretrained()
    texts = [synthetic_report(seed).text for seed in range(12)]
    table = stager.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(12)], "text": texts, "report_date": ["2024-01-01"] * 12}))
    plain, more = (export_omop(table, texts, tmp_path / name, with_inferred=least, file_format="parquet") for name, least in (("plain", None), ("more", 0.5)))
    assert plain.inferred > more.inferred
    modifiers = [pl.read_parquet(tmp_path / name / "note_nlp.parquet")["term_modifiers"] for name in ("plain", "more")]
    assert not modifiers[0].str.contains("basis=inferred").any()
    measurements = [pl.read_parquet(tmp_path / name / "measurement.parquet").height for name in ("plain", "more")]
    assert measurements[1] > measurements[0]
    export_omop(table, None, tmp_path / "no texts", with_inferred=0.5, file_format="parquet")
    kinds = dict(pl.read_parquet(tmp_path / "no texts" / "measurement.parquet").select("measurement_id", "measurement_type_concept_id").iter_rows())
    stated = pl.read_parquet(tmp_path / "plain" / "measurement.parquet").select("measurement_id", "measurement_type_concept_id").rows()
    assert set(stated) <= set(kinds.items())  # the same values have the same ids
    assert {kind for number, kind in kinds.items() if number not in dict(stated)} == {32882}  # by an algorithm, where there is no note to say it


def test_reports_without_a_date_or_a_text(rules, tmp_path):
    table = rules.stage_frame(pl.DataFrame({"report_id": ["a", "b"], "text": ["Colon: adenocarcinoma, pT3 pN0.", "Colon: adenocarcinoma, pT2 pN0."], "report_date": ["2024-02-29", None], "patient_id": ["7" * 51, "8"]}))
    done = export_omop(table, None, tmp_path / "dated")
    assert done.tumors == 1 and [one.why.partition(":")[0] for one in done.left_out if one.row == 1] == ["the report has no date, and the model wants one"]
    assert any("longer than the 50 characters" in one.why for one in done.left_out if one.row == 0)
    assert pl.read_csv(tmp_path / "dated" / "note.csv").height == 0 == pl.read_csv(tmp_path / "dated" / "note_nlp.csv").height
    done = export_omop(table, None, tmp_path / "all", undated=date(1900, 1, 1))
    with pytest.raises(InputError, match="holds no table person"):
        read_omop(tmp_path)
    assert done.tumors == 2 and pl.read_csv(tmp_path / "all" / "condition_occurrence.csv")["condition_start_date"].to_list() == ["2024-02-29", "1900-01-01"]
    assert oct((tmp_path / "all").stat().st_mode)[-3:] == "700" and oct((tmp_path / "all" / "note.csv").stat().st_mode)[-3:] == "600"
    for wrong, told in ({"out": tmp_path / "all"}, "exists already"), ({"file_format": "xml"}, "csv or parquet"), ({"texts": ["one"]}, "1 texts and 2 rows"), ({"vocabulary": tmp_path}, "holds no CONCEPT.csv"):
        with pytest.raises(InputError, match=told):
            export_omop(**{"table": table, "texts": None, "out": tmp_path / "new", "undated": date(1900, 1, 1)} | wrong)


def test_the_command(made, tmp_path):
    table, _ = made
    table.write_parquet(tmp_path / "staged.parquet")
    done = CliRunner().invoke(app, ["export", "omop", str(tmp_path / "staged.parquet"), "--out", str(tmp_path / "omop"), "--format", "parquet", "--left-out", str(tmp_path / "left.csv")])
    assert done.exit_code == 0 and "have no concept" in done.stderr and pl.read_csv(tmp_path / "left.csv").height > 0
    assert read_omop(tmp_path / "omop").height == table["reportable"].sum()
    for more, told in (["--vocabulary", str(tmp_path)], "holds no CONCEPT.csv"), (["--undated", "yesterday"], "--undated"), ([], "exists already"):
        out = tmp_path / ("omop" if not more else "new")
        wrong = CliRunner().invoke(app, ["export", "omop", str(tmp_path / "staged.parquet"), "--out", str(out), *more])
        assert wrong.exit_code == 2 and told in wrong.stderr.replace("\n", " ")


# What every export refuses, and all of them on one table

EXPORTS = {"naaccr": "cases.xml", "fhir": "cases.ndjson", "omop": "omop", "redcap": "project", "hl7": "cases.hl7"}


@pytest.mark.parametrize("standard, out", EXPORTS.items())
def test_a_table_that_does_not_fit_is_a_clear_error(made, tmp_path, standard, out):
    if standard == "fhir":
        pytest.importorskip("fhir.resources")
    table = made[0]
    wrong = {"lacks.parquet": (table.drop("ajcc_edition"), "ajcc_edition"), "narrow.parquet": (table.select(list(staged_columns("narrow"))), "--columns narrow"),
             "old.parquet": (table.with_columns(t=pl.lit("T5")), "'T5' as T, which this version does not know"), "basis.parquet": (table.with_columns(n_basis=pl.lit("guessed")), "'guessed' as basis of N"), "other.parquet": (pl.DataFrame({"a": [1]}), "is no staged table")}
    for name, (frame, told) in wrong.items():
        frame.write_parquet(tmp_path / name)
        done = CliRunner().invoke(app, ["export", standard, str(tmp_path / name), "--out", str(tmp_path / out)])
        assert done.exit_code == 2 and told in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, (name, done.stderr)
        assert not (tmp_path / out).exists()
    table.write_parquet(tmp_path / "staged.parquet")
    more = ["--undated", "1900-01-01"] if standard == "omop" else []
    done = CliRunner().invoke(app, ["export", standard, str(tmp_path / "staged.parquet"), "--out", str(tmp_path / out), *more])
    assert done.exit_code == 0 and f"{table['reportable'].sum():,} " in done.stderr
    missing = CliRunner().invoke(app, ["export", standard, str(tmp_path / "staged.parquet"), "--out", str(tmp_path / "no" / out), *more])
    assert missing.exit_code == 2 and "does not exist" in missing.stderr
    table.with_columns(report_date=pl.lit("spring")).write_parquet(tmp_path / "spring.parquet")
    done = CliRunner().invoke(app, ["export", standard, str(tmp_path / "spring.parquet"), "--out", str(tmp_path / f"spring {out}"), *more])
    assert done.exit_code == 0 and "its report_date spring is no date: the case goes out without one" in done.stderr


def test_the_benchmark_compares_what_comes_back(made, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"))
    from export_registry import omop_of

    scored = omop_of(*made, tmp_path / "omop")
    assert scored["compared"] == scored["unchanged"] > 400 and scored["rows"]["condition_occurrence"] == made[0]["reportable"].sum()
