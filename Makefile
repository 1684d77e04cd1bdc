# ECGLens. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 2

EXTRAS := pipeline formats explain jax notebook dev
# A file's tests share what they set up, so that one worker runs them, in the order of the folders: files
# of one long test are not left for the end. A worker takes up to 2.5 GB, the slow tests on JAX 5 more.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup repro register test test-all test-checks lint format lock ui serve bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(READY)  ## the environment in .venv, from requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "make: $(PYTHON) is not Python 3.11. Name one: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	  { echo "make: no virtual environment could be made; on Debian: apt install python3-venv"; exit 1; }
	@echo "installing $$(wc -l < requirements.lock) packages into $(VENV); this takes a few minutes once"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

repro: $(READY)  ## run the pipeline: whatever has changed since it last ran
	@$(BIN)/python -m ecglens.params
	$(BIN)/dvc repro

register: $(READY)  ## put models that are up to date into an empty MLflow registry
	$(BIN)/dvc repro --force --single-item evaluate promote

test: $(READY)  ## the fast tests
	$(PYTEST)

test-all: $(READY)  ## all tests, with those that run whole pipelines
	$(PYTEST) -m ""

test-checks: $(READY)  ## our measures against those of quantus and shap, which this installs
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock --editable '.[checks]'
	$(BIN)/python -m pytest -m "" tests/explain/test_against_quantus.py tests/explain/test_perturbation.py

lint: $(READY)  ## check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(READY)  ## mend style and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(READY)  ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml $(EXTRAS:%=--extra %) --no-annotate --no-header -o requirements.lock

ui: $(READY)  ## MLflow's pages on http://127.0.0.1:5000
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db --workers 1 --host 127.0.0.1 --port 5000

serve: $(READY)  ## serve the champion on http://127.0.0.1:5001/invocations
	$(BIN)/ecglens serve
