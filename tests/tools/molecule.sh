#!/usr/bin/env bash
# Run molecule scenarios, each in a private mount namespace: molecule.sh VENV TREE SCENARIO...
# The scenario fleet gets its hosts around it. The scenario vm needs VM_FOLDER, the folder of a machine that runs.
set -euo pipefail

venv=$1
tree=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" -ne 0 ]; then
  echo "Skipped: the scenarios mount filesystems, which takes root"
  exit 0
fi
export PATH=$venv/bin:/usr/sbin:/sbin:$PATH
[ -t 1 ] || export ANSIBLE_NOCOLOR=1 NO_COLOR=1
cd "$tree/extensions"
for scenario in "$@"; do
  around=("$here/private_host.sh")
  [ "$scenario" != fleet ] || around+=("$venv/bin/python" "$here/../fleet/fleet.py" 3)
  "${around[@]}" "$venv/bin/molecule" --base-config molecule/config.yml test --scenario-name "$scenario" </dev/null
  echo "molecule: $scenario passed"
done
