"""Tables and figures of the pages, in one form: what is stored is shown, what is not there yet is left out, and a cell without a number has a word.

Colours are those of Okabe and Ito (2008), which the colour-blind can tell apart; curves differ in marker and dashes as well, parts of a bar in hatching. Every score has its interval.
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

RESULTS = Path(__file__).resolve().parent / "results"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo", "--", "**")


def read(name: str,                  # of a file in `results`, without its ending
         results: Path = RESULTS,
         ) -> dict | None:
    "What is stored; None where nothing is."
    path = results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def when(*contents: Mapping | None) -> str:
    "The dates and machines of stored results: `2026-11-21, x86_64, 2 cores`."
    abouts = [content.get("about", content) for content in contents if content]
    return "; ".join(sorted({f"{about['date']}, {about['machine']}" for about in abouts if "date" in about and "machine" in about}))


def worded(table: pl.DataFrame,        # to show
           words: Mapping[str, str],   # column → what stands where there is no number; columns that are not there are passed over
           ) -> pl.DataFrame:
    "The table with a word in the cells that have no number; large counts with commas."
    def shown(value: object, word: str) -> str:
        return word if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if isinstance(value, float) else str(value)

    return table.with_columns(pl.Series(name, [shown(value, word) for value in table[name].to_list()], pl.String) for name, word in words.items() if name in table.columns and table[name].null_count())


def trained(content: Mapping  # of a tuned run
            ) -> str:
    "How a writer came about, in words: `LoRA, 300 examples`."
    training = content.get("training")
    if not training:
        return "as it comes"
    recipe, examples = training["recipe"], training["examples"]
    how = {"lora": "LoRA", "qlora": "QLoRA"}.get(recipe["tuning"], recipe["tuning"]) + (" on all layers" if recipe.get("lora_targets") == "all" else "")
    return f"{how}, {examples:,} examples" + (f", {recipe['epochs']} epochs" if recipe["epochs"] > 1 else "")


def described(names: Mapping[str, str],        # run → what is said of it beside how it was trained; empty: nothing
              results: Path = RESULTS,
              ) -> dict[str, str]:
    "Run → its title, for `results_table` and the figures; runs that are not stored are left out."
    found = {name: content for name in names if (content := read(f"tuned_{name}", results))}
    titles = {name: ", ".join(filter(None, (names[name], trained(content) if content["training"] or not names[name] else ""))) for name, content in found.items()}
    return {name: title if list(titles.values()).count(title) == 1 else f"{title} ({name})" for name, title in titles.items()}


def _whiskers(scores: Sequence[Mapping[str, float]], factor: float) -> tuple[list[float], list[list[float]]]:
    values = [factor * score["value"] for score in scores]
    return values, [[max(0.0, value - factor * score.get("low", score["value"])) for value, score in zip(values, scores)], [max(0.0, factor * score.get("high", score["value"]) - value) for value, score in zip(values, scores)]]


def curve(panel,                                   # matplotlib axes
          places: Sequence[float],                 # along x
          scores: Sequence[Mapping[str, float]],   # value, low, high
          label: str,
          number: int,                             # of the curve: its colour, marker and dashes
          factor: float = 1.0,                     # 100 for percent
          joined: bool = True,                     # whether a line goes through the points
          ) -> None:
    "Points with their intervals."
    values, errors = _whiskers(scores, factor)
    panel.errorbar(places, values, yerr=errors, label=label, color=COLOURS[number % 8], marker=MARKERS[number % 8], linestyle=DASHES[number % 4] if joined else "none", markersize=5, linewidth=1.3, elinewidth=0.9, capsize=3)


def bars(panel, labels: Sequence[str], scores: Sequence[Mapping[str, float]], numbers: Sequence[int], factor: float = 1.0) -> None:
    "Horizontal bars with their intervals, the first on top, with their values at the left end."
    values, errors = _whiskers(scores, factor)
    places = range(len(labels) - 1, -1, -1)
    panel.barh(places, values, xerr=errors, color=[COLOURS[number % 8] for number in numbers], edgecolor="black", linewidth=0.5, capsize=3, error_kw={"elinewidth": 0.9})
    panel.set_yticks(list(places), [f"{label}  {value:.1f}" if factor == 100 else f"{label}  {value:.3f}" for label, value in zip(labels, values)])


def stacked(panel,                                    # matplotlib axes
            counts: Mapping[str, Mapping[str, int]],  # bar → part → count
            ) -> None:
    "Horizontal bars of parts, the first bar on top; parts that nothing has are left out of the legend."
    parts = [part for part in dict.fromkeys(part for of_bar in counts.values() for part in of_bar) if any(of_bar.get(part) for of_bar in counts.values())]
    places, left = range(len(counts) - 1, -1, -1), [0] * len(counts)
    for number, part in enumerate(parts):
        widths = [of_bar.get(part, 0) for of_bar in counts.values()]
        panel.barh(places, widths, left=left, label=part.replace("_", " "), color=COLOURS[number % 8], hatch=HATCHES[number % 9], edgecolor="black", linewidth=0.5)
        left = [start + width for start, width in zip(left, widths)]
    panel.set_yticks(list(places), list(counts))
    panel.set_xlim(0, 1.02 * max([*left, 1]))
    panel.legend(fontsize=8, loc="lower left", bbox_to_anchor=(1.01, 0))
