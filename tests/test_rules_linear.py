"""The grammar is linear in the length of a report: no pattern may backtrack without bound."""
import importlib
import pkgutil
import re
import sys
from time import process_time

try:
    from re import _constants as constants, _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as constants
    import sre_parse as parser

import pytest

from cancer_staging import rules, Stager, text
from cancer_staging.display import report_html
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.node_counts import Count, How
from cancer_staging.rules.node_repeats import without_extension, without_repeats
from cancer_staging.rules.tnm import TNM
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
         "invades the submucosa ", "estrogen receptor 1% ", "gleason 3+4 ", "pT1 [ ] pT2 [ ]\n", "er (clone a) ", "urothelial cystectomy pT1 N0 M0 ", "corrected: pT2 ", "ADDENDUM: amended to pT3 ", "bladder tumor pTa ",
         "five of three lymph nodes. ", "nodes 7/5; ", "her2 2+ fish ratio 2.1 ", "stage group: IIIB\n", "FINAL DIAGNOSIS:\n", "CLINICAL HISTORY: ", "negative for carcinoma ", "[x] pT1 [ ] pT2 ", "\u2610 pT1 \u2612 pT2\n",
         "[[[[", "))))", "1234567890", " ", "\t", "\r\n", "x", "INVASIVE DUCTAL CARCINOMA ", "\u2022 pT2\n", "- item\n", "\u0130", "\u3000", "\u0663", "residual tumor R0 ", "ajcc 7th edition ", "der die und "]
HOSTILE = [(unit * 12_000)[:12_000] for unit in UNITS]
HOSTILE += [(first * 6_000)[:6_000] + (second * 6_000)[:6_000] for first, second in (
    ("node (0/1), ", "nodes (3/50), "), ("nodes 2/4. ", "3/15 lymph nodes show extracapsular extension. "), ("pT1 N0 M0 ", "amended "), ("[ ] pT1 ", "er positive "), ("history of ", "grade 2 "))]


def steps_of(work, *arguments):
    "How much work is done: calls and lines that Python runs, a count that no busy machine can change."
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    sys.settrace(trace)
    try:
        work(*arguments)
    finally:
        sys.settrace(None)
    return count


def read_all(document):
    found = {}
    for rule in GRAMMAR.rules:
        for finding in rule.read(document, found):
            found[finding.field] = finding


def steps(text):
    "How much work the grammar does on `text`."
    return steps_of(read_all, GRAMMAR.prepare(text))


def halves(text):
    "The text and one of half its length, of the same composition."
    middle = len(text) // 2
    return text[:middle // 2] + text[middle:middle + middle // 2], text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_work_grows_no_faster_than_the_text(text):
    half, whole = map(steps, halves(text))
    assert whole <= 2.6 * half + 2_000


class Counting(list):
    "A list of offsets that counts how often they are looked at."
    looks = 0

    def __iter__(self):
        Counting.looks += len(self)
        return super().__iter__()


def looks(unit, times):
    "How many offsets of cues the rules look at in a text, whether Python or C does it: sorting them once for every code is quadratic."
    document = GRAMMAR.prepare(unit * times)
    document._hits = {cue: Counting(starts) for cue, starts in document.cues.items()}
    Counting.looks = 0
    read_all(document)
    return Counting.looks


@pytest.mark.parametrize("unit", ["urothelial cystectomy pT1 N0 M0 ", "bladder tumor pTa ", "lymph node (1/3) positive ", "er positive her2 2+ ", "grade 2 stage iia "])
def test_cues_are_not_gathered_for_every_code(unit):
    assert looks(unit, 400) <= 2.2 * looks(unit, 200)


def counts(times):
    "Many counts of few nodes, then many of one and the same larger number."
    return [Count(0, 1, 0, 1, How.RATIO)] * times + [Count(0, 1, 3, 50, How.RATIO)] * times


def test_counts_that_are_told_again_are_not_searched_for():
    assert steps_of(without_repeats, counts(800)) <= 2.2 * steps_of(without_repeats, counts(400))
    unit = "nodes show extracapsular extension. "

    def groups(times):  # each count but the first half leads to the words
        return GRAMMAR.prepare(unit), [Count(0, 0, 2, 4, How.RATIO)] * times + [Count(0, 5, 3, 15, How.RATIO)] * times

    assert steps_of(without_extension, *groups(800)) <= 2.2 * steps_of(without_extension, *groups(400))


def seconds(work, text):
    "CPU time; the less of two runs, for a busy machine makes a run slower and none faster."
    def once():
        before = process_time()
        work(text)
        return process_time() - before

    return min(once(), once())


def test_the_last_amendment_is_looked_for_once():
    def read(document):
        return list(TNM.read(document, {}))

    short, long = (GRAMMAR.prepare("corrected: pT2 " * times) for times in (1_000, 16_000))
    assert seconds(read, long) <= 3 * 16 * seconds(read, short)  # quadratic work takes 200 times as long


@pytest.mark.parametrize("name", ["rules", "default"])
@pytest.mark.parametrize("text", [pytest.param(text, id=repr(text[:12])) for text in HOSTILE if text.startswith(("urothelial", "corrected", "pT", "node (0/1)", "nodes 2/4", "five of", "\u3000", "x", "\r", "er pr", "[[", "FINAL", "no lymph", "1234"))])
def test_a_row_takes_time_as_long_as_its_text(name, text):
    model = Stager.from_pretrained(name)

    def row(text):  # rules, model, evidence, checks and page
        report_html(model.stage(text))

    assert seconds(row, text[:6_000] * 8 + text[6_000:] * 8) <= 3 * 8 * seconds(row, text) + 0.1  # quadratic work takes 64 times as long
