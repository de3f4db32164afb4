#!/usr/bin/env bash
# Run pytest in the virtual machine whose folder is VM_FOLDER, on the collection as it is in TREE:
#   vm_pytest.sh VENV TREE PYTEST_ARGUMENT...
set -euo pipefail

venv=$1
tree=$2
shift 2
requirements=$tree/tests/requirements/vm.txt
kits=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-mounts
kit=$kits/kit-$(cat "$requirements" "$0" | sha256sum | cut -c1-16)
guest() { "$venv/bin/python" "$tree/tests/vm/vm.py" ssh "$VM_FOLDER" "$1"; }

if [ ! -d "$kit" ]; then
  mkdir -p "$kits"
  made=$(mktemp --directory "$kits/kit-XXXXXX.part")
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --target "$made" --no-compile \
    --python-version 3.11 --implementation cp --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
    --only-binary :all: --requirement "$requirements" </dev/null
  # Under emulation Ansible compiles itself for half a minute. Another Python than the machine's has no say there.
  "$venv/bin/python" -m compileall -qq -s "$made" -p /opt/tests/lib/python3.11/site-packages \
    --invalidation-mode unchecked-hash "$made" || true
  mv --no-target-directory "$made" "$kit" || [ -d "$kit" ]  # another machine's test was faster
fi
# A virtual environment made by hand: the machine has no pip and no way to an index.
tar --directory "$kit" --exclude ansible_test --create . | guest '
  set -e
  rm -rf /opt/tests /opt/build
  python3 -m venv --without-pip /opt/tests
  tar --extract --directory /opt/tests/lib/python3.11/site-packages
  cd /opt/tests
  mv lib/python3.11/site-packages/bin/* bin/
  sed -i "1s,^#!.*python.*,#!/opt/tests/bin/python," bin/ansible* bin/pytest'
tar --directory "$tree/../../.." --exclude .git --create ansible_collections/holdfast/mounts |
  guest 'mkdir /opt/build && tar --extract --directory /opt/build'
# Debian has them as modules, which the kernel loads by itself; the tests ask /proc/filesystems what there is.
guest 'modprobe --all btrfs erofs exfat isofs overlay squashfs udf vfat xfs' </dev/null
arguments=$(printf '%q ' "$@")
guest "cd /opt/build/ansible_collections/holdfast/mounts &&
  ANSIBLE_COLLECTIONS_PATH=/opt/build HARNESS_FOREVER=3000 /opt/tests/bin/python -m pytest -p no:cacheprovider $arguments" </dev/null
