# shellcheck shell=bash disable=SC2154 # of the runner: out
# tally.bash - what the runners of tests/system, tests/deploy and tests/aws share: one script after the other, its checks
# counted from its last line "N passed, N failed"; a script that dies before that line is a failure. Sourced.
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# tally SECONDS NAME COMMAND...: runs it for at most so long: an end for what hangs, no measure
tally() {
    local line most=$1 name=$2 took start=${EPOCHREALTIME/[.,]/}
    shift 2
    timeout "$most" "$@" 2>&1 | tee "$out"
    took=$(((${EPOCHREALTIME/[.,]/} - start) / 100000))
    echo "  ($name took $((took / 10)).$((took % 10)) s)"
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$out" | tail -1)
    if [ -z "$line" ]; then
        echo "$name: died before its end"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + ${line%% *}))
    line=${line##*, }
    failed=$((failed + ${line%% *}))
}

# tally_end SUITE: the last line, and the exit code; nothing run is a failure
tally_end() {
    echo "$1: $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
