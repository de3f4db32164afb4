#!/usr/bin/env bash
# Become a host of its own and serve SSH: host.sh NAME ADDRESS KEYS
# Started in new namespaces of mounts, processes, network and host name by fleet.py, which also gives it eth0.
# Its root is an overlay over the machine's: it reads what is installed there and writes to memory.
set -euo pipefail

name=$1
address=$2
keys=$3
scratch=$keys/$name
mkdir "$scratch"
mount -t tmpfs -o mode=0755 fleet "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
for directory in media mnt run srv tmp; do
  mkdir -p "$directory"
  mount -t tmpfs -o mode=0755 fleet "$directory"
done
chmod 1777 tmp
# What the machine knows of mounts is not this host's.
rm -rf etc/ansible var/log/holdfast_mounts.log
echo "fleet / overlay defaults 0 0" >etc/fstab
# An account with "!" as password is refused by sshd even with a key.
sed -i 's/^root:[^:]*:/root:*:/' etc/shadow
mkdir -m 0755 run/sshd run/old
mkdir -m 0700 run/keys
cp "$keys/host_key" "$keys/key.pub" run/keys/
chmod 0600 run/keys/*

hostname "$name"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$address/24" dev eth0
ip link set eth0 up

pivot_root . run/old
cd /
umount --lazy /run/old
exec /usr/sbin/sshd -D -e -f /dev/null -h /run/keys/host_key -o AuthorizedKeysFile=/run/keys/key.pub \
  -o MaxStartups=100 -o PermitRootLogin=prohibit-password -o PidFile=none -o StrictModes=no \
  -o Subsystem="sftp internal-sftp" -o UseDNS=no -o UsePAM=no
