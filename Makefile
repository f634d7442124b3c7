# `make demo` and `make test` are all a fresh clone needs: they make .venv and install into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test coverage docs fuzz mutation lint types dist check-dist audit bench bench-all study clean clean-cache help

help:  ## What there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.core  ## Race the allocators over ray-traced channels of Munich
	$(BIN)/ttirace run scenarios/munich.yaml -o out/munich --overwrite

test: $(VENV)/.dev  ## Run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

coverage: $(VENV)/.dev  ## Run the tests, and say which lines of sim and allocators they do not run
	mkdir -p out/coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: $(VENV)/.docs  ## Build the documentation into out/docs; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs

fuzz: $(VENV)/.dev  ## Spoil 20,000 inputs, kill 20 times each, run 1,000 times in a process
	$(BIN)/python tests/robustness/fuzz.py
	TTIRACE_KILLS=20 TTIRACE_RUNS=1000 $(BIN)/python -m pytest tests/robustness/test_killed_at_random.py \
		tests/robustness/test_flat_and_alike.py tests/sim/study/test_killed_studies.py

mutation: $(VENV)/.mutation  ## Change sim.deadline and the sum rate in small ways: does a test fail?
	.ci/mutation

lint: $(VENV)/.dev  ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Check types
	$(BIN)/mypy

dist: $(VENV)/.build  ## Build the source distribution and the wheel into dist
	$(VENV)/build/bin/python -m build

check-dist: $(BIN)/python  ## Build them, and use the wheel where there is no source tree
	$(BIN)/python .ci/check_dist

# Strict: where the internet cannot be asked, it fails, and does not say that there is nothing.
audit: $(VENV)/.build  ## Look for known vulnerabilities of the pinned versions (needs the internet)
	$(VENV)/build/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

bench: $(VENV)/.dev $(VENV)/.peers  ## Measure beside the peers, into out/bench (a quiet machine, please)
	$(BIN)/python benchmarks/side_by_side.py

bench-all: bench  ## Also each part by itself, what docs/measured.md states
	for bench in solvers channels simulator env; do $(BIN)/python benchmarks/bench_$$bench.py; done

study: $(VENV)/.dev  ## Draw the quality-time frontier of every allocator (a quiet machine, please)
	$(BIN)/python benchmarks/study_frontier.py

clean-cache:  ## Remove what numba compiled
	find sim allocators stylize tests -name '*.nb[ci]' -delete

clean:  ## Remove the environment and results
	rm -rf $(VENV) out

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ttirace needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.mutation: $(VENV)/.dev
	$(PIP) --editable '.[mutation]'
	@touch $@

# Apart: what builds and audits is not what is run.
$(VENV)/.build: $(BIN)/python
	$(BIN)/python -m venv $(VENV)/build
	$(VENV)/build/bin/pip --disable-pip-version-check install --quiet build pip-audit
	@touch $@

# Apart: what the peers need is not to be in the way of anything here.
$(VENV)/.peers: $(BIN)/python benchmarks/peers.txt constraints.txt
	$(BIN)/python -m venv $(VENV)/peers
	$(VENV)/peers/bin/pip --disable-pip-version-check install --quiet --constraint constraints.txt \
		--requirement benchmarks/peers.txt
	@touch $@
