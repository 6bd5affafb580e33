"A bounded part of `make fuzz`, and what it found before."
import hypothesis
import pytest
from fuzz import faults_of_file, faults_of_text, HOSTILE, run
from hypothesis import strategies as st
from made_hospital_files import all_kinds, LINES, TEXT

from cancer_staging.stager import Stager


@pytest.fixture(scope="module")
def stagers():
    return {"grammar": Stager.from_pretrained("rules"), "default": Stager.from_pretrained()}


@pytest.mark.parametrize("seed", (101, 102))
def test_mutated_reports_and_files_are_rows(seed):
    broken = {name: faults for _, name, _, faults in run(150, seed) if faults}
    assert broken == {}


pieces = st.one_of(st.sampled_from((*HOSTILE, *LINES)), st.text(max_size=30), st.from_regex(r"[yrac]{0,2}p?[TNM][0-4X][a-d]?", fullmatch=True),
                   st.builds("{}/{} nodes positive".format, st.integers(0, 99), st.integers(0, 99)), st.builds("ER {}%".format, st.integers(-5, 300)), st.builds("{} x {} cm".format, st.floats(0, 1e6), st.floats(0, 1e6)))


@hypothesis.given(parts=st.lists(pieces, max_size=12), between=st.sampled_from((" ", "\n", "", ": ", " | ")))
@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
def test_pieces_of_reports_in_any_order(stagers, parts, between):
    for stager in stagers.values():
        assert faults_of_text(stager, between.join(parts)) == []


@pytest.mark.parametrize("ending", list(all_kinds()))
def test_the_harness_sees_a_lost_report(stagers, tmp_path, ending):
    "Undamaged files have no faults; and the check itself can fail: a good file that is not there is told."
    assert faults_of_file(tmp_path, f"a.{ending}", all_kinds()[ending], stagers["grammar"]) == []
    assert faults_of_text(stagers["grammar"], TEXT) == []
    assert faults_of_text(stagers["grammar"], None) != []
