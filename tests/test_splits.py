"Splits keep what belongs together together and labels in proportion; the leakage check sees what crosses, and refuses."
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer_staging.corpora.splits import check_leakage, clear_of, hold_out, k_folds, LeakageError, least_overlap, linked_groups, multilabel_split
from cancer_staging.corpora.tcga import labels, load_corpus
from cancer_staging.fields import FIELDS

WORDS = np.array("colon kidney breast margin free involved tumor node grade invasion nuclear serosa left right specimen benign section measured gross clear".split())


def made_up(patients: int = 300, seed: int = 0, twins: int = 10) -> pl.DataFrame:
    "Patients, some with two reports, some with the text of another patient, in three projects and seven hospitals."
    generator = np.random.default_rng(seed)
    numbers = [number for number in range(patients) for _ in range(1 + (number % 5 == 0))]
    texts = [" ".join(generator.choice(WORDS, 60)) for _ in numbers]
    for twin in range(min(twins, len(numbers) // 2)):
        texts[-1 - twin] = texts[twin].upper()

    def column(choices, shares, missing):
        return [None if gone else str(value) for value, gone in zip(generator.choice(choices, len(numbers), p=shares), generator.random(len(numbers)) < missing)]

    return pl.DataFrame({"patient_id": [f"P{number:04}" for number in numbers], "project": [("BRCA", "KIRC", "COAD")[number % 3] for number in numbers],
                         "tissue_source_site": [None if number % 50 == 0 else f"S{number % 7}" for number in numbers],
                         "t": column(["T1a", "T2", "T3b", "T4"], [0.3, 0.3, 0.3, 0.1], 0.3), "n": column(["N0", "N1", "N2", "NX"], [0.6, 0.2, 0.1, 0.1], 0.4),
                         "m": column(["M0", "M1"], [0.9, 0.1], 0.5), "text": texts})


def sides_of(frame: pl.DataFrame, groups: np.ndarray, column: str) -> int:
    "The most sides that a group stands on."
    return frame.with_columns(pl.Series("group", groups)).group_by("group").agg(pl.col(column).n_unique())[column].max()


def test_links_are_followed_through():
    long = " ".join(np.random.default_rng(0).choice(WORDS, 60))
    frame = pl.DataFrame({"patient_id": ["A", "B", "A", None, None, "C"], "site": ["1", "2", "3", "4", "5", "5"], "text": [long, "Skin.", "Lung.", long + " end", None, None]})
    assert linked_groups(frame).tolist() == [0, 1, 0, 0, 2, 3]
    assert linked_groups(frame, texts=False).tolist() == [0, 1, 0, 2, 3, 4]
    assert linked_groups(frame, ("patient_id", "site")).tolist() == [0, 1, 0, 0, 2, 2]
    assert linked_groups(frame, (), texts=False).tolist() == list(range(6)) and len(linked_groups(frame.clear())) == 0
    with pytest.raises(ValueError, match="no column hospital"):
        linked_groups(frame, ("hospital",))


@settings(max_examples=12, deadline=None)
@given(st.integers(20, 120), st.integers(0, 1000), st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.7, 0.3)]))
def test_groups_stay_whole_whatever_the_seed(patients, seed, shares):
    frame = made_up(patients, seed)
    groups = linked_groups(frame)
    split = multilabel_split(frame, shares=shares, seed=seed)
    assert split.drop("split").equals(frame) and sides_of(split, groups, "split") == 1
    assert split["split"].to_list() == multilabel_split(frame, shares=shares, seed=seed, groups=groups)["split"].to_list()
    assert not check_leakage(*(split.filter(pl.col("split") == side) for side in ("train", "test")), among=frame)


def test_the_order_of_the_rows_does_not_matter():
    frame = made_up(twins=0)
    shuffled = frame.with_row_index().sample(fraction=1, shuffle=True, seed=1)
    again = multilabel_split(shuffled, seed=3).sort("index")
    assert again["split"].to_list() == multilabel_split(frame, seed=3)["split"].to_list() != multilabel_split(frame, seed=4)["split"].to_list()


