# One command each: `make demo`, `make test`. Both set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup test demo bench lint types floors tests wheel clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stemweave needs Python 3.11 or newer, this is %s" % sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps museval==0.4.1  # only its metrics are used: numpy and scipy do for them
	$(BIN)/python -m pip install --quiet --no-deps audio-diffusion-pytorch==0.0.43  # only its U-Net is compared with
	touch $(STAMP)

test: lint types floors tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: setup
	$(BIN)/mypy

floors: setup
	$(BIN)/lint-imports

# Test files side by side, one thread each: torch's threads of several processes would wait for each other.
JOBS ?= 2

tests: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not gpu and not network' -n $(JOBS) --dist loadfile

demo: setup
	$(BIN)/stemweave demo -o demo --overwrite

# What it measured is kept and measured once; `make bench QUICK=--quick` shows in a few minutes that it works.
QUICK ?=
BENCH := $(if $(QUICK),.work/benchmarks-quick,docs/benchmarks)
MINUTES := $(if $(QUICK),0.2 0.5,0.2 1 3 10)
space := $() $()
comma := ,

bench: setup
	mkdir -p $(BENCH)
	$(BIN)/stemweave render --preset test-a --songs 8 --seconds 12 -o .work/benchmarks/songs
	$(BIN)/python -m bench.evaluations $(QUICK)
	$(BIN)/python -m bench.walks --data .work/benchmarks/songs $(QUICK)
	test -f $(BENCH)/speed.json || $(BIN)/stemweave evaluate efficiency --minutes $(subst $(space),$(comma),$(MINUTES)) --steps 1 --json $(BENCH)/speed.json
	test -f $(BENCH)/slice.md || { $(BIN)/python -m bench.solvers --slice --data .work/benchmarks/songs > $(BENCH)/slice.part && mv $(BENCH)/slice.part $(BENCH)/slice.md; }
	$(BIN)/python -m bench.page $(QUICK)

wheel: setup
	$(BIN)/python -m build --wheel

clean:
	rm -rf dist build demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
