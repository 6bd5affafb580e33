"The review page: what stands in it, and in a real browser what a person does with it, by keyboard alone."
import base64
import hashlib
import json
import os
import re
import shutil
import zlib
from pathlib import Path

import polars as pl
import pytest
from browsers import assert_quiet, chromium, CONTRAST, press, tab_to, until
from made_reviews import chosen, FACES, field_line, HOSTILE, made_row, ROWS, saved_lines, shown_id, table, TEXTS, told, value
from typer.testing import CliRunner

import cancer_staging
from cancer_staging.cli import app
from cancer_staging.fields import FIELDS
from cancer_staging.review.decisions import latest, read_decisions
from cancer_staging.review.page import need, review_page, text_blocks, texts_of, write_review
from cancer_staging.runs import InputError
from cancer_staging.stager import stage_files


def unpacked(block: str) -> object:
    return json.loads(zlib.decompress(base64.b64decode(block)))


def blocks_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<script type="application/octet-stream" id="([\w-]+)">([A-Za-z0-9+/=]*)</script>', page))


def test_who_needs_a_person_most_comes_first():
    check = {"check": "n_nodes", "fields": ["n"], "message": "N0 with 2 positive nodes"}
    ordered = [
        made_row(status="empty", error="no text", checks=[]),
        made_row(checks=[check, check]) | value("t", "T2", "pT2", "stated", 1.0),
        made_row(checks=[check]) | value("t", "T2", None, "inferred", 0.125),
        made_row() | value("t", "T2", None, "inferred", 0.25) | value("n", None, None, "inferred", 0.125),
        made_row() | value("t", "T2", None, "inferred", 0.75),
        made_row() | value("t", None, None, "inferred", 0.25) | value("n", None, None, "inferred", 0.25),
        made_row() | value("t", None, None, "inferred", 0.25),
        made_row() | value("t", "T2", "pT2", "stated", 0.25),
        made_row() | value("t", "T2", "pT2", "stated", 0.5) | value("n", "N0", "pN0", "stated", 1.0),
        made_row(),
    ]
    assert sorted(ordered[::-1], key=need) == ordered


@pytest.mark.parametrize("count, sizes", [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_texts_come_back_from_their_blocks(count, sizes):
    texts = [None if number % 7 == 3 else f"{number} 🙂\u202e\x1b</script>" for number in range(count)]
    blocks = [unpacked(block) for block in text_blocks(texts)]
    assert [len(block) for block in blocks] == sizes and sum(blocks, []) == texts


def test_the_page_allows_its_own_script_and_nothing_else():
    page = review_page(table(ROWS), TEXTS)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)[1]
    script, style = re.search(r'<script type="module">(.*)</script>', page, re.S)[1], re.search(r"<style>(.*?)</style>", page, re.S)[1]
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() + "'" for source in (style, script)]
    assert policy == f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    assert "http:" not in page and "https:" not in page and "</script" not in script and " style=" not in page
    assert "innerHTML" not in script and "insertAdjacentHTML" not in script and "eval(" not in script


def test_no_word_of_a_report_stands_in_the_page_as_html():
    page = review_page(table(ROWS), TEXTS, title="<script>1</script>")
    assert not re.search("hacked|B-2|C-3|LEFT BREAST|it is no PDF|<script>1", page)
    assert page.count("</script>") == 3 and set(blocks_of(page)) == {"index", "texts-0"}  # two blocks of data, one script
    assert unpacked(blocks_of(page)["texts-0"]) == TEXTS


