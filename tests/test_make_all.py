"What is made when, by values counted by hand, on made-up results whose commands write small files."
import json
import math
import os
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "nbs" / "benchmarks"))
import device_rates  # noqa: E402
import make_all  # noqa: E402
import origins  # noqa: E402
import stored_results  # noqa: E402
from make_all import Bench, Estimates, schedule  # noqa: E402
from stored_results import Cost, left_of_entries, left_of_file, Result  # noqa: E402
sys.path.pop(0)

HERE = device_rates.Rates("x86_64, 2 cores", "cpu", 0, 1, 1, 1, 1, 1, 1, "made up")  # a unit of anything takes a second
CARD = device_rates.Rates("x86_64, 16 cores", "NVIDIA H100 80GB HBM3", 0, 1, 1, 1, 1, 1, 1, "made up")
WRITE = "import json, sys; open(sys.argv[3], 'a').write(sys.argv[2] + '\\n'); json.dump({'about': {'date': '2026-01-02', 'machine': 'x86_64, 2 cores'}}, open(sys.argv[1], 'w'))"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(make_all, "GRACE", 3)


def made_up(folder, name, minutes=1.0, worth=1.0, code=WRITE, file=None, **more):
    "A result that takes a moment and is said to take minutes; it notes in `log` that it was made."
    path, cost = folder / (file or f"{name}.json"), Cost(processor=60 * minutes, network=False)
    left = more.pop("left", partial(left_of_file, path, cost))
    return Result(name, ("-c", code, str(path), name, str(folder / "log")), path, more.pop("table", "a table"), more.pop("cost", cost), left, worth, **more)


def bench(folder, *results, rates=HERE, **more):
    said = []
    return Bench({result.name: result for result in results}, rates, folder / "models", say=said.append, **more), said


def made(folder):
    "What was made, in order."
    return (folder / "log").read_text().split() if (folder / "log").is_file() else []


def soon(seconds):
    return time.monotonic() + seconds


# --- Estimates ---

def test_seconds_by_hand():
    rates = device_rates.Rates("machine", "cpu", start=10, passes=2, trained=100, read=1000, steps=10, written=50, processor=2, how="")
    cost = Cost(passes=20, trained=1000, read=3000, steps=40, written=100, processor=30)
    assert cost.seconds(rates) == 10 + 10 + 10 + 3 + 4 + 2 + 15 == 54
    assert Cost(passes=20, trained=1000, read=3000, most=12).seconds(rates) == 10 + 12 + 3  # a script that ends its training itself
    assert Cost(processor=30, network=False).seconds(rates) == 2.5 + 15
    assert (cost + Cost(read=1000, network=False)).seconds(rates) == 55 and (cost * 0.5).seconds(rates) == 10 + 22


def test_rates_are_a_line_through_two_measurements():
    # 1 unit in 3 s and 5 in 11 s: 2 s each, and 1 s whatever their number
    assert device_rates.line_through(1, 3.0, 5, 11.0) == (1.0, 0.5)


def test_cost_of_a_tuned_run_is_that_of_the_stored_one():
    run = SimpleNamespace(task="phenotype", recipe="smollm2-instruct", settings={"limit": 2400}, copy=None)
    stored = json.loads((stored_results.RESULTS / "tuned_phenotype-lora.json").read_text())["training"]
    cost = stored_results.training_of(run)
    assert cost.passes == 2400 / 8 and cost.trained / 2400 == pytest.approx(stored["tokens"] / stored["examples"], rel=0.02)
    # 300 rows of 100 tokens and up to 48 more: 110 fit into 16,384 tokens, so three batches of 48 steps
    assert stored_results.answering("phenotype", 300) == Cost(read=30_000, steps=144, written=14_400)
    assert stored_results.answering("phenotype", 300, batch_tokens=131_072).steps == 48


def test_worth_is_the_first_pattern_that_fits():
    assert [stored_results.worth_of(name)[0] for name in ("tuned_soap", "tuned_soap-zero-shot", "tuned_new", "something new", "adapter_soap")] == [10, 7, 5, 5, 0]
    assert all(why for _, _, why in stored_results.WORTH)


# --- Order ---

