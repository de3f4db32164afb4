#!/bin/sh
# Have the folders of programs in /usr before packages are unpacked, as their scripts would: setup.sh ROOT
set -eu
for folder in bin lib sbin; do
  mkdir -p "$1/usr/$folder"
  ln -s "usr/$folder" "$1/$folder"
done
