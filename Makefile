# `make` lists what there is. Every target sets up what it needs first and skips what is done.
#
#   PYTHON=python3.12      the interpreter for a new environment (default: python3.11, else python3)
#   VENV=somewhere         where the environment goes (default: .venv)
#   TORCH_BACKEND=auto     a torch build for your GPU instead of the CPU build
#   ARGS="-k doctor"       more arguments for the command behind test, lab or reproduce

PYTHON ?=
VENV ?= .venv
TORCH_BACKEND ?= cpu
ARGS ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup test lint format reproduce demo lab notebooks docs doctor clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## virtual environment, CPU torch, this package, GL library

$(READY): pyproject.toml scripts/constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" TORCH_BACKEND="$(TORCH_BACKEND)" bash scripts/setup.sh
	@touch $@

# GENIMA_FAST=1 shortens loops in notebooks; it changes nothing else. One thread a process: the
# processes share the cores. Files come in the order of tests/conftest.py: xdist's own has those
# with the fewest tests last, and these are the longest.
test: $(READY)  ## run all tests, the notebooks included
	GENIMA_FAST=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder $(ARGS)

lint: $(READY)  ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reproduce: $(READY)  ## run the main job: demonstrations, models, evaluation, report
	$(BIN)/genima-lite reproduce $(ARGS)

demo: $(READY)  ## let the trained policies do all tasks, five minutes
	$(BIN)/genima-lite demo $(ARGS)

# JupyterLab refuses to run as root unless told.
lab: $(READY)  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS) notebooks

notebooks: $(READY)  ## make notebooks/ and solutions/ from notebooks/source
	$(BIN)/python scripts/notebooks.py $(ARGS)

docs: $(READY)  ## build the course as a site
	$(BIN)/python scripts/build_site.py

doctor: $(READY)  ## check this machine and say how to mend what is missing
	$(BIN)/python -m genima_lite.doctor

clean:  ## remove the environment and all caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
