# Two commands do everything on a machine that has only Python 3.11+ and make:
#   make demo    make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check chaos bench train generate lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Make .venv with akar in it (hash-checked), ready to use

$(STAMP): pyproject.toml requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Akar needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 5 --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Real Kafka, 200 simulated orders with faults, every complaint traced (KEEP=1 leaves it running)
	@$(BIN)/akar demo $(if $(KEEP),--keep)

test: setup ## Every check and test; ends with the count
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGS)

check: setup ## Style, types, import contracts, generated files (part of make test too)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python -m schemas.generate --check && $(BIN)/python -m services.cli.configuration --check

chaos: setup ## The long fault suite, and the protocol model at full length
	@$(BIN)/python -m pytest tests/chaos tests/unit/router/protocol -m "chaos or not chaos" $(PYTEST_ARGS)

bench: setup $(VENV)/bench/.installed ## Throughput and latency beside a bare client loop, in one run (BENCH_ARGS=--quick)
	@$(BIN)/python -m bench $(BENCH_ARGS)

# Its own environment: Quix Streams needs other versions than the product.
$(VENV)/bench/.installed: requirements/bench.lock $(STAMP)
	@$(PYTHON) -m venv --clear $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --retries 5 --require-hashes -r requirements/bench.lock
	@touch $@

train: setup $(VENV)/train/.installed ## Fit the symptom model again from labelled texts (TRAIN_ARGS=--help)
	@$(VENV)/train/bin/python -m training $(TRAIN_ARGS)

# Its own environment: the product runs what comes out with numpy alone.
$(VENV)/train/.installed: requirements/train.lock $(STAMP)
	@$(PYTHON) -m venv --clear $(VENV)/train
	@$(VENV)/train/bin/python -m pip install --quiet --disable-pip-version-check --retries 5 --require-hashes -r requirements/train.lock
	@touch $@

generate: setup ## Write schemas/generated, docs that are generated
	@$(BIN)/python -m schemas.generate && $(BIN)/python -m services.cli.configuration

lock: ## Resolve requirements/*.lock again (needs uv)
	@uv pip compile pyproject.toml --extra all --universal --python-version 3.11 --generate-hashes -o requirements/runtime.lock -q --custom-compile-command "make lock"
	@uv pip compile requirements/build.in --universal --python-version 3.11 --generate-hashes -o requirements/build.lock -q --custom-compile-command "make lock"
	@uv pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 --generate-hashes -o requirements/dev.lock -q --custom-compile-command "make lock"
	@uv pip compile requirements/train.in --universal --python-version 3.11 --generate-hashes -o requirements/train.lock -q --custom-compile-command "make lock"
	@uv pip compile requirements/bench.in --universal --python-version 3.11 --generate-hashes -o requirements/bench.lock -q --custom-compile-command "make lock"

clean: ## Remove .venv and caches (not the data in .akar)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
