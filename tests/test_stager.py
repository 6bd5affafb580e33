"""Staging end to end: frames, files, bad input, and runs that are interrupted."""
import json
import re
import os

import polars as pl
import pyarrow as pa
import pytest

from cancer_staging.fields import FIELDS, staged_columns
from cancer_staging.reading.reports import Report
from cancer_staging.runs import check_output, InputError, Interrupted, Journal
from cancer_staging.staged import staged_schema, Summary
from cancer_staging.models.learned import Judgement
from cancer_staging.stager import BATCH, stage_files, stage_reports, Stager, Thresholds
from cancer_staging.text.document import Span

TEXT = "LEFT BREAST, MASTECTOMY. Invasive ductal carcinoma. pT2 pN1a (2/14) pMX."


def write_reports(path, count):
    "A CSV of `count` reports whose T category tells the row."
    pl.DataFrame({"patient_id": [f"P{row:05}" for row in range(count)], "text": [f"Tumor stage pT{row % 4 + 1} pN0" for row in range(count)]}).write_csv(path)
    return path


def test_the_table_has_the_columns_of_the_contract_in_every_format(tmp_path):
    source = tmp_path / "a.txt"
    source.write_text(TEXT)
    tables = {}
    for suffix in ("parquet", "csv", "jsonl"):
        assert stage_files(source, tmp_path / f"staged.{suffix}").rows == 1
    tables["parquet"] = pl.read_parquet(tmp_path / "staged.parquet")
    tables["csv"] = pl.read_csv(tmp_path / "staged.csv")
    tables["jsonl"] = pl.DataFrame([json.loads(line) for line in (tmp_path / "staged.jsonl").read_text().splitlines()])
    for table in tables.values():
        assert table.columns == list(staged_columns())
        assert table["t"].to_list() == ["T2"] and table["t_detail"].to_list() == ["pT2"] and table["report_id"].to_list() == ["a"]
    assert tables["parquet"].schema["t_evidence"] == pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64, "text": pl.String}))
    assert tables["parquet"].schema["t_confidence"] == pl.Float32
    assert json.loads(tables["csv"]["t_evidence"][0]) == tables["parquet"]["t_evidence"][0].to_list() == [{"start": 52, "end": 55, "text": "pT2"}]


def test_probabilities_cover_the_labels_and_sum_to_one():
    values = Stager().stage(TEXT).values
    for name, value in values.items():
        if value.probs is not None:
            assert tuple(value.probs) == FIELDS[name].labels
            assert sum(value.probs.values()) == pytest.approx(1)
            assert value.probs[value.label] == pytest.approx(value.confidence)
    assert values["t"].probs["T2"] > 0.5


def test_a_value_that_cannot_be_assessed_has_a_detail_and_no_label():
    value = Stager().stage("Primary tumor: pTX. Regional nodes: pNX.")["t"]
    assert (value.label, value.detail, value.confidence, value.probs) == (None, "pTX", None, None)


