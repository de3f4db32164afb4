#!/bin/sh
# Turn packages that were unpacked, and whose scripts did not run, into a system: customize.sh ROOT
set -eu
root=$1
here=$(dirname "$0")

cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
echo "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin" >>"$root/etc/passwd"
sed 's/^\([^:]*\):.*/\1:*:20000:0:99999:7:::/' "$root/etc/passwd" >"$root/etc/shadow"
chmod 0640 "$root/etc/shadow"
[ -e "$root/usr/bin/awk" ] || ln -s mawk "$root/usr/bin/awk"
echo vm >"$root/etc/hostname"
echo "127.0.0.1 localhost vm" >"$root/etc/hosts"
echo "/dev/vda / ext4 defaults 0 0" >"$root/etc/fstab"
ln -sf ../proc/self/mounts "$root/etc/mtab"
printf '%s\n' "PermitRootLogin prohibit-password" "UseDNS no" "UsePAM no" "MaxStartups 100" >"$root/etc/ssh/sshd_config"
mkdir -p "$root/media" "$root/mnt" "$root/opt" "$root/srv" "$root/root/.ssh"
chmod 0700 "$root/root" "$root/root/.ssh"
cp "$here/system_init.sh" "$root/usr/sbin/init"
chmod 0755 "$root/usr/sbin/init"
