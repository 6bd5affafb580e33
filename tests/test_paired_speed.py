"""Two versions measured in turns: made-up packages of which one has known work to do."""
import subprocess

import polars as pl
import pytest

PACKAGE = """
class Stager:
    @classmethod
    def from_pretrained(cls, model):
        return cls()

    def stage_frame(self, frame):
        sum(range({steps}))
"""


@pytest.fixture
def paired_speed(monkeypatch, root):
    monkeypatch.syspath_prepend(str(root / "nbs" / "benchmarks"))
    import paired_speed

    return paired_speed


def package(folder, steps):
    "A tree whose package takes so many steps to stage a frame."
    (folder / "cancer_staging").mkdir(parents=True, exist_ok=True)
    (folder / "cancer_staging" / "__init__.py").write_text(PACKAGE.format(steps=steps))
    return folder.resolve()


def test_each_version_runs_its_own_package_and_the_order_turns(paired_speed, tmp_path, monkeypatch):
    slow, quick, ran = package(tmp_path / "slow", 10_000_000), package(tmp_path / "quick", 1000), []
    measure = paired_speed.milliseconds
    monkeypatch.setattr(paired_speed, "milliseconds", lambda tree, reports: ran.append(tree.name) or measure(tree, reports))
    rounds = paired_speed.take_turns(slow, quick, pl.DataFrame({"text": ["a", "b"]}), 2)
    assert ran == ["slow", "quick", "quick", "slow"]
    assert all(one["before"][model] > 20 * one["now"][model] for one in rounds for model in ("rules", "default"))


def test_a_commit_is_measured_as_it_was(paired_speed, tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path / "work"), "-c", "user.name=a", "-c", "user.email=a@example.org", *words], check=True, capture_output=True)

    package(tmp_path / "work", 1)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    package(tmp_path / "work", 2)
    with paired_speed.checked_out("HEAD", tmp_path / "work") as tree:
        assert "range(1)" in (tree / "cancer_staging" / "__init__.py").read_text()
    assert not tree.exists()
    with pytest.raises(subprocess.CalledProcessError), paired_speed.checked_out("nothing-of-that-name", tmp_path / "work"):
        pass
