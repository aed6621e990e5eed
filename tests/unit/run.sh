#!/usr/bin/env bash
# Runs every test binary of a directory, a few at a time, and prints what failed.
# usage: tests/unit/run.sh DIR       last line: "unit: N passed, N failed"
set -euo pipefail
dir=${1:?usage: tests/unit/run.sh DIR}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# By source, not by binary: what was renamed or deleted may have left its binary behind.
for source in tests/unit/*/test_*.c tests/unit/*/*/test_*.c; do
    name=${source#tests/unit/}
    name=${name%.c}
    mkdir -p "$out/$(dirname "$name")"
    [ -x "$dir/$name" ] && echo "$name"
done >"$out/names"

# shellcheck disable=SC2016
xargs -P"$(nproc)" -I{} sh -c '
    timeout 300 "$1/$3" >"$2/$3.log" 2>&1 </dev/null
    echo $? >"$2/$3.code"' sh "$dir" "$out" {} <"$out/names"

passed=0
failed=0
while read -r name; do
    log=$out/$name.log
    code=$(cat "$out/$name.code")
    good=$(sed -n 's/.*\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' "$log" | tail -1)
    bad=$(sed -n 's/.*\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" | tail -1)
    if [ "$code" -ne 0 ]; then
        bad=${bad:-1} # died before it could count
        echo "---- $name (exit code $code)"
        grep -vE '^\[ (RUN|      OK) ' "$log" | head -60 || true
    fi
    passed=$((passed + ${good:-0}))
    failed=$((failed + ${bad:-0}))
done <"$out/names"
echo "unit: $passed passed, $failed failed ($(wc -l <"$out/names") binaries)"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
