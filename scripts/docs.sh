#!/usr/bin/env bash
# Puts the table of settings, printed by the program itself, between the marks in README.md and README.zh-CN.md.
# usage: scripts/docs.sh [--check]    (--check: changes nothing, exit 1 when a file is out of date)
set -euo pipefail
cd "$(dirname "$0")/.."
program=${B:-build}/llm-api-converter
[ -x "$program" ] || { echo "docs: $program is missing; run make first" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
env -i PATH="$PATH" "$program" check-config --markdown >"$work/table"
status=0
for file in README.md README.zh-CN.md; do
    [ -e "$file" ] || continue
    awk -v table="$work/table" '
        /<!-- config:begin/ { print; while ((getline line < table) > 0) print line; skip = 1; next }
        /<!-- config:end/ { skip = 0 }
        !skip { print }' "$file" >"$work/new"
    if cmp -s "$file" "$work/new"; then
        continue
    elif [ "${1:-}" = --check ]; then
        echo "docs: $file: the table of settings is out of date; run make docs" >&2
        status=1
    else
        cat "$work/new" >"$file"
        echo "docs: $file updated"
    fi
done
exit "$status"
