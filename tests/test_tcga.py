"""The corpus builder on an invented download in the published form: plain, zipped, with clinical tables, and broken in several ways."""
import zipfile
from pathlib import Path

import polars as pl
import pytest

from cancer_staging.corpora.tcga import alike_groups, build_tcga, Corpus, data_folder, labels, load_corpus, save_corpus

KIDNEY = ("Left kidney, radical nephrectomy: clear cell renal cell carcinoma of 4.2 cm, nuclear grade 2, limited to the kidney, all margins free of tumor. "
          "The renal vein and the perinephric fat are not involved, the adrenal gland is unremarkable and no lymph nodes were submitted with the specimen.")
BREAST = ("Right breast, lumpectomy: invasive lobular carcinoma measuring 1.4 cm, Nottingham grade 2, with lobular carcinoma in situ in the surrounding tissue. "
          "Two sentinel lymph nodes were examined at three levels and are negative for metastatic carcinoma, and all inked margins are free by 5 mm.")
PROSTATE = "Prostate, core biopsies: twelve cores without tumor, patchy chronic inflammation, \"benign\" glands,\nno further comment."
REPORTS = {
    "TCGA-AA-0001.1B2C3D4E-0000-4000-8000-000000000001": KIDNEY,
    "TCGA-AA-0002.1b2c3d4e-0000-4000-8000-000000000002": BREAST,
    "TCGA-BB-0003.1B2C3D4E-0000-4000-8000-000000000003": KIDNEY.upper(),
    "TCGA-BB-0004.1B2C3D4E-0000-4000-8000-000000000004": " \n ",
    "tray 17": BREAST,
    "TCGA-BB-0005.1B2C3D4E-0000-4000-8000-000000000005": PROSTATE,
    "TCGA-BB-0005.1B2C3D4E-0000-4000-8000-000000000006": "Prostate.",
}


@pytest.fixture
def download(tmp_path: Path) -> Path:
    "A folder as a user has it after downloading."
    pl.DataFrame({"patient_filename": list(REPORTS), "text": list(REPORTS.values())}).write_csv(tmp_path / "TCGA_Reports.csv")
    with zipfile.ZipFile(tmp_path / "TCGA_Reports.csv.zip", "w") as archive:
        archive.write(tmp_path / "TCGA_Reports.csv", "TCGA_Reports.csv")
        archive.writestr("__MACOSX/._TCGA_Reports.csv", "x")
    metadata = tmp_path / "TCGA_Metadata"
    metadata.mkdir()
    for letter, name, values in (("t", "T14", ("T1b", "T1c", "TX")), ("n", "N03", ("NX", "N0 (i-)", None)), ("m", "M01", ("M0", "M0", None))):
        pl.DataFrame({f"ajcc_pathologic_{letter}": values, "project_id": ["TCGA-KIRC", "TCGA-BRCA", "TCGA-KIRC"], "case_id": ["a", "b", "c"],
                      "case_submitter_id": ["TCGA-AA-0001", "TCGA-AA-0002", "TCGA-BB-0003"]}).write_csv(metadata / f"TCGA_{name}_patients.csv")
    return tmp_path


