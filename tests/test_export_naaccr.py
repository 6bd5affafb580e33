"Cases as NAACCR XML: against the standard's own dictionary, and read back."
import os
import re
from pathlib import Path

import polars as pl
import pytest
from lxml import etree
from typer.testing import CliRunner

from cancer_staging import Stager
from cancer_staging.cli import app
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.export.naaccr import export_naaccr, NAMESPACE, read_naaccr, tumor_items
from cancer_staging.export.values import row_values
from cancer_staging.fields import FIELDS
from cancer_staging.runs import InputError

DICTIONARY = Path(os.environ.get("CANCER_STAGING_DATA", Path(__file__).parents[2] / "shared" / "data")).parent / "standards" / "naaccr-dictionary-260.xml"
PREFIX = f"{{{NAMESPACE}}}"
KIND = {"digits": re.compile("[0-9]+"), None: re.compile("(?s).+")}  # of the dictionary's data types, those of the items that are written


@pytest.fixture(scope="module")
def rules():
    return Stager.from_pretrained("rules")


@pytest.fixture(scope="module")
def staged(rules):
    made = [synthetic_report(seed) for seed in range(120)]
    return rules.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(len(made))], "text": [report.text for report in made]}))


def stage(stager, *texts, **columns):
    return stager.stage_frame(pl.DataFrame({"report_id": [f"R{number}" for number in range(len(texts))], "text": list(texts), **columns}))


def of_dictionary(path, version="260"):
    "Asserts that every item of the file stands in the dictionary, below the element it names, no longer and of no other kind than it says; how many there are."
    items = {one.get("naaccrId"): one for one in etree.parse(str(DICTIONARY)).iter(f"{PREFIX}ItemDef")}
    root = etree.parse(str(path)).getroot()
    assert root.tag == f"{PREFIX}NaaccrData" and root.get("baseDictionaryUri").endswith(f"naaccr-dictionary-{version}.xml") and root.get("recordType") == "A"
    count = 0
    for item in root.iter(f"{PREFIX}Item"):
        name, parent, text = item.get("naaccrId"), etree.QName(item.getparent()).localname, item.text
        assert name in items and items[name].get("parentXmlElement") == parent and "A" in items[name].get("recordTypes").split(","), name
        assert len(text) <= int(items[name].get("length")) and KIND[items[name].get("dataType")].fullmatch(text), (name, text)
        count += 1
    for tumor in root.iter(f"{PREFIX}Tumor"):
        names = [item.get("naaccrId") for item in tumor]
        assert len(names) == len(set(names))
    return count


@pytest.mark.skipif(not DICTIONARY.is_file(), reason="the dictionary is not at hand")
@pytest.mark.parametrize("version", [26, 25, 24])
def test_every_item_is_the_dictionarys(staged, tmp_path, version):
    done = export_naaccr(staged, tmp_path / "cases.xml", version)
    assert done.tumors == staged["reportable"].sum() > 100 and of_dictionary(tmp_path / "cases.xml", f"{version}0") > 12 * done.tumors


def test_what_is_read_back_is_what_was_staged(staged, tmp_path):
    done = export_naaccr(staged, tmp_path / "cases.xml")
    back, cases = read_naaccr(tmp_path / "cases.xml"), staged.filter("reportable")
    left = {(one.row, one.field) for one in done.left_out if one.field}
    numbers = staged.with_row_index().filter("reportable")["index"].to_list()
    assert back.height == cases.height
    compared = 0
    for name in back.columns[1:]:
        for number, row, again in zip(numbers, cases.iter_rows(named=True), back[name]):
            told = {"site": row["site_detail"], "histology": (row["histology_detail"] or "")[:4] or None}.get(name, FIELDS[name].label_of(row[name]))
            told = "negative" if (name, told) == ("her2", "equivocal") else told
            if told is not None and (number, name) not in left:
                assert again == told, (row["report_id"], name, told, again)
                compared += 1
    assert compared > 10 * cases.height


