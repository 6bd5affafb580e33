"Reviewers' decisions: read, settled, applied to a staged table, scored and learnt from. Tables, decisions and expected rows are written by hand."
import json
from dataclasses import replace

import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.corpora.labelled import labelled_reports
from cancer_staging.evaluate.reviewed import score_reviewed
from cancer_staging.fields import FIELDS
from cancer_staging.review.decisions import agreement, conflicts, Decision, lapsed_signatures, latest, merged, read_decisions, settle, text_digest, write_decisions
from cancer_staging.review.signed import apply_decisions, reviewed_labels, signed_schema, write_signed
from cancer_staging.runs import InputError
from cancer_staging.staged import Evidence, read_staged, staged_schema

LUNG = "Right lung, lobectomy: adenocarcinoma. pT2a pN0 M0. Stage derived."
BREAST = "Left breast, mastectomy: invasive ductal carcinoma. ER positive."
EMPTY = {name: [] if name.endswith("_evidence") or name == "checks" else None for name in staged_schema().names}


def value(name: str, label: str | None, detail: str | None = None, basis: str = "stated", confidence: float | None = 0.5, words: str = "", text: str = "") -> dict:
    "One field's columns, with its evidence where the words stand in the text."
    columns = {name: FIELDS[name].cell(label), f"{name}_detail": detail or label, f"{name}_basis": basis, f"{name}_confidence": confidence}
    return columns | {f"{name}_evidence": [{"start": text.index(words), "end": text.index(words) + len(words), "text": words}] if words else []}


def lung(report_id: str = "A") -> dict:
    "A lung cancer: stated T2a, N0 and M0, derived IB (AJCC 8)."
    return EMPTY | {"report_id": report_id, "status": "ok", "reportable": True, "ajcc_edition": "8", "ajcc_edition_basis": "assumed"} | value("behavior", "3") \
        | value("site", "Lung, NOS", "C34.9") | value("histology", "Adenocarcinoma, NOS", "8140/3") | value("t", "T2", "pT2a", words="pT2a", text=LUNG) \
        | value("n", "N0", "pN0", words="pN0", text=LUNG) | value("m", "M0", "M0", words="M0", text=LUNG) | value("stage_group", "I", "IB", "derived", 0.75) \
        | {"t_probs": [{"label": "T1", "prob": 0.25}, {"label": "T2", "prob": 0.75}]}


def breast(report_id: str = "B") -> dict:
    "A breast cancer with a receptor and an inferred grade."
    return EMPTY | {"report_id": report_id, "status": "ok", "reportable": True} | value("behavior", "3") | value("site", "Breast, NOS", "C50.9") | value("er", "positive", words="ER positive", text=BREAST) \
        | value("grade", "G2", None, "inferred", 0.625)


def table(*rows: dict) -> pl.DataFrame:
    import pyarrow as pa

    return pl.from_arrow(pa.Table.from_pylist(list(rows), schema=staged_schema()))


STAGED, TEXTS = table(lung(), breast()), [LUNG, BREAST]


def decide(row: int, action: str, field: str | None = None, label: str | None = None, reviewer: str = "Dr. Ito", at: str = "2026-11-27T06:50:00Z", **more) -> Decision:
    return Decision("AB"[row], row, text_digest(TEXTS[row]), action, reviewer, at, field, label, **more)


