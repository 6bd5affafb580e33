"""Makes the stored results that are missing, in order of their worth: `python nbs/benchmarks/make_all.py [NAME ...] [--budget MINUTES] [--device cpu|cuda] [--models FOLDER] [--list]`.

Which results there are, what each needs, costs and is worth stands in `stored_results.py`. Each is made in a process of its own, the one with most worth for its minutes first, what it needs before it. A result that would
not be done within the budget is not begun; one that is not done when the budget is used up is ended, and a later call goes on with it. `--list` shows what there is and starts nothing.
With a card, results that use none are left to a machine without one, unless they are named. Adapters, rates (`rates.json`), what the runs print (`logs`) and how they ended (`made.json`) are kept in FOLDER.
"""
from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl

from cancer_staging.corpora.tcga import data_folder
from cancer_staging.runs import InputError, locked
from device_rates import kept_rates, planned_rates, Rates, rates_key
from origins import by_table, complete, differences, origins
from stored_results import Catalogue, HERE, read_json, Result

GRACE = 20       # seconds between SIGTERM and SIGKILL
MEASURING = 120  # seconds, at most
AT_ONCE = 8      # on a card
MODELS = Path("tuned_models")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


# --- What comes next ---

class Estimates:
    "How long the results that are missing take on this device, as things stand."
    def __init__(self, results: Mapping[str, Result], rates: Rates,
                 endured: Mapping[str, float] = {},  # seconds in which a result that has to start anew was not done
                 done: Collection[str] = (),         # taken as made
                 ):
        self.results = results
        self._seconds = {name: None if name in done or (cost := result.left()) is None else max(cost.seconds(rates), 1.25 * endured.get(name, 0)) for name, result in results.items()}

    def seconds(self, name: str) -> float | None:
        "Of what is not there yet; None where all is."
        return self._seconds[name]

    def chain(self, name: str, out: Collection[str] = ()) -> list[str] | None:
        "What is missing of what the result needs, first what comes first, and the result at the end; None where something of it is out."
        if name in out or name not in self.results:
            return None
        if self.seconds(name) is None:
            return []
        found: list[str] = []
        for need in self.results[name].needs:
            if (before := self.chain(need, out)) is None:
                return None
            found += [one for one in before if one not in found]
        return [*found, name]

    def choose(self, asked: Collection[str], time_left: float,
               out: Collection[str] = (),       # what failed
               running: Collection[str] = (),
               quiet_first: bool = False,       # what measures time goes first, while nothing else runs
               ) -> str | None:
        "What to begin now: of the results that would be done in time with all they need, the one with most worth a minute, or what it needs first. None where nothing can begin beside what runs."
        if any(self.results[one].alone for one in running):
            return None
        held = {thing for one in running for thing in self.results[one].holds}
        best, most = None, (False, -1.0)
        for name in asked:
            chain = self.chain(name, out)
            if not chain or chain[0] in running or self.results[chain[0]].holds & held or running and self.results[chain[0]].alone:
                continue
            seconds = sum(self.seconds(one) for one in chain)
            value = quiet_first and self.results[chain[0]].alone, sum(self.results[one].worth for one in chain) / max(seconds, 1e-9)
            if value > most and seconds <= time_left:
                best, most = chain[0], value
        return best


def schedule(results: Mapping[str, Result], rates: Rates, asked: Collection[str], time_left: float = math.inf, at_once: int = 1) -> list[tuple[str, float, float]]:
    "Which results would be made, and from which second to which, if every estimate came true."
    clock, done, running, found = 0.0, set(), {}, []
    while True:
        estimates = Estimates(results, rates, done=done)
        while len(running) < at_once and (name := estimates.choose(asked, time_left - clock, (), running, at_once > 1)) is not None:
            running[name] = clock + estimates.seconds(name)
            found.append((name, clock, running[name]))
        if not running:
            return found
        first = min(running, key=running.get)
        clock = running.pop(first)
        done.add(first)


# --- One process ---

@dataclass(frozen=True)
class Ended:
    "How a run ended."
    how: str            # `made`, `failed`, `overran` or `stopped`
    seconds: float
    last: str = ""      # line that it printed


def content_of(path: Path) -> bytes | None:
    "None for a file that is not there."
    return path.read_bytes() if path.is_file() else None


