#!/usr/bin/env bash
# Give ansible-test a home of its own and the pip bootstrap script that it would download on first use:
#   prepare_ansible_test.sh HOME PYTHON
# The stand-in installs the same version of pip from a wheel that pip itself has fetched.
set -euo pipefail

home=$1
python=$2
cache=$home/.ansible/test/cache
mkdir -p "$cache"

# ansible-test passes no PIP_ variable on; a user's pip.conf is found by HOME.
for place in .pip .config/pip; do
  if [ -d "${HOME:-/root}/$place" ] && [ ! -e "$home/$place" ]; then
    mkdir -p "$(dirname "$home/$place")"
    ln -s "${HOME:-/root}/$place" "$home/$place"
  fi
done

version=$("$python" -c '
from ansible_test._internal import python_requirements as r
import types
print(r.get_venv_packages(types.SimpleNamespace(version="3"))["pip"])')
script=$cache/get_pip_${version//./_}.py
[ -s "$script" ] && exit 0
"$python" -m pip download --quiet --no-deps --dest "$cache" "pip==$version" </dev/null
cat >"$script" <<PYTHON
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-$version-py3-none-any.whl"))
unknown = ("--no-setuptools", "--no-wheel")
sys.argv[1:] = ["install", "--upgrade"] + [word for word in sys.argv[1:] if word not in unknown]
from pip._internal.cli.main import main

sys.exit(main())
PYTHON