def test_most_worth_a_minute_first_and_nothing_that_would_not_be_done(tmp_path):
    results = [made_up(tmp_path, "a", 2, 6), made_up(tmp_path, "b", 4, 10), made_up(tmp_path, "c", 1, 4), made_up(tmp_path, "d", 2, 1)]
    by_name = {result.name: result for result in results}
    # worth a minute: a 3, b 2.5, c 4, d 0.5; of six minutes c takes one and a two, b would take four, d takes two
    assert schedule(by_name, HERE, by_name, 360) == [("c", 0, 60), ("a", 60, 180), ("d", 180, 300)]
    assert [name for name, *_ in schedule(by_name, HERE, by_name)] == ["c", "a", "b", "d"]
    assert [name for name, *_ in schedule(by_name, HERE, ["a", "d"])] == ["a", "d"]
    of_all, said = bench(tmp_path, *results)
    assert of_all.make(by_name, soon(235)) == {"c": "made", "a": "made", "d": "made"} and made(tmp_path) == ["c", "a", "d"]
    assert said[-1] == "left for another time: b (4.0 minutes)"


def test_what_is_needed_first_counts_with_what_needs_it(tmp_path):
    section, soap = made_up(tmp_path, "section", 3, 1), made_up(tmp_path, "soap", 1, 10, needs=("section",))
    # the two together: 11 in four minutes, 2.75 a minute
    for worth, order in ((2, ["section", "soap", "other"]), (3, ["other", "section", "soap"])):
        by_name = {result.name: result for result in (made_up(tmp_path, "other", 1, worth), soap, section)}
        assert [name for name, *_ in schedule(by_name, HERE, by_name)] == order
    assert schedule(by_name, HERE, by_name, 230) == [("other", 0, 60)]  # section alone is worth 1/3 a minute, and would be done at 240
    of_all, _ = bench(tmp_path, soap, section)
    assert of_all.make(["soap"]) == {"section": "made", "soap": "made"} and made(tmp_path) == ["section", "soap"]


def test_nothing_is_made_twice(tmp_path):
    results = [made_up(tmp_path, "a"), made_up(tmp_path, "b", needs=("a",))]
    of_all, _ = bench(tmp_path, *results)
    of_all.make(["a"])
    first = (tmp_path / "a.json").read_bytes()
    assert of_all.make(["a", "b"]) == {"b": "made"} and of_all.make(["a", "b"]) == {}
    assert made(tmp_path) == ["a", "b"] and (tmp_path / "a.json").read_bytes() == first


# --- What goes wrong ---

def test_a_failure_is_told_and_does_not_stop_the_others(tmp_path):
    broken = made_up(tmp_path, "broken", 1, 10, code="import sys; print('no room on the disk'); sys.exit(3)")
    silent = made_up(tmp_path, "silent", 1, 9, code="print('broken: failed')")  # exit code 0, and no file
    results = [broken, silent, made_up(tmp_path, "behind", 1, 8, needs=("broken",)), made_up(tmp_path, "other", 1, 1)]
    of_all, said = bench(tmp_path, *results)
    assert of_all.make([result.name for result in results]) == {"broken": "failed", "silent": "failed", "other": "made"}
    assert any(line.startswith("broken: failed after 0.0 minutes: no room on the disk") for line in said) and "behind: not begun, since broken is not there" in said
    assert [entry["how"] for entry in json.loads((tmp_path / "models" / "made.json").read_text())["runs"]] == ["failed", "failed", "made"]


COUNTS = """
import json, pathlib, subprocess, sys, time
steps, child = pathlib.Path(sys.argv[1] + '.steps'), pathlib.Path(sys.argv[1] + '.child')
done = len(steps.read_text().split()) if steps.exists() else 0
open(sys.argv[1], 'w').write('{"about": {')  # half a file
if not done:
    child.write_text(str(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid))
for number in range(done, 16):
    with steps.open('a') as file:
        file.write(f'{number}\\n')
    if number == 7 and not done:
        time.sleep(600)
json.dump({}, open(sys.argv[1], 'w'))
"""


def clock_that_jumps(monkeypatch, when):
    "The clock stands at 0 until something is so, and then at 100."
    monkeypatch.setattr(make_all, "time", SimpleNamespace(monotonic=lambda: 100.0 if when() else 0.0, sleep=time.sleep))


def test_what_overruns_is_ended_and_the_next_call_goes_on(tmp_path, monkeypatch):
    result, steps = made_up(tmp_path, "long", 0.01, 1, code=COUNTS, resumes=True), tmp_path / "long.json.steps"
    of_all, said = bench(tmp_path, result)
    clock_that_jumps(monkeypatch, lambda: steps.exists() and len(steps.read_text().split()) == 8)
    assert of_all.make(["long"], until=50) == {"long": "overran"} and not (tmp_path / "long.json").exists()  # the half file is gone
    assert said[1] == "long: not done after 1.7 minutes, when the budget was used up; it was ended, and the next call goes on with it"
    child = Path("/proc") / (tmp_path / "long.json.child").read_text() / "stat"
    deadline = time.monotonic() + 30
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline  # what it had started was ended with it
    assert of_all.make(["long"]) == {"long": "made"}
    assert steps.read_text().split() == [str(number) for number in range(16)]  # each step once


