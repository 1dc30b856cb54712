# Everything a person does with this repository. `make help` lists it.

VENV := .venv
STAMP := $(VENV)/.ready
PORT ?=
DATA ?= .waypost
TESTS ?=
TO ?=
FROM ?=

.DEFAULT_GOAL := help
.PHONY: help setup up backup restore check test chaos containers bench format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## make .venv from the lock file (PYTHON=… names another python3)

up: $(STAMP) ## start everything on this machine (PORT=8080 DATA=.waypost)
	@exec $(VENV)/bin/waypost up --data '$(DATA)' $(if $(PORT),--port '$(PORT)')

backup: $(STAMP) ## copy the whole database while all goes on (TO=backups/monday DATA=.waypost)
	@$(VENV)/bin/waypost backup --data '$(DATA)' $(if $(TO),--to '$(TO)')

restore: $(STAMP) ## put a backup in its place; the stack must not run (FROM=backups/monday DATA=.waypost)
	@test -n '$(FROM)' || { echo 'name the backup: make restore FROM=backups/…' >&2; exit 2; }
	@$(VENV)/bin/waypost restore --data '$(DATA)' --from '$(FROM)'

check: $(STAMP) ## format, lint, strict types, architecture
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -q tests/test_architecture.py

test: $(STAMP) ## everything, on real servers, two files at a time (TESTS=tests/deploy for a part)
	$(VENV)/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(TESTS)

chaos: $(STAMP) ## the long proofs that no click is lost, whatever dies (CHAOS_SEED=… makes a run again)
	$(VENV)/bin/pytest -m long tests/chaos

containers: $(STAMP) ## build the image and run compose.yaml for real (needs podman, and mmdebstrap for a base image)
	$(VENV)/bin/pytest -m containers tests/deploy/containers

bench: $(STAMP) ## measure, and write bench.json (ONLY="redirect list" for some rows)
	$(VENV)/bin/python -m tests.bench $(if $(ONLY),--only $(ONLY))

format: $(STAMP) ## put the code in shape, and what is made from it
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/waypost settings > deploy/.env.example

lock: $(STAMP) ## write requirements.lock anew from pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header pyproject.toml --output-file requirements.lock
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra build --extra traces --generate-hashes \
		--constraint requirements.lock --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		pyproject.toml --output-file deploy/requirements.lock

clean: ## remove what the targets above have made; data in .waypost stays
	rm -rf $(VENV) bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis waypost.egg-info
	find deploy gateway services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml deploy/make_venv.sh
	@PYTHON='$(PYTHON)' sh deploy/make_venv.sh '$(VENV)'
	@touch $@