def test_every_kind_of_decision_is_applied():
    done = apply_decisions(STAGED, [
        decide(0, "accept", "t", "T2"),
        decide(0, "comment", comment="seen twice"),
        decide(1, "edit", "grade", "G3", at="2026-11-27T07:00:00+00:00", evidence=(Evidence(0, 4, "Left"),)),
        decide(1, "none", "er"),
        decide(1, "edit", "laterality", "left", comment="in the title"),
        decide(1, "sign")], TEXTS)
    first, second = done.table.to_dicts()
    assert {name: first[name] for name in first if name == "t" or name.startswith("t_")} == {
        "t": "T2", "t_detail": "pT2a", "t_basis": "reviewed", "t_confidence": None, "t_probs": None, "t_evidence": [{"start": 39, "end": 43, "text": "pT2a"}],
        "t_machine": {"label": "T2", "detail": "pT2a", "basis": "stated", "confidence": 0.5, "probs": [{"label": "T1", "prob": 0.25}, {"label": "T2", "prob": 0.75}],
                      "evidence": [{"start": 39, "end": 43, "text": "pT2a"}]}}
    assert (first["n"], first["n_basis"], first["n_machine"]) == ("N0", "stated", None)
    assert first["comments"] == [{"reviewer": "Dr. Ito", "at": "2026-11-27T06:50:00Z", "field": None, "comment": "seen twice"}]
    assert first["signed_by"] is None and first["reviews"] == [{"field": "t", "action": "accept", "reviewer": "Dr. Ito", "at": "2026-11-27T06:50:00Z"}]
    assert (second["grade"], second["grade_detail"], second["grade_basis"], second["grade_evidence"]) == ("G3", "G3", "reviewed", [{"start": 0, "end": 4, "text": "Left"}])
    assert second["grade_machine"] == {"label": "G2", "detail": "G2", "basis": "inferred", "confidence": 0.625, "probs": None, "evidence": []}
    assert (second["er"], second["er_detail"], second["er_basis"], second["er_evidence"]) == (None, None, "reviewed", [])
    assert second["er_machine"]["label"] == "positive" and second["laterality_machine"] == {"label": None, "detail": None, "basis": None, "confidence": None, "probs": None, "evidence": []}
    assert second["reviewed_by"] == ["Dr. Ito"] and second["reviewed_at"] == "2026-11-27T07:00:00+00:00"
    assert (second["signed_by"], second["signed_at"]) == (["Dr. Ito"], ["2026-11-27T06:50:00Z"]) and second["comments"][0]["field"] == "laterality"


def test_rows_that_nobody_reviewed_stay_as_they_were():
    row = apply_decisions(STAGED, [decide(0, "accept", "t", "T2")]).table.to_dicts()[1]
    assert {name: row[name] for name in EMPTY} == STAGED.to_dicts()[1]
    assert all(row[name] is None for name in signed_schema().names if name not in EMPTY)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_signed_table_reads_as_it_was_written(tmp_path, suffix):
    decisions = [decide(0, "accept", "t", "T2"), decide(0, "accept", "n", "N0"), decide(1, "edit", "histology", "=cmd|'/c calc'!A1", detail="+8500/3"),
                 decide(1, "comment", reviewer="@Roy", comment="\x1b[31m\u202e-1, \"quoted\"\n, line"), decide(1, "sign", reviewer="@Roy"), decide(1, "edit", "er", "negative", "Dr. Roy")]
    signed = apply_decisions(STAGED, decisions, TEXTS).table
    write_signed(signed, tmp_path / f"signed{suffix}", suffix)
    written = (tmp_path / f"signed{suffix}").read_bytes()
    assert suffix == ".parquet" or (b"\x1b" not in written and "\u202e".encode() not in written)
    assert suffix != ".csv" or b"'=cmd" in written and b"'+8500/3" in written
    assert read_staged(tmp_path / f"signed{suffix}").to_dicts() == signed.to_dicts()


def test_the_stage_group_follows_an_edited_category():
    # AJCC 8, lung: T2a N0 M0 is IB, T2a N1 M0 is IIB, T4 N0 M0 is IIIA
    for field, label, group in (("n", "N1", "IIB"), ("t", "T4", "IIIA")):
        row = apply_decisions(STAGED, [decide(0, "edit", field, label)], TEXTS).table.to_dicts()[0]
        assert (row["stage_group"], row["stage_group_detail"], row["stage_group_basis"]) == (group.rstrip("AB"), group, "derived")
        assert row["stage_group_machine"]["detail"] == "IB" and row["stage_group_machine"]["confidence"] == 0.75
        assert row["checks"] == []


def test_a_group_of_reviewed_categories_has_no_confidence():
    row = apply_decisions(STAGED, [decide(0, "edit", "n", "N1"), decide(0, "accept", "t", "T2"), decide(0, "accept", "m", "M0")]).table.to_dicts()[0]
    assert (row["stage_group_detail"], row["stage_group_confidence"], row["stage_group_probs"]) == ("IIB", None, None)


def test_a_group_that_was_reviewed_or_stated_is_not_derived_again():
    row = apply_decisions(STAGED, [decide(0, "edit", "n", "N1"), decide(0, "accept", "stage_group", "I")]).table.to_dicts()[0]
    assert (row["stage_group_detail"], row["stage_group_basis"]) == ("IB", "reviewed")
    assert [failed["check"] for failed in row["checks"]] == ["group_tnm"]
    stated = table(lung() | value("stage_group", "I", "IB"), breast())
    row = apply_decisions(stated, [decide(0, "edit", "n", "N1")]).table.to_dicts()[0]
    assert (row["stage_group_detail"], row["stage_group_basis"], row["stage_group_machine"]) == ("IB", "stated", None)
    assert [failed["check"] for failed in row["checks"]] == ["group_tnm"] and row["checks_machine"] == []