def test_the_list_holds_what_the_table_says():
    data = unpacked(blocks_of(review_page(table(ROWS), TEXTS))["index"])
    assert data["order"] == [2, 1, 0] and [field["name"] for field in data["fields"]] == list(FIELDS)
    assert data["rows"][0]["values"]["t"] == ["T2", "pT2", "stated", 0.75, [[16, 19]], None]
    assert data["rows"][2]["digest"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of no text
    assert data["digest"] != unpacked(blocks_of(review_page(table(ROWS), [FACES + " ", HOSTILE, None]))["index"])["digest"]


def test_a_text_of_another_report_is_refused():
    with pytest.raises(InputError, match="row 0 .* T .*changed"):
        review_page(table(ROWS), ["🙂 " + FACES, HOSTILE, None])
    with pytest.raises(InputError, match="row 1 "):
        review_page(table(ROWS), [FACES, None, None])
    with pytest.raises(InputError, match="3 staged rows and 2 reports"):
        review_page(table(ROWS), TEXTS[:2])


def test_half_of_a_surrogate_pair_is_no_end_of_the_page():
    assert unpacked(blocks_of(review_page(table([made_row()]), ["a\ud83db"]))["texts-0"]) == ["a\ufffdb"]


@pytest.fixture
def staged(tmp_path) -> Path:
    "Two reports, staged, their texts kept."
    pl.DataFrame({"report_id": ["A", "B"], "text": ["Breast, left. pT2 pN0.", "Colon. pT3 pN1a."]}).write_csv(tmp_path / "reports.csv")
    stage_files(tmp_path / "reports.csv", tmp_path / "staged.csv", "rules", keep_text=True, workers=1)
    return tmp_path / "staged.csv"


def test_reports_are_kept_texts_or_the_inputs_read_again(staged):
    frame = cancer_staging.staged.read_staged(staged)
    expected = ["Breast, left. pT2 pN0.", "Colon. pT3 pN1a."]
    assert texts_of(frame, staged.with_name("staged.texts.parquet")) == expected
    assert texts_of(frame, staged.with_name("reports.csv")) == expected
    moved = staged.parent / "moved"
    moved.mkdir()
    shutil.move(staged.with_name("reports.csv"), moved)
    assert texts_of(frame, [moved / "reports.csv"]) == expected


@pytest.mark.parametrize("ids, texts, told", [
    (["A"], ["Breast, left. pT2 pN0."], "only 1"), (["A", "B", "C"], ["Breast, left. pT2 pN0.", "Colon. pT3 pN1a.", "x"], "more"),
    (["B", "A"], ["Colon. pT3 pN1a.", "Breast, left. pT2 pN0."], "row 0 "), (["A", "B"], ["Breast, left. pT2 pN0.", "Colon: pT3 pN1a. "], None), (["A", "B"], ["Breast, left. pT2 pN0.", "Sigmoid colon. pT3 pN1a."], "row 1 "),
])
def test_other_reports_than_were_staged_are_refused(staged, ids, texts, told):
    pl.DataFrame({"report_id": ids, "text": texts}).write_csv(staged.with_name("reports.csv"))
    if told is None:
        assert write_review(staged, staged.with_name("reports.csv"), staged.with_name("review.html")) == 2
        return
    with pytest.raises(InputError, match=told) as error:
        write_review(staged, staged.with_name("reports.csv"), staged.with_name("review.html"))
    assert "pT3" not in str(error.value) and not staged.with_name("review.html").exists()


def test_the_command_writes_the_page_and_replaces_none(staged):
    out = staged.with_name("review.html")
    arguments = ["review", str(staged), "--reports", str(staged.with_name("staged.texts.parquet")), "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and done.stdout == "" and "2 reports written to" in done.stderr
    assert os.name == "nt" or out.stat().st_mode & 0o077 == 0
    before = out.read_bytes()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "--overwrite" in done.stderr and out.read_bytes() == before
    assert CliRunner().invoke(app, [*arguments, "--overwrite", "--title", "Breast"]).exit_code == 0 and b"<title>Breast</title>" in out.read_bytes()
    for wrong, why in (("review.txt", ".html"), ("nowhere/review.html", "does not exist")):
        done = CliRunner().invoke(app, [*arguments[:-1], str(staged.parent / wrong)])
        assert done.exit_code == 2 and why in done.stderr
    assert CliRunner().invoke(app, [*arguments[:1], str(staged.with_name("reports.csv")), *arguments[2:], "--overwrite"]).exit_code == 2


# ---- in a browser

@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    "Headless Chromium that records its console and its requests, and saves files without asking."
    running = chromium(tmp_path_factory.mktemp("profile"), unhandledPromptBehavior="accept")
    yield running
    running.quit()


@pytest.fixture
def opened(browser, tmp_path):
    "The page of the three reports, without decisions of an earlier test; after the test, nothing was complained of and nothing asked for."
    (tmp_path / "review.html").write_text(review_page(table(ROWS), TEXTS), encoding="utf-8")
    address = (tmp_path / "review.html").as_uri()
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    browser.get(address)
    until(browser, lambda: shown_id(browser) == "C-3")
    for log in ("browser", "performance"):
        browser.get_log(log)
    yield browser
    assert_quiet(browser, address)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def to_first_report(browser) -> None:
    "From the top of the list to A-1, its last."
    press(browser, "j", "j")
    until(browser, lambda: shown_id(browser) == "A-1" and browser.execute_script("return document.querySelectorAll('.report mark').length") > 0)


@pytest.mark.slow
def test_by_keyboard_alone_three_corrections_words_a_comment_and_a_signature_come_back(opened, tmp_path):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    press(opened, "2", "a", "Dr. Ito", Keys.ENTER)  # the name is asked for first
    until(opened, lambda: "✓ accepted" in field_line(opened, "T"))
    press(opened, "6", "e", "G3", Keys.ENTER)
    until(opened, lambda: "✎ edited" in field_line(opened, "Grade"))
    press(opened, "5", "n")
    until(opened, lambda: "∅ none" in field_line(opened, "Stage group"))
    press(opened, "7")
    tab_to(opened, "at.className === 'report'")
    for _ in range(30):
        if opened.execute_script("return getSelection().toString().trim()") == "ER":
            break
        press(opened, Keys.ARROW_RIGHT)
    press(opened, Keys.SHIFT + Keys.ARROW_RIGHT, "w", "pos", Keys.ENTER)
    until(opened, lambda: "✎ edited" in field_line(opened, "ER"))
    press(opened, "c", "Slides looked at again.", Keys.CONTROL + Keys.ENTER)
    until(opened, lambda: told(opened) == "Comment kept.")
    press(opened, "s")
    until(opened, lambda: "1 of 3 signed" in opened.page_source)

    lines = saved_lines(opened, tmp_path)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.pop("at")) for line in lines)
    digest = hashlib.sha256(FACES.encode()).hexdigest()
    empty = {"report_id": "A-1", "row": 0, "text_digest": digest, "field": None, "label": None, "detail": None, "evidence": [], "comment": None, "reviewer": "Dr. Ito"}
    assert lines == [
        empty | {"field": "t", "action": "accept", "label": "T2", "detail": "pT2", "evidence": [{"start": 16, "end": 19, "text": "pT2"}]},
        empty | {"field": "grade", "action": "edit", "label": "G3", "evidence": [{"start": 26, "end": 33, "text": "grade 2"}]},
        empty | {"field": "stage_group", "action": "none"},
        empty | {"field": "er", "action": "edit", "label": "positive", "evidence": [{"start": 49, "end": 60, "text": "ER positive"}]},
        empty | {"action": "comment", "comment": "Slides looked at again."},
        empty | {"action": "sign"},
    ]
    assert [decision.action for decision in latest(read_decisions(tmp_path / "review.jsonl"))] == ["accept", "edit", "none", "edit", "comment", "sign"]


