#!/usr/bin/env bash
# Runs tests/deploy/NN_name.sh in order: the infrastructure. B: directory of the programs (build).
# Each installs what it needs below build/tools, once, or says in one line why it is skipped.
# usage: tests/deploy/run.sh [NN_name...]       last line: "deploy: N passed, N failed"
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export B=${B:-build}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0
failed=0
for file in tests/deploy/[0-9][0-9]_*.sh; do
    name=$(basename "$file" .sh)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    start=$SECONDS
    timeout 1800 bash "$file" 2>&1 | tee "$out"
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$out" | tail -1)
    echo "  ($name took $((SECONDS - start)) s)"
    if [ -z "$line" ]; then
        echo "$name: died before its end"
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + ${line%% *}))
    line=${line##*, }
    failed=$((failed + ${line%% *}))
done
echo "deploy: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
