"The built site in a real browser: every page loads cleanly and offline, search works, plots and formulas show."
import functools
import json
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsers import chromium

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_docs"


class QuietHandler(SimpleHTTPRequestHandler):
    "Serves files without a line for each on stderr."

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def built() -> subprocess.CompletedProcess:
    "The site, built as `make site` does."
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "site.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def pages(built) -> list[str]:
    "The addresses of all pages, from the site's top."
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


@pytest.fixture(scope="module")
def address(built):
    "Where the site is served, on this machine only."
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    "Headless Chromium that records its console and its requests."
    running = chromium(tmp_path_factory.mktemp("profile"))
    yield running
    running.quit()


def problems(browser) -> list[str]:
    "Console errors and warnings since the last call."
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def elsewhere(
    browser,
    address: str,  # where the site is served
) -> list[str]:  # the other addresses
    "Addresses outside the site that were requested since the last call."
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith((address, "data:", "chrome:", "about:", "blob:"))]


def wait_for(browser, selector: str):
    "The first element that matches and is shown, within ten seconds."
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def shown(driver):
        return next((element for element in driver.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()), None)

    return WebDriverWait(browser, 10).until(shown, f"nothing shown for {selector}")


def test_every_notebook_has_a_page_and_no_link_is_broken(built, pages):
    notebooks = [path.relative_to(ROOT / "nbs").with_suffix(".html").as_posix() for path in (ROOT / "nbs").rglob("*.ipynb")]
    assert set(notebooks) <= set(pages)
    assert "broken link" not in built.stderr, built.stderr


def test_every_notebook_stands_once_in_the_sidebar(built):
    links = re.findall(r"<a [^>]*sidebar-link[^>]*>", (SITE / "index.html").read_text(encoding="utf-8"))
    listed = [page[1] for link in links if (page := re.search(r'href="(?:\./)?([^"]+\.html)"', link))]
    assert sorted(listed) == sorted(path.relative_to(ROOT / "nbs").with_suffix(".html").as_posix() for path in (ROOT / "nbs").rglob("*.ipynb"))


def test_every_page_loads_cleanly_and_asks_no_other_host(browser, address, pages):
    shown = {"plot": 0, "formula": 0}
    for page in pages:
        browser.get(address + page)
        assert (found := problems(browser)) == [], f"{page}: {found}"
        assert (found := elsewhere(browser, address)) == [], f"{page} asks other hosts: {found}"
        assert browser.execute_script("return document.querySelectorAll('.katex-error, .cell-output-error').length") == 0, page
        assert browser.execute_script("return document.querySelectorAll('h1').length") == 1, f"{page} has no title, or two"
        shown["plot"] += browser.execute_script(
            "return [...document.querySelectorAll('.cell-output-display img')].filter(i => i.naturalWidth > 0 && i.getClientRects().length).length")
        shown["formula"] += browser.execute_script(
            "return [...document.querySelectorAll('.katex-html, math')].filter(f => f.getClientRects().length && f.getBoundingClientRect().width > 1).length")
    browser.get("about:blank")  # what the last page reported late
    assert not problems(browser) and not elsewhere(browser, address)
    assert shown["plot"] and shown["formula"], shown


NOT_IN_A_BOX = """
const scrolls = (at) => at && at !== document.body && (["auto", "scroll"].includes(getComputedStyle(at).overflowX) || scrolls(at.parentElement));
const edge = document.querySelector("main").getBoundingClientRect().right;
return [...document.querySelectorAll("main table, main pre, main img")].filter((one) => one.getBoundingClientRect().right > edge + 1 && !scrolls(one)).map((one) => one.outerHTML.slice(0, 80));
"""


def test_what_is_wide_scrolls_in_its_own_box(browser, address):
    whole = browser.get_window_size()
    browser.set_window_size(500, 900)
    try:
        for page in ["index.html", *(f"guides/{path.stem}.html" for path in (ROOT / "nbs" / "guides").glob("*.ipynb"))]:
            browser.get(address + page)
            assert browser.execute_script(NOT_IN_A_BOX) == [], page
            assert browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, page
    finally:
        browser.set_window_size(whole["width"], whole["height"])


def test_api_pages_document_their_functions(browser, address):
    browser.get(address + "api/00_fields.html")
    assert wait_for(browser, "#read_registry")
    assert "registry" in wait_for(browser, "#read_registry ~ * pre, #read_registry ~ pre").text


def test_prose_under_the_title_is_shown(browser, address):
    # nbdev alone would drop it; tools/site.py gives it a cell of its own
    for path in sorted((ROOT / "nbs" / "guides").glob("*.ipynb")):
        opening = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()
        prose = [line for line in opening if line.strip() and not line.startswith(("# ", ">"))]
        if prose:
            browser.get(f"{address}guides/{path.stem}.html")
            assert " ".join(prose[0].split()[:5]) in wait_for(browser, "main").text, path.name


def test_search_finds_stage(browser, address):
    browser.get(address + "index.html")
    wait_for(browser, ".smalldocs-search input, .aa-Input").send_keys("stage")  # smalldocs, Quarto
    result = wait_for(browser, ".search-result, .aa-Item a")
    assert "stage" in result.text.lower() or "staging" in result.text.lower()
    seen = "const box = arguments[0].getBoundingClientRect(); return arguments[0].contains(document.elementFromPoint(box.right - 4, box.top + 4)) && box.width > 300"
    assert browser.execute_script(seen, result), "the results are cut off, or stand under the page"
    result.click()
    assert "stag" in wait_for(browser, "main").text.lower()
