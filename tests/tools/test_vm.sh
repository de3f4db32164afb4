#!/usr/bin/env bash
# What nox -s vm runs while the machine whose folder is VM_FOLDER runs: test_vm.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
# Fewer round trips for each call: they count under emulation.
export ANSIBLE_PIPELINING=true
stage() {
  local started=$SECONDS
  "$@"
  echo "--- $((SECONDS - started)) s: ${1##*/}"
}

stage "$here/molecule.sh" "$venv" "$tree" vm
cd "$tree"
stage "$venv/bin/python" -m pytest tests/vm --ignore tests/vm/test_unattended.py --ignore tests/vm/test_reboots.py
# In the machine itself: what needs its servers, and what the older kernel does otherwise, which has no unique ids and
# takes no layers one by one. nox -s old-kernel runs everything on that kernel.
stage "$here/vm_pytest.sh" "$venv" "$tree" --quiet --durations=10 tests/integration/test_nfs.py tests/integration/test_smb.py \
  tests/integration/test_vanished.py tests/integration/test_adopt.py -k "not shared and not playbook"
# Every block type that the machine on which the tests run may lack.
stage "$here/vm_pytest.sh" "$venv" "$tree" --quiet -rs tests/integration/test_images.py -k "comes_and_goes and private"
# Last, as whatever ran before ends with the boot.
stage "$venv/bin/python" -m pytest tests/vm/test_unattended.py tests/vm/test_reboots.py