@pytest.mark.slow
def test_a_value_leads_to_its_words_and_words_to_their_value(opened):
    to_first_report(opened)
    assert chosen(opened) == "Grade"  # nobody states it
    opened.find_element("css selector", "[data-key=value-n]").click()
    assert opened.execute_script("return [...document.querySelectorAll('mark.focused.pulse')].map(one => one.textContent)") == ["pN1a"]
    words = opened.execute_script("return [...document.querySelectorAll('.report mark')].map(one => [one.textContent, one.dataset.fields, one.dataset.badge])")
    assert words == [["pT2", "t stage_group", "SD"], ["pN1a", "n stage_group", "SD"], ["grade 2", "grade", "I"]]
    mark = opened.find_element("css selector", ".report mark")
    mark.click()
    assert chosen(opened) == "T" and opened.execute_script("return document.activeElement.dataset.key") == "value-t"
    mark.click()  # the other value that rests on the words
    assert chosen(opened) == "Stage group"
    assert opened.execute_script("return document.querySelector('.report').textContent") == FACES


@pytest.mark.slow
def test_words_far_down_scroll_into_view(browser, tmp_path):
    text = "filler words\n" * 30_000 + "pT2 at last\n" + "filler words\n" * 30_000
    row = made_row() | value("t", "T2", "pT2", "stated", 0.75, (390_000, 390_003, "pT2"))
    (tmp_path / "long.html").write_text(review_page(table([row]), [text]), encoding="utf-8")
    browser.get((tmp_path / "long.html").as_uri())
    visible = "const box = document.querySelector('.report').getBoundingClientRect(), at = document.querySelector('mark').getBoundingClientRect(); return at.top >= box.top && at.bottom <= box.bottom"
    until(browser, lambda: browser.execute_script("return document.querySelector('mark')") and browser.execute_script(visible))
    browser.execute_script("document.querySelector('.report').scrollTop = 0")
    press(browser, "2")
    assert browser.execute_script(visible) and browser.execute_script("return document.querySelector('mark').textContent") == "pT2"


