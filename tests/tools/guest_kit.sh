#!/usr/bin/env bash
# Put together what runs pytest in a guest, which has no way to an index of packages: guest_kit.sh VENV TREE MACHINE
# MACHINE is what uname -m says there. Prints the folder of the packages. It is kept outside of the checkout.
set -euo pipefail

venv=$1
requirements=$2/tests/requirements/vm.txt
machine=$3
kits=${XDG_CACHE_HOME:-$HOME/.cache}/holdfast-mounts
kit=$kits/kit-$machine-$(cat "$requirements" "$0" | sha256sum | cut -c1-16)
if [ ! -d "$kit" ]; then
  mkdir -p "$kits"
  made=$(mktemp --directory "$kits/kit-XXXXXX.part")
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --target "$made" --no-compile \
    --python-version 3.11 --implementation cp --platform "manylinux2014_$machine" --platform "manylinux_2_28_$machine" \
    --only-binary :all: --requirement "$requirements" </dev/null >&2
  # Under emulation Ansible compiles itself for half a minute. Another Python than the guest's has no say there.
  "$venv/bin/python" -m compileall -qq -s "$made" -p /opt/tests/lib/python3.11/site-packages \
    --invalidation-mode unchecked-hash "$made" >&2 || true
  mv --no-target-directory "$made" "$kit" || [ -d "$kit" ] # somebody else's was faster
fi
echo "$kit"
