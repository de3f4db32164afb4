# make demo: see it work. make test: every check. make help: the rest.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?=
JOBS ?= 2
MINUTES ?= 30
SEED ?=

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
TOOLS := $(ROOT)/tests/tools
TREE := $(ROOT)/build/ansible_collections/holdfast/mounts
DEV := $(ROOT)/.venv/dev
CORE_218 := $(ROOT)/.venv/core-2.18
DEMO := $(ROOT)/.venv/demo
PEERS := $(ROOT)/.venv/peers
FUZZ := $(ROOT)/.venv/fuzz
# What pip says while ansible-test installs its tools.
PIP_WORDS := ^(Collecting|Installing|Looking|Processing|Requirement|Successfully|Using cached|WARNING: Location|  )
STAGES := integration promises sanity unit-2.19 molecule unit-2.18 types lint docs-lint

export ANSIBLE_COLLECTIONS_PATH := $(ROOT)/build
export ANSIBLE_PYTHON_INTERPRETER := $(DEV)/bin/python
export PYTHONDONTWRITEBYTECODE := 1
# The tools call each other by name, and mkfs and losetup live in sbin.
export PATH := $(DEV)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$(PATH)

.PHONY: help
help:
	@echo "make demo         three holders share an ext4 image, an overlay and a bind mount"
	@echo "make test         everything below, $(JOBS) stages at a time (JOBS=n)"
	@echo "make unit         unit tests under ansible-core 2.18 and 2.19"
	@echo "make integration  playbooks against the real kernel, in private mount namespaces"
	@echo "make promises     attackers, kills and faults, each beside a naive way that breaks"
	@echo "make torture      random SIGKILL for MINUTES=n minutes (30)"
	@echo "make fuzz         grammar, table, ledger and notes fed by coverage, MINUTES=n minutes (30)"
	@echo "make molecule     a scenario per role"
	@echo "make lint         ruff, shellcheck, ansible-lint, the changelog"
	@echo "make types        mypy --strict"
	@echo "make sanity       ansible-test sanity"
	@echo "make docs-lint    antsibull-docs"
	@echo "make venv         only the virtual environments; make clean removes them and build/"

.PHONY: test
test: packages venv tree
	@$(TOOLS)/run_stages.sh $(JOBS) $(STAGES)

.PHONY: clean
clean:
	rm -rf $(ROOT)/.venv $(ROOT)/build

# --- What the stages stand on ---

.PHONY: packages
packages:
	@PYTHON="$(PYTHON)" $(TOOLS)/install_packages.sh test

.PHONY: venv
venv: $(DEV)/.ready $(CORE_218)/.ready $(DEMO)/.ready $(PEERS)/.ready

$(ROOT)/.venv/%/.ready: $(ROOT)/tests/requirements/%.txt | packages
	@echo "--- virtual environment $*"
	@rm -rf $(@D)
	@"$$(PYTHON="$(PYTHON)" $(TOOLS)/find_python.sh)" -m venv $(@D)
	@$(@D)/bin/python -m pip install --disable-pip-version-check --requirement $< </dev/null >$(@D)/pip.log 2>&1 \
	  || { cat $(@D)/pip.log; exit 1; }
	@touch $@

$(PEERS)/.ready: $(ROOT)/tests/requirements/peers.txt $(DEV)/.ready
	@echo "--- collections to compare with"
	@$(TOOLS)/fetch_peers.sh $(DEV)/bin/python $(@D)

.PHONY: tree
tree:
ifndef TREE_IS_READY
	@$(TOOLS)/make_tree.sh
endif

# --- The stages ---

.PHONY: demo
demo: $(DEMO)/.ready tree
	@$(TOOLS)/demo.sh $(DEMO)

.PHONY: unit unit-2.18 unit-2.19
unit: unit-2.18 unit-2.19
unit-2.18: $(CORE_218)/.ready tree
	cd $(TREE) && $(CORE_218)/bin/python -m pytest tests/unit
unit-2.19: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/python -m pytest tests/unit

.PHONY: integration
integration: $(DEV)/.ready $(PEERS)/.ready tree
	cd $(TREE) && $(DEV)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile tests/integration

.PHONY: promises torture
promises: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/python -m pytest --numprocesses $(JOBS) tests/promises
torture: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/python tests/promises/programs/torture.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: $(FUZZ)/.ready tree
	cd $(TREE) && $(FUZZ)/bin/python tests/promises/programs/long_fuzz.py --minutes $(MINUTES) --corpus $(ROOT)/build/fuzz

.PHONY: molecule
molecule: $(DEV)/.ready tree
	$(TOOLS)/molecule.sh $(DEV) $(TREE) acquire release

.PHONY: lint lint-python lint-shell lint-ansible lint-changelog
lint: lint-python lint-shell lint-ansible lint-changelog
lint-python: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/ruff check . && $(DEV)/bin/ruff format --check .
lint-shell: tree
	cd $(TREE) && if command -v shellcheck; then shellcheck .ci/run tests/tools/*.sh; fi
lint-ansible: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/ansible-lint --offline --strict --profile production
lint-changelog: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/antsibull-changelog lint

.PHONY: types
types: $(DEV)/.ready tree
	cd $(ROOT)/build && $(DEV)/bin/mypy --config-file $(TREE)/pyproject.toml --cache-dir $(ROOT)/.cache/mypy \
	  ansible_collections/holdfast/mounts/plugins ansible_collections/holdfast/mounts/tests

.PHONY: sanity
sanity: $(DEV)/.ready tree
	$(TOOLS)/prepare_ansible_test.sh $(ROOT)/build/home $(DEV)/bin/python
	@test ! -e $(TREE)/tests/sanity || { echo "tests/sanity holds ignore entries: mend the code"; exit 1; }
	cd $(TREE) && HOME=$(ROOT)/build/home $(DEV)/bin/ansible-test sanity --local --color no \
	  --python "$$($(DEV)/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" 2>&1 | grep -vE '$(PIP_WORDS)'

.PHONY: docs-lint
docs-lint: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .
