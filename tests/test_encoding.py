"Reports as token windows: they overlap and cover, cuts are counted, and batches keep reports whole."
import copy

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'learn'")
pytest.importorskip("transformers", reason="needs the extra 'learn'")

from tiny_networks import make, REPORTS, small_tokenizer  # noqa: E402

from cancer_staging.models.configuration import StagingConfig  # noqa: E402
from cancer_staging.models.encoding import batch_reports, encode, Encoded  # noqa: E402
from cancer_staging.models.network import predict  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def test_windows_overlap_and_cover(tokenizer):
    text = "Carcinoma of the colon, pT3. " * 20
    ids = tokenizer(" ".join(text.split()), add_special_tokens=False).input_ids
    encoded = encode([text], tokenizer, StagingConfig(window=32, stride=10, max_length=None))
    bodies = [window[1:-1] for window in encoded.input_ids]
    assert all(window[0] == tokenizer.cls_token_id and window[-1] == tokenizer.sep_token_id for window in encoded.input_ids)
    assert all(len(body) == 30 for body in bodies[:-1]) and 10 < len(bodies[-1]) <= 30
    assert all(one[-10:] == other[:10] for one, other in zip(bodies, bodies[1:]))
    assert bodies[0] + [token for body in bodies[1:] for token in body[10:]] == ids
    assert encoded.cut_tokens.tolist() == [0] and encoded.window_report == [0] * len(bodies)


@pytest.mark.parametrize("length", range(28, 80))
def test_windows_of_every_length(tokenizer, length):
    "No window is empty, none repeats only what the one before has, and the last token is read."
    word = tokenizer("of", add_special_tokens=False).input_ids
    encoded = encode(["of " * length], tokenizer, StagingConfig(window=32, stride=8, max_length=None))
    bodies = [window[1:-1] for window in encoded.input_ids]
    assert len(word) == 1 and len(bodies) == max(1, -(-(length - 8) // 22))
    assert len(bodies[0]) + sum(len(body) - 8 for body in bodies[1:]) == length and all(len(body) > 8 for body in bodies)


def test_cuts_are_counted(tokenizer):
    lengths = [len(tokenizer(" ".join(text.split())).input_ids) for text in REPORTS]
    for window in (None, 16):
        encoded = encode(REPORTS, tokenizer, StagingConfig(max_length=20, window=window, stride=4))
        assert encoded.cut_tokens.tolist() == [max(0, length - 20) for length in lengths] and encoded.cut_tokens.max() > 50
        assert sorted(set(encoded.window_report)) == list(range(len(REPORTS)))
        assert max(map(len, encoded.input_ids)) == (window or 20)


def test_preprocessing(tokenizer):
    plain, spaced = "pT2\n\n pN0 \t in  nodes", "pT2 pN0 in nodes"
    assert encode([plain], tokenizer, StagingConfig()).input_ids == encode([spaced], tokenizer, StagingConfig()).input_ids
    kept = {}

    def reading(texts, **settings):
        kept.setdefault("texts", texts)
        return tokenizer(texts, **settings)
    encode([plain], lambda texts, **settings: reading(texts, **settings) if isinstance(texts, list) else tokenizer(texts, **settings), StagingConfig(collapse_whitespace=False))
    assert kept["texts"] == [plain]


def test_empty_reports_and_none(tokenizer):
    bare = copy.deepcopy(tokenizer)
    from tokenizers.processors import TemplateProcessing
    bare.backend_tokenizer.post_processor = TemplateProcessing(single="$A", special_tokens=[])
    assert encode(["", "a"], bare, StagingConfig()).input_ids[0] == [bare.pad_token_id]
    assert encode([], tokenizer, StagingConfig()).input_ids == []
    found = predict(make(tokenizer=tokenizer), None, [])
    assert found.probabilities["t"].shape == (0, 4) and found.computed_tokens == 0


def test_window_without_room(tokenizer):
    with pytest.raises(ValueError, match="no room beside 2 special tokens"):
        encode(["carcinoma"], tokenizer, StagingConfig(window=2, stride=0))


def test_batches_keep_reports_whole_and_alike():
    lengths = {0: [5], 1: [30, 30, 4], 2: [6], 3: [7], 4: [30]}
    encoded = Encoded([[1] * length for report in lengths.values() for length in report], [report for report, rows in lengths.items() for _ in rows], np.zeros(5, dtype=np.int64))
    assert batch_reports(encoded, 40) == [[1], [4], [3, 2, 0]]
    assert batch_reports(encoded, 120) == [[1, 4], [3, 2, 0]]
    assert batch_reports(encoded, 10_000) == [[1, 4, 3, 2, 0]]


def test_little_padding_on_reports_of_many_lengths(tokenizer):
    texts = ["of " * length for length in np.random.default_rng(0).integers(3, 60, 200)]
    found = predict(make("llama"), tokenizer, texts, 512)
    assert found.computed_tokens / found.real_tokens < 1.15
