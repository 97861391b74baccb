# make demo: see it work.  make test: run the tests.  make check: all that has to pass.
# make fuzz: open 10,000 damaged model files.  make gpu-check: all checks and timings of a GPU.
# Each sets up what it needs on a fresh machine with python3 and make, and is quick the next time.

PYTHON ?= python3
# The folders are among them, so that a file taken away is noticed too.
SOURCES := $(shell find edgeclust export har_data -name __pycache__ -prune -o -print) \
	pyproject.toml README.md LICENSE
WHEEL := dist/.built
TRAIN := .venv/.installed
DEVICE := .venv-device/.installed

DATA ?= watch

.PHONY: demo test fuzz torture gpu-check check lint types wheel clean

demo: $(TRAIN) $(DEVICE)
	.venv/bin/python demo/demo.py

# A process a core, each of one thread: more would only get into each other's way.
test: $(TRAIN)
	OMP_NUM_THREADS=1 .venv/bin/pytest -n auto --dist loadfile

# 10,000 damaged model files, and those cut at every kilobyte; the tests open a few hundred.
fuzz: $(TRAIN)
	.venv/bin/python tests/fuzz.py

# Kill a process 1,000 times while it saves what it learnt.
torture: $(TRAIN)
	EDGECLUST_KILLS=1000 .venv/bin/pytest tests/test_state.py

# On a machine without one it says so and exits with 2. DATA: what to time beside noise.
gpu-check: $(TRAIN)
	.venv/bin/python benchmarks/gpu.py $(DATA)

check: lint types test

lint: $(TRAIN)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

# Checked as installed, under the names they are imported by; from tests/, where no folder of the
# checkout hides the installed package.
types: $(TRAIN)
	cd tests && ../.venv/bin/mypy --config-file ../pyproject.toml --package edgeclust
	cd tests && ../.venv/bin/mypy --config-file ../pyproject.toml . ../benchmarks ../demo ../examples

wheel: $(WHEEL)

clean:
	rm -rf .venv .venv-device build dist *.egg-info

# The workstation: everything, the tools for development among it.
$(TRAIN): $(WHEEL) .venv/.dependencies
	.venv/bin/pip install --quiet --no-deps --force-reinstall dist/edgeclust-*.whl
	touch $@

.venv/.dependencies: constraints.txt pyproject.toml | $(WHEEL)
	@echo "installing torch and the rest into .venv: minutes, once"
	.venv/bin/pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[train,devices,dev]"
	touch $@

# The device: the wheel with its command line, no torch and no pandas.
$(DEVICE): $(WHEEL) constraints.txt
	@echo "installing numpy and onnxruntime into .venv-device, which plays the device"
	$(PYTHON) -m venv .venv-device
	.venv-device/bin/pip install --quiet --force-reinstall --no-deps dist/edgeclust-*.whl
	.venv-device/bin/pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[cli]"
	touch $@

$(WHEEL): $(SOURCES) | .venv/bin/pip
	rm -rf build dist
	.venv/bin/pip wheel --quiet --no-deps --wheel-dir dist .
	touch $@

.venv/bin/pip:
	$(PYTHON) -m venv .venv
