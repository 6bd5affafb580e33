"A signed table made of invented reports, with its kept texts."
from pathlib import Path

import polars as pl

from cancer_staging.review.decisions import Decision, text_digest
from cancer_staging.review.signed import apply_decisions, write_signed
from cancer_staging.stager import Stager


def write_signed_table(frame: pl.DataFrame, folder: Path, fields=("t", "n"), suffix: str = ".parquet") -> Path:
    """Stages the frame's reports by the rules, has one reviewer put in its labels of the fields, and writes `signed` and `staged.texts.parquet`: a label that the frame lacks was reviewed as none.
    The last row is left alone by the reviewer."""
    staged = Stager.from_pretrained("rules").stage_frame(frame.select("patient_id", "text"))
    staged.write_parquet(folder / "staged.parquet")
    pl.DataFrame({"report_id": staged["report_id"], "source": staged["source"], "text": frame["text"], "page_starts": [[0]] * frame.height}).write_parquet(folder / "staged.texts.parquet")
    decisions = [Decision(staged["report_id"][row], row, text_digest(frame["text"][row]), "edit" if label else "none", "Dr. Ito", "2026-11-27T09:00:00Z", name, label)
                 for name in fields for row, label in enumerate(frame[name]) if row < frame.height - 1]
    signed = apply_decisions(staged, decisions)
    assert not signed.refused
    write_signed(signed.table, folder / f"signed{suffix}", suffix)
    return folder / f"signed{suffix}"
