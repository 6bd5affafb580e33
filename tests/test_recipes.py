"Recipes: what the sources state stays what it is, and nothing else is passed off as theirs."
from dataclasses import FrozenInstanceError

import pytest

from cancer_staging.fields import FIELDS
from cancer_staging.models.recipes import get_recipe, NOT_STATED, parse_fields, Recipe, RECIPES


def test_llatmu_is_as_published():
    recipe = get_recipe("llatmu-task6")
    assert (recipe.backbone, recipe.max_length, recipe.dropout, recipe.fields, recipe.tuning, recipe.loss) == (
        "hf://thomas-sounack/BioClinical-ModernBERT-large", 4096, 0.1, ("t", "n", "m"), "full", "cross_entropy")
    assert not recipe.class_weights and not recipe.label_smoothing and recipe.window is None


def test_shao_is_as_published():
    multi, single = get_recipe("shao-multitask"), get_recipe("shao-single-task")
    assert multi.backbone == "hf://meta-llama/Meta-Llama-3-8B-Instruct" and multi.tuning == "lora" and "2604.13328" in multi.source
    assert multi.fields == ("t", "n", "m", "grade", "er", "pr", "her2") == single.fields
    assert single.single_task and not multi.single_task and single.one_field("er").fields == ("er",) and not single.one_field("er").single_task


@pytest.mark.parametrize("name", RECIPES)
def test_what_no_source_states_is_said_to_be_ours(name):
    rows = {row["setting"]: row["from"] for row in RECIPES[name].table()}
    assert rows["learning_rate"] == rows["batch"] == rows["epochs"] == NOT_STATED
    assert {setting for setting, origin in rows.items() if origin == "source"} == set(RECIPES[name].stated)


def test_recipes_are_frozen_and_named():
    assert set(RECIPES) == {"llatmu-task6", "shao-multitask", "shao-single-task", "minilm", "smollm2-lora", "smollm2-qlora", "smollm2-single-task"}
    assert all(recipe.name == name for name, recipe in RECIPES.items())
    with pytest.raises(FrozenInstanceError):
        get_recipe("minilm").epochs = 1


def test_overrides_change_only_what_they_name():
    recipe = get_recipe("llatmu-task6")
    other = recipe.but(backbone="minilm", fields="t, n", learning_rate=None)
    assert (other.backbone, other.fields, other.learning_rate, other.max_length) == ("minilm", ("t", "n"), recipe.learning_rate, 4096)
    assert "backbone" not in other.stated and "fields" not in other.stated and "dropout" in other.stated
    assert recipe.but() == recipe


@pytest.mark.parametrize("overrides, message", [
    ({"fields": "t,x"}, "no field 'x'"), ({"fields": "t,t"}, "twice"), ({"fields": "site"}, "site"), ({"learning_rate": 0.0}, "learning_rate"), ({"learning_rate": float("nan")}, "learning_rate"),
    ({"batch": -1}, "batch"), ({"validation": 1.0}, "validation"), ({"colour": 1}, "colour"), ({"loss": "hinge"}, "hinge"), ({"tuning": "half"}, "half")])
def test_a_recipe_that_cannot_run_is_refused(overrides, message):
    with pytest.raises(ValueError, match=message):
        get_recipe("minilm").but(**overrides)


def test_unknown_recipe_names_the_known():
    with pytest.raises(ValueError, match="llatmu-task6"):
        get_recipe("llatmu")


def test_every_trained_field_can_be_a_recipe():
    for name, field in FIELDS.items():
        if field.trained:
            assert Recipe("one", "none", "minilm", (name,)).fields == (name,)
        else:
            with pytest.raises(ValueError, match=name):
                Recipe("one", "none", "minilm", (name,))
    assert parse_fields(["t", "n"]) == ("t", "n")
