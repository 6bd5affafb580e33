"Cases as HL7 version 2: by python-hl7, by the package's own reader, and read back."
import re
import stat

import hl7
import polars as pl
import pytest

from cancer_staging import Stager
from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.export.messages import case_message, export_messages, read_messages
from cancer_staging.fields import FIELDS
from cancer_staging.reading.messages import message_reports
from cancer_staging.runs import InputError

AT = "2026-11-27T10:00:00+00:00"
HOSTILE = "=cmd|' /C calc'!A0 a|b^c~d\\e&f \\F\\ \\.br\\ \\X41\\ \\E\\\nMSH|^~\\&|evil\nOBX|1|NM|x||9\n\n\tand more\fpage"


@pytest.fixture(scope="module")
def rules():
    return Stager.from_pretrained("rules")


@pytest.fixture(scope="module")
def made(rules):
    "Synthetic reports, staged, and their texts."
    texts = [synthetic_report(seed).text for seed in range(60)]
    about = {"patient_id": [f"P{number // 2}" for number in range(60)], "accession": [f"A{number}" for number in range(60)], "report_date": ["2024-03-01"] * 60}
    return rules.stage_frame(pl.DataFrame({"report_id": [f"S{number}" for number in range(60)], "text": texts} | about)), texts


@pytest.fixture(scope="module")
def batch(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("hl7") / "cases.hl7"
    return path, export_messages(*made, path, recorded=AT)


def nothing_attached(*document):
    raise AssertionError("there is no attached document")


def contents(data):
    return list(message_reports(data, nothing_attached))


def test_the_batch_is_one_by_python_hl7(batch, made):
    path, done = batch
    read = hl7.parse_batch(path.read_bytes())
    assert len(read) == done.tumors == made[0]["reportable"].sum() and str(read.trailer) == f"BTS|{len(read)}"
    controls = set()
    for message in read:
        assert [str(message[f"MSH.{number}"]) if number != 9 else str(message.segment("MSH")[9]) for number in (7, 9, 11, 12, 18)] == ["20261127100000+0000", "ORU^R01^ORU_R01", "P", "2.5.1", "UNICODE UTF-8"]
        controls.add(str(message.segment("MSH")[10]))
        names = [str(segment[0]) for segment in message]
        assert re.fullmatch("MSH PID OBR OBX( OBX( NTE)*)+", " ".join(names)), names
        assert [int(str(segment[1])) for segment in message.segments("OBX")] == list(range(1, names.count("OBX") + 1))
        for segment in message.segments("OBX"):
            kind, value, status = (str(segment[number]) for number in (2, 5, 11))
            assert kind in ("FT", "NM", "CWE") and status == "F" and value and (kind != "NM" or (float(value) >= 0 and str(segment[6]).endswith("^UCUM")))
    assert len(controls) == len(read) and all(len(control) == 20 for control in controls)


def test_codes_are_those_of_the_standards(rules):
    "LOINC and SNOMED CT, as mCODE's examples have them, and units of UCUM."
    text = "Left breast, mastectomy: invasive ductal carcinoma, 24 mm. Two of fourteen lymph nodes are positive. ER positive (95%). Ki-67 20%. Margins are free. pT3 pN1a."
    message, open_ = case_message(rules.stage(text, report_id="S1").to_dict(), text, recorded=AT)
    told = {part[3].split("^")[-2]: (part[2], part[3], part[5], part[6]) for line in message.split("\r") if (part := line.split("|"))[0] == "OBX"}
    assert told["T"] == ("CWE", "21899-0^Primary tumor.pathology Cancer^LN^t^T^L", "T3^pT3^L^1229859000^pT3^SCT", "")
    methods = next(part[17] for line in message.split("\r") if (part := line.split("|"))[0] == "OBX" and part[3].endswith("^T^L")).split("~")
    assert methods[0] == "stated^^L" and methods[1].split("^")[0] == "897275008" and methods[1].endswith("^SCT^assumed^^L")  # the 8th edition, which the report does not name
    assert told["ER"][1].startswith("16112-5^") and told["ER"][2].split("^")[3] == "10828004"
    assert told["Laterality"][1:3] == ("laterality^Laterality^L", "left^left^L^7771000^Left (qualifier value)^SCT")
    assert told["Margin"][1] == "margin^Margin^L" and told["Site"][2] == "C50.9^Breast^ICDO3" and told["Histology"][2].startswith("8500/3^") and told["Histology"][2].endswith("^ICDO3")
    assert [told[name][2:] for name in ("Tumour size", "Ki-67", "Nodes examined")] == [("24", "mm^^UCUM"), ("20", "%^^UCUM"), ("14", "{#}^^UCUM")] and open_ == {}


def test_what_is_read_back_is_what_was_staged(batch, made):
    (table, texts), compared = made, 0
    back = {row["report_id"]: row for row in read_messages(batch[0]).iter_rows(named=True)}
    left = {(one.row, one.field) for one in batch[1].left_out}
    for number, row in enumerate(table.iter_rows(named=True)):
        assert (row["report_id"] in back) == row["reportable"] or (number, None) in left
        if row["reportable"]:
            assert (back[row["report_id"]]["patient_id"], back[row["report_id"]]["text"]) == (row["patient_id"], texts[number])
            for name in FIELDS:
                if (number, name) not in left:
                    assert back[row["report_id"]][name] == FIELDS[name].label_of(row[name]), (row["report_id"], name)
                    compared += row[name] is not None
    assert compared > 600


def test_the_packages_own_reader_reads_the_text_and_the_same_values(batch, made, rules):
    table, texts = made
    read = contents(batch[0].read_bytes())
    rows = [(row, texts[number]) for number, row in enumerate(table.iter_rows(named=True)) if row["reportable"]]
    assert len(read) == len(rows)
    for content, (row, text) in zip(read, rows):
        assert content.text.strip() == f"Pathology study:\n{text}".strip() and content.problem is None and content.note is None  # values that were read from it are not read again, as if they were printed
        assert (content.origin.patient_id, content.origin.accession, content.origin.report_date) == (row["patient_id"], row["accession"], "2024-03-01")
    again = rules.stage_frame(pl.DataFrame({"report_id": [row["report_id"] for row, _ in rows], "text": [content.text for content in read]}))
    for name in ("t", "n", "m", "stage_group", "grade", "er", "her2", "margin", "nodes_positive", "nodes_examined", "tumor_size_mm"):
        assert again[name].to_list() == [row[name] for row, _ in rows], name


def test_hostile_text_comes_back_unchanged(made, tmp_path):
    table, texts = made
    number = table["reportable"].to_list().index(True)
    rows = table.to_dicts()
    rows[number] |= dict.fromkeys(("report_id", "patient_id", "site"), HOSTILE) | {"site_basis": "stated", "t": "T2", "t_detail": "pT2", "t_basis": "stated", "t_evidence": [{"start": 0, "end": len(HOSTILE), "text": HOSTILE}]}
    export_messages(pl.DataFrame(rows, schema=table.schema), [HOSTILE if place == number else text for place, text in enumerate(texts)], tmp_path / "cases.hl7", recorded=AT)
    data = (tmp_path / "cases.hl7").read_bytes()
    assert data.count(b"\rMSH|") == table["reportable"].sum() and b"\n" not in data
    row = read_messages(tmp_path / "cases.hl7").row(0, named=True)
    assert {row[name] for name in ("report_id", "patient_id", "site", "text")} == {HOSTILE} and row["t"] == "T2"
    content = contents(data)[0]
    assert HOSTILE in content.text and content.text.count(HOSTILE) == 1  # the report; the evidence of T says nothing more


def test_signs_that_would_break_the_frame_are_escaped(rules, tmp_path):
    text = "Colon, resection: adenocarcinoma.\x0bpT3 pN0 (0/12).\x1c\rEnd\0."
    export_messages(rules.stage(text).to_frame(), [text], tmp_path / "cases.hl7", recorded=AT)
    data = (tmp_path / "cases.hl7").read_bytes()
    assert not re.search(b"[\x0b\x1c\0]", data) and read_messages(tmp_path / "cases.hl7")["text"][0] == text


def test_what_a_model_inferred_is_preliminary_and_says_how_sure_it_was():
    text = "Bladder, cystectomy: urothelial carcinoma invading the perivesical fat. 0 of 12 lymph nodes are positive. Grade 3. No vascular invasion."
    row = Stager.from_pretrained(min_confidence=0).stage(text).to_dict()
    without, asked = (hl7.parse(case_message(row, text, with_inferred=least, recorded=AT)[0]) for least in (None, 0.3))
    assert row["t_basis"] == "inferred" and not [one for one in without.segments("OBX") if "^t^" in str(one[3])]
    t, = (one for one in asked.segments("OBX") if "^t^" in str(one[3]))
    nodes, = (one for one in asked.segments("OBX") if "^nodes_examined^" in str(one[3]))
    assert (str(t[11]), str(t[17]).split("~")[0]) == ("P", "inferred^^L") and float(str(t[9])) == pytest.approx(row["t_confidence"], abs=1e-4)
    assert (str(nodes[11]), str(nodes[17]), str(nodes[9])) == ("F", "stated^^L", "")


def test_what_is_left_out_is_listed(rules, tmp_path):
    texts = ["Colon, resection: adenocarcinoma. pT3 pN0 (0/12) MX.", "Colon, polypectomy: tubular adenoma."]
    done = export_messages(rules.stage_frame(pl.DataFrame({"report_id": ["A", "polyp"], "text": texts})), texts, tmp_path / "cases.hl7")
    assert [(one.report_id, one.row, one.field) for one in done.left_out] == [("A", 0, "m"), ("polyp", 1, None)] and "MX" in done.left_out[0].why
    assert (done.tumors, done.patients) == (1, 1) and read_messages(tmp_path / "cases.hl7").height == 1


def test_a_report_without_text_has_its_values(made, tmp_path):
    export_messages(made[0], None, tmp_path / "cases.hl7", recorded=AT)
    back = read_messages(tmp_path / "cases.hl7")
    assert back["text"].null_count() == back.height and back["t"].drop_nulls().len() > 10


def test_files_and_mistakes(batch, made, tmp_path):
    path, _ = batch
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="--overwrite"):
        export_messages(*made, path)
    before = path.read_bytes()
    export_messages(*made, path, recorded=AT, overwrite=True)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="60 rows"):
        export_messages(made[0], made[1][:3], tmp_path / "new.hl7")
    with pytest.raises(InputError, match="t_detail"):
        export_messages(made[0].drop("t_detail"), None, tmp_path / "new.hl7")
    (tmp_path / "other.hl7").write_text("no message")
    (tmp_path / "torn.hl7").write_bytes(before[:before.rindex(b"MSH")])
    for wrong in ("new.hl7", "other.hl7", "torn.hl7"):
        with pytest.raises(InputError, match=wrong):
            read_messages(tmp_path / wrong)