def test_a_group_that_no_longer_follows_goes_and_a_check_says_so():
    row = apply_decisions(STAGED, [decide(0, "none", "n"), decide(0, "none", "t")], TEXTS).table.to_dicts()[0]
    assert (row["stage_group"], row["stage_group_basis"], row["stage_group_machine"]["label"]) == (None, None, "I")
    assert [(failed["check"], failed["fields"]) for failed in row["checks"]] == [("group_open", ["stage_group", "t", "n", "m"])]


def test_checks_are_computed_anew_as_far_as_the_text_is_at_hand():
    failed = [{"check": "n_nodes", "fields": ["n", "nodes_positive"], "message": "N is pN0, yet 2 nodes are positive"}, {"check": "edition_named", "fields": ["t", "n", "m", "stage_group"], "message": "kept"}]
    staged = table(lung() | value("nodes_positive", "2") | {"checks": failed}, breast())
    without = apply_decisions(staged, [decide(0, "edit", "nodes_positive", "0")]).table.to_dicts()[0]
    assert without["checks"] == failed[1:] and without["checks_machine"] == failed
    assert apply_decisions(staged, [decide(0, "edit", "nodes_positive", "0")], TEXTS).table.to_dicts()[0]["checks"] == []  # the text names no edition
    assert apply_decisions(staged, [decide(0, "accept", "t")]).table.to_dicts()[0]["checks"] == failed  # compares no reviewed field
    edited = apply_decisions(staged, [decide(0, "edit", "nodes_positive", "3")]).table.to_dicts()[0]
    assert [found["message"] for found in edited["checks"]] == ["kept", "N is pN0, yet 3 nodes are positive"]


def test_an_edited_behaviour_decides_whether_the_case_is_reportable():
    assert apply_decisions(STAGED, [decide(1, "edit", "behavior", "0")]).table["reportable"].to_list() == [True, False]


def test_undo_takes_back_the_one_before():
    edit, again, undo = decide(0, "edit", "t", "T1"), decide(0, "edit", "t", "T3"), decide(0, "undo", "t")
    assert latest([edit, again]) == [again] and latest([edit, again, undo]) == [edit] and latest([edit, undo]) == latest([undo]) == []
    assert latest([edit, decide(0, "undo", "n"), decide(0, "undo", "t", reviewer="Dr. Roy")]) == [edit]
    said, sign = decide(0, "comment", comment="first"), decide(0, "sign")
    assert latest([said, replace(said, comment="second")]) == [replace(said, comment="second")] and latest([said, replace(said, comment="")]) == []
    assert latest([said, sign, decide(0, "undo")]) == [said] and latest([sign, decide(0, "unsign")]) == []
    assert latest([sign, decide(0, "unsign"), decide(0, "undo")]) == [sign]


def test_a_file_that_holds_an_earlier_state_of_another_changes_nothing(folder):
    early, late, roy = decide(0, "edit", "t", "T1"), decide(0, "edit", "t", "T4", at="2026-11-27T09:00:00+01:00"), decide(1, "edit", "er", "negative", "Dr. Roy", "2026-11-27T07:30:00Z")
    assert merged([[early, late], [early, roy]]) == merged([[early, roy], [early, late]]) == [early, roy, late]  # 8 o'clock in UTC
    assert merged([[early, early], [early]]) == [early, early] and merged([[late, early]]) == [late, early] and merged([]) == []
    write_decisions([early, late], folder / "all.jsonl")
    write_decisions([early, roy], folder / "copied.jsonl")
    result = run(folder / "staged.parquet", folder / "all.jsonl", folder / "copied.jsonl", "--out", folder / "signed.parquet")
    assert result.exit_code == 0 and result.stderr.startswith("3 decisions by") and read_staged(folder / "signed.parquet")["t"].to_list() == ["T4", None]


def test_a_signature_lapses_when_its_reviewer_changes_a_value():
    sign, edit = decide(0, "sign"), decide(0, "edit", "t", "T3")
    assert latest([sign, edit]) == [edit] and lapsed_signatures([sign, edit]) == [sign]
    assert latest([edit, sign]) == [edit, sign] and lapsed_signatures([sign, replace(edit, reviewer="Dr. Roy")]) == []
    assert latest([sign, decide(0, "comment", comment="and more")])[0] == sign and latest([sign, edit, sign])[-1] == sign


