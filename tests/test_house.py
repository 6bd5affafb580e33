"The order of the house: data flows one way, a room keeps its private things, and nothing grows past what one can read."
import ast
import collections
import re
from pathlib import Path

import pytest

import cancer_staging

PACKAGE = Path(cancer_staging.__file__).parent
NOTEBOOKS = sorted((PACKAGE.parent / "nbs" / "api").glob("*.ipynb"))
LONGEST_MODULE, LONGEST_FUNCTION = 500, 80  # lines


def module_of(notebook: Path) -> str:
    "The module that a notebook exports, such as `rules.grade`."
    return re.search(r'#\| default_exp (\S+?)(?:\\n)?"', notebook.read_text(encoding="utf-8"))[1]


ORDER = {module_of(notebook): number for number, notebook in enumerate(NOTEBOOKS)}
PATHS = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name not in ("_modidx.py", "__main__.py")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports(path: Path):
    "The package's modules that a module imports anywhere in it, each with the names it takes."
    here = name_of(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join(here[:-node.level] + (node.module or "").split(".")).strip("."), [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cancer_staging."):
            yield node.module.removeprefix("cancer_staging."), [alias.name for alias in node.names]


def test_every_module_has_its_notebook():
    packages = {name_of(path) for path in PATHS if path.name == "__init__.py"} - {"__init__", "evaluate.__init__", "rules.__init__", "scale.__init__"}
    assert {name_of(path) for path in PATHS} - packages == set(ORDER)


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_a_module_imports_only_from_before_it(path):
    later = {module: names for module, names in imports(path) if module in ORDER and ORDER[module] >= ORDER.get(name_of(path), -1)}
    assert later == {}


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_private_names_stay_in_their_module(path):
    assert [(module, name) for module, names in imports(path) for name in names if name.startswith("_") and name != "__version__"] == []


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_modules_and_functions_can_be_read(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_no_two_public_classes_share_a_name():
    places = collections.defaultdict(list)
    for path in PATHS:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
