#!/usr/bin/env bash
# make undo: makes known faults again, one at a time, in a copy of the tree, and sees a test fail for each: a test that
# cannot fail proves nothing. usage: tests/undo/run.sh [ID...|ID:NAME...]      B: directory of the programs (build)
# Last line: "undo: N passed, N failed". Each row costs a run of the test it names, up to its first
# failure; half an hour in all.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
copy=$PWD/build/undo
log=$copy.log
. tests/tally.bash

# The work tree as it is, with what is built, and what tests have installed.
make_copy() {
    rm -rf "$copy"
    mkdir -p "$copy/build"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp -p --parents -t "$copy" 2>/dev/null
    find "${B:-build}" -mindepth 1 -maxdepth 1 ! -name undo -exec cp -a --reflink=auto -t "$copy/build" {} +
}

# prove SUITE NAME: is all well?
prove() {
    case $1 in
    lint) scripts/lint.sh "$2" ;;
    unit) make VARIANT=asan "build/asan/unit/$2" && "build/asan/unit/$2" ;;
    *) make -s all && CLIS=v1 STOP_AT_FAILURE=1 B=build "tests/$1/run.sh" "$2" ;;
    esac
}

# Said before anything is broken: a test that fails anyway shows nothing.
declare -A sound
is_sound() { # SUITE NAME
    [ -n "${sound[$1/$2]:-}" ] || { (cd "$copy" && prove "$1" "$2") >"$log" 2>&1 && sound[$1/$2]=yes; }
    [ "${sound[$1/$2]:-}" = yes ]
}

undo() { # ID FILE SED SUITE NAME [WORDS]
    local row="$1 $2: $4 $5"
    is_sound "$4" "$5" || {
        echo "  FAILED $row fails already: $(grep -m1 -E 'FAILED|error|: ' "$log")"
        failed=$((failed + 1))
        return
    }
    sed -E -i "$3" "$copy/$2"
    if cmp -s "$2" "$copy/$2"; then
        echo "  FAILED $row: the file has nothing left of what this row changes: $3"
        failed=$((failed + 1))
    elif (cd "$copy" && prove "$4" "$5") >"$log" 2>&1; then
        echo "  FAILED $row passes although the fault is back: $3"
        failed=$((failed + 1))
    elif grep -qE ':[0-9]+:[0-9]+: error: |: died before its end' "$log"; then
        echo "  FAILED $row proves nothing: $(grep -m1 -E ':[0-9]+: error: |died before' "$log")"
        failed=$((failed + 1))
    elif ! grep -qE -- "${6:-}" "$log"; then
        echo "  FAILED $row: not \"$6\" fails, but: $(grep -m1 -oE 'FAILED.{0,140}' "$log")"
        failed=$((failed + 1))
    else
        echo "  $row: $(grep -m1 -oE 'FAILED.{0,140}|error: Failure.*|^(scripts|docker)/.{0,140}|\[  FAILED  \].*' "$log")"
        passed=$((passed + 1))
    fi
    cp -p "$2" "$copy/$2"
    touch "$copy/$2" # or make keeps what was built of the broken one
}

make_copy
while IFS=$'\t' read -r id file change suite name words; do
    [[ $id != \#* ]] || continue
    [ $# -eq 0 ] || [[ " $* " == *" $id "* || " $* " == *" $id:$name "* ]] || continue
    undo "$id" "$file" "$change" "$suite" "$name" "$words" </dev/null
done <tests/undo/undo.tsv
tally_end undo
