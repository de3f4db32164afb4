#!/usr/bin/env bash
# Run the playbook holdfast.mounts.demo on this machine without leaving a trace: demo.sh VENV
# ANSIBLE_COLLECTIONS_PATH says where the collection is.
set -euo pipefail

venv=$1
here=$(cd "$(dirname "$0")" && pwd)
export ANSIBLE_CALLBACK_RESULT_FORMAT=yaml
export ANSIBLE_DEPRECATION_WARNINGS=false
export ANSIBLE_DISPLAY_SKIPPED_HOSTS=false
export ANSIBLE_LOCALHOST_WARNING=false
export ANSIBLE_PYTHON_INTERPRETER=$venv/bin/python
export LC_ALL=C.UTF-8
export PATH=$venv/bin:/usr/sbin:/sbin:$PATH
exec "$here/private_host.sh" "$venv/bin/ansible-playbook" holdfast.mounts.demo \
  --inventory localhost, --connection local </dev/null
