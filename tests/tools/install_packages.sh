#!/usr/bin/env bash
# Install the Debian packages whose commands are missing: install_packages.sh demo|test|vm|arm64
# Without root or apt-get it says what is missing and goes on: tests that need it skip with a reason.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
here=$(dirname "$0")
wanted=(mkfs.ext4:e2fsprogs losetup:mount unshare:util-linux)
case ${1:-test} in
test)
  wanted+=(
    chromium:chromium
    genisoimage:genisoimage
    ip:iproute2
    mkfs.btrfs:btrfs-progs
    mkfs.erofs:erofs-utils
    mkfs.vfat:dosfstools
    mkfs.xfs:xfsprogs
    mksquashfs:squashfs-tools
    shellcheck:shellcheck
    ssh:openssh-client
    sshd:openssh-server
    sshfs:sshfs
  )
  ;;
vm)
  wanted+=(
    linux.uml:user-mode-linux
    mmdebstrap:mmdebstrap
    qemu-img:qemu-utils
    qemu-system-x86_64:qemu-system-x86
    ssh:openssh-client
  )
  ;;
arm64)
  wanted+=(
    depmod:kmod
    mmdebstrap:mmdebstrap
    qemu-img:qemu-utils
    qemu-system-aarch64:qemu-system-arm
    ssh:openssh-client
  )
  ;;
esac

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
# The tests start an sshd of their own. The machine gets none that it did not have: not now, and not at its next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
fi
install=(apt-get install --yes --quiet --no-install-recommends "${missing[@]}")
if ! "${install[@]}" >/dev/null 2>&1 </dev/null; then
  apt-get update --quiet </dev/null
  "${install[@]}" </dev/null
fi
if [[ " ${missing[*]} " == *" openssh-server "* ]] && command -v systemctl >/dev/null; then
  systemctl disable --quiet ssh.service || true
fi
