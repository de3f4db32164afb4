#!/bin/sh
# Turn a fresh system into the virtual machine: customize.sh ROOT
set -eu
root=$1

echo vm >"$root/etc/hostname"
echo "127.0.0.1 localhost vm" >"$root/etc/hosts"
echo "/dev/vda / ext4 defaults 0 0" >"$root/etc/fstab"
printf '%s\n' "PermitRootLogin prohibit-password" "UseDNS no" "UsePAM no" "MaxStartups 100" \
  >"$root/etc/ssh/sshd_config.d/vm.conf"
# Each run brings its own.
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/root/.ssh"
chmod 0700 "$root/root/.ssh"

mkdir -p "$root/export/nfs" "$root/export/smb" "$root/export/readonly"
cat >"$root/etc/exports" <<'EXPORTS'
/export/nfs 127.0.0.0/8(rw,sync,no_subtree_check,no_root_squash,insecure)
/export/readonly 127.0.0.0/8(ro,sync,no_subtree_check,insecure)
/export/denied 192.0.2.1(rw,sync,no_subtree_check)
EXPORTS
mkdir -p "$root/export/denied"
cat >"$root/etc/samba/smb.conf" <<'SMB'
[global]
server role = standalone server
disable netbios = yes
smb ports = 445
server min protocol = SMB3
map to guest = Bad User
load printers = no
printcap name = /dev/null
log level = 0

[data]
path = /export/smb
read only = no
valid users = shopper

[public]
path = /export/readonly
guest ok = yes
SMB
chroot "$root" useradd --no-create-home --shell /usr/sbin/nologin shopper
chown 1000:1000 "$root/export/smb"

# Nothing of this serves a test; each costs seconds under emulation.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer getty@tty1.service serial-getty@ttyS0.service hwclock-save.service nmbd.service samba-ad-dc.service \
  systemd-timesyncd.service systemd-pstore.service systemd-random-seed.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-journal-flush.service nfs-blkmap.service \
  systemd-networkd.service systemd-binfmt.service modprobe@drm.service \
  dev-mqueue.mount dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '%s\n' "[Journal]" "Storage=volatile" "ForwardToConsole=no" >"$root/etc/systemd/journald.conf.d/vm.conf"
