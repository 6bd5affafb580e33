"`import cancer_staging`, the command's help and staging stay light: what they load is checked, not how long it takes."
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "polars", "pyarrow", "numpy", "pandas", "PIL", "pypdfium2", "rapidocr", "onnxruntime", "cv2",
         "matplotlib", "seaborn", "IPython", "nbdev", "fastcore", "sklearn", "scipy", "safetensors", "lightgbm", "peft", "accelerate", "bitsandbytes"}
HELP = """
import sys
from cancer_staging.cli import main
sys.argv = ["cancer-staging", "--help"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
STAGE = """
from cancer_staging.stager import Stager

assert Stager.from_pretrained().stage("Colon, resection: adenocarcinoma, pT3 pN0.")["t"].label == "T3"
"""
NEEDED = {"numpy", "safetensors"}  # by the default model


@pytest.mark.parametrize("code", ["import cancer_staging", HELP], ids=["import", "help"])
def test_nothing_heavy_is_loaded(code):
    assert not loaded_by(code) & HEAVY


def test_staging_loads_what_it_needs():
    "What each worker process loads before its first report."
    assert loaded_by(STAGE) & HEAVY == NEEDED


def loaded_by(code):
    "The packages that are loaded once the code has run."
    report = "\nimport sys; print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "cancer_staging" in loaded
    return loaded
