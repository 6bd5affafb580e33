"What the tests share: where the project and the test bed are, the option that runs the long benchmarks, and the one that runs what is quick."
import os
from pathlib import Path

# The matrices here are small. Threads that wait for one another would take several times as long where other work has the cores.
os.environ |= {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from quick import needs_more  # noqa: E402

settings.register_profile("repeatable", derandomize=True)  # a run says the same twice; `make fuzz` looks for what is new
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--benchmarks", action="store_true", help="also execute the notebooks of nbs/benchmarks (long, need the test bed)")
    parser.addoption("--quick", action="store_true", help="leave out what needs torch, notebooks, a browser or a build, and tests marked slow")


def pytest_ignore_collect(collection_path, config):
    "With --quick, a test module that needs more at its top is not even imported."
    if config.getoption("--quick") and collection_path.name.startswith("test_") and needs_more(collection_path):
        return True
    return None


LONG = {"test_guides", "test_notebooks", "test_runs", "test_scale", "test_site"}  # minutes each; they come first, so that none is left to one process at the end


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path.stem not in LONG)
    if not config.getoption("--benchmarks"):
        for item in items:
            if "benchmark" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="long: run pytest with --benchmarks"))
    if config.getoption("--quick"):
        left_out = [item for item in items if "slow" in item.keywords or any(needs_more(function) for function in functions_of(item))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def functions_of(item) -> list:
    "The test and the fixtures that it asks for."
    fixtures = item._fixtureinfo.name2fixturedefs
    return [item.function, *(fixture.func for name in item.fixturenames for fixture in fixtures.get(name, ()))]


@pytest.fixture(scope="session")
def root() -> Path:
    "The project's folder."
    return ROOT


@pytest.fixture(scope="session")
def test_bed() -> Path:
    "The folder of the test bed; a test that asks for it is skipped where there is none."
    folder = Path(os.environ.get("CANCER_STAGING_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test bed in {folder}; set CANCER_STAGING_DATA")
    return folder


@pytest.fixture(scope="module")
def writer():
    "A random language model and its tokenizer, for tests that have torch and transformers."
    from tiny_writers import random_writer

    return random_writer()


@pytest.fixture(scope="session")
def invented():
    "Invented reports as a corpus frame with the labels that the default model learns."
    import polars as pl

    from cancer_staging.corpora.synthetic import synthetic_reports

    reports = list(synthetic_reports(300))
    return pl.DataFrame({"patient_id": [report.report_id for report in reports], "project": [report.cancer.upper() for report in reports], "text": [report.text for report in reports],
                         **{name: [report.truth[name].label for report in reports] for name in ("t", "n", "m", "stage_group")}})


@pytest.fixture(scope="session")
def fitted(invented):
    "The default model's design, learnt from invented reports in seconds."
    pytest.importorskip("sklearn", reason="fitting needs the metrics extra")
    from cancer_staging.models.fitting import fit_learned

    return fit_learned(invented)
