"""Every stored result of the bench: the command that makes it, what it needs first, what it costs and what it is worth. `make_all.py` makes what is missing.

Runs and systems are read from the scripts that make them, so that a new one is found by itself.
"""
from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from device_rates import Rates

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"

# What a reader of the pages misses most: 10 a page's main figure, 5 a row that completes a table, 1 what few would look for. The first pattern that fits counts.
WORTH = (
    ("adapter_*", 0, "no result itself: others begin with it"),
    ("examples_*", 0, "no result itself: others answer them"),
    ("gpu_speed", 10, "nothing of full size has been measured without it"),
    ("tuned_soap", 10, "whole notes are the work of LLATMU's task 4"),
    ("tuned_section", 9, "the other table of that page, and what `soap` begins with"),
    ("tuned_phenotype", 9, "the main table of CancerLLM's page"),
    ("tuned_icd10", 9, "its second table"),
    ("tuned_*-zero-shot", 7, "without it no gain can be told"),
    ("tuned_phenotype-misspelled", 6, "whether training with misspelled words helps"),
    ("tuned_phenotype-wrong-*", 4, "one point of a curve of four"),
    ("tuned_*", 5, "a row of a table"),
    ("compare_*", 6, "a row of the leaderboard"),
    ("cross_validation/hospital", 7, "how far the default model travels"),
    ("cross_validation/cancer_type", 6, "the same for cancers that it has not seen"),
    ("cross_validation/folds", 8, "how much the scores vary from fold to fold"),
    ("cross_validation/*", 3, "the same with four more seeds"),
    ("generation_speed", 6, "the paper's table 5"),
    ("robustness_generation/*", 5, "the curve of generated answers"),
    ("retrieval_*/smollm2/*", 3, "one retriever before one model"),
    ("retrieval_*", 2, "a retriever beside a tuned model, or alone"),
    ("*", 5, "a page of its own shows it"))


UNITS = ("passes", "trained", "read", "steps", "written", "processor")


@dataclass(frozen=True)
class Cost:
    "What making a result takes; a device's rates turn it into seconds."
    passes: float = 0        # of training: micro-batches
    trained: float = 0       # tokens that SmolLM2-135M is trained on
    read: float = 0          # tokens of prompts
    steps: float = 0         # passes that write one token of every row of a batch, at most
    written: float = 0       # tokens written in them
    processor: float = 0     # seconds of one core of the machine that the stored results were made on
    network: bool = True     # whether a model is loaded
    most: float = math.inf   # seconds of training, where the script ends it itself

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, name) + getattr(other, name) for name in UNITS), self.network or other.network, min(self.most, other.most))

    def __mul__(self, share: float) -> Cost:
        return Cost(*(getattr(self, name) * share for name in UNITS), self.network, self.most)

    def seconds(self, rates: Rates) -> float:
        "On a device of these rates."
        training = min(self.passes / rates.passes + self.trained / rates.trained, self.most)
        return (rates.start if self.network else rates.start / 4) + training + self.read / rates.read + self.steps / rates.steps + self.written / rates.written + self.processor / rates.processor


NOTHING = Cost(network=False)


@dataclass(frozen=True)
class Result:
    "One result, or what others need first."
    name: str
    command: tuple[str, ...]               # arguments of Python
    file: Path                             # what it writes
    table: str                             # that it is shown in; empty for what is not shown
    cost: Cost                             # of all of it
    left: Callable[[], Cost | None]        # what is still to be done; None: it is there
    worth: float = 0
    why: str = ""                          # it is worth that
    needs: tuple[str, ...] = ()            # names
    folder: Path | None = None             # that the command runs in
    resumes: bool = False                  # goes on where it was ended
    alone: bool = False                    # measures time: nothing runs beside it
    shares: str = ""                       # what else than its file only one process at once may write

    @property
    def holds(self) -> set[str]:
        "What no two processes may write at once."
        return {str(self.file), self.shares} - {""}


