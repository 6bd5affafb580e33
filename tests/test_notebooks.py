"Every page of the modules runs, and every benchmark where it is asked for."
import os

import pytest
from executed import execute, in_a_kernel, in_this_process, name, notebooks

OWN_PROCESS = {"api/89_scale.engine.ipynb"}  # a process in which its Ray has run can't join the cluster of other tests


@pytest.mark.parametrize("path", notebooks("index.ipynb", "api/*.ipynb"), ids=name)
def test_notebook_runs(path):
    execute(path, in_a_kernel if name(path) in OWN_PROCESS else in_this_process)


# Benchmarks stage the whole corpus several times and measure speed, which takes many minutes and says nothing on a busy machine. So they
# run only when asked for, with `pytest --benchmarks`; test_agreement.py checks that they are stored with outputs and without errors.
@pytest.mark.benchmark
@pytest.mark.parametrize("path", notebooks("benchmarks/*.ipynb"), ids=name)
def test_benchmark_runs(path, test_bed):
    os.environ.setdefault("CANCER_STAGING_DATA", str(test_bed))
    execute(path)
