# One command each: `make demo`, `make test`. Both set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup test demo lint types floors tests wheel clean

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

tests: setup
	$(BIN)/python -m pytest -m 'not gpu and not network'

demo: setup
	$(BIN)/stemweave demo -o demo --overwrite

wheel: setup
	$(BIN)/python -m build --wheel

clean:
	rm -rf dist build demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
