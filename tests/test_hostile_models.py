"Model folders that are damaged or made to harm: each is refused in one line that names the folder, says what is wrong and what to do, before anything of it answers."
import json
import pickle
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from cancer_staging.cli import app
from cancer_staging.folders import adapter_chain, check_folder, model_folder, with_hub
from cancer_staging.models.learned_files import load_learned
from cancer_staging.rules.calibration import RuleCalibration
from cancer_staging.stager import Stager

DEEP = '{"a":' * 100_000
RAN = []  # what a pickle wrote down when it was opened


class Trap:
    "A pickle that runs when it is opened."
    def __reduce__(self):
        return RAN.append, ("opened",)


def refused(model, *words: str) -> str:
    "What is said when the model is refused, from Python and by the command: the same, in one line, with exit code 2."
    with pytest.raises(ValueError) as error:
        Stager.from_pretrained(model)
    said = " ".join(str(error.value).split())
    assert str(model) in said and all(word in said for word in words), said
    done = CliRunner().invoke(app, ["stage", str(REPORT), "--model", str(model)])
    assert done.exit_code == 2 and done.stdout == "" and done.stderr.splitlines() == [f"cancer-staging: {said}"], done.output
    assert RAN == []
    return said


REPORT = Path(__file__).parent / "test_hostile_models.py"  # any file: it is not read


@pytest.fixture(autouse=True)
def report(tmp_path_factory, monkeypatch):
    path = tmp_path_factory.mktemp("reports") / "report.txt"
    path.write_text("Colon: adenocarcinoma, pT3 pN0.")
    monkeypatch.setitem(globals(), "REPORT", path)


# A saved stager with the default model

@pytest.fixture
def saved(tmp_path):
    "A copy of the default model as a saved stager."
    folder = tmp_path / "saved"
    shutil.copytree(str(resources.files("cancer_staging") / "data" / "default"), folder)
    RuleCalibration({"t": {"tnm.pathologic": (90, 100)}}, {"t": {"T1": 3, "T2": 4}}, "made").save(folder / "stager.json")
    assert Stager.from_pretrained(folder).stage("pT2")["t"].label == "T2"
    return folder


