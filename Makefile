# The two commands are `make run` and `make test`; both make what they need first.
SERVEMARK = .venv/bin/servemark
BOARD = default

.PHONY: help setup run test test-field test-cluster check format lock

help:
	@echo "make run      measure every contestant (BOARD=quick for two minutes) and leave a report in runs/"
	@echo "make test     every test, with real servers, builds and load"
	@echo "make test-field   the same for every contestant of the wide field: builds them all"
	@echo "make test-cluster  runs on a Ray cluster of three hosts, made of network namespaces (root)"
	@echo "make check    format, lint, types, layers and the fast tests"
	@echo "make setup    only what servemark itself needs, in .venv"
	@echo "make format   put the code into its form"
	@echo "make lock     pin servemark's own requirements anew"

setup:
	@scripts/setup

run: setup
	@$(SERVEMARK) run $(BOARD)

check: setup
	@scripts/check

test: setup
	@scripts/test

test-field: setup
	@.venv/bin/servemark prepare
	@.venv/bin/python -m pytest -q -m field

test-cluster: setup
	@.venv/bin/python -m pytest -q -m cluster

format: setup
	.venv/bin/ruff check --fix --quiet
	.venv/bin/ruff format --quiet

lock: setup
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-header --group dev pyproject.toml --output-file requirements-dev.txt
	sed -n 's/^cluster = \["\(.*\)"\]$$/\1/p' pyproject.toml | .venv/bin/uv pip compile --quiet --upgrade \
	    --universal --python-version 3.11 --generate-hashes --no-header --constraint requirements-dev.txt \
	    - --output-file requirements-cluster.txt