def test_benign_reports_give_no_tumour_and_those_of_the_brain_do(rules, tmp_path):
    table = stage(rules, "Colon, polypectomy: tubular adenoma.", "Brain, left frontal: meningioma, WHO grade 1.", "Skin, back: seborrheic keratosis.", "", "Breast, core biopsy: ductal carcinoma in situ.")
    done = export_naaccr(table, tmp_path / "cases.xml")
    assert done.tumors == 2 and {one.report_id for one in done.left_out if one.field is None} == {"R0", "R2", "R3"}
    items = [{item.get("naaccrId"): item.text for item in tumor} for tumor in etree.parse(str(tmp_path / "cases.xml")).iter(f"{PREFIX}Tumor")]
    assert [(one["primarySite"][:3], one["behaviorCodeIcdO3"]) for one in items] == [("C70", "0"), ("C50", "2")] or items[0]["primarySite"][:3] in ("C70", "C71")


def test_inferred_values_go_out_only_where_asked_for_and_say_so(tmp_path):
    table = stage(Stager.from_pretrained(min_confidence=0), "Bladder, cystectomy: urothelial carcinoma invading the perivesical fat. 0 of 12 lymph nodes are positive. Grade 3. No vascular invasion.")
    assert table["t_basis"][0] == "inferred"
    for least, shown in ((None, False), (0.3, True), (0.9999, False)):
        export_naaccr(table, tmp_path / "cases.xml", with_inferred=least, overwrite=True)
        written = (tmp_path / "cases.xml").read_text(encoding="utf-8")
        assert ("ajccTnmPathT" in written) is shown and ("inferred by a model, probability" in written) is shown


def test_patients_hold_their_tumours(rules, tmp_path):
    text = "Left breast: invasive ductal carcinoma, 12 mm. pT1c pN0 (0/3)."
    table = stage(rules, text, text.replace("Left", "Right"), text, patient_id=["4711", "4711", "MRN-00-77"])
    done = export_naaccr(table, tmp_path / "cases.xml")
    patients = list(etree.parse(str(tmp_path / "cases.xml")).iter(f"{PREFIX}Patient"))
    assert (done.patients, done.tumors) == (2, 3) and [len(one.findall(f"{PREFIX}Tumor")) for one in patients] == [2, 1]
    assert read_naaccr(tmp_path / "cases.xml").select("patient_id", "laterality").rows() == [("00004711", "left"), ("00004711", "right"), ("MRN-00-77", "left")]


def test_nothing_of_a_report_breaks_the_file(rules, tmp_path):
    text = "Left breast: invasive ductal carcinoma </Item><script>alert(1)</script> & \x0b \ud7ff, 12 mm. pT1c pN0 (0/3). " + "Tumor is present at the margin & more. " * 3
    table = stage(rules, text).with_columns(report_id=pl.lit("a<b>&\x01\ufffe"), patient_id=pl.lit("x" * 40), accession=pl.lit("A" * 30))
    done = export_naaccr(table, tmp_path / "cases.xml")
    assert done.tumors == 1 and read_naaccr(tmp_path / "cases.xml")["t"].to_list() == ["T1"]
    assert {one.why.split()[0] for one in done.left_out if one.field is None} == {"medicalRecordNumber", "pathReportNumber1"}  # a number that is cut is another number


def test_long_evidence_is_cut_to_its_item(rules, tmp_path):
    row = stage(rules, "Left breast: invasive ductal carcinoma, 12 mm. pT1c pN0 (0/3).").to_dicts()[0]
    row["t_evidence"] = [{"start": 0, "end": 9000, "text": "pT1c " * 1800}]
    assert len(tumor_items(row, row_values(row))[0]["textStaging"]) > 4000
    export_naaccr(pl.DataFrame([row], infer_schema_length=None), tmp_path / "cases.xml")
    texts = [item.text for item in etree.parse(str(tmp_path / "cases.xml")).iter(f"{PREFIX}Item") if item.get("naaccrId") == "textStaging"]
    assert len(texts[0]) == 4000 and texts[0].endswith("…")


