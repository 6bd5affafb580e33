"Scores of written text: the values of the shared tasks' own definitions, worked out here a second time from the published formulas."
import math
from collections import Counter
from zipfile import ZipFile

import pytest

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
pytest.importorskip("nltk")

from cancer_staging.evaluate import text as text_scores
from cancer_staging.evaluate.text import answer_set_scores, compare_generations, find_wordnet, generation_intervals, generation_scores, icd_accuracy, meteor_scores, pair_scores

PREDICTIONS = ["the cat sat on the mat today", "a big dog barked at me", "invasive ductal carcinoma , grade 2", "tumor size 3 cm"]
REFERENCES = ["the cat sat on a mat today", "a large dog barked at me", "invasive ductal carcinoma , grade 3", "the tumor size is 3 cm in the left breast"]


def corpus_bleu(predictions, references, order):
    "Papineni et al. 2002, as in `evaluate`'s bleu: no smoothing, one reference."
    matched, possible, lengths = [0] * order, [0] * order, [0, 0]
    for prediction, reference in zip(predictions, references):
        words = prediction.split(), reference.split()
        lengths = [lengths[0] + len(words[0]), lengths[1] + len(words[1])]
        for size in range(1, order + 1):
            given, wanted = (Counter(tuple(side[start:start + size]) for start in range(len(side) - size + 1)) for side in words)
            matched[size - 1] += sum((given & wanted).values())
            possible[size - 1] += sum(given.values())
    if not all(matched):
        return 0.0
    mean = math.exp(sum(math.log(a / b) for a, b in zip(matched, possible)) / order)
    return mean * (1 if lengths[0] >= lengths[1] else math.exp(1 - lengths[1] / lengths[0]))