class Process:
    "One result on its way, in a process group of its own."
    def __init__(self, result: Result, environment: Mapping[str, str], log: Path):
        complete(result.file)
        self.result, self.log, self.before, self.began, self.beside = result, log, content_of(result.file), time.monotonic(), 0
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen([sys.executable, *result.command], cwd=result.folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def is_over(self) -> bool:
        "Whether it has ended by itself."
        return self._process.poll() is not None

    def end(self, why: str | None = None  # `overran` or `stopped`; None: it ended by itself
            ) -> Ended:
        "How it ended. What still runs of it is asked to end, and killed when it does not; a file that was left half written becomes what it was before."
        self._end_group()
        how, file, left = why or ("made" if self._process.returncode == 0 else "failed"), self.result.file, self.result.left()
        if file.suffix == ".json" and file.is_file() and read_json(file) is None:
            file.unlink() if self.before is None else file.write_bytes(self.before)
            left = self.result.left()
        if how == "made" and left is not None:  # a script that says of a failure only in words
            how = "failed"
        lines = [line.strip() for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return Ended("made" if left is None else how, time.monotonic() - self.began, lines[-1][:300] if lines else "it printed nothing")

    def _end_group(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._process.pid, number)
                self._process.wait(GRACE)


# --- All of them ---

class Bench:
    "Makes results until nothing is left or the budget is used up."
    def __init__(self, results: Mapping[str, Result], rates: Rates, models: Path, environment: Callable[[Result], Mapping[str, str]] = lambda result: {}, at_once: int = 1, say: Callable[[str], None] = print):
        self.results, self.rates, self.models, self.environment, self.at_once, self.say = results, rates, models, environment, at_once, say
        self.journal = models / "made.json"

    def estimates(self) -> Estimates:
        "With what earlier calls have seen."
        endured: dict[str, float] = {}
        for entry in (read_json(self.journal) or {}).get("runs", []):
            name = entry["result"]
            if entry["how"] == "overran" and entry["machine"] == self.rates.label and name in self.results and not self.results[name].resumes:
                endured[name] = max(endured.get(name, 0), entry["seconds"])
        return Estimates(self.results, self.rates, endured)

    def tables(self) -> dict[str, list[Path]]:
        "Table → its files."
        found: dict[str, list[Path]] = {}
        for result in self.results.values():
            if result.table:
                found.setdefault(result.table, []).extend(sorted(result.file.parent.glob(result.file.name)))
        return found

    def make(self, asked: Collection[str], until: float = math.inf  # by the clock `time.monotonic`
             ) -> dict[str, str]:
        "Result → how it ended, of those that were begun."
        outcomes: dict[str, str] = {}
        running: dict[str, Process] = {}
        out: set[str] = set()
        why = None
        try:
            while True:
                while len(running) < self.at_once and (name := self.estimates().choose(asked, until - time.monotonic(), out, running, self.at_once > 1)) is not None:
                    running[name] = self.begin(name)
                    for one in running.values():
                        one.beside = max(one.beside, len(running) - 1)
                if not running:
                    break
                while time.monotonic() < until and not any(process.is_over() for process in running.values()):
                    time.sleep(0.1)
                if not (over := [name for name, process in running.items() if process.is_over()]):
                    why, over = "overran", list(running)
                for name in over:
                    outcomes[name] = self.finish(running.pop(name), why)
                    out |= set() if outcomes[name] == "made" else {name}
        except KeyboardInterrupt:
            for name, process in running.items():
                outcomes[name] = self.finish(process, "stopped")
        self.say_left(asked, {name for name, how in outcomes.items() if how != "made"})
        return outcomes

    def begin(self, name: str) -> Process:
        "Starts one and says so."
        result = self.results[name]
        self.say(f"{name}: begins; {self.estimates().seconds(name) / 60:.1f} minutes estimated, worth {result.worth:g}{self._mixed(result)}")
        return Process(result, self.environment(result), self.models / "logs" / f"{name.replace('/', '_')}.log")

    def finish(self, process: Process, why: str | None) -> str:
        "Says how one ended, and writes it down: in the result where it was made, and among the runs."
        result, ended = process.result, process.end(why)
        if content_of(result.file) != process.before:
            complete(result.file, self.rates.machine, self.rates.device if result.cost.network else "cpu", date.today().isoformat(), process.beside)
        minutes = f"{ended.seconds / 60:.1f} minutes"
        told = {"made": f"made in {minutes}", "failed": f"failed after {minutes}: {ended.last} (all that it printed is in {process.log})", "stopped": f"ended, as asked, after {minutes}",
                "overran": f"not done after {minutes}, when the budget was used up; it was ended, and the next call {'goes on with it' if result.resumes else 'makes it anew'}"}
        self.say(f"{result.name}: {told[ended.how]}")
        runs = (read_json(self.journal) or {}).get("runs", [])
        runs.append({"result": result.name, "date": date.today().isoformat(), "machine": self.rates.label, "how": ended.how, "seconds": round(ended.seconds, 1), "beside": process.beside})
        self.models.mkdir(parents=True, exist_ok=True)
        self.journal.write_text(json.dumps({"runs": runs}, indent=1) + "\n", encoding="utf-8")
        return ended.how

    def _mixed(self, result: Result) -> str:
        "What to know of the machines in the result's table before one more comes to it."
        here = self.rates.label if result.cost.network else self.rates.machine
        others = sorted({origin.machine for path in self.tables().get(result.table, []) for origin in origins(path)} - {here})
        return f"; its table ({result.table}) has results of {' and '.join(others)}, this one comes from {here}" if others else ""

    def say_left(self, asked: Collection[str], out: Collection[str]) -> None:
        "What is still missing, and why."
        estimates = self.estimates()
        chains = {name: chain for name in asked if name not in out and (chain := estimates.chain(name))}
        for name, chain in chains.items():
            if first := next((one for one in chain if one in out), None):
                self.say(f"{name}: not begun, since {first} is not there")
        rest = [f"{name} ({sum(estimates.seconds(one) for one in chain) / 60:.1f} minutes)" for name, chain in chains.items() if not set(chain) & set(out)]
        if rest:
            self.say(f"left for another time: {', '.join(rest)}")


def listing(bench: Bench, asked: Collection[str]) -> pl.DataFrame:
    "A row for each result: whether it is there, minutes estimated for what is not, worth, and what it needs that is missing."
    estimates, rows = bench.estimates(), []
    needed = {need for name in asked for need in (estimates.chain(name) or [])}
    for name, result in bench.results.items():
        if name not in asked and name not in needed:
            continue
        seconds = estimates.seconds(name)
        state = "there" if seconds is None else "missing" if result.left() == result.cost else "begun"
        rows.append({"result": name, "state": state, "minutes": None if seconds is None else round(seconds / 60, 1), "worth": result.worth, "why": result.why, "depends on": ", ".join(result.needs)})
    schema = {"result": pl.String, "state": pl.String, "minutes": pl.Float64, "worth": pl.Float64, "why": pl.String, "depends on": pl.String}
    return pl.DataFrame(rows, schema=schema)


def origins_table(bench: Bench) -> pl.DataFrame:
    "A row for each table: its results, the machines and the versions that they were made on."
    rows = []
    for table, found in by_table(bench.tables()).items():
        packages: dict[str, list[str]] = {}
        for origin in found:
            for package, version in origin.versions:
                packages.setdefault(package, []).append(version)
        rows.append({"table": table, "results": len(found), "machines": "; ".join(dict.fromkeys(origin.machine for origin in found)),
                     "dates": " to ".join(dict.fromkeys((min(origin.date for origin in found), max(origin.date for origin in found)))),
                     "versions": ", ".join(f"{package} {' and '.join(dict.fromkeys(versions))}" for package, versions in packages.items())})
    return pl.DataFrame(rows)


def rates_here(device: str, models: Path, measure: bool, say: Callable[[str], None] = print) -> Rates:
    "What was measured on this device; measured now where it was not, or planned where that can't be."
    path, planned = models / "rates.json", planned_rates(device)

    def kept() -> Rates | None:
        return next((rates for name, rates in kept_rates(path).items() if name == rates_key(rates.device) and (rates.device == "cpu") == (device == "cpu")), None)

    if (found := kept()) is None and measure:
        say("measuring this device")
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
        try:
            subprocess.run([sys.executable, str(HERE / "device_rates.py"), str(path)], env={**os.environ, **OFFLINE, **hidden}, capture_output=True, text=True, timeout=MEASURING, check=True)
        except subprocess.TimeoutExpired:
            say(f"it was not measured within {MEASURING} seconds: too much else runs here")
        except subprocess.CalledProcessError as error:
            say(f"it could not be measured: {(error.stderr.strip().splitlines() or ['no message'])[-1]}")
        found = kept()
    return found or planned


def environment_of(cuda: bool, data: Path | None, at_once: int) -> Callable[[Result], dict[str, str]]:
    "What a process is told besides its arguments: one data folder, no download, and the card only where it is of use. In 16 bits they compute by themselves where a card can."
    def environment(result: Result) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
        told = {**OFFLINE, "PYTHONPATH": path, **({"CANCER_STAGING_DATA": str(data.resolve())} if data else {})}
        told |= {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once))} if at_once > 1 and not result.alone else {}
        return told if cuda and result.cost.network else {**told, "CUDA_VISIBLE_DEVICES": ""}
    return environment


