#!/usr/bin/env bash
# Run the unit tests, or with SANITY=1 ansible-test sanity too, under the versions of ansible-core that need a newer Python
# than the other stages:
#   other_cores.sh VENVS TREE VERSION...
# Without Python 3.12 or newer a version is skipped, and said to be.
set -euo pipefail

venvs=$1
tree=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)

find_python() {
  local candidate
  for candidate in "${PYENV_ROOT:-/nonexistent}"/versions/3.1[34].*/bin/python \
    "${PYENV_ROOT:-/nonexistent}"/versions/3.12.*/bin/python python3.14 python3.13 python3.12 python3; do
    # Shims that only say that they have no such version are passed over.
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null </dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

for version in "$@"; do
  if ! python=$(find_python); then
    echo "Skipped: ansible-core $version needs Python 3.12 or newer, and there is none"
    continue
  fi
  venv=$venvs/core-$version
  if [ ! -e "$venv/.ready" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$version.*" \
      --requirement "$here/../requirements/other-cores.txt" </dev/null
    touch "$venv/.ready"
  fi
  echo "--- ansible-core $version on $("$venv/bin/python" --version)"
  cd "$tree"
  PATH=$venv/bin:$PATH "$venv/bin/python" -m pytest tests/unit
  if [ -n "${SANITY:-}" ]; then
    home=$venvs/home-$version
    "$here/prepare_ansible_test.sh" "$home" "$venv/bin/python"
    HOME=$home PATH=$venv/bin:$PATH "$venv/bin/ansible-test" sanity --local --color no \
      --python "$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  fi
done
