"What a user gets from pip: an editable install hides files that a wheel forgets."
import ast
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cancer_staging"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    "The project's wheel, built from a copy."
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "settings.ini", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / "cancer_staging", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source)]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    "The wheel's METADATA."
    return message_from_bytes(wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))))


def test_wheel_holds_every_file_of_the_package(wheel):
    there = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert there - set(wheel.namelist()) == set()


def test_metadata(wheel, metadata):
    assert metadata["Name"] == "cancer-staging"
    assert metadata["Requires-Python"] == ">=3.10"
    assert set(metadata.get_all("Provides-Extra")) >= {"ocr", "plots", "metrics", "learn", "qlora", "dev"}
    assert any(name.endswith("LICENSE") for name in wheel.namelist())
    entry_points = wheel.read(next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))).decode()
    assert "cancer-staging = cancer_staging.cli:main" in entry_points.replace("staging=", "staging = ")


def test_nothing_of_nbdev_or_torch_is_a_run_time_dependency(metadata):
    core = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert core and not [line for line in core if line.startswith(("nbdev", "execnb", "fastcore", "ghapi", "torch"))]


def imported(
    path: Path,  # a module
) -> set[str]:  # names of top-level packages
    "What the module imports, at its top or inside a function."
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_import_is_declared(path, metadata):
    lines = [line for line in metadata.get_all("Requires-Dist") if 'extra == "dev"' not in line]
    declared = {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines}
    homes = packages_distributions()
    for name in imported(path) - set(sys.stdlib_module_names) - {"cancer_staging"}:
        assert {home.lower().replace("_", "-") for home in homes.get(name, [name])} & declared, f"{path.name} imports {name}: add it to settings.ini"
