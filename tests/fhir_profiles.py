"A small check of FHIR resources against the profiles of mCODE and US Core: cardinalities, fixed values and patterns, kinds of values, references to what a bundle holds."
import gzip
import json
from pathlib import Path


def read_profiles(folder: Path) -> dict[str, dict]:
    "Profile address → its definition."
    found = (json.loads(gzip.decompress(path.read_bytes())) for path in sorted(folder.glob("StructureDefinition-*.json.gz")))
    return {one["url"]: one for one in found}


def parts(resource: dict, path: list[str]) -> list[tuple[object, list]]:
    "Each element that holds the last part of the path, with what stands there; `value[x]` is any of its kinds."
    holders = [resource]
    for name in path[:-1]:
        holders = [one for holder in holders for one in among(holder, name)]
    return [(holder, among(holder, path[-1])) for holder in holders]


def among(holder: object, name: str) -> list:
    if not isinstance(holder, dict):
        return []
    found = [content for key, content in holder.items() if key == name or (name.endswith("[x]") and key.startswith(name[:-3]) and key[len(name) - 3:][:1].isupper())]
    return [one for content in found for one in (content if isinstance(content, list) else [content])]


def fits(content: object, pattern: object) -> bool:
    "Whether the content holds all that the pattern asks for."
    if isinstance(pattern, dict):
        return isinstance(content, dict) and all(fits(content.get(key), value) for key, value in pattern.items())
    if isinstance(pattern, list):
        return isinstance(content, list) and all(any(fits(one, value) for one in content) for value in pattern)
    return content == pattern


def problems(resource: dict, profile: dict) -> list[str]:
    "What in the resource is not as the profile asks."
    if resource["resourceType"] != profile["type"]:
        return [f"{resource['resourceType']} is no {profile['type']}"]
    told = []
    for element in profile["snapshot"]["element"]:
        path = element["path"].split(".")[1:]
        if not path:
            continue
        sliced = ":" in element["id"]
        pattern = next((element[key] for key in element if key.startswith(("pattern", "fixed"))), None)
        for _, found in parts(resource, path):
            if sliced and not (pattern is not None and element["id"].count(":") == 1 and element["id"].endswith(element["sliceName"] if "sliceName" in element else "")):
                continue
            counted = [one for one in found if pattern is None or fits(one, pattern)]
            if len(counted) < element.get("min", 0) or (element.get("max", "*") != "*" and len(counted) > int(element["max"])):
                told.append(f"{element['id']}: {len(counted)} times, where {element.get('min', 0)} to {element.get('max')} are asked for")
            if pattern is not None and not sliced and not all(fits(one, pattern) for one in found):
                told.append(f"{element['id']} is not {pattern}")
    return told
