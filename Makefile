# Needs Python 3.11 or newer and make; everything else comes into .venv, .wheelhouse and .cache.
DEPLOYMENT ?= deployments/example.toml
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
CDK_FLAGS ?=
LAMBDA_PYTHON := 3.14

BIN := $(CURDIR)/.venv/bin
VENV := .venv/.complete
LOCAL := .venv/.local
WHEELS := .wheelhouse/.complete
ENGINE := .cache/acceptance/.complete
CDK := .cache/cdk/node_modules/aws-cdk/bin/cdk
WITH_NODE := PATH="$(BIN):$$PATH"
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# The tests start hundreds of short processes. Their bytecode is kept, also where the environment says otherwise.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/pycache
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup runtime-python demo bench chaos kills test test-page acceptance check fix synth deploy diff destroy first-deployment-check bootstrap provider lock clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 - \2/p' $(MAKEFILE_LIST)

setup: $(VENV) $(WHEELS) ## install everything into .venv and .wheelhouse (the other targets do it by themselves)

# Lambda cannot keep what Python compiles, and only the runtime's own Python can do it beforehand.
runtime-python: $(VENV) ## fetch the functions' Python, so that a deploy ships byte code and cold starts take half as long
	$(BIN)/uv python install -q --no-bin --install-dir .cache/python $(LAMBDA_PYTHON)

demo: $(LOCAL) ## archive from simulated providers into ./demo; nothing leaves this machine
	@$(BIN)/recordings demo

test: $(VENV) $(WHEELS) ## run all tests; no network, no AWS account
	$(BIN)/python -m pytest -q -n 2

test-page: $(VENV) ## test the page in a real headless Chromium; PICTURES=folder keeps screenshots
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		{ echo "make test-page needs a Chromium: apt-get install chromium" >&2; exit 2; }
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-page.txt
	$(BIN)/mypy tests/browser/*.py
	$(BIN)/python -m pytest -q tests/browser $(if $(PICTURES),--pictures $(PICTURES))

check: $(VENV) $(WHEELS) ## format, lint, types, import rules and a synth with its checks; edits nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory synth
	$(BIN)/cfn-lint cdk.out/*.template.json

acceptance: $(VENV) $(WHEELS) $(CDK) $(ENGINE) ## deploy to an independent engine on this machine and check that it archives (minutes)
	@$(BIN)/python -m tests.acceptance $(STEPS)

chaos: $(VENV) ## run SEEDS=n whole archives through every fault; FIRST=seed and ENGINES=folder repeat one
	@$(BIN)/python -m tests.property.chaos $(or $(SEEDS),20) --first $(or $(FIRST),0) \
		$(if $(ENGINES),--engines $(ENGINES))

kills: $(VENV) ## kill KILLS=n local runs on one folder at random moments (SEED=n), let one end, and look for losses
	@$(BIN)/python -m tests.harness.kills --kills $(or $(KILLS),30) --seed $(or $(SEED),1)

bench: $(VENV) $(WHEELS) ## measure everything (half an hour) and write docs/benchmarks.md and docs/costs.md; PARTS=... for some
	$(BIN)/python -m benchmarks $(PARTS)

fix: $(VENV) ## let ruff format and repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m ops docs

synth: $(VENV) $(WHEELS) ## write the templates of DEPLOYMENT=file into cdk.out; no network, no credentials
	$(BIN)/python app.py $(DEPLOYMENT)

# Eight stacks at once, and so without a question: the CDK can only ask while it deploys one by one. `make diff` shows
# beforehand what would change. Neither goes on where bucket, table, API or a queue would be replaced.
deploy: $(CDK) synth ## deploy DEPLOYMENT=file into the AWS account of your credentials; CDK_FLAGS=... go to the CDK
	@$(if $(REPLACE),,$(WITH_NODE) $(BIN)/python -m infra.lasting --quietly $(CDK) $(CDK_FLAGS))
	$(WITH_NODE) $(CDK) deploy --app cdk.out --all --concurrency 8 --require-approval never $(CDK_FLAGS)

diff: $(CDK) synth ## show what a deploy of DEPLOYMENT=file would change
	@$(WITH_NODE) $(BIN)/python -m infra.lasting $(CDK) $(CDK_FLAGS)

destroy: $(CDK) synth ## remove the stacks of DEPLOYMENT=file; bucket and table stay; without a terminal CDK_FLAGS=--force
	$(WITH_NODE) $(CDK) destroy --app cdk.out --all $(CDK_FLAGS)

first-deployment-check: $(VENV) ## check on the deployed DEPLOYMENT=file what only a real account can show; once is enough
	@$(BIN)/python -m ops.first_deployment $(DEPLOYMENT)

bootstrap: $(CDK) synth ## prepare an AWS account and region for the CDK, once
	$(WITH_NODE) $(CDK) bootstrap --app cdk.out $(CDK_FLAGS)

provider: $(VENV) ## write a provider and its fixture to start from, with name=NAME
	$(BIN)/python -m ops new-provider "$(name)"

lock: $(VENV) ## compile the .in files into pinned requirements with hashes
	$(COMPILE) functions/requirements.in -o functions/requirements.txt
	$(COMPILE) requirements-local.in -o requirements-local.txt
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) requirements-setup.in -o requirements-setup.txt
	$(COMPILE) requirements-page.in -o requirements-page.txt
	$(COMPILE) requirements-acceptance.in -o requirements-acceptance.txt
	$(WITH_NODE) npm install --prefix infra/cdk_cli --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove everything that make created, except the recordings of a demo
	rm -rf .venv .wheelhouse .cache cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# pip is the way out where uv cannot use the index that pip is configured for.
$(VENV): requirements-dev.txt
	$(call install,$<)
	@touch $@ $(LOCAL)

# What a local run and the page need: no CDK, no Node, no test tools. `make setup` adds the rest.
$(LOCAL): requirements-local.txt
	@echo "Setting up .venv with what a local run needs (half a minute, once)."
	$(call install,$<)
	@touch $@

define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-setup.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r $(1) \
		|| $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(1)
	$(BIN)/uv pip install -q --python $(BIN)/python --offline --no-index --no-deps --no-build-isolation -e .
endef

# The functions run on arm64: their wheels are fetched here once, so that a synth needs neither network nor Docker.
$(WHEELS): functions/requirements.txt $(VENV)
	rm -rf .wheelhouse
	$(BIN)/python -m pip download -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
		--implementation cp --python-version $(LAMBDA_PYTHON) \
		--platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 -d .wheelhouse -r $<
	@touch $@

$(CDK): infra/cdk_cli/package-lock.json $(VENV)
	mkdir -p .cache/cdk
	cp infra/cdk_cli/package.json infra/cdk_cli/package-lock.json .cache/cdk
	$(WITH_NODE) npm ci --prefix .cache/cdk --no-audit --no-fund --silent
	@touch $@

# An environment of its own, because the engine pins another botocore than what ships.
$(ENGINE): requirements-acceptance.txt $(VENV)
	$(PYTHON) -m venv .cache/acceptance
	$(BIN)/uv pip install -q --python .cache/acceptance/bin/python --require-hashes -r $< \
		|| .cache/acceptance/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@