def test_every_bad_report_is_a_row(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "1_good.txt").write_text(TEXT)
    (folder / "2_empty.txt").write_text("")
    (folder / "3_blank.txt").write_text(" \n\t ")
    (folder / "4_latin.txt").write_bytes("Größe 2 cm, pT1 pN0".encode("cp1252"))
    (folder / "5_nul.txt").write_bytes(b"pT3\x00 pN0")
    (folder / "6_broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "7_large.txt").write_text("normal tissue. " * 330_000 + " pT4 pN2")
    summary = stage_files(folder, tmp_path / "staged.parquet")
    table = pl.read_parquet(tmp_path / "staged.parquet")
    assert table["report_id"].to_list() == ["1_good", "2_empty", "3_blank", "4_latin", "5_nul", "6_broken", "7_large"]
    assert table["status"].to_list() == ["ok", "empty", "empty", "ok", "ok", "error", "ok"]
    assert table["t"].to_list() == ["T2", None, None, "T1", "T3", None, "T4"]
    assert summary.failed == 3 and all(table.filter(pl.col("status") != "ok")["error"].to_list())


def test_a_rule_that_fails_costs_one_row_and_not_the_run(monkeypatch):
    from cancer_staging import stager

    def read_documents(documents):
        if any("poison" in document.text for document in documents):
            raise RuntimeError("secret words of the report")
        return [{} for _ in documents]

    monkeypatch.setattr(stager.GRAMMAR, "read_documents", read_documents)
    table = Stager().stage_frame(pl.DataFrame({"text": ["a", "poison", "b"]}))
    assert table["status"].to_list() == ["ok", "error", "ok"]
    assert "RuntimeError" in table["error"][1] and "secret" not in table["error"][1]


def test_duplicate_ids_are_kept_and_flagged():
    table = Stager().stage_frame(pl.DataFrame({"id": ["A", "B", "A"], "text": ["pT1 pN0", "pT2 pN0", "pT3 pN0"]}))
    assert table["t"].to_list() == ["T1", "T2", "T3"] and table["status"].to_list() == ["ok"] * 3
    assert table["error"][0] is None and "duplicate" in table["error"][2]


def test_pandas_in_pandas_out():
    pandas = pytest.importorskip("pandas")
    table = Stager().stage_frame(pandas.DataFrame({"text": [TEXT, None]}))
    assert isinstance(table, pandas.DataFrame) and table["t"][0] == "T2" and table["status"].tolist() == ["ok", "empty"]


def test_a_frame_without_text_is_refused_naming_its_columns():
    with pytest.raises(InputError, match="note, patient"):
        Stager().stage_frame(pl.DataFrame({"note": ["x"], "patient": ["y"]}).select("note", "patient"))


def test_an_empty_frame_gives_an_empty_table():
    table = Stager().stage_frame(pl.DataFrame({"text": []}, schema={"text": pl.String}))
    assert table.height == 0 and table.columns == list(staged_columns())


def test_several_processes_give_the_table_of_one(tmp_path):
    source = write_reports(tmp_path / "many.csv", 6 * BATCH + 17)
    stage_files(source, tmp_path / "one.parquet", workers=1)
    stage_files(source, tmp_path / "two.parquet", workers=2)
    one, two = pl.read_parquet(tmp_path / "one.parquet"), pl.read_parquet(tmp_path / "two.parquet")
    assert one.equals(two) and one.height == 6 * BATCH + 17
    assert one["report_id"].to_list() == [f"P{row:05}" for row in range(one.height)]
    assert one["t"][:5].to_list() == ["T1", "T2", "T3", "T4", "T1"]


def interrupt(source, out, rows):
    "Runs until `rows` rows are written, then dies as a killed process would."
    done = 0

    def progress(count):
        nonlocal done
        done += count
        if done >= rows:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="go on with --resume"):
        stage_files(source, out, workers=1, progress=progress)


@pytest.mark.parametrize("cut", [0, 37])
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, cut, monkeypatch):
    source, out = write_reports(tmp_path / "many.csv", 3 * BATCH + 5), tmp_path / "staged.parquet"
    stage_files(source, tmp_path / "whole.parquet", workers=1)
    interrupt(source, out, 2 * BATCH)
    part = tmp_path / "staged.parquet.part"
    assert not out.exists() and part.exists()
    if cut:  # the machine died in the middle of a write
        os.truncate(part, part.stat().st_size - cut)
    with pytest.raises(InputError, match="--resume"):
        stage_files(source, out)
    staged = []
    stage_batch = Stager.stage_batch
    monkeypatch.setattr(Stager, "stage_batch", lambda self, reports: staged.extend(reports) or stage_batch(self, reports))
    summary = stage_files(source, out, resume=True, workers=1)
    assert pl.read_parquet(out).equals(pl.read_parquet(tmp_path / "whole.parquet"))
    assert summary.rows == 3 * BATCH + 5 and len(staged) < summary.rows
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.csv", "staged.parquet", "whole.parquet"]


def test_a_run_does_not_go_on_over_other_inputs(tmp_path):
    source, out = write_reports(tmp_path / "many.csv", 2 * BATCH), tmp_path / "staged.jsonl"
    interrupt(source, out, BATCH)
    write_reports(source, 2 * BATCH + 1)
    with pytest.raises(InputError, match="other inputs"):
        stage_files(source, out, resume=True)
    assert stage_files(source, out, overwrite=True).rows == 2 * BATCH + 1


def test_outputs_that_cannot_be_written_are_refused_at_once(tmp_path):
    (tmp_path / "there.csv").write_text("x")
    for out, message in ((tmp_path / "t.xlsx", "parquet"), (tmp_path / "no" / "t.csv", "does not exist"), (tmp_path / "there.csv", "--overwrite")):
        with pytest.raises(InputError, match=message):
            check_output(out)
    assert check_output(tmp_path / "there.csv", overwrite=True) == tmp_path / "there.csv"


