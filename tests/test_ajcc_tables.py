"The files of `data/ajcc`: every row has its edition and source, and they say what the manual says."
import csv
import re
from importlib.resources import files

import pytest

from cancer_staging.models.features import expected_t, t_limits, t_structures
from cancer_staging.reading.tables import packaged_table
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.distant import distant_organs
from cancer_staging.rules.inference import n_from_counts, node_counts, read_depths, t_from_size, t_sizes, wall_layers
from cancer_staging.rules.stage_groups import schemas, stage_tables

FOLDER = files("cancer_staging") / "data" / "ajcc"
NAMES = sorted(path.name for path in FOLDER.iterdir())
ORDINALS = {"5": "5th", "6": "6th", "7": "7th", "8": "8th"}
VERSION_9 = "AJCC Cancer Staging System, version 9, Cervix uteri"  # published by chapter since 2020; FIGO 2018


def rows_of(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_are_those_that_are_read():
    assert NAMES == ["distant.csv", "edition_categories.csv", "expected_t_sizes.csv", "expected_t_structures.csv", "node_counts.csv", "schemas.csv", "stage_groups.csv", "t_sizes.csv", "wall_layers.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_every_row_names_its_editions_and_a_chapter_of_one_of_them(name):
    for row in rows_of(name):
        editions = row["edition"].split()
        if editions == ["9"]:
            assert row["source"] == VERSION_9, row
            continue
        assert editions and editions == sorted(editions) and set(editions) <= ORDINALS.keys() | ({"9"} if "schema" in row and row["schema"] == "cervix" else set()), row
        source = re.fullmatch(r"AJCC Cancer Staging Manual, (\dth) edition(?:, chapter \d{1,2}(?: .+)?)?", row["source"])
        assert source and source[1] in {ORDINALS[edition] for edition in editions if edition in ORDINALS}, row
        assert "chapter" in row["source"] or row.get("schema") == "", row  # tumours that no chapter stages


def test_a_missing_column_a_short_row_and_an_unknown_edition_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"data/ajcc/t_sizes\.csv has no column millimetres: there are edition, site, most_mm, category, source"):
        packaged_table("ajcc/t_sizes.csv", ("site", "millimetres"))
    with pytest.raises(ValueError, match=r"data/ajcc/t_sizes\.csv has nothing of edition '4': there are 6, 7, 8"):
        packaged_table("ajcc/t_sizes.csv", ("site",), "4")
    with pytest.raises(ValueError, match=r"stage_groups\.csv has nothing of edition '3'"):
        stage_tables("3")
    with pytest.raises(ValueError, match=r"schemas\.csv has nothing of edition '3'"):
        schemas("3")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "short.csv").write_text("site,category\nC50,T1\nC50\n")
    monkeypatch.setattr("cancer_staging.reading.tables.files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"data/short\.csv: the row C50, None does not have 2 cells"):
        packaged_table("short.csv", ("site",))


def test_an_edition_has_only_its_own_rows():
    assert {row["edition"] for row in packaged_table("ajcc/expected_t_sizes.csv", ("edition",), "6")} == {"6 7 8"}
    assert len(packaged_table("ajcc/expected_t_sizes.csv", ("t",))) > len(packaged_table("ajcc/expected_t_sizes.csv", ("t",), "8")) > len(packaged_table("ajcc/expected_t_sizes.csv", ("t",), "6"))


@pytest.mark.parametrize("site, counts", [
    ("C15.5", {1: "N1", 2: "N1", 3: "N2", 6: "N2", 7: "N3", 20: "N3"}), ("C16.3", {2: "N1", 6: "N2", 7: "N3a", 15: "N3a", 16: "N3b"}), ("C18.7", {1: "N1a", 3: "N1b", 4: "N2a", 6: "N2a", 7: "N2b"}),
    ("C20.9", {2: "N1b", 12: "N2b"}), ("C50.9", {3: "N1a", 4: "N2a", 9: "N2a", 10: "N3a"}), ("C61.9", {1: "N1", 9: "N1"}), ("C73.9", {1: "N1"}),
])
def test_counts_make_the_categories_of_the_eighth_edition(site, counts):
    assert {count: n_from_counts(count, site).category for count in counts} == counts


@pytest.mark.parametrize("site", ["C34.1", "C67.9", "C02.1", "C64.9", None, ""])
def test_where_size_side_or_station_decide_a_count_makes_none_but_n0(site):
    assert n_from_counts(2, site) is None and n_from_counts(0, site).category == "N0"


def test_counts_leave_no_gap_and_do_not_overlap():
    for site, steps in node_counts().items():
        assert steps[0].least == 1 and steps[-1].most == float("inf"), site
        assert [step.least for step in steps[1:]] == [step.most + 1 for step in steps[:-1]], site
        assert [step.category for step in steps] == sorted({step.category for step in steps}), site


def test_sizes_rise_with_their_categories():
    for steps in t_sizes().values():
        assert [step.most_mm for step in steps] == sorted({step.most_mm for step in steps}) and steps[-1].most_mm == float("inf")
    assert [t_from_size(mm, "C50") for mm in (0.9, 1.1, 5.1, 10.1, 20, 20.1, 50, 50.1)] == ["T1mi", "T1a", "T1b", "T1c", "T1c", "T2", "T2", "T3"]
    for limits in t_limits().values():
        assert list(limits) == sorted(set(limits)) and [limit.t for limit in limits] == list(range(2, 2 + len(limits)))


def test_the_wall_is_listed_from_within():
    for organ, layers in wall_layers().items():
        assert [layer.category for layer in layers] == sorted(layer.category for layer in layers), organ


@pytest.mark.parametrize("organ", sorted(wall_layers()))
def test_every_wording_of_a_layer_is_read_behind_a_word_of_invasion(organ):
    "The cues of the rule announce whatever its tables can read."
    for layer in wall_layers()[organ]:
        for row in layer.words.rows:
            for phrase in row.reads:
                found = {depth.category for depth in read_depths(GRAMMAR.prepare(f"tumor invades the {phrase}."), (layer,), letters=True)}
                assert found == {layer.category}, (layer.structure, phrase)


@pytest.mark.parametrize("cancer_type, size, structures, t", [
    ("KIRC", 71, (), 2), ("KIRC", 40, ("renal sinus",), 3), ("BRCA", 50, (), 2), ("LUAD", 25, ("pleura",), 2), ("BLCA", None, ("muscularis propria",), 2), ("COAD", None, ("serosa",), 4),
    ("PRAD", None, (), 2), ("PRAD", None, ("seminal vesicle",), 3), ("TGCT", None, ("spermatic cord",), 3), ("PAAD", 41, (), 3), ("CESC", None, ("parametrium",), 2), ("GBM", 30, ("bone",), None),
])
def test_what_the_manual_makes_of_a_size_and_a_structure(cancer_type, size, structures, t):
    assert expected_t(cancer_type, size, dict.fromkeys(structures, 1)) == t


def test_a_structure_without_words_is_refused(monkeypatch):
    from cancer_staging.models import features
    from cancer_staging.rules import inference

    monkeypatch.setattr(features, "packaged_table", lambda *arguments: [{"cancer_type": "KIRC", "structure": "renal fta", "t": "3"}])
    monkeypatch.setattr(features, "structure_words", lambda: {"renal fat": ("perinephric",)})
    with pytest.raises(ValueError, match=r"no words for 'renal fta': there are renal fat"):
        t_structures.__wrapped__()
    monkeypatch.setattr(inference, "packaged_table", lambda *arguments: [{"site": "C18", "structure": "serossa", "category": "T4a", "letter_only": "no"}])
    with pytest.raises(ValueError, match=r"no wordings of 'serossa': there are mucosa"):
        wall_layers.__wrapped__()


def test_what_is_distant_from_where():
    organs = distant_organs()
    assert {site: organs[site]["liver"].category for site in ("C18", "C50", "C56", "C61", "C67")} == {"C18": "M1a", "C50": "M1", "C56": "M1b", "C61": "M1c", "C67": "M1b"}
    assert organs["C34"]["pleura"].category == "M1a" and organs["C18"]["peritoneum"].category == "M1c" and organs["C61"]["bone"].category == "M1b"
    assert "omentum" not in organs["C56"] and "peritoneum" not in organs["C56"] and "liver" not in organs["C22"] and "C23" not in organs and "C71" not in organs


def test_a_distant_organ_without_words_is_refused(monkeypatch):
    monkeypatch.setattr("cancer_staging.rules.distant.packaged_table", lambda *arguments: [{"site": "C50", "organ": "moon", "category": "M1", "several": ""}])
    distant_organs.cache_clear()
    with pytest.raises(ValueError, match="no wordings of 'moon'"):
        distant_organs("8")
    distant_organs.cache_clear()
