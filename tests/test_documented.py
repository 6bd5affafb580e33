"`help` says what each parameter of the public face means, what comes back and what goes wrong."
import inspect
import pydoc
import subprocess
import sys

import pytest

from cancer_staging import evaluate, ReviewWidget, stage_files, StagedReport, Stager

FUNCTIONS = [Stager.stage, Stager.stage_frame, Stager.stage_report, Stager.save_pretrained, Stager.push_to_hub, Stager.from_pretrained, stage_files, Stager.review, ReviewWidget.save, evaluate.open_system, evaluate.score_systems,
             evaluate.compare, evaluate.score_staged]


def helped(thing) -> str:
    "What `help` prints."
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


def explained(thing) -> dict[str, str]:
    "Parameter → what its docstring says of it."
    lines = iter(inspect.getdoc(thing).partition("Parameters\n----------\n")[2].splitlines())
    return {name: next(lines).strip() for name in lines}


@pytest.mark.parametrize("thing, name, words", [
    (Stager, "edition", "of the AJCC manual, 6 to 9, for all reports; None: the one that a report names, else 8"),
    (Stager.stage, "text", "the report"), (Stager.stage, "report_id", "its id"),
    (Stager.from_pretrained, "name_or_path", "`default`, `rules`, a folder made by `save_pretrained` or `cancer-staging train`, or `hf://owner/model`"),
    (Stager.stage_frame, "id_column", "guessed when None: report_id, patient_id, …"), (Stager.save_pretrained, "folder", "made when it does not exist"),
    (stage_files, "out", "`.parquet`, `.csv` or `.jsonl`"), (stage_files, "progress", "called with the number of rows just written"),
    (StagedReport, "values", "by field; silent fields are absent"), (StagedReport, "reportable", "by behaviour and site; None: a person has to look"),
    (ReviewWidget, "second", "what earlier reviewers saved, for an adjudicator")])
def test_help_shows_what_a_parameter_means(thing, name, words):
    assert explained(thing)[name] == words
    assert f"{name}\n" in helped(thing) and words in helped(thing)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_every_parameter_of_the_public_face_is_explained(function):
    told, asked = explained(function), [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    unsaid = [name for name in asked if name not in told]
    assert set(told) <= set(asked) and all(told.values()) and set(unsaid) <= {"seed", "title"}


def test_help_shows_what_comes_back_and_what_goes_wrong():
    assert "The staged report" in helped(Stager.stage) and "Raises TypeError" in helped(Stager.stage) and "report_id: 'str' = 'report'" in helped(Stager.stage)
    assert "one row a report" in helped(stage_files) and "Raises InputError" in helped(stage_files)
    assert "Parameters\n |  ----------\n |  calibration\n |      how often each rule is right; None: as shipped" in helped(Stager)


def test_without_docstrings_or_files_nothing_breaks(tmp_path):
    code = "from cancer_staging.stager import Stager; print(Stager.__doc__, Stager.stage.__doc__)"
    assert subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True).stdout == "None None\n"
    made = {}
    exec("from cancer_staging.documented import documented\n@documented\ndef made(a: int):\n    'A function without a file.'\n", made)
    assert made["made"].__doc__ == "A function without a file."