def test_a_staged_report_shows_its_evidence_and_escapes_the_rest():
    report = Stager().stage("<script>alert(1)</script> pT2 pN0 & more", report_id="<b>")
    shown = report._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "<b><b>" not in shown and "&amp; more" in shown
    assert ">pT2</span>" in shown and "<mark" not in shown


def test_batches_have_the_declared_schema():
    batch, = stage_reports([Report("a", "pT1", "ok", None, "x")], workers=1)
    assert isinstance(batch, pa.RecordBatch) and batch.schema.equals(staged_schema())
    summary = Summary()
    summary.add(batch)
    assert summary.stated["t"] == 1 and summary.stated["n"] == 0 and "1 reports: 1 ok" in summary.describe()


@pytest.mark.parametrize("inputs", ["r.csv", "."])
def test_an_input_is_never_overwritten(tmp_path, inputs):
    source = write_reports(tmp_path / "r.csv", 3)
    before = source.read_bytes()
    with pytest.raises(InputError, match="one of the inputs"):
        stage_files(tmp_path / inputs, source, overwrite=True)
    assert source.read_bytes() == before


def test_every_batch_is_staged_before_the_next_is_read():
    read = []

    def reports():
        for number in range(3 * BATCH):
            read.append(number)
            yield Report(f"P{number}", "pT1 pN0", "ok", None, "x")

    staged = stage_reports(reports(), workers=1)
    next(staged)
    assert len(read) == BATCH


def test_a_full_disk_says_what_is_kept_and_how_to_go_on(tmp_path, monkeypatch):
    import errno

    source, write = write_reports(tmp_path / "many.csv", 2 * BATCH), Journal.write

    def full(self, batch):
        if self.rows:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, batch)

    monkeypatch.setattr(Journal, "write", full)
    with pytest.raises(Interrupted, match=f"stopped after {BATCH} reports .No space left"):
        stage_files(source, tmp_path / "staged.parquet", workers=1)


# The default model

COLON = ("Colon, sigmoid, segmental resection. Moderately differentiated adenocarcinoma, 4.2 cm in largest dimension, extending through the muscularis propria into pericolic fat. "
         "Metastasis in 2 of 14 lymph nodes. Margins are free of tumor. The remaining mucosa is unremarkable.")
BLADDER = ("Urinary bladder, radical cystectomy. High grade urothelial carcinoma. The tumor infiltrates the outer half of the muscularis propria. The perivesical fat is free of tumor. "
           "Ureteral margins are negative. Fourteen lymph nodes are negative for carcinoma, 0/14.")


def test_a_stated_label_keeps_its_own_evidence():
    staged = Stager.from_pretrained().stage(BLADDER + " Pathologic stage: pT2b pN0.")
    value = staged["t"]
    assert (value.label, value.detail, value.basis) == ("T2", "pT2b", "stated") and [piece.text for piece in value.evidence] == ["pT2b"]
    assert value.confidence == value.probs["T2"] > 0.5


def test_what_cannot_be_assessed_is_inferred_and_keeps_its_detail():
    value = Stager.from_pretrained().stage(COLON + " Pathologic stage: pTX pN1.")["t"]
    assert (value.label, value.detail, value.basis) == ("T3", "pTX", "inferred") and value.evidence
    assert all(COLON[piece.start:piece.end] == piece.text for piece in value.evidence)


@pytest.mark.parametrize("stated, label", [("pTis", "Tis"), ("ypT0", "T0")])
def test_labels_that_models_do_not_know_stay_with_the_grammar(stated, label):
    text = f"{COLON} Pathologic stage: {stated} pN0."
    value, rule = Stager.from_pretrained().stage(text)["t"], Stager.from_pretrained("rules").stage(text)["t"]
    assert (value.label, value.basis) == (label, "stated") and value == rule


def test_probabilities_of_the_default_model_cover_the_labels_and_sum_to_one():
    for name, value in Stager.from_pretrained().stage(COLON).values.items():
        if value.probs is not None:
            assert tuple(value.probs) == FIELDS[name].labels and sum(value.probs.values()) == pytest.approx(1)
            assert value.label is None or value.probs[value.label] == pytest.approx(value.confidence)


