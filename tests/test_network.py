"The staging model on tiny random backbones of each family: pooling, packing, loss and answering, with values."
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
pytest.importorskip("transformers", reason="needs the extra 'learn'")

from tiny_networks import batch, close, FAMILIES, FIELDS, LABELS, logits_of, make, REPORTS, small_tokenizer  # noqa: E402

from cancer_staging.models.losses import logits_to_probabilities, PartialLabelLoss  # noqa: E402
from cancer_staging.models.network import pack, pool_tokens, predict  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_head_of_pooled_tokens(family):
    model, inputs = make(family, pooling="mean"), batch()
    found = logits_of(model, **inputs)
    assert {name: tuple(value.shape) for name, value in found.items()} == {"t": (4, 4), "n": (4, 4), "er": (4, 2)}
    for row in range(4):
        ids = inputs["input_ids"][row][inputs["attention_mask"][row].bool()][None]
        with torch.no_grad():
            mean = model.backbone(input_ids=ids).last_hidden_state[0].mean(0)
        for name, head in model.heads.items():
            torch.testing.assert_close(found[name][row], head.weight @ mean + head.bias, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention", "last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_padding_does_not_change_logits(family, pooling):
    model, inputs = make(family, pooling=pooling), batch()
    found = logits_of(model, **inputs)
    wider = {name: torch.nn.functional.pad(value, (0, 7)) for name, value in inputs.items()}
    close(found, logits_of(model, **wider), 1e-5)
    left = {name: torch.stack([row.roll(20 - int(mask.sum())) for row, mask in zip(value, inputs["attention_mask"])]) for name, value in inputs.items()}
    assert left["attention_mask"][3, 0] == 0
    close(found, logits_of(model, **left), 1e-6)
    alone = logits_of(model, input_ids=inputs["input_ids"][3:, :5])
    close({name: value[3:] for name, value in found.items()}, alone, 1e-5)


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_pooling_by_hand(family):
    inputs = batch(2)
    ids = inputs["input_ids"][1][inputs["attention_mask"][1].bool()][None]
    for pooling in ("cls", "last", "attention"):
        model = make(family, pooling=pooling)
        with torch.no_grad():
            hidden = model.backbone(input_ids=ids).last_hidden_state[0]
            scores = model.attention(hidden)[:, 0].softmax(0) if pooling == "attention" else None
            vector = {"cls": hidden[0], "last": hidden[-1], "attention": None if scores is None else scores @ hidden}[pooling]
            torch.testing.assert_close(logits_of(model, **inputs)["t"][1], model.heads["t"](vector), atol=1e-5, rtol=0)


def test_attention_pooling_of_large_scores():
    hidden, mask = torch.randn(2, 3, 4), torch.tensor([[1, 1, 1], [1, 0, 0]])
    scores = torch.tensor([[500.0, -500.0, 0.0], [-800.0, 9.0, 9.0]])
    pooled = pool_tokens(hidden, mask, "attention", scores)
    torch.testing.assert_close(pooled, hidden[:, 0])


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention", "last"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_windows_of_a_report_by_hand(family, pooling):
    model, inputs = make(family, pooling=pooling), batch()
    window_report = torch.tensor([0, 1, 1, 2])
    found = logits_of(model, **inputs, window_report=window_report)
    with torch.no_grad():
        tokens = [model.backbone(input_ids=ids[mask.bool()][None]).last_hidden_state[0] for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"])]
        for report, rows in enumerate(([0], [1, 2], [3])):
            together = torch.cat([tokens[row] for row in rows])
            vector = {"cls": lambda: torch.stack([tokens[row][0] for row in rows]).mean(0), "last": lambda: torch.stack([tokens[row][-1] for row in rows]).mean(0),
                      "mean": lambda: together.mean(0), "attention": lambda: model.attention(together)[:, 0].softmax(0) @ together}[pooling]()
            for name, head in model.heads.items():
                torch.testing.assert_close(found[name][report], head(vector), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["modernbert", "llama", "gemma3"])
def test_packed_rows_are_the_padded_ones(family):
    "Flash attention gets one row of real tokens with borders; here each piece between borders is run by itself."
    model, inputs = make(family, pooling="mean"), batch()
    padded, backbone = logits_of(model, **inputs), model.backbone

    class Flash(torch.nn.Module):
        def forward(self, input_ids, position_ids, cu_seq_lens_q, cu_seq_lens_k, max_length_q, max_length_k):
            assert len(input_ids) == 1 and cu_seq_lens_q.tolist() == cu_seq_lens_k.tolist() == [0, 20, 35, 45, 50] and max_length_q == max_length_k == 20
            pieces = [slice(start, end) for start, end in zip(cu_seq_lens_q.tolist(), cu_seq_lens_q.tolist()[1:])]
            assert all(position_ids[0, piece].tolist() == list(range(piece.stop - piece.start)) for piece in pieces)
            hidden = [backbone(input_ids=input_ids[:, piece]).last_hidden_state for piece in pieces]
            return type("Output", (), {"last_hidden_state": torch.cat(hidden, 1)})
    model.backbone, model.config.attention = Flash(), "flash_attention_2"
    close(padded, logits_of(model, **inputs), 1e-5)


def test_every_weight_is_trained():
    "No weight is left without a gradient, which several processes would stumble over."
    for family in FAMILIES:
        model = make(family, pooling="attention")
        model(**batch(), labels=LABELS).loss.backward()
        assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("settings", [{}, {"loss": "focal", "focal_gamma": 1.0}, {"loss": "coral"}, {"loss": "corn"}, {"label_smoothing": 0.1}, {"class_weights": {"t": [1, 2, 3, 4]}},
                                      {"task_weights": {"t": 1, "n": 2, "er": 3}}, {"task_weights": "learned"}], ids=str)
def test_loss_is_the_partial_label_loss(settings):
    model, inputs = make(**settings), batch()
    output = model(**inputs, labels=LABELS, valid_counts=torch.tensor([5, 4, 3]))
    kind = settings.get("loss", "cross_entropy")
    kinds = {name: "cross_entropy" if name == "er" and kind in ("coral", "corn") else kind for name in FIELDS}
    loss = PartialLabelLoss({"t": 4, "n": 4, "er": 2}, kinds, **{name: value for name, value in settings.items() if name != "loss"})
    loss.load_state_dict(model.loss.state_dict())
    expected = loss(output.logits, LABELS, torch.tensor([5, 4, 3]))
    torch.testing.assert_close(output.loss, expected.total)
    assert {name: value.item() for name, value in output.per_field.items()} == {name: value.item() for name, value in expected.per_field.items()}
    assert output.logits["t"].shape == (4, 3 if kind in ("coral", "corn") else 4) and output.logits["er"].shape == (4, 2)


def test_missing_labels_everywhere():
    model = make().train()
    output = model(**batch(), labels=torch.full((4, 3), -1))
    output.loss.backward()
    assert output.loss == 0 and all((weight.grad == 0).all() for weight in model.parameters())


def test_heads_stay_in_float32():
    model = make("llama", dtype="bfloat16", tuning="lora")
    assert model.backbone.dtype == torch.bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(**batch(), labels=LABELS)
    assert output.loss.dtype == output.logits["t"].dtype == model.heads["t"].weight.dtype == torch.float32


@pytest.mark.parametrize("family, settings", [*((family, {}) for family in FAMILIES), ("llama", {"tuning": "qlora", "pooling": "last"}), ("bert", {"loss": "corn", "pooling": "attention"})],
                         ids=str)
def test_predictions_do_not_depend_on_batches_or_order(family, settings, tokenizer):
    if settings.get("tuning") == "qlora":
        pytest.importorskip("bitsandbytes")
    model = make(family, **{"pooling": "mean", "window": 24, "max_length": 60, **settings})
    texts = [f"{text} {number} of the" for number, text in enumerate(REPORTS * 2)]
    model.train()
    whole = predict(model, tokenizer, texts)
    assert model.training
    order = np.random.default_rng(0).permutation(len(texts))
    for batch_tokens in (1, 60, 10_000):
        found = predict(model, tokenizer, [texts[number] for number in order], batch_tokens)
        assert found.cut_tokens.tolist() == whole.cut_tokens[order].tolist() and found.real_tokens == whole.real_tokens
        for name, values in whole.probabilities.items():
            np.testing.assert_allclose(found.probabilities[name], values[order], atol=1e-5)
            assert values.dtype == np.float32 and np.allclose(values.sum(1), 1, atol=1e-5)
    assert whole.cut_tokens.max() > 0 and whole.computed_tokens >= whole.real_tokens


def test_predictions_are_those_of_each_report(tokenizer):
    model = make("modernbert", pooling="cls")
    found = predict(model, tokenizer, REPORTS[:3], 30)
    for row, text in enumerate(REPORTS[:3]):
        ids = torch.tensor([tokenizer(" ".join(text.split())).input_ids])
        np.testing.assert_allclose(found.probabilities["t"][row], logits_of(model, input_ids=ids)["t"].softmax(1)[0].numpy(), atol=1e-5)


def test_temperature_divides_logits(tokenizer):
    model = make(tokenizer=tokenizer)
    plain = predict(model, None, REPORTS).probabilities
    model.set_temperatures({"n": 2.5})
    calibrated = predict(model, None, REPORTS).probabilities
    assert np.array_equal(plain["t"], calibrated["t"])
    expected = logits_to_probabilities("cross_entropy", torch.from_numpy(np.log(plain["n"])) / 2.5).numpy()
    np.testing.assert_allclose(calibrated["n"], expected, atol=1e-6)
    with pytest.raises(ValueError, match="no field 'm'"):
        model.set_temperatures({"m": 1.0})
    with pytest.raises(ValueError, match="temperature of 't' must be above 0"):
        model.set_temperatures({"t": 0.0})


@pytest.mark.parametrize("settings, message", [
    ({"fields": []}, "at least one field"), ({"fields": ["size"]}, "no field 'size'"), ({"fields": ["site"]}, "'site' has no labels"), ({"fields": ["t", "t"]}, "named twice"),
    ({"pooling": "max"}, "pooling 'max' is none of"), ({"tuning": "prefix"}, "tuning 'prefix'"), ({"quantization": "fp4"}, "quantization 'fp4'"), ({"loss": "hinge"}, "loss 'hinge'"),
    ({"dropout": 1.0}, "dropout must be in"), ({"max_length": 0}, "max_length must be in"), ({"window": 16, "stride": 16}, "cannot share 16"), ({"colour": 1}, "no setting 'colour'"),
    ({"class_weights": {"m": [1, 1]}}, "'m'"), ({"labels": {"t": ["T1", "T9"]}}, "'T9' is no label of field 't'"), ({"label_smoothing": 0.1, "loss": "focal"}, "label_smoothing belongs"),
])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_pack_borders():
    packed = pack(torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([[1, 1, 0], [1, 1, 1]]))
    assert packed["input_ids"].tolist() == [[5, 6, 7, 8, 9]] and packed["position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert packed["cu_seq_lens_q"].tolist() == [0, 2, 5] and packed["cu_seq_lens_q"].dtype == torch.int32 and packed["max_length_q"] == 3
