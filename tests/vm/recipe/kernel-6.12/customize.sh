#!/bin/sh
# Leave the services out that only cost seconds: customize.sh ROOT
set -eu
root=$1

for unit in ceph-crash.service ceph.target lvm2-monitor.service lvm2-lvmpolld.socket dm-event.socket \
  blk-availability.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
