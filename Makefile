# Two commands are the contract: `make demo` runs the main job, `make test` runs every test.
# Each sets up what it needs (an environment in .venv, the cluster parts in the user's cache).
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo demo-down test bench lint generate lock nightly clean

help:  ## Show the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready  ## Make the environment (.venv) from the lock

.venv/.ready: requirements/lock.txt pyproject.toml hack/setup.sh
	@PYTHON="$(PYTHON)" hack/setup.sh

demo: setup  ## Run the main job on real parts; KEEP=1 leaves all up, SQLITE=1 needs no server
	@$(BIN)/python -m demo up $(if $(KEEP),--keep) $(if $(SQLITE),--sqlite)

demo-down: setup  ## End and remove everything that a kept demo left
	@$(BIN)/python -m demo down

lint: setup  ## ruff, mypy strict, the layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

generate: setup  ## Write the CRDs, reference pages and state pictures anew
	@$(BIN)/python -m generate

COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 \
	--no-header --no-emit-index-url --no-emit-find-links

lock: setup  ## Resolve the dependencies anew (hashes, no registry hosts)
	@$(COMPILE) --all-extras pyproject.toml -o requirements/lock.txt
	@$(COMPILE) -c requirements/lock.txt pyproject.toml -o requirements/operator.txt
	@$(COMPILE) requirements/build.in -o requirements/build.txt

test: setup  ## Run every test, real parts included
	@hack/test.sh

bench: setup  ## Measure beside batch/v1 Jobs on a real node (root, Linux); table and .bench/figures.json
	@$(BIN)/python -m bench

nightly: setup  ## Run a million seeds of the simulator; stop it as you like, it goes on where it stood
	@PYTHONHASHSEED=0 $(BIN)/python -m simulator nightly

clean:  ## Remove the environment (the cache stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
