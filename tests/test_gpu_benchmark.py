"The GPU benchmark's arithmetic against hand counts and torch's own counter, and its whole path on small models without a card."
import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"))
gpu_speed = pytest.importorskip("gpu_speed")
sys.path.pop(0)

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from transformers import AutoModel, AutoModelForCausalLM, LlamaConfig, ModernBertConfig  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}
TOKENS = 20


def eager(config):
    "A model whose attention torch's counter can see, on inputs that need a gradient, as with an embedding that is trained."
    model = AutoModel.from_config(config, attn_implementation="eager")
    model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: output.requires_grad_(True) if output.is_leaf else output)
    return model.train()


def counted(model, backward=True):
    "FLOPs of a pass over one report, by torch."
    with FlopCounterMode(display=False) as counter:
        hidden = model(input_ids=torch.randint(3, 90, (1, TOKENS))).last_hidden_state
        if backward:
            hidden.sum().backward()
    return counter.get_total_flops()


def test_forward_flops_by_hand():
    model = eager(LlamaConfig(**SMALL, num_key_value_heads=2))
    found = gpu_speed.forward_flops(model, TOKENS)
    # a layer: q and o 32 × 32, k and v 32 × 16, gate, up and down 32 × 64: 2 × 1,024 + 2 × 512 + 3 × 2,048 = 9,216 weights
    assert found.base == 2 * TOKENS * 3 * 9216 == 1_105_920
    # attention: 4 heads × 8, (20 + 1) / 2 keys a token, two products of 2 operations
    assert found.attention == 3 * 4 * TOKENS * 10.5 * 32 == 80_640
    assert found.adapter == 0 and found.total == 1_186_560
    assert found.training(frozen=False) == 3 * 1_186_560 and found.training(frozen=True) == 2 * 1_105_920 + 3 * 80_640


@pytest.mark.parametrize("config", [LlamaConfig(**SMALL, num_key_value_heads=2), ModernBertConfig(**SMALL, local_attention=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)],
                         ids=["llama", "modernbert"])
def test_flops_are_those_that_torch_counts(config):
    model = eager(config)
    found = gpu_speed.forward_flops(model, TOKENS, dense=True)
    rotary = sum(2 * TOKENS * module.inv_freq.numel() for module in model.modules() if hasattr(module, "inv_freq"))  # angles are a small product in Llama
    assert counted(model, backward=False) - found.total in (0, rotary)
    assert counted(model) - found.training(frozen=False) in (0, rotary)


def test_flops_of_an_adapter_on_frozen_weights():
    from cancer_staging.models.adapters import add_adapter
    from cancer_staging.models.configuration import StagingConfig

    model = eager(LlamaConfig(**SMALL, num_key_value_heads=2))
    add_adapter(model, StagingConfig(fields=["t"], tuning="lora", lora_rank=4))
    found = gpu_speed.forward_flops(model, TOKENS, dense=True)
    # rank 4 × (in + out) of the seven layers: 4 × (2 × 64 + 2 × 48 + 3 × 96) = 2,048 weights
    assert found.adapter == 2 * TOKENS * 3 * 2048
    assert 0 <= counted(model) - found.training(frozen=True) <= 2 * TOKENS * 4


def test_local_attention_sees_its_window():
    config = ModernBertConfig(**SMALL, local_attention=4)
    # 2 tokens to either side: 3, 4, 5, …, 5, 4, 3 of 20
    assert gpu_speed.attended_keys(config, 20) == [20, (3 + 4 + 16 * 5 + 4 + 3) / 20, (3 + 4 + 16 * 5 + 4 + 3) / 20]
    assert gpu_speed.attended_keys(config, 20, dense=True) == [20, 20, 20]


def test_full_size_architectures():
    sizes = {}
    for name, config in gpu_speed.architectures(tiny=False).items():
        with torch.device("meta"):
            model = (AutoModel if name.startswith("Modern") else AutoModelForCausalLM).from_config(config)
        sizes[name] = sum(weight.numel() for weight in model.parameters())
    assert sizes == {"ModernBERT-large": 394_781_696, "Llama-3-8B": 8_030_261_248, "Mistral-7B": 7_241_732_096}  # as published