@pytest.mark.parametrize("name", ["TCGA_Reports.csv", "TCGA_Reports.csv.zip"])
def test_published_form(download: Path, name: str):
    corpus = build_tcga(download / name, download / "TCGA_Metadata")
    frame = corpus.frame
    assert frame.columns == ["patient_id", "split", "tissue_source_site", "project", "source", "t", "n", "m", "text"]
    assert frame["patient_id"].to_list() == ["TCGA-AA-0001", "TCGA-AA-0002", "TCGA-BB-0003", "TCGA-BB-0005"]
    assert frame["tissue_source_site"].to_list() == ["AA", "AA", "BB", "BB"]
    assert frame["project"].to_list() == ["KIRC", "BRCA", "KIRC", None]
    assert frame["t"].to_list() == ["T1b", "T1c", "TX", None] and frame["n"].to_list() == ["NX", "N0 (i-)", None, None] and frame["m"].to_list() == ["M0", "M0", None, None]
    assert frame["text"].to_list() == [KIDNEY, BREAST, KIDNEY.upper(), PROSTATE]
    assert set(frame["source"]) == {"textract"}
    assert corpus.dropped.rows() == [
        ("TCGA-BB-0004.1B2C3D4E-0000-4000-8000-000000000004", "TCGA-BB-0004", "empty text"),
        ("tray 17", None, "no patient id"),
        ("TCGA-BB-0005.1B2C3D4E-0000-4000-8000-000000000006", "TCGA-BB-0005", "another report of the patient is longer")]
    assert frame.height + corpus.dropped.height == len(REPORTS), "no row is lost"
    assert labels(frame, "t").to_list() == ["T1", "T1", None, None] and labels(frame, "n").to_list() == [None, "N0", None, None]


def test_split_is_seeded_and_keeps_like_texts_together(download: Path):
    both = set()
    for seed in range(12):
        frame = build_tcga(download / "TCGA_Reports.csv", download / "TCGA_Metadata", seed=seed, test_share=0.5).frame
        again = build_tcga(download / "TCGA_Reports.csv.zip", download / "TCGA_Metadata", seed=seed, test_share=0.5).frame
        assert frame.equals(again)
        split = dict(zip(frame["patient_id"], frame["split"]))
        assert split["TCGA-AA-0001"] == split["TCGA-BB-0003"]
        both |= set(split.values())
    assert both == {"train", "test"}


def test_published_test_set_stays_and_its_doubles_leave_training(download: Path):
    pl.DataFrame({"patient_filename": ["TCGA-BB-0003.1B2C"], "label": ["0"], "text": ["anything"]}).write_csv(download / "TCGA_Metadata" / "T14_test.csv")
    corpus = build_tcga(download / "TCGA_Reports.csv", download / "TCGA_Metadata")
    assert dict(zip(corpus.frame["patient_id"], corpus.frame["split"])) == {"TCGA-AA-0002": "train", "TCGA-BB-0003": "test", "TCGA-BB-0005": "train"}
    assert dict(zip(corpus.frame["patient_id"], corpus.frame["t14_test"])) == {"TCGA-AA-0002": False, "TCGA-BB-0003": True, "TCGA-BB-0005": False}
    assert ("TCGA-AA-0001.1B2C3D4E-0000-4000-8000-000000000001", "TCGA-AA-0001", "most of the text stands in a held-out report") in corpus.dropped.rows()


def test_clinical_tables_add_columns_and_do_not_override(download: Path):
    (download / "TCGA_Metadata" / "data_clinical_patient.txt").write_text(
        "#Patient\tReceptor\tGrade\tT\tCancer\n#STRING\tSTRING\tSTRING\tSTRING\tSTRING\n"
        "PATIENT_ID\tER_STATUS_BY_IHC\tGRADE\tPATH_T_STAGE\tCANCER_TYPE\nTCGA-AA-0002\tPositive\tG2\tT4\tBreast Cancer\nTCGA-BB-0003\t[Not Available]\tG3\tT1a\tKidney\n", encoding="utf-8")
    pl.DataFrame({"bcr_patient_barcode": ["CDE_ID:2673794", "TCGA-AA-0002"], "her2_status_by_ihc": ["her2", "Equivocal"], "ajcc_pathologic_tumor_stage": ["x", "Stage IA"]}
                 ).write_csv(download / "TCGA_Metadata" / "nationwidechildrens.org_clinical_patient_brca.tsv", separator="\t")
    frame = build_tcga(download / "TCGA_Reports.csv", download / "TCGA_Metadata").frame
    breast = frame.row(by_predicate=pl.col("patient_id") == "TCGA-AA-0002", named=True)
    assert (breast["er"], breast["grade"], breast["her2"], breast["stage_group"], breast["t"], breast["project"]) == ("Positive", "G2", "Equivocal", "Stage IA", "T1c", "BRCA")
    kidney = frame.row(by_predicate=pl.col("patient_id") == "TCGA-BB-0003", named=True)
    assert (kidney["er"], kidney["grade"], kidney["t"]) == (None, "G3", "TX")


