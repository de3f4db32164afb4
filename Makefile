# make demo: see it work. make test, make test-vm: every check. make help: the rest.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?=
JOBS ?= 2
MINUTES ?= 30
ROUNDS ?= 7
LONG ?=
SEED ?=

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
TOOLS := $(ROOT)/tests/tools
TREE := $(ROOT)/build/ansible_collections/holdfast/mounts
DEV := $(ROOT)/.venv/dev
CORE_218 := $(ROOT)/.venv/core-2.18
DEMO := $(ROOT)/.venv/demo
DOCS := $(ROOT)/.venv/docs
IMPORTER := $(ROOT)/.venv/importer
FUZZ := $(ROOT)/.venv/fuzz
PEERS := $(ROOT)/.venv/peers
BENCH := $(ROOT)/.venv/bench
# What pip says while ansible-test installs its tools.
PIP_WORDS := ^(Collecting|Installing|Looking|Processing|Requirement|Successfully|Using cached|WARNING: Location|  )
# The virtual machine keeps one core busy, so it goes beside what is not about time.
WITH_VM ?=
STAGES := integration promises $(if $(WITH_VM),test-vm) sanity unit-2.19 molecule unit-2.18 types lint docs-lint docs \
  release-check cores

export ANSIBLE_COLLECTIONS_PATH := $(ROOT)/build
export ANSIBLE_PYTHON_INTERPRETER := $(DEV)/bin/python
export PYTHONDONTWRITEBYTECODE := 1
# The tools call each other by name, and mkfs and losetup live in sbin.
export PATH := $(DEV)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$(PATH)

.PHONY: help
help:
	@echo "make demo         three holders share an ext4 image, an overlay and a bind mount"
	@echo "make test         all below but bench, torture, fuzz, test-selinux and, without WITH_VM=1, test-vm;"
	@echo "                  $(JOBS) stages at a time (JOBS=n)"
	@echo "make unit         unit tests under ansible-core 2.18 and 2.19"
	@echo "make integration  playbooks against the real kernel, in private mount namespaces"
	@echo "make promises     attackers, kills and faults, each beside a naive way that breaks"
	@echo "make torture      random SIGKILL for MINUTES=n minutes (30)"
	@echo "make powercut     the power cut at every write of random courses, on ext4, xfs and btrfs, for MINUTES=n minutes (30)"
	@echo "make fuzz         grammar, table, ledger and notes fed by coverage, MINUTES=n minutes (30)"
	@echo "make molecule     the roles on this machine, and on three hosts over SSH"
	@echo "make lint         ruff, shellcheck, ansible-lint, the changelog"
	@echo "make types        mypy --strict"
	@echo "make sanity       ansible-test sanity"
	@echo "make docs-lint    antsibull-docs"
	@echo "make bench        how fast, beside its peers: ROUNDS=n (7); LONG=1 with a loop of 1,000 too"
	@echo "make test-vm      a virtual machine with NFS and SMB servers and an older kernel; builds it on first use"
	@echo "make test-selinux  a virtual machine that enforces Debian's SELinux policy; builds it on first use"
	@echo "make test-timer   sixteen jobs beside the timer of systemd in that machine, each second, for MINUTES=n minutes (30)"
	@echo "make test-old-kernel  the integration tests on Linux 6.1, which runs as a process; needs test-vm's image"
	@echo "make cores        unit tests under ansible-core 2.20 and 2.21, where Python 3.12 is found (SANITY=1: sanity too)"
	@echo "make docs         the documentation as a site, in build/docs/html"
	@echo "make docs-tables  the tables of error codes in docs, from errors.py"
	@echo "make release-check  a release in a copy, short of publishing it"
	@echo "make venv         only the virtual environments; make clean removes them and build/"

.PHONY: test
test: packages $(if $(WITH_VM),packages-vm) venv tree
	@$(TOOLS)/run_stages.sh $(JOBS) $(STAGES)

# Emulated, as no KVM is asked for. The image is kept outside of the checkout, see docs/testing.md.
VM = $(DEV)/bin/python $(TREE)/tests/vm/vm.py run $(ROOT)/build/vm -- $(TOOLS)
.PHONY: test-vm test-selinux test-old-kernel test-timer
test-vm: packages-vm $(DEV)/.ready tree
	@$(VM)/test_vm.sh $(DEV) $(TREE)
