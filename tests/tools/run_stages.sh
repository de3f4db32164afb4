#!/usr/bin/env bash
# Run make targets, so many at a time, and print each one's output in one piece when it ends:
#   run_stages.sh JOBS TARGET...
# A failing stage does not stop the others. The end is a table of stages, results and seconds.
set -uo pipefail

unset MAKEFLAGS MFLAGS MAKELEVEL GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
jobs=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
logs=$root/build/logs
mkdir -p "$logs"
cd "$root" || exit 1

declare -A name_of=() started=()
summary=()
failures=0

finish() { # PID STATUS
  local name=${name_of[$1]} seconds=$((SECONDS - started[$1])) result=passed
  if [ "$2" -ne 0 ]; then
    result=FAILED
    failures=$((failures + 1))
  fi
  unset "name_of[$1]"
  printf '\n=== %s: %s after %d s %s\n' "$name" "$result" "$seconds" "======================================"
  cat "$logs/$name.log"
  summary+=("$(printf '%-14s %-7s %4d s' "$name" "$result" "$seconds")")
}

wait_for_one() {
  local pid status
  wait -n -p pid "${!name_of[@]}"
  status=$?
  finish "$pid" "$status"
}

for name in "$@"; do
  while [ "${#name_of[@]}" -ge "$jobs" ]; do wait_for_one; done
  make --keep-going --no-print-directory TREE_IS_READY=1 "$name" >"$logs/$name.log" 2>&1 </dev/null &
  name_of[$!]=$name
  started[$!]=$SECONDS
  echo "--- $name started"
done
while [ "${#name_of[@]}" -gt 0 ]; do wait_for_one; done

printf '\n=== All stages, %d s\n' "$SECONDS"
printf '  %s\n' "${summary[@]}"
if [ "$failures" -gt 0 ]; then
  echo "$failures of $# stages FAILED"
  exit 1
fi
echo "All $# stages passed"
