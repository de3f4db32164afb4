#!/usr/bin/env bash
# What make test-arm64 runs while the machine whose folder is VM_FOLDER runs: test_arm64.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
tests=(tests/unit/plugins/module_utils/_holdfast/kernel)
for name in acquire_release bind block filtered images overlay tmpfs; do
  tests+=("tests/integration/test_$name.py")
done
# What depends on the processor: the calls and structures of the kernel. Playbooks and shared mounts do not.
"$here/vm_pytest.sh" "$venv" "$tree" --quiet -rs --durations=10 "${tests[@]}" -k "not playbook and not shared"
# The promises in their smallest form, each still beside its control.
"$here/vm_pytest.sh" "$venv" "$tree" ATTACK_ROUNDS=60 TORTURE_KILLS=60 --quiet -rs tests/promises/test_attackers.py \
  tests/promises/test_crashes.py -k "private or refused"
