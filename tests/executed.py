"Runs a notebook from top to bottom. The stored notebook is not touched."
import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import nbformat
import pytest
from execnb.nbio import dict2nb
from execnb.shell import CaptureShell
from IPython.core.interactiveshell import InteractiveShell
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


def in_a_kernel(notebook: nbformat.NotebookNode, folder: Path) -> None:
    "As JupyterLab runs it: a process of its own."
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()


def in_this_process(notebook: nbformat.NotebookNode, folder: Path) -> None:
    "In a shell of its own beside the tests, where what it imports is mostly loaded already."
    shell = CaptureShell()
    atexit.unregister(shell.atexit_operations)  # each would collect the garbage of all tests when they end
    with patch.dict(os.environ), patch.object(sys, "path", list(sys.path)), pytest.MonkeyPatch.context() as place:
        place.chdir(folder)
        try:
            shell.run_all(dict2nb(notebook), exc_stop=True)
        finally:
            shell.restore_sys_module_state()
            shell.history_manager.end_session()
            InteractiveShell.clear_instance()


def execute(
    path: Path,  # the notebook
    run: Callable[[nbformat.NotebookNode, Path], None] = in_a_kernel,
) -> None:
    "Run the notebook in its own folder, without the cells that say `eval: false`; raises when a cell fails, or files are left in nbs/."
    notebook, before = nbformat.read(path, as_version=4), files()
    notebook.cells = [cell for cell in notebook.cells if not (cell.cell_type == "code" and "#| eval: false" in cell.source)]
    run(notebook, path.parent)
    assert files() == before, "this notebook, or one that runs beside it, writes files in nbs/: give it a temporary folder"
