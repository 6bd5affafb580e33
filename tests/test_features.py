"What the default model may see of a report: values, their places, and never the notation."
import pytest

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.models.features import describe, expected_t, extents, measures, tokens, TermVocabulary
from cancer_staging.text.document import SENTENCE, sentence_at, sentences

COLON = "Colon, resection: adenocarcinoma, 4.2 cm, extending through the muscularis propria into pericolic fat. Metastasis in 2 of 14 lymph nodes. No vascular invasion."


@pytest.mark.parametrize("text, words", [
    ("no vascular invasion; margin", ["no", "~vascular", "~invasion", "margin"]),
    ("without a b in the deep margin of it", ["without", "~in", "~the", "~deep", "~margin", "of", "it"]),
    ("3.4 x 2.1 x 1 cm", ["cm4"]),
    ("34 mm", ["cm4"]),
    ("0/14 nodes", ["of0", "nodes"]),
    ("9 of 14 nodes", ["of4", "nodes"]),
    ("14 of 9 nodes", ["#", "nodes"]),
    ("block 7 of case 12345", ["block", "#7", "of", "case", "#"]),
])
def test_tokens_name_sizes_counts_and_what_is_denied(text, words):
    assert tokens(text).texts == words
    assert all(text[start:end].lstrip() for start, end in zip(tokens(text).starts, tokens(text).ends))


@pytest.mark.parametrize("text, structure, status", [
    ("tumor invades the visceral pleura", "pleura", "invaded"),
    ("the pleura is free of tumor", "pleura", "spared"),
    ("no invasion of the seminal vesicles", "seminal vesicle", "spared"),
    ("extends into perinephric fat", "renal fat", "invaded"),
    ("section of renal vein", "major vein", "named"),
    ("margins are free of tumor; tumor extends into the renal sinus", "renal sinus", "invaded"),
])
def test_a_structure_is_invaded_spared_or_named(text, structure, status):
    assert [mention.status for mention in extents(text) if mention.structure == structure] == [status]


def test_measures_are_in_mm_and_know_the_tumour():
    assert [(measure.mm, measure.of_tumour) for measure in measures("the tumor measures 2.2 x 1,8 cm" + " " * 200 + "the specimen is 90 x 80 mm")] == [(22.0, True), (90.0, False)]


@pytest.mark.parametrize("cancer, size, invaded, level", [
    ("BRCA", 20.0, {}, 1), ("BRCA", 20.1, {}, 2), ("BRCA", 51.0, {}, 3), ("KIRC", 71.0, {}, 2), ("KIRC", 30.0, {"renal fat": 1}, 3), ("KIRC", 30.0, {"renal fat": -1}, 1), ("PRAD", None, {}, 2),
    ("PRAD", None, {"seminal vesicle": 1}, 3), ("LUAD", 10.0, {"pleura": 1}, 2), ("HNSC", None, {}, None), ("GBM", 40.0, {}, None),
])
def test_the_manuals_sizes_and_structures(cancer, size, invaded, level):
    assert expected_t(cancer, size, invaded) == level


def test_the_notation_is_no_feature():
    plain, noted = describe(COLON), describe(COLON + " Pathologic stage: pT3 N1 M0, stage IIIB.")
    assert not any(word in term for term in noted.terms for word in ("pt3", "n1", "m0", "iiib"))
    assert {name: value for name, value in noted.values.items()} == dict(plain.values)
    for report in synthetic_reports(40, seed=500):
        told = describe(report.text)
        categories = [name[6:].split("=")[0] for name in told.values if name.startswith(("found:t=", "found:n=", "found:m=", "found:stage_group="))]
        assert all(told.found[name].basis != "stated" for name in categories)


def test_values_and_where_they_stand():
    told = describe(COLON)
    assert told.size_mm == 42.0 and told.malignant
    assert told.values["nodes>=2"] == 1.0 and "nodes>=3" not in told.values
    assert told.values["size>40"] == 0.7 and "size>50" not in told.values
    assert told.values["muscularis propria invaded"] == 0.5
    (start, end), = told.places["muscularis propria invaded"]
    assert COLON[start:end] == "muscularis propria"
    assert all(COLON[start:end].lower() == "pericolic fat" for start, end in told.terms["pericolic fat"])
    assert set(describe(COLON, TermVocabulary(["pericolic fat"])).terms) == {"pericolic fat"} and describe(COLON, TermVocabulary(())).terms.distinct == told.terms.distinct


def test_sentences_are_the_whole_text():
    for report in synthetic_reports(30, seed=700):
        where = sentences(report.text)
        assert "".join(report.text[start:end] for start, end in where) == report.text
        assert all(0 < end - start <= SENTENCE for start, end in where)
        assert all(sentence_at(where, start) == number == sentence_at(where, end - 1) for number, (start, end) in enumerate(where))
    assert sentences("") == []
