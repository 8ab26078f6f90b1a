# Every target sets itself up: on a bare Debian with python3, python3-venv, make and git, any of them just works.
.DEFAULT_GOAL := help
.PHONY: help run test check bench simulate crash mutants docs upstream lock clean
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
SECONDS ?= 600
SEEDS ?= 0
SEED ?= 1

help:   ## Show this list.
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: .venv/ok   ## Trade play money; ARGS="--speed max" or ARGS="status" go on to run.py.
	@$(BIN)/python run.py $(ARGS)

test: .venv/ok   ## Run every test; ARGS="-k config" picks some.
	$(BIN)/python -m pytest $(ARGS)

check: .venv/ok   ## Format, lint, type-check and look at the code's shape, as CI does.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_tidy.py tests/test_readme.py

bench: .venv/ok .venv/bench/ok   ## Measure the log, the transport and a whole run; ARGS=--quick for less.  Figures go to bench/.
	@mkdir -p bench
	@set -e; for probe in tests/bench/*.py; do name=$$(basename $$probe .py); echo "== $$name"; \
		PYTHONPATH=.venv/bench $(BIN)/python -m tests.bench.$$name --json bench/$$name.json $(ARGS); done

simulate: .venv/ok   ## Play seeded schedules of the actors with everything that may go wrong; SECONDS=, SEEDS=, SEED=.
	$(BIN)/python -m tests.simulation.run --seconds $(SECONDS) --seeds $(SEEDS) --seed $(SEED) $(ARGS)

crash: .venv/ok   ## Kill, cut the power of, starve and flip the log everywhere; SECONDS=3600 for all of it, SEED=.
	$(BIN)/python -m tests.crash.whole --seconds $(SECONDS) --seed $(SEED) $(ARGS)

mutants: .venv/ok   ## Plant bugs one by one, and see that each is caught.
	$(BIN)/python -m tests.simulation.mutants $(ARGS)

docs: .venv/ok   ## Print the pages that are made from tables in the code.
	$(BIN)/python -c 'from storage.resolution import page; print(page(), end="")' > storage/RESOLVER.md

upstream: .venv/ok   ## Run Thespian's own tests over our transport.
	$(BIN)/python tests/upstream_thespian.py $(ARGS)

lock: .venv/uv   ## Pin every package anew, with hashes.
	.venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --output-file requirements.txt requirements.in
	.venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --output-file requirements-bench.txt requirements-bench.in

clean:   ## Forget what can be made again; data/ and logs/ stay.
	rm -rf .venv bench .pytest_cache .ruff_cache .mypy_cache .hypothesis
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

.venv/uv: .venv/ok
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@