def worth_of(name: str) -> tuple[float, str]:
    "From the table."
    return next((worth, why) for pattern, worth, why in WORTH if fnmatchcase(name, pattern))


def read_json(path: Path) -> dict | None:
    "None for a file that is not there or not whole."
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# --- What is there ---

def left_of_file(path: Path, cost: Cost) -> Cost | None:
    "All or nothing."
    return cost if read_json(path) is None else None


def left_of_entries(path: Path, wanted: Sequence[Mapping[str, object]], cost: Cost, key: str = "runs") -> Cost | None:
    "The share of the wanted entries, each told by some of its values, that the file's list does not hold."
    held = (read_json(path) or {}).get(key, [])
    missing = sum(not any(all(entry.get(name) == value for name, value in one.items()) for entry in held) for one in wanted)
    return cost * (missing / len(wanted)) if missing else None


def trained_share(folder: Path  # of an adapter
                  ) -> float:
    "How much of the training is done, by its newest checkpoint."
    if (folder / "training.json").is_file():
        return 1.0
    states = [state for path in folder.glob("checkpoints/checkpoint-*/trainer_state.json") if (state := read_json(path)) and state.get("max_steps")]
    return max((state["global_step"] / state["max_steps"] for state in states), default=0.0)


def left_of_run(path: Path, folder: Path, training: Cost, answering: Cost | None) -> Cost | None:
    "Of a tuned model: the rest of its training, and its answers. Without answers, the adapter alone."
    if (folder / "training.json").is_file() if answering is None else read_json(path) is not None:
        return None
    return training * (1 - trained_share(folder)) + (answering or NOTHING)


# --- What it costs ---

@dataclass(frozen=True)
class Task:
    "How much there is to read and to write in a task's rows, counted on the test bed."
    train: int      # rows
    tokens: int     # of a training example
    prompt: int     # tokens of a test row
    answer: int     # tokens, at most: where the task cuts it


TASKS = {"phenotype": Task(6280, 107, 100, 48), "icd10": Task(5819, 261, 240, 12), "section_note": Task(1195, 230, 200, 256), "soap": Task(67, 2300, 1650, 1024),
         "diagnosis": Task(0, 0, 300, 64), "reports": Task(6233, 1110, 430, 0)}
BATCH_TOKENS = 16384  # of an engine, where a script does not say otherwise
SECTIONS = 4          # of a note that is written section by section