test-selinux: export VM_VARIANT := selinux
test-selinux: packages-vm $(DEV)/.ready tree
	@$(DEV)/bin/python $(TREE)/tests/vm/vm.py run $(ROOT)/build/vm-selinux -- $(TOOLS)/test_selinux.sh $(DEV) $(TREE)
test-timer: packages-vm $(DEV)/.ready tree
	@cd $(TREE) && TIMER_SECONDS=$$((60 * $(MINUTES))) ANSIBLE_PIPELINING=true $(DEV)/bin/python tests/vm/vm.py \
	  run $(ROOT)/build/vm -- $(DEV)/bin/python -m pytest tests/vm/test_unattended.py -k sixteen
	@cat $(ROOT)/build/vm/timer.json
TESTS ?= tests/integration/test_*.py
test-old-kernel: packages-vm $(DEV)/.ready tree
	@cd $(TREE) && $(TOOLS)/old_kernel.sh $(DEV) $(TREE) $(ROOT)/build/old-kernel $(JOBS) $(TESTS)

.PHONY: clean
clean:
	rm -rf $(ROOT)/.venv $(ROOT)/build

# --- What the stages stand on ---

.PHONY: packages packages-demo packages-vm
packages-vm:
	@PYTHON="$(PYTHON)" $(TOOLS)/install_packages.sh vm
packages:
	@PYTHON="$(PYTHON)" $(TOOLS)/install_packages.sh test
packages-demo:
	@PYTHON="$(PYTHON)" $(TOOLS)/install_packages.sh demo

.PHONY: venv
venv: $(DEV)/.ready $(CORE_218)/.ready $(DEMO)/.ready $(DOCS)/.ready $(IMPORTER)/.ready $(PEERS)/.ready

# Whoever looks at the demo gets none of the servers and browsers of the tests.
$(DEV)/.ready $(CORE_218)/.ready: | packages
$(ROOT)/.venv/%/.ready: $(ROOT)/tests/requirements/%.txt | packages-demo
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

.PHONY: promises torture powercut
promises: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/python -m pytest --numprocesses $(JOBS) tests/promises
torture: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/python tests/promises/programs/torture.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

powercut: $(DEV)/.ready tree
	cd $(TREE) && PYTHONPATH=$(TREE)/tests/integration:$(ROOT)/build \
	  $(DEV)/bin/python tests/promises/programs/power_cuts.py $(MINUTES) $(or $(SEED),0)

.PHONY: fuzz
fuzz: $(FUZZ)/.ready tree
	cd $(TREE) && $(FUZZ)/bin/python tests/promises/programs/long_fuzz.py --minutes $(MINUTES) --corpus $(ROOT)/build/fuzz

.PHONY: molecule
molecule: $(DEV)/.ready tree
	$(TOOLS)/molecule.sh $(DEV) $(TREE) default fleet report

.PHONY: bench
bench: $(BENCH)/.ready $(PEERS)/.ready tree
	cd $(TREE) && $(BENCH)/bin/python tests/benchmarks/bench.py --output $(ROOT)/build/bench --peers $(PEERS) \
	  --rounds $(ROUNDS) $(if $(LONG),--long)

.PHONY: lint lint-python lint-shell lint-ansible lint-changelog
lint: lint-python lint-shell lint-ansible lint-changelog
lint-python: $(DEV)/.ready tree
	cd $(TREE) && $(DEV)/bin/ruff check . && $(DEV)/bin/ruff format --check .
lint-shell: tree
	cd $(TREE) && if command -v shellcheck; then \
	  shellcheck .ci/run tests/fleet/*.sh tests/tools/*.sh tests/vm/recipe/*.sh; fi
lint-ansible: $(DEV)/.ready tree
	cd $(TREE) && ANSIBLE_HOME=$(ROOT)/build/home/.ansible $(DEV)/bin/ansible-lint --offline --strict --profile production
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

.PHONY: docs-tables
docs-tables: $(DEV)/.ready tree
	PYTHONPATH=$(ROOT)/build $(DEV)/bin/python $(TREE)/tests/tools/code_tables.py $(ROOT)

.PHONY: docs
docs: $(DOCS)/.ready tree
	$(TOOLS)/docs.sh $(DOCS) $(TREE) $(ROOT)/build/docs

.PHONY: release-check
release-check: $(DEV)/.ready $(IMPORTER)/.ready tree
	$(TOOLS)/release_check.sh $(DEV) $(IMPORTER) $(TREE) $(ROOT)/build/release

.PHONY: cores
cores: tree
	$(TOOLS)/other_cores.sh $(ROOT)/.venv $(TREE) 2.20 2.21
