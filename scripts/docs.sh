#!/usr/bin/env bash
# Puts the tables that the program prints of itself between their marks in the READMEs:
#
#   <!-- docs:routes:begin (anything) -->      settings, basics (of them), routes, metrics, commands or models
#   <!-- docs:routes:end -->
#
# usage: scripts/docs.sh [--check]    (--check: changes nothing, exit 1 when a file is out of date)
set -euo pipefail
cd "$(dirname "$0")/.."
program=${B:-build}/llm-api-converter
[ -x "$program" ] || { echo "docs: $program is missing; run make first" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for table in settings basics routes metrics commands models; do
    env -i PATH="$PATH" "$program" docs "$table" >"$work/$table"
done
status=0
mapfile -t files < <(find README*.md {server,shm,worker,master,docker,tests} -name node_modules -prune -o -name '*.md' -print 2>/dev/null | sort)
for file in "${files[@]}"; do
    awk -v dir="$work" '
        match($0, /<!-- docs:[a-z]+:(begin|end)/) {
            name = substr($0, RSTART + 10, RLENGTH - 10)
            begins = sub(/:begin$/, "", name); sub(/:end$/, "", name)
            skip = 0; print
            if (begins) {
                found = 0
                while ((getline line < (dir "/" name)) > 0) { print line; found = 1 }
                close(dir "/" name)
                if (!found) { print FILENAME ": no table is called " name | "cat >&2"; exit 2 }
                skip = 1
            }
            next
        }
        !skip { print }' "$file" >"$work/new"
    if cmp -s "$file" "$work/new"; then
        continue
    elif [ "${1:-}" = --check ]; then
        echo "docs: $file: a generated table is out of date; run make docs" >&2
        status=1
    else
        cat "$work/new" >"$file"
        echo "docs: $file updated"
    fi
done
exit "$status"
