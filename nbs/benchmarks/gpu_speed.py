"""Training and generation at full size on one CUDA card: tokens per second, share of the card's peak, memory.

Nothing is downloaded: the architectures are built from their configurations with random weights, which take as long to compute with as trained ones.

    python nbs/benchmarks/gpu_speed.py          # measures on the card and stores results/gpu_<card>.json
    python nbs/benchmarks/gpu_speed.py --tiny   # the same code on small models, on any machine; shown, not stored
"""
from __future__ import annotations

import argparse
import copy
import gc
import json
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, LlamaConfig, MistralConfig, ModernBertConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import is_flash_attn_2_available

from cancer_staging.models.backbones import quantize
from cancer_staging.models.configuration import StagingConfig
from cancer_staging.models.network import StagingModel
from cancer_staging.models.training import versions

RESULTS = Path(__file__).resolve().parent / "results"
NO_CARD = "no CUDA card here; run `python nbs/benchmarks/gpu_speed.py` on a machine that has one (--tiny runs the same code on small models anywhere)"
FIELDS = ("t", "n", "m", "grade", "er", "pr", "her2")
PUBLISHED = {"system": "CancerLLM (7B)", "source": "Li et al. 2024, arXiv 2406.10459", "fine-tuning": 7338, "generation": 5550}  # MB


# Dense 16-bit tensor peak in TFLOP/s with float32 accumulation. From NVIDIA's data sheets and architecture papers; where a sheet prints the figure with sparsity, half of it.
CARDS = (
    (r"T4", 65.0, "float16"),  # no bfloat16
    (r"V100.*SXM.*", 125.0, "float16"),
    (r"A10", 125.0, "bfloat16"),
    (r"A30", 165.0, "bfloat16"),
    (r"A40", 149.7, "bfloat16"),
    (r"A100.*", 312.0, "bfloat16"),
    (r"RTX A6000", 154.8, "bfloat16"),
    (r"RTX 3090", 71.0, "bfloat16"),
    (r"L4", 121.0, "bfloat16"),
    (r"L40", 181.0, "bfloat16"),
    (r"L40S", 362.0, "bfloat16"),
    (r"RTX 4090", 165.2, "bfloat16"),
    (r"RTX 6000 Ada Generation", 364.2, "bfloat16"),
    (r"H100 PCIe", 756.0, "bfloat16"),
    (r"H100 NVL|H200 NVL", 835.5, "bfloat16"),
    (r"H100 80GB HBM3|H200|GH200.*", 989.4, "bfloat16"),
    (r"B200", 2250.0, "bfloat16"),
)


def peak_tflops(name: str,                   # as torch.cuda.get_device_name() says it
                precision: str = "bfloat16"  # what is computed in
                ) -> float | None:
    "The card's dense peak in TFLOP/s; None for a card that is not in the table, a slice of a card (MIG), or another precision."
    short = re.sub(r"^(NVIDIA |Tesla |GeForce )+", "", name)
    return next((peak for pattern, peak, known in CARDS if "MIG" not in name and known == precision and re.fullmatch(pattern, short)), None)


# --- What is measured ---

def architectures(tiny: bool  # shrunk, to test the code
                  ) -> dict[str, PreTrainedConfig]:
    "Configurations as published."
    if tiny:
        small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 100}
        ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
        return {"ModernBERT-large": ModernBertConfig(**small, **ends, cls_token_id=1, sep_token_id=2, local_attention=16),
                "Llama-3-8B": LlamaConfig(**small, **ends, num_key_value_heads=2), "Mistral-7B": MistralConfig(**small, **ends, head_dim=8, num_key_value_heads=2, sliding_window=None)}
    return {
        "ModernBERT-large": ModernBertConfig(hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, intermediate_size=2624, max_position_embeddings=8192),
        "Llama-3-8B": LlamaConfig(hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=128256,
                                  max_position_embeddings=8192, rope_parameters={"rope_theta": 500000.0, "rope_type": "default"}),
        "Mistral-7B": MistralConfig(hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, vocab_size=32000, sliding_window=None)}


@dataclass(frozen=True)
class Case:
    "One measurement."
    architecture: str            # one of `architectures`
    work: str                    # `full`: training step of all weights; `qlora`: of an adapter on a 4-bit base; `generate`
    tokens: int                  # of each report, or of the prompt
    batch: int                   # reports at once; halved until the card can hold them
    checkpointing: bool = False  # activations are computed again in the backward pass
    rank: int = 64               # of the adapter
    new_tokens: int = 128        # generated
    warm_up: int = 3             # runs before the clock starts
    repeats: int = 10            # runs with the clock


