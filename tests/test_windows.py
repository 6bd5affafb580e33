"The windows of a report: whole sentences that speak of its stage, as printed, in order, in so many tokens; and the vectors that a frozen network makes of them."
import pytest

from cancer_staging.corpora.synthetic import synthetic_reports
from cancer_staging.models.windows import ranked_sentences, report_windows, SUBJECTS, window_text
from cancer_staging.rules.assembly import GRAMMAR
from cancer_staging.text.document import sentences


def count_words(pieces):
    return [len(piece.split()) for piece in pieces]


def chosen(report, tokens, windows=1):
    return [window_text(report, spans) for spans in report_windows(report, count_words, tokens, windows)]


GROSS = "Gross description: received fresh is a specimen of 410 g. The surface is painted black. It is cut into nine slices. Cassettes A to C hold the first slice. "
COLON = ("Clinical history: anemia. " + GROSS + "Final diagnosis: sigmoid colon, resection. Adenocarcinoma, moderately differentiated. Tumor size: 4.2 cm. The tumor invades through the muscularis propria into pericolic fat. "
         "Diverticula are noted. Three of eighteen lymph nodes hold metastases (3/18). pT3 N1b. No perineural invasion is seen. Comment: the case was presented on Monday.")


def test_what_states_and_what_speaks_of_the_stage_comes_first():
    # the words of the six sentences, by hand: 3 + 4 + 10 + 8 + 2 + 5
    assert chosen(COLON, 32) == ["Adenocarcinoma, moderately differentiated. Tumor size: 4.2 cm. The tumor invades through the muscularis propria into pericolic fat. "
                                 "Three of eighteen lymph nodes hold metastases (3/18). pT3 N1b. No perineural invasion is seen."]


def test_the_rest_is_filled_from_the_diagnosis_and_then_in_order():
    # after those 32 words the diagnosis has two sentences, of 5 and 3; then the report from its beginning
    filled, = chosen(COLON, 40)
    assert filled.startswith("Final diagnosis: sigmoid colon, resection. Adenocarcinoma") and "Diverticula are noted." in filled and "Gross" not in filled
    assert chosen(COLON, 43)[0].startswith("Clinical history: anemia. Final diagnosis")
    assert chosen(COLON, 1000) == [COLON]


def test_a_report_that_says_little_is_filled_from_its_diagnosis():
    benign = GROSS + "Diagnosis: gallbladder, cholecystectomy. Chronic cholecystitis. Cholesterol polyps."
    assert chosen(benign, 7) == ["Diagnosis: gallbladder, cholecystectomy. Chronic cholecystitis. Cholesterol polyps."]


def test_a_heading_brings_what_stands_behind_it():
    text = "Final diagnosis: breast. Estrogen receptor:. 95 %. Progesterone receptor:. negative. It rained."
    assert chosen(text, 8) == ["Estrogen receptor:. 95 %. Progesterone receptor:. negative."]  # 2 + 2 + 2 + 1 words; one is left, and no sentence has one


def test_what_repeats_is_taken_once():
    page = "Lymph nodes: see page two. "
    report = page + "It rained. " + page + "It snowed. " + page + "No lymph node is involved."
    assert [rank for _, rank in ranked_sentences(report)] == [ranked_sentences(report)[0][1], 4, 4, 4, 4, ranked_sentences(report)[-1][1]] and ranked_sentences(report)[0][1] < 4
    assert chosen(report, 10) == ["Lymph nodes: see page two. No lymph node is involved."]


def test_several_windows_hold_whole_sentences_in_order():
    first, second = chosen(COLON, 18, 2)
    assert first == "Adenocarcinoma, moderately differentiated. Tumor size: 4.2 cm. The tumor invades through the muscularis propria into pericolic fat."
    assert second == "Diverticula are noted. Three of eighteen lymph nodes hold metastases (3/18). pT3 N1b. No perineural invasion is seen."  # four of the 36 words were left, and the diagnosis has a sentence of three


def test_a_sentence_longer_than_a_window_is_left_out():
    report = "Lymph nodes " + "and ".join(["nodes "] * 12) + ". Grade 2."
    assert chosen(report, 5) == ["Grade 2."]


def test_nothing_to_read_is_an_empty_window_and_no_room_an_error():
    assert report_windows("", count_words) == [[]] == report_windows("  \n ", count_words)
    for wrong in ({"tokens": 0}, {"windows": 0}):
        with pytest.raises(ValueError, match="hold nothing"):
            report_windows("a", count_words, **wrong)