@pytest.mark.slow
def test_marked_words_count_code_points(opened, tmp_path):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    press(opened, "2")
    opened.execute_script("const at = document.querySelector('.report').firstChild; getSelection().setBaseAndExtent(at, at.data.indexOf('BREAST') - 1, at, at.data.indexOf('BREAST') + 6)")  # with the blank before it
    press(opened, "w", "Ana", Keys.ENTER)
    until(opened, lambda: "✎ edited" in field_line(opened, "T"))
    line, = saved_lines(opened, tmp_path)
    assert (line["label"], line["detail"], line["evidence"]) == ("T2", "pT2", [{"start": 7, "end": 13, "text": "BREAST"}])
    assert opened.execute_script("return [...document.querySelectorAll('mark')].find(one => one.dataset.fields === 't').textContent") == "BREAST"


@pytest.mark.slow
def test_undo_takes_back_one_after_the_other_and_a_change_takes_the_signature(opened, tmp_path):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    press(opened, "u")
    assert told(opened) == "There is nothing of yours to undo."
    press(opened, "3", "a", "Ana", Keys.ENTER)
    until(opened, lambda: "✓ accepted" in field_line(opened, "N"))
    press(opened, "s")
    until(opened, lambda: "1 of 3 signed" in opened.page_source)
    press(opened, "3", "n")
    until(opened, lambda: "0 of 3 signed" in opened.page_source)
    press(opened, "u")
    until(opened, lambda: "✓ accepted" in field_line(opened, "N"))
    press(opened, "u", "u")
    until(opened, lambda: "accepted" not in field_line(opened, "N") and "0.88" in field_line(opened, "N"))
    lines = saved_lines(opened, tmp_path)
    assert [(line["action"], line["field"]) for line in lines] == [("accept", "n"), ("sign", None), ("none", "n"), ("undo", "n"), ("undo", None), ("undo", "n")]


@pytest.mark.slow
def test_the_name_is_never_guessed_and_nothing_is_decided_without_it(opened, tmp_path):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    press(opened, "2", "a", Keys.ENTER)  # an empty name is none
    assert opened.execute_script("return document.querySelector('dialog').open")
    press(opened, Keys.ESCAPE)
    until(opened, lambda: not opened.execute_script("return document.querySelector('dialog').open"))
    assert "accepted" not in field_line(opened, "T") and saved_lines(opened, tmp_path) == []


@pytest.mark.slow
def test_the_browser_keeps_the_work_and_load_takes_a_file_in_once(opened, tmp_path):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    press(opened, "2", "a", "Ana", Keys.ENTER)
    until(opened, lambda: "✓ accepted" in field_line(opened, "T"))
    press(opened, "s")
    until(opened, lambda: "1 of 3 signed" in opened.page_source)
    assert len(saved_lines(opened, tmp_path)) == 2
    opened.refresh()
    until(opened, lambda: "1 of 3 signed" in opened.page_source)
    assert "nobody yet" in opened.page_source  # who goes on may be another person
    opened.execute_script("localStorage.clear()")
    opened.refresh()
    until(opened, lambda: "0 of 3 signed" in opened.page_source and shown_id(opened) == "C-3")
    saved = (tmp_path / "review.jsonl").read_text(encoding="utf-8")
    (tmp_path / "more.jsonl").write_text(saved + saved.replace(hashlib.sha256(FACES.encode()).hexdigest(), "0" * 64) + "no decision\n", encoding="utf-8")
    for expected in ("2 decisions taken in, 3 lines left out", "0 decisions taken in, 2 were here already, 3 lines left out"):
        opened.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "more.jsonl"))
        until(opened, lambda: told(opened).startswith(expected))
    assert "1 of 3 signed" in opened.page_source


