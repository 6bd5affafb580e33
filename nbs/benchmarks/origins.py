"""Where the stored results were made: the machine, the card and the versions of each, and which tables hold results of several."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stored_results import read_json

LISTS = ("runs", "rows")  # of entries that are added one by one
UNKNOWN = "a machine that is not noted"


@dataclass(frozen=True)
class Origin:
    "Of one result, or of one entry of a file that is added to."
    result: str
    date: str
    machine: str                          # with its card, if one was used
    versions: tuple[tuple[str, str], ...]  # package → version


def machine_label(machine: str | None, device: str | None) -> str:
    "`x86_64, 2 cores`, behind the card's name where there is one."
    kind, cores = (re.search(pattern, machine or "") for pattern in (r"\b(x86_64|AMD64|aarch64|arm64)\b", r"\b\d+ cores?\b"))
    told = ", ".join(found[0] for found in (kind, cores) if found) or machine or UNKNOWN
    plain = device is None or device == "cpu" or device.startswith(("x86_64", "arm64", "aarch64", "CPU"))
    return told if plain else f"{device}, {told}"


def head_of(content: dict) -> dict:
    "The part of a file that says where it was made."
    return content["about"] if isinstance(content.get("about"), dict) else content


def entries_of(content: dict) -> list[dict]:
    "What was added one by one; empty for a file that is made at once."
    found = next((content[name] for name in LISTS if isinstance(content.get(name), list)), None)
    named = [entry for entry in content.values() if isinstance(entry, dict) and "machine" in entry and "date" in entry]
    return [entry for entry in found if isinstance(entry, dict)] if found is not None else named if "about" not in content and "machine" not in content else []


def origins(path: Path) -> list[Origin]:
    "Of all that the file holds."
    content = read_json(path)
    if not isinstance(content, dict):
        return []
    head, training = head_of(content), content.get("training") or {}
    versions = {**head.get("versions", content.get("versions", {})), **training.get("versions", {})}
    versions |= {"cancer-staging": head["version"]} if "version" in head else {}
    return [Origin(path.stem, str(entry.get("date", head.get("date", "no date"))), machine_label(entry.get("machine", head.get("machine")), entry.get("device", head.get("device", training.get("device")))),
                   tuple(sorted({**versions, **({"cancer-staging": entry["version"]} if "version" in entry else {})}.items())))
            for entry in entries_of(content) or [head]]


def complete(path: Path,                # a stored result
             machine: str | None = None,  # that it was just made on; None: what the file says goes to its entries
             device: str | None = None,   # the card's name, or `cpu`
             date: str | None = None,
             beside: int = 0,             # processes that ran at the same time: they cost time, if not memory
             ) -> None:
    "Writes into the result what it does not say: date, machine and device, for each of its entries too. A list that another machine adds to later still tells them apart."
    content = read_json(path)
    if not isinstance(content, dict):
        return
    before, head = json.dumps(content), head_of(content)
    entries = entries_of(content)
    if machine is not None and not (entries and head is content and "machine" not in content):  # entries that say it themselves, as in scale.json
        head.setdefault("date", date)
        told = head.get("machine", machine)
        head["machine"] = told if device == "cpu" or device in told else f"{told.removesuffix(', no GPU')}, {device}"
        head["device"] = device
        head |= {"beside": beside} if beside else {}
    for entry in entries:
        for name in ("machine", "device", "version", "beside"):
            if (told := head.get(name)) is not None:
                entry.setdefault(name, told)
    if json.dumps(content) != before:
        raw, fresh = path.read_text(encoding="utf-8"), path.with_suffix(".part")
        fresh.write_text(json.dumps(content, indent=1 if raw.startswith("{\n") else None, ensure_ascii=raw.isascii()) + "\n", encoding="utf-8")
        fresh.replace(path)


def listed(names: Iterable[str], most: int = 4) -> str:
    "`a, b, c and 5 more`."
    names = list(dict.fromkeys(names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def by_table(files: Mapping[str, Iterable[Path]]  # table → the files that it shows
             ) -> dict[str, list[Origin]]:
    "The origins of what is there of each table."
    found = {table: [origin for path in dict.fromkeys(paths) for origin in origins(path)] for table, paths in files.items()}
    return {table: of_table for table, of_table in found.items() if of_table}


def differences(of_tables: Mapping[str, Iterable[Origin]]  # from `by_table`
                ) -> list[str]:
    "A line for each table whose results are of several machines, or of several versions of a package."
    lines = []
    for table, found in of_tables.items():
        machines: dict[str, list[Origin]] = {}
        versions: dict[str, dict[str, list[str]]] = {}
        for origin in found:
            machines.setdefault(origin.machine, []).append(origin)
            for package, version in origin.versions:
                versions.setdefault(package, {}).setdefault(version, []).append(origin.result)
        told = []
        if len(machines) > 1:
            told.append("several machines: " + "; ".join(f"{machine} ({listed(origin.result for origin in of_machine)})" for machine, of_machine in machines.items()))
        if several := {package: of_package for package, of_package in versions.items() if len(of_package) > 1}:
            told.append("several versions: " + "; ".join(f"{package} " + ", ".join(f"{version} ({listed(names)})" for version, names in of_package.items()) for package, of_package in several.items()))
        if told:
            lines.append(f"{table}: {'. '.join(told)}")
    return lines
