"The mending of the spelling: what is mended, what is left, and how often on real reports."
import json
import re

import polars as pl
import pytest

from cancer_staging.corpora.noise import misspell
from cancer_staging.corpora.spelling import SpellingRepair


@pytest.fixture(scope="module")
def repair():
    pytest.importorskip("symspellpy", reason="mending the spelling needs the generate extra")
    return SpellingRepair.from_texts([f"Left breast, mastectomy: invasive ductal carcinoma of the left breast, {size} cm. The margins are free of tumor. Lymph nodes: none of the fifteen lymph nodes is involved, pN0. CLIN HISTORY"
                                      for size in range(1, 121)] + [None, ""])


@pytest.mark.parametrize("text, mended", [
    ("invasvie ductal carcinma of the lefft breast", "invasive ductal carcinoma of the left breast"),
    ("Left Breasst, INVASIVE DUCTLA carcinoma", "Left Breast, INVASIVE DUCTAL carcinoma"),
    ("Teh margins", "The margins"),
    ("a lefy, breast", "a lefy, breast"),                                  # seen beside neither neighbour
    ("seen by Dr. Breasst, free of tumro", "seen by Dr. Breasst, free of tumor"),
    ("pN0 pTis G2 C50.9 2.5 cm 3/14 ER HER2", "pN0 pTis G2 C50.9 2.5 cm 3/14 ER HER2"),
    ("the CLIM HISTORY, clim HISTORY", "the CLIM HISTORY, clin HISTORY"),   # four capitals may be an abbreviation
    ("free of tumro-free, free of~tumro", "free of tumor-free, free of~tumro"),
    ("left breasts, free from tumors", "left breasts, free from tumors"),
    ("granulosa oligodendroglioma hospital", "granulosa oligodendroglioma hospital"),
    ("", ""),
])
def test_what_is_mended_and_what_is_left(repair, text, mended):
    found = repair.repair(text)
    assert found.text == mended
    parts, last = [], 0
    for change in found.changes:
        assert text[change.start:change.end] == change.written != change.word
        parts, last = parts + [text[last:change.start], change.word], change.end
    assert "".join(parts) + text[last:] == mended


def test_the_repair_is_kept_as_json(repair, tmp_path):
    path = tmp_path / "spelling.json"
    repair.save(path)
    again = SpellingRepair.load(path)
    assert again == repair and again.repair("the lefft breast").text == "the left breast" and json.loads(path.read_text())["reports"] == 120
    path.write_text('{"format": 2}')
    with pytest.raises(ValueError, match="format 2"):
        SpellingRepair.load(path)
    for content in ("{", "[]", '{"format": 1}', "\xff"):
        path.write_bytes(content.encode("latin1"))
        with pytest.raises(ValueError, match="holds no spelling repair"):
            SpellingRepair.load(path)


def test_three_of_four_misspellings_in_reports_are_mended(test_bed):
    "Taught by a thousand train reports, tried on sixty others; few words are changed that were not misspelled, OCR errors among them."
    pytest.importorskip("symspellpy", reason="mending the spelling needs the generate extra")
    texts = pl.read_parquet(test_bed / "tcga" / "reports.parquet", columns=["text", "split"]).filter(split="train").sample(1060, seed=0)["text"].to_list()
    repair, mended, misspelt, others, wrongly = SpellingRepair.from_texts(texts[60:]), 0, 0, 0, 0
    for text in texts[:60]:
        spoilt = misspell(text, 0.04, seed=0)
        for word, wrong, now in zip(*(re.findall("[A-Za-z]+", side) for side in (text, spoilt, repair.repair(spoilt).text)), strict=True):
            misspelt, mended = misspelt + (word != wrong), mended + (word != wrong and now == word)
            others, wrongly = others + (word == wrong), wrongly + (word == wrong and now != word)
    assert mended / misspelt > 0.65 and wrongly / others < 0.006, (mended / misspelt, wrongly / others)
