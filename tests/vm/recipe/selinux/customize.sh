#!/bin/sh
# Have the virtual machine enforce Debian's SELinux policy from its first moment: customize.sh ROOT
set -eu
root=$1

printf '%s\n' "SELINUX=enforcing" "SELINUXTYPE=default" >"$root/etc/selinux/config"
# What a run brings, and the machine's id, is written before there is a policy, so it has no labels.
cat >"$root/etc/systemd/system/label-seed.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=systemd-journald.service ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/restorecon -R /etc /root

[Install]
WantedBy=sysinit.target
UNIT
chroot "$root" systemctl enable label-seed.service
ln -sf /dev/null "$root/etc/systemd/system/selinux-autorelabel.service"
rm -f "$root/.autorelabel"
# It looks for no filesystem that knows labels: the one that builds need not, as long as it keeps them.
mounted=no
if [ ! -e "$root/proc/self" ]; then
  mount -t proc proc "$root/proc"
  mounted=yes
fi
chroot "$root" setfiles -m -F -e /proc -e /sys -e /dev /etc/selinux/default/contexts/files/file_contexts /
if [ "$mounted" = yes ]; then umount "$root/proc"; fi
