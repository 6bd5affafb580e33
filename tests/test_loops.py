"""Loops: found with their place, stopped in time, and never seen in what people wrote."""
import random

import polars as pl
import pytest

from cancer_staging.corpora.tcga import data_folder
from cancer_staging.writing.loops import looping, number_tokens, repetition


@pytest.fixture(scope="module")
def references():
    folder = data_folder()
    if folder is None or not (folder / "soap").is_dir():
        pytest.skip("no data: set CANCER_STAGING_DATA")
    notes = []
    for path in sorted((folder / "soap").glob("*.csv")):
        frame = pl.read_csv(path, infer_schema=False)
        notes += frame["note" if "note" in frame.columns else "section_text"].drop_nulls().to_list()
    return notes


@pytest.mark.parametrize("text, unit, count", [
    ("1. pain 2. pain 3. pain", "1. pain", 3),
    ("Day 1: rest. Day 2: rest. Day 3: rest. Day 4: rest.", "Day 1: rest", 4),
    ("She is well. The mass is benign. The mass is benign. The mass is benign.", "The mass is benign", 3),
    ("- none\n- none\n- none\n- none\n", "none", 4),
    ("PAIN and fever; pain AND fever; Pain, and fever", "PAIN and fever", 3),
    ("the value is 0.00000000000000", "0", 14)])
def test_loops_are_found_with_their_place(text, unit, count):
    found = repetition(text)
    assert (found.unit, found.count) == (unit, count)
    assert text[found.start:].startswith(found.unit) and 0 <= found.start < found.end <= len(text)


def test_a_broken_last_repeat_belongs_to_the_loop():
    text = "Plan. " + "The patient denies pain. " * 5 + "The patient"
    found = repetition(text)
    assert (found.start, found.end, found.count) == (6, len(text), 5)


def test_a_sentence_between_others():
    text = "\n".join(f"The patient was seen in clinic.\n{word} was given." for word in ("Rest", "Ice", "Heat", "Advice", "Time"))
    assert repetition(text).count == 5 and repetition(text).start == 0
    assert repetition(text[:text.index("Advice")]) is None  # four times


@pytest.mark.parametrize("text", ["", "   \n", "No fever, no chills, no nausea, no vomiting, no cough, no pain.", "5 mg, 10 mg, 15 mg, 20 mg", "Strength 5/5, 5/5, 4/5, 5/5.", "1. ER positive 2. PR positive 3. HER2 negative",
                                  "pT2 N0 M0; pT2 N0 M0", "----------------------", "very, very good", "10 11 12 13 14 15 16"])
def test_lists_are_no_loops(text):
    assert repetition(text) is None


def test_no_reference_note_is_a_loop(references):
    assert len(references) > 1500
    assert [note for note in references if repetition(note)] == []


def test_every_reference_note_that_is_looped_is_found(references):
    chosen = random.Random(0).sample(references, 100)
    for note in chosen:
        sentence = " ".join(note.split()[:12])
        assert repetition(note + "\n" + f"{sentence}\n" * 6) is not None


def test_looping_needs_the_end():
    unit = list(range(100, 110))
    assert looping(unit * 4) and looping([1, 2, 3] + unit * 4) and not looping(unit * 4 + [1]) and not looping(unit * 3)
    assert looping(unit * 4 + unit[:4]) == looping(unit[4:] + unit * 3 + unit[:4]) is True  # wherever the unit begins
    assert not looping([]) and not looping(list(range(500)))
    assert looping(unit * 2, repeats=2, least=20) and not looping(list(range(65)) * 4) and looping(list(range(64)) * 4)


def test_looping_past_a_counter():
    ids = [token for number in range(40) for token in (number, 200, 201, 202)]
    assert not looping(ids) and looping(ids, ignore=frozenset(range(100)))
    assert not looping(list(range(50)), ignore=frozenset(range(50)))


def test_no_reference_note_stops_a_generation(references):
    for note in references:
        ids = [hash(word) for word in note.split()]
        assert not any(looping(ids[:end]) for end in range(24, len(ids) + 1))


def test_number_tokens_hold_digits_and_no_letters():
    class Tokenizer:
        all_special_ids = [0]
        pieces = ["<0>", "1", " 12.", "a1", ".", "pain", " ", "\ufffd1"]

        def get_vocab(self):
            return {piece: place for place, piece in enumerate(self.pieces)}

        def decode(self, ids):
            return self.pieces[ids[0]]
    assert number_tokens(Tokenizer()) == {1, 2}
