# shellcheck shell=dash
# The first process of the virtual machine: drivers, network, then the disk's own systemd.
# It stands in for an initial RAM disk of Debian, whose udev takes longer than everything else under emulation.
set -e
/bin/busybox mkdir -p /dev /proc /new
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module"
done </modules/order
/bin/busybox ip link set lo up
/bin/busybox ip address add 10.0.2.15/24 dev eth0
/bin/busybox ip link set eth0 up
/bin/busybox ip route add default via 10.0.2.2
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw /dev/vda /new
# What belongs to this run: keys. The archive is appended to the one that this file comes from.
if [ -d /seed ]; then /bin/busybox cp -a /seed/. /new/; fi
/bin/busybox umount /dev /proc
exec /bin/busybox switch_root /new /sbin/init
