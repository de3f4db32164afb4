#!/usr/bin/env bash
# Fetch the collection ansible.posix, which some tests compare this one with: fetch_peers.sh PYTHON FOLDER
# The package that has it holds a hundred collections more, 477 MB, so only this one is unpacked.
set -euo pipefail
python=$1
folder=$2
requirements=$(dirname "$0")/../requirements/peers.txt
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --dest "$scratch" --requirement "$requirements"
rm -rf "$folder"
mkdir -p "$folder"
"$python" - "$scratch"/*.whl "$folder" <<'PYTHON'
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [name for name in wheel.namelist() if name.startswith("ansible_collections/ansible/posix/")]
    wheel.extractall(sys.argv[2], names)
PYTHON
touch "$folder/.ready"