@pytest.fixture(scope="module")
def staged_by():
    "Staged tables of the same invented reports by threshold."
    from cancer_staging.corpora.synthetic import synthetic_reports

    frame = pl.DataFrame({"text": [report.text for report in synthetic_reports(40, seed=3000)]})
    return lambda **threshold: Stager.from_pretrained("default", **threshold).stage_frame(frame)


def test_a_threshold_leaves_out_labels_and_nothing_else(staged_by):
    everything, sure = staged_by(min_confidence=0), staged_by(min_confidence=0.9)
    left_out = 0
    for name in ("t", "n", "m", "er", "margin"):
        kept = everything[f"{name}_confidence"].fill_null(0) >= 0.9
        assert sure[name].to_list() == [label if keep else None for label, keep in zip(everything[name], kept)]
        left_out += everything[name].count() - sure[name].count()
        for column in (f"{name}_confidence", f"{name}_basis"):
            assert sure[column].equals(everything[column])
        for column in (f"{name}_detail", f"{name}_evidence"):  # what was stated stays
            stated = everything[f"{name}_basis"] != "inferred"
            assert sure.filter(stated)[column].equals(everything.filter(stated)[column])
    assert left_out > 0


@pytest.mark.parametrize("threshold", [{"min_confidence": 0.9}, {"target_accuracy": 0.95}])
@pytest.mark.parametrize("model", ["default", "rules"])
def test_a_threshold_does_not_make_a_cancer_doubtful(model, threshold):
    "What there is to stage is no matter of a threshold: else every row would ask for a person."
    report = Stager.from_pretrained(model, **threshold).stage(COLON + " Pathologic stage: pT3 pN1.")
    assert report["behavior"].label == "3" and report.reportable is True and "behavior_open" not in {failed.check for failed in report.checks}


def test_a_higher_target_answers_a_subset(staged_by):
    low, high, beyond = staged_by(target_accuracy=0.8), staged_by(target_accuracy=0.97), staged_by(target_accuracy=1.0)
    for name in ("t", "n", "stage_group"):
        pairs = list(zip(low[name], high[name]))
        assert all(more is None or more == less for less, more in pairs) and low[name].count() > beyond[name].count()
    assert sum(high[name].count() for name in ("t", "n", "stage_group")) < sum(low[name].count() for name in ("t", "n", "stage_group"))


def test_an_infinite_threshold_answers_nothing():
    stager = Stager.from_pretrained()
    stager.thresholds["t"] = Thresholds(float("inf"), float("inf"))
    inferred, stated = stager.stage(COLON)["t"], stager.stage(COLON + " Pathologic stage: pT3 pN1.")["t"]
    assert inferred.label is None and inferred.confidence > 0.5 and (inferred.detail, inferred.evidence) == (None, ())
    assert stated.label is None and stated.detail == "pT3" and stated.evidence[0].text == "pT3"


@pytest.mark.parametrize("threshold", [{"min_confidence": -0.1}, {"min_confidence": 1.1}, {"target_accuracy": 0}, {"target_accuracy": 2}, {"target_accuracy": float("nan")}])
@pytest.mark.parametrize("model", ["default", "rules"])
def test_thresholds_that_are_no_share_are_refused(model, threshold):
    (name, value), = threshold.items()
    with pytest.raises(ValueError, match=f"{name} must be .* 1, not {value}"):
        Stager.from_pretrained(model, **threshold)


def test_a_run_loads_its_model_once(tmp_path, monkeypatch):
    made, load = [], Stager.from_pretrained
    monkeypatch.setattr(Stager, "from_pretrained", lambda *settings, **thresholds: made.append(settings) or load(*settings, **thresholds))
    assert stage_files(write_reports(tmp_path / "many.csv", 3), tmp_path / "staged.jsonl", "rules").rows == 3
    assert made == [("rules",)]


def test_an_unknown_model_is_refused_before_any_report_is_read():
    with pytest.raises(ValueError, match="no folder or model 'resnet': give default, rules or a folder"):
        stage_reports((1 / 0 for _ in range(1)), "resnet")