def test_a_half_written_file_becomes_what_it_was(tmp_path):
    (tmp_path / "list.json").write_text('{"runs": [{"part": 1}]}')
    cost = Cost(processor=1, network=False)
    left = partial(left_of_entries, tmp_path / "list.json", [{"part": 1}, {"part": 2}], cost)
    assert left() == Cost(processor=0.5, network=False)
    of_all, _ = bench(tmp_path, made_up(tmp_path, "list", cost=cost, left=left, code="import sys; open(sys.argv[1], 'w').write('{'); sys.exit(1)"))
    assert of_all.make(["list"]) == {"list": "failed"} and json.loads((tmp_path / "list.json").read_text()) == {"runs": [{"part": 1}]}


def test_what_starts_anew_is_not_begun_again_in_as_little_time(tmp_path, monkeypatch):
    result = made_up(tmp_path, "long", 0.01, 1, code="import time; time.sleep(600)")
    of_all, said = bench(tmp_path, result)
    clock_that_jumps(monkeypatch, (tmp_path / "models" / "logs" / "long.log").exists)
    assert of_all.make(["long"], until=50) == {"long": "overran"} and said[1].endswith("the next call makes it anew")
    assert of_all.estimates().seconds("long") == 125  # it was estimated at 0.6 seconds, and not done after 100
    assert of_all.make(["long"], until=100 + 124) == {}


def test_training_goes_on_from_its_checkpoint(tmp_path):
    checkpoint = tmp_path / "model" / "checkpoints" / "checkpoint-30"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text('{"global_step": 30, "max_steps": 40}')
    left = partial(stored_results.left_of_run, tmp_path / "tuned.json", tmp_path / "model", Cost(trained=400), Cost(read=7))
    assert (left().trained, left().read) == (100, 7)
    (tmp_path / "model" / "training.json").write_text("{}")
    assert (left().trained, left().read) == (0, 7)
    (tmp_path / "tuned.json").write_text("{}")
    assert left() is None


# --- Side by side ---

def test_side_by_side(tmp_path):
    # two lanes; x and y write one file; `clock` measures time, so it goes first and alone
    results = [made_up(tmp_path, "x", 3, 9, file="one.json"), made_up(tmp_path, "y", 2, 4, file="one.json"), made_up(tmp_path, "z", 1, 1), made_up(tmp_path, "clock", 1, 0.5, alone=True)]
    by_name = {result.name: result for result in results}
    assert schedule(by_name, HERE, by_name, at_once=2) == [("clock", 0, 60), ("x", 60, 240), ("z", 60, 120), ("y", 240, 360)]
    assert [name for name, *_ in schedule(by_name, HERE, by_name)] == ["x", "y", "z", "clock"]  # one after the other: by worth
    meets = """
import json, pathlib, sys, time
pathlib.Path(sys.argv[3] + sys.argv[2]).touch()
while not all(pathlib.Path(sys.argv[3] + name).exists() for name in ('first', 'second')):
    time.sleep(0.05)
json.dump({}, open(sys.argv[1], 'w'))
"""
    pair = [made_up(tmp_path, name, code=meets) for name in ("first", "second")]  # neither ends before the other has begun
    of_all, _ = bench(tmp_path, *pair, at_once=2)
    assert of_all.make(["first", "second"], soon(300)) == {"first": "made", "second": "made"}
    assert [entry["beside"] for entry in json.loads((tmp_path / "models" / "made.json").read_text())["runs"]] == [1, 1] and json.loads((tmp_path / "second.json").read_text())["beside"] == 1


# --- Machines ---