def cases(tiny: bool  # shrunk, to test the code
          ) -> list[Case]:
    "The published systems at their own sizes; seven fields, and reports that fill the length, so no token is padding."
    listed = [Case("ModernBERT-large", "full", 4096, 8), Case("Llama-3-8B", "qlora", 4096, 1, True), Case("Mistral-7B", "qlora", 4096, 1, True), Case("Mistral-7B", "qlora", 1024, 1, True),
              Case("Llama-3-8B", "generate", 2048, 1, warm_up=1, repeats=3), Case("Mistral-7B", "generate", 2048, 1, warm_up=1, repeats=3)]
    return [replace(case, tokens=24, batch=min(case.batch, 2), rank=4, new_tokens=4, warm_up=1, repeats=2) for case in listed] if tiny else listed


# --- Arithmetic ---

def attended_keys(config: PreTrainedConfig,  # of the backbone
                  tokens: int,               # of a report
                  dense: bool = False,       # count masked pairs too, as kernels do that compute and then mask them
                  ) -> list[float]:
    "How many tokens a token attends to, on average, in each layer: those before it and itself in a causal model, a window in ModernBERT's local layers."
    local = (getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers) if config.model_type == "modernbert" else []
    if dense:
        return [float(tokens)] * config.num_hidden_layers
    if not local:
        return [(tokens + 1) / 2] * config.num_hidden_layers
    reach = config.local_attention // 2
    within = sum(min(at + reach, tokens - 1) - max(at - reach, 0) + 1 for at in range(tokens)) / tokens
    return [within if kind == "sliding_attention" else float(tokens) for kind in local]


@dataclass(frozen=True)
class ForwardFlops:
    "Floating-point operations of one report's forward pass through the backbone; a multiplication and an addition are two."
    base: float       # products with the weights
    adapter: float    # products with the LoRA matrices
    attention: float  # queries with keys, and weights with values

    @property
    def total(self) -> float:
        return self.base + self.adapter + self.attention

    def training(self, frozen: bool  # the base weights get no gradient
                 ) -> float:
        "Of forward and backward pass: the backward pass computes the gradients of inputs and of weights, each as dear as the forward pass, but none for frozen weights. What checkpointing computes twice counts once."
        return (2 if frozen else 3) * self.base + 3 * (self.adapter + self.attention)


def forward_flops(backbone: nn.Module,   # encoder or decoder; heads, norms and embeddings are left out, under a thousandth
                  tokens: int,           # of the report
                  dense: bool = False,   # see `attended_keys`
                  ) -> ForwardFlops:
    "Counted from the shapes of the backbone's layers, whether quantised or not."
    weights = {False: 0, True: 0}
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Linear):
            weights["lora_" in name] += module.in_features * module.out_features
    config = backbone.config
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    pairs = sum(attended_keys(config, tokens, dense)) * tokens
    return ForwardFlops(2.0 * tokens * weights[False], 2.0 * tokens * weights[True], 4.0 * pairs * config.num_attention_heads * head)


# --- Models made where they run ---

def quantized_model(config: PreTrainedConfig,  # of a decoder
                    model_class,               # AutoModel or AutoModelForCausalLM
                    device: torch.device,
                    dtype: torch.dtype,        # of what is not quantised, and of the computing
                    ) -> PreTrainedModel:
    "A random model whose layers are made one by one on the device and stored in NF4 with double quantisation, so that no full copy ever stands anywhere."
    settings = StagingConfig(fields=["t"], tuning="qlora", backbone_dtype=str(dtype).removeprefix("torch."))
    first = copy.deepcopy(config)
    first.num_hidden_layers = 1
    with torch.device(device):
        model = model_class.from_config(first, dtype=dtype, attn_implementation="sdpa")
        backbone = model.base_model
        make_layer = type(backbone.layers[0])
        backbone.config.num_hidden_layers = model.config.num_hidden_layers = config.num_hidden_layers
        backbone.layers = nn.ModuleList()
        for number in range(config.num_hidden_layers):
            layer = make_layer(backbone.config, number).to(dtype)
            quantize(layer, settings)
            backbone.layers.append(layer)
    return model


