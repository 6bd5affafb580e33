"The pattern tables: every row earns its place, and no regular expression in code is longer than one can read."
import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import cancer_staging
from cancer_staging import rules, text
from cancer_staging.text.phrases import end_of_last, last_match, LONGEST_ROW, Pattern, PatternTable, unbounded_repeat

PACKAGE = Path(cancer_staging.__file__).parent
TABLES = [pytest.param(value, id=value.name) for room in (text, rules) for info in pkgutil.iter_modules(room.__path__)
          for module in [importlib.import_module(f"{room.__name__}.{info.name}")] for value in vars(module).values() if isinstance(value, PatternTable)]
ALLOWED = ()  # module.name of a longer expression, with its reason beside it in the code


@pytest.mark.parametrize("table", TABLES)
def test_every_row_reads_its_own_phrases_alone(table):
    assert table.idle_rows() == []


def literal_length(node: ast.expr) -> int:
    "Characters of a string as written in code, pieces that are put in from elsewhere not counted."
    if isinstance(node, ast.JoinedStr):
        return sum(literal_length(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return literal_length(node.left) + literal_length(node.right)
    return len(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else 0


def long_expressions(source: str) -> dict[str, int]:
    "Regular expressions over the limit in a module's source, by name or line."
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("re.compile", "re.search", "re.match", "re.sub", "re.fullmatch", "re.finditer") and node.args:
            length, name = literal_length(node.args[0]), f"line {node.lineno}"
        elif isinstance(node, ast.Assign) and isinstance(node.value, (ast.Constant, ast.JoinedStr, ast.BinOp)) and isinstance(node.targets[0], ast.Name):
            length, name = literal_length(node.value), node.targets[0].id
            if not any(sign in ast.unparse(node.value) for sign in (r"(?:", r"\\b", r"\\s", "(?P")):
                continue  # prose
        else:
            continue
        if length > LONGEST_ROW:
            found[name] = length
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_regular_expression_in_code_is_too_long_to_read(path):
    assert {name: length for name, length in long_expressions(path.read_text(encoding="utf-8")).items() if f"{path.stem}.{name}" not in ALLOWED} == {}
    assert len(ALLOWED) <= 5


def test_the_check_finds_a_long_expression():
    assert long_expressions("import re\nA = re.compile(r'" + "a|" * 130 + "b')\n_B = rf'" + r"\s(?:x)" * 40 + "{A}'\nC = 'prose " + "x" * 300 + "'") == {"line 2": 261, "_B": 280}


@pytest.mark.parametrize("pattern, repeat", [(r"a{2,}", "a{2,}"), (r"no .*", "no .*"), (r"[*+]{1,3}\+\*", None), (r"[]*]\d{0,3}", None), (r"\[a+", "\\[a+")])
def test_an_unbounded_repeat_is_found_outside_classes(pattern, repeat):
    assert unbounded_repeat(pattern) == repeat


def test_a_table_reads_in_the_order_of_its_rows_and_refuses_what_it_must():
    table = PatternTable("t", Pattern("no", "not? (?:seen|present)", ("not seen", "no present")), Pattern("yes", "seen|present", ("seen", "present"), ("not seen",)))
    assert [match.lastgroup for match in table.finditer("seen; not seen; present")] == ["yes", "no", "yes"]
    with pytest.raises(ValueError, match="yes must not read 'not present'"):
        PatternTable("t", Pattern("yes", "present", ("present",), ("not present",)))
    with pytest.raises(ValueError, match="t: yes does not read 'presence'"):
        PatternTable("t", Pattern("yes", "present", ("presence",)))


def test_a_row_that_another_makes_idle_is_found():
    table = PatternTable("t", Pattern("yes", "seen", ("seen",)), Pattern("yes", "unseen?", ("seen",)))
    assert [row.pattern for row in table.idle_rows()] == ["unseen?"]


def test_a_table_without_names_finds_the_same_but_tells_no_meaning():
    rows = (Pattern("no", "not (?&seen)", ("not seen", "not present"), ("noted",)), Pattern("maybe", "suspect", ("suspected",)))
    named, plain = (PatternTable("t", *rows, frame=r"\b(?:(?&no)|(?&maybe))", parts={"seen": "seen|present"}, named=named) for named in (True, False))
    assert plain.regex.groups == 0 and plain.regex.pattern == r"\b(?=n|s)(?:\b(?:not (?:seen|present)|suspect))"
    text = "not seen; suspected; cannot seen; not present"
    assert [match.span() for match in plain.finditer(text)] == [match.span() for match in named.finditer(text)] == [(0, 8), (10, 17), (34, 45)]
    assert plain.meanings_in("not seen") == {"no"} and plain.idle_rows() == []
    with pytest.raises(ValueError, match="t: no must not read 'suspected'"):  # nobody could tell which row it was
        PatternTable("t", Pattern("no", "not seen", ("not seen",), ("suspected",)), Pattern("maybe", "suspect", ("suspected",)), named=False)


@pytest.mark.parametrize("start, end, last, behind", [(0, 11, (8, 10), 10), (0, 9, (4, 6), 6), (6, 8, None, 6), (4, 4, None, 4)])
def test_the_last_match_in_a_window(start, end, last, behind):
    stop, text = re.compile(r"\.\s"), "one . a . x"
    found = last_match(stop, text, start, end)
    assert (found and found.span()) == last and end_of_last(stop, text, start, end) == behind
