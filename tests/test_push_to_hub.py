"What is pushed to the hub is the model, to the repository that was named, and private unless told otherwise. The hub is a stub."
import sys
from pathlib import Path

import pytest

huggingface_hub = pytest.importorskip("huggingface_hub", reason="pushing needs the learn extra")

from cancer_staging.models.judges import NetworkJudge  # noqa: E402
from cancer_staging.rules.calibration import RuleCalibration  # noqa: E402
from cancer_staging.stager import Stager  # noqa: E402


@pytest.fixture
def hub(monkeypatch):
    "What was asked of the hub, in order, and the files that were uploaded. A repository named `…/open` is public."
    asked, files = [], {}

    class Api:
        def __init__(self, token=None):
            asked.append(("token", token))

        def create_repo(self, repo_id, **more):
            asked.append(("create_repo", repo_id, more))
            return huggingface_hub.RepoUrl(f"https://huggingface.co/{repo_id}")

        def model_info(self, repo_id):
            asked.append(("model_info", repo_id))
            return huggingface_hub.ModelInfo(id=repo_id, private=not repo_id.endswith("/open"), downloads=0, likes=0, tags=[])

        def upload_folder(self, repo_id, folder_path, **more):
            asked.append(("upload_folder", repo_id, more))
            files.update({path.relative_to(folder_path).as_posix(): path.read_bytes() for path in Path(folder_path).rglob("*") if path.is_file()})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return asked, files


def test_a_stager_is_pushed_private_with_what_it_saves_and_no_more(hub, tmp_path):
    asked, files = hub
    stager = Stager.from_pretrained()
    assert stager.push_to_hub("hospital/stager") == "https://huggingface.co/hospital/stager"
    assert asked == [("token", None), ("create_repo", "hospital/stager", {"private": True, "exist_ok": True}), ("model_info", "hospital/stager"),
                     ("upload_folder", "hospital/stager", {"commit_message": "A stager of reports"})]
    stager.save_pretrained(tmp_path)
    assert files == {path.name: path.read_bytes() for path in tmp_path.iterdir()} and set(files) == {"stager.json", "learned.json", "model.safetensors"}


def test_only_who_says_so_makes_it_public(hub):
    asked, files = hub
    with pytest.raises(ValueError, match="hospital/open is public on the hub, and nothing was uploaded"):
        Stager.from_pretrained("rules").push_to_hub("hospital/open")
    assert files == {} and not [call for call in asked if call[0] == "upload_folder"]
    Stager.from_pretrained("rules").push_to_hub("hf://hospital/open", private=False, commit_message="The rules", token="mine")
    assert asked[-3:] == [("token", "mine"), ("create_repo", "hospital/open", {"private": False, "exist_ok": True}), ("upload_folder", "hospital/open", {"commit_message": "The rules"})]
    assert set(files) == {"stager.json"}


def test_a_network_is_pushed_with_its_tokenizer(hub, tmp_path):
    pytest.importorskip("torch")
    from tiny_networks import make, small_tokenizer

    asked, files = hub
    model = make(tokenizer=small_tokenizer(), fields=["t"])
    assert model.push_to_hub("hospital/network") == "https://huggingface.co/hospital/network"
    model.save_pretrained(tmp_path / "net")
    assert set(files) == {path.name for path in (tmp_path / "net").iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"} and ("create_repo", "hospital/network", {"private": True, "exist_ok": True}) in asked
    asked.clear()
    with pytest.raises(ValueError, match="saved by its own save_pretrained"):
        Stager(None, NetworkJudge(tmp_path / "net", RuleCalibration.shipped())).push_to_hub("hospital/both")
    assert [call[0] for call in asked] == ["token"]  # nothing was made on the hub


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'cancer-staging\[learn\]'"):
        Stager.from_pretrained("rules").push_to_hub("hospital/stager")
