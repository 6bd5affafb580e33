"Lists of words and concepts that ship with the package: each names its source, and none says a thing twice."
import csv
from pathlib import Path

import pytest

from cancer_staging.reading import tables
from cancer_staging.reading.tables import packaged_words
from cancer_staging.writing.support import DRUG, FINDINGS, is_drug, SYNONYMS

FOLDER = Path(tables.__file__).parents[1] / "data" / "lexicons"
WORD_LISTS = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", ["abbreviations", "findings", "synonyms", "units", "value_forms"])
def test_every_row_of_a_table_has_a_source(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and all(row["source"].strip() for row in rows)


@pytest.mark.parametrize("name", WORD_LISTS)
def test_word_lists_are_trimmed_and_name_a_source(name):
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    words = packaged_words(f"lexicons/{name}.txt")
    assert any(line.startswith("# source: ") for line in lines) and all(line == line.strip() for line in lines)
    assert len(words) == len(set(words)) == sum(not line.startswith("#") for line in lines) > 10


@pytest.mark.parametrize("text, message", [("one\ntwo\n", "names no source"), ("# source: mine\none\ntwo\none\n", "has 'one' twice")])
def test_a_list_without_a_source_or_with_a_word_twice_is_refused(tmp_path, monkeypatch, text, message):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text(text)
    monkeypatch.setattr(tables, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=message):
        packaged_words("mine.txt")


def test_no_phrase_stands_for_two_concepts():
    phrases = [phrase for concept in (*FINDINGS, *SYNONYMS) for phrase in concept]
    assert len(phrases) == len(set(phrases)) and all(len(concept) > 1 for concept in (*FINDINGS, *SYNONYMS))


@pytest.mark.parametrize("word", ["metoprolol", "lasix", "furosemide", "pembrolizumab", "letrozole", "trastuzumab", "tylenol"])
def test_drugs_are_known(word):
    assert is_drug(word)


@pytest.mark.parametrize("word", ["april", "cholesterol", "progesterone", "swelling", "edema", "doctor", "kidney"])
def test_what_sounds_like_a_drug_is_none(word):
    assert not is_drug(word) and not DRUG.fullmatch(word)
