"Which of some answers a model finds likeliest: against the likelihood of the whole text, for every family."
import pytest

pytest.importorskip("torch", reason="generation needs the generate extra")
pytest.importorskip("transformers", reason="generation needs the generate extra")

import torch  # noqa: E402
from tiny_writers import FAMILIES, random_writer, REPORTS  # noqa: E402

from cancer_staging.writing.engines import TransformersEngine  # noqa: E402
from cancer_staging.writing.ranking import answer_likelihoods, rank_answers  # noqa: E402
from cancer_staging.writing.tasks import build_answer, build_prompt, get_task  # noqa: E402

CODES = ["C50.9", "C50.911", "C34.1", "C18"]


def likelihood(model, ids: list[int]) -> float:
    "Of a text's tokens, in one pass without a cache."
    with torch.no_grad():
        told = torch.log_softmax(model(torch.tensor([ids]), use_cache=False).logits[0, :-1], -1)
    return told.gather(1, torch.tensor(ids[1:])[:, None]).sum().item()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likelihood_of_an_answer_is_that_of_the_text_less_the_prompt(family):
    model, tokenizer = random_writer(family=family)
    task = get_task("icd10")
    prompt = tokenizer(build_prompt(task, REPORTS[3], tokenizer).text, add_special_tokens=False).input_ids
    answers = [tokenizer(build_answer(task, None, code, tokenizer), add_special_tokens=False).input_ids for code in CODES]
    assert len({len(answer) for answer in answers}) > 1
    assert answer_likelihoods(model, prompt, answers) == pytest.approx([likelihood(model, prompt + answer) - likelihood(model, prompt) for answer in answers], abs=2e-3)
    ranked = rank_answers(TransformersEngine(model, tokenizer), task, [REPORTS[3]], [CODES])[0]
    assert [one.answer for one in ranked] == sorted(CODES, key=lambda code: likelihood(model, prompt) - likelihood(model, prompt + answers[CODES.index(code)]))


def test_what_can_not_be_ranked_is_refused():
    model, tokenizer = random_writer()
    engine = TransformersEngine(model, tokenizer)
    for candidates, examples in (([CODES], None), ([CODES, CODES], [[]])):
        with pytest.raises(ValueError, match="there are 2 rows"):
            rank_answers(engine, "icd10", REPORTS[:2], candidates, examples)
    with pytest.raises(ValueError, match="text is empty"):
        rank_answers(engine, "icd10", [{"text": " "}], [CODES])
    with pytest.raises(ValueError, match="needs a token"):
        answer_likelihoods(model, [3, 4], [[]])
    assert answer_likelihoods(model, [3, 4], []) == []