def staging_model(case: Case, config: PreTrainedConfig, device: torch.device, dtype: torch.dtype) -> StagingModel:
    "The package's own model on a random backbone, ready for a training step."
    if case.work == "qlora":
        backbone = quantized_model(config, AutoModel, device, dtype)
        settings = {"tuning": "qlora", "pooling": "last", "lora_rank": case.rank, "lora_alpha": 2 * case.rank}
    else:
        attention = "flash_attention_2" if device.type == "cuda" and is_flash_attn_2_available() else "sdpa"
        with torch.device(device):
            backbone = AutoModel.from_config(config, attn_implementation=attention, dtype=torch.float32)
        settings = {"pooling": "cls", "attention": attention}
    model = StagingModel.from_backbone(backbone, FIELDS, max_length=None, **settings).to(device)
    if case.checkpointing:
        model.backbone.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


# --- Measuring ---

def clocked(work: Callable[[], object], case: Case, device: torch.device) -> Iterator[float]:
    "Seconds of each repeat, after the warm-up, with everything on the device finished."
    for number in range(case.warm_up + case.repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= case.warm_up:
            yield time.perf_counter() - start


def memory(device: torch.device) -> dict[str, int | None]:
    "The most memory held by tensors since the last reset, and by the allocator, in MB (10⁶ bytes); None without a card."
    if device.type != "cuda":
        return {"peak_memory_mb": None, "reserved_memory_mb": None}
    return {"peak_memory_mb": round(torch.cuda.max_memory_allocated() / 1e6), "reserved_memory_mb": round(torch.cuda.max_memory_reserved() / 1e6)}


def built_memory(device: torch.device) -> dict[str, int | None]:
    "What the model holds, and the most while it was made, in MB; starts the count anew."
    if device.type != "cuda":
        return {"model_mb": None, "building_mb": None}
    found = {"model_mb": round(torch.cuda.memory_allocated() / 1e6), "building_mb": round(torch.cuda.max_memory_allocated() / 1e6)}
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return found


def share_of_peak(flops: float, seconds: float, peak: float | None) -> float | None:
    "The share of the card's dense peak; None where that is not known."
    return None if peak is None else round(flops / seconds / (peak * 1e12), 4)


def measure_training(case: Case, config: PreTrainedConfig, device: torch.device, dtype: torch.dtype, peak: float | None) -> dict:
    "Whole optimiser steps of the package's model: forward, loss over seven fields, backward, clipping, AdamW."
    model = staging_model(case, config, device, dtype)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
    input_ids = torch.randint(3, config.vocab_size - 3, (case.batch, case.tokens), device=device)
    labels = torch.stack([torch.randint(-1, len(names), (case.batch,), device=device) for names in model.config.labels.values()], 1)

    def step():
        with torch.autocast(device.type, dtype):
            loss = model(input_ids=input_ids, labels=labels).loss
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    built = built_memory(device)
    seconds = list(clocked(step, case, device))
    median = statistics.median(seconds)
    flops = case.batch * forward_flops(model.backbone, case.tokens).training(frozen=case.work == "qlora")
    return {**built, **memory(device), "trained_parameters": sum(weight.numel() for weight in trained), "attention": model.config.attention,
            "seconds": [round(value, 5) for value in seconds], "tokens_per_second": round(case.batch * case.tokens / median, 1),
            "tflop_per_step": round(flops / 1e12, 6), "tflops": round(flops / median / 1e12, 3), "share_of_peak": share_of_peak(flops, median, peak)}


def measure_generation(case: Case, config: PreTrainedConfig, device: torch.device, dtype: torch.dtype, peak: float | None) -> dict:
    "Reading a prompt and generating after it with a key-value cache, by transformers' `generate`."
    model = quantized_model(config, AutoModelForCausalLM, device, dtype).eval()
    prompt = torch.randint(3, config.vocab_size - 3, (case.batch, case.tokens), device=device)

    def generate(count: int):
        answer = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0, use_cache=True)
        assert answer.shape[1] == case.tokens + count

    built = built_memory(device)
    with torch.no_grad():
        prompt_seconds = list(clocked(lambda: generate(1), case, device))
        all_seconds = list(clocked(lambda: generate(1 + case.new_tokens), case, device))
    reading, writing = statistics.median(prompt_seconds), max(statistics.median(all_seconds) - statistics.median(prompt_seconds), 1e-9)
    flops = case.batch * forward_flops(model.base_model, case.tokens).total
    return {**built, **memory(device), "attention": "sdpa", "seconds": [round(value, 5) for value in all_seconds], "prompt_seconds": [round(value, 5) for value in prompt_seconds],
            "prompt_tokens_per_second": round(case.batch * case.tokens / reading, 1), "tokens_per_second": round(case.batch * case.new_tokens / writing, 1),
            "prompt_share_of_peak": share_of_peak(flops, reading, peak)}