def test_rare_labels_reach_every_fold():
    frame = made_up(400, seed=1)
    folds = k_folds(frame, 5, seed=0)
    rare = (labels(frame, "m") == "M1").fill_null(False)
    counts = [int(rare.filter(folds["fold"] == fold).sum()) for fold in range(5)]
    assert sum(counts) == rare.sum() >= 15 and max(counts) - min(counts) <= 2
    assert sides_of(folds, linked_groups(frame), "fold") == 1 and sorted(folds["fold"].unique()) == [0, 1, 2, 3, 4]
    assert folds["fold"].to_list() != k_folds(frame, 5, seed=1)["fold"].to_list()


def test_bad_requests_are_named():
    frame = made_up(30)
    with pytest.raises(ValueError, match="sum 1"):
        multilabel_split(frame, shares=(0.8, 0.1))
    with pytest.raises(ValueError, match="sum 1"):
        multilabel_split(frame, shares=(1.2, -0.2))
    with pytest.raises(ValueError, match="no column 'er'"):
        multilabel_split(frame, ["er"])
    with pytest.raises(ValueError, match="no field 'tumour'"):
        multilabel_split(frame, ["tumour"])
    with pytest.raises(ValueError, match="'ki67' has no classes"):
        k_folds(frame, fields=["ki67"])
    with pytest.raises(ValueError, match="1 folds"):
        k_folds(frame, 1)
    with pytest.raises(ValueError, match="3 group numbers for 36 rows"):
        multilabel_split(frame, groups=np.arange(3))


def test_no_labels_and_few_rows_still_split():
    bare = made_up(100).select("patient_id", "text")
    counts = dict(multilabel_split(bare)["split"].value_counts().iter_rows())
    assert counts["train"] > 80 and counts["val"] >= 5 and counts["test"] >= 5
    assert multilabel_split(bare.clear()).height == 0 and multilabel_split(bare.head(1))["split"].to_list() == ["train"]


def test_hold_out():
    frame = made_up()
    split = hold_out(frame, "tissue_source_site", ["S1", "S4"])
    test, train = split.filter(pl.col("split") == "test"), split.filter(pl.col("split") == "train")
    assert set(test["tissue_source_site"]) == {"S1", "S4"} and not set(train["tissue_source_site"]) & {"S1", "S4"}
    assert 0 < split["split"].null_count() <= 10 and not check_leakage(train, test, among=frame)
    drawn = hold_out(frame, "tissue_source_site", share=0.3, seed=2)
    assert 0.15 < (drawn["split"] == "test").sum() / frame.height < 0.4 and drawn.equals(hold_out(frame, "tissue_source_site", share=0.3, seed=2))
    assert drawn.filter(pl.col("tissue_source_site").is_null() & (pl.col("split") == "test")).height == 0
    with pytest.raises(ValueError, match="no 'LUAD' among BRCA, COAD, KIRC"):
        hold_out(frame, "project", ["LUAD"])
    with pytest.raises(ValueError, match="no value is small enough"):
        hold_out(frame, "project", share=0.05)
    with pytest.raises(ValueError, match="no column 'hospital'"):
        hold_out(frame, "hospital")


LONG = " ".join(np.random.default_rng(7).choice(WORDS, 60))
OTHER = " ".join(np.random.default_rng(8).choice(WORDS, 60))


def table(**columns) -> pl.DataFrame:
    return pl.DataFrame(columns, schema={name: pl.String for name in columns})


def test_leakage_counts_patients_texts_and_labels_apart():
    train = table(patient_id=["A", "B", "C"], t=["T1", None, "T2"], n=["N0", "N1", "NX"], text=["Colon.", "Liver.", LONG])
    test = table(patient_id=["A", "B", "D", "E"], t=["T1b", "T2", "T3", None], n=[None, "N1", "N0", None], text=["Colon, other.", "Liver, other.", LONG.lower() + " x", OTHER])
    found = check_leakage(train, test, refuse=False)
    assert found and found.patients == ("A", "B") and found.texts == (("C", "D"),)
    assert found.labels == {"t": ("A",), "n": ("B",)} and found.scored == {"t": 3, "n": 2}
    assert found.as_dict() == {"train_rows": 3, "test_rows": 4, "patients": 2, "texts": 1, "labels": {"t": 1, "n": 1}}
    with pytest.raises(LeakageError) as caught:
        check_leakage(train, test)
    message = str(caught.value)
    assert caught.value.leakage == found and isinstance(caught.value, ValueError)
    assert "2 patients on both sides: A, B" in message and "1 of 3 T labels to be scored were trained on: A" in message and "D = C" in message
    assert "Colon" not in message and LONG[:20].lower() not in message.lower() and "Colon" not in repr(found)
    assert check_leakage(train, test, ["n"], refuse=False).labels == {"n": ("B",)}


