#!/usr/bin/env bash
# In a guest, run pytest on the collection: in_guest.sh FOLDER [NAME=VALUE...] PYTEST_ARGUMENT...
# FOLDER has packages.tar and tree.tar, see guest_kit.sh.
set -euo pipefail

folder=$1
shift
settings=()
while [[ ${1:-} =~ ^[A-Z_]+= ]]; do
  settings+=("$1")
  shift
done
rm -rf /opt/tests /opt/build
# A virtual environment made by hand, as the guest has no pip.
python3 -m venv --without-pip /opt/tests
tar --extract --directory /opt/tests/lib/python3.11/site-packages --file "$folder/packages.tar"
mv /opt/tests/lib/python3.11/site-packages/bin/* /opt/tests/bin/
sed -i "1s,^#!.*python.*,#!/opt/tests/bin/python," /opt/tests/bin/ansible* /opt/tests/bin/pytest
mkdir /opt/build
tar --extract --directory /opt/build --file "$folder/tree.tar"
# Debian has them as modules, which the kernel loads by itself; the tests ask /proc/filesystems what there is.
for module in 9p btrfs ceph cifs erofs exfat f2fs fuse isofs loop nfs ntfs3 overlay squashfs udf vfat virtiofs xfs; do
  modprobe --quiet "$module" || true
done
cd /opt/build/ansible_collections/holdfast/mounts
# What is emulated may take longer than the tests wait elsewhere.
exec env ANSIBLE_COLLECTIONS_PATH=/opt/build HARNESS_FOREVER=3000 "${settings[@]}" \
  /opt/tests/bin/python -m pytest -p no:cacheprovider "$@"