def test_built_corpus_can_be_read_and_built_from(download: Path):
    corpus = build_tcga(download / "TCGA_Reports.csv", download / "TCGA_Metadata")
    dropped = save_corpus(corpus, download / "corpus.parquet")
    assert pl.read_csv(dropped).height == corpus.dropped.height == 3
    assert load_corpus(download / "corpus.parquet").equals(corpus.frame)
    again = build_tcga(download / "corpus.parquet")
    assert set(again.frame["patient_id"]) | set(again.dropped["patient_id"]) == set(corpus.frame["patient_id"])


def test_errors_say_what_is_there(download: Path):
    (download / "odd.csv").write_text("patient_filename,body\nTCGA-AA-0001.X,hello\n")
    with pytest.raises(ValueError, match=r"odd.csv has no column 'text': it has patient_filename, body"):
        build_tcga(download / "odd.csv")
    (download / "nobody.csv").write_text("who,text\nTCGA-AA-0001.X,hello\n")
    with pytest.raises(ValueError, match=r"nobody.csv has no patient column: it needs one of patient_id.*it has who, text"):
        build_tcga(download / "nobody.csv")
    with pytest.raises(FileNotFoundError, match="absent.csv does not exist"):
        build_tcga(download / "absent.csv")
    with pytest.raises(ValueError, match="is no folder"):
        build_tcga(download / "TCGA_Reports.csv", download / "absent")
    (download / "empty").mkdir()
    with pytest.raises(ValueError, match="no table at all"):
        build_tcga(download / "TCGA_Reports.csv", download / "empty")
    with zipfile.ZipFile(download / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "y")
    with pytest.raises(ValueError, match=r"two.zip holds 2 tables \(a.csv, b.csv\)"):
        build_tcga(download / "two.zip")
    with pytest.raises(ValueError, match="the corpus has no column 'er'"):
        labels(build_tcga(download / "TCGA_Reports.csv", download / "TCGA_Metadata").frame, "er")
    with pytest.raises(ValueError, match="no column split"):
        pl.DataFrame({"patient_id": ["a"], "text": ["b"]}).write_parquet(download / "half.parquet")
        load_corpus(download / "half.parquet")


def test_data_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CANCER_STAGING_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("CANCER_STAGING_DATA", str(tmp_path / "absent"))
    assert data_folder() is None
    with pytest.raises(FileNotFoundError, match="CANCER_STAGING_DATA"):
        load_corpus()


def test_alike_groups_is_not_fooled_by_a_form():
    form = "Checklist of the tumor board. Specimen received in formalin, labelled with name and number of the patient, inked and cut in the usual way. "
    texts = [form + f"Case number {number} shows finding {number * 7} in block {number * 3} and " + " ".join(f"w{number}x{word}" for word in range(60)) for number in range(40)]
    assert alike_groups(texts) == list(range(40))
    assert alike_groups([*texts, "Copy. " + texts[5]])[-1] == 5


@pytest.mark.slow
def test_test_bed_form():
    folder = data_folder()
    if folder is None:
        pytest.skip("no test bed: set CANCER_STAGING_DATA")
    frame = load_corpus()
    assert frame.height == 7029 and frame["patient_id"].n_unique() == 7029
    corpus = build_tcga(folder / "tcga" / "reports.parquet")
    assert isinstance(corpus, Corpus) and corpus.frame.height + corpus.dropped.height == 7029
    assert corpus.frame.filter(pl.col("split") == "test").height == 796, "held-out reports stay"
    assert set(labels(frame, "n").drop_nulls()) == {"N0", "N1", "N2", "N3"}
