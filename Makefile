# Every target sets itself up: on a bare Debian with python3, python3-venv, make and git, any of them just works.
.DEFAULT_GOAL := help
.PHONY: help run test long check bench simulate crash crash-evm mutants docs results contracts devnet upstream lock clean
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
SECONDS ?= 600
SEEDS ?= 0
SEED ?= 1
ORDERS ?= 200
DATA ?= ../shared/data
# Tests of one file share what they are tested on, and stay together.
TOGETHER := --numprocesses auto --maxprocesses 4 --dist loadfile

help:   ## Show this list.
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: .venv/ok $(if $(filter devnet demo,$(ARGS)),devnet)   ## Trade play money; ARGS="--speed max" or ARGS="status" go on to run.py.
	@$(BIN)/python run.py $(ARGS)

test: .venv/ok devnet   ## Run every test that takes less than half a minute; ARGS="-k config" picks some.
	$(BIN)/python -m pytest $(TOGETHER) $(ARGS)

long: .venv/ok devnet   ## Run the tests that take half a minute and more each.
	$(BIN)/python -m pytest -m long $(TOGETHER) $(ARGS)

check: .venv/ok   ## Format, lint, type-check and look at the code's shape, as CI does.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_tidy.py tests/test_readme.py

bench: .venv/ok .venv/bench/ok devnet   ## Measure the log, the transport, a whole run and a trade; ARGS=--quick for less.  Figures go to bench/.
	@mkdir -p bench
	@PYTHONPATH=.venv/bench $(BIN)/python -m pytest --quiet tests/strategies/test_metrics.py -k independent
	@missed=; for probe in tests/bench/*.py; do name=$$(basename $$probe .py); echo "== $$name"; \
		PYTHONPATH=.venv/bench $(BIN)/python -m tests.bench.$$name --json bench/$$name.json $(ARGS) \
			|| missed="$$missed $$name"; done; \
		if [ "$$missed" ]; then echo "not all as wanted:$$missed"; exit 1; fi

simulate: .venv/ok   ## Play seeded schedules of the actors with everything that may go wrong; SECONDS=, SEEDS=, SEED=.
	$(BIN)/python -m tests.simulation.run --seconds $(SECONDS) --seeds $(SEEDS) --seed $(SEED) $(ARGS)

crash: .venv/ok   ## Kill, cut the power of, starve and flip the log everywhere; SEED=, SECONDS= (an hour).
	$(BIN)/python -m tests.crash.whole --seconds $(if $(filter file,$(origin SECONDS)),3600,$(SECONDS)) --seed $(SEED) $(ARGS)

crash-evm: .venv/ok devnet   ## Kill trades on a devnet at every point, whatever becomes of them; SEED=, ORDERS=.
	$(BIN)/python -m tests.devnet.trading.whole --seed $(SEED) --orders $(ORDERS) $(ARGS)

mutants: .venv/ok devnet   ## Plant bugs one by one, and see that each is caught.
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

docs: .venv/ok   ## Print the pages that are made from tables in the code.
	$(BIN)/python -c 'from storage.resolution import page; print(page(), end="")' > storage/RESOLVER.md

results: .venv/ok   ## Play all strategies on the recordings in DATA= again: RESULTS.md and the tables of their pages.
	$(BIN)/python -c 'import sys; from pathlib import Path; from strategies.results_table import page; \
		print(page(Path(sys.argv[1])), end="")' $(DATA) > strategies/RESULTS.md
	$(BIN)/python -c 'import sys; from pathlib import Path; from strategies.results_pages import write; \
		write(Path(sys.argv[1]))' $(DATA)

contracts: chains/devnet/contracts/node_modules/ok   ## Compile the tokens of the devnet anew; needs npm.
	node chains/devnet/contracts/compile.js

upstream: .venv/ok   ## Run Thespian's own tests over our transport.
	$(BIN)/python tests/upstream_thespian.py $(ARGS)

lock: .venv/uv   ## Pin every package anew, with hashes.
	.venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --output-file requirements.txt requirements.in
	.venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --constraint requirements.txt --output-file requirements-bench.txt requirements-bench.in

clean:   ## Forget what can be made again; data/ and logs/ stay.
	rm -rf .venv bench .kernels .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf chains/devnet/node_modules chains/devnet/contracts/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: a set-up that was interrupted is done again.
.venv/ok: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, and\
	 $(PYTHON) is `$(PYTHON) -V`: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing:\
	 apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# Beside the packages that trade, not among them.
.venv/bench/ok: requirements-bench.txt .venv/ok
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade \
		--target .venv/bench -r requirements-bench.txt
	@touch $@

# A chain on this machine.  Everything else works without it.  (The node is no optional dependency: npm leaves
# those out without a word where Node.js is older than the package asks for, although it needs no Node.js.)
devnet:   ## Fetch the node and the contracts of a chain on this machine, as make test does; needs npm.
	@if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
		echo "The EVM devnet's node is for Linux on x86-64; its tests are skipped, unless ANVIL_BIN names another" >&2; \
	elif ! command -v npm >/dev/null; then \
		echo "npm is missing, so the tests of the EVM devnet are skipped: apt install nodejs npm" >&2; \
	else $(MAKE) --no-print-directory --silent chains/devnet/node_modules/ok; fi

%/node_modules/ok: %/package-lock.json %/package.json %/.npmrc
	npm ci --prefix $* --no-progress --loglevel=error
	@touch $@

.venv/uv: .venv/ok
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@
