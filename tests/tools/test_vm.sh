#!/usr/bin/env bash
# What make test-vm runs while the machine whose folder is VM_FOLDER runs: test_vm.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
# A module less to copy for each call: that counts under emulation.
export ANSIBLE_PIPELINING=true
stage() {
  local started=$SECONDS
  "$@"
  echo "--- $((SECONDS - started)) s: ${1##*/}"
}

stage "$here/molecule.sh" "$venv" "$tree" vm
cd "$tree"
stage "$venv/bin/python" -m pytest tests/vm
# The older kernel: every room against it, in part. make test-vm-integration runs all.
# The way from a call to the kernel, and what this kernel lacks: unique ids, lowerdir+, exclusive creation.
stage "$here/vm_pytest.sh" "$venv" "$tree" --quiet -k private tests/integration/test_adopt.py \
  tests/integration/test_vanished.py tests/integration/test_overlay.py
