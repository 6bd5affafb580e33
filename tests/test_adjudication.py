"Adjudication: the page shows an adjudicator what two reviewers decided, and what is settled there stands in the signed table."
import json
from dataclasses import replace

import polars as pl
import pytest
from browsers import assert_quiet, chromium, CONTRAST, press, until
from made_reviews import chosen, FACES, field_line, HOSTILE, ROWS, saved_lines, shown_id, table, TEXTS, told
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.review.decisions import Decision, text_digest, write_decisions
from cancer_staging.review.page import review_page
from cancer_staging.runs import InputError
from cancer_staging.staged import Evidence


def decided(reviewer: str, minute: int, action: str, field: str | None = None, label: str | None = None, detail: str | None = None, *evidence: Evidence, row: int = 0, **more) -> Decision:
    "A line about A-1, or another row."
    return Decision(ROWS[row]["report_id"], row, text_digest(TEXTS[row]), action, reviewer, f"2026-11-27T09:{minute:02}:00Z", field, label, detail, evidence, **more)


# they differ on grade, and on T, where both leave the machine's; they agree on N; ER only Ana decided
ANA = [
    decided("Ana", 0, "edit", "grade", "G3", "grade 3"), decided("Ana", 1, "edit", "n", "N2", "pN2a"), decided("Ana", 2, "edit", "er", "positive", None, Evidence(49, 60, "ER positive")),
    decided("Ana", 3, "none", "t"), decided("Ana", 4, "comment", comment="<b>Poorly</b> differentiated."), decided("Ana", 5, "sign"),
]
BEN = [
    decided("Ben", 10, "accept", "grade", "G2", "grade 2", Evidence(26, 33, "grade 2")), decided("Ben", 11, "edit", "n", "N2", "pN2"), decided("Ben", 12, "edit", "t", "T3", "pT3", Evidence(35, 47, "Tumour 24 mm")),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = chromium(tmp_path_factory.mktemp("profile"), unhandledPromptBehavior="accept")
    yield running
    running.quit()


@pytest.fixture
def adjudication(browser, tmp_path):
    "The page of the three reports with the decisions of Ana and Ben; after the test, nothing was complained of and nothing asked for."
    (tmp_path / "adjudication.html").write_text(review_page(table(ROWS), TEXTS, second=[*ANA, *BEN]), encoding="utf-8")
    address = (tmp_path / "adjudication.html").as_uri()
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    browser.get(address)
    until(browser, lambda: shown_id(browser) == "A-1" and browser.execute_script("return document.querySelectorAll('.report mark').length") > 0)
    for log in ("browser", "performance"):
        browser.get_log(log)
    yield browser
    assert_quiet(browser, address)


def answers(browser) -> list[str]:
    "What stands of the reviewers and the machine at the value that is open."
    return browser.execute_script("return [...document.querySelectorAll('.answers li')].map(one => one.innerText.replace(/\\s+/g, ' '))")


@pytest.mark.slow
def test_by_keyboard_alone_the_conflicts_are_settled_and_stand_in_the_signed_table(adjudication, tmp_path):
    from selenium.webdriver.common.keys import Keys

    listed = adjudication.execute_script("return [...document.querySelectorAll('.item')].map(one => [...one.children].map(part => part.textContent))")
    assert [item[0] for item in listed] == ["A-1", "C-3", "B-2</script>"]  # without conflicts the other two come first
    assert listed[0][1:] == ["≠ 2 conflicts", "reviewers differ on T, Grade"] and listed[1][1:] == ["", "error: it is no PDF"]
    assert "0 of 3 signed, 2 conflicts open" in adjudication.page_source
    assert chosen(adjudication) == "T" and answers(adjudication) == ["Ana none Take x", "Ben T3 (pT3) Take y Tumour 24 mm", "machine T2 (pT2) stated"]
    assert "none ≠ T3" in field_line(adjudication, "T") and "≠ conflict" in field_line(adjudication, "T") and "G3 ≠ G2 ≠ conflict" in field_line(adjudication, "Grade")
    assert "N2 pN2 ✓ agreed" in field_line(adjudication, "N") and "positive ✓ reviewed" in field_line(adjudication, "ER")
    assert adjudication.find_element("css selector", "[data-key=take-1]").accessible_name == "Take T3, as Ben decided"

    press(adjudication, "y", "Ben", Keys.ENTER)  # a reviewer's name is none for an adjudicator
    assert adjudication.execute_script("return document.querySelector('dialog [role=alert]').textContent") == "Ben reviewed these reports: who adjudicates is another person."
    press(adjudication, Keys.CONTROL + "a", " ana", Keys.ENTER)
    assert adjudication.execute_script("return document.querySelector('dialog').open")
    press(adjudication, Keys.CONTROL + "a", "Dr. Ito", Keys.ENTER)
    until(adjudication, lambda: told(adjudication) == "T: T3, as Ben decided. 1 conflict left in this report.")
    assert "T3" in field_line(adjudication, "T") and "✎ edited" in field_line(adjudication, "T")
    press(adjudication, "d")
    assert chosen(adjudication) == "Grade"
    press(adjudication, "x")
    until(adjudication, lambda: told(adjudication) == "Grade: G3, as Ana decided. No conflict is left in this report.")
    press(adjudication, "u")  # and back: the conflict is open again
    until(adjudication, lambda: "G3 ≠ G2" in field_line(adjudication, "Grade"))
    press(adjudication, "y")
    until(adjudication, lambda: told(adjudication) == "Grade: G2, as Ben decided. No conflict is left in this report.")
    press(adjudication, "d")
    until(adjudication, lambda: told(adjudication) == "No conflict is open.")
    assert "0 of 3 signed, 0 conflicts open" in adjudication.page_source
    press(adjudication, "s")
    until(adjudication, lambda: "1 of 3 signed" in adjudication.page_source)

    lines = saved_lines(adjudication, tmp_path)
    assert {line["reviewer"] for line in lines} == {"Dr. Ito"}
    assert [(line["action"], line["field"], line["label"], line["detail"], [piece["text"] for piece in line["evidence"]]) for line in lines] == [
        ("edit", "t", "T3", "pT3", ["Tumour 24 mm"]), ("edit", "grade", "G3", "grade 3", []), ("undo", "grade", None, None, []), ("accept", "grade", "G2", "grade 2", ["grade 2"]), ("sign", None, None, None, [])]
    table(ROWS).write_parquet(tmp_path / "staged.parquet")
    pl.DataFrame({"report_id": [row["report_id"] for row in ROWS], "source": [row["source"] for row in ROWS], "text": TEXTS, "page_starts": [[0]] * len(ROWS)}, schema_overrides={"source": pl.String}).write_parquet(tmp_path / "texts.parquet")
    write_decisions(ANA, tmp_path / "ana.jsonl")
    write_decisions(BEN, tmp_path / "ben.jsonl")
    files = [str(tmp_path / name) for name in ("staged.parquet", "ana.jsonl", "ben.jsonl", "review.jsonl")]
    done = CliRunner().invoke(app, ["review-apply", *files, "--reports", str(tmp_path / "texts.parquet"), "--out", str(tmp_path / "signed.parquet"), "--adjudicator", "Dr. Ito"])
    assert done.exit_code == 0 and "conflicts" not in done.stderr, done.stderr
    row = pl.read_parquet(tmp_path / "signed.parquet").row(0, named=True)
    assert [row[name] for name in ("t", "t_detail", "n", "grade", "er", "signed_by")] == ["T3", "pT3", "N2", "G2", "positive", ["Ana", "Dr. Ito"]]


@pytest.mark.slow
def test_what_reviewers_said_is_shown_as_text_with_their_words_and_the_filter_finds_conflicts(adjudication):
    from selenium.webdriver.support.ui import Select

    assert "Ana: <b>Poorly</b> differentiated." in adjudication.execute_script("return document.querySelector('.report-head').textContent")
    assert "signed by Ana, who reviewed it" in adjudication.execute_script("return document.querySelector('.report-head').textContent")
    words = adjudication.execute_script("return [...document.querySelectorAll('.report mark')].map(one => [one.textContent, one.dataset.fields, one.title])")
    assert words[0] == ["pT2", "t stage_group", "T: T2, stated\nStage group: II, derived"] and words[3] == ["Tumour 24 mm", "t", "T: T3, Ben"] and words[4] == ["ER positive", "er", "ER: positive, reviewed"]
    choice = Select(adjudication.find_element("xpath", "//label[span='Conflicts']/select"))
    listed = lambda: adjudication.execute_script("return [...document.querySelectorAll('.item-id')].map(one => one.textContent)")  # noqa: E731
    for option, ids in (("open", ["A-1"]), ("settled", []), ("none", ["C-3", "B-2</script>"]), ("any", ["A-1", "C-3", "B-2</script>"])):
        choice.select_by_visible_text(option)
        until(adjudication, lambda: listed() == ids)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_conflicts_are_told_without_colour_and_with_the_contrast_of_wcag_aa(adjudication, scheme):
    adjudication.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        until(adjudication, lambda: adjudication.execute_script("return document.querySelector('.review').classList.contains('dark')") == (scheme == "dark"))
        assert adjudication.execute_script(CONTRAST) == []
        conflict = adjudication.find_element("css selector", "[data-key=value-grade]")
        assert conflict.accessible_name.split() == "Grade G3 ≠ G2 ≠ conflict".split()
    finally:
        adjudication.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.slow
def test_lines_of_the_reviewers_are_not_taken_in(adjudication, tmp_path):
    write_decisions([*ANA, decided("Dr. Roy", 30, "edit", "t", "T2")], tmp_path / "more.jsonl")
    adjudication.find_element("css selector", "input[type=file]").send_keys(str(tmp_path / "more.jsonl"))
    until(adjudication, lambda: told(adjudication) == "1 decisions taken in, 6 of the reviewers left out.")
    assert [line["reviewer"] for line in saved_lines(adjudication, tmp_path)] == ["Dr. Roy"]


@pytest.mark.slow
def test_without_second_nothing_of_others_is_shown(browser, tmp_path):
    (tmp_path / "blind.html").write_text(review_page(table(ROWS), TEXTS), encoding="utf-8")
    browser.get((tmp_path / "blind.html").as_uri())
    until(browser, lambda: shown_id(browser) == "C-3")
    assert browser.execute_script("return [document.querySelectorAll('.answers').length, [...document.querySelectorAll('.filters label > span')].some(one => one.textContent === 'Conflicts')]") == [0, False]
    press(browser, "x", "d")
    assert browser.execute_script("return document.querySelector('dialog').open") is False


def test_a_decision_about_another_text_or_row_is_refused(tmp_path):
    for wrong, why in ((replace(BEN[0], text_digest="0" * 64), "not the one that was reviewed"), (replace(BEN[0], row=9), "3 rows only"), (replace(BEN[0], report_id="Z"), "another report"),
                       (replace(BEN[0], label="G1"), "the table has G2"), (decided("Ben", 1, "edit", "t", "T2", None, Evidence(0, 3, "pT2")), "words of its evidence")):
        with pytest.raises(InputError, match=f"1 of the 6 .*decided by Ben: .*{why}"):
            review_page(table(ROWS), TEXTS, second=[*(one for one in ANA if one.action != "sign"), wrong])


def test_the_command_reads_the_files_of_the_reviewers(tmp_path):
    staged = table([row | {"source": "reports.csv#1"} for row in ROWS[:1]])
    staged.write_parquet(tmp_path / "staged.parquet")
    kept = pl.DataFrame({"report_id": ["A-1"], "source": ["reports.csv#1"], "text": [FACES], "page_starts": pl.Series([[]], dtype=pl.List(pl.Struct({"page": pl.Int32, "start": pl.Int64})))})
    kept.write_parquet(tmp_path / "staged.texts.parquet")
    write_decisions(ANA, tmp_path / "ana.jsonl")
    write_decisions(BEN, tmp_path / "ben.jsonl")
    arguments = ["review", str(tmp_path / "staged.parquet"), "--reports", str(tmp_path / "staged.texts.parquet"), "--out", str(tmp_path / "adj.html"), "--second", str(tmp_path / "ana.jsonl"), "--second", str(tmp_path / "ben.jsonl")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    assert "<title>Adjudication of staged</title>" in (tmp_path / "adj.html").read_text(encoding="utf-8")
    (tmp_path / "ben.jsonl").write_text(json.dumps({"report_id": "A-1"}) + "\n")
    done = CliRunner().invoke(app, [*arguments, "--overwrite"])
    assert done.exit_code == 2 and "ben.jsonl, line 1" in done.stderr and done.stderr.count("\n") == 1
    kept.with_columns(text=pl.lit(HOSTILE)).write_parquet(tmp_path / "staged.texts.parquet")
    write_decisions(BEN, tmp_path / "ben.jsonl")
    assert CliRunner().invoke(app, [*arguments, "--overwrite"]).exit_code == 2
