"Kinds of evidence are declared with their rule; a name that no rule declares fails where it is loaded, not in a table of results."
import json
import shutil
from importlib.resources import files

import pytest

from cancer_staging.models.learned import finding_features, rules_named
from cancer_staging.models.learned_files import load_learned, shipped_learned
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.rules.calibration import RuleCalibration
from cancer_staging.rules.grammar import Finding, Grammar, Rule
from cancer_staging.rules.tnm import TNM
from cancer_staging.text.document import Span


def test_a_slip_in_a_calibration_file_fails_at_load_by_its_name(tmp_path):
    path = tmp_path / "calibration.json"
    RuleCalibration.shipped().save(path)
    assert RuleCalibration.load(path) == RuleCalibration.shipped()
    content = json.loads(path.read_text())
    content["counts"]["t"]["tnm.patologic"] = content["counts"]["t"].pop("tnm.pathologic")
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"calibration\.json counts tnm\.patologic, which no rule"):
        RuleCalibration.load(path)


def test_a_rule_speaks_only_of_kinds_that_another_declares():
    assert TNM.declared("tnm.several") == "tnm.several"
    with pytest.raises(ValueError, match=r"rule 'tnm' declares no 'tnm\.sevral': there are .*tnm\.several"):
        TNM.declared("tnm.sevral")


def test_a_finding_of_an_undeclared_kind_is_refused():
    rule = Rule("house", ("margin",), ("margin",), lambda document, found: [Finding("margin", "negative", None, (Span(0, 6),), "house.freee")], ("house.free",))
    with pytest.raises(ValueError, match=r"rule 'house' gives evidence 'house\.freee', which no rule declares"):
        Grammar([rule]).read("margin free")


def test_no_kind_is_declared_twice():
    names = [name for rule in GRAMMAR.rules for name in rule.ids]
    assert len(names) == len(set(names)) and all(name.count(".") == 1 for name in names)


@pytest.mark.parametrize("part", ["arbiter", "trees"])
def test_a_learned_model_that_weighs_an_unknown_kind_is_refused(tmp_path, part):
    folder = tmp_path / "model"
    shutil.copytree(str(files("cancer_staging") / "data" / "default"), folder)
    path = folder / "learned.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    if part == "arbiter":
        content["arbiters"]["n"] = [name.replace("n N1 n.count", "n N1 n.cuont") for name in content["arbiters"]["n"]]
    else:
        content["tree_features"] = [name.replace("n by n.count", "n by n.cuont") for name in content["tree_features"]]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"weighs n\.cuont, which no rule of the grammar declares") as error:
        load_learned(folder)
    assert str(folder) in str(error.value)


def test_the_shipped_model_weighs_the_kinds_that_reports_give():
    named = {rule for arbiter in shipped_learned().arbiters.values() for rule in rules_named(arbiter.names)}
    assert {"tnm.pathologic", "t.size", "n.none_positive", "stage_group.derived"} <= named <= GRAMMAR.ids


def test_the_kinds_of_a_findings_features_are_those_of_the_findings():
    found = GRAMMAR.read("SIGMOID COLON, RESECTION: Adenocarcinoma invading the muscularis propria. Lymph nodes: 0/14. cM0")
    assert rules_named(finding_features(found)) == {found[name].rule for name in ("t", "n", "m", "stage_group")} == {"t.depth", "n.none_positive", "tnm.clinical", "stage_group.derived"}
