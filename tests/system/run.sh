#!/usr/bin/env bash
# Runs tests/system/NN_topic.sh in order. B: directory of the programs (build).
# usage: tests/system/run.sh [NN_topic...]       last line: "system: N passed, N failed"
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export B=${B:-build}
for tool in curl jq; do
    command -v "$tool" >/dev/null || {
        echo "system tests need $tool: scripts/install-deps.sh installs it"
        exit 1
    }
done
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0
failed=0
for file in tests/system/[0-9][0-9]_*.sh; do
    name=$(basename "$file" .sh)
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
        continue
    fi
    start=${EPOCHREALTIME/[.,]/}
    timeout 180 bash "$file" 2>&1 | tee "$out"
    took=$(((${EPOCHREALTIME/[.,]/} - start) / 100000))
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$out" | tail -1)
    echo "  ($name took $((took / 10)).$((took % 10)) s)"
    if [ -z "$line" ]; then
        echo "$name: died before its end"
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + ${line%% *}))
    line=${line##*, }
    failed=$((failed + ${line%% *}))
done
echo "system: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
