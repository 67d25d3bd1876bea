# What a developer or an operator can ask for; `make help` prints the lines that begin with a target and have "##".
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test check fix peers peers-bench bench full-flow linearizability docs lock clean

BIN := .venv/bin
MINIMUM := 3.11
# The first interpreter that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(MINIMUM)".split("."))))' 2>/dev/null && echo $$p && break; \
  done; true)

# Test folders that hold at least one test; one that is missing or empty is left out.
with-tests = $(foreach f,$(1),$(if $(shell find tests/$(f) -name 'test_*.py' -print -quit 2>/dev/null),tests/$(f)))
MEASURED = $(call with-tests,unit contracts faces)
PYTEST := $(BIN)/python -m pytest --durations=10 --durations-min=5
SKIPS := .pytest_cache/skips.txt

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: .venv/.installed ## create .venv and install the pinned requirements and zotplus into it

.venv/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "zotplus needs Python $(MINIMUM) or newer: install it, or name it with PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "$(PYTHON) could not create .venv; Debian and Ubuntu need the package python3-venv" >&2; rm -rf .venv; exit 1; }
	@echo "installing into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## start the gateway on ports 8080 and 9000 with its data in ./var
	@exec $(BIN)/zotplus serve

test: setup peers check ## everything: checks, all tests with coverage, real programs, crashes
	@mkdir -p .pytest_cache && rm -f $(SKIPS) .coverage
	$(if $(MEASURED),ZOTPLUS_SKIPS=$(SKIPS) $(PYTEST) -n 2 --cov --cov-report= $(MEASURED) </dev/null)
	$(if $(MEASURED),$(BIN)/coverage report --skip-covered --fail-under=90)
	$(if $(MEASURED),$(BIN)/coverage report --show-missing --skip-covered --include='zotplus/domain/*$(,)zotplus/services/*' --fail-under=100)
	$(if $(call with-tests,peers),ZOTPLUS_SKIPS=$(SKIPS) $(PYTEST) -n 2 $(call with-tests,peers) </dev/null)
	$(if $(call with-tests,crash),ZOTPLUS_SKIPS=$(SKIPS) $(PYTEST) $(call with-tests,crash) </dev/null)
	@echo; if test -s $(SKIPS); then echo "Not run, and why:"; sort $(SKIPS) | uniq -c; else echo "Nothing was skipped."; fi

check: setup ## formatting, lint, types, import contracts, sizes, generated pages, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(if $(call with-tests,architecture),$(PYTEST) -q $(call with-tests,architecture) </dev/null)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

fix: setup ## format, repair what lint can repair, print the generated pages anew
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tools.docs_sync

peers: ## install the real programs that tests drive, into a cache outside the checkout
	@$(or $(PYTHON),python3) -m tools.peers

peers-bench: ## the same, and what only the benchmarks need
	@$(or $(PYTHON),python3) -m tools.peers --bench

bench: setup peers-bench ## measure against other servers on this machine
	$(BIN)/python -m bench.run
	$(BIN)/python -m bench.decisions
	$(BIN)/python -m bench.identity

full-flow: setup peers ## run versitygw's S3 suite against the gateway, and record its results
	$(BIN)/python -m tools.full_flow --record
	$(BIN)/python -m tools.docs_sync

clients: setup peers ## run the clients of S3, and record what each can do
	RECORD_CLIENTS=1 $(PYTEST) -n 2 $(wildcard tests/peers/s3/test_clients_of_*.py) </dev/null
	$(BIN)/python -m tools.docs_sync

linearizability: setup ## check 1,000 histories of concurrent conditional writes for anomalies, in each state of versioning
	ZOTPLUS_LINEARIZABILITY_RUNS=1000 $(PYTEST) tests/crash/test_linearizability.py </dev/null

docs: setup ## print the generated pages and build docs/_build/html
	$(BIN)/python -m tools.docs_sync
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

lock: setup ## resolve the locks anew: everything, what the container image needs, the clients in Python
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK) --all-extras pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) --extra telemetry --extra build -c requirements.lock pyproject.toml -o requirements-run.lock
	echo "awscli" | $(BIN)/uv pip compile $(LOCK) - -o tools/peers/locks/awscli.lock
	echo "s3cmd" | $(BIN)/uv pip compile $(LOCK) - -o tools/peers/locks/s3cmd.lock
	echo "dvc[s3]" | $(BIN)/uv pip compile $(LOCK) - -o tools/peers/locks/dvc.lock
	printf 'pyarrow\ns3fs\n' | $(BIN)/uv pip compile $(LOCK) - -o tools/peers/locks/dataframes.lock
LOCK := --quiet --upgrade --generate-hashes --universal --python-version $(MINIMUM) --no-annotate --no-emit-index-url \
  --custom-compile-command "make lock"

clean: ## remove what the other targets made, the data in ./var excepted
	rm -rf .venv docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

, := ,