def test_conflicts_stay_the_machines_until_somebody_decides():
    decisions = [decide(0, "edit", "t", "T1"), decide(0, "edit", "t", "T3", "Dr. Roy"), decide(0, "accept", "n"), decide(0, "accept", "n", reviewer="Dr. Roy"), decide(1, "none", "er"), decide(1, "accept", "er", reviewer="Dr. Roy")]
    done = apply_decisions(STAGED, decisions, TEXTS)
    assert [(conflict.row, conflict.report_id, conflict.field, conflict.answers) for conflict in done.conflicts] == [
        (0, "A", "t", (("Dr. Ito", "T1"), ("Dr. Roy", "T3"))), (1, "B", "er", (("Dr. Ito", "none"), ("Dr. Roy", "positive")))]
    first, second = done.table.to_dicts()
    assert (first["t"], first["t_basis"], first["t_machine"], first["n_basis"]) == ("T2", "stated", None, "reviewed")
    assert first["checks"] == [{"check": "reviewers_differ", "fields": ["t"], "message": "reviewers differ on T: Dr. Ito says T1, Dr. Roy says T3"}]
    assert (second["er"], second["er_basis"], second["reviewed_by"]) == ("positive", "stated", None) and second["checks_machine"] == []
    decided = apply_decisions(STAGED, decisions, TEXTS, "Dr. Roy")
    assert decided.table["t"][0] == "T3" and decided.conflicts == () and decided.table["reviewed_by"].to_list() == [["Dr. Roy"], ["Dr. Roy"]]
    third = [*decisions, decide(0, "edit", "t", "T4", "Dr. Chen")]
    assert apply_decisions(STAGED, third, adjudicator="Dr. Chen").table["t"][0] == "T4"
    with pytest.raises(InputError, match="no decision by the adjudicator 'Dr. Wu'"):
        apply_decisions(STAGED, decisions, adjudicator="Dr. Wu")


def test_codes_of_site_and_histology_count_and_details_of_categories_do_not():
    site = decide(1, "edit", "site", "Breast", detail="C50.4")
    assert len(conflicts([site, replace(site, reviewer="Dr. Roy", detail="C50.9")])) == 1
    t = decide(0, "edit", "t", "T2", detail="pT2a")
    assert settle([t, replace(t, reviewer="Dr. Roy", detail="T2")]) == ([replace(t, reviewer="Dr. Roy", detail="T2")], [])


def test_kappa_of_the_textbook():
    # Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions: 100 subjects, three diagnoses, rows 75 1 4 / 5 4 1 / 0 0 10:
    # observed .89, by chance .66, kappa .23 / .34 = .676; their standard error of .087 gives .51 to .85
    counts = {("G1", "G1"): 75, ("G1", "G2"): 1, ("G1", "G3"): 4, ("G2", "G1"): 5, ("G2", "G2"): 4, ("G2", "G3"): 1, ("G3", "G3"): 10}
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    decisions = [Decision(f"R{row}", row, "0" * 64, "edit", reviewer, "2026-11-27T06:50:00Z", "grade", label) for row, pair in enumerate(pairs) for reviewer, label in zip("AB", pair)]
    row = agreement(decisions).row(0, named=True)
    assert (row["field"], row["first"], row["second"], row["both"], row["agree"]) == ("grade", "A", "B", 100, 89)
    assert row["kappa"] == pytest.approx(0.23 / 0.34) and row["kappa_low"] == pytest.approx(0.51, abs=0.04) and row["kappa_high"] == pytest.approx(0.85, abs=0.04)
    assert agreement(decisions, adjudicator="B").is_empty() and agreement(decisions[::2]).is_empty()


def test_kappa_counts_that_there_is_none_and_is_not_defined_for_one_answer():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: observed .7, by chance .5, kappa .4 (the example of Wikipedia's Cohen's kappa)
    pairs = [("edit", "edit")] * 20 + [("edit", "none")] * 5 + [("none", "edit")] * 10 + [("none", "none")] * 15
    decisions = [Decision(f"R{row}", row, "0" * 64, action, reviewer, "2026-11-27T06:50:00Z", "er", "positive" if action == "edit" else None) for row, pair in enumerate(pairs) for reviewer, action in zip("AB", pair)]
    assert agreement(decisions)["kappa"].to_list() == pytest.approx([0.4])
    assert agreement(decisions[:40]).select("both", "agree", "kappa").rows() == [(20, 20, None)]