def has_card() -> bool:
    "Whether torch sees a CUDA card."
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def chosen(bench: Bench, names: Sequence[str], cuda: bool) -> tuple[list[str], list[str]]:
    "The results that are asked for, by name or pattern, and those that are left to a machine without a card. Raises ValueError for a name that there is not."
    for name in names:
        if not any(fnmatchcase(one, name) for one in bench.results):
            raise ValueError(f"no result {name!r}: --list names them")
    if names:
        return [one for one in bench.results if any(fnmatchcase(one, name) for name in names)], []
    shown = [one for one, result in bench.results.items() if result.table]
    elsewhere = [one for one in shown if cuda and not bench.results[one].cost.network and bench.results[one].left() is not None]
    return [one for one in shown if one not in elsewhere], elsewhere


def say_origins(bench: Bench, say: Callable[[str], None]) -> None:
    "A line for each table that mixes machines or versions."
    lines = differences(by_table(bench.tables()))
    say("\n".join(["tables with results of several machines or versions:", *lines]) if lines else "no table has results of several machines or versions")


def parser_of() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="results, or patterns such as 'tuned_*'; all when none is given")
    parser.add_argument("--budget", type=float, help="minutes in all; no end when not given")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="a card where there is one, when not given")
    parser.add_argument("--models", type=Path, default=MODELS, help="where adapters are kept (some MB each)")
    parser.add_argument("--at-once", type=int, help=f"processes that run side by side; {AT_ONCE} on a card, which a small model does not fill, else 1")
    parser.add_argument("--list", action="store_true", help="show what there is, and start nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    "The command; its exit code is 1 where a result failed."
    parser, began = parser_of(), time.monotonic()
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what runs, as Ctrl-C does
    data, card = data_folder(), asked.device != "cpu" and has_card()
    device = asked.device or ("cuda" if card else "cpu")
    if device == "cuda" and not card and not asked.list:
        parser.error("no CUDA card here: run this on a machine that has one, or with --device cpu")
    if data is None and not asked.list:
        parser.error("the test bed is missing: set CANCER_STAGING_DATA to its folder")
    catalogue = Catalogue(asked.models, data, cuda=device == "cuda")
    at_once = asked.at_once or (AT_ONCE if device == "cuda" else 1)
    rates = rates_here(device, catalogue.models, not asked.list)
    bench = Bench(catalogue.results_by_name, rates, catalogue.models, environment_of(device == "cuda", data, at_once), at_once, lambda line: print(line, flush=True))
    for note in catalogue.notes:
        print(note)
    try:
        names, elsewhere = chosen(bench, asked.names, device == "cuda")
    except ValueError as error:
        parser.error(str(error))
    print(f"{bench.rates.label}; rates {bench.rates.how}")
    if elsewhere:
        print(f"left to a machine without a card, unless named: {', '.join(elsewhere)}")
    if asked.list:
        with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=230, fmt_str_lengths=90, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True):
            print(listing(bench, names), origins_table(bench), sep="\n")
        planned = schedule(bench.results, rates, names, math.inf if asked.budget is None else 60 * asked.budget, at_once)
        print(f"{len(planned)} processes to run, {max((end for *_, end in planned), default=0) / 60:.0f} minutes with {at_once} at once")
        say_origins(bench, bench.say)
        return 0
    catalogue.models.mkdir(parents=True, exist_ok=True)
    try:
        with locked(catalogue.models / "made.json"):
            outcomes = bench.make(names, math.inf if asked.budget is None else began + 60 * asked.budget)
    except InputError:
        parser.error(f"another call makes results in {catalogue.models}: wait until it is done, or give another --models")
    say_origins(bench, bench.say)
    return 130 if "stopped" in outcomes.values() else int("failed" in outcomes.values())


if __name__ == "__main__":
    sys.exit(main())
