#!/usr/bin/env bash
# Run pytest in the virtual machine whose folder is VM_FOLDER, on the collection as it is in TREE:
#   vm_pytest.sh VENV TREE [NAME=VALUE...] PYTEST_ARGUMENT...
set -euo pipefail

venv=$1
tree=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
guest() { "$venv/bin/python" "$tree/tests/vm/vm.py" ssh "$VM_FOLDER" "$1"; }

kit=$("$here/guest_kit.sh" "$venv" "$tree" "$(guest 'uname -m' </dev/null)")
guest 'mkdir --parents /opt/given' </dev/null
tar --directory "$kit" --exclude ansible_test --create . | guest 'cat >/opt/given/packages.tar'
tar --directory "$tree/../../.." --exclude .git --create ansible_collections/holdfast/mounts |
  guest 'cat >/opt/given/tree.tar'
arguments=$(printf '%q ' "$@")
guest "bash -s /opt/given $arguments" <"$here/in_guest.sh"