def test_what_does_not_fit_is_refused_by_name_and_the_rest_applied():
    fits = decide(0, "edit", "n", "N1")
    wrong = {
        "another report in that row": replace(fits, report_id="Z", field="t", label="T1"),
        "the table has 2 rows only": replace(fits, row=2),
        "the table has T2": decide(0, "accept", "t", "T3"),
        "not the one that was reviewed": replace(decide(1, "edit", "t", "T1"), text_digest="0" * 64),
        "do not stand there": decide(0, "edit", "grade", "G3", evidence=(Evidence(0, 5, "Right"), Evidence(0, 4, "Left"))),
    }
    done = apply_decisions(STAGED, [*wrong.values(), fits], TEXTS)
    assert len(done.refused) == len(wrong) and str(done.refused[0]).startswith("Z (row 0), T, decided by Dr. Ito: the table has another report")
    for why, decision in wrong.items():
        refused = [refusal for refusal in done.refused if refusal.decision == decision]
        assert len(refused) == 1 and why in refused[0].why and decision.report_id in str(refused[0])
    assert done.table["n"].to_list() == ["N1", None] and done.table["t"].to_list() == ["T2", None] and done.table["grade"].to_list() == [None, "G2"]
    assert len(apply_decisions(STAGED, [replace(fits, text_digest="0" * 64)]).refused) == 0  # without the texts nobody can tell


def test_reports_of_one_id_are_told_by_their_row():
    staged = table(lung("A"), lung("A"))
    done = apply_decisions(staged, [replace(decide(0, "edit", "t", "T1"), row=1)], [LUNG, LUNG])
    assert done.table["t"].to_list() == ["T2", "T1"] and done.table["t_basis"].to_list() == ["stated", "reviewed"]


def test_offsets_count_code_points():
    text = "\U0001f52c Grade 3 \U0001f52c"
    decision = Decision("B", 1, text_digest(text), "edit", "Dr. Ito", "2026-11-27T06:50:00Z", "grade", "G3", None, (Evidence(2, 9, "Grade 3"),))
    assert apply_decisions(STAGED, [decision], [LUNG, text]).table["grade"].to_list() == [None, "G3"]
    with pytest.raises(InputError, match="code points"):
        replace(decision, evidence=(Evidence(0, 2, "\U0001f52c"),))


def test_a_table_that_is_signed_already_is_not_reviewed_over():
    signed = apply_decisions(STAGED, [decide(0, "accept", "t")]).table
    with pytest.raises(InputError, match="signed already"):
        apply_decisions(signed, [])
    with pytest.raises(InputError, match="1 texts and 2 rows"):
        apply_decisions(STAGED, [], [LUNG])


@pytest.mark.parametrize("wrong, told", [
    ({"field": "stage"}, "no such field"), ({"field": None}, "needs a field"), ({"action": "approve"}, "one of accept"), ({"action": "sign"}, "it has no field"), ({"action": "none"}, "no label"),
    ({"label": "T9"}, "T0, Tis, T1"), ({"label": None}, "needs a label"), ({"reviewer": "  "}, "blank"), ({"reviewer": "Ito\x1b[31m"}, "control"), ({"reviewer": None}, "strings"), ({"at": "yesterday"}, "ISO 8601"),
    ({"at": "2026-11-27T06:50:00"}, "zone"), ({"row": -1}, "whole number"), ({"row": True}, "whole number"), ({"row": "0"}, "whole number"), ({"text_digest": "0" * 63}, "64"),
    ({"evidence": (Evidence(3, 3, ""),)}, "code points"), ({"evidence": (Evidence(0, 1, "ab"),)}, "code points"), ({"evidence": [Evidence(0, 1, "a")]}, "code points"), ({"evidence": (Evidence("0", 1, "a"),)}, "code points"),
    ({"comment": "\ud800"}, "surrogate"), ({"field": "nodes_positive", "label": "two"}, "a number"), ({"field": "nodes_positive", "label": "1.5"}, "a number"), ({"field": "tumor_size_mm", "label": "2.5 cm"}, "a number"),
    ({"field": "ki67", "label": "\u0663"}, "a number"), ({"field": "site", "label": " "}, "blank")])
def test_a_decision_that_contradicts_itself_cannot_be_made(wrong, told):
    with pytest.raises(InputError, match=told):
        replace(decide(0, "edit", "t", "T1"), **wrong)


