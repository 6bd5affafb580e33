"The orders in which reports are reviewed, as the command writes them into the page."
import base64
import json
import re
import zlib

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.review.queue import queue_order, spread_order, text_vectors
from cancer_staging.staged import read_staged

KINDS = {"breast": "Breast, lumpectomy: ductal carcinoma, sentinel nodes, estrogen receptor.", "colon": "Colon, hemicolectomy: adenocarcinoma, mesenteric nodes, muscularis propria.",
         "lung": "Lung, lobectomy: squamous carcinoma, hilar nodes, visceral pleura."}
COUNTS = {"breast": 12, "colon": 6, "lung": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    "Twenty made reports of three kinds and one that is empty, staged with the default model."
    folder = tmp_path_factory.mktemp("queue")
    texts = [f"{KINDS[kind]} {'The tumour is 3 cm.' if number % 2 else 'pT2 pN0.'} Specimen {number}." for kind, count in COUNTS.items() for number in range(count)] + [""]
    pl.DataFrame({"report_id": [f"R{number}" for number in range(len(texts))], "text": texts}).write_csv(folder / "reports.csv")
    done = CliRunner().invoke(app, ["stage", str(folder / "reports.csv"), "--out", str(folder / "staged.parquet"), "--keep-text", "--quiet"])
    assert (folder / "staged.parquet").exists(), done.output
    return folder


def page(place, *options) -> dict:
    "What the page that the command wrote holds."
    out = place / "review.html"
    done = CliRunner().invoke(app, ["review", str(place / "staged.parquet"), "--reports", str(place / "staged.texts.parquet"), "--out", str(out), "--overwrite", *options])
    assert done.exit_code == 0, done.output
    return json.loads(zlib.decompress(base64.b64decode(re.search('id="index">([^<]*)<', out.read_text())[1])))


def test_without_a_queue_what_needs_a_person_comes_first(place):
    told = page(place)
    assert told["sorted"] == "what most needs a person first" and told["order"][0] == 20 and [told["rows"][row]["rank"] for row in told["order"]] == sorted(row["rank"] for row in told["rows"])


def test_the_least_certain_come_first(place):
    told, staged = page(place, "--queue", "uncertain"), read_staged(place / "staged.parquet")
    assert told["sorted"] == "the least certain T, N and M first" and told["order"][-1] == 20 and sorted(told["order"]) == list(range(21))

    def entropy(row):
        shares = np.array([item["prob"] for name in "tnm" for item in row[f"{name}_probs"] or ()])
        return -(shares[shares > 0] * np.log(shares[shares > 0])).sum()

    doubt = [entropy(row) for row in staged.iter_rows(named=True)]
    assert [doubt[row] for row in told["order"][:-1]] == sorted(doubt[:20], reverse=True) and doubt[told["order"][0]] > 0
    first = told["rows"][told["order"][0]]["why"]
    assert first.startswith("uncertain: ") and told["rows"][20]["why"].startswith("empty")


def test_a_diverse_order_begins_with_each_kind(place):
    told = page(place, "--queue", "diverse")
    kind = [name for name, count in COUNTS.items() for _ in range(count)]
    assert {kind[row] for row in told["order"][:3]} == set(KINDS) and kind[told["order"][0]] == "breast" and told["order"][-1] == 20
    assert told["sorted"] == "each next one of a kind not yet seen" and told["order"] == page(place, "--queue", "diverse")["order"]


def test_a_random_order_is_the_same_each_time_and_no_other(place):
    told = page(place, "--queue", "random")
    assert told["order"] == page(place, "--queue", "random")["order"] and told["order"][-1] == 20 and told["sorted"] == "in random order"
    assert told["order"][:20] not in (list(range(20)), page(place, "--queue", "uncertain")["order"][:20])


def test_another_queue_is_refused(place):
    done = CliRunner().invoke(app, ["review", str(place / "staged.parquet"), "--reports", str(place / "staged.texts.parquet"), "--out", str(place / "b.html"), "--queue", "need"])
    assert done.exit_code == 2 and not (place / "b.html").exists()


def test_an_order_by_what_is_stood_for_is_greedy_and_nearly_the_best():
    "Against all choices of three among nine: the first three stand for the rest at least by 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978)."
    from itertools import combinations

    vectors = np.random.default_rng(5).standard_normal((9, 4))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    likeness = np.maximum(vectors @ vectors.T, 0)

    def stood_for(chosen):
        return likeness[list(chosen)].max(0).sum()

    order = spread_order(vectors, np.zeros(9))
    assert stood_for(order[:3]) >= 0.63 * max(map(stood_for, combinations(range(9), 3)))
    for place in range(1, 9):  # no other next one would have added more
        assert stood_for(order[:place + 1]) >= max(stood_for([*order[:place], other]) for other in order[place:]) - 2e-3


def test_texts_without_words_and_single_reports_are_ordered_too():
    assert not text_vectors(["", "  ", "12 34"]).any() and spread_order(text_vectors(["", ""]), [0.0, 1.0]) == [1, 0]
    for name in ("diverse", "random"):
        assert queue_order(name, [{"status": "ok"}], ["Colon."]) == [0] and queue_order(name, [], []) == []


def test_the_browser_keeps_decisions_by_what_is_looked_at_and_not_by_its_order(place):
    digests = {page(place, *options)["digest"] for options in ((), ("--queue", "random"), ("--queue", "uncertain"), ("--title", "Another"))}
    assert len(digests) == 1 and page(place)["order"] != page(place, "--queue", "random")["order"]
