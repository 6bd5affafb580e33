"Adapters and quantised weights on tiny random backbones: what is trained, what is stored, and the same bits whichever way."
import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'learn'")

from tiny_networks import batch, close, FAMILIES, FIELDS, LABELS, logits_of, make, same, small_tokenizer, stir  # noqa: E402

from cancer_staging.models.network import StagingModel  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


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
    with pytest.raises(ValueError, match="needs its base model .*no such folder"):
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