@pytest.mark.parametrize("tokens, windows", [(30, 1), (60, 2), (25, 3)])
def test_windows_of_many_reports_are_whole_sentences_as_printed(tokens, windows):
    for report in [item.text for item in synthetic_reports(60, 3)]:
        found = report_windows(report, count_words, tokens, windows)
        spans = [span for window in found for span in window]
        whole = sentences(GRAMMAR.prepare(report).lower)
        assert found == report_windows(report, count_words, tokens, windows) and 1 <= len(found) <= windows
        assert all(span in whole for span in spans) and spans == sorted(set(spans))
        for window in found:
            assert len(window_text(report, window).split()) <= tokens
            assert all(report[start:end].strip() in window_text(report, window) for start, end in window)
        ranks = {span: rank for span, rank in ranked_sentences(report) if report[span[0]:span[1]].strip()}
        if windows == 1 and spans:  # a sentence that would have fitted is not left out for one of a later rank
            room = tokens - sum(len(report[start:end].split()) for start, end in spans)
            worst = max(ranks[span] for span in spans)
            left = [span for span in ranks if span not in spans and ranks[span] <= worst]
            assert all(len(report[start:end].split()) > room for start, end in left)


@pytest.mark.parametrize("phrase", ["the specimen is serially sectioned", "received in formalin", "representative sections are submitted", "the nodule is brown", "prior procedure", "an error", "graded doses", "t10 vertebra"])
def test_what_is_about_something_else_names_no_subject(phrase):
    assert SUBJECTS.search(phrase) is None


def test_windows_of_a_byte_level_tokenizer_fit_too():
    transformers = pytest.importorskip("transformers")
    from tokenizers import ByteLevelBPETokenizer

    from cancer_staging.models.windows import windowed

    reports = [item.text for item in synthetic_reports(30, 9)]
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(reports, vocab_size=400, special_tokens=["<end>"], show_progress=False)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made._tokenizer, eos_token="<end>")
    texts, unread = windowed(reports, tokenizer, 50)
    lengths = [len(tokenizer(" ".join(text.split())).input_ids) for text, in texts]
    assert max(lengths) <= 50 and min(lengths) > 25 and all(left > 0 for left in unread)


# The vectors of a frozen network

@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch"), pytest.importorskip("transformers")
    from tiny_backbones import save_encoder

    return str(save_encoder(tmp_path_factory.mktemp("tiny"), dropout=0.0, spread=0.2))


def test_vectors_are_mean_and_maximum_of_all_states(tiny):
    import numpy as np
    import torch

    from cancer_staging.models.backbones import load_backbone, load_tokenizer
    from cancer_staging.models.frozen import pooled_states

    model, tokenizer = load_backbone(tiny).eval(), load_tokenizer(tiny)
    windows = [["Invasive ductal carcinoma, pT2.", "Lymph nodes: two of twelve."], ["Skin."]]
    vectors = pooled_states(windows, model, tokenizer, 32)
    with torch.no_grad():
        states = torch.cat([model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in windows[0]])
    assert vectors.shape == (2, 64) and np.allclose(vectors[0], np.hstack([states.mean(0), states.amax(0)]), atol=1e-5)


def test_vectors_are_computed_once_and_kept_without_the_text(tiny, tmp_path):
    import numpy as np

    from cancer_staging.models.frozen import FrozenEncoder

    reports = [item.text for item in synthetic_reports(9, 4)]

    def encoder(**settings):
        return FrozenEncoder(tiny, **{"tokens": 48, "folder": tmp_path, "part": 4, **settings})

    class Stopped(Exception):
        pass

    def stop(done, of):
        if done == 8:
            raise Stopped

    first = encoder(progress=stop)
    with pytest.raises(Stopped):
        first.features(reports)
    second, whole = encoder(), encoder(folder=None)
    vectors = second.features([*reports, reports[0], None])
    assert np.array_equal(vectors[:9], whole.features(reports)) and np.array_equal(vectors[0], vectors[9]) and np.isfinite(vectors).all()
    alone = encoder(folder=None)
    alone.features([reports[8], None])
    assert second.tokens_read == alone.tokens_read < whole.tokens_read  # the run that was stopped had read eight
    assert not any(report.split()[2].encode() in path.read_bytes() for report in reports for path in tmp_path.iterdir() if len(report.split()[2]) > 6)
    other = encoder(tokens=40)
    assert not np.array_equal(other.features(reports[:1]), vectors[:1]) and other.tokens_read > 0