def change(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("content, words", [
    (DEEP, "nested too deep"), ("[]", "holds a list"), ("{", "can't be read"), ('{"source": "", "counts": {}, "labels": {}, "counts": {}}', "'counts' stands in it twice"), ("{}", "it has no 'counts'"),
    ('{"source": "", "counts": {"t": {"tnm.pathologic": [2, 1]}}, "labels": {}}', "2 right of 1"), ('{"source": "", "counts": {"t": {"tnm.pathologic": [NaN, NaN]}}, "labels": {}}', "nan right of nan"),
    ('{"source": "", "counts": {"t": {"tnm.pathologic": [1]}}, "labels": {}}', "not enough values"), ('{"source": "", "counts": {"t": {"tnm.pathologic": [1, 1e400]}}, "labels": {}}', "1 right of inf"),
    ('{"source": "", "counts": {"t": {"tnm.pathologic": [1, 1%s]}}, "labels": {}}' % ("0" * 400), "is impossible"), ('{"source": "", "counts": {"t": {}}, "labels": {"t": {"T1": -9}}}', "T1 in -9 reports"),
    ('{"source": "", "counts": {"t": {}}, "labels": {"t": {"T9": 1}}}', "'T9' is no label"), ('{"source": "", "counts": {"colour": {}}, "labels": {}}', "no field 'colour'"),
    ('{"source": "", "counts": {"t": {"evil.rule": [1, 1]}}, "labels": {}}', "no rule of the grammar"),
])
def test_a_calibration_that_can_not_be(saved, content, words):
    (saved / "stager.json").write_text(content)
    refused(saved, "stager.json", words)


def spoilt_names(content: dict, change: str) -> None:
    "One thing wrong among the names."
    if change == "duplicate feature":
        content["features"][7] = content["features"][8]
    elif change == "duplicate label":
        content["fields"]["t"] = ["T1", "T2", "T2", "T4"]
    elif change == "duplicate type":
        content["cancer_types"][1] = content["cancer_types"][0]
    elif change == "duplicate tree feature":
        content["tree_features"][1] = content["tree_features"][0]
    elif change == "duplicate of an arbiter":
        content["arbiters"]["t"][1] = content["arbiters"]["t"][0]
    elif change == "a number among names":
        content["features"][0] = 5
    elif change == "no fields":
        content["fields"] = {}
    elif change == "a field that is not learned":
        content["fields"]["er"] = ["positive", "negative"]
    elif change == "NaN pool":
        content["pools"]["t"] = [float("nan"), 0.5]
    elif change == "three pools":
        content["pools"]["t"] = [0.5, 0.5, 0.5]
    elif change == "no pool":
        del content["pools"]["m"]
    elif change == "about":
        content["about"] = "me"


@pytest.mark.parametrize("change, words", [
    ("duplicate feature", "features name"), ("duplicate label", "labels of 't' are T1, T2, T2, T4"), ("duplicate type", "cancer_types name 'ACC' twice"), ("duplicate tree feature", "tree_features name"),
    ("duplicate of an arbiter", "arbiter of t name"), ("a number among names", "features are no list of names"), ("no fields", "different fields"), ("a field that is not learned", "labels of 'er' are positive, negative"),
    ("NaN pool", "pool of 't' is [nan, 0.5]"), ("three pools", "should be two numbers"), ("no pool", "different fields"), ("about", "no object"),
])
def test_names_of_a_learned_model_that_can_not_be(saved, change, words):
    content = json.loads((saved / "learned.json").read_text())
    spoilt_names(content, change)
    (saved / "learned.json").write_text(json.dumps(content))
    refused(saved, words)


def test_deep_names_are_refused(saved):
    (saved / "learned.json").write_text(DEEP)
    refused(saved, "learned.json", "nested too deep")


def put(name: str, value, where=0):
    "A change of one number of a tensor."
    def change(tensors):
        tensors[name] = tensors[name].copy()
        tensors[name].reshape(-1)[where] = value
    return change


def replaced(name: str, how):
    def change(tensors):
        tensors[name] = np.ascontiguousarray(how(tensors[name]))
    return change


@pytest.mark.parametrize("change, words", [
    (put("t.bias", np.nan), "'t.bias' holds numbers from nan"), (put("t.weights", np.inf), "'t.weights' holds numbers from"), (put("topics", -np.inf, 77), "'topics' holds numbers from -inf"), (put("idf", 1e30), "'idf' holds numbers from"),
    (put("n.trees.leaves", 1e38), "'n.trees.leaves' holds"), (put("n.trees.thresholds", np.nan), "'n.trees.thresholds' holds"), (put("t.confidence", 1.5), "between 0 and 1"), (put("t.confidence", -0.1), "between 0 and 1"),
    (put("m.right", 2), "'m.right' holds numbers"), (put("m.inferable", 7), "'m.inferable' holds numbers"), (put("t.columns", 10**6), "t.columns points beyond"), (put("t.columns", -1), "t.columns points beyond"),
    (put("t.trees.features", 571), "t.trees.features points beyond the 571"), (put("t.trees.features", -1), "t.trees.features points beyond"), (replaced("t.columns", lambda old: old[[1, 1, *range(2, len(old))]]), "names a feature twice"),
    (replaced("t.bias", lambda old: old[:3]), "'t.bias' is float32 (3,), and should be float32 (4,)"), (replaced("t.bias", lambda old: old.astype(np.float64)), "'t.bias' is float64"), (replaced("idf", lambda old: old[:-1]), "'topics' is float16"),
    (replaced("t.weights", lambda old: old[:5]), "(5, 2857, 4), and should be float16 (36, 2857, 4)"), (replaced("t.arbiter.weights", lambda old: old.T), "'t.arbiter.weights' is float32 (4, 118)"),
    (replaced("t.right", lambda old: old[:9]), "'t.right' is uint8 (9,)"), (lambda tensors: tensors.pop("t.right"), "the tensor 't.right' is missing"), (lambda tensors: tensors.update(more=np.zeros(3)), "the tensor 'more' is left over"),
    (lambda tensors: [tensors.update({f"t.trees.{part}": tensors[f"t.trees.{part}"][:-1]}) for part in ("features", "thresholds", "kept", "leaves")], "1599 trees of 't' can't be shared among 4"),
])
def test_numbers_of_a_learned_model_that_can_not_be(saved, change, words):
    tensors = load_file(saved / "model.safetensors")
    change(tensors)
    save_file(tensors, saved / "model.safetensors")
    said = refused(saved, words)
    assert said.startswith(f"{saved} holds no learned model that can be used") and said.endswith("take a fresh copy of it, or fit it again with this version")


@pytest.mark.parametrize("content", [(2**62).to_bytes(8, "little") + b"{}", (90_000_000).to_bytes(8, "little") + b"{}", b"", b"nothing at all",
                                     (len(DEEP)).to_bytes(8, "little") + DEEP.encode(),
                                     (65).to_bytes(8, "little") + b'{"idf":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,9]}}'])
def test_headers_that_promise_what_is_not_there(saved, content):
    (saved / "model.safetensors").write_bytes(content)
    refused(saved)


def test_pickles_beside_a_stager_are_not_weights(saved):
    (saved / "model.safetensors").unlink()
    for name in ("model.pkl", "pytorch_model.bin", "model.pt"):
        (saved / name).write_bytes(pickle.dumps(Trap()))
    refused(saved, "model.safetensors")
    (saved / "learned.json").unlink()
    assert Stager.from_pretrained(saved).judge is None  # of rules alone, as it says


def test_a_learned_model_without_its_names_is_no_stager_of_rules(saved):
    (saved / "learned.json").unlink()
    refused(saved, "learned.json")


@pytest.mark.parametrize("name", ["some/model", "no/such/folder", "modell"])
def test_a_mistyped_folder_is_an_error_about_a_folder(name):
    said = refused(name, "no folder or model", "give default, rules or a folder")
    assert ("write hf://some/model or add --hub" in said) == (name == "some/model")


def test_a_folder_without_a_model(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path, "holds no model")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "is a file")


