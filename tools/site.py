"Build the documentation site into `_docs/`: `python tools/site.py`, or `make site`."
# How it works. Each notebook of nbs/ goes through nbdev's processors into _proc/: what is marked hidden is left out, and each exported
# cell is replaced by its `show_doc`. The links that nbdev writes point at a published site, so they are turned into links between the
# notebooks. Quarto, where it is installed, else smalldocs then renders _proc/ from the same _quarto.yml. smalldocs loads KaTeX from a
# public host; those addresses are replaced by the copy in tools/katex, so that formulas show without a network.
from __future__ import annotations

import ast
import copy
import os
import re
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from execnb.nbio import read_nb, write_nb
from nbdev.config import get_config
from nbdev.doclinks import _nbpath2html
from nbdev.process import Processor
from nbdev.processors import FilterDefaults, add_show_docs, exec_show_docs

ROOT = Path(__file__).resolve().parent.parent
KATEX_HOST = re.compile(r"https://cdn\.jsdelivr\.net/npm/katex@[^/]+/dist")


class docs_in_source_order(Processor):
    "nbdev puts the docs of a cell that defines several functions in reverse; this turns them round."

    def begin(self):
        groups = groupby(self.nb.cells, key=lambda cell: bool(getattr(cell, "has_sd", False)))
        self.nb.cells = [cell for documented, cells in groups for cell in (reversed(list(cells)) if documented else cells)]


class exec_show_docs_and_imports(exec_show_docs):
    "nbdev runs a whole example when it holds an import, and fails where it needs an earlier example; this runs only its imports."

    def __call__(self, cell):
        lines = cell.parsed_() or []
        imports = [line for line in lines if isinstance(line, (ast.Import, ast.ImportFrom))]
        if imports and len(imports) < len(lines) and not cell.directives_.keys() & {"export", "exports", "exporti", "exec_doc"}:
            cell = copy.deepcopy(cell)
            cell.set_source("\n".join(ast.unparse(line) for line in imports))
        super().__call__(cell)


class SiteDefaults(FilterDefaults):
    "nbdev's own processors, with the two above."

    def base_procs(self):
        for processor in super().base_procs():
            yield exec_show_docs_and_imports if processor is exec_show_docs else processor
            if processor is add_show_docs:
                yield docs_in_source_order


def process_notebooks() -> Path:
    "Fill `_proc/` with the notebooks as the site shows them and the files beside them; returns that folder."
    processed = ROOT / "_proc"
    shutil.rmtree(processed, ignore_errors=True)
    shutil.copytree(ROOT / "nbs", processed, ignore=shutil.ignore_patterns(".*", "_*"))
    shutil.copy(ROOT / "_quarto.yml", processed)
    os.environ["IN_TEST"] = "1"  # as nbdev does: no cell exports anything now
    for path in sorted(processed.rglob("*.ipynb")):
        notebook = read_nb(path)
        SiteDefaults()(notebook)
        write_nb(notebook, path)
    return processed


def localise_links(
    notebook: str,  # the JSON text of a processed notebook
    pages: dict[str, str],  # what nbdev calls a page, such as `api/fields.html`, and its notebook, such as `api/00_fields.ipynb`
    published: str,  # the address that nbdev puts before each page
) -> str:  # the text with links that stay inside the site
    "Turn the links that nbdev makes to a published site into links between the site's own notebooks."
    for page, source in pages.items():
        notebook = notebook.replace(f"{published}/{page}", f"/{source}")
    notebook = re.sub(r'\[source\]\(https?://[^)]*\)\{[^}]*\}(\\n)*', "", notebook)  # the published repository may not hold this version
    return re.sub(r'output-file: [^\\"]*\.html\\n', "", notebook)  # one file name under both builders: the notebook's


def localise(
    processed: Path,  # the folder of processed notebooks
) -> None:
    "Make every processed notebook link inside the site."
    config = get_config()
    published = config.doc_host.rstrip("/") + "/" + config.doc_baseurl.strip("/")
    sources = [path.relative_to(processed) for path in sorted(processed.rglob("*.ipynb"))]
    pages = {_nbpath2html(source).as_posix(): source.as_posix() for source in sources}
    for source in sources:
        path = processed / source
        path.write_text(localise_links(path.read_text(encoding="utf-8"), pages, published), encoding="utf-8")


def bundle_katex(
    site: Path,  # the folder of built pages
) -> None:
    "Point every page that shows formulas at a copy of KaTeX inside the site."
    shutil.copytree(ROOT / "tools" / "katex", site / "site_libs" / "katex")
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        up = "../" * len(page.relative_to(site).parent.parts)
        page.write_text(KATEX_HOST.sub(f"{up}site_libs/katex", text), encoding="utf-8")


def build() -> Path:
    "Build the site; returns the folder that holds it."
    os.chdir(ROOT)
    processed = process_notebooks()
    localise(processed)
    if shutil.which("quarto"):
        subprocess.run(["quarto", "render", str(processed), "--no-cache"], check=True)
    else:
        from smalldocs.site import build as render

        for warning in render(processed, quiet=True).warnings:
            if "html-math-method" not in warning:  # the one option that is for Quarto alone
                print(f"site: {warning}", file=sys.stderr)
        bundle_katex(processed / "_docs")
    site = ROOT / "_docs"
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(processed / "_docs", site)
    return site


if __name__ == "__main__":
    print(build() / "index.html")
