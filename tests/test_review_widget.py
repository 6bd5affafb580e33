"The review in a notebook: the front end with a model made by hand, and the whole of it in JupyterLab, by keyboard."
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request

import nbformat
import polars as pl
import pytest
from browsers import assert_quiet, chromium, CONTRAST, press, until
from made_reviews import FACES, field_line, HOSTILE, made_row, ROWS, shown_id, table, TEXTS, told, value

from cancer_staging.checks import FailedCheck
from cancer_staging.optional import optional_module
from cancer_staging.review.decisions import Decision, read_decisions, text_digest, write_decisions
from cancer_staging.review.page import packed
from cancer_staging.review.widget import front_end, ReviewWidget
from cancer_staging.rules.grammar import Basis
from cancer_staging.runs import InputError
from cancer_staging.staged import Evidence, StagedReport, StagedValue
from cancer_staging.stager import Stager


def test_without_anywidget_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    front_end.cache_clear()
    with pytest.raises(ImportError, match=r"anywidget is missing: pip install 'cancer-staging\[jupyter\]'"):
        ReviewWidget(table(ROWS), TEXTS)
    monkeypatch.undo()
    assert optional_module("anywidget", "jupyter") and ReviewWidget(table(ROWS), TEXTS)


def test_reports_are_texts_staged_reports_or_paths(tmp_path):
    (tmp_path / "colon.txt").write_text("Colon, resection: adenocarcinoma, pT3 pN0.")
    report = Stager.from_pretrained("rules").stage("Colon, resection: adenocarcinoma, pT3 pN0.", "colon")
    frame = report.to_frame().with_columns(source=pl.lit(str(tmp_path / "colon.txt")))
    frame.write_parquet(tmp_path / "staged.parquet")
    for staged, reports in ((frame, [report]), (frame, [report.text]), (frame, tmp_path / "colon.txt"), (tmp_path / "staged.parquet", [tmp_path / "colon.txt"]), (str(tmp_path / "staged.parquet"), str(tmp_path / "colon.txt"))):
        assert ReviewWidget(staged, reports).texts == [report.text]
    with pytest.raises(TypeError, match="not int"):
        ReviewWidget(frame, [7])
    with pytest.raises(InputError, match="no column status"):
        ReviewWidget(frame.drop("status"), [report])
    with pytest.raises(InputError, match=r"\.html"):
        Stager.from_pretrained("rules").review(["Colon, pT3."], tmp_path / "review.txt")


def test_an_adjudicator_is_another_person_and_wins(tmp_path):
    ana, ben, roy = (Decision("A-1", 0, text_digest(FACES), "edit", name, f"2026-11-27T09:0{minute}:00Z", "grade", label) for minute, (name, label) in enumerate((("Ana", "G3"), ("Ben", "G1"), ("Dr. Roy", "G3"))))
    for decision in (ana, ben, roy):
        write_decisions([decision], tmp_path / f"{decision.reviewer[:3]}.jsonl")
    second = [tmp_path / "Ana.jsonl", tmp_path / "Ben.jsonl"]
    with pytest.raises(InputError, match="Ben is one of the reviewers"):
        ReviewWidget(table(ROWS), TEXTS, second, reviewer="Ben")
    widget = ReviewWidget(table(ROWS), TEXTS, second)
    assert widget.signed()["grade_basis"][0] == "inferred" and widget.decisions.height == 0  # open: the machine's value stays
    widget.view.log = (tmp_path / "Dr..jsonl").read_text()
    assert widget.signed().row(0, named=True)["grade"] == "G3" and widget.decisions["reviewer"].to_list() == ["Dr. Roy"]
    widget.save(tmp_path / "saved.jsonl")
    assert read_decisions(tmp_path / "saved.jsonl") == [roy]


# ---- in a browser