# The hub

class Hub:
    "A hub that has what a folder holds, and notes what it is asked."
    def __init__(self, folder: Path):
        self.folder, self.asked = folder, []

    def snapshot_download(self, name, **how):
        from huggingface_hub.errors import LocalEntryNotFoundError

        self.asked.append((name, how.get("revision"), how.get("local_files_only", False)))
        if how.get("local_files_only") and name not in [one for one, _, local in self.asked[:-1] if not local]:
            raise LocalEntryNotFoundError("it is not in the cache")
        return str(self.folder / (how.get("revision") or "main"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    made = Hub(tmp_path / "hub")
    (made.folder / "main").mkdir(parents=True)
    monkeypatch.setattr("huggingface_hub.snapshot_download", made.snapshot_download)
    return made


def test_the_hub_is_asked_for_names_that_say_so_and_no_others(hub, saved):
    shutil.copytree(saved, hub.folder / "main", dirs_exist_ok=True)
    assert Stager.from_pretrained("hf://owner/model").stage("pT2")["t"].label == "T2" and hub.asked == [("owner/model", None, False)]
    for name in ("owner/model", str(saved), "default", "hf://owner", "hf://../../etc", "hf://a/b/c"):
        hub.asked.clear()
        try:
            model_folder(name)
        except ValueError:
            pass
        assert hub.asked == []
    done = CliRunner().invoke(app, ["stage", str(REPORT), "--model", "owner/model"])
    assert done.exit_code == 2 and hub.asked == [] and "add --hub" in done.stderr
    done = CliRunner().invoke(app, ["stage", str(REPORT), "--model", "owner/model", "--hub"])
    assert done.exit_code == 0 and json.loads(done.stdout)["t"] == "T3" and {name for name, _, _ in hub.asked} == {"owner/model"}


def test_a_folder_that_is_called_like_a_hub_model_is_the_folder(hub, saved, tmp_path, monkeypatch):
    (tmp_path / "owner").mkdir()
    saved.rename(tmp_path / "owner" / "model")
    monkeypatch.chdir(tmp_path)
    assert with_hub("owner/model") == "owner/model" and Stager.from_pretrained("owner/model").judge and hub.asked == []


def test_pickles_on_the_hub_are_left_there(hub, monkeypatch):
    "Where the hub's own bot offers safetensors, those are fetched; what another offers under its title is not."
    from types import SimpleNamespace

    title = "Adding `safetensors` variant of this model"
    offers = [SimpleNamespace(author="mallory", title=title, git_reference="refs/pr/1"), SimpleNamespace(author="SFconvertbot", title=title, git_reference="refs/pr/2")]
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: SimpleNamespace(get_repo_discussions=lambda *_, **__: iter(offers)))
    (hub.folder / "refs" / "pr" / "2").mkdir(parents=True)
    assert model_folder("hf://owner/model") == hub.folder / "refs" / "pr" / "2" and hub.asked == [("owner/model", None, False), ("owner/model", "refs/pr/2", False)]
    offers.pop()
    assert model_folder("hf://owner/model") == hub.folder / "main"


@pytest.mark.parametrize("base", ["owner/base", "hf://owner/base"])
def test_what_a_folder_names_is_never_fetched_unasked(hub, tmp_path, base):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    with pytest.raises(ValueError, match="never touches the network: fetch it with --hub or `hf download owner/base`") as error:
        adapter_chain(adapter)
    assert str(adapter) in str(error.value) and hub.asked == [("owner/base", None, True)]
    (hub.folder / "main" / "model.safetensors").touch()
    assert with_hub(str(adapter)) == str(adapter) and hub.asked[1:] == [("owner/base", None, False)]
    assert adapter_chain(adapter) == ([adapter], str(hub.folder / "main"))  # the copy that is here now


@pytest.mark.parametrize("more, words", [
    (("train", "--recipe", "llatmu-task6", "--data", "x.csv", "--out", "new"), "recipe 'llatmu-task6' trains hf://thomas-sounack/BioClinical-ModernBERT-large: add --hub"),
    (("train", "--recipe", "llatmu-task4", "--data", "x.csv", "--out", "new"), "recipe 'llatmu-task4' trains hf://meta-llama/Llama-3.2-1B-Instruct: add --hub"),
    (("evaluate", "owner/model", "--data", "corpus.csv", "--fields", "t", "--split", "all"), "write hf://owner/model or add --hub"),
])
def test_other_commands_ask_the_hub_only_when_told(hub, tmp_path, monkeypatch, more, words):
    (tmp_path / "corpus.csv").write_text("patient_id,text,t\nA,Colon: pT3.,T3\nB,Colon: pT2.,T2\n")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, list(more))
    assert done.exit_code == 2 and words in done.stderr.splitlines()[-1] and hub.asked == [], done.output


