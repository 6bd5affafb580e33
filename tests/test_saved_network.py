"A staging model in its folder: the same answers to the bit, nothing of an older one, and clear words for what cannot be loaded."
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
pytest.importorskip("transformers", reason="needs the extra 'learn'")

from tiny_networks import batch, close, LABELS, logits_of, make, same, small_tokenizer, stir  # noqa: E402

from cancer_staging.models.network import StagingModel  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


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
    with pytest.raises(ValueError, match="no model.safetensors"):
        StagingModel.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="config.json can't be read"):
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
