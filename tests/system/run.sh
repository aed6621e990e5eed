#!/usr/bin/env bash
# Runs tests/system/NN_topic.sh in order. B: directory of the programs (build).
# MONTH_ENDS_IN=SECONDS: each test begins so many seconds before a month ends, by a calendar that is moved (clock.sh).
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
one() { bash "$1"; }
if [ -n "${MONTH_ENDS_IN:-}" ]; then
    . tests/system/clock.sh
    moved=$(mktemp -d)
    chmod 755 "$moved" # the server goes on as another user
    trap 'rm -rf "$out" "$moved"' EXIT
    make_clock "$moved/clock.so" || exit 1
    printf '\0\0\0\0\0\0\0\0' >"$moved/shift"
    export moved
    export -f shift_clock
    one() {
        local end
        end=$(date -u -d "$(date -u +%Y-%m-01) +1 month" +%s%3N)
        shift_clock "$moved/shift" $((end - 1000 * MONTH_ENDS_IN - $(date +%s%3N)))
        LD_PRELOAD=$moved/clock.so CLOCK_SHIM=$moved/shift bash "$1"
    }
fi
export -f one
most=600 # seconds a script
[[ $B != */emulated-* ]] || most=900
for file in tests/system/[0-9][0-9]_*.sh; do
    name=$(basename "$file" .sh)
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    tally "$most" "$name" bash -c 'one "$1"' bash "$file"
done
tally_end system
