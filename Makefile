# make demo: see it work. make quick: a first answer. make test: every check. The rest are sessions of nox: make sessions.

SHELL := /bin/bash
PYTHON ?=
JOBS ?= 2
# With WITH_VM=1 the virtual machine too, which keeps one core busy for most of the time.
WITH_VM ?=

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PACKAGES := PYTHON="$(PYTHON)" $(ROOT)/tests/tools/install_packages.sh
NOX := $(ROOT)/.venv/nox/bin/nox
RUN := $(NOX) --noxfile $(ROOT)/noxfile.py

MACHINES := test-arm64 test-kernel-6.12 test-old-kernel test-selinux test-timer test-vm

.PHONY: help demo quick test sessions bench fuzz powercut torture $(MACHINES) tree clean
help:
	@echo "make demo      three holders share an ext4 image, an overlay and a bind mount"
	@echo "make quick     ruff, mypy and the unit tests, shortened: a first answer while writing"
	@echo "make test      every check but those of virtual machines, JOBS=n of them at a time ($(JOBS)); WITH_VM=1: those too"
	@echo "make sessions  the checks by name, all of which nox runs"
	@echo "make torture   SIGKILL at random, for MINUTES=n (30); powercut and fuzz likewise; bench: how fast, ROUNDS=n (7)"
	@echo "make test-vm   in virtual machines: test-vm, test-selinux, test-kernel-6.12, test-old-kernel, test-arm64,"
	@echo "               and sixteen jobs beside the timer for MINUTES=n: test-timer"
	@echo "make tree      the copy of the collection that is tested, in build/"
	@echo "make clean     removes .venv/ and build/, which is all that these make"

demo: packages-demo $(NOX)
	@$(RUN) --session demo

quick: $(NOX)
	@$(RUN) --session quick

test: packages-test $(if $(WITH_VM),packages-vm) $(NOX)
	@$(RUN) --parallel $(JOBS) --session $(if $(WITH_VM),test-all,test)

sessions: $(NOX)
	@$(RUN) --list

# What takes long, and is called with a length: variables reach the session by the environment.
bench fuzz powercut torture test-timer: export MINUTES ?= 30
bench fuzz powercut torture: $(NOX)
	@$(RUN) --session $@

$(MACHINES): test-%: $(NOX)
	@$(PACKAGES) $(if $(filter arm64,$*),arm64,vm)
	@$(RUN) --session $*

tree: $(NOX)
	@$(RUN) --session tree

clean:
	rm -rf $(ROOT)/.venv $(ROOT)/build $(ROOT)/.cache

.PHONY: packages-demo packages-test packages-vm
packages-demo packages-test packages-vm: packages-%:
	@$(PACKAGES) $*

$(NOX): $(ROOT)/tests/requirements/nox.txt
	@echo "--- nox, in .venv/nox"
	@rm -rf $(ROOT)/.venv/nox
	@"$$(PYTHON="$(PYTHON)" $(ROOT)/tests/tools/find_python.sh)" -m venv $(ROOT)/.venv/nox
	@$(ROOT)/.venv/nox/bin/python -m pip install --quiet --disable-pip-version-check --requirement $< </dev/null
	@touch $@
