#!/usr/bin/env bash
# Copy what git would ship to build/ansible_collections/holdfast/mounts, where Ansible's tools expect it.
# ansible-test accepts no symbolic link there. The copy is a git repository of its own, because the tools ask
# git for the list of files, and the checkout around it ignores build/.
set -euo pipefail

unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$root/build/ansible_collections/holdfast/mounts

rm -rf "$tree"
mkdir -p "$tree"
cd "$root"
git -c safe.directory="$root" ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do
    # Deleted in the work tree, but still in the index.
    if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
  done |
  tar --create --null --files-from=- | tar --extract --directory="$tree"
cd "$tree"
git -c init.defaultBranch=main init --quiet
git add --all
