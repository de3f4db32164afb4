#!/usr/bin/env bash
# What make test-selinux runs while the machine whose folder is VM_FOLDER runs: test_selinux.sh VENV TREE
set -euo pipefail

cd "$2"
exec "$1/bin/python" -m pytest --durations=5 tests/vm/test_selinux.py
