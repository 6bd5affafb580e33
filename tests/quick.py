"Which tests need more than the core: read from what a test imports, so that no list has to be kept by hand."
import ast
import inspect
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import FunctionType

TESTS = Path(__file__).resolve().parent
MORE = {"torch", "transformers", "peft", "bitsandbytes", "trl",  # models
        "nbclient", "nbdev", "nbformat",  # notebooks
        "selenium"}  # a browser
ASKS = {"importorskip", "find_spec", "import_module"}  # calls whose argument is the name of a module


def needs_more(what: Path | FunctionType  # a test module, or a test or fixture
               ) -> bool:
    "Whether a test module, when it is imported, or a test, when it runs, needs one of `MORE`."
    if isinstance(what, Path):
        return _reaches_more(frozenset(_imported_by(what)))
    return _reaches_more(frozenset(name for function in _with_helpers(what) for name in _named(ast.walk(_tree(function)))))


def _with_helpers(function: FunctionType) -> Iterable[FunctionType]:
    "The function and the helpers in tests/ that it calls, or that these call."
    waiting, seen = [function], []
    while waiting:
        one = waiting.pop()
        seen.append(one)
        called = (one.__globals__.get(node.id) for node in ast.walk(_tree(one)) if isinstance(node, ast.Name))
        waiting += [other for other in called if isinstance(other, FunctionType) and Path(other.__code__.co_filename).parent == TESTS and other not in seen]
    return seen


def _tree(function: FunctionType) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):  # made on the fly
        return ast.Module([], [])


@cache
def _reaches_more(names: frozenset[str]) -> bool:
    "Whether importing these modules imports one of `MORE`, however far on."
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] in MORE:
            return True
        if name not in seen and (path := _file_of(name)):
            waiting += _imported_by(path)
        seen.add(name)
    return False


def _file_of(name: str) -> Path | None:
    "Where a module of the package or a helper in tests/ stands; None for any other."
    folder = TESTS.parent if name.partition(".")[0] == "cancer_staging" else TESTS
    place = folder.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _imported_by(path: Path) -> frozenset[str]:
    "What is imported when this file is: not what its functions import when they run, nor what is for a type checker."
    return frozenset(_named(_at_the_top(ast.parse(path.read_text(encoding="utf-8")).body), path))


def _at_the_top(body: list[ast.stmt]) -> Iterable[ast.AST]:
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            yield from _at_the_top(statement.body)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from ast.walk(statement)


def _named(nodes: Iterable[ast.AST], path: Path | None = None) -> Iterable[str]:
    "The modules that these nodes of a file import or ask for, and what may be modules in them."
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = path.parents[node.level - 1].relative_to(TESTS.parent).parts if node.level and path else ()
            module = ".".join((*home, *filter(None, [node.module])))
            yield from (module, *(f"{module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) in ASKS and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)
