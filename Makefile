# Everything that people and CI do with this project. `make help` lists the targets.
#
# Every target sets up what it needs, once: .venv/.setup-<key> says that .venv is what requirements.lock and
# pyproject.toml ask for. An installation that was interrupted is begun again by the next call.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .uv/bin/uv
UV_STAMP := .uv/.setup-$(UV_VERSION)
ARGS ?=

STAMP := .venv/.setup-$(shell cat requirements.lock pyproject.toml | sha256sum | cut -c1-16)
REFERENCE_STAMP := .venv-reference/.setup-$(shell sha256sum < reference-requirements.txt | cut -c1-16)
LOADERS_STAMP := .venv-loaders/.setup-$(shell sha256sum < loaders-requirements.txt | cut -c1-16)
DEMO_STAMP := .venv-demo/.setup-$(shell sha256sum < demo/requirements.txt | cut -c1-16)
NODE_STAMP := .node-loaders/.setup-$(shell cat tests/loaders/package.json tests/loaders/package-lock.json | sha256sum | cut -c1-16)
# Without npm, what JavaScript loads is left out; the tests of it are then not asked for.
LOADERS := $(LOADERS_STAMP) $(if $(shell command -v npm),$(NODE_STAMP))

# Python is often there only under pyenv, whose shims fail while another version is selected.
WITH_PYENV = if command -v pyenv >/dev/null && version=$$(pyenv latest $(1) 2>/dev/null); then export PYENV_VERSION=$$version; fi

# Of two calls at once, the second waits, and then finds the work done.
ONE_AT_A_TIME = exec 9<Makefile; flock 9; if [ -e $(1) ]; then exit 0; fi

.PHONY: help setup run demo space test e2e lint images-check reference loaders parity bench notebooks docs lock clean

help: ## Lists the targets.
	@echo "make TARGET [ARGS=\"options that are passed on\"]"
	echo
	sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)$$/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target text; do
	  printf '  %-12s %s\n' "$$target" "$$text"
	done

setup: $(STAMP) ## Makes .venv with Python 3.10 and all that requirements.lock names (about 4 GB, a few minutes).

run: $(STAMP) ## Runs the pipeline: recorded speech in, a gated and released recogniser out.
	@.venv/bin/w2v2 run $(ARGS)

demo: $(DEMO_STAMP) ## Starts the demo, on this machine alone, over the newest released model; ARGS="--model DIR" over another.
	@.venv-demo/bin/python -m demo.serve $(ARGS)

space: $(DEMO_STAMP) ## Assembles the demo and the newest released model in dist/space, ready to push as a Hugging Face Space.
	@.venv-demo/bin/python -m demo.space $(ARGS)

test: $(STAMP) ## Runs the tests, but for the long end-to-end ones, two files at a time; ARGS="-n 0" one after another.
	@.venv/bin/pytest -n 2 --dist loadfile $(ARGS)

e2e: $(STAMP) $(LOADERS) $(DEMO_STAMP) ## Runs the long end-to-end tests, two files at a time; ARGS="--node=PATH" with those of JavaScript.
	@.venv/bin/pytest -n 2 --dist loadfile -m e2e --timeout 2700 $(ARGS)

lint: $(STAMP) ## Checks style, format, types, the direction of imports, and the Dockerfile.
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/pyright
	.venv/bin/lint-imports
	.venv/bin/hadolint images/Dockerfile

images-check: $(STAMP) ## Runs the Dockerfile's steps for all images in clean Debian roots, as root, and starts the images.
	@.venv/bin/python -m images.check $(ARGS)

reference: $(REFERENCE_STAMP) ## Makes .venv-reference: Python 3.11 with PyTorch, for reference values and comparisons.

loaders: $(LOADERS) ## Makes .venv-loaders and .node-loaders: optimum, onnx-asr, OpenVINO, transformers.js, to load releases.

parity: $(STAMP) $(REFERENCE_STAMP) ## Compares the model with PyTorch's, module by module.
	@.venv/bin/python tests/golden/parity.py --reference-python .venv-reference/bin/python $(ARGS)

