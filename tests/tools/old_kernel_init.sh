#!/usr/bin/env bash
# The first process of a guest of old_kernel.sh, whose folder is at /media: old_kernel_init.sh GUEST
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb

guest=$1
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm /host "/lib/modules/$(uname -r)"
mount -t devpts pts /dev/pts
for place in /dev/shm:1777 /run:755 /tmp:1777; do mount -t tmpfs -o "mode=${place#*:}" tmp "${place%:*}"; done
mount -t hostfs none "/lib/modules/$(uname -r)" -o "/usr/lib/uml/modules/$(uname -r)"
# Tests want a /media that is nobody's.
mount --move /media /host
hostname guest
ip link set lo up
mapfile -t files <"/host/files-$guest"
# Each test by its name, and where a test stands that takes longer than any should.
bash /host/in_guest.sh /host --verbose --tb=short -rfE -o faulthandler_timeout=1200 --numprocesses 2 --dist loadfile "${files[@]}" \
  >"/host/$guest.log" 2>&1
echo $? >"/host/status-$guest"
sync
echo o >/proc/sysrq-trigger
sleep 10
