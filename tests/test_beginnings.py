"With which characters a match can begin: nothing that an expression reads may be lost."
import re

import pytest
from hypothesis import given, settings, strategies as st

from cancer_staging.text.beginnings import Expression, looking_ahead


@pytest.mark.parametrize("pattern, firsts", [
    ("abc", ["a"]), ("a?b", ["a", "b"]), ("a{0,2}b", ["a", "b"]), ("a{1,2}b", ["a"]), (r"\bno\b", ["n"]), (r"(?:x|y)?z", ["x", "y", "z"]), (r"(?P<n>x|y)z", ["x", "y"]), (r"(?<!a)(?!bc)b", ["b"]),
    (r"[ab]c|\dx", ["[ab]", r"\d"]), (r"\s{0,3}\(", [r"\s", r"\("]), (r"(?:a(?:b|c)|(?:d|e)f)", ["a", "d", "e"]), (r"[\]|(]x", [r"[\]|(]"]), (r"\|a", [r"\|"]),
    ("", None), ("a?", None), ("(?:a|)", None), (r"\w", None), ("[^a]", None), (".", None), ("^a", None), (r"\u2610", None), ("(?i:a)", None), ("a|b?", None)])
def test_first_characters(pattern, firsts):
    assert Expression(pattern).beginnings() == firsts


@pytest.mark.parametrize("pattern, several", [("a|b", ["a", "b"]), ("(a|b)|c", ["(a|b)", "c"]), (r"[|]|\|", ["[|]", r"\|"]), ("(?:a|[)]|b)", ["(?:a|[)]|b)"]), ("", [""])])
def test_outermost_alternatives(pattern, several):
    assert [pattern[start:end] for start, end in Expression(pattern).whole.alternatives()] == several


ATOMS = st.sampled_from(["a", "b", " ", r"\.", "[ab]", r"\d", r"\s", r"\b", "(?!a)", "(?<!b)", "."])
REPEATS = st.sampled_from(["", "", "", "?", "{0,2}", "{1,2}"])


def _joined(parts):
    return "".join(part if part in (r"\b", "(?!a)", "(?<!b)") else part + repeat for part, repeat in parts)


PATTERNS = st.recursive(st.lists(st.tuples(ATOMS, REPEATS), min_size=1, max_size=3).map(_joined),
                        lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda several: f"(?:{'|'.join(several)})") | st.tuples(inner, inner).map("".join) | st.tuples(inner, inner).map("|".join), max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(PATTERNS, st.text("ab1 .\n", max_size=14))
def test_the_same_matches_as_without_looking_ahead(pattern, text):
    told = looking_ahead(pattern)
    assert [match.span() for match in re.finditer(told, text)] == [match.span() for match in re.finditer(pattern, text)]
    assert [bool(re.compile(told).match(text, at)) for at in range(len(text))] == [bool(re.compile(pattern).match(text, at)) for at in range(len(text))]
