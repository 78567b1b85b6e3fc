# The same few commands for people and for CI. `make help` lists them.

BIN := .venv/bin
MODEL := var/.trained
EXAMPLES := $(shell find config/nlu -type f 2>/dev/null)
READER := $(wildcard nlu/*.py nlu/*.txt)
WORKERS ?= 2
ARGS ?=
FAULTS ?= 200
MESSAGES ?= 50000
SECONDS ?= 1800
CROWD ?= 1000000
SAMPLE ?= 60

# The browser apps are built by the Node of .venv, whatever else is installed.
NPM := cd web && PATH="$(CURDIR)/.venv/bin:$$PATH" npm
WEB := bot/edge/static/.built
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)

# PYTHON=... names the interpreter; otherwise the first of these that is 3.11, 3.12 or 3.13.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install web run test check bench bench-scale bench-web faults screenshots mutants docs format lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.installed ## Make .venv from requirements.lock; seconds when nothing changed

web: install $(WEB) ## Build the browser apps

run: install web $(if $(EXAMPLES),$(MODEL)) ## Train the reader if needed, then serve the demo
	$(BIN)/samtal serve --config config/demo.toml

test: install web $(if $(EXAMPLES),$(MODEL)) ## Every test; ARGS="-k thread" chooses
	$(NPM) test --silent
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: install web ## Format, lint, types and layers
	@failed=; for step in "ruff format --check" "ruff check" "mypy" "lint-imports --no-logo"; do \
		echo "== $$step"; $(BIN)/$$step || failed="$$failed [$$step]"; done; \
	echo "== types of the browser apps"; ($(NPM) run check --silent) || failed="$$failed [web]"; \
	test -z "$$failed" || { echo "make check: failed:$$failed" >&2; exit 1; }

bench: install $(if $(EXAMPLES),$(MODEL)) ## Measure speed against the budgets
	$(BIN)/python -m tests.bench $(ARGS)

bench-scale: install $(if $(EXAMPLES),$(MODEL)) ## Measure many processes, sockets and customers; CROWD=
	$(BIN)/python -m tests.bench.scale --crowd $(CROWD) $(ARGS)

bench-web: install web ## Measure what the browser apps weigh, and how soon they serve
	$(BIN)/python -m tests.bench.web $(ARGS)

screenshots: install web $(if $(EXAMPLES),$(MODEL)) ## Take the pictures of docs/screens anew
	$(BIN)/python -m tests.screens

faults: install $(if $(EXAMPLES),$(MODEL)) ## Kill, stop and cut a whole installation (as root); FAULTS= MESSAGES= SECONDS=
	$(BIN)/python -m tests.faults --faults $(FAULTS) --messages $(MESSAGES) --seconds $(SECONDS) $(ARGS)

mutants: install ## Put small faults into channels and list those that no test notices; CHANNEL= SAMPLE=
	$(BIN)/python -m tests.mutation $(if $(CHANNEL),--channel $(CHANNEL)) --sample $(SAMPLE) $(ARGS)

docs: install ## Write docs/channels.md anew, of what the channels say of themselves
	$(BIN)/python -m bot.app.channel_docs

format: install ## Format, and mend what can be mended without thought
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

lock: install ## Resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra test --extra servers --extra vectors --extra speed --extra web --universal --upgrade \
		--generate-hashes --no-header --no-annotate --quiet -o requirements.lock

clean: ## Remove what these commands made; conversations in var/ stay
	rm -rf .venv dist web/node_modules bot/edge/static var/model var/.trained .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -not -path './.git/*' -exec rm -rf {} +

$(MODEL): $(EXAMPLES) $(READER) | .venv/.installed
	$(BIN)/samtal nlu train --data config/nlu --out var/model
	@touch $@

$(WEB): $(WEB_SOURCES) web/node_modules/.installed
	$(NPM) run build --silent
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json | .venv/.installed
	$(NPM) ci --silent
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# uv is four times as quick; pip does the same when uv cannot be had or finds no packages.
.venv/.locked: requirements.lock | .venv/bin/pip
	@echo "installing requirements.lock into .venv"
	@sed -n '/^uv==/,/[^\\]$$/p' $< | $(BIN)/pip install --quiet --no-deps --require-hashes \
		-r /dev/stdin || echo "no uv here: pip will do"
	@index=$$($(BIN)/pip config get global.index-url 2>/dev/null || true); \
	index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$index}}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; else unset UV_DEFAULT_INDEX; fi; \
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --require-hashes -r $< \
	|| $(BIN)/pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "Samtal needs Python 3.11, 3.12 or 3.13: install one," \
		"or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Samtal needs" \
		"Python 3.11 or newer; $(PYTHON) is not." >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual" \
		"environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
