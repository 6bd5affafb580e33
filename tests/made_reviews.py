"Staged rows made by hand, and the review of them in a browser: what tests of page and widget share."
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
from browsers import press, tab_to, until

from cancer_staging.fields import FIELDS, staged_columns
from cancer_staging.staged import staged_schema

# code points: LEFT 2, BREAST 7, pT2 16-19, pN1a 20-24, grade 2 26-33, ER 49, positive 52-60; each face is two UTF-16 units
FACES = "🙂 LEFT BREAST 🙂 pT2 pN1a, grade 2.\nTumour 24 mm. ER positive."
HOSTILE = "<script>window.hacked = 1</script></script></body><img src=x onerror='window.hacked = 1'> \u202egnp.exe\u202c \x1b[31m red pT1"


def made_row(**given) -> dict:
    "A row of a staged table in which nothing was found but what is given."
    return dict.fromkeys(staged_columns()) | {f"{name}_evidence": [] for name in FIELDS} | {"report_id": "A", "status": "ok", "checks": []} | given


def value(name: str, label: str | None, detail: str | None, basis: str, confidence: float | None, *words: tuple[int, int, str]) -> dict:
    "One field's columns."
    return {name: label, f"{name}_detail": detail, f"{name}_basis": basis, f"{name}_confidence": confidence, f"{name}_evidence": [{"start": start, "end": end, "text": text} for start, end, text in words]}


ROWS = [
    made_row(report_id="A-1", source="a.csv#1") | value("t", "T2", "pT2", "stated", 0.75, (16, 19, "pT2")) | value("n", "N1", "pN1a", "stated", 0.875, (20, 24, "pN1a"))
    | value("stage_group", "II", "IIB", "derived", 0.75, (16, 19, "pT2"), (20, 24, "pN1a")) | value("grade", "G2", "grade 2", "inferred", 0.5, (26, 33, "grade 2")),
    made_row(report_id="B-2</script>", source="a.csv#2", checks=[{"check": "t_size", "fields": ["t", "tumor_size_mm"], "message": "T1 does not fit 90 mm"}])
    | value("t", "T1", "pT1", "stated", 0.625, (110, 113, "pT1")),
    made_row(report_id="C-3", source="a.csv#3", status="error", error="it is no PDF"),
]
TEXTS = [FACES, HOSTILE, None]


def table(rows: list[dict]) -> pl.DataFrame:
    return pl.from_arrow(pa.Table.from_pylist(rows, staged_schema()))


def shown_id(browser) -> str | None:
    return browser.execute_script("return document.querySelector('.report-head h2')?.textContent")


def told(browser) -> str:
    return browser.execute_script("return document.querySelector('.told').textContent")


def chosen(browser) -> str:
    return browser.execute_script("return document.querySelector('.value.chosen .value-title').textContent")


def field_line(browser, title: str) -> str:
    return browser.execute_script("return [...document.querySelectorAll('.value-head')].find(one => one.querySelector('.value-title').textContent === arguments[0]).innerText.replace(/\\s+/g, ' ')", title)


def saved_lines(browser, folder: Path) -> list[dict]:
    "Presses Save by keyboard; the decisions in the file."
    from selenium.webdriver.common.keys import Keys

    tab_to(browser, "at.textContent === 'Save'")
    press(browser, Keys.ENTER)
    path = folder / "review.jsonl"
    until(browser, lambda: path.exists() and told(browser).endswith("review.jsonl."))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
