"""Damaged and hostile inputs by the thousand: `python tests/fuzz.py --inputs 10000 --seed 0`, or `make fuzz`.

Reports, real and made up, are mutated and staged by the grammar and by the default model; files of every kind are mutated as bytes and read. Whatever comes, a row must come out that
does not contradict itself. An input that breaks this is kept in a folder, to become a case."""
import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from made_hospital_files import all_kinds, TEXT

from cancer_staging.corpora.synthetic import example_paths, synthetic_reports
from cancer_staging.fields import FIELDS
from cancer_staging.reading.content import Status
from cancer_staging.reading.limits import Limits
from cancer_staging.reading.reports import read_reports
from cancer_staging.staged import StagedReport
from cancer_staging.stager import Stager

HOSTILE = (  # what has broken readers of such texts, here or elsewhere
    "\u3000", "\u2028", "\u200b", "\ufeff", "\ufffd", "\0", "\x1b[2J", "\x85", "\u202e", "İ", "ß", "ﬁ", "½", "²", "Ⅳ", "١٢", "𝟑", "e\u0301", "\ud800", "\r", "\r\n\r\n", "\t" * 40, " " * 300, "\n" * 200, "_" * 80, "(" * 90, "[ ]" * 40,
    "0" * 400, "9" * 40, "1/0", "7/5", "-1", "1e308", "100000000000000000000/3", "pT", "pT9", "pTpTpT", "pT2pN1pM0", "T1-4", "N0(i+)(sn)", "yyrp", "pT1\u30000%", "Ki67t1\u30000%", "ER 101%", "HER2 4+", "Gleason 9+9=3", "IIIIV", "G5",
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "[/b]", "{{7*7}}", "%s%n", "'; DROP TABLE reports; --", "FINAL DIAGNOSIS:", "ADDENDUM:", "CLINICAL HISTORY:", "no ", "not ", "[x] ", "rather than ")


def texts(seed: int) -> list[str]:
    "Reports to start from: those that come with the package, made-up ones, and real ones where the test bed is."
    found = [path.read_text(encoding="utf-8", errors="replace") for path in map(Path, example_paths()) if path.suffix in (".txt", ".md")] + [TEXT]
    found += [report.text for report in synthetic_reports(60, seed=seed)]
    bed = Path(os.environ.get("CANCER_STAGING_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data")) / "tcga" / "reports.parquet"
    if bed.is_file():
        import polars as pl

        found += pl.read_parquet(bed).filter(pl.col("split") == "train")["text"].sample(200, seed=seed).to_list()
    return found


def mutated_text(text: str, other: str, chance: random.Random) -> str:
    "The text after one to eight changes."
    for _ in range(chance.randint(1, 8)):
        at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + chance.choice((1, 3, 20, 400)))
        text = chance.choice((
            lambda: text[:at] + text[to:], lambda: text[:at] + text[at:to] * chance.choice((2, 3, 50)) + text[to:], lambda: text[:at] + chance.choice(HOSTILE) + text[at:], lambda: text[:at] + chance.choice(HOSTILE) + text[to:],
            lambda: text[:at] + text[at:to].swapcase() + text[to:], lambda: text[:at] + text[at:to].replace(" ", "") + text[to:], lambda: text[:at] + other[: chance.randrange(len(other) + 1)], lambda: text[:at] + chr(chance.randrange(0x110000)) + text[at:],
            lambda: text[:at] + text[at:to][::-1] + text[to:], lambda: text[:at]))()[:60_000]
    return text


def mutated_bytes(data: bytes, other: bytes, chance: random.Random) -> bytes:
    "The bytes after one to six changes."
    for _ in range(chance.randint(1, 6)):
        at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        to = min(to, at + chance.choice((1, 4, 64, 4096)))
        filling = bytes(chance.randrange(256) for _ in range(min(to - at, 64)))
        data = chance.choice((
            lambda: data[:at] + data[to:], lambda: data[:at] + data[at:to] * chance.choice((2, 20)) + data[to:], lambda: data[:at] + filling + data[to:], lambda: data[:at] + b"\0" * (to - at) + data[to:], lambda: data[:at],
            lambda: data[:at] + other[chance.randrange(len(other) + 1):], lambda: data[:at] + chance.choice(HOSTILE).encode("utf-8", "surrogatepass") + data[at:]))()[:2_000_000]
    return data