def lcs(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def rouge(predictions, references, size=None):
    "Lin 2004: F over n-grams, or over the longest common subsequence; the mean over pairs."
    values = []
    for prediction, reference in zip(predictions, references):
        given, wanted = ([word for word in side.lower().replace(",", " ").split()] for side in (prediction, reference))
        if size is None:
            hits, counts = lcs(given, wanted), (len(given), len(wanted))
        else:
            grams = [Counter(tuple(side[start:start + size]) for start in range(len(side) - size + 1)) for side in (given, wanted)]
            hits, counts = sum((grams[0] & grams[1]).values()), tuple(sum(gram.values()) for gram in grams)
        precision, recall = (hits / count if count else 0 for count in counts)
        values.append(2 * precision * recall / (precision + recall) if hits else 0)
    return sum(values) / len(values)


def test_bleu_and_rouge_are_the_published_formulas():
    scores = generation_scores(PREDICTIONS, REFERENCES)
    assert scores["bleu"] == pytest.approx(corpus_bleu(PREDICTIONS, REFERENCES, 4)) == pytest.approx(0.4343, abs=5e-5)
    assert scores["bleu2"] == pytest.approx(corpus_bleu(PREDICTIONS, REFERENCES, 2))
    for name, size in (("rouge1", 1), ("rouge2", 2), ("rougeL", None)):
        assert scores[name] == pytest.approx(rouge(PREDICTIONS, REFERENCES, size)), name
    assert scores["exact_match"] == 0 and scores["cancerllm_average"] == pytest.approx((scores["bleu2"] + scores["rougeL"]) / 3)


def test_golden_values_by_hand():
    "13a makes eight words of each: Tumor : 3.5 cm , grade 2 . One is wrong, so 7 of 8 words are right, 5 of 7 pairs, 4 of 6 and 3 of 5. ROUGE has six: tumor 3 5 cm grade 2."
    scores = generation_scores(["Tumor: 3.5 cm, grade 2."], ["Tumor: 3.5 cm, grade 3."])
    assert scores["bleu"] == pytest.approx((7 / 8 * 5 / 7 * 4 / 6 * 3 / 5) ** 0.25) == pytest.approx(0.25 ** 0.25)
    assert scores["bleu2"] == pytest.approx((7 / 8 * 5 / 7) ** 0.5)
    assert [scores[name] for name in ("rouge1", "rouge2", "rougeL")] == pytest.approx([5 / 6, 4 / 5, 5 / 6])


def test_pairs_are_scored_one_by_one():
    found, whole = pair_scores(PREDICTIONS, REFERENCES), generation_scores(PREDICTIONS, REFERENCES)
    for name in ("exact_match", "rouge1", "rouge2", "rougeL"):
        assert found[name].mean() == pytest.approx(whole[name]), name
    assert found["bleu2"].tolist() == pytest.approx([corpus_bleu([a], [b], 2) for a, b in zip(PREDICTIONS, REFERENCES)])


def test_brevity_is_punished_and_case_counts_in_bleu_alone():
    short = generation_scores(["the tumor size is 3 cm"], ["the tumor size is 3 cm in the left breast"])
    assert short["bleu"] == pytest.approx(math.exp(1 - 10 / 6)) and short["rougeL_precision"] == 1 and short["rougeL_recall"] == 0.6
    capital = generation_scores(["LEFT BREAST , UPPER PART"], ["left breast , upper part"])
    assert capital["bleu"] == capital["exact_match"] == 0 and capital["rouge1"] == 1


@pytest.mark.skipif(find_wordnet() is None, reason=text_scores.WORDNET_HELP)
def test_meteor_is_that_of_hugging_face_evaluate():
    "The example of its documentation."
    prediction = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"
    assert meteor_scores([prediction], [reference])[0] == pytest.approx(0.6944, abs=5e-5)
    assert meteor_scores(["tumour removed", None], ["tumor removed", "x"]).tolist() == pytest.approx([0.9375, 0])  # a synonym counts; two words in one chunk: 1 − 0.5 / 8
    scores = generation_scores([prediction], [reference])
    assert scores["task4_mean"] == pytest.approx(sum(scores[name] for name in ("bleu", "rouge1", "rouge2", "rougeL", "meteor")) / 5)


def test_wordnet_is_found_as_the_downloader_leaves_it(monkeypatch, tmp_path):
    "A zip file in nltk's path, here of one word, without Debian's folder."
    import nltk

    monkeypatch.setattr(text_scores, "WORDNET_FOLDER", tmp_path / "none")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert find_wordnet.__wrapped__() is None
    written = dict.fromkeys(nltk.corpus.reader.wordnet.WordNetCorpusReader._FILES, "")
    written["lexnames"] = "".join(f"{number:02d}\tfile{number}\t1\n" for number in range(45))
    written["data.noun"] = "00000000 00 n 02 tumor 0 tumour 0 000 | a swelling\n"
    written["index.noun"] = "tumor n 1 0 1 0 00000000\ntumour n 1 0 1 0 00000000\n"
    (tmp_path / "corpora").mkdir()
    with ZipFile(tmp_path / "corpora" / "wordnet.zip", "w") as archive:
        archive.writestr("wordnet/", "")
        for name, content in written.items():
            archive.writestr(f"wordnet/{name}", content)
    assert find_wordnet.__wrapped__().synsets("tumour")[0].lemma_names() == ["tumor", "tumour"]


def test_without_wordnet_meteor_is_none(monkeypatch):
    monkeypatch.setattr(text_scores, "find_wordnet", lambda: None)
    scores = generation_scores(PREDICTIONS, REFERENCES)
    assert scores["meteor"] is None and scores["task4_mean"] is None and scores["bleu"] > 0


def test_silence_lowers_recall_alone():
    scores = generation_scores(["left", None, ""], ["left", "right", "left"])
    assert (scores["exact_match"], scores["exact_match_precision"], scores["exact_match_recall"], scores["exact_match_f1"]) == (1 / 3, 1, 1 / 3, 0.5)
    assert generation_scores([None], ["left"])["cancerllm_average"] == 0
    assert generation_scores([None, " "], ["", ""])["exact_match"] == 0  # silence is never right


@pytest.mark.parametrize("predictions, references, message", [(["a"], ["a", "b"], "1 predictions for 2"), ([], [], "no pair"), (["a"], [None], "reference is missing")])
def test_what_is_no_pair_is_refused(predictions, references, message):
    for score in (generation_scores, pair_scores, generation_intervals, icd_accuracy, answer_set_scores):
        with pytest.raises(ValueError, match=message):
            score(predictions, references)


def test_intervals_hold_the_corpus_score_and_follow_the_groups():
    right = [f"grade {number % 3}" for number in range(60)]
    given = [text if number % 4 else "grade 9" for number, text in enumerate(right)]
    found = generation_intervals(given, right, ["exact_match", "bleu2", "bleu", "rouge1"], samples=200)
    scores = generation_scores(given, right)
    for name, interval in found.items():
        assert interval.value == pytest.approx(scores[name]) and interval.low <= interval.value <= interval.high, name
    wide = generation_intervals(given, right, ["exact_match"], groups=[number % 4 for number in range(60)], samples=200)["exact_match"]
    assert wide.high - wide.low > found["exact_match"].high - found["exact_match"].low
    with pytest.raises(ValueError, match="meteor"):
        generation_intervals(given, right, ["meteor"])


def test_systems_are_compared_on_the_same_pairs():
    right = [f"grade {number % 3}" for number in range(60)]
    worse = [text if number % 4 else "grade 9" for number, text in enumerate(right)]
    found = compare_generations(right, worse, right, "exact_match", samples=400)
    assert found.value == pytest.approx(0.25) and 0 < found.low < 0.25 < found.high and found.p_value < 0.01
    assert compare_generations(worse, right, right, "exact_match", samples=400).value == pytest.approx(-0.25)


def test_sets_and_codes():
    found = answer_set_scores([{"er positive", "pr negative"}, set(), {"left"}], [{"er positive"}, set(), {"right"}])
    assert found == pytest.approx({"micro_precision": 1 / 3, "micro_recall": 1 / 2, "micro_f1": 0.4, "macro_precision": (1 / 2 + 1 + 0) / 3, "macro_recall": (1 + 1 + 0) / 3, "macro_f1": (2 / 3 + 1 + 0) / 3})
    codes = icd_accuracy(["C50 .9", "c189", "C20", None, "D05"], ["C50.9", "C18.2", "C20", "C61", "D05.1"])
    assert codes["icd3"].value == 0.8 and codes["icd_full"].value == 0.4 and codes["icd3"].low < 0.8 < codes["icd3"].high