bench: $(STAMP) $(REFERENCE_STAMP) $(DEMO_STAMP) ## Runs every benchmark; the last line of each is a JSON object of its claims. Fails if one does not hold.
	@shopt -s nullglob
	scripts=(benchmarks/[a-z]*.py)
	if [ $${#scripts[@]} -eq 0 ]; then echo "There are no benchmarks yet."; fi
	failed=0
	for script in "$${scripts[@]}"; do
	  echo "== $$script"
	  .venv/bin/python "$$script" $(ARGS) || failed=1
	done
	exit $$failed

notebooks: $(STAMP) ## Executes the notebooks, and keeps their outputs in them; ARGS=NAME for one.
	@.venv/bin/python notebooks/execute.py $(ARGS)

docs: $(STAMP) ## Builds the documentation into site/; a broken link is an error.
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet --site-dir site
	echo "The documentation is in site/index.html."

lock: | $(UV_STAMP) ## Writes requirements.lock from pyproject.toml; ARGS=--upgrade takes newer versions.
	@$(UV) pip compile pyproject.toml --constraint requirements.in --extra dev --python-version 3.10 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --quiet -o requirements.lock $(ARGS)
	echo "requirements.lock names $$(grep -cE '^[A-Za-z0-9_.-]+==' requirements.lock) packages."

clean: ## Removes environments, caches and the built documentation; keeps workspace/.
	@rm -rf .venv .venv-reference .venv-loaders .venv-demo .node-loaders .uv site build dist ./*.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	echo "Removed: .venv, .venv-reference, .venv-loaders, .venv-demo, .node-loaders, .uv, site, build, dist and caches. Kept: workspace/ with its runs and released models."

$(UV_STAMP):
	@$(call ONE_AT_A_TIME,$@)
	if ! command -v $(PYTHON) >/dev/null; then
	  echo "make setup needs python3 (3.8 or newer) with its venv module, and $(PYTHON) was not found; install it, or name one with PYTHON=." >&2
	  exit 1
	fi
	if ! $(PYTHON) -m venv --clear .uv; then
	  echo "make setup needs the venv module of $(PYTHON); on Debian and Ubuntu, install python3-venv." >&2
	  exit 1
	fi
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(STAMP): | $(UV_STAMP)
	@$(call ONE_AT_A_TIME,$@)
	if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null; then
	  echo "make setup needs a C++ compiler, because some packages have no binary; on Debian and Ubuntu, install build-essential." >&2
	  exit 1
	fi
	echo "Setting up .venv; this takes a few minutes, once."
	rm -f .venv/.setup-*
	if [ -e .venv/.incomplete ] || ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then
	  $(call WITH_PYENV,3.10)
	  $(UV) venv --quiet --clear --python 3.10 .venv
	fi
	touch .venv/.incomplete
	sync=($(UV) pip sync --python .venv --require-hashes --compile-bytecode requirements.lock)
	# A terminal shows how far it is; a log need not name three hundred packages.
	if [ -t 2 ]; then "$${sync[@]}"; else "$${sync[@]}" 2>&1 | sed '/^ [-+~] /d'; fi
	$(UV) pip install --python .venv --quiet --no-deps --no-build-isolation --editable .
	rm .venv/.incomplete
	touch $@

$(REFERENCE_STAMP): | $(UV_STAMP)
	@$(call ONE_AT_A_TIME,$@)
	echo "Setting up .venv-reference; this takes a few minutes, once."
	rm -f .venv-reference/.setup-*
	$(call WITH_PYENV,3.11)
	if ! .venv-reference/bin/python -m pip --version >/dev/null 2>&1; then
	  $(UV) venv --quiet --clear --seed --python 3.11 .venv-reference
	fi
	.venv-reference/bin/python -m pip install --quiet --disable-pip-version-check --requirement reference-requirements.txt
	touch $@

$(LOADERS_STAMP): | $(UV_STAMP)
	@$(call ONE_AT_A_TIME,$@)
	echo "Setting up .venv-loaders; this takes a minute or two, once."
	rm -f .venv-loaders/.setup-*
	$(call WITH_PYENV,3.11)
	if ! .venv-loaders/bin/python -m pip --version >/dev/null 2>&1; then
	  $(UV) venv --quiet --clear --seed --python 3.11 .venv-loaders
	fi
	.venv-loaders/bin/python -m pip install --quiet --disable-pip-version-check --requirement loaders-requirements.txt
	touch $@

$(DEMO_STAMP): | $(UV_STAMP)
	@$(call ONE_AT_A_TIME,$@)
	echo "Setting up .venv-demo; this takes half a minute, once."
	rm -f .venv-demo/.setup-*
	$(call WITH_PYENV,3.11)
	if ! .venv-demo/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
	  $(UV) venv --quiet --clear --python 3.11 .venv-demo
	fi
	$(UV) pip install --python ./.venv-demo --quiet --compile-bytecode --requirement demo/requirements.txt
	touch $@

$(NODE_STAMP):
	@mkdir -p .node-loaders
	$(call ONE_AT_A_TIME,$@)
	rm -f .node-loaders/.setup-*
	cp tests/loaders/package.json tests/loaders/package-lock.json tests/loaders/.npmrc .node-loaders/
	npm ci --prefix .node-loaders --silent
	touch $@