MODEL = """
class Model {
  constructor(state, blocks) { this.state = state; this.blocks = blocks; this.heard = []; this.asked = []; this.saves = 0; }
  get(name) { return this.state[name]; }
  set(name, value) { const differs = this.state[name] !== value; this.state[name] = value; if (differs) this.tell(`change:${name}`); }
  save_changes() { this.saves++; }
  on(name, does) { this.heard.push([name, does]); }
  off(name, does) { this.heard = this.heard.filter(([one, other]) => one !== name || other !== does); }
  tell(name, ...given) { for (const [one, does] of [...this.heard]) if (one === name) does(...given); }
  send(message) { this.asked.push(message.block); setTimeout(() => this.tell("msg:custom", { block: message.block, texts: this.blocks[message.block] }), 0); }
}
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = chromium(tmp_path_factory.mktemp("profile"), unhandledPromptBehavior="accept")
    yield running
    running.quit()


def mounted(browser, widget: ReviewWidget, views: int = 1, width: int = 1200) -> None:
    "Mounts the front end as a notebook does, with a model made by hand; the view is `window.model`'s, the page hears the keys that get past it."
    browser.get("about:blank")
    source = base64.b64encode(widget.view._esm.encode()).decode()
    answer = browser.execute_async_script(f"""{MODEL}
        const [state, blocks, style, views, width, done] = arguments;
        document.head.appendChild(document.createElement("style")).textContent = style;
        window.heard = [];
        document.addEventListener("keydown", (event) => window.heard.push(event.key));
        window.model = new Model(state, blocks);
        import("data:text/javascript;base64,{source}").then(async (module) => {{
          const widget = module.default();
          await widget.initialize({{ model: window.model }});
          window.ends = [];
          for (let view = 0; view < views; view++) {{
            const el = document.body.appendChild(document.createElement("div"));
            el.style.width = `${{width}}px`;
            window.ends.push(await widget.render({{ model: window.model, el }}));
          }}
          done("mounted");
        }}).catch((error) => done(String(error)));""", {name: getattr(widget.view, name) for name in ("index", "log", "reviewer")}, [packed(widget.texts)], widget.view._css, views, width)
    assert answer == "mounted"
    for log in ("browser", "performance"):
        browser.get_log(log)


@pytest.mark.slow
def test_two_views_of_a_model_agree_and_keys_stay_in_the_widget_that_has_the_focus(browser):
    widget = ReviewWidget(table(ROWS), TEXTS, reviewer="Dr. Ito")
    mounted(browser, widget, views=2)
    assert browser.execute_script("return [window.model.asked, document.querySelectorAll('.review').length]") == [[0], 2]  # one block, asked for once
    press(browser, "j", "j", "a")
    assert browser.execute_script("return window.heard") == ["j", "j", "a"] and shown_id(browser) == "C-3" and browser.execute_script("return window.model.get('log')") == ""
    browser.execute_script("window.heard = []")
    browser.find_element("css selector", ".report").click()
    press(browser, "j", "j")
    until(browser, lambda: shown_id(browser) == "A-1" and browser.execute_script("return document.querySelectorAll('.report mark').length") == 3)
    press(browser, "2", "a")
    until(browser, lambda: "✓ accepted" in field_line(browser, "T"))
    press(browser, "s")
    until(browser, lambda: "1 of 3 signed" in browser.execute_script("return [...document.querySelectorAll('.progress-text')].map(one => one.textContent)[1]"))
    widget.view.log = browser.execute_script("return window.model.get('log')")
    assert widget.decisions.select("report_id", "field", "action", "reviewer").rows() == [("A-1", "t", "accept", "Dr. Ito"), ("A-1", None, "sign", "Dr. Ito")]
    assert browser.execute_script("return [window.heard, document.activeElement.closest('.review') === document.querySelector('.review')]") == [[], True]
    # a line that came from another browser, and one that this browser has not sent yet: neither is lost
    other = Decision("A-1", 0, text_digest(FACES), "none", "Ana", "2026-11-27T09:00:00Z", "grade")
    browser.execute_script("window.model.set('log', arguments[0])", json.dumps({**{name: None for name in ("label", "detail", "comment")}, "report_id": "A-1", "row": 0, "text_digest": other.text_digest, "field": "grade", "action": "none", "evidence": [], "reviewer": "Ana", "at": other.at}) + "\n")
    until(browser, lambda: browser.execute_script("return window.model.get('log').trim().split('\\n').length") == 3)
    until(browser, lambda: "∅ none" in field_line(browser, "Grade"))
    browser.execute_script("window.ends.forEach(end => end())")
    assert browser.execute_script("return [document.querySelectorAll('.review *').length, window.model.heard.map(([name]) => name)]") == [0, ["msg:custom"]]
    assert_quiet(browser, "data:")


@pytest.mark.slow
def test_the_focus_never_falls_out_of_the_widget(browser):
    from selenium.webdriver.common.keys import Keys

    mounted(browser, ReviewWidget(table(ROWS), TEXTS))
    inside = "return document.querySelector('.review').contains(document.activeElement)"
    browser.find_element("css selector", "[data-row='0']").click()  # a line of the list is drawn anew at once
    until(browser, lambda: shown_id(browser) == "A-1")
    assert browser.execute_script(inside)
    for keys in (("2", "a", "Ana", Keys.ENTER), ("e", Keys.ESCAPE), ("e", Keys.ENTER), ("c", "Words.", Keys.CONTROL + Keys.ENTER), ("c", Keys.ESCAPE), ("/", "ER", Keys.ESCAPE), ("?", Keys.ESCAPE), ("n",), ("u",), ("w",), ("s",)):
        press(browser, *keys)
        assert browser.execute_script(inside), keys
    browser.find_element("css selector", "[data-row='0']").click()
    until(browser, lambda: browser.execute_script("return document.querySelectorAll('.report mark').length") == 3)
    browser.execute_script("document.querySelector('.report mark').focus()")
    press(browser, "n")
    until(browser, lambda: "∅ none" in field_line(browser, "Grade"))
    assert browser.execute_script(inside) and browser.execute_script("return window.heard") == []
    assert_quiet(browser, "data:")


@pytest.mark.slow
def test_its_height_is_bounded_it_is_narrow_where_the_cell_is_and_dark_where_the_notebook_is(browser):
    mounted(browser, ReviewWidget(table(ROWS), TEXTS), width=700)
    assert browser.execute_script("return document.querySelector('.review-widget').offsetHeight") == 640
    assert browser.find_element("css selector", ".list-toggle").is_displayed()  # by the cell's width, not the window's
    ground = "return getComputedStyle(document.querySelector('.review')).backgroundColor"
    light = browser.execute_script(ground)
    browser.execute_script("document.body.dataset.jpThemeLight = 'false'")
    until(browser, lambda: browser.execute_script(ground) != light)
    browser.execute_script("document.body.dataset.jpThemeLight = 'true'")
    until(browser, lambda: browser.execute_script(ground) == light)


@pytest.mark.slow
def test_a_hostile_report_is_inert_in_the_widget(browser):
    text = HOSTILE + " " + "\u202e<script>window.hacked = 1</script> \x1b[2J" * 120_000  # five megabytes
    row = made_row(report_id="</script><img src=x onerror='window.hacked = 1'>") | value("t", "T1", "pT1", "stated", 0.625, (110, 113, "pT1"))
    mounted(browser, ReviewWidget(table([row]), [text], title="<b>1</b>"))
    until(browser, lambda: browser.execute_script("return document.querySelectorAll('.report mark').length") == 1)
    assert browser.execute_script("return document.querySelector('.report').textContent.length") == len(text) > 4_600_000
    assert browser.execute_script("return [window.hacked, document.querySelectorAll('.review script, .review img, .review h1 b').length]") == [None, 0]
    assert_quiet(browser, "data:")


# ---- in JupyterLab

CELLS = """
import json, sys
sys.path.insert(0, {tests!r})
from made_reviews import ROWS, table, TEXTS
from cancer_staging import ReviewWidget

