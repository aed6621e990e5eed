#!/usr/bin/env bash
# Runs each fuzzer for a while, as many at a time as there are CPUs. What it finds interesting stays in
# DIR/corpus and is where the next run starts; a crash leaves its input in DIR/crash-*.
# usage: tests/fuzz/run.sh DIR SECONDS       last line: "fuzz: N passed, N failed"
set -euo pipefail
dir=${1:?usage: tests/fuzz/run.sh DIR SECONDS}
seconds=${2:?usage: tests/fuzz/run.sh DIR SECONDS}
passed=0
failed=0
names=()
for source in tests/fuzz/fuzz_*.c; do
    names+=("$(basename "$source" .c)")
done
# shellcheck disable=SC2016
printf '%s\n' "${names[@]}" | xargs -P"$(nproc)" -I{} sh -c '
    mkdir -p "$1/corpus/$3"
    "$1/$3" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$1/crash-$3-" "$1/corpus/$3" >"$1/$3.log" 2>&1
    echo $? >"$1/$3.code"' sh "$dir" "$seconds" {}
for name in "${names[@]}"; do
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$name.log")
    if [ "$(cat "$dir/$name.code")" -eq 0 ]; then
        passed=$((passed + 1))
        echo "$name: ${runs:-?} inputs"
    else
        failed=$((failed + 1))
        echo "$name: FAILED, see $dir/$name.log"
        grep -E 'ERROR|SUMMARY|Test unit' "$dir/$name.log" | head -5 || true
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