# A trained network

@pytest.fixture(scope="module")
def network(tmp_path_factory):
    pytest.importorskip("torch", reason="a network needs the learn extra")
    pytest.importorskip("transformers", reason="a network needs the learn extra")
    from tiny_networks import make, small_tokenizer

    folder = tmp_path_factory.mktemp("network") / "model"
    make(tokenizer=small_tokenizer(), pooling="mean").save_pretrained(folder)
    return folder


@pytest.fixture
def copy(network, tmp_path):
    return Path(shutil.copytree(network, tmp_path / "copy"))


def test_the_network_that_is_spoilt_below_answers_when_it_is_not(copy):
    assert Stager.from_pretrained(copy, min_confidence=0).stage("Colon, resection: adenocarcinoma.")["t"].label in ("T1", "T2", "T3", "T4")


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("settings, words", [
    ({"model_type": "bert"}, "is a model of type bert, but not one of this package"), ({"temperatures": {"t": 0}}, "the temperature of 't' must be above 0"), ({"temperatures": {"t": -1}}, "the temperature of 't'"),
    ({"temperatures": {"t": NAN}}, "not nan"), ({"temperatures": {"t": INF}}, "not inf"), ({"temperatures": {"t": 1e-300}}, "not 1e-300"), ({"temperatures": [1]}, "can't be opened"),
    ({"labels": {"t": ["T1", "T1", "T2", "T3"]}}, "a label twice"), ({"labels": {"t": ["T4", "T3", "T2", "T1"]}}, "its labels of 't' are T4, T3, T2, T1"), ({"fields": ["t", "t"]}, "a field is named twice"), ({"fields": ["colour"]}, "no field 'colour'"),
    ({"fields": []}, "left over"), ({"dropout": "much"}, "dropout must be in"), ({"calibration": {"t": {"confidence": [1.5], "right": [True]}}}, "calibration of 't'"), ({"calibration": {"t": {"confidence": [NAN], "right": [True]}}}, "calibration of 't'"),
    ({"calibration": {"t": {"confidence": [0.5], "right": []}}}, "calibration of 't'"), ({"calibration": {"t": 5}}, "can't be opened"), ({"calibration": {"colour": {"confidence": [], "right": []}}}, "calibration of 'colour'"),
    ({"attention": "evil/kernel"}, "attention 'evil/kernel' is none of"), ({"backbone_dtype": "load"}, "backbone_dtype 'load' is none of"), ({"window": 10**6}, "positions for"), ({"lora_targets": "(a+)+$", "tuning": "lora"}, "not the pattern"),
    ({"tuning": "lora"}, "rank 16, and its tensors have []"),
])
def test_settings_of_a_network_that_can_not_be(copy, settings, words):
    change(copy / "config.json", **settings)
    refused(copy, words)