def answering(task: str, rows: int, prompts: int = 1, batch_tokens: int = BATCH_TOKENS) -> Cost:
    "Of so many rows, each with a prompt so many times as long as the task's own."
    of_task = TASKS.get(task, TASKS["section_note"])
    prompt = of_task.prompt * prompts
    batches = math.ceil(rows / max(1, batch_tokens // (prompt + of_task.answer)))
    return Cost(read=rows * prompt, steps=batches * of_task.answer, written=rows * of_task.answer)


def training_of(run  # a row of `tune_smollm2.RUNS`
                ) -> Cost:
    "Of its adapter."
    if run.recipe is None:
        return NOTHING
    from cancer_staging.models.recipes import get_recipe

    recipe = get_recipe(run.recipe)
    settings, of_task = {"epochs": recipe.epochs, "micro_batch": recipe.micro_batch, "max_length": recipe.max_length, "keep_best": getattr(recipe, "keep_best", None), **run.settings}, TASKS.get(run.task, TASKS["section_note"])
    rows = settings["epochs"] * min(settings.get("limit") or of_task.train, of_task.train)
    tokens = of_task.tokens + getattr(run, "shots", 0) * of_task.prompt
    longest = math.inf if run.task == "reports" else settings["max_length"]  # reports are read on in further blocks
    tried = answering(run.task, 100) * (settings["epochs"] + 4) if settings["keep_best"] else NOTHING  # validation rows after each epoch, then ends of answers
    return Cost(passes=rows / settings["micro_batch"], trained=rows * min(tokens, longest)) + tried


def answers_of(run, rows: int, batch_tokens: int) -> Cost:
    "What comes after the training: answers or perplexity, and scores."
    scoring = Cost(processor=90 if run.task == "soap" else 15, network=False)  # intervals of long notes take their time
    if run.copy is not None:
        return scoring
    if run.task == "reports":
        return Cost(read=2 * 100 * TASKS["reports"].prompt) + scoring
    if candidates := getattr(run, "candidates", 0):  # ranked, not written: a prompt is read once, and each candidate after it
        return Cost(read=rows * (TASKS[run.task].prompt * (1 + getattr(run, "shots", 0)) + candidates * TASKS[run.task].answer), steps=2 * rows, processor=60) + scoring
    if getattr(run, "by_section", False):
        sections = answering("section_note", SECTIONS * rows, TASKS[run.task].prompt / TASKS["section_note"].prompt, batch_tokens)
        return sections + scoring
    return answering(run.task, rows, 1 + getattr(run, "shots", 0), batch_tokens) + scoring


SIZES = {"minilm": (0.25, 0.3), "modernbert-from-configuration": (0.08, 0.4)}  # of a network's work for a token, and for a pass, in those of SmolLM2-135M; the latter goes by layers
READING = 0.07  # of MiniLM, for a token that it only reads
REPORT = 1110   # tokens of a whole report


def fitting_of(table: str, name: str, compared  # the module `compare_systems`
               ) -> Cost:
    "Of a row of a table of systems."
    train, test = {"breast": (325, 121), "t14": (6196, 383)}.get(table, (6196, 796))
    if name in compared.LINEAR or name == "llatmu":
        return Cost(processor=30 + (0.02 if name.startswith("tfidf") else 0.005) * (train + test), network=False)
    size, depth = next((of_backbone for backbone, of_backbone in SIZES.items() if name.startswith(backbone)), (1.0, 1.0))
    if name == getattr(compared, "FROZEN", None):
        return Cost(read=(train + test) * 2 * compared.TOKENS * READING, processor=20 + 0.015 * (train + test))
    if "zero-shot" in name:
        fields = len(compared.FIELDS[table])
        return Cost(read=test * (compared.TOKENS + 200 * fields), steps=test * (fields + 1) if "likelihood" in name else 5 * test * fields, processor=60)
    settings = getattr(compared, "TUNED", {}).get(table, {}).get(name, {})
    epochs, models = settings.get("epochs", 3), len(compared.FIELDS[table]) if "single-task" in name else 1
    rows, blocks = train * epochs * models, 0.0
    if name.startswith("modernbert"):  # pre-trained first, on blocks of whole reports, 16 at once
        blocks = train * getattr(compared, "PRETRAINING", {}).get(table, {}).get("epochs", 0) * REPORT / compared.TOKENS
    minutes = getattr(compared, "BUDGETS", {}).get(table, {}).get(name, math.inf)
    return Cost(passes=(rows / 8 + blocks / 16) * depth, trained=(rows + blocks) * compared.TOKENS * size, read=(test + 0.1 * train * epochs) * models * compared.TOKENS * size, processor=60, most=60 * minutes)


# --- The results ---

def script(name: str, *arguments: object) -> tuple[str, ...]:
    "A script of this folder with its arguments."
    return (str(HERE / name), *map(str, arguments))


def page(name: str) -> tuple[str, ...]:
    "A notebook of this folder, executed and cleaned."
    code = ("import subprocess, sys; from pathlib import Path; subprocess.run([sys.executable, '-m', 'nbconvert', '--to', 'notebook', '--execute', '--inplace', sys.argv[1]], check=True); "
            "subprocess.run([Path(sys.executable).with_name('nbdev_clean'), '--fname', sys.argv[1]], check=True)")
    return ("-c", code, str(HERE / name))


class Catalogue:
    "All results, and notes on what is odd about them."
    def __init__(self, models: Path, data: Path | None, results: Path = RESULTS, cuda: bool = False):
        self.models, self.data, self.results, self.cuda = models.resolve(), data, results.resolve(), cuda
        self.results_by_name: dict[str, Result] = {}
        self.notes: list[str] = []
        for part in (self._tuned, self._compared, self._retrieved, self._robustness, self._validated, self._processor, self._others, self._rest):
            try:
                part()
            except ImportError as error:
                self.notes.append(f"some results are not known here: {error}")
        made = {result.file.name for result in self.results_by_name.values()}
        if orphans := sorted(path.name for path in self.results.glob("*.json") if path.name not in made and not path.name.startswith("gpu_")):
            self.notes.append(f"nothing makes {', '.join(orphans)} any more, or what makes them is not known here")

    def _add(self, name: str, command: Sequence[str], file: str | Path, table: str, cost: Cost, left: Callable | None = None, wanted: Sequence[Mapping[str, object]] = (), key: str = "runs", **more) -> None:
        "A result with its worth; it is there when its file is, or when the file's list holds what is wanted, or as `left` says."
        worth, why = worth_of(name)
        path = self.results / file
        left = left or (partial(left_of_entries, path, wanted, cost, key) if wanted else partial(left_of_file, path, cost))
        self.results_by_name[name] = Result(name, tuple(command), path, table, cost, left, worth, why, **more)

    def _told(self, name: str) -> tuple[str, ...]:
        "What a script is told on a card, of the options that it has."
        source = (HERE / name).read_text(encoding="utf-8")
        return tuple(word for option, value in CUDA_OPTIONS.items() if self.cuda and re.search(rf'add_argument\("{option}"', source) for word in (option, value))

    def _batch_tokens(self, source: str) -> int:
        "Of a script, in the batches that it is told."
        return int(CUDA_OPTIONS["--batch-tokens"]) if "--batch-tokens" in self._told(source) else BATCH_TOKENS

    def _work(self, source: str) -> tuple[str, ...]:
        "Where a script keeps what it goes on with, if it has such an option."
        return ("--work", str(self.models / "compared")) if 'add_argument("--work"' in (HERE / source).read_text(encoding="utf-8") else ()

    def adapter(self, name: str) -> str:
        "What makes an adapter that others begin with: its result, or training alone where the result came without it from another machine."
        return f"adapter_{name}" if read_json(self.results / f"tuned_{name}.json") else f"tuned_{name}"

    def _tuned(self) -> None:
        import tune_smollm2

        told = self._told("tune_smollm2.py")
        for name, run in tune_smollm2.RUNS.items():
            path, folder, training = self.results / f"tuned_{name}.json", self.models / name, training_of(run)
            begins = (self.adapter(run.backbone),) if run.backbone in tune_smollm2.RUNS else ()
            rows = (f"examples_{run.task}",) if run.task in ("phenotype", "icd10") else ()
            answers = answers_of(run, tune_smollm2.TEST_ROWS.get(run.task, 200), self._batch_tokens("tune_smollm2.py"))
            self._add(f"tuned_{name}", script("tune_smollm2.py", name, "--models", self.models, *told), path, f"tuned {run.task}", training + answers, partial(left_of_run, path, folder, training, answers),
                      needs=begins + rows, resumes=run.recipe is not None, shares="vectors" if getattr(run, "shots", 0) or getattr(run, "candidates", 0) else "")
            if run.recipe is not None:
                train = "import sys; from pathlib import Path; from tune_smollm2 import train_run; train_run(sys.argv[1], Path(sys.argv[2]))"
                needs = tuple(need.replace("tuned_", "adapter_", 1) for need in begins) + rows
                self._add(f"adapter_{name}", ("-c", train, name, str(self.models)), folder / "training.json", "", training, partial(left_of_run, path, folder, training, None), needs=needs, resumes=True)
            self._note_settings(name, run.settings, read_json(path) or {})
        for task in ("phenotype", "icd10"):
            path, cost = self.models / f"examples_{task}.parquet", Cost(processor=120, network=False)
            make = "import sys; from pathlib import Path; from tune_smollm2 import examples; examples(sys.argv[1], Path(sys.argv[2]))"
            self._add(f"examples_{task}", ("-c", make, task, str(self.models)), path, "", cost, lambda path=path, cost=cost: None if path.is_file() else cost)

    def _note_settings(self, name: str, settings: Mapping[str, object], stored: dict) -> None:
        "Says where a stored run was made with other settings than it has now; it is made again only when it is removed."
        recipe = (stored.get("training") or {}).get("recipe", {})
        if changed := [f"{one} {recipe.get(one)}, now {value}" for one, value in settings.items() if recipe and one != "limit" and recipe.get(one) != value]:
            self.notes.append(f"tuned_{name} was made with other settings than it has now ({'; '.join(changed)}): remove it to have it made again")

    def _compared(self) -> None:
        import compare_systems

        work = self._work("compare_systems.py")
        for table, systems in compare_systems.SYSTEMS.items():
            for name in systems:
                cost = fitting_of(table, name, compare_systems)
                more = (*self._told("compare_systems.py"), *work) if cost.network else ()
                self._add(f"compare_{table}_{name}", script("compare_systems.py", table, name, *more), f"compare_{table}_{name}.json", f"compared, {table}", cost, resumes=bool(work) and cost.network, shares="frozen vectors" if name == getattr(compare_systems, "FROZEN", None) else "")

    def _retrieved(self) -> None:
        for task, same in (("icd10", ()), ("phenotype", ("--same", "question"))):
            path, rows = self.results / f"retrieval_{task}.json", self.models / f"examples_{task}.parquet"
            held = {(run["model"], run["retriever"], run["shots"]) for run in (read_json(path) or {}).get("runs", [])}
            plan = [("copy", name, (1,), 200) for name in ("random", "bm25", "minilm")] + [("smollm2", name, (0, 1, 3) if name == "bm25" else (1, 3), 100) for name in ("random", "bm25", "minilm")]
            for model, retriever, shots, count in [*plan, (task, "bm25", (0, 1), 200)]:
                wanted = [(model, "none" if shot == 0 else retriever, shot) for shot in shots]
                missing = [shot for *_, shot in (one for one in wanted if one not in held)]
                command = script("compare_retrievers.py", task, model, "--train", rows, "--test", rows, "--split", "test", "--rows", count, "--retrievers", retriever, *same, "--results", self.results,
                                 *self._told("compare_retrievers.py"), "--shots", *missing)
                cost = sum((answering(task, count, 1 + shot, self._batch_tokens("compare_retrievers.py")) for shot in shots if model != "copy"), Cost(read=TASKS[task].train * TASKS[task].prompt * READING if retriever == "minilm" else 0, processor=30, network=model != "copy"))
                self._add(f"retrieval_{task}/{model}/{retriever}", command, path, f"retrieved, {task}", cost, wanted=[dict(zip(("model", "retriever", "shots"), one)) for one in wanted],
                          needs=(f"examples_{task}", *((self.adapter(task),) if model == task else ())), folder=self.models, resumes=True)

    def _robustness(self) -> None:
        import robustness

        staged = [dict(zip(("system", "noise", "level", "mended"), key)) for key in robustness.staging_conditions()]
        self._add("robustness_staging", script("robustness.py", "--results", self.results, "staging", "--rows", 400), "robustness_staging.json", "robustness, staging", Cost(processor=900, network=False), wanted=staged, resumes=True)
        rows = self.models / "examples_phenotype.parquet"
        for model in ("phenotype", "phenotype-misspelled"):
            wanted = [{"model": model, "task": "phenotype", "noise": "misspelling", "level": level, "mended": mended} for level in robustness.RATES for mended in (False, True)]
            command = script("robustness.py", "--results", self.results, "--samples", 500, "generation", self.models / model, "--task", "phenotype", "--examples", rows, "--repair", "--rows", 120, *self._told("robustness.py"))
            cost = (answering("phenotype", 120, batch_tokens=self._batch_tokens("robustness.py")) + Cost(processor=8)) * len(wanted)
            self._add(f"robustness_generation/{model}", command, "robustness_generation.json", "robustness, generation", cost, wanted=wanted, needs=("examples_phenotype", self.adapter(model)), resumes=True)

    def _validated(self) -> None:
        import cross_validate

        fit = {name: {"tfidf-linear": 15, "tfidf-rules-boosting": 35, "minilm-frozen": 60}.get(name, 240) for name in cross_validate.SYSTEMS}  # seconds

        def runs(part: str, seeds: Sequence[int], folds: int) -> list[dict]:
            return [{"part": part, "system": name, "seed": seed, "fold": fold} for name in fit for seed in seeds for fold in range(folds)]

        for name, options, wanted in (("folds", ("folds", "--seeds", 1), runs("folds", [0], 5)), *((part, (part,), runs(part, range(5), 1)) for part in ("hospital", "cancer_type")), ("more-folds", ("folds",), runs("folds", range(1, 5), 5))):
            cost = Cost(processor=60 + sum(fit[one["system"]] for one in wanted), network=False)
            self._add(f"cross_validation/{name}", script("cross_validate.py", *options, *self._work("cross_validate.py")), "cross_validation.json", "cross-validation", cost, wanted=wanted, resumes=True)

    def _processor(self) -> None:
        corpus = (self.data or Path("data")) / "tcga" / "reports.parquet"
        command = ("-m", "cancer_staging", "evaluate", "default", "rules", "--data", str(corpus), "--split", "test", "--notation-removed", "--fields", "t,n,m", "--out", str(self.results / "notation_removed.json"))
        made = {"notation_removed": (90, command), "site_calibration": (4500, script("calibrate_site.py", "--models", self.models / "hospitals")), "review_queue": (900, script("review_queue.py")),
                "export_registry": (90, script("export_registry.py")), "paired_speed": (200, script("paired_speed.py")), **{name: (seconds, page(f"{name}.ipynb")) for name, seconds in (("speed", 900), ("training_speed", 900), ("test_split", 300), ("real_pdfs", 180), ("review_page", 120))}}
        for name, (seconds, command) in made.items():
            self._add(name, command, f"{name}.json", name.replace("_", " "), Cost(processor=seconds, network=False), alone=name in ("speed", "paired_speed", "training_speed", "review_page"))
        import scale

        path, cost = self.results / "scale.json", Cost(processor=600, network=False)
        for name in scale.BENCHMARKS:
            self._add(f"scale/{name}", script("scale.py", name), path, "scale", cost, lambda name=name: None if name in (read_json(path) or {}) else cost, alone=True)

    def _others(self) -> None:
        self._add("invented_answers", script("invented_answers.py", "--examples", self.models / "examples_phenotype.parquet"), "invented_answers.json", "invented answers", Cost(processor=40, network=False), needs=("examples_phenotype",))
        tasks = ("phenotype", "diagnosis", "icd10", "section_note", "soap")
        cost = sum((answering(task, 16) for task in tasks), Cost(processor=60))
        self._add("generation_speed", script("generation_speed.py"), "generation_speed.json", "generation speed", cost, wanted=[{"model": "smollm2", "task": task} for task in tasks], key="rows", alone=True)
        if self.cuda:  # a file for each card
            full = Cost(processor=240)
            self._add("gpu_speed", script("gpu_speed.py"), "gpu_*.json", "gpu speed", full, lambda: None if list(self.results.glob("gpu_*.json")) else full, alone=True)

    def _rest(self) -> None:
        "Scripts that write a result of their own name, and are not known otherwise."
        for path in sorted(HERE.glob("*.py")):
            if path.stem not in self.results_by_name and f'"{path.stem}.json"' in path.read_text(encoding="utf-8"):
                self._add(path.stem, script(path.name), f"{path.stem}.json", path.stem.replace("_", " "), Cost(processor=600, network=False), resumes=True)


CUDA_OPTIONS = {"--device": "cuda", "--dtype": "bfloat16", "--batch-tokens": "131072"}  # what a script is told on a card, where it has the option