def test_a_run_does_not_go_on_with_other_thresholds(tmp_path):
    source, out = write_reports(tmp_path / "many.csv", 2 * BATCH), tmp_path / "staged.jsonl"
    interrupt(source, out, BATCH)
    for threshold in ({"min_confidence": 0.5}, {"target_accuracy": 0.9}):
        with pytest.raises(InputError, match="other inputs or options"):
            stage_files(source, out, resume=True, **threshold)
    assert stage_files(source, out, resume=True, workers=1).rows == 2 * BATCH


def test_a_stager_with_a_model_comes_back_from_its_folder(tmp_path):
    stager = Stager.from_pretrained()
    stager.save_pretrained(tmp_path / "mine")
    again = Stager.from_pretrained(tmp_path / "mine")
    frame = pl.DataFrame({"text": [COLON, BLADDER, TEXT]})
    assert again.stage_frame(frame).equals(stager.stage_frame(frame)) and again.calibration == stager.calibration
    (tmp_path / "mine" / "learned.json").write_text("{}")
    with pytest.raises(ValueError, match="mine holds no learned model"):
        Stager.from_pretrained(tmp_path / "mine")


# What is shown, and by which edition

VAGUE = ("Oral cavity, resection. Squamous cell carcinoma of the tongue. The specimen is received fresh and consists of fragments of mucosa and soft tissue. The surface is grey and partly eroded. "
         "Microscopic sections show infiltrating nests of atypical keratinizing cells with desmoplastic stroma and chronic inflammation. The margins are free. Clinical correlation is advised.")


def test_an_inferred_label_is_shown_only_where_it_is_sure_enough():
    stager, everything = Stager.from_pretrained(), Stager.from_pretrained(min_confidence=0)
    least = stager.thresholds["t"]
    assert least.stated == 0 and 0.5 < least.inferred < 1 and everything.thresholds["t"] == Thresholds(0, 0)
    shy, open_ = stager.stage(VAGUE)["t"], everything.stage(VAGUE)["t"]
    assert open_.label in FIELDS["t"].trained and open_.basis == "inferred" and open_.confidence < least.inferred
    assert (shy.label, shy.detail, shy.evidence, shy.basis) == (None, None, (), "inferred") and shy.probs == open_.probs and shy.confidence == open_.confidence


def test_the_summary_counts_what_is_not_shown(tmp_path):
    (tmp_path / "vague.txt").write_text(VAGUE)
    (tmp_path / "plain.txt").write_text(TEXT)
    summary = stage_files(tmp_path, tmp_path / "staged.parquet")
    assert summary.unsure["t"] == 1 and summary.stated["t"] == 1 and re.search(r"T +50\.0% stated or inferred, 1 not sure enough to be shown", summary.describe())
    assert stage_files(tmp_path / "vague.txt", tmp_path / "all.parquet", min_confidence=0).unsure["t"] == 0


def test_what_cannot_be_assessed_keeps_its_probabilities():
    value = Stager.from_pretrained().stage(COLON.replace("Metastasis in 2 of 14 lymph nodes.", "") + " Pathologic stage: pT3 pNX.")["n"]
    assert (value.label, value.detail, value.confidence) == (None, "pNX", None) and sum(value.probs.values()) == pytest.approx(1)


def test_a_category_that_is_taken_back_takes_its_group_with_it(monkeypatch):
    "A model that is sure of N2 beside pNX, and no sentence that tells it: N stays as printed, and no group counts on N2."
    stager = Stager.from_pretrained(min_confidence=0)
    sure = Judgement("N2", {"N0": 0.01, "N1": 0.01, "N2": 0.97, "N3": 0.01})
    judge = type(stager.judge).judge
    monkeypatch.setattr(type(stager.judge), "judge", lambda self, texts, found: [judged | {"n": sure} for judged in judge(self, texts, found)])
    told = {}
    for evidence in ((), (Span(0, 5),)):
        monkeypatch.setattr(type(stager.judge), "evidence", lambda self, texts, found, wanted, evidence=evidence: [evidence for _ in wanted])
        told[evidence] = stager.stage("Colon, sigmoid, resection: adenocarcinoma. Pathologic stage: pT3 pNX pM0")
    without, with_it = told.values()
    assert (without["n"].label, without["n"].detail, without["n"].basis, without["n"].evidence[0].text) == (None, "pNX", "stated", "pNX")
    assert without["stage_group"].label is None and without["stage_group"].detail is None
    assert (with_it["n"].label, with_it["n"].basis, with_it["stage_group"].label) == ("N2", "inferred", "III")


