"Build the documentation site into `_docs/`: `python tools/site.py`, or `make site`."
# How it works. Each notebook of nbs/ goes through nbdev's processors into _proc/: what is marked hidden is left out, and each exported
# cell is replaced by its `show_doc`. The links that nbdev writes point at a published site, so they are turned into links between the
# notebooks. Quarto, where it is installed, else smalldocs then renders _proc/ from the same _quarto.yml. smalldocs loads KaTeX from a
# public host; those addresses are replaced by the copy in tools/katex, so that formulas show without a network.
from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import os
import re
import shutil
import subprocess
import sys
from enum import Enum
from importlib import import_module
from itertools import groupby
from pathlib import Path

from execnb.nbio import mk_cell, read_nb, write_nb
from nbdev.config import get_config
from nbdev.doclinks import _nbpath2html
from nbdev.process import Processor
from nbdev.processors import FilterDefaults, add_show_docs, clean_show_doc, exec_show_docs
from nbdev.showdoc import BasicMarkdownRenderer, show_doc

ROOT = Path(__file__).resolve().parent.parent
KATEX_HOST = re.compile(r"https://cdn\.jsdelivr\.net/npm/katex@[^/]+/dist")
METHODS = (type(lambda: None), classmethod, staticmethod, property, functools.cached_property)


class FieldsRenderer(BasicMarkdownRenderer):
    "As nbdev's, but a class that is declared by its fields or members is shown by them, with their comments."

    def __init__(self, symbol, *arguments, **options):
        if dataclasses.is_dataclass(symbol):
            try:
                inspect.signature(symbol, eval_str=True)
            except NameError:  # the type of an inherited field, which only its own module knows
                symbol.__signature__ = inspect.signature(symbol)
        super().__init__(symbol, *arguments, **options)
        if inspect.isclass(symbol) and (dataclasses.is_dataclass(symbol) or hasattr(symbol, "_fields") or issubclass(symbol, Enum)):
            lines = inspect.getsource(symbol).splitlines()
            body = next(node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.ClassDef)).body
            declared = [node for node in body if isinstance(node, (ast.AnnAssign, ast.Assign))]
            fields = [line for node in declared for line in lines[node.lineno - 1:node.end_lineno]]
            self.dm = "\n".join([f"class {symbol.__name__}:", *fields])


def documented_module(
    name: str,  # such as `cancer_staging.fields`
) -> dict:  # the names it defines
    "The names of a module, including what only its annotations use."
    module = import_module(name)
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__file__, "exec"), vars(module))
    return vars(module)


class document_module(exec_show_docs):
    "Fills in every `show_doc` from the module that the notebook exports. nbdev would run the notebook's exports and imports anew instead."

    def begin(self):
        super().begin()
        module = next((cell.directives_["default_exp"][0] for cell in self.nb.cells if "default_exp" in getattr(cell, "directives_", {})), None)
        if module:
            self.k.user_ns.update(documented_module(f"{get_config().lib_path.name}.{module}"))
        self.k.user_ns["show_doc"] = functools.partial(show_doc, renderer=FieldsRenderer)
        self.nb.cells = [shown for cell in self.nb.cells for shown in (self.with_methods(cell) if getattr(cell, "has_sd", False) else [cell])]

    def with_methods(self, cell):
        "The `show_doc` cell of a class followed by one for each of its public methods; any other cell alone."
        name = cell.source.removeprefix("show_doc(").removesuffix(")")
        symbol = self.k.user_ns.get(name)
        fields = getattr(symbol, "__dataclass_fields__", {})
        members = vars(symbol).items() if inspect.isclass(symbol) else ()
        methods = [key for key, value in members if not key.startswith("_") and key not in fields and isinstance(value, METHODS)]
        more = [mk_cell(f"show_doc({name}.{method}, title_level=4)") for method in methods]
        for added in more:
            added.directives_ = {}
        return [cell, *more]

    def __call__(self, cell):
        if cell.cell_type == "code" and cell.source.startswith("show_doc("):
            self.k.cell(cell)
            if self.k.exc:
                raise RuntimeError(f"the site can't document {cell.source}") from self.k.exc


class docs_in_source_order(Processor):
    "nbdev puts the docs of a cell that defines several things in reverse; this turns them round."

    def begin(self):
        groups = groupby(self.nb.cells, key=lambda cell: bool(getattr(cell, "has_sd", False)))
        self.nb.cells = [cell for documented, cells in groups for cell in (reversed(list(cells)) if documented else cells)]


class SiteDefaults(FilterDefaults):
    "nbdev's own processors, with those above."

    def base_procs(self):
        for processor in super().base_procs():
            if processor is clean_show_doc:  # marks each `show_doc` cell to show its output alone; after the methods have theirs
                continue
            if processor is exec_show_docs:
                yield from (document_module, clean_show_doc)
            else:
                yield processor
            if processor is add_show_docs:
                yield docs_in_source_order


def keep_opening_prose(
    notebook,  # as read by `read_nb`; changed in place
) -> None:
    "nbdev makes the first cell the page's title and description and drops what follows them; this gives that prose a cell of its own."
    lines = notebook.cells[0].source.split("\n")
    end = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith(("# ", ">"))), len(lines))
    notebook.cells[0].set_source("\n".join(lines[:end]))
    if end < len(lines):
        notebook.cells.insert(1, mk_cell("\n".join(lines[end:]), "markdown"))


def process_notebooks() -> Path:
    "Fill `_proc/` with the notebooks as the site shows them and the files beside them; returns that folder."
    processed = ROOT / "_proc"
    shutil.rmtree(processed, ignore_errors=True)
    shutil.copytree(ROOT / "nbs", processed, ignore=shutil.ignore_patterns(".*", "_*"))
    shutil.copy(ROOT / "_quarto.yml", processed)
    os.environ["IN_TEST"] = "1"  # as nbdev does: no cell exports anything now
    for path in sorted(processed.rglob("*.ipynb")):
        notebook = read_nb(path)
        keep_opening_prose(notebook)
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
