"""The grammar is linear in the length of a report: no pattern may backtrack without bound."""
import importlib
import pkgutil
import re

try:
    from re import _constants as constants, _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as constants
    import sre_parse as parser

import pytest

from cancer_staging import rules, text
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.text.phrases import PatternTable

MODULES = tuple(f"{room.__name__}.{info.name}" for room in (text, rules) for info in pkgutil.iter_modules(room.__path__))
REPEATS = {constants.MAX_REPEAT, constants.MIN_REPEAT}
LONGEST = 2_000  # characters that one match may look at


def patterns_in(value):
    "Every compiled pattern in a module's value, however deep it stands in tuples, lists and dicts."
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, PatternTable):
        yield value.regex
    elif isinstance(value, dict):
        for part in (*value.keys(), *value.values()):
            yield from patterns_in(part)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for part in value:
            yield from patterns_in(part)


def all_patterns():
    for name in MODULES:
        module = importlib.import_module(name)
        for variable, value in vars(module).items():
            for index, pattern in enumerate(patterns_in(value)):
                yield pytest.param(pattern, id=f"{name.removeprefix('cancer_staging.')}.{variable}[{index}]")


def repeats(parsed):
    "Every (lowest, highest, body) repeat in a parsed pattern."
    for operation, argument in parsed:
        if operation in REPEATS:
            yield argument
            yield from repeats(argument[2])
        elif operation is constants.SUBPATTERN:
            yield from repeats(argument[3])
        elif operation is constants.BRANCH:
            for branch in argument[1]:
                yield from repeats(branch)
        elif operation in (constants.ASSERT, constants.ASSERT_NOT):
            yield from repeats(argument[1])
        elif operation is constants.GROUPREF_EXISTS:
            yield from repeats(argument[1])
            yield from repeats(argument[2] or ())


@pytest.mark.parametrize("pattern", list(all_patterns()))
def test_every_repeat_is_bounded(pattern):
    parsed = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    for lowest, highest, body in repeats(parsed):
        assert highest is not constants.MAXREPEAT, f"unbounded repeat in {pattern.pattern}"
        inner = [high for _, high, _ in repeats(body) if high > 1]
        assert not (highest > 4 and inner), f"a repeat of up to {highest} around another in {pattern.pattern}"
    assert parsed.getwidth()[1] <= LONGEST


def test_the_check_refuses_a_pattern_that_backtracks():
    assert any(highest is constants.MAXREPEAT for _, highest, _ in repeats(parser.parse(r"(a+)+b")))


UNITS = ["pT", "pt ", "1/", "(", "no ", "lymph node ", "grade ", "margin ", "er pr her2 ", "stage i", "0", "3 x ", "positive ", "\n", "invasion: ", "(1/9) node ", "12/12 lymph nodes ",
         "number of lymph nodes ", "tumor size 1 x 1 x ", "1 cm tumor ", "node (((((", "one of ", "invasion lymphovascular ", "no no no lymphovascular ", "involves anterior margin; ",
         "new deep margin negative; ", "(((((invasion", "l0 v0 pt ", "stage grouping (ajcc 7th edition) is: ", "figo iv ", "stage (", "1 year ", "left kidney right kidney ", "carcinoma of the colon ",
         "margins: deep - negative; ", "no ink on tumor ", "rectum crm 1 mm ", "incompletely excised ", "neither margin ", "lvi/pni ", "lymphovascular invasion, ", "ly0 v0 ", "marges ",
         "invades the submucosa ", "estrogen receptor 1% ", "gleason 3+4 ", "pT1 [ ] pT2 [ ]\n", "er (clone a) "]
HOSTILE = [(unit * 12_000)[:12_000] for unit in UNITS]


def steps(text):
    "How much work the grammar does on `text`: calls and lines that Python runs, a count that no busy machine can change."
    import sys

    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    document = GRAMMAR.prepare(text)
    sys.settrace(trace)
    try:
        found = {}
        for rule in GRAMMAR.rules:
            for finding in rule.read(document, found):
                found[finding.field] = finding
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_work_grows_no_faster_than_the_text(text):
    half, whole = steps(text[: len(text) // 2]), steps(text)
    assert whole <= 2.6 * half + 2_000
