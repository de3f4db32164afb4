#!/usr/bin/env bash
# What make test-arm64 runs while the machine whose folder is VM_FOLDER runs: test_arm64.sh VENV TREE
set -euo pipefail

venv=$1
tree=$2
here=$(cd "$(dirname "$0")" && pwd)
tests=()
for name in attach create layouts superblocks walk; do
  tests+=("tests/unit/plugins/module_utils/_holdfast/kernel/test_$name.py")
done
for name in acquire_release bind block filtered images overlay tmpfs; do
  tests+=("tests/integration/test_$name.py")
done
tests+=(tests/promises/test_attackers.py tests/promises/test_crashes.py)
# What depends on the processor: the kernel's calls, their structures and numbers. The rest is the same everywhere.
held="comes_and_goes or two_holders or options_are_in_force or equal_spellings or shows_its_files or changes_its_flags"
held+=" or makes_and_removes or in_order or with_an_upper or between_read_only"
words="kernel or filtered or swapped or refused_where or at_random"
# The promises in their smallest form, each still beside its control.
"$here/vm_pytest.sh" "$venv" "$tree" ATTACK_ROUNDS=20 TORTURE_KILLS=20 --quiet -rs --durations=10 "${tests[@]}" \
  -k "not playbook and not shared and ($held or $words)"
