#!/usr/bin/env bash
# Do all of a release in a copy, short of publishing it: release_check.sh VENV TREE WORK
# The changelog is released, the collection is built, installed into an empty place by its tarball, verified, and run from
# there. What Galaxy says of it is the session build-import-check.
set -euo pipefail

venv=$1
tree=$2
work=$3
here=$(cd "$(dirname "$0")" && pwd)
version=$("$venv/bin/python" -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["version"])' "$tree/galaxy.yml")
tarball=$work/dist/holdfast-mounts-$version.tar.gz
copy=$work/source/ansible_collections/holdfast/mounts
export LC_ALL=C.UTF-8 ANSIBLE_HOME=$work/home PATH=$venv/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() { echo "--- $*"; }

rm -rf "$work"
mkdir -p "$copy" "$work/dist" "$work/place"
cp -R "$tree/." "$copy"
cd "$copy"

say "Release the changelog of $version"
ANSIBLE_COLLECTIONS_PATH=$work/source antsibull-changelog release --version "$version" --date 2026-01-01
antsibull-changelog lint
test -s CHANGELOG.md && test -z "$(ls changelogs/fragments)"
# Each module, plugin, role and playbook must be told as new.
names=$(find plugins/modules plugins/lookup plugins/filter playbooks -maxdepth 1 -name '[a-z]*.*' -type f -printf '%f\n' |
  sed 's|\.[a-z]*$||')
roles=$(find roles -mindepth 1 -maxdepth 1 -printf '%f\n')
# The Markdown writer puts a backslash before every dot and underscore.
sed 's|[\]||g' CHANGELOG.md >"$work/changelog.txt"
for name in $names $roles; do
  grep -q "^. holdfast.mounts.$name " "$work/changelog.txt" || { echo "CHANGELOG.md does not tell of $name"; exit 1; }
done

say "Build the collection"
ansible-galaxy collection build --output-path "$work/dist"
unwanted=$(tar --list --file "$tarball" | grep -E '(^|/)(\.git|\.venv|\.cache|__pycache__|build|dist)(/|$)' || true)
test -z "$unwanted" || { echo "In the tarball, and not wanted: $unwanted"; exit 1; }

say "Install it into an empty place and run it from there"
export ANSIBLE_COLLECTIONS_PATH=$work/place
ansible-galaxy collection install --offline --collections-path "$work/place" "$tarball"
ansible-galaxy collection verify --offline holdfast.mounts
cd /
for name in safe_mount safe_mount_facts; do ansible-doc "holdfast.mounts.$name" >"$work/$name.txt"; done
test "$(id -u)" -eq 0 || { echo "Not run: mounting takes root"; exit 0; }
ANSIBLE_PYTHON_INTERPRETER=$venv/bin/python ANSIBLE_LOCALHOST_WARNING=false "$here/private_host.sh" \
  bash -euc '
    ansible localhost -i localhost, -c local -m holdfast.mounts.safe_mount -a "path=/mnt/x src=tmpfs fstype=tmpfs"
    mkdir /mnt/www
    ansible-playbook holdfast.mounts.report -i localhost, -c local -e report_folder=/mnt/www -e report_html=mounts.html
    test -s /mnt/www/mounts.html
    ansible localhost -i localhost, -c local -m holdfast.mounts.safe_mount -a "path=/mnt/x state=released"
  ' >"$work/run.log" 2>&1 || { cat "$work/run.log"; exit 1; }
if grep -E 'WARNING' "$work/run.log"; then exit 1; fi
say "Nothing is published. To release $version: do the same in the checkout, commit, tag, publish $tarball"