widget = ReviewWidget(table(ROWS), TEXTS)
widget
"""


STATED, INFERRED = (StagedValue("24", "24 mm", Basis.STATED, 0.75, None, (Evidence(12, 17, "24 mm"),)), StagedValue("T2", None, Basis.INFERRED, 0.75, None, (Evidence(0, 35, "The tumour, 24 mm, invades the fat."),)))
REPORT = StagedReport("A<b>", "The tumour, 24 mm, invades the fat.\n<script>window.hacked = 1</script> \u202epT1\n\n" + "long words " * 2000, values={"t": INFERRED, "tumor_size_mm": STATED}, checks=(FailedCheck("t_size", ("t",), "T2 <i>"),))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "JupyterLab on this machine with one notebook; its address, with the token."
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELLS.format(tests=os.path.dirname(__file__)).strip()), nbformat.v4.new_code_cell("print(json.dumps(widget.decisions.drop('at').to_dicts()))")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "review.ipynb")
    stored = nbformat.v4.new_code_cell("report", outputs=[nbformat.v4.new_output("execute_result", data={"text/html": REPORT._repr_html_(), "text/plain": repr(REPORT)}, execution_count=1)])
    nbformat.write(nbformat.v4.new_notebook(cells=[stored], metadata=notebook.metadata), folder / "stored.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")} | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1", "--IdentityProvider.token=secret",
               f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **here}, stdout=log, stderr=subprocess.STDOUT)
    yield f"http://127.0.0.1:{port}", folder, server
    server.terminate()
    server.wait(120)
    shutil.rmtree(folder, ignore_errors=True)


def answers(server, address: str) -> bool:
    "Whether JupyterLab answers; it fails where the server has ended."
    assert server.poll() is None, "JupyterLab ended"
    try:
        return bool(urllib.request.urlopen(f"{address}/api?token=secret", timeout=5).read())
    except OSError:
        return False


@pytest.mark.slow
def test_in_jupyterlab_by_keyboard_three_corrections_and_a_signature_come_back_in_a_cell(browser, lab):
    from selenium.webdriver.common.keys import Keys

    address, folder, server = lab
    until(browser, lambda: answers(server, address))
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(f"{address}/lab/tree/review.ipynb?token=secret&reset")
    until(browser, lambda: browser.execute_script("return window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status") == "idle")
    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    until(browser, lambda: shown_id(browser) == "C-3")
    cells = "return document.querySelectorAll('.jp-Notebook .jp-Cell').length"
    assert browser.execute_script(cells) == 2

    browser.find_element("css selector", ".review .report").click()
    press(browser, "j", "j")
    until(browser, lambda: shown_id(browser) == "A-1" and browser.execute_script("return document.querySelectorAll('.report mark').length") == 3)
    press(browser, "2", "a", "Dr. Ito", Keys.ENTER)
    until(browser, lambda: "✓ accepted" in field_line(browser, "T"))
    press(browser, "6", "e", "G3", Keys.ENTER)
    until(browser, lambda: "✎ edited" in field_line(browser, "Grade"))
    press(browser, "5", "n")
    until(browser, lambda: "∅ none" in field_line(browser, "Stage group"))
    press(browser, "c", "ddxaab seen", Keys.CONTROL + Keys.ENTER)  # letters that delete, cut and insert cells
    until(browser, lambda: told(browser) == "Comment kept.")
    press(browser, "s", "d", "d", "x", "b")
    until(browser, lambda: "1 of 3 signed" in browser.page_source)
    assert browser.execute_script(cells) == 2

    browser.find_elements("css selector", ".jp-Notebook .jp-Cell .jp-InputArea-editor .cm-content")[1].click()
    press(browser, Keys.SHIFT + Keys.ENTER)
    output = "return document.querySelectorAll('.jp-Notebook .jp-Cell')[1].querySelector('.jp-OutputArea-output')?.textContent ?? ''"
    until(browser, lambda: "sign" in browser.execute_script(output))
    decided = json.loads(browser.execute_script(output))
    empty = {"report_id": "A-1", "row": 0, "text_digest": text_digest(FACES), "field": None, "label": None, "detail": None, "evidence": [], "comment": None, "reviewer": "Dr. Ito"}
    assert decided == [
        empty | {"field": "t", "action": "accept", "label": "T2", "detail": "pT2", "evidence": [{"start": 16, "end": 19, "text": "pT2"}]},
        empty | {"field": "grade", "action": "edit", "label": "G3", "evidence": [{"start": 26, "end": 33, "text": "grade 2"}]},
        empty | {"field": "stage_group", "action": "none"}, empty | {"action": "comment", "comment": "ddxaab seen"}, empty | {"action": "sign"}]

    # outside the widget the notebook's keys are its own, and a second view begins with what was decided
    press(browser, Keys.ESCAPE)
    press(browser, "b", Keys.ENTER, "widget", Keys.SHIFT + Keys.ENTER)
    until(browser, lambda: browser.execute_script("return [...document.querySelectorAll('.review .progress-text')].map(one => one.textContent)") == ["1 of 3 signed"] * 2)

    # opened again, it is as it was left, for the kernel lives
    browser.execute_async_script("const done = arguments[0]; window.jupyterapp.commands.execute('docmanager:save').then(() => done())")
    browser.refresh()
    until(browser, lambda: browser.execute_script("return [...document.querySelectorAll('.review .progress-text')].map(one => one.textContent)") == ["1 of 3 signed"] * 2)
    browser.find_element("css selector", "[data-row='0']").click()
    until(browser, lambda: browser.execute_script("return document.querySelector('.review .report').textContent") == FACES)
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"]
    assert urls and [url for url in urls if not url.startswith((address, "blob:", "data:"))] == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.slow
def test_in_a_stored_notebook_that_nobody_trusts_a_report_keeps_its_look(browser, lab):
    address, folder, server = lab
    until(browser, lambda: answers(server, address))
    browser.get(f"{address}/lab/tree/stored.ipynb?token=secret&reset")
    until(browser, lambda: browser.execute_script("return document.querySelector('.jp-RenderedHTML pre')"))
    assert browser.execute_script("return window.jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted") is False
    written, kept = REPORT._repr_html_(), browser.execute_script("return document.querySelector('.jp-RenderedHTML').innerHTML")
    named = [{style.partition(":")[0].strip() for styles in re.findall('style="([^"]*)"', page) for style in styles.split(";") if style.strip()} for page in (written, kept)]
    assert named[0] == named[1] and "<style" not in written and "class=" not in written  # nothing of it was dropped
    lines = browser.execute_script("return document.querySelector('.jp-RenderedHTML pre').innerText").split("\n")
    assert lines[0].replace("\xa0", " ") == "I The tumour, S 24 mm, invades the fat." and lines[1] == "<script>window.hacked = 1</script> \\u202epT1" and lines[2] == ""
    assert browser.execute_script("return [window.hacked, document.querySelectorAll('.jp-RenderedHTML script, .jp-RenderedHTML i').length]") == [None, 0]
    words = browser.execute_script("return [...document.querySelectorAll('.jp-RenderedHTML pre span span')].map(one => [one.textContent, getComputedStyle(one).borderBottomStyle])")
    assert words == [["The tumour, ", "dotted"], ["24 mm", "dotted"], ["24 mm", "solid"], [", invades the fat.", "dotted"]]
    assert browser.execute_script("const box = document.querySelector('.jp-RenderedHTML pre').parentElement; return [box.clientHeight < 500, box.scrollHeight > box.clientHeight, box.scrollWidth <= box.clientWidth]") == [True, True, True]
    for theme in ("Dark", "Light"):
        browser.execute_async_script("const done = arguments[1]; window.jupyterapp.commands.execute('apputils:change-theme', { theme: `JupyterLab ${arguments[0]}` }).then(() => done())", theme)
        until(browser, lambda: browser.execute_script("return document.body.dataset.jpThemeLight") == str(theme == "Light").lower())
        assert browser.execute_script(CONTRAST.replace("'.review *'", "'.jp-RenderedHTML *'")) == []
