"Cases as FHIR: by fhir.resources' own models, by the profiles of mCODE and US Core, and read back."
import base64
import json
import os
from pathlib import Path

import polars as pl
import pytest
from fhir_profiles import problems, read_profiles
from typer.testing import CliRunner

from cancer_staging import Stager
from cancer_staging.cli import app
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.export.fhir import BASE, case_bundle, codes_of, export_fhir, read_bundle
from cancer_staging.fields import FIELDS
from cancer_staging.runs import InputError

PROFILES = Path(os.environ.get("CANCER_STAGING_DATA", Path(__file__).parents[2] / "shared" / "data")).parent / "standards" / "fhir"
MODELS = pytest.importorskip("fhir.resources.R4B")
AT = "2026-11-27T10:00:00+00:00"


@pytest.fixture(scope="module")
def rules():
    return Stager.from_pretrained("rules")


@pytest.fixture(scope="module")
def made(rules):
    "Synthetic reports, staged, and their texts."
    texts = [synthetic_report(seed).text for seed in range(60)]
    return rules.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(len(texts))], "text": texts, "patient_id": [f"P{number // 2}" for number in range(len(texts))]})), texts


def bundles(table, texts, **more):
    return [case_bundle(row, text, recorded=AT, **more) for row, text in zip(table.iter_rows(named=True), texts) if row["reportable"]]