def test_apart_sides_pass():
    train, test = table(patient_id=["A", None], t=["T1", "T2"], text=[LONG, None]), table(patient_id=["B", None], t=["T1", "T2"], text=[OTHER, None])
    assert not check_leakage(train, test) and "nothing crosses" in check_leakage(train, test).describe()


def test_an_unnamed_copy_is_found():
    train, test = table(patient_id=[None], t=["T1"], text=[LONG]), table(patient_id=[None], t=["T1"], text=[LONG])
    assert check_leakage(train, test, refuse=False).texts == (("None", "None"),)


def test_what_cannot_be_checked_is_refused():
    frame = table(patient_id=["A"], t=["T1"], text=[LONG])
    with pytest.raises(ValueError, match="training side has no column text"):
        check_leakage(frame.drop("text"), frame)
    with pytest.raises(ValueError, match="test side has no column n"):
        check_leakage(frame.with_columns(n=pl.lit("N0")), frame, ["n"])


def test_per_axis_split_is_refused():
    "The published kind of split: a patient held out for T is trained on for N."
    frame = made_up(twins=0).unique("patient_id", keep="first", maintain_order=True)
    held = {name: pl.Series(np.random.default_rng(number).random(frame.height) < 0.15) for number, name in enumerate("tnm")}
    train = frame.with_columns(pl.when(~held[name]).then(pl.col(name)).alias(name) for name in "tnm")
    test = frame.filter(held["t"] | held["n"] | held["m"])
    found = check_leakage(train, test, refuse=False)
    for name in "tnm":
        known = labels(frame, name).is_not_null()
        expected = int((known & ~held[name] & (held["t"] | held["n"] | held["m"])).sum())
        trained, scored = labels(train, name).count(), labels(test, name).count()
        assert len(found.labels[name]) == expected == least_overlap(trained, scored, int(known.sum())) > 0
    with pytest.raises(LeakageError, match="T labels to be scored were trained on"):
        check_leakage(train, test)
    honest = clear_of(train, test)
    assert not check_leakage(honest, test) and honest.height == frame.height - test.height


def test_arithmetic_of_the_published_counts():
    assert least_overlap(5853, 2271, 6887) == 1237 == 2271 - 1034
    assert least_overlap(10, 5, 20) == 0
    with pytest.raises(ValueError, match="21 trained"):
        least_overlap(21, 5, 20)


def test_clear_of_takes_no_more_than_it_must():
    train = table(patient_id=["A", "B", "C", None], text=[LONG, OTHER, "Colon.", "Liver."])
    test = table(patient_id=["A", "D"], text=["Skin.", OTHER.upper()])
    assert clear_of(train, test)["text"].to_list() == ["Colon.", "Liver."]


@pytest.mark.slow
def test_shares_on_the_corpus(test_bed):
    "Every label's share differs by less than two points between sides, on the training reports; hospitals held out are apart."
    frame = load_corpus(test_bed / "tcga" / "reports.parquet").filter(pl.col("split") == "train")
    groups = linked_groups(frame)
    split, folds = multilabel_split(frame, groups=groups), k_folds(frame, 5, 0, groups=groups)
    assert sides_of(split, groups, "split") == sides_of(folds, groups, "fold") == 1
    sizes = [share / frame.height for share in split["split"].value_counts(sort=True)["count"]]
    assert np.allclose(sizes, [0.8, 0.1, 0.1], atol=0.01) and np.allclose(np.array(folds["fold"].value_counts()["count"]) / frame.height, 0.2, atol=0.01)
    for field in ("t", "n", "m", "grade"):
        of_frame = labels(frame, field)
        for label in FIELDS[field].trained:
            whole = (of_frame == label).mean()
            for side in (*(split["split"] == name for name in ("train", "val", "test")), *(folds["fold"] == fold for fold in range(5))):
                assert abs((of_frame.filter(side) == label).mean() - whole) < 0.02, (field, label)
    held = hold_out(frame, "tissue_source_site", groups=groups)
    assert 0.05 < (held["split"] == "test").mean() < 0.15 and sides_of(held.filter(pl.col("split").is_not_null()), groups[held["split"].is_not_null().to_numpy()], "split") == 1
