#!/usr/bin/env bash
# What make test-kernel-6.12 runs while the machine whose folder is VM_FOLDER runs: test_kernel.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
tests=()
for name in adopt bind block boot bulk drift filtered images nested nfs overlay smb stacked; do
  tests+=("tests/integration/test_$name.py")
done
exec "$here/vm_pytest.sh" "$venv" "$tree" --quiet -rs --durations=10 "${tests[@]}"
