#!/usr/bin/env bash
# Install the Debian packages whose commands are missing: install_packages.sh demo|test
# Without root or apt-get it says what is missing and goes on: tests that need it skip with a reason.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
here=$(dirname "$0")
wanted=(mkfs.ext4:e2fsprogs losetup:mount unshare:util-linux)
if [ "${1:-test}" = test ]; then
  wanted+=(
    genisoimage:genisoimage
    mkfs.btrfs:btrfs-progs
    mkfs.erofs:erofs-utils
    mkfs.vfat:dosfstools
    mkfs.xfs:xfsprogs
    mksquashfs:squashfs-tools
    shellcheck:shellcheck
    sshd:openssh-server
    sshfs:sshfs
  )
fi

missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
"$here/find_python.sh" >/dev/null 2>&1 || missing+=(python3-venv)
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing, and left so: ${missing[*]}"
  exit 0
fi

echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install --yes --quiet --no-install-recommends "${missing[@]}")
if ! "${install[@]}" >/dev/null 2>&1 </dev/null; then
  apt-get update --quiet </dev/null
  "${install[@]}" </dev/null
fi
