#!/usr/bin/env bash
# make check: every step is run even when an earlier one failed; the last line sums them up.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # each make below is a fresh one: packages may have been installed
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0

# step NAME COMMAND...: counts the last "N passed, N failed" it prints, else its exit code as one check.
step() {
    local name=$1 line good bad code=0
    shift
    echo "==== $name"
    "$@" 2>&1 | tee "$log" || code=1
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    good=${line%% *}
    bad=${line##*, }
    bad=${bad%% *}
    if [ -z "$line" ]; then
        good=$((code == 0))
        bad=0
    fi
    [ "$code" -ne 0 ] && [ "${bad:-0}" -eq 0 ] && bad=1
    passed=$((passed + good))
    failed=$((failed + bad))
}

step lint make lint
step build make all
step unit make unit
step "system tests" make system
step "system tests, ASan and UBSan" make VARIANT=asan system
echo "==== check"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
