"Notebooks, modules and README say the same, and the stored notebooks are fit to be read."
import copy
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbdev.clean import clean_nb

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.relative_to(ROOT / "nbs").as_posix() for path in (ROOT / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def load(name: str) -> dict:
    "A notebook of nbs/ as it is stored."
    return json.loads((ROOT / "nbs" / name).read_text(encoding="utf-8"))


def code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_modules_are_what_the_notebooks_export(tmp_path):
    shutil.copy(ROOT / "settings.ini", tmp_path)
    shutil.copytree(ROOT / "nbs", tmp_path / "nbs", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    package = tmp_path / "cancer_staging"
    package.mkdir()
    subprocess.run([sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"], cwd=tmp_path, check=True)
    by_hand = {"__main__.py"}  # `python -m cancer_staging`, which only calls the command
    exported, stored = ({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")} for folder in (package, ROOT / "cancer_staging"))
    stored = {name: content for name, content in stored.items() if name not in by_hand}
    assert sorted(stored) == sorted(exported), "a module has no notebook, or a notebook was never exported: run `make prepare`"
    differing = [name for name in exported if exported[name] != stored[name]]
    assert not differing, f"{differing} are not what their notebooks export: edit the notebook, then run `make prepare`"


def test_readme_is_made_from_index():
    made = runpy.run_path(str(ROOT / "tools" / "readme.py"))["readme"]()
    assert (ROOT / "README.md").read_text(encoding="utf-8") == made, "README.md is not what nbs/index.ipynb gives: run `make prepare`"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_clean(name):
    notebook = load(name)
    cleaned = copy.deepcopy(notebook)
    clean_nb(cleaned)
    assert cleaned == notebook, f"{name} holds execution counts, times or metadata: run `make prepare`"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    failed = [cell["id"] for cell in code_cells(notebook) if any(output["output_type"] == "error" for output in cell["outputs"])]
    assert not failed, f"{name} is stored with an error in cells {failed}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_opens_with_a_title_and_what_it_is_for(name):
    first = "".join(load(name)["cells"][0]["source"]).strip().splitlines()
    assert first[0].startswith("# ") and any(line.startswith("> ") for line in first[1:])


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if not name.startswith("api/")])
def test_pages_for_readers_are_stored_with_their_outputs(name):
    assert any(cell["outputs"] for cell in code_cells(load(name))), f"{name} was stored without being executed"


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name.startswith("api/")])
def test_api_notebooks_test_what_they_say(name):
    assert any("assert " in "".join(cell["source"]) for cell in code_cells(load(name))), f"{name} asserts nothing"
