#!/usr/bin/env bash
# Run a command in a private mount namespace in which everything that this collection writes is private as well:
#   private_host.sh COMMAND...
# /etc is an overlay, /mnt /media /srv /run and /var/log are empty, and temporary files and Ansible's own go to an empty
# TMPDIR. When the command ends, however it ends, loop devices of images below that are detached, and nothing is left.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo "This mounts filesystems: run it as root" >&2
  exit 1
fi
scratch=$(mktemp --directory --suffix=.holdfast)
export scratch

# A loop device outlives the namespace; the kernel still knows it by its image.
leave() {
  losetup --list --noheadings --raw --output NAME,BACK-FILE | while read -r device image; do
    case $image in "$scratch"/*) losetup --detach "$device" ;; esac
  done
  rmdir "$scratch"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The work is the shell's child rather than its replacement, so that leave runs afterwards.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private bash -euc '
  mount -t tmpfs -o mode=0755 tmpfs "$scratch"
  mkdir "$scratch/etc" "$scratch/work" "$scratch/ansible" "$scratch/tmp"
  mount -t overlay -o "lowerdir=/etc,upperdir=$scratch/etc,workdir=$scratch/work" overlay /etc
  for directory in /mnt /media /srv /run /var/log; do
    [ ! -d "$directory" ] || mount -t tmpfs -o mode=0755 tmpfs "$directory"
  done
  export TMPDIR="$scratch/tmp" ANSIBLE_HOME="$scratch/ansible" ANSIBLE_LOCAL_TEMP="$scratch/tmp"
  export ANSIBLE_REMOTE_TEMP="$scratch/tmp"
  "$@"
' private_host "$@"
