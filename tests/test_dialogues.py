"""Dialogues and their notes as published: columns, marks, sections and splits."""
import polars as pl
import pytest

from cancer_staging.writing.dialogues import clean_dialogue, read_dialogues, soap_examples
from cancer_staging.writing.examples import check_examples


def test_the_three_published_forms(tmp_path):
    (tmp_path / "aci.csv").write_text('dataset,encounter_id,dialogue,note\nvirtassist,D2N001,"[doctor] hi .\n[patient] hey .",CHIEF COMPLAINT\n')
    (tmp_path / "mts.csv").write_text("ID,section_header,section_text,dialogue\n0,GENHX,Pain.,Doctor: Pain?\n1,LABS,None.,Doctor: Labs?\n")
    (tmp_path / "primock.csv").write_text('id,presenting_complaint,dialogue,note,highlights\nday1,x,"[doctor] <UNSURE>Hello</UNSURE> <UNIN/> you",3/7 hx,y\n')
    aci, mts, primock = (read_dialogues(tmp_path / f"{name}.csv", kind).frame for name, kind in (("aci", "aci"), ("mts", "mts"), ("primock", None)))
    assert aci.rows() == [("D2N001", "[doctor] hi .\n[patient] hey .", "CHIEF COMPLAINT")]
    assert mts.select("id", "section", "note").rows() == [("0", "History of present illness", "Pain."), ("1", "Laboratory results", "None.")]
    assert primock["dialogue"].to_list() == ["[doctor] Hello you"]


def test_medsynth_rows_without_a_note_are_dropped_and_counted(tmp_path):
    rows = [{"": number, " ID ": f"m{number}", "Dialogue": f"[doctor] Case {number}.", "Note": f"S: case {number}"} for number in range(40)]
    rows[7]["Note"], rows[19]["Dialogue"], rows[30]["Note"] = None, None, "nan"
    pl.DataFrame(rows).write_csv(tmp_path / "medsynth.csv")
    read = read_dialogues(tmp_path / "medsynth.csv")
    assert (read.frame.height, read.dropped) == (37, 3) and "m7" not in read.frame["id"].to_list() and read.frame.row(0) == ("m0", "[doctor] Case 0.", "S: case 0")
    pl.DataFrame({"id": ["1"], "dialogue": [None], "note": ["x"]}, schema=dict.fromkeys(("id", "dialogue", "note"), pl.String)).write_csv(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="no row with a dialogue and a note"):
        read_dialogues(tmp_path / "none.csv")


def test_columns_that_are_missing_are_named(tmp_path):
    (tmp_path / "talk.csv").write_text("id,talk,note\n1,a,b\n")
    with pytest.raises(ValueError, match=r"lacks a dialogue \(dialogue, .*it has 'id', 'talk', 'note'"):
        read_dialogues(tmp_path / "talk.csv")
    with pytest.raises(ValueError, match="lacks section_header, section_text, dialogue"):
        read_dialogues(tmp_path / "talk.csv", "mts")
    with pytest.raises(ValueError, match="no kind of dialogue file 'soap'"):
        read_dialogues(tmp_path / "talk.csv", "soap")
    with pytest.raises(FileNotFoundError, match="aci_train.csv"):
        soap_examples(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds none of"):
        soap_examples(tmp_path)


def test_marks_go_and_words_stay():
    assert clean_dialogue(" a <INAUDIBLE_SPEECH/> b\r\n\r\n\r\nc < 3 > d ") == "a b\n\nc < 3 > d"


def test_real_dialogues_keep_their_published_splits(test_bed):
    examples = soap_examples(test_bed / "soap")
    counts = {(row["task"], row["split"], row["source"]): row["len"] for frame in examples.values() for row in frame.group_by("task", "split", "source").len().iter_rows(named=True)}
    assert counts == {("soap", "train", "aci"): 67, ("soap", "validation", "aci"): 20, ("soap", "test", "aci_test1"): 40, ("soap", "test", "aci_test2"): 40, ("soap", "test", "primock57"): 57,
                      ("section_note", "train", "mts"): 1195, ("section_note", "validation", "mts"): 100, ("section_note", "test", "mts_test1"): 200}
    for frame in examples.values():
        check_examples(frame)
        assert frame["group"].n_unique() == frame["example_id"].n_unique() == frame.height and set(frame["made_by"]) == {"clinician"}
        assert not frame["dialogue"].str.contains("<UN|  ").any()
