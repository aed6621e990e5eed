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
. tests/tally.bash
most=180 # seconds a script
[[ $B != */emulated-* ]] || most=900
for file in tests/system/[0-9][0-9]_*.sh; do
    name=$(basename "$file" .sh)
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    tally "$most" "$name" bash "$file"
done
tally_end system
