"What the tests of examples share: invented reports as a corpus with registry columns."
from functools import cache

import polars as pl

from cancer_staging.corpora.synthetic import synthetic_reports


@cache
def registry_corpus() -> pl.DataFrame:
    "Invented reports with registry columns, 160 to train on and 60 to test."
    reports = list(synthetic_reports(220))
    return pl.DataFrame({"patient_id": [report.report_id for report in reports], "split": ["train"] * 160 + ["test"] * 60, "text": [report.text for report in reports],
                         "icd10": [report.truth["site"].detail for report in reports], "grade": [report.truth["grade"].label for report in reports], "t": [report.truth["t"].label for report in reports]})