def faults_of_row(staged: StagedReport) -> list[str]:
    "What is wrong with a staged report, whatever its text was."
    found = []
    if staged.status is Status.ERROR:
        found.append(f"not staged: {staged.error}")
    for name, value in staged.values.items():
        field = FIELDS[name]
        if field.kind == "label" and value.label is not None and value.label not in field.labels:
            found.append(f"{name}: no label {value.label!r}")
        if field.kind == "number" and value.label is not None and not 0 <= float(value.label) < 1e6:
            found.append(f"{name}: no number {value.label!r}")
        if value.confidence is not None and not 0 <= value.confidence <= 1:
            found.append(f"{name}: confidence {value.confidence}")
        total = sum(value.probs.values()) if value.probs is not None else 1
        if total > 1.001 or total < 0.999 and name != "stage_group":  # some T, N and M have no group in the table
            found.append(f"{name}: probabilities sum to {total}")
        if value.basis == "stated" and value.detail is not None and not value.evidence:
            found.append(f"{name}: stated without evidence")
        found += [f"{name}: evidence beside the words" for words in value.evidence if not words.text.strip() or staged.text[words.start:words.end] != words.text]
    behavior = staged.values.get("behavior")
    if behavior is not None and behavior.label in ("0", "1") and not staged.checks and any(name in staged and staged[name].label for name in ("t", "n", "m", "stage_group")):
        found.append(f"a stage for behaviour {behavior.label}, and no check")
    positive, examined = (staged.values.get(name) for name in ("nodes_positive", "nodes_examined"))
    if positive and examined and positive.label and examined.label and float(positive.label) > float(examined.label) and "nodes_order" not in {check.check for check in staged.checks}:
        found.append(f"{positive.label} of {examined.label} nodes, and no check")
    return found


def faults_of_text(stager: Stager, text: str) -> list[str]:
    "What goes wrong when a text is staged."
    try:
        return faults_of_row(stager.stage(text))
    except Exception as error:
        return [f"raised {type(error).__name__}: {error}"]


def faults_of_file(folder: Path, name: str, data: bytes, stager: Stager) -> list[str]:
    "What goes wrong when a damaged file is read between two good ones."
    path = folder / name
    path.write_bytes(data)
    good = folder / "zz_good.txt"
    good.write_text(TEXT)
    try:
        reports = list(read_reports(folder, ocr="never", limits=Limits(seconds=5, pages=50, unpacked_mb=50)))
        found = [] if len(reports) >= 2 else [f"{len(reports)} rows for two files"]
        found += ["the good file was lost"] if reports[-1].text != TEXT else []
        for report in reports[:-1][:20]:
            if report.status is not Status.OK and not (report.error or "").strip():
                found.append("a row that failed and says nothing")
            if "unexpectedly" in (report.error or ""):
                found.append(report.error)
            found += faults_of_row(stager.stage_report(report)) if report.status is Status.OK else []
        return found
    except Exception as error:
        return [f"raised {type(error).__name__}: {error}"]
    finally:
        path.unlink(missing_ok=True)


def run(count: int, seed: int) -> Iterator[tuple[str, str, bytes, Sequence[str]]]:
    "The faults of `count` inputs: what was tried, a file name, the input, what went wrong. One third each through the grammar, the default model and the readers."
    stagers, starts, kinds = {"grammar": Stager.from_pretrained("rules"), "default": Stager.from_pretrained()}, texts(seed), list(all_kinds().items())
    with tempfile.TemporaryDirectory() as place:
        for number in range(count):
            chance, part = random.Random(f"{seed}-{number}"), number % 3
            if part < 2:
                text, name = mutated_text(chance.choice(starts), chance.choice(starts), chance), ("grammar", "default")[part]
                yield name, f"{seed}-{number}.txt", text.encode("utf-8", "surrogatepass"), faults_of_text(stagers[name], text)
            else:
                ending, data = kinds[number // 3 % len(kinds)]
                data = mutated_bytes(data, chance.choice(kinds)[1], chance)
                yield f"reader {ending}", f"{seed}-{number}.{ending}", data, faults_of_file(Path(place), f"a.{ending}", data, stagers["grammar"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Stage and read damaged inputs; those that break something are kept.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_found"))
    options = parser.parse_args()
    broken = 0
    for number, (tried, name, data, faults) in enumerate(run(options.inputs, options.seed), start=1):
        if faults:
            broken += 1
            options.keep.mkdir(exist_ok=True)
            (options.keep / name).write_bytes(data)
            print(f"{options.keep / name}: {tried}: {'; '.join(faults)[:300]}", flush=True)
        if number % 1000 == 0:
            print(f"{number} inputs, {broken} broke something", file=sys.stderr, flush=True)
    print(f"{options.inputs} inputs with seed {options.seed}, {broken} broke something")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