def resources(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def test_every_resource_is_valid_and_every_reference_leads_somewhere(made):
    from fhir.resources.R4B import get_fhir_model_class

    for bundle, _ in bundles(*made):
        held = {f"{one['resourceType']}/{one['id']}" for one in (entry["resource"] for entry in bundle["entry"])}
        assert len(held) == len(bundle["entry"])
        for entry in bundle["entry"]:
            one = entry["resource"]
            get_fhir_model_class(one["resourceType"])(**one)
            assert entry["request"] == {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}
        for found in references(bundle):
            assert found in held, found


def references(part):
    "All references in it."
    if isinstance(part, dict):
        yield from ([part["reference"]] if isinstance(part.get("reference"), str) else [])
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


@pytest.mark.skipif(not PROFILES.is_dir(), reason="the profiles are not at hand")
def test_resources_are_as_their_profiles_ask(made):
    profiles, checked = read_profiles(PROFILES), set()
    for bundle, _ in bundles(*made):
        for entry in bundle["entry"]:
            for address in entry["resource"].get("meta", {}).get("profile", ()):
                if address in profiles:
                    assert problems(entry["resource"], profiles[address]) == [], (address, entry["resource"])
                    checked.add(address.rpartition("/")[2])
    assert checked == {"mcode-primary-cancer-condition", "mcode-tnm-primary-tumor-category", "mcode-tnm-regional-nodes-category", "mcode-tnm-distant-metastases-category", "mcode-tnm-stage-group", "us-core-diagnosticreport-lab"}


@pytest.mark.skipif(not PROFILES.is_dir(), reason="the profiles are not at hand")
def test_the_check_finds_what_is_wrong(made):
    profiles = read_profiles(PROFILES)
    bundle, _ = bundles(*made)[0]
    group = next(one for one in resources(bundle, "Observation") if one["code"]["text"] == "Stage group")
    report, = resources(bundle, "DiagnosticReport")
    of_group, of_report = (profiles[one["meta"]["profile"][0]] for one in (group, report))
    for spoiled, profile in (({key: value for key, value in group.items() if key != "method"}, of_group), ({key: value for key, value in group.items() if key != "focus"}, of_group), (group | {"focus": group["focus"] * 2}, of_group),
                             ({key: value for key, value in report.items() if key != "subject"}, of_report), (report | {"category": [{"text": "pathology"}]}, of_report)):
        assert problems(spoiled, profile)


def test_what_is_read_back_is_what_was_staged(made):
    table, texts = made
    compared = 0
    for (bundle, open_), row in zip(bundles(table, texts), table.filter("reportable").iter_rows(named=True)):
        back = read_bundle(bundle)
        assert back["patient_id"] == row["patient_id"]
        for name in FIELDS:
            told = {"site": row["site_detail"], "histology": row["histology_detail"]}.get(name, FIELDS[name].label_of(row[name]))
            if told is not None and name not in open_ and name != "behavior":
                assert back.get(name) == told, (row["report_id"], name, told, back.get(name))
                compared += 1
    assert compared > 600


def test_evidence_holds_the_words_and_the_report_its_text(made):
    table, texts = made
    for bundle, _ in bundles(table, texts):
        report, = resources(bundle, "DiagnosticReport")
        text = base64.b64decode(report["presentedForm"][0]["data"]).decode()
        assert text in texts
        places = [{part["url"]: part.get("valueInteger", part.get("valueString")) for part in one["extension"]} for entry in bundle["entry"] for one in entry["resource"].get("extension", ()) if one["url"] == f"{BASE}/evidence"]
        assert places and all(text[place["start"]:place["end"]] == place["text"] for place in places)


def test_a_second_export_is_the_same_and_another_text_is_another_report(rules):
    text = "Left breast: invasive ductal carcinoma, 12 mm. pT1c pN0 (0/3)."
    one, two, other = ([case_bundle(rules.stage(told, report_id="A").to_dict(), told, recorded=AT)[0]] for told in (text, text, text + " Margins are free."))
    assert one == two and {entry["request"]["url"] for entry in one[0]["entry"]}.isdisjoint(entry["request"]["url"] for entry in other[0]["entry"] if entry["resource"]["resourceType"] != "Patient")


def test_two_reports_of_a_patient_are_of_one_patient(made):
    table, texts = made
    ids = [resources(bundle, "Patient")[0] for bundle, _ in bundles(table[:2], texts[:2])]
    assert ids[0] == ids[1] and ids[0]["identifier"] == [{"value": "P0"}] and set(ids[0]) == {"resourceType", "id", "identifier"}  # what was given, and nothing else


def test_what_a_model_inferred_is_preliminary_and_says_how_sure_it_was():
    text = "Bladder, cystectomy: urothelial carcinoma invading the perivesical fat. 0 of 12 lymph nodes are positive. Grade 3. No vascular invasion."
    row = Stager.from_pretrained(min_confidence=0).stage(text).to_dict()
    assert row["t_basis"] == "inferred" and not [one for one in resources(case_bundle(row, text)[0], "Observation") if one["code"]["text"] == "T"]
    t, = (one for one in resources(case_bundle(row, text, with_inferred=0.3)[0], "Observation") if one["code"]["text"] == "T")
    about = {one["url"].rpartition("/")[2]: one for one in t["extension"]}
    assert t["status"] == "preliminary" and about["basis"]["valueCode"] == "inferred" and about["probability"]["valueDecimal"] == pytest.approx(row["t_confidence"], abs=1e-4)
    nodes, = (one for one in resources(case_bundle(row, text)[0], "Observation") if one["code"]["text"] == "Nodes examined")
    assert nodes["status"] == "final" and nodes["valueQuantity"]["value"] == 12


def test_codes_are_those_of_the_standards():
    "LOINC and SNOMED CT, as mCODE's examples have them."
    assert codes_of("observations")["t", "clinical"][0]["code"] == "21905-5" and codes_of("observations")["stage_group", "clinical"][0]["code"] == "21908-9" and codes_of("observations")["t", "pathologic"][0]["code"] == "21899-0"
    assert codes_of("methods")["8",][0]["code"] == "897275008" and codes_of("categories")["t", "cT3"][0]["code"] == "1228938002" and codes_of("categories")["stage_group", "IIIC"][0]["code"] == "1222806003"
    assert codes_of("values")["laterality", "left"][0]["code"] == "7771000"


def test_no_metastasis_is_told_by_the_clinic(rules):
    text = "Colon, resection: adenocarcinoma. pT3 pN0 (0/12) M0."
    m, = (one for one in resources(case_bundle(rules.stage(text).to_dict(), text)[0], "Observation") if one["code"]["text"] == "M")
    assert [found["code"] for found in m["valueCodeableConcept"]["coding"]] == ["1229901006", "cM0"] and "21907-1" in [found["code"] for found in m["code"]["coding"]]


def test_files_and_mistakes(made, tmp_path):
    table, texts = made
    table.write_parquet(tmp_path / "staged.parquet")
    pl.DataFrame({"report_id": table["report_id"], "text": texts}).write_csv(tmp_path / "reports.csv")

    def run(*arguments):
        return CliRunner().invoke(app, ["export", "fhir", str(tmp_path / "staged.parquet"), *map(str, arguments)])

    done = run("--out", tmp_path / "cases.ndjson")
    lines = (tmp_path / "cases.ndjson").read_text(encoding="utf-8").splitlines()
    assert done.exit_code == 0 and len(lines) == table["reportable"].sum() and all(json.loads(line)["type"] == "transaction" for line in lines)
    done = run("--out", tmp_path / "folder")
    assert done.exit_code == 0 and len(list((tmp_path / "folder").iterdir())) == len(lines)
    for wrong, told in ((("--out", tmp_path / "cases.ndjson"), "--overwrite"), (("--out", tmp_path / "folder"), "exists already"), (("--out", tmp_path / "no" / "cases.ndjson"), "does not exist"), (("--out", tmp_path / "x.ndjson", "--reports", tmp_path / "missing"), "missing")):
        done = run(*wrong)
        assert done.exit_code == 2 and told in done.stderr and done.stderr.count("\n") == 1, done.output
    with pytest.raises(InputError, match="t_detail"):
        export_fhir(table.drop("t_detail"), None, tmp_path / "y.ndjson")
    with pytest.raises(InputError, match="60 rows"):
        export_fhir(table, texts[:3], tmp_path / "y.ndjson")
