"Write README.md from nbs/index.ipynb: `python tools/readme.py`, or `make readme`."
# The stored cells and outputs are turned into Markdown as they are; nothing is run. A test compares the result with README.md.
from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made from nbs/index.ipynb by `make readme`; edit the notebook. -->\n"
RELATIVE_LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s]+\))")  # nbs/index.ipynb links from nbs/, README.md from the top


def joined(
    text: str | list[str],  # notebook text, stored as one string or as lines
) -> str:  # the text as one string
    "The text of a notebook field."
    return text if isinstance(text, str) else "".join(text)


def output_markdown(
    output: dict,  # one stored output of a code cell
) -> str:  # its Markdown; empty for what a README cannot show
    "Show an output: Markdown as it is, anything else as its plain text; what only reads well as HTML is left to the notebook."
    data = output.get("data", {})
    if "text/markdown" in data:
        return joined(data["text/markdown"]).strip()
    text = joined(output.get("text", data.get("text/plain", ""))).rstrip()
    only_html = "text/html" in data and any(len(line) > 160 for line in text.splitlines())  # an object's long repr says little here
    return "" if only_html or not text or output.get("name") == "stderr" else f"```text\n{text}\n```"


def cell_markdown(
    cell: dict,  # a notebook cell
) -> list[str]:  # its blocks of Markdown
    "Show a cell: prose as it is, code as a block followed by its outputs; cells marked `#| hide` not at all, `#| echo: false` without code."
    source = joined(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        return [RELATIVE_LINK.sub(r"\1nbs/\2", source)]
    directives = re.findall(r"^#\|\s*(.+?)\s*$", source, flags=re.MULTILINE)
    if cell["cell_type"] != "code" or "hide" in directives:
        return []
    code = re.sub(r"^#\|.*\n?", "", source, flags=re.MULTILINE).strip()
    shown = [f"```python\n{code}\n```"] if code and "echo: false" not in directives else []
    return shown + [output_markdown(output) for output in cell.get("outputs", [])]


def readme() -> str:
    "The text of README.md."
    notebook = json.loads((ROOT / "nbs" / "index.ipynb").read_text(encoding="utf-8"))
    blocks = [block for cell in notebook["cells"] for block in cell_markdown(cell)]
    return NOTE + "\n" + "\n\n".join(block for block in blocks if block) + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme(), encoding="utf-8")
