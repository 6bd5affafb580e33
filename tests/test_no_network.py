"The network is touched for a name that asks for it, and never else: with every socket blocked, and where there is no interface at all, reports are staged, shown and scored."
import json
import shutil
import socket
import subprocess
import sys

import polars as pl
import pytest

from cancer_staging.evaluate.leaderboard import open_system, score_systems
from cancer_staging.stager import stage_files, Stager

REPORT = ("Urinary bladder, radical cystectomy. High grade urothelial carcinoma. The tumor infiltrates through the muscularis propria into perivesical fat. Ureteral margins are negative. "
          "Fourteen lymph nodes are negative for carcinoma, 0/14. Pathologic stage: pT3b pN0.")


class Touched(BaseException):
    "No handler of errors may swallow it."


@pytest.fixture
def blocked(monkeypatch):
    "Every way to another machine raises."
    def refuse(*given, **_):
        raise Touched(f"the network was asked for: {given[-1] if given else ''}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    with pytest.raises(Touched):
        socket.create_connection(("example.org", 80))


@pytest.fixture
def place(tmp_path):
    "Two reports as files, and as a corpus with labels."
    (tmp_path / "reports").mkdir()
    for number, text in enumerate((REPORT, REPORT.replace("pT3b", "pT2b"))):
        (tmp_path / "reports" / f"{number}.txt").write_text(text)
    pl.DataFrame({"patient_id": ["0", "1"], "text": [REPORT, REPORT.replace("pT3b", "pT2b")], "t": ["T3", "T2"], "split": ["test", "test"]}).write_parquet(tmp_path / "corpus.parquet")
    return tmp_path


def test_with_every_socket_blocked(blocked, place):
    from typer.testing import CliRunner

    from cancer_staging.cli import app

    assert Stager.from_pretrained().stage(REPORT)["t"].label == "T3"
    assert stage_files(place / "reports", place / "staged.parquet").rows == 2
    shown = CliRunner().invoke(app, ["show", str(place / "staged.parquet"), "--evidence"])
    assert shown.exit_code == 0 and "pT3b" in shown.stdout
    board = score_systems([open_system("default"), open_system(place / "staged.parquet")], pl.read_parquet(place / "corpus.parquet"), ("t",), samples=10)
    assert board.scores.filter(pl.col("system") == "default")["accuracy"].max() == 1
    for name in ("owner/model", str(place / "nothing")):
        with pytest.raises(ValueError, match="no folder or model"):
            Stager.from_pretrained(name)


def test_networks_and_writers_open_with_every_socket_blocked(blocked, tmp_path):
    "Folders that are whole and folders that are broken: none of them falls through to the hub."
    pytest.importorskip("torch", reason="needs the learn extra")
    peft = pytest.importorskip("peft")
    from tiny_networks import make, small_tokenizer
    from tiny_writers import random_writer, save_writer

    from cancer_staging.models.backbones import load_causal

    make(tokenizer=small_tokenizer(), pooling="mean").save_pretrained(tmp_path / "network")
    assert Stager.from_pretrained(tmp_path / "network").stage(REPORT).status == "ok"
    save_writer(tmp_path / "base")
    model = peft.get_peft_model(random_writer()[0], peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = str(tmp_path / "base")
    model.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    assert load_causal(tmp_path / "adapter")[0].config.vocab_size == 600
    for folder in ("network", "base", "adapter"):
        for path in (tmp_path / folder).glob("*"):
            broken = tmp_path / "broken"
            shutil.copytree(tmp_path / folder, broken)
            (broken / path.name).unlink()
            try:
                (Stager.from_pretrained if folder == "network" else load_causal)(broken)
            except ValueError as error:
                assert str(broken) in str(error)
            shutil.rmtree(broken)


def test_training_asks_no_hub(blocked, tmp_path):
    for name in ("torch", "trl", "peft"):
        pytest.importorskip(name, reason="needs the generate extra")
    from tiny_writers import save_writer

    from cancer_staging.writing.tuning import tune

    frame = pl.DataFrame({"text": [f"Left breast, carcinoma, pT{number % 4 + 1}." * 8 for number in range(8)], "split": ["train"] * 8})
    run = tune("smollm2-continue", frame, tmp_path / "tuned", backbone=str(save_writer(tmp_path / "base")), epochs=1, max_length=32)
    assert run.steps > 0 and json.loads((tmp_path / "tuned" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tmp_path / "base")


def alone(*command: str) -> subprocess.CompletedProcess:
    "Runs a command in a network namespace of its own, which has no interface."
    return subprocess.run(["unshare", "--map-root-user", "--net", *command], capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("unshare") is None or alone("true").returncode != 0, reason="no network namespaces here")
def test_commands_without_an_interface(place):
    program = (sys.executable, "-m", "cancer_staging")
    seen = alone(sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert seen.returncode == 1 and "unreachable" in seen.stderr  # the namespace is what it should be
    staged = alone(*program, "stage", str(place / "reports"), "--out", str(place / "staged.parquet"))
    assert staged.returncode == 0 and "2 reports: 2 ok" in staged.stderr, staged.stderr
    shown = alone(*program, "show", str(place / "staged.parquet"))
    assert shown.returncode == 0 and "pT3b" in shown.stdout and "pT2b" in shown.stdout
    page = alone(*program, "review", str(place / "staged.parquet"), "--reports", str(place / "reports"), "--out", str(place / "review.html"))
    assert page.returncode == 0 and "default-src 'none'" in (place / "review.html").read_text(encoding="utf-8"), page.stderr
    scored = alone(*program, "evaluate", "default", str(place / "staged.parquet"), "--data", str(place / "corpus.parquet"), "--fields", "t", "--samples", "10")
    assert scored.returncode == 0 and "1.000" in scored.stdout, scored.stderr
    lost = alone(*program, "stage", str(place / "reports"), "--model", "hf://owner/model")
    assert lost.returncode == 2 and lost.stdout == "" and "hf://owner/model can't be fetched" in lost.stderr.splitlines()[-1], lost.stderr
