# Every command sets up what it needs first: a virtual environment with this project, editable.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest

# A thousand processes import this project: none of them is to compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: differential fuzz help setup demo demo-northflank test check format lint types layers fast slow unit golden docs docs-versions screenshots soak bench verify-live release test-pythons test-lowest test-newest test-upgrade clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

# Without --no-compile, pip compiles what is never imported, on one core while nothing else runs.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=24'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $(READY)

setup: $(READY) ## make the virtual environment

demo: $(READY) ## run examples/digits_flow.py through Prefect, with nothing to start
	$(BIN)/python -m examples.demo

demo-northflank: $(READY) ## the same flow deployed to a (emulated) Northflank: server, emulator, worker
	$(BIN)/python -m examples.demo_northflank

# Much of the time of a slow test is waiting, above all since commands are forked (CONTRIBUTING.md): four processes
# keep two cores busy (tests/support/scheduling.py says which tests stay together, and which begin first).
test: $(READY) ## all tests
	$(PYTEST) --numprocesses 4

slow: $(READY) ## the tests that start servers, workers or whole flows
	$(PYTEST) -m "slow" --numprocesses 4

check: format lint types layers fast ## format, lint, types, layers, fast tests

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/codespell .

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy -m examples.demo -m examples.demo_northflank
	$(BIN)/mypy -m tests.live.__main__ -m tests.release.__main__ -m tests.docs.site_versions

layers: $(READY)
	$(BIN)/lint-imports

fast: $(READY) ## the tests that start no server
	$(PYTEST) -m "not slow" --numprocesses 2

unit: $(READY)
	$(PYTEST) tests/unit -m "not slow" --numprocesses 2

golden: $(READY) ## rewrite the expected files of tests/golden, then show what changed
	$(PYTEST) tests/unit tests/golden tests/packaging tests/docs -m "golden" --update-golden
	@git --no-pager diff --stat -- tests docs

differential: $(READY) ## compare every flow of tests/flows with Metaflow's own run: AS="local process nf laptop", steps executed by EXECUTOR
	$(PYTEST) tests/behaviour --numprocesses 3 --step-executor $(or $(EXECUTOR),auto) $(addprefix --as ,$(or $(AS),local process nf))

fuzz: $(READY) ## compare N random flows, from SEED on, with Metaflow's own run
	$(BIN)/python -m tests.fuzz $(or $(N),200) $(or $(SEED),1)

docs: $(READY) ## build the documentation site into build/site, strictly
	$(BIN)/zensical build --strict

docs-versions: $(READY) ## build the site of each tagged version and of the working tree into build/site-versions
	$(BIN)/python -m tests.docs.site_versions

screenshots: $(READY) ## take the pictures of docs/screenshots anew, with a Chromium of this machine
	$(PYTEST) tests/browser tests/unit/runtime/test_progress.py --screenshots

soak: $(READY) ## kill flows and workers, break requests, run thousands of tasks: nothing lost, twice or left
	$(BIN)/python -m tests.stack.durability.kills --kills 20 --seed 1
	$(BIN)/python -m tests.bench --rounds 1 --case far: --memory
	$(BIN)/python -m tests.bench.wide --tasks 10000
	$(BIN)/python -m tests.stack.laptop.soak --kills 50 --seed 1
	$(BIN)/python -m tests.stack.worker.step_soak --kills 100 --faults 0.2
	$(BIN)/python -m tests.stack.worker.soak --runs 300 --kills 50 --workers 3 --faults 0.1 --proxy 0.1 --proxy-answers

bench: $(READY) ## overhead per step as a ratio to Metaflow's own `run`; load on the emulator; the headless stack; the worker; packages
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.wide --tasks 1000 --compare
	$(BIN)/python -m tests.bench.packages
	$(BIN)/python -m tests.contract.load
	$(BIN)/python -m tests.stack.headless.bench
	$(BIN)/python -m tests.stack.laptop.bench
	$(BIN)/python -m tests.stack.worker.bench
	$(BIN)/python -m tests.stack.worker.start_bench
	$(BIN)/python -m tests.stack.worker.start_bench --pool process

verify-live: $(READY) ## compare the live Northflank with what we assume; needs NORTHFLANK_API_TOKEN and NORTHFLANK_TEST_PROJECT; OPTIONS="--without demo"
	$(BIN)/python -m tests.live $(OPTIONS)

release: $(READY) ## check the tag on HEAD, version and changelog; build wheel and sdist, try both, say how to publish
	$(BIN)/python -m tests.release

test-pythons: ## the unit tests under each Python that is installed
	bash tests/pythons.sh

test-lowest: $(READY) ## the fast tests and a whole flow with the lowest versions that pyproject.toml permits
	VENV="$(VENV)" bash tests/versions.sh lowest

test-newest: $(READY) ## the same with the newest versions
	VENV="$(VENV)" bash tests/versions.sh newest

test-upgrade: $(READY) ## what the version before has made goes on after an upgrade
	$(PYTEST) tests/stack/upgrade

clean: ## remove what the commands above made
	rm -rf $(VENV) .venvs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .metaflow .demo
