#!/usr/bin/env bash
# Print the path of a Python that ansible-core 2.18 and 2.19 run on (3.11 to 3.13), with venv and pip.
# PYTHON names the one to try first. Shims that only say that they have no such version are passed over.
set -euo pipefail

probe='
import ensurepip, os, sys, venv
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
'
for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
  if "$candidate" -c "$probe" 2>/dev/null </dev/null; then
    exit 0
  fi
done
echo "No Python 3.11, 3.12 or 3.13 with the modules venv and ensurepip was found." \
  "Install one (Debian: python3-venv), or name it: make PYTHON=/path/to/python" >&2
exit 1
