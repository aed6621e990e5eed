#!/usr/bin/env bash
# Runs each fuzzer for a while, as many at a time as there are CPUs. What it finds interesting stays in
# DIR/corpus and is where the next run starts, with tests/fuzz/seeds/NAME and tests/fuzz/NAME.dict if they are there; a
# crash leaves its input in DIR/crash-*. FUZZ_ONLY=connection runs that one alone.
# usage: tests/fuzz/run.sh DIR SECONDS       last line: "fuzz: N passed, N failed"
set -euo pipefail
dir=${1:?usage: tests/fuzz/run.sh DIR SECONDS}
seconds=${2:?usage: tests/fuzz/run.sh DIR SECONDS}
passed=0
failed=0
names=()
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    [ "$name" = "fuzz_${FUZZ_ONLY:-${name#fuzz_}}" ] && names+=("$name")
done
# shellcheck disable=SC2016
printf '%s\n' "${names[@]}" | xargs -P"$(nproc)" -I{} sh -c '
    mkdir -p "$1/corpus/$3"
    set -- "$@" "$1/corpus/$3"
    [ ! -d "tests/fuzz/seeds/${3#fuzz_}" ] || set -- "$@" "tests/fuzz/seeds/${3#fuzz_}"
    [ ! -e "tests/fuzz/${3#fuzz_}.dict" ] || set -- "$@" "-dict=tests/fuzz/${3#fuzz_}.dict"
    dir=$1 seconds=$2 name=$3
    shift 3
    "$dir/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -print_funcs=0 \
        -artifact_prefix="$dir/crash-$name-" "$@" >"$dir/$name.log" 2>&1
    echo $? >"$dir/$name.code"' sh "$dir" "$seconds" {}
for name in "${names[@]}"; do
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")
    if [ "$(cat "$dir/$name.code")" -eq 0 ]; then
        passed=$((passed + 1))
        echo "$name: ${runs:-?} inputs"
    else
        failed=$((failed + 1))
        echo "$name: FAILED, see $dir/$name.log"
        grep -E '^connection:|Assertion|runtime error|ERROR|SUMMARY|Test unit' "$dir/$name.log" | head -5 || true
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
