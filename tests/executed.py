"Runs a notebook from top to bottom in a fresh kernel. The stored notebook is not touched."
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NBS = Path(__file__).resolve().parent.parent / "nbs"


def notebooks(*patterns: str) -> list[Path]:
    "The notebooks, in order."
    return [path for pattern in patterns for path in sorted(NBS.glob(pattern))]


def name(path: Path) -> str:
    return path.relative_to(NBS).as_posix()


def files() -> set[str]:
    "What lies in nbs/."
    return {name(path) for path in NBS.rglob("*") if "__pycache__" not in path.parts}


def execute(
    path: Path,  # the notebook
) -> None:
    "Run the notebook in its own folder, without the cells that say `eval: false`; raises when a cell fails, or files are left in nbs/."
    notebook, before = nbformat.read(path, as_version=4), files()
    notebook.cells = [cell for cell in notebook.cells if not (cell.cell_type == "code" and "#| eval: false" in cell.source)]
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    assert files() == before, "this notebook, or one that runs beside it, writes files in nbs/: give it a temporary folder"