def test_mixed_machines_are_told(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps({"about": {"date": "2026-01-01", "machine": "x86_64, 2 cores, no GPU", "version": "0.1.0", "versions": {"torch": "2.1"}}}))
    code = "import json, sys; json.dump({'about': {'date': '2026-01-02', 'machine': 'x86_64, 16 cores, no GPU', 'version': '0.1.0', 'versions': {'torch': '2.2'}}}, open(sys.argv[1], 'w'))"
    new = made_up(tmp_path, "new", code=code, cost=Cost(processor=60))
    of_all, said = bench(tmp_path, made_up(tmp_path, "old"), new, made_up(tmp_path, "apart", table="another"), rates=CARD)
    of_all.make(["new", "apart"])
    assert "its table (a table) has results of x86_64, 2 cores, this one comes from NVIDIA H100 80GB HBM3, x86_64, 16 cores" in said[0]
    about = json.loads((tmp_path / "new.json").read_text())["about"]
    assert (about["machine"], about["device"], about["date"]) == ("x86_64, 16 cores, NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", "2026-01-02")
    assert json.loads((tmp_path / "apart.json").read_text())["about"]["device"] == "cpu"  # it had no use for the card
    assert origins.differences(origins.by_table(of_all.tables())) == [
        "a table: several machines: x86_64, 2 cores (old); NVIDIA H100 80GB HBM3, x86_64, 16 cores (new). several versions: torch 2.1 (old), 2.2 (new)"]
    table = make_all.origins_table(of_all).to_dicts()
    assert [(row["table"], row["results"]) for row in table] == [("a table", 2), ("another", 1)] and table[0]["dates"] == "2026-01-01 to 2026-01-02"


def test_a_list_that_another_machine_adds_to_tells_its_entries_apart(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"version": "0.1.0", "machine": "x86_64, 2 cores, no GPU", "runs": [{"part": 1, "date": "2026-01-01"}]}))
    add = "import json, sys; old = json.load(open(sys.argv[1])); old |= {'machine': 'aarch64, 8 cores, no GPU', 'version': '0.2.0'}; old['runs'].append({'part': 2, 'date': '2026-02-01'}); json.dump(old, open(sys.argv[1], 'w'))"
    cost = Cost(processor=1, network=False)
    result = made_up(tmp_path, "list", code=add, cost=cost, left=partial(left_of_entries, path, [{"part": 1}, {"part": 2}], cost))
    of_all, _ = bench(tmp_path, result, rates=device_rates.Rates("aarch64, 8 cores", "cpu", 0, 1, 1, 1, 1, 1, 1, "made up"))
    assert of_all.make(["list"]) == {"list": "made"}
    assert [(entry["machine"], entry["version"]) for entry in json.loads(path.read_text())["runs"]] == [("x86_64, 2 cores, no GPU", "0.1.0"), ("aarch64, 8 cores, no GPU", "0.2.0")]
    assert origins.differences(origins.by_table(of_all.tables())) == ["a table: several machines: x86_64, 2 cores (list); aarch64, 8 cores (list). several versions: cancer-staging 0.1.0 (list), 0.2.0 (list)"]


def test_one_machine_by_several_names(tmp_path):
    names = ("x86_64, 2 cores", "x86_64, 2 cores, no GPU", "2 cores x86_64, 15 GiB", "x86_64, 2 cores, Python 3.11.7", "x86_64, 2 cores, 1 thread")
    assert {origins.machine_label(name, None) for name in names} == {"x86_64, 2 cores"} and origins.machine_label(None, None) == "a machine that is not noted"
    assert origins.machine_label("x86_64, 2 cores", "x86_64, 2 threads") == "x86_64, 2 cores" and origins.machine_label("x86_64, 8 cores", "Tesla T4") == "Tesla T4, x86_64, 8 cores"


# --- The command ---

def test_list_of_what_there_is(tmp_path):
    (tmp_path / "there.json").write_text("{}")
    cost = Cost(processor=240, network=False)
    begun = made_up(tmp_path, "begun", 4, 2, cost=cost, left=lambda: cost * 0.25)
    of_all, _ = bench(tmp_path, made_up(tmp_path, "there"), begun, made_up(tmp_path, "missing", 3, 5, needs=("hidden",)), made_up(tmp_path, "hidden", 2, 0, table=""), made_up(tmp_path, "unasked"))
    rows = make_all.listing(of_all, ["there", "begun", "missing"]).to_dicts()
    assert [(row["result"], row["state"], row["minutes"], row["worth"], row["depends on"]) for row in rows] == [
        ("there", "there", None, 1, ""), ("begun", "begun", 1, 2, ""), ("missing", "missing", 3, 5, "hidden"), ("hidden", "missing", 2, 0, "")]