def test_numbers_are_kept_as_the_page_writes_them():
    assert apply_decisions(STAGED, [decide(0, "edit", "nodes_positive", None, detail="several"), decide(0, "edit", "nodes_examined", "4")]).table["nodes_positive_detail"][0] == "several"
    for name, label in (("ki67", "12.3456789"), ("tumor_size_mm", "0.5"), ("nodes_examined", "0"), ("tumor_size_mm", "1234567")):
        assert apply_decisions(STAGED, [decide(0, "edit", name, label)], TEXTS).table[name][0] == float(label)


def test_what_cannot_be_assessed_is_an_edit_with_a_detail_alone():
    row = apply_decisions(STAGED, [decide(0, "edit", "n", None, detail="pNX")], TEXTS).table.to_dicts()[0]
    assert (row["n"], row["n_detail"], row["n_basis"]) == (None, "pNX", "reviewed")


LINE = {"report_id": "A", "row": 0, "text_digest": "0" * 64, "field": "t", "action": "edit", "label": "T2", "detail": None, "evidence": [], "comment": None, "reviewer": "Dr. Ito", "at": "2026-11-27T06:50:00Z"}


def test_files_are_written_as_they_were_agreed(tmp_path):
    decisions = [decide(0, "edit", "t", "T1", detail="pT1", evidence=(Evidence(0, 3, "abc"),), comment="é\u2028"), decide(1, "sign", reviewer="Dr. Roy")]
    write_decisions(decisions, tmp_path / "review.jsonl")
    lines = (tmp_path / "review.jsonl").read_text(encoding="utf-8").split("\n")
    assert list(json.loads(lines[0])) == list(LINE) and json.loads(lines[0])["evidence"] == [{"start": 0, "end": 3, "text": "abc"}] and lines[2:] == [""]
    assert read_decisions(tmp_path / "review.jsonl") == decisions
    (tmp_path / "page.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(LINE | {"at": "2026-11-27T06:50:00.123Z", "more": 1}).encode() + b"\r\n\r\n")
    assert read_decisions(tmp_path / "page.jsonl")[0].label == "T2"


@pytest.mark.parametrize("damaged", [
    b'{"report_id": "SECRET WORDS"', b"\xff\xfeSECRET WORDS", b'["SECRET WORDS"]', b'"SECRET WORDS"', b"[" * 100_000, json.dumps(LINE | {"label": "SECRET WORDS"}).encode(),
    json.dumps(LINE | {"field": "SECRET WORDS"}).encode(), json.dumps(LINE | {"action": "SECRET WORDS"}).encode(), json.dumps(LINE | {"evidence": ["SECRET WORDS"]}).encode(), json.dumps(LINE | {"evidence": "SECRET WORDS"}).encode(),
    json.dumps(LINE | {"row": "SECRET WORDS"}).encode(), json.dumps(LINE | {"at": "SECRET WORDS"}).encode(), json.dumps(LINE | {"reviewer": {"SECRET WORDS": 1}}).encode(), json.dumps({"report_id": "SECRET WORDS"}).encode(),
    json.dumps(LINE | {"comment": ["SECRET WORDS"]}).encode(), b'{"row": ' + b"1" * 5000 + b"}"])
def test_a_damaged_line_is_named_and_never_quoted(tmp_path, damaged):
    path = tmp_path / "review.jsonl"
    path.write_bytes(json.dumps(LINE).encode() + b"\n" + damaged + b"\n")
    with pytest.raises(InputError) as caught:
        read_decisions(path)
    assert str(caught.value).startswith(f"{path}, line 2: ") and "SECRET" not in str(caught.value)


def test_hostile_details_break_no_table():
    for detail in ("", "X", "TX", "yT", "ypT9zz", "T" * 5000, "pT2(m)N1", "\0", "-1", "NaN"):
        for name, label in (("t", "T2"), ("n", "N1"), ("m", "M1"), ("grade", "G3"), ("stage_group", "II"), ("site", "Lung"), ("histology", "Adenocarcinoma")):
            row = apply_decisions(STAGED, [decide(0, "edit", name, label, detail=detail)], TEXTS).table.to_dicts()[0]
            assert (row[name], row[f"{name}_detail"]) == (label, detail)
        for name in ("nodes_positive", "nodes_examined", "tumor_size_mm", "ki67"):
            done = apply_decisions(STAGED, [decide(row, "edit", field, "5", detail=detail) for row in (0, 1) for field in ("nodes_positive", name)], TEXTS).table
            assert done[name].to_list() == [5, 5] and done[f"{name}_detail"].to_list() == [detail, detail]


def run(*arguments):
    return CliRunner().invoke(app, ["review-apply", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    "A staged table, its texts, and what two reviewers saved."
    STAGED.write_parquet(tmp_path / "staged.parquet")
    pl.DataFrame({"report_id": ["A", "B"], "source": [None, None], "text": TEXTS, "page_starts": [[0], [0]]}, schema_overrides={"source": pl.String}).write_parquet(tmp_path / "staged.texts.parquet")
    write_decisions([decide(0, "accept", "t", "T2"), decide(0, "sign"), decide(1, "edit", "er", "negative"), decide(1, "none", "grade")], tmp_path / "ito.jsonl")
    write_decisions([decide(0, "edit", "t", "T3", "Dr. Roy"), decide(1, "edit", "er", "negative", "Dr. Roy")], tmp_path / "roy.jsonl")
    return tmp_path


def test_the_command_applies_lists_and_counts(folder):
    result = run(folder / "staged.parquet", folder / "ito.jsonl", folder / "roy.jsonl", "--out", folder / "signed.csv", "--reports", folder / "staged.texts.parquet")
    assert result.exit_code == 0 and result.stdout == ""
    lines = [" ".join(line.split()) for line in result.stderr.splitlines()]
    assert lines == [
        "6 decisions by Dr. Ito, Dr. Roy: 3 edit, 1 accept, 1 sign, 1 none", "field reviewed accepted edited none", "T 2 50.0% 50.0% 0.0%", "Grade 1 0.0% 0.0% 100.0%", "ER 2 0.0% 100.0% 0.0%",
        "T: Dr. Ito and Dr. Roy agree on 0 of 1, Cohen's kappa 0.00 (0.00 to 0.00)", "ER: Dr. Ito and Dr. Roy agree on 1 of 1, Cohen's kappa not defined: both give one answer throughout",
        "conflicts that nobody decided, where the machine's value stays: 1", "A (row 0): reviewers differ on T: Dr. Ito says T2, Dr. Roy says T3", "1 of 2 rows reviewed, 1 signed", f"written to {folder / 'signed.csv'}"]
    assert read_staged(folder / "signed.csv").select("t", "er", "er_basis", "grade", "grade_basis").rows() == [
        ("T2", None, None, None, None), (None, "negative", "reviewed", None, "reviewed")]
    assert run(folder / "staged.parquet", folder / "ito.jsonl", folder / "roy.jsonl", "--out", folder / "signed.jsonl", "--adjudicator", "Dr. Roy").exit_code == 0
    assert read_staged(folder / "signed.jsonl")["t"].to_list() == ["T3", None]


def test_the_command_refuses_by_name_and_applies_the_rest(folder):
    write_decisions([replace(decide(0, "edit", "t", "T3"), text_digest="0" * 64), decide(1, "edit", "er", "negative")], folder / "old.jsonl")
    result = run(folder / "staged.parquet", folder / "old.jsonl", "--out", folder / "signed.parquet", "--reports", folder / "staged.texts.parquet")
    assert result.exit_code == 1 and "decisions refused: 1" in result.stderr and "A (row 0), T, decided by Dr. Ito: the report's text is not the one that was reviewed" in result.stderr
    assert read_staged(folder / "signed.parquet").select("t", "er").rows() == [("T2", None), (None, "negative")]


@pytest.mark.parametrize("arguments, told", [
    (["nosuch.parquet", "ito.jsonl", "--out", "x.parquet"], "no file"), (["staged.parquet", "nosuch.jsonl", "--out", "x.parquet"], "no file"), (["staged.parquet", "ito.jsonl", "--out", "x.xlsx"], ".parquet, .csv, .jsonl"),
    (["staged.parquet", "ito.jsonl", "--out", "staged.parquet"], "exists already"), (["staged.parquet", "ito.jsonl", "--out", "staged.parquet", "--overwrite"], "one of the inputs"),
    (["staged.parquet", "ito.jsonl", "--out", "x.parquet", "--adjudicator", "Roy"], "no decision by the adjudicator"), (["staged.parquet", "staged.parquet", "--out", "x.parquet"], "line 1: "),
    (["staged.parquet", "ito.jsonl", "--out", "x.parquet", "--reports", "ito.jsonl"], "no text column"), (["staged.texts.parquet", "ito.jsonl", "--out", "x.parquet"], "no staged table")])
def test_a_bad_call_is_a_line_and_exit_code_2(folder, arguments, told):
    result = run(*(folder / argument if "." in argument and argument.count(" ") == 0 else argument for argument in arguments))
    assert result.exit_code == 2 and told in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (folder / "x.parquet").exists()


def test_texts_of_another_table_are_refused(folder):
    kept = pl.read_parquet(folder / "staged.texts.parquet")
    kept.reverse().write_parquet(folder / "other.parquet")
    result = run(folder / "staged.parquet", folder / "ito.jsonl", "--out", folder / "x.parquet", "--reports", folder / "other.parquet")
    assert result.exit_code == 2 and "row 0 of the staged table is another report than the one at its place" in result.stderr


def test_a_staged_table_is_scored_against_what_was_reviewed(folder):
    run(folder / "staged.parquet", folder / "ito.jsonl", "--out", folder / "signed.parquet")
    scores = {(row["field"], row["subset"]): row for row in score_reviewed(STAGED, read_staged(folder / "signed.parquet"), samples=20).to_dicts()}
    assert list(scores) == [("t", "all"), ("t", "stated"), ("grade", "all"), ("grade", "inferred"), ("er", "all"), ("er", "stated")]
    assert [(scores[name, "all"]["total"], scores[name, "all"]["answered"], scores[name, "all"]["right"], scores[name, "all"]["macro_f1"]) for name in ("t", "grade", "er")] == [(1, 1, 1, 1.0), (1, 1, 0, 0.0), (1, 1, 0, 0.0)]
    shuffled = score_reviewed(STAGED[::-1], read_staged(folder / "signed.parquet"), samples=20)  # found by id where rows are in another order
    assert shuffled.rows() == score_reviewed(STAGED, read_staged(folder / "signed.parquet"), samples=20).rows()
    with pytest.raises(InputError, match="nobody reviewed n"):
        score_reviewed(STAGED, read_staged(folder / "signed.parquet"), ["t", "n"])
    with pytest.raises(InputError, match="not signed"):
        score_reviewed(STAGED, STAGED)


def test_silence_counts_where_a_reviewer_found_nothing():
    staged = table(breast("A"), EMPTY | {"report_id": "B", "status": "ok"})
    signed = apply_decisions(staged, [replace(decide(0, "none", "er"), report_id="A"), decide(1, "none", "er")]).table
    row = score_reviewed(staged, signed, ["er"], samples=20).row(0, named=True)
    assert (row["total"], row["answered"], row["right"], row["accuracy"], row["accuracy_all"]) == (2, 1, 0, 0.0, 0.5)
    assert row["macro_f1"] == pytest.approx(2 / 3)  # `none`: given once, right once, of two


def test_the_evaluate_command_takes_a_signed_table(folder):
    run(folder / "staged.parquet", folder / "ito.jsonl", "--out", folder / "signed.parquet")
    command = ["evaluate", str(folder / "staged.parquet"), "--against", str(folder / "signed.parquet"), "--samples", "20"]
    result = CliRunner().invoke(app, [*command, "--out", str(folder / "scores.csv"), "--fields", "t,er"])
    assert result.exit_code == 0 and "right of all" in result.stdout
    assert pl.read_csv(folder / "scores.csv").select("field", "subset", "right").rows() == [("t", "all", 1), ("t", "stated", 1), ("er", "all", 0), ("er", "stated", 0)]
    for arguments, told in ((["--data", "x.csv"], "one of the two"), (["--stated-silent"], "--against scores staged tables")):
        result = CliRunner().invoke(app, [*command, *arguments])
        assert result.exit_code == 2 and told in result.stderr
    assert "is no staged table" in CliRunner().invoke(app, ["evaluate", "rules", *command[2:]]).stderr


def test_only_what_was_reviewed_is_learnt_from():
    signed = apply_decisions(STAGED, [decide(0, "accept", "t", "T2"), decide(1, "edit", "er", "negative"), decide(1, "none", "grade")], TEXTS).table
    learnt = reviewed_labels(signed, TEXTS)
    assert learnt.select("report_id", "text", "t", "n", "er", "grade").rows() == [("A", LUNG, "T2", None, None, None), ("B", BREAST, None, None, "negative", None)]
    reports = labelled_reports(learnt, ("t", "n", "er"))
    assert reports.texts == (LUNG, BREAST) and reports.labels.tolist() == [[FIELDS["t"].trained.index("T2"), -1, -1], [-1, -1, FIELDS["er"].trained.index("negative")]]
    with pytest.raises(InputError, match="not signed"):
        reviewed_labels(STAGED, TEXTS)
