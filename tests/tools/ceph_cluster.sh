#!/usr/bin/env bash
# In a guest, start a ceph cluster of one node whose data are in memory: ceph_cluster.sh
# Clients use cephx, with the key of client.admin.
set -euo pipefail

export LC_ALL=C.UTF-8
id=6f1c0a52-97d4-4b0e-8f1a-2d3c4b5a6978
monitor='[v2:127.0.0.1:3300,v1:127.0.0.1:6789]'
data=/var/lib/ceph
mkdir --parents /etc/ceph "$data/mon/ceph-a" "$data/osd/ceph-0" "$data/mds/ceph-a" /var/run/ceph
# Emulated, nobody answers as soon as a cluster expects it.
cat >/etc/ceph/ceph.conf <<CONF
[global]
fsid = $id
mon host = $monitor
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 268435456
mon allow pool size one = true
osd heartbeat grace = 600
mds beacon grace = 600
mon osd report timeout = 3600
CONF
cd /etc/ceph
all=(--cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *')
ceph-authtool --create-keyring mon.keyring --gen-key -n mon. --cap mon 'allow *'
ceph-authtool --create-keyring ceph.client.admin.keyring --gen-key -n client.admin "${all[@]}"
ceph-authtool mon.keyring --import-keyring ceph.client.admin.keyring
monmaptool --create --addv a "$monitor" --fsid "$id" monmap
ceph-mon --mkfs -i a --monmap monmap --keyring mon.keyring
ceph-mon -i a

ask() { timeout 300 ceph "$@"; }
ask osd create
ceph-authtool --create-keyring "$data/osd/ceph-0/keyring" --gen-key -n osd.0
ask auth add osd.0 osd 'allow *' mon 'allow profile osd' mgr 'allow profile osd' -i "$data/osd/ceph-0/keyring"
ceph-osd -i 0 --mkfs --osd-uuid "$id"
ceph-osd -i 0
ask osd pool create cephfs_data 4
ask osd pool create cephfs_metadata 4
ask fs new cephfs cephfs_metadata cephfs_data
ceph-authtool --create-keyring "$data/mds/ceph-a/keyring" --gen-key -n mds.a
ask auth add mds.a osd 'allow rwx' mds 'allow' mon 'allow profile mds' -i "$data/mds/ceph-a/keyring"
ceph-mds -i a
for _try in $(seq 60); do
  if ask mds stat | grep --quiet 'up:active'; then exit 0; fi
  sleep 2
done
echo "the cluster does not come up"
ask --status
exit 1