def test_names_and_what_a_card_is_for(tmp_path):
    results = [made_up(tmp_path, "tuned_a", cost=Cost(processor=1)), made_up(tmp_path, "tuned_b", cost=Cost(processor=1)), made_up(tmp_path, "counted"), made_up(tmp_path, "adapter_a", table="")]
    of_all, _ = bench(tmp_path, *results)
    assert make_all.chosen(of_all, ["tuned_*", "adapter_a"], True) == (["tuned_a", "tuned_b", "adapter_a"], [])
    assert make_all.chosen(of_all, [], False) == (["tuned_a", "tuned_b", "counted"], []) and make_all.chosen(of_all, [], True) == (["tuned_a", "tuned_b"], ["counted"])
    with pytest.raises(ValueError, match="no result 'tund_a'"):
        make_all.chosen(of_all, ["tund_a"], False)


def test_what_a_process_is_told(tmp_path):
    told = make_all.environment_of(True, tmp_path, 6)
    with_card, without = told(made_up(tmp_path, "a", cost=Cost(processor=1))), told(made_up(tmp_path, "b"))
    assert with_card["CANCER_STAGING_DATA"] == str(tmp_path) and with_card["HF_HUB_OFFLINE"] == with_card["TRANSFORMERS_OFFLINE"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in with_card and without["CUDA_VISIBLE_DEVICES"] == "" and int(with_card["OMP_NUM_THREADS"]) == max(1, os.cpu_count() // 6)


def test_rates_are_kept_by_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(device_rates.platform, "node", lambda: "one")
    device_rates.keep(HERE, tmp_path / "rates.json")
    here = device_rates.Rates(device_rates.machine_name(), "cpu", 1, 2, 3, 4, 5, 6, 7, "measured")
    monkeypatch.setattr(device_rates.platform, "node", lambda: "two")
    device_rates.keep(here, tmp_path / "rates.json")
    assert len(device_rates.kept_rates(tmp_path / "rates.json")) == 2
    assert make_all.rates_here("cpu", tmp_path, measure=False) == here
    assert make_all.rates_here("cuda", tmp_path, measure=False) == device_rates.planned_rates("cuda") and "not measured" in device_rates.planned_rates("cuda").how
    monkeypatch.setattr(device_rates.platform, "node", lambda: "three")
    assert make_all.rates_here("cpu", tmp_path, measure=False) == device_rates.planned_rates("cpu")


# --- The bench's own results ---

@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    "The results of the bench, on a card; needs what its scripts import."
    for name in ("torch", "transformers", "trl", "sklearn", "ray"):
        pytest.importorskip(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(stored_results.HERE))
        return stored_results.Catalogue(tmp_path_factory.mktemp("models"), Path("data"), cuda=True)


def test_every_stored_result_is_known(catalogue):
    known = {result.file.name for result in catalogue.results_by_name.values()}
    unknown = {path.name for path in stored_results.RESULTS.glob("*.json") if not path.name.startswith(("gpu_", "tuned_", "compare_"))} - known  # runs and systems come and go with the lists of their scripts
    assert not unknown, f"nbs/benchmarks/stored_results.py does not say how {unknown} are made"
    assert not any(note.startswith("some results are not known here") for note in catalogue.notes)


def test_the_catalogue_holds_together(catalogue):
    results = catalogue.results_by_name
    assert {need for result in results.values() for need in result.needs} <= set(results)
    assert all(Path(result.command[0]).is_file() for result in results.values() if not result.command[0].startswith("-"))
    estimates = Estimates(results, device_rates.planned_rates("cuda"), done=())
    for name in results:  # no circle: what is needed comes before
        chain = estimates.chain(name)
        assert all(set(results[one].needs) & set(chain) <= set(chain[:number]) for number, one in enumerate(chain))
    missing = {name: result for name, result in results.items() if result.table and result.cost.network}
    assert all(result.cost.seconds(device_rates.planned_rates("cuda")) < math.inf for result in missing.values())


def test_soap_begins_with_the_model_of_sections(catalogue):
    needs = catalogue.results_by_name["tuned_soap"].needs
    assert needs in (("tuned_section",), ("adapter_section",)) and catalogue.results_by_name["adapter_section"].file == catalogue.models / "section" / "training.json"


def test_scripts_are_told_what_they_can_be_told_on_a_card(catalogue):
    command = catalogue.results_by_name["robustness_generation/phenotype"].command
    assert command[-2:] == ("--batch-tokens", "131072") and catalogue.results_by_name["robustness_staging"].command[-2:] == ("--rows", "400")
    assert "--batch-tokens" in catalogue.results_by_name["retrieval_icd10/smollm2/minilm"].command