LUNG = "Lung, left upper lobe, lobectomy: adenocarcinoma, 4.5 cm. pT2a pN1 pM0"


@pytest.mark.parametrize("text, edition, group, used, basis", [   # AJCC 7: T2a N1 is IIA; AJCC 8: T2a N1 is IIB
    (LUNG, None, "IIB", "8", "assumed"), (LUNG, "7", "IIA", "7", "assumed"), (LUNG + " (AJCC 7th edition)", None, "IIA", "7", "stated"),
    (LUNG + " (AJCC 7th edition)", "8", "IIB", "8", "assumed"), (LUNG + " (AJCC Cancer Staging Manual, 8th Ed.)", "8", "IIB", "8", "stated")])
@pytest.mark.parametrize("model", ["default", "rules"])
def test_the_group_is_that_of_the_edition(model, text, edition, group, used, basis):
    report = Stager.from_pretrained(model, edition=edition).stage(text)
    assert (report["stage_group"].detail, report["stage_group"].basis, report.ajcc_edition, report.ajcc_edition_basis) == (group, "derived", used, basis)
    assert ("edition_named" in {failed.check for failed in report.checks}) == (used == "8" and "7th" in text)


def test_an_edition_without_tables_is_refused():
    with pytest.raises(ValueError, match="edition must be one of 6, 7, 8, 9, not '5'"):
        Stager(edition="5")


def test_a_row_without_staging_has_no_edition(tmp_path):
    (tmp_path / "a.txt").write_text("Breast, core biopsy: fibroadenoma.")
    (tmp_path / "b.txt").write_text(LUNG)
    stage_files(tmp_path, tmp_path / "staged.parquet", edition="7")
    assert pl.read_parquet(tmp_path / "staged.parquet").select("ajcc_edition", "ajcc_edition_basis").rows() == [(None, None), ("7", "assumed")]


# Other languages

GERMAN = ("Kolon, Sigmaresektat: Der Tumor ist ein mäßig differenziertes Adenokarzinom mit einem Durchmesser von 42 mm. Der Tumor infiltriert durch die Muscularis propria in das Fettgewebe und ist von dem oralen "
          "Resektionsrand 5 cm entfernt. Die Lymphknoten sind nicht befallen. {}")


@pytest.mark.parametrize("model", ["default", "rules"])
def test_a_report_in_another_language_keeps_its_notation_and_says_so(model):
    stager = Stager.from_pretrained(model, min_confidence=0)
    plain, coded = stager.stage(GERMAN.format("")), stager.stage(GERMAN.format("pT3 pN0 (0/14)"))
    assert all("other_language" in {failed.check for failed in report.checks} for report in (plain, coded))
    assert not any(name in plain and plain[name].label for name in ("t", "m", "stage_group"))
    assert (coded["t"].label, coded["n"].label, coded["t"].basis) == ("T3", "N0", "stated") and "m" not in coded


@pytest.mark.parametrize("text", ["Left breast, mastectomy: invasive ductal carcinoma, grade 2, 2.4 cm. pT2 pN1a (2/14) pMX. ER positive (95%).", "Colon: tubular adenoma.", " ", "7/5 nodes positive, adenocarcinoma of the colon"])
def test_one_report_is_the_row_of_a_table(text):
    "The same report alone and in a frame."
    stager = Stager.from_pretrained()
    alone, (row,) = stager.stage(text, "case-1"), stager.stage_frame(pl.DataFrame({"report_id": ["case-1"], "text": [text]})).to_dicts()
    assert alone.to_frame().to_dicts()[0] | {"source": "frame#1"} == row


def test_a_report_and_a_stager_say_what_they_are():
    report = Stager.from_pretrained("rules").stage("Left breast: carcinoma, pT2 pN1a (2/14). Patient Mary Example.", "case\x1b[2J")
    assert repr(report).startswith("<StagedReport 'case\\\\x1b[2J' ok: T pT2, N pN1a") and "Mary" not in repr(report) + str(report) and "\x1b" not in str(report)
    assert [line.split()[:3] for line in str(report).splitlines() if line.strip().startswith("T ")] == [["T", "T2", "pT2"]]
    assert repr(Stager.from_pretrained("rules", edition="7")) == "<Stager rules, edition 7; inferred labels are shown from T 0.90, N 0.90, M 0.90, Stage group 0.90>"