def test_cards():
    known = {"NVIDIA A100-SXM4-80GB": 312, "NVIDIA A10": 125, "NVIDIA H100 80GB HBM3": 989.4, "NVIDIA H100 PCIe": 756, "NVIDIA H200": 989.4, "NVIDIA L40S": 362, "NVIDIA L4": 121, "NVIDIA GeForce RTX 4090": 165.2}
    assert {name: gpu_speed.peak_tflops(name) for name in known} == known
    assert gpu_speed.peak_tflops("Tesla T4", "float16") == 65
    unknown = ("NVIDIA A10G", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "Tesla T4", "Made-up 9000")
    assert [gpu_speed.peak_tflops(name) for name in unknown] == [None] * 5


def test_model_is_made_in_four_bits():
    bitsandbytes = pytest.importorskip("bitsandbytes")
    config = LlamaConfig(**SMALL, num_key_value_heads=2)
    model = gpu_speed.quantized_model(config, AutoModelForCausalLM, torch.device("cpu"), torch.bfloat16)
    linear = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    assert len(linear) == 3 * 7 + 1 and [name for name, module in linear.items() if not isinstance(module, bitsandbytes.nn.Linear4bit)] == ["lm_head"]
    small = linear["model.layers.2.mlp.up_proj"].weight
    assert small.dtype == torch.uint8 and small.numel() == 32 * 64 // 2 and small.quant_state.nested and small.quant_state.quant_type == "nf4"
    assert gpu_speed.forward_flops(model.base_model, TOKENS).base == 1_105_920  # the same as of full weights
    ids = torch.randint(3, 90, (1, TOKENS))
    with torch.no_grad():
        whole = model(ids).logits[0, -1]
        cache = model(ids[:, :-1], use_cache=True).past_key_values
        assert torch.allclose(model(ids[:, -1:], past_key_values=cache).logits[0, -1].float(), whole.float(), atol=0.05)


def test_batch_is_halved_until_it_fits():
    tried = []

    def measure(case, *_):
        tried.append((case.batch, case.checkpointing))
        if case.batch > 1 or not case.checkpointing:
            raise torch.OutOfMemoryError
        return {"tokens_per_second": 1}

    found = gpu_speed.measure_case(gpu_speed.Case("ModernBERT-large", "full", 4096, 4), None, torch.device("cpu"), torch.bfloat16, None, measure)
    assert tried == [(4, False), (2, False), (1, False), (1, True)] and (found["batch"], found["checkpointing"], found["tokens_per_second"]) == (1, True, 1)

    def never(*_):
        raise torch.OutOfMemoryError

    assert "too small" in gpu_speed.measure_case(gpu_speed.Case("Llama-3-8B", "generate", 64, 2), None, torch.device("cpu"), torch.bfloat16, None, never)["problem"]


def test_without_a_card_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no CUDA card here; run .* on a machine that has one"):
        gpu_speed.main(["--out", str(tmp_path / "result.json")])
    assert not list(tmp_path.iterdir())


def test_whole_path_on_small_models(monkeypatch, tmp_path, capsys):
    pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu_speed.main(["--tiny", "--out", str(tmp_path / "result.json")])
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["tiny"] and result["peak_tflops"] is None and "no share" in result["peak_note"] and result["versions"]["torch"] == torch.__version__
    assert [(case["architecture"], case["work"]) for case in result["cases"]] == [(case.architecture, case.work) for case in gpu_speed.cases(tiny=False)]
    for case in result["cases"]:
        assert "problem" not in case and case["tokens_per_second"] > 0 and len(case["seconds"]) == 2
        assert case["peak_memory_mb"] is None and case.get("share_of_peak") is None
    # adapter: rank 4 on two layers of 2,048 weights; heads: 33 weights a label, 21 labels in seven fields
    assert result["cases"][1]["trained_parameters"] == 2 * 2048 + 33 * 21
    assert capsys.readouterr().out.count("tokens/s") == 6


def test_result_file_is_named_after_the_card():
    assert gpu_speed.result_file("NVIDIA H100 80GB HBM3").name == "gpu_nvidia_h100_80gb_hbm3.json"