@pytest.mark.slow
def test_filters_and_search(opened):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select

    def listed():
        return opened.execute_script("return [...document.querySelectorAll('.item-id')].map(one => one.textContent)")

    def choose(label, option):
        Select(opened.find_element("xpath", f"//label[span='{label}']/select")).select_by_visible_text(option)

    assert listed() == ["C-3", "B-2</script>", "A-1"]
    for label, option, ids in (("Field", "Grade", ["A-1"]), ("Basis", "derived", ["A-1"]), ("Basis", "no value", ["C-3", "B-2</script>", "A-1"]), ("Checks", "any failed", ["B-2</script>"]), ("Checks", "t size", ["B-2</script>"]),
                               ("Checks", "none failed", ["C-3", "A-1"]), ("Status", "error", ["C-3"]), ("Signed", "signed", []), ("Signed", "not signed", ["C-3", "B-2</script>", "A-1"])):
        choose(label, option)
        until(opened, lambda: listed() == ids)
        choose(label, "any")
        until(opened, lambda: len(listed()) == 3)
    below = opened.find_element("xpath", "//label[span='Confidence below']/input")
    below.send_keys("0.6")
    until(opened, lambda: listed() == ["A-1"])
    below.clear()
    below.send_keys("1")
    choose("Field", "T")
    until(opened, lambda: listed() == ["B-2</script>", "A-1"])
    choose("Field", "any")
    press(opened, Keys.ESCAPE, "/", "ER posi")  # in the text
    until(opened, lambda: listed() == ["A-1"] and shown_id(opened) == "A-1")
    press(opened, Keys.ESCAPE)
    until(opened, lambda: listed() == ["B-2</script>", "A-1"])


@pytest.mark.slow
def test_a_hostile_report_is_inert_and_its_unseen_characters_are_seen(browser, tmp_path):
    text = HOSTILE + " " + "\u202e<script>window.hacked = 1</script> \x1b[2J" * 120_000  # five megabytes
    (tmp_path / "hostile.html").write_text(review_page(table(ROWS[1:2]), [text]), encoding="utf-8")
    browser.get((tmp_path / "hostile.html").as_uri())
    until(browser, lambda: browser.execute_script("return document.querySelectorAll('.report mark').length") == 1)
    assert len(text) > 4_600_000 and browser.execute_script("return document.querySelector('.report').textContent.length") == len(text)
    assert browser.execute_script("return [window.hacked, document.querySelectorAll('.report script, .report img, .list script').length]") == [None, 0]
    assert browser.execute_script("return [...document.querySelectorAll('.unseen')].slice(0, 3).map(one => one.dataset.code)") == ["\\u202e", "\\u202c", "\\u001b"]
    assert browser.execute_script("return document.querySelector('.report').textContent.slice(0, 113)") == HOSTILE
    assert browser.execute_script("return getComputedStyle(document.querySelector('.unseen > span')).display") == "none"
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    # even a script that found its way in could neither run nor tell anybody
    browser.execute_script("const made = document.createElement('script'); made.textContent = 'window.hacked = 1'; document.body.append(made)")
    asked = browser.execute_async_script("const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('asked'), () => done('refused'))")
    assert browser.execute_script("return window.hacked") is None and asked == "refused"
    assert len([entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_have_the_contrast_of_wcag_aa(opened, scheme):
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    assert opened.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert opened.execute_script(CONTRAST) == []
    press(opened, "j")
    until(opened, lambda: shown_id(opened) == "B-2</script>")
    press(opened, "c")
    assert opened.execute_script(CONTRAST) == []
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.slow
def test_every_control_has_a_name_and_a_focus_that_is_seen(opened):
    from selenium.webdriver.common.keys import Keys

    to_first_report(opened)
    for control in opened.find_elements("css selector", "button, input:not([type=file]), select, textarea, [role=listbox], .report, progress"):
        assert control.accessible_name or not control.is_displayed(), control.get_attribute("outerHTML")
    reached = set()
    for _ in range(70):
        press(opened, Keys.TAB)
        stop = opened.execute_script("const at = document.activeElement, style = getComputedStyle(at); return at === document.body ? null : [at.className + at.textContent.slice(0, 20), style.outlineStyle, parseFloat(style.outlineWidth)]")
        if stop:
            assert stop[1] == "solid" and stop[2] >= 2, stop
            reached.add(stop[0])
    assert len(reached) > 40
    for number in "123":
        press(opened, number)
        assert opened.execute_script("return document.querySelector('.value.chosen .value-head').getAttribute('aria-expanded')") == "true"


@pytest.mark.slow
def test_four_hundred_pixels_are_enough(opened):
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False})
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") == 400
        toggle = opened.find_element("css selector", ".list-toggle")
        toggle.click()
        opened.find_elements("css selector", ".item")[2].click()
        until(opened, lambda: shown_id(opened) == "A-1")
        assert opened.find_element("css selector", ".report").is_displayed() and not opened.find_element("css selector", ".list").is_displayed()
        assert opened.execute_script("return [...document.querySelectorAll('.report, .values-pane')].every(one => one.clientHeight > 150 && one.scrollWidth <= one.clientWidth)")
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
def test_a_table_without_rows_opens(browser, tmp_path):
    (tmp_path / "none.html").write_text(review_page(table([]), []), encoding="utf-8")
    browser.get((tmp_path / "none.html").as_uri())
    until(browser, lambda: told(browser) == "The table has no rows.")
    press(browser, "a", "j", "s", "1", "?")
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@pytest.mark.slow
def test_the_parts_of_the_script(browser):
    source = base64.b64encode((Path(cancer_staging.__file__).parent / "review" / "assets" / "review.js").read_bytes()).decode()
    browser.get("about:blank")

    def call(expression):
        return browser.execute_async_script(f"const done = arguments[arguments.length - 1]; import('data:text/javascript;base64,{source}').then(of => done({expression}), error => done(String(error)))")

    assert call("[0, 1, 2, 3].map(of.offsets('🙂a🙂b').unit)") == [0, 2, 3, 5]
    assert call("[0, 2, 3, 5, 6].map(of.offsets('🙂a🙂b').point)") == [0, 1, 2, 3, 4]
    assert call("of.segments(9, [{start: 2, end: 6, field: 'a'}, {start: 4, end: 8, field: 'b'}]).map(one => [one.start, one.end, one.spans.map(span => span.field).join('')])") == [
        [0, 2, ""], [2, 4, "a"], [4, 6, "ab"], [6, 8, "b"], [8, 9, ""]]
    assert call("of.pieceEnds('short')") == [5] and call("of.pieceEnds(('x'.repeat(29999) + '\\n').repeat(4))") == [30_000, 60_000, 90_000, 120_000]
    assert call("of.pieceEnds('🙂'.repeat(60001)).every(end => end % 2 === 0)")
    one = "{report_id: 'A', row: 0, text_digest: 'd', field: 't', action: '%s', label: null, detail: null, evidence: [], comment: null, reviewer: '%s', at: '%s'}"
    ana, ben, undo = one % ("none", "Ana", "2026-01-01T00:00:02Z"), one % ("none", "Ben", "2026-01-01T00:00:01Z"), one % ("undo", "Ana", "2026-01-01T00:00:03Z")
    assert call(f"of.merged([{ana}], [{ana}, {ben}, {ana}]).map(one => one.reviewer)") == ["Ben", "Ana", "Ana"]
    assert call(f"of.standing([{ana}, {ben}, {undo}]).get(0).decisions.map(one => one.reviewer)") == ["Ben"]


