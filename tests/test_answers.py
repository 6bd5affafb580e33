"Answers to a question of a form or a sentence, as pathologists word them. The phrases are invented."
from typing import get_args

import pytest

from cancer_staging.rules.margin_answers import answer_after, answer_before, MARGIN_ANSWER
from cancer_staging.text.answers import AnswerValue, FOUND_ANSWER, read_answer, read_choice, SIGN_VALUES

FOUND = [
    (": Not identified", "no"),
    (": Not definitively identified", "no"),
    (" is not seen in the sections examined", "no"),
    (": N0t identified", "no"),
    (": None", "no"),
    (": Absent", "no"),
    (": ( - )", "no"),
    (": Identified", "yes"),
    (": Present, focal", "yes"),
    (": Extensive", "yes"),
    (": A single focus", "yes"),
    (": (+)", "yes"),
    (": Suspicious", "perhaps"),
    (": Cannot be determined", "perhaps"),
    (": Focus suspicious for", "perhaps"),
    (": Not applicable", "perhaps"),
    ("absent", "no"),
    (": [ ] Not identified [X] Present", "yes"),
    (": Not identified [X] Present [ ]", "no"),
    (": [ ] Not identified [ ] Present", None),
    (": (2/17)", None),
    (": 3 mm", None),
    (" in the nodules of the northern pole", None),
]


@pytest.mark.parametrize("words, value", FOUND)
def test_whether_it_was_found(words, value):
    answer = read_answer(words.lower(), 0, len(words), "invasion")
    assert (answer.value if answer else None) == value


def test_a_ticked_box_of_the_next_question_is_not_this_ones():
    form = ": lymphatic invasion [x] present"
    assert read_choice(form, 0, len(form), "invasion") is None
    assert read_choice(": [x] present lymphatic invasion [x] absent", 0, 43, "invasion").value == "yes"


BEHIND = [
    ("margins: negative", "no"),
    ("margins: not involved", "no"),
    ("margins: un-involved by invasive carcinoma", "no"),
    ("margins are tree of tumor", "no"),
    ("margin shows no residual carcinoma", "no"),
    ("margin is not free of tumor", "yes"),
    ("margin is not entirely clear", "yes"),
    ("margin shows invasive carcinoma", "yes"),
    ("margin: involved", "yes"),
    ("margins involved by tumor: no", "no"),
    ("margins involved by tumor: yes", "yes"),
    ("margin: 0.3 cm", "distance"),
    ("margin: 0 mm", "yes"),
    ("margin: close", "distance"),
    ("margins cannot be assessed", "perhaps"),
    ("margins: not stated", None),
    ("margin is present", None),
    ("margin measures 4 mm", None),
    ("margins: lymph nodes: positive", None),
    ("margin, inked blue", None),
]


@pytest.mark.parametrize("words, value", BEHIND)
def test_what_stands_behind_a_margin(words, value):
    end = words.index("margin") + len("margins" if words.startswith("margins") else "margin")
    answer = answer_after(words, end, len(words))
    assert (answer.value if answer else None) == value
    assert answer is None or words[answer.start:answer.end].strip()


BEFORE = [
    ("carcinoma extends to the deep margin", "yes"),
    ("carcinoma is present at the inked margin", "yes"),
    ("tumor involves the skin margin", "yes"),
    ("carcinoma does not extend to the deep margin", "no"),
    ("no carcinoma is seen at any margin", "no"),
    ("negative surgical margins", "no"),
    ("carcinoma is 4 mm from the closest margin", "distance"),
    ("carcinoma extends to within 1 mm of the margin", "distance"),
    ("not free margin", "yes"),
    ("a staple line is present at the margin", None),
    ("the tumor measures 4 mm; deep margin", None),
]


@pytest.mark.parametrize("words, value", BEFORE)
def test_what_leads_to_a_margin(words, value):
    answer = answer_before(words, 0, words.index("margin"))
    assert (answer.value if answer else None) == value


@pytest.mark.parametrize("table", [FOUND_ANSWER, MARGIN_ANSWER], ids=lambda table: table.name)
def test_a_table_gives_no_other_answers_than_the_declared_ones(table):
    assert {SIGN_VALUES.get(row.meaning, row.meaning) for row in table.rows} <= set(get_args(AnswerValue))


@pytest.mark.parametrize("word, found, margin", [("clear", None, "no"), ("involved", None, "yes"), ("focal", "yes", None), ("close", None, "distance"), ("absent", "no", "no"), ("unknown", "perhaps", "perhaps")])
def test_the_two_tables_differ_where_the_questions_do(word, found, margin):
    assert [match and match.lastgroup for match in (FOUND_ANSWER.search(word), MARGIN_ANSWER.search(word))] == [found, margin]
