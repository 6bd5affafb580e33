"""How fast this device trains, reads and writes with SmolLM2-135M, in a few seconds: `python nbs/benchmarks/device_rates.py FILE`.

What is measured goes into FILE, under the machine's name; `make_all.py` estimates by it how long a result takes. Until a device has been measured, the rates of `data/planned_rates.json` stand in.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

PLANNED = Path(__file__).resolve().parent / "data" / "planned_rates.json"
REFERENCE = 0.0029  # seconds of one core for an invented report, on the machine of the stored results
PROMPT = 32         # tokens before what is written


@dataclass(frozen=True)
class Rates:
    "What a device does in a second."
    machine: str            # such as `x86_64, 2 cores`
    device: str             # the card's name, or `cpu`
    start: float            # seconds until a process has its modules and a model
    passes: float           # forward and backward passes of training, for what each takes whatever its size
    trained: float          # tokens trained on in them
    read: float             # tokens of prompts
    steps: float            # passes that write one token of each row, for what each takes whatever the rows
    written: float          # tokens that the rows write in them
    processor: float        # one core, as a multiple of that of the stored results
    how: str                # when it was measured, or what it is planned by

    @property
    def label(self) -> str:
        "The machine in words, with its card."
        return self.machine if self.device == "cpu" else f"{self.device}, {self.machine}"


def machine_name() -> str:
    "As the stored results name it."
    return f"{platform.machine()}, {os.cpu_count()} cores"


def planned_rates(device: str  # `cpu` or `cuda`
                  ) -> Rates:
    "What to reckon with before a device has been measured."
    return Rates(**json.loads(PLANNED.read_text(encoding="utf-8"))[device])


def kept_rates(path: Path) -> dict[str, Rates]:
    "What was measured and kept, by host and device."
    return {name: Rates(**of_machine) for name, of_machine in json.loads(path.read_text(encoding="utf-8")).items()} if path.is_file() else {}


def rates_key(device: str  # the card's name, or `cpu`
              ) -> str:
    "Under which a machine's rates are kept: two machines of one kind may differ."
    return f"{platform.node()}, {machine_name()}, {device}"


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    "The mean of a few repeats after one to warm up, with everything on the device finished."
    import torch

    def finished() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    work()
    began = finished()
    for _ in range(repeats):
        work()
    return (finished() - began) / repeats


def processor_speed(count: int = 60) -> float:
    "How fast one core reads reports by the grammar, as a multiple of the machine that the stored results were made on."
    from cancer_staging.corpora.synthetic import synthetic_reports
    from cancer_staging.rules.assembly import GRAMMAR

    texts = [report.text for report in synthetic_reports(count)]
    GRAMMAR.read(texts[0])
    began = time.process_time()
    for text in texts:
        GRAMMAR.read(text)
    return REFERENCE * count / max(time.process_time() - began, 1e-9)


def line_through(few: int, seconds_few: float, many: int, seconds_many: float) -> tuple[float, float]:
    "How often a second what is always there can be done, and how many units of what grows: from the seconds of few units and of many."
    each = max((seconds_many - seconds_few) / (many - few), 0.05 * seconds_many / many)
    return round(1 / max(seconds_few - few * each, 1e-4), 2), round(1 / each, 1)


def training_rates(model, rows: int, repeats: int) -> tuple[float, float]:
    "Passes and tokens a second of optimiser steps on an adapter, as in the recipes of the bench."
    import peft
    import torch
    from cancer_staging.models.recipes import get_recipe
    from cancer_staging.writing.tuning import adapter_settings

    model = peft.get_peft_model(model, adapter_settings(get_recipe("smollm2-instruct"), model)).train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-5)

    def step(count: int) -> None:
        ids = torch.randint(10, 1000, (count, 4 * PROMPT), device=model.device)
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    found = line_through(4 * PROMPT, seconds_of(lambda: step(1), repeats), 4 * PROMPT * rows, seconds_of(lambda: step(rows), repeats))
    model.unload()
    return found


def measure(started: float  # the clock when the process began
            ) -> Rates:
    "The rates of the card, or of the processor where there is none."
    import torch
    import trl  # noqa: F401 - what a run imports too
    from cancer_staging.models.backbones import load_causal

    cuda = torch.cuda.is_available()
    model, _ = load_causal("smollm2")
    start = time.time() - started
    rows, new, repeats = (32, 32, 5) if cuda else (4, 4, 1)
    passes, trained = training_rates(model, 32 if cuda else 3, repeats)
    model.eval()

    def write(count: int, tokens: int) -> None:
        ids = torch.randint(10, 1000, (count, PROMPT), device=model.device)
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, pad_token_id=0)

    def writing(count: int) -> float:
        return max(seconds_of(lambda: write(count, 1 + new), repeats) - seconds_of(lambda: write(count, 1), repeats), 1e-6) / new

    with torch.inference_mode():
        ids = torch.randint(10, 1000, (rows, 8 * PROMPT), device=model.device)
        reading = seconds_of(lambda: model(ids, logits_to_keep=1), repeats)
        steps, written = line_through(1, writing(1), rows, writing(rows))
    return Rates(machine_name(), torch.cuda.get_device_name() if cuda else "cpu", round(start, 1), passes, trained, round(ids.numel() / reading, 1), steps, written, round(processor_speed(), 2),
                 f"measured {date.today().isoformat()}")


def keep(rates: Rates, path: Path) -> None:
    "Writes the rates beside those of other machines."
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: asdict(other) for name, other in kept_rates(path).items()} | {rates_key(rates.device): asdict(rates)}
    fresh = path.with_suffix(".part")
    fresh.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def main() -> None:
    import psutil

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    rates = measure(psutil.Process().create_time())
    keep(rates, parser.parse_args().file)
    print(rates)


if __name__ == "__main__":
    main()