def measure_case(case: Case,               # its batch is halved until it fits, then activations are checkpointed
                 config: PreTrainedConfig,
                 device: torch.device,
                 dtype: torch.dtype,
                 peak: float | None,       # TFLOP/s
                 measure: Callable | None = None,  # in place of the two functions above
                 ) -> dict:
    "The case as it ran and what was measured, or `problem` where it can't run here."
    measure = measure or (measure_generation if case.work == "generate" else measure_training)
    while True:
        try:
            return {**asdict(case), **measure(case, config, device, dtype, peak)}
        except ImportError as error:
            return {**asdict(case), "problem": str(error)}
        except torch.OutOfMemoryError:
            if case.batch == 1 and (case.checkpointing or case.work == "generate"):
                return {**asdict(case), "problem": "the card's memory is too small"}
            case = replace(case, batch=case.batch // 2) if case.batch > 1 else replace(case, checkpointing=True)
        finally:
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()


def driver_version() -> str | None:
    "NVIDIA's driver; None where it can't be asked."
    try:
        return subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def machine(device: torch.device) -> dict:
    "What the figures depend on: card, driver, precision, peak, versions, date."
    if device.type != "cuda":
        return {"date": date.today().isoformat(), "device": f"CPU ({platform.machine()})", "driver": None, "precision": "bfloat16", "peak_tflops": None,
                "peak_note": "no CUDA card: no share of a peak is given", "versions": versions()}
    name, properties = torch.cuda.get_device_name(), torch.cuda.get_device_properties(0)
    precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    peak = peak_tflops(name, precision)
    return {"date": date.today().isoformat(), "device": name, "memory_gb": round(properties.total_memory / 1e9, 1), "compute_capability": f"{properties.major}.{properties.minor}",
            "driver": driver_version(), "precision": precision, "peak_tflops": peak,
            "peak_note": f"NVIDIA's figure for dense {precision}" if peak else f"the dense {precision} peak of this card is not in the table CARDS of gpu_speed.py: no share of it is given",
            "versions": {**versions(), "cuda": torch.version.cuda}}


def measure(device: torch.device | str,                # where to
            tiny: bool = False,                        # small models, to test the code
            report: Callable[[dict], None] = lambda result: None,  # called with the result so far after every case
            ) -> dict:
    "All cases on this device, with what the figures depend on."
    device = torch.device(device)
    result = {**machine(device), "tiny": tiny, "cases": []}
    torch.manual_seed(0)
    configs = architectures(tiny)
    for case in cases(tiny):
        result["cases"].append(measure_case(case, configs[case.architecture], device, getattr(torch, result["precision"]), result["peak_tflops"]))
        report(result)
    return result


def result_file(device: str  # its name
                ) -> Path:
    "Where the result of a card is kept."
    return RESULTS / f"gpu_{re.sub(r'[^a-z0-9]+', '_', device.lower()).strip('_')}.json"


def stored_results() -> list[dict]:
    "Every result that is kept beside this file, one a card."
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("gpu_*.json"))]


def write(result: dict, path: Path) -> None:
    "Keeps a result as JSON."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None  # of the command line
         ) -> None:
    "The command."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="the JSON file to write; results/gpu_<card>.json beside this script by default")
    parser.add_argument("--tiny", action="store_true", help="small models, also without a card: tests the code and says nothing about speed; written only where --out says")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not options.tiny:
        sys.exit(NO_CARD)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    path = options.out or (None if options.tiny else result_file(torch.cuda.get_device_name()))

    def report(result: dict) -> None:
        case = result["cases"][-1]
        print(f"{case['architecture']}, {case['work']}, {case['batch']} × {case['tokens']} tokens:", case.get("problem") or f"{case['tokens_per_second']:,.0f} tokens/s, peak memory {case['peak_memory_mb']} MB", flush=True)
        if path:
            write(result, path)

    measure(device, options.tiny, report)
    if path:
        print("written to", path)


if __name__ == "__main__":
    main()
