#!/usr/bin/env bash
# Run a command in a private mount namespace in which everything that this collection writes is private as well:
#   private_host.sh COMMAND...
# /etc is an overlay, /mnt /srv /run and /var/log are empty, SCRATCH names an empty directory, and Ansible's own files go
# there. When the command ends, however it ends, loop devices of images below SCRATCH are detached, and nothing is left.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo "This mounts filesystems: run it as root" >&2
  exit 1
fi
scratch=$(mktemp -d --suffix=.holdfast)
export SCRATCH=$scratch

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
  mount -t tmpfs -o mode=0755 tmpfs "$SCRATCH"
  mkdir "$SCRATCH/etc" "$SCRATCH/work" "$SCRATCH/ansible" "$SCRATCH/tmp"
  mount -t overlay -o "lowerdir=/etc,upperdir=$SCRATCH/etc,workdir=$SCRATCH/work" overlay /etc
  for directory in /mnt /srv /run /var/log; do
    [ ! -d "$directory" ] || mount -t tmpfs -o mode=0755 tmpfs "$directory"
  done
  export ANSIBLE_HOME="$SCRATCH/ansible" ANSIBLE_LOCAL_TEMP="$SCRATCH/tmp" ANSIBLE_REMOTE_TEMP="$SCRATCH/tmp"
  "$@"
' private_host "$@"
