#!/usr/bin/env bash
# What make test-kernel-6.12 runs while the machine whose folder is VM_FOLDER runs: test_kernel.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
guest() { "$venv/bin/python" "$tree/tests/vm/vm.py" ssh "$VM_FOLDER" "$1"; }

guest 'bash -s' <"$here/ceph_cluster.sh"
tests=()
for name in shares overlay images bind nested stacked drift adopt boot bulk nfs smb block filtered; do
  tests+=("tests/integration/test_$name.py")
done
# Playbooks, and shared mounts, do the same with the kernel: they would take twice as long.
exec "$here/vm_pytest.sh" "$venv" "$tree" --quiet -rs --durations=10 tests/promises/test_every_option.py "${tests[@]}" \
  -k "not shared and not playbook"
