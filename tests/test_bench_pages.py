"What the pages show of stored results: words for what has no number, titles for runs, figures with all that is there and nothing else; and how labels are taken away."
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("pages", "partial_labels"):
        sys.modules.pop(name, None)


def run(tuning: str, examples: int, epochs: int = 1, targets: str = "query_value") -> dict:
    return {"about": {"date": "2026-01-02", "machine": "a box"}, "training": {"recipe": {"tuning": tuning, "epochs": epochs, "lora_targets": targets}, "examples": examples}}


def test_a_cell_without_a_number_has_a_word():
    from pages import worded

    table = pl.DataFrame({"system": ["a", "b"], "parameters": [1234567, None], "seconds": [1.25, None], "rows": [3, 4]})
    shown = worded(table, {"parameters": "not counted", "seconds": "not timed", "rows": "none", "other": "none"})
    assert shown["parameters"].to_list() == ["1,234,567", "not counted"] and shown["seconds"].to_list() == ["1.2", "not timed"] and shown["rows"].to_list() == [3, 4]


def test_runs_are_named_by_how_they_were_trained(tmp_path):
    from pages import described, read, when

    for name, content in {"tuned_one": run("lora", 2400), "tuned_two": run("qlora", 300, 2, "all"), "tuned_three": {**run("lora", 1), "training": None}, "tuned_four": run("lora", 2400)}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    titles = described({"one": "", "two": "pre-trained first", "three": "", "absent": "", "four": ""}, tmp_path)
    assert titles == {"one": "LoRA, 2,400 examples (one)", "two": "pre-trained first, QLoRA on all layers, 300 examples, 2 epochs", "three": "as it comes", "four": "LoRA, 2,400 examples (four)"}
    assert read("absent", tmp_path) is None and when(read("tuned_one", tmp_path), None) == "2026-01-02, a box"


def test_figures_show_intervals_and_only_what_there_is():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from pages import bars, COLOURS, curve, stacked

    assert len(set(COLOURS)) == 8
    _, panel = pyplot.subplots()
    stacked(panel, {"one": {"right": 3, "wrong": 1, "never": 0}, "two": {"right": 2, "wrong": 2, "never": 0}})
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["right", "wrong"] and [patch.get_width() for patch in panel.patches] == [3, 2, 1, 2]
    _, panel = pyplot.subplots()
    bars(panel, ["a", "b"], [{"value": 0.5, "low": 0.4, "high": 0.7}, {"value": 0.25, "low": 0.2, "high": 0.3}], [0, 1], 100)
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a  50.0", "b  25.0"] and [patch.get_width() for patch in panel.patches] == [50, 25]
    _, panel = pyplot.subplots()
    curve(panel, [1, 2], [{"value": 0.5, "low": 0.4, "high": 0.7}, {"value": 0.6}], "a", 0)
    segments = panel.containers[0].lines[2][0].get_segments()
    assert np.allclose([segment[:, 1] for segment in segments], [[0.4, 0.7], [0.6, 0.6]])
    pyplot.close("all")


def test_labels_are_taken_away_one_by_one_and_fewer_are_part_of_more():
    from partial_labels import kept_labels

    labels = np.arange(3000).reshape(1000, 3) % 4
    half, quarter = kept_labels(labels, 0.5, 0), kept_labels(labels, 0.25, 0)
    assert abs((half != -1).mean() - 0.5) < 0.03 and ((quarter == -1) | (quarter == half)).all() and (kept_labels(labels, 1.0, 0) == labels).all()
    assert set(half[half != -1] - labels[half != -1]) == {0} and abs((half != -1).all(1).mean() - 0.125) < 0.04
