"Every notebook runs from top to bottom in a fresh kernel. The stored notebooks are not touched."
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NBS = Path(__file__).resolve().parent.parent / "nbs"
READ_OFTEN = [path for pattern in ("index.ipynb", "api/*.ipynb", "guides/*.ipynb", "papers/*.ipynb") for path in sorted(NBS.glob(pattern))]
# Benchmarks stage the whole corpus several times and measure speed, which takes many minutes and says nothing on a busy machine. So they
# run only when asked for, with `pytest --benchmarks`; test_agreement.py checks that they are stored with outputs and without errors.
BENCHMARKS = sorted(NBS.glob("benchmarks/*.ipynb"))


def name(path: Path) -> str:
    return path.relative_to(NBS).as_posix()


def files() -> set[str]:
    "What lies in nbs/."
    return {path.relative_to(NBS).as_posix() for path in NBS.rglob("*") if "__pycache__" not in path.parts}


def execute(
    path: Path,  # the notebook
) -> None:
    "Run the notebook in its own folder, without the cells that say `eval: false`; raises when a cell fails."
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not (cell.cell_type == "code" and "#| eval: false" in cell.source)]
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()


@pytest.fixture(scope="module")
def before() -> set[str]:
    "What lies in nbs/ before any of them."
    return files()


@pytest.mark.parametrize("path", READ_OFTEN, ids=name)
def test_notebook_runs(path, before):
    execute(path)
    assert files() == before, "this notebook, or one that runs beside it, writes files in nbs/: give it a temporary folder"


@pytest.mark.benchmark
@pytest.mark.parametrize("path", BENCHMARKS, ids=name)
def test_benchmark_runs(path, test_bed):
    os.environ.setdefault("CANCER_STAGING_DATA", str(test_bed))
    execute(path)
