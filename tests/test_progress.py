"One kind of progress bar: what a person sees who watches, and what a log gets."
import io
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import pytest

import cancer_staging
from cancer_staging.commands.base import ProgressBar

AT = SimpleNamespace(step=40, steps=80, loss=0.51, macro_f1=None, evaluated=False)
EVALUATED = SimpleNamespace(step=60, steps=80, loss=0.4, macro_f1=0.625, evaluated=True)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def test_a_person_sees_a_bar_of_rows():
    with redirect_stderr(Terminal()) as terminal, ProgressBar(12, quiet=False, doing="writing") as advance:
        advance(4)
        advance(3)
    assert "writing" in terminal.getvalue() and "7/12" in terminal.getvalue()


def test_a_person_sees_how_far_a_training_is():
    with redirect_stderr(Terminal()) as terminal, ProgressBar(None, quiet=False, doing="training") as bar:
        bar.trains(AT)
        bar.trains(EVALUATED)
    assert "training" in terminal.getvalue() and "60/80" in terminal.getvalue() and "loss 0.400 macro-F1 0.625" in terminal.getvalue()


def test_a_person_sees_what_is_at_work():
    with redirect_stderr(Terminal()) as terminal, ProgressBar(2, quiet=False, doing="evaluating") as bar:
        bar.says("scoring rules")
        bar.says("scoring \x1b[31m[bold]net")
    shown = terminal.getvalue()
    assert "2/2" in shown and "[bold]net" in shown and "\x1b[31m[bold]" not in shown


def test_a_log_gets_a_line_for_each_piece_of_news(capsys):
    with ProgressBar(12, quiet=False) as bar:
        bar(7)
        bar.trains(AT)
        bar.trains(EVALUATED)
        bar.says("scoring rules")
    assert capsys.readouterr() == ("", "step 60 of 80: loss 0.400 macro-F1 0.625\nscoring rules\n")


def test_quiet_is_quiet():
    with redirect_stderr(Terminal()) as terminal, ProgressBar(12, quiet=True) as bar:
        bar(7)
        bar.trains(EVALUATED)
        bar.says("scoring rules")
    assert terminal.getvalue() == ""


def test_no_other_bar_is_made():
    sources = {path: path.read_text(encoding="utf-8") for path in Path(cancer_staging.__file__).parent.rglob("*.py")}
    assert [path.name for path, source in sources.items() if "rich.progress" in source] == ["base.py"]
    assert [path.name for path, source in sources.items() if "import tqdm" in source or "from tqdm" in source] == []
