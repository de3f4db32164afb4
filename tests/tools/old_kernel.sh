#!/usr/bin/env bash
# Run pytest on an older kernel, Debian's Linux 6.1 as processes of this one (user-mode Linux), on the collection as it is
# in TREE: old_kernel.sh VENV TREE FOLDER JOBS FILE...
# FOLDER gets a log for each of JOBS guests, which share the files of tests. What a kernel prints is in kernel-N.log.
# A guest is ended after LIMIT (timeout(1)'s words), and its log tells the test it stood in.
set -euo pipefail

venv=$1
tree=$2
folder=$3
jobs=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
command -v linux.uml >/dev/null || {
  echo "needs the Debian package user-mode-linux"
  exit 1
}

rm -rf "$folder"
mkdir -p "$folder"
disk=$("$venv/bin/python" "$tree/tests/vm/vm.py" image)/disk.raw
kit=$("$here/guest_kit.sh" "$venv" "$tree" x86_64)
tar --directory "$kit" --exclude ansible_test --create --file "$folder/packages.tar" .
tar --directory "$tree/../../.." --exclude .git --create --file "$folder/tree.tar" ansible_collections/holdfast/mounts
cp "$here/in_guest.sh" "$here/old_kernel_init.sh" "$folder"

# In turns, as files with names alike take long alike.
number=0
for file in "$@"; do
  echo "$file" >>"$folder/files-$((number % jobs))"
  number=$((number + 1))
done
run() { # GUEST
  # Words after -- are those of init.
  timeout --kill-after=10 "${LIMIT:-100m}" \
    linux.uml mem=2560M "ubd0=$folder/disk-$1.cow,$disk" root=/dev/ubda rw lsm= con0=null,fd:1 con=null init=/bin/sh \
    -- -c "\"mount -t hostfs none /media -o $folder && exec bash /media/old_kernel_init.sh $1\"" \
    >"$folder/kernel-$1.log" 2>&1 </dev/null || true
  rm -f "$folder/disk-$1.cow"
}
guests=$((number < jobs ? number : jobs))
for ((guest = 0; guest < guests; guest++)); do run "$guest" & done
wait
failures=0
for ((guest = 0; guest < guests; guest++)); do
  if [ "$(cat "$folder/status-$guest" 2>/dev/null)" = 0 ]; then
    tail -n 1 "$folder/$guest.log"
  else
    failures=$((failures + 1))
    sed -n '/^=.* \(FAILURES\|ERRORS\) =/,$p' "$folder/$guest.log" | grep . || tail -n 30 "$folder/$guest.log" "$folder/kernel-$guest.log"
  fi
done
if [ "$failures" -gt 0 ]; then
  echo "$failures of $guests guests FAILED; their logs are in $folder"
  exit 1
fi