@pytest.mark.slow
def test_another_page_can_mount_the_script_and_is_told_of_decisions(browser):
    source = base64.b64encode((Path(cancer_staging.__file__).parent / "review" / "assets" / "review.js").read_bytes()).decode()
    data = json.dumps(unpacked(blocks_of(review_page(table(ROWS), TEXTS))["index"]))
    browser.get("about:blank")
    told_of = browser.execute_async_script(f"""
        const done = arguments[0], root = document.body.appendChild(document.createElement("div")), texts = {json.dumps(TEXTS)}, heard = {{}};
        import("data:text/javascript;base64,{source}").then(async (of) => {{
          const mounted = of.mount(root, {{ ...{data}, text: async (row) => texts[row] }}, {{ changed: (log) => {{ heard.actions = log.map((one) => one.action); }}, save: (lines) => {{ heard.saved = lines; }} }});
          await mounted.ready;
          await mounted.show(0);
          root.querySelector("[data-key=do-Accept]").click();
          root.querySelector("dialog input").value = "Ana";
          [...root.querySelectorAll("dialog button")].find((one) => one.textContent === "Go on").click();
          while (!heard.actions) await new Promise((then) => setTimeout(then, 5));
          [...root.querySelectorAll("button")].find((one) => one.textContent === "Save").click();
          heard.row = mounted.decisions()[0].row;
          mounted.unmount();
          heard.left = root.childElementCount;
          done(heard);
        }}).catch((error) => done(String(error)));""")
    assert told_of["actions"] == ["accept"] and told_of["row"] == 0 and told_of["left"] == 0
    assert [json.loads(line)["label"] for line in told_of["saved"].splitlines()] == ["G2"]
