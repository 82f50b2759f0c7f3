# Plain GNU make. Everything works on a machine with Python 3.11+ (with venv) and make: no root, Docker, Java or psql.
# Another interpreter: make PYTHON=python3.12 demo.   More arguments: make test ARGS="-k outbox", make logs ARGS="-f console".

PYTHON ?= python3
ARGS ?=
SEEDS ?= 3
VENV := .venv/bin
COMPILE := $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --custom-compile-command "make lock"

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup env dev demo test coverage faults up down restart reset status logs topics migrate lint types fmt lock requirements bench

help: ## what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: env ## make .venv from the locks and fetch Kafka's jars; nothing is started
	@$(VENV)/python -m devstack jars

demo: env ## the main job on real input: start all, import a file, show, ask, write, prove
	@$(VENV)/python -m devstack demo $(ARGS)

# Without coverage, which nearly doubles what the tests compute. Native tracebacks: CPython 3.11 may break down over
# pytest's own ("AST constructor recursion depth mismatch"), and one failing test then ends the whole run.
test: dev ## all tests, on every core; in this one process, as a debugger needs: ARGS="-n 0 -k outbox"
	@$(VENV)/python -m pytest -n logical --maxprocesses 4 --tb=native $(ARGS)

coverage: dev ## all tests, and which lines and branches they reach
	@$(MAKE) test ARGS="--cov --cov-report=term $(ARGS)"

faults: dev ## all of the fault suite with SEEDS=3; some of it: ARGS="-k 'seed2 and wrong_id'"
	@$(VENV)/python -m pytest tests/faults --seeds $(SEEDS) $(ARGS)

up: env ## start Kafka, PostgreSQL, the simulator and every service
	@$(VENV)/python -m devstack up

down: env ## stop all of it; data stays
	@$(VENV)/python -m devstack down

restart: env ## stop and start services: ARGS="invoice_push"
	@$(VENV)/python -m devstack restart $(ARGS)

reset: env ## stop all and delete this checkout's databases, topics, keys and logs
	@$(VENV)/python -m devstack reset

status: env ## what runs, where, and whether it is ready
	@$(VENV)/python -m devstack status || true

logs: env ## logs of the services: ARGS="-f invoice_push"
	@$(VENV)/python -m devstack logs $(ARGS)

topics: env ## create missing topics, compare existing ones
	@$(VENV)/python -m devstack topics

migrate: env ## provision and migrate every database
	@$(VENV)/python -m devstack migrate

lint: dev ## ruff's rules and format, and who may import whom
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/lint-imports

types: dev ## mypy, strict
	@$(VENV)/mypy

fmt: dev ## format, and repair what ruff can
	@$(VENV)/ruff check --fix --quiet . || true
	@$(VENV)/ruff format .

lock: dev ## renew the hashed locks from pyproject.toml and requirements/*.in
	@$(COMPILE) pyproject.toml -o requirements/runtime.txt $(ARGS)
	@$(COMPILE) requirements/local.in -o requirements/local.txt $(ARGS)
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt $(ARGS)

requirements: dev ## which requirements have passing tests
	@$(VENV)/python tests/requirements_report.py $(ARGS)

bench: dev ## the figures, on this machine
	@$(VENV)/python -m tests.bench $(ARGS)

env:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) libs/devstack/bootstrap.py

dev:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) libs/devstack/bootstrap.py --dev
