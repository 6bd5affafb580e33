"459 invented reports and 1,516 values that a registrar would sign, written before they were read by this grammar and by hands that did not know it: ordinary reports of all organs, and words whose meaning their surroundings change. What is still wrong is counted, so that a change that makes more of it is seen."
import json
from collections import Counter
from pathlib import Path

import pytest

from cancer_staging import FIELDS, Stager

CASES = [json.loads(line) for line in Path(__file__).with_name("invented_reports.jsonl").read_text(encoding="utf-8").splitlines()]


def is_right(wanted, value):
    "Whether a value is one of those that are right; None: nothing is to be said."
    label = None if value is None else value.label
    given = {str(word).lower().replace(" ", "") for word in (label, value and value.detail) if word is not None}
    return any((want is None) is (label is None) and (want is None or any(word in (want, want.removeprefix("p")) or want == word.removeprefix("p") or word.startswith(want + "(") for word in given))
               for want in (right if right is None else right.lower().replace(" ", "") for right in wanted))


@pytest.fixture(scope="module")
def verdicts():
    "Field → how many values were right, missed, or wrong."
    counted = {name: Counter() for name in FIELDS}
    stager = Stager.from_pretrained("rules")
    for case in CASES:
        staged = stager.stage(case["text"])
        for name, wanted in case["right"].items():
            value = staged[name] if name in staged else None
            silent = value is None or value.label is None
            counted[name]["right" if is_right(wanted, value) else "missed" if silent else "wrong"] += 1
    return counted


def test_the_judge_itself():
    staged = Stager.from_pretrained("rules").stage("Left breast: invasive ductal carcinoma, 18 mm. pT1c pN0. ER positive.")
    assert is_right(["pT1c"], staged["t"]) and is_right(["T1"], staged["t"]) and not is_right(["pT2", None], staged["t"]) and is_right(["18"], staged["tumor_size_mm"]) and is_right([None], None) and not is_right(["negative"], staged["er"])


def test_most_values_are_right_and_few_are_wrong(verdicts):
    total = sum(verdicts.values(), Counter())
    assert total.total() == sum(len(case["right"]) for case in CASES) > 1_500
    assert total["right"] / total.total() > LEAST_RIGHT and total["wrong"] / total.total() < MOST_WRONG, dict(total)


LEAST_RIGHT, MOST_WRONG = 0.88, 0.025


@pytest.mark.parametrize("fields", [("t", "n", "m"), ("er", "pr", "her2", "ki67"), ("margin", "lymphovascular_invasion", "perineural_invasion"), ("nodes_positive", "nodes_examined"), ("laterality", "tumor_size_mm", "grade")])
def test_no_field_is_often_wrong(verdicts, fields):
    counted = sum((verdicts[name] for name in fields), Counter())
    assert counted["wrong"] / counted.total() < 0.03, dict(counted)