@pytest.mark.parametrize("settings, words", [
    ({"num_hidden_layers": 10**9}, "asks for 1000000000 num_hidden_layers"), ({"hidden_size": 10**7}, "asks for "), ({"vocab_size": 10**9}, "asks for "), ({"vocab_size": 100}, "does not fit"), ({"hidden_size": "a"}, "can't be opened"), ({"hidden_size": 48}, "does not fit"),
    ({"model_type": "nothing"}, "can't be opened"), ({"_attn_implementation": "evil/kernel"}, "code from the hub"), ({"num_attention_heads": 0}, "can't be opened"),
])
def test_backbones_that_can_not_be(copy, settings, words):
    backbone = json.loads((copy / "config.json").read_text())["backbone_config"]
    change(copy / "config.json", backbone_config=backbone | settings)
    refused(copy, words)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content, words", [(DEEP, "nested too deep"), ("[" * 100_000, "nested too deep"), ("{", "can't be read")])
def test_settings_too_deep_or_damaged(copy, name, content, words):
    (copy / name).write_text(content)
    refused(copy, name, words)


@pytest.mark.parametrize("change, words", [
    (put("heads.t.weight", np.nan), "'heads.t.weight' that are NaN"), (put("backbone.embeddings.word_embeddings.weight", np.inf), "NaN or infinite"), (replaced("heads.t.bias", lambda old: old[:2]), "'heads.t.bias' is torch.float32 (2,)"),
    (replaced("heads.t.bias", lambda old: old.astype(np.int32)), "'heads.t.bias' is torch.int32"), (lambda tensors: tensors.pop("heads.n.bias"), "missing ['heads.n.bias']"), (lambda tensors: tensors.update(more=np.zeros(3, np.float32)), "left over ['more']"),
])
def test_weights_of_a_network_that_can_not_be(copy, change, words):
    tensors = load_file(copy / "model.safetensors")
    change(tensors)
    save_file(tensors, copy / "model.safetensors")
    refused(copy, words)


def test_a_network_of_pickles_is_not_opened(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    refused(copy, "only pytorch_model.bin: pickled weights can run code, and are never opened")


def test_two_files_with_one_tensor(copy):
    shutil.copy(copy / "model.safetensors", copy / "model-2.safetensors")
    refused(copy, "stands in another file too")


@pytest.mark.parametrize("content", [(2**62).to_bytes(8, "little") + b"{}", b"nothing", b""])
def test_headers_of_a_network_that_promise_too_much(copy, content):
    (copy / "model.safetensors").write_bytes(content)
    refused(copy, "model.safetensors is damaged")


def test_a_network_without_its_tokenizer_answers_nothing(copy):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    refused(copy, "has no tokenizer")


def test_a_bert_as_it_comes_from_the_hub(tmp_path):
    pytest.importorskip("torch")
    from tiny_backbones import save_encoder

    folder = save_encoder(tmp_path / "bert")
    refused(folder, "is a model of type bert, but not one of this package", "cancer-staging train")
    (folder / "model.safetensors").unlink()
    refused(folder, "is a model of type bert, but not one of this package")


@pytest.mark.parametrize("base, words", [("owner/base", "never touches the network"), ("hf://owner/base", "never touches the network"), ("/no/such/folder", "no such folder")])
def test_an_adapter_whose_base_is_elsewhere(tmp_path, base, words):
    pytest.importorskip("peft")
    from tiny_networks import make, small_tokenizer

    model = make("llama", tuning="lora", tokenizer=small_tokenizer(), pooling="last")
    model.config.backbone = base
    model.save_pretrained(tmp_path / "adapter")
    refused(tmp_path / "adapter", f"needs its base model {base!r}", words)
    change(tmp_path / "adapter" / "config.json", lora_rank=10**4)
    refused(tmp_path / "adapter", "rank 10000, and its tensors have [16]")


# A model that writes

@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A random language model, and an adapter on it."
    pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from tiny_writers import random_writer, save_writer

    place = tmp_path_factory.mktemp("written")
    save_writer(place / "base")
    model = peft.get_peft_model(random_writer()[0], peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False))
    model.peft_config["default"].base_model_name_or_path = str(place / "base")
    model.save_pretrained(place / "adapter", save_embedding_layers=False)
    return place


def unwritten(model, tmp_path, *words) -> None:
    "The model is refused by `generate`, in one line."
    done = CliRunner().invoke(app, ["generate", "icd10", str(REPORT), "--model", str(model), "--out", str(tmp_path / "out.csv"), "--quiet"])
    line, = done.stderr.splitlines()
    assert done.exit_code == 2 and str(model) in line and all(word in line for word in words), done.output
    assert RAN == [] and not (tmp_path / "out.csv").exists()


def test_the_models_that_are_spoilt_below_write_when_they_are_not(written, tmp_path):
    pytest.importorskip("outlines_core")
    for name in ("base", "adapter"):
        done = CliRunner().invoke(app, ["generate", "icd10", str(REPORT), "--model", str(written / name), "--out", str(tmp_path / f"{name}.csv"), "--quiet", "--max-new-tokens", "2"])
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("settings, words", [({"num_hidden_layers": 10**9}, "asks for 1000000000"), ({"num_hidden_layers": 3}, "lacks"), ({"_attn_implementation": "evil/kernel"}, "code from the hub"), ({"model_type": "nothing"}, "can't be opened"),
                                             ({"hidden_size": 64}, "can't be opened")])
def test_writers_that_ask_for_more(written, tmp_path, settings, words):
    folder = Path(shutil.copytree(written / "base", tmp_path / "base"))
    change(folder / "config.json", **settings)
    unwritten(folder, tmp_path, words)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json"])
def test_writers_with_settings_too_deep(written, tmp_path, name):
    folder = Path(shutil.copytree(written / "base", tmp_path / "base"))
    (folder / name).write_text(DEEP)
    unwritten(folder, tmp_path, name, "nested too deep")


def test_writers_with_numbers_that_are_none_or_missing(written, tmp_path):
    folder = Path(shutil.copytree(written / "base", tmp_path / "base"))
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "q_proj" in name)
    save_file(tensors | {name: np.full_like(tensors[name], np.nan)}, folder / "model.safetensors", {"format": "pt"})
    unwritten(folder, tmp_path, name, "NaN or infinite")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    unwritten(folder, tmp_path, "lacks 1 of its weights", name)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    unwritten(folder, tmp_path, "never opened")


@pytest.mark.parametrize("settings, words", [
    ({"base_model_name_or_path": "owner/base"}, "never touches the network"), ({"base_model_name_or_path": 5}, "does not say"), ({"r": 10**9}, "rank is 1000000000"), ({"r": 3}, "can't be opened"), ({"target_modules": "(a+)+$"}, "list them"), ({"peft_type": "IA3"}, "no plain LoRA"),
    ({"megatron_config": {}, "megatron_core": "antigravity", "layer_replication": [[0, 2]]}, "no plain LoRA"), ({"target_modules": ["q_proj"]}, "left over"), ({"target_modules": ["q_proj", "v_proj", "k_proj"]}, "missing"),
])
def test_adapters_that_can_not_be(written, tmp_path, settings, words):
    folder = Path(shutil.copytree(written / "adapter", tmp_path / "adapter"))
    change(folder / "adapter_config.json", **settings)
    unwritten(folder, tmp_path, words)


def test_adapters_of_pickles_in_a_circle_or_without_numbers(written, tmp_path):
    folder = Path(shutil.copytree(written / "adapter", tmp_path / "adapter"))
    tensors = load_file(folder / "adapter_model.safetensors")
    name = next(iter(tensors))
    save_file(tensors | {name: np.full_like(tensors[name], np.inf)}, folder / "adapter_model.safetensors", {"format": "pt"})
    unwritten(folder, tmp_path, "NaN or infinite")
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Trap()))
    unwritten(folder, tmp_path, "adapter_model.bin", "never opened")
    change(folder / "adapter_config.json", base_model_name_or_path=str(folder))
    unwritten(folder, tmp_path, "rests on itself")


# The shipped model is none of these

def test_the_shipped_model_passes_its_checks():
    folder = Path(str(resources.files("cancer_staging") / "data" / "default"))
    assert load_learned(folder).parameters > 10**6 and len(check_folder(folder)) == 62