def test_bad_input_is_one_line(rules, tmp_path):
    table = stage(rules, "Colon: adenocarcinoma, pT3.")
    for frame, told in ((table.drop("t_detail"), "t_detail"), (table.drop("reportable"), "reportable")):
        with pytest.raises(InputError, match=told):
            export_naaccr(frame, tmp_path / "cases.xml")
    with pytest.raises(InputError, match="there are 26, 25, 24"):
        export_naaccr(table, tmp_path / "cases.xml", version=23)
    assert not (tmp_path / "cases.xml").exists()
    table.write_parquet(tmp_path / "staged.parquet")
    (tmp_path / "no.xml").write_text("<a>")
    with pytest.raises(InputError, match="NAACCR XML"):
        read_naaccr(tmp_path / "no.xml")
    for arguments, told in ((("staged.parquet", "--out", "cases.csv"), ".xml"), (("missing.parquet", "--out", "cases.xml"), "no file"), (("staged.parquet", "--out", "no/cases.xml"), "does not exist"), (("staged.parquet", "--out", "cases.xml", "--version", "23"), "23")):
        done = CliRunner().invoke(app, ["export", "naaccr", *(str(tmp_path / one) if "." in one else one for one in arguments)])
        assert done.exit_code == 2 and told in done.stderr


def test_what_a_code_means(rules, tmp_path):
    "Codes of NAACCR's data standards, volume II, and of the manual of site-specific items."
    texts = ["Left breast, mastectomy: invasive ductal carcinoma, Nottingham grade 3, 12 mm. Lymphovascular invasion: indeterminate. ER negative, HER2 equivocal (2+). pT1c pN1mi(sn) (1/3) cM0. Stage IB.",
             "Sigmoid colon, resection: adenocarcinoma, poorly differentiated, 98 mm. Perineural invasion is present. Lymphovascular invasion is present. ypT4a ypN2b (93/95).",
             "Prostate, radical prostatectomy: adenocarcinoma, Gleason score 4+4=8. pT3b pN0 (0/11)."]
    export_naaccr(stage(rules, *texts), tmp_path / "cases.xml")
    breast, colon, prostate = ({item.get("naaccrId"): item.text for item in tumor} for tumor in etree.parse(str(tmp_path / "cases.xml")).iter(f"{PREFIX}Tumor"))
    told = {"laterality": "2", "gradePathological": "3", "lymphVascularInvasion": "9", "estrogenReceptorSummary": "0", "her2OverallSummary": "0", "ajccTnmPathT": "pT1c", "ajccTnmPathN": "pN1mi", "ajccTnmPathNSuffix": "(sn)", "ajccTnmPathM": "cM0", "ajccTnmPathStageGroup": "1B",
            "regionalNodesPositive": "01", "regionalNodesExamined": "03", "tumorSizePathologic": "012", "primarySite": "C509", "histologicTypeIcdO3": "8500", "behaviorCodeIcdO3": "3"}
    assert {name: breast.get(name) for name in told} == told
    told = {"ajccTnmPostTherapyT": "ypT4a", "ajccTnmPostTherapyN": "ypN2b", "regionalNodesPositive": "90", "regionalNodesExamined": "90", "tumorSizePathologic": "098", "perineuralInvasion": "1", "lymphVascularInvasion": "1", "gradePostTherapy": "3", "primarySite": "C187"}
    assert {name: colon.get(name) for name in told} == told and "gradePathological" not in colon and "ajccTnmPathT" not in colon
    assert (prostate["gradePathological"], prostate["primarySite"], prostate["regionalNodesPositive"]) == ("4", "C619", "00")
    assert read_naaccr(tmp_path / "cases.xml").select("lymphovascular_invasion", "grade", "n").rows() == [(None, "G3", "N1"), ("present", "G3", "N2"), (None, "G3", "N0")]


@pytest.mark.skipif(not DICTIONARY.is_file(), reason="the dictionary is not at hand")
def test_real_reports_give_valid_files(test_bed, rules, tmp_path):
    corpus = pl.read_parquet(test_bed / "tcga" / "reports.parquet").filter(pl.col("split") == "test")[:300]
    table = rules.stage_frame(corpus.select("patient_id", "text"))
    done = export_naaccr(table, tmp_path / "cases.xml")
    assert done.tumors == table["reportable"].sum() and of_dictionary(tmp_path / "cases.xml") > 8 * done.tumors
    back, cases = read_naaccr(tmp_path / "cases.xml"), table.filter("reportable")
    left = {(one.row, one.field) for one in done.left_out}
    numbers = table.with_row_index().filter("reportable")["index"].to_list()
    for name in ("t", "n", "m", "stage_group", "nodes_positive", "tumor_size_mm"):
        assert all(again == FIELDS[name].label_of(told) for again, told, number in zip(back[name], cases[name], numbers) if told is not None and (number, name) not in left)
