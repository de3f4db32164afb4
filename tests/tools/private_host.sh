#!/usr/bin/env bash
# Run a command in a private mount namespace in which everything that this collection writes is private as well:
#   private_host.sh COMMAND...
# /etc is an overlay, /mnt /media /srv /run and /var/log are empty, and temporary files and Ansible's own go to an empty
# TMPDIR. When the command ends, however it ends, loop devices of images in there are detached, and nothing is left.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
  echo "This mounts filesystems: run it as root" >&2
  exit 1
fi
scratch=$(mktemp --directory --suffix=.holdfast)
export scratch

# A loop device outlives the namespace. The kernel knows it by the number of the filesystem that holds its image; a path
# would no longer tell, as that filesystem is mounted nowhere then.
leave() {
  local number device of
  number=$(cat "$scratch/number" 2>/dev/null || true)
  if [ -n "$number" ]; then
    losetup --list --noheadings --output NAME,BACK-MAJ:MIN | while read -r device of; do
      [ "$of" != "$number" ] || losetup --detach "$device"
    done
  fi
  rm -f "$scratch/number"
  rmdir "$scratch"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The work is the shell's child rather than its replacement, so that leave runs afterwards.
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private bash -euc '
  exec 3>"$scratch/number"
  mount -t tmpfs -o mode=0755 tmpfs "$scratch"
  mountpoint --fs-devno "$scratch" >&3
  exec 3>&-
  mkdir "$scratch/etc" "$scratch/work" "$scratch/ansible" "$scratch/tmp"
  mount -t overlay -o "lowerdir=/etc,upperdir=$scratch/etc,workdir=$scratch/work" overlay /etc
  for directory in /mnt /media /srv /run /var/log; do
    [ ! -d "$directory" ] || mount -t tmpfs -o mode=0755 tmpfs "$directory"
  done
  export TMPDIR="$scratch/tmp" ANSIBLE_HOME="$scratch/ansible" ANSIBLE_LOCAL_TEMP="$scratch/tmp"
  export ANSIBLE_REMOTE_TEMP="$scratch/tmp"
  "$@"
' private_host "$@"
