#!/usr/bin/env bash
# tests/faults.tsv: every known fault names tests that are there, or the issue in which it is still open; never both.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1

while IFS=$'\t' read -r id where; do
    case $where in
    "issue "[0-9]*) expect "$id is open in one place" "$(grep -c "^$id"$'\t' tests/faults.tsv)" 1 ;;
    *) expect_true "$id: $where is there" test -f "$where" ;;
    esac
done < <(grep -v '^#' tests/faults.tsv)
for row in P:14 E:11 W:24 C:12 L:10 G:3 O:16; do
    for number in $(seq "${row#*:}"); do
        expect_true "${row%:*}$number has a row" grep -q "^${row%:*}$number"$'\t' tests/faults.tsv
    done
done
finish
