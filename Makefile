# What a newcomer and a developer call; `make` alone lists it. Needs Python 3.11 or later, nothing else.
#   PYTHON=python3.12   the Python to build on        VENV=.venv   where to install
#   OUT=demo-output     where the demos write         PYTEST_ARGS='-k layers'   passed on to pytest

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo-output
# The version lies in constraints.txt; TORCH='torch==X --index-url URL' takes it from elsewhere.
TORCH ?= $(shell sed -n '/^torch==/p' constraints.txt)
PYTEST_ARGS ?=

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-train studio test lint samples check clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.core-installed  ## segment a face and nuclei with the shipped models (no torch)
	$(VENV)/bin/segfit demo -o $(OUT) --force

demo-train: $(VENV)/.train-installed  ## train a nuclei segmenter in a minute, show it beside the truth
	$(VENV)/bin/segfit demo --train -o $(OUT) --force

studio: $(VENV)/.studio-installed  ## label the demo's nuclei in the browser, and train on them
	@mkdir -p studio-demo
	@for image in src/segfit/demo_data/nuclei/*/images/*; do \
	  test -e "studio-demo/$${image##*/}" || cp "$$image" studio-demo/; done
	$(VENV)/bin/segfit studio studio-demo

test: $(VENV)/.dev-installed  ## install what development needs, run the tests
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev-installed  ## ruff check, ruff format --check, mypy
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

samples: $(VENV)/.dev-installed  ## get ONNX Runtime for C++ and JavaScript, build and run the samples
	$(VENV)/bin/python samples/get_runtimes.py
	$(VENV)/bin/python -m pytest tests/samples

check:  ## all that continuous integration runs: test, lint, samples, demo, and what the demo wrote
	./.ci/run

clean:  ## remove the environments, the demos' output and all caches
	rm -rf .venv .venv-core samples/build samples/js/node_modules demo-output studio-demo src/segfit/studio/web/source/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks recipes -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Each installation adds to the one before, and leaves a stamp; a newer pyproject.toml or
# constraints.txt installs again.

$(VENV)/.python-found:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make: no '$(PYTHON)' here; install Python 3.11 or later, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: segfit needs Python 3.11 or later, '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1); say PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: '$(PYTHON)' has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.core-installed: $(VENV)/.python-found pyproject.toml constraints.txt
	$(PIP) install -e . $(CONSTRAINTS)
	@touch $@

# torch comes first and alone, so that the other packages' demands cannot choose another build of it.
$(VENV)/.train-installed: $(VENV)/.core-installed
	$(PIP) install $(TORCH)
	$(PIP) install -e ".[train]" $(CONSTRAINTS)
	@touch $@

$(VENV)/.studio-installed: $(VENV)/.train-installed
	$(PIP) install -e ".[studio]" $(CONSTRAINTS)
	@touch $@

# `--group` needs pip 25.1. timm comes without its dependencies: they include torchvision, which
# nothing here may need.
$(VENV)/.dev-installed: $(VENV)/.train-installed
	$(PIP) install --upgrade pip $(CONSTRAINTS)
	$(PIP) install --group dev $(CONSTRAINTS)
	$(PIP) install --no-deps timm $(CONSTRAINTS)
	@touch $@
