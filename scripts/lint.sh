#!/usr/bin/env bash
# make lint: what STYLE rules a machine can check. One line a finding on stdout; exit 1 if there is any.
# Warnings and the list of broken rules ("Rule N:" comments) do not fail.
set -euo pipefail
cd "$(dirname "$0")/.."

rooms=(server shm worker master)
mapfile -t code < <(find "${rooms[@]}" -name '*.[ch]' | sort)
mapfile -t tests < <(find tests -name node_modules -prune -o -name '*.[ch]' -print | sort)
mapfile -t shell < <(find scripts tests docker .ci -name node_modules -prune -o \( -name '*.sh' -o -path .ci/run \) -print 2>/dev/null | sort)
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

# Comments removed, line numbers kept.
bare() { "${CC:-gcc}" -fpreprocessed -dD -E -w "$1" 2>/dev/null | awk -v file="$1" '
    /^# [0-9]+ / { line = $2; next }
    { print file ":" line++ ": " $0 }'; }

# Rule 2: a file includes its own room and rooms to its left.
room_order() {
    awk -v order="${rooms[*]}" '
        BEGIN { n = split(order, r, " "); for (i = 1; i <= n; i++) rank[r[i]] = i }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split(FILENAME, own, "/"); split($0, q, "\""); split(q[2], other, "/")
            if (!(other[1] in rank))
                print FILENAME ":" FNR ": \"" q[2] "\" is not in a room (include from the root)"
            else if (rank[other[1]] > rank[own[1]])
                print FILENAME ":" FNR ": " own[1] " must not include " q[2] " (order: " order ")"
        }' "${code[@]}"
}

# Rule 4: header -> the one place that may know it.
third_party() {
    local row header place
    for row in 'llhttp\.h server/net/http_parse\.[ch]' 'curl/ server/net/fetch[a-z_]*\.[ch]' 'mbedtls/ server/base/sha256\.c' \
        '(cjson/)?cJSON\.h server/json/json\.c' 'sqlite3\.h shm/sqlite/keystore_sqlite[a-z_]*\.[ch]' 'seccomp\.h server/base/syscalls\.c' 'cmocka\.h -'; do
        read -r header place <<<"$row"
        grep -nEH "^[ \t]*#[ \t]*include[ \t]*[<\"]$header" "${code[@]}" | grep -vE "^$place:" |
            sed 's/$/   (this header stays behind one file)/' || true
    done
}

# Rule 12: the first include of x.c is x.h, where there is one.
own_header_first() {
    local file first
    for file in "${code[@]}"; do
        [[ $file == *.c && -e ${file%.c}.h ]] || continue
        first=$(grep -m1 '^#include' "$file" || true)
        [ "$first" = "#include \"${file%.c}.h\"" ] || echo "$file: the first include is not ${file%.c}.h"
    done
}

headers_alone() {
    local flags
    flags="-std=c17 -D_GNU_SOURCE -DVERSION=\"\" -I. -isystem build/llhttp/include $(pkg-config --cflags libcurl libcjson sqlite3 2>/dev/null)"
    printf '%s\n' "${code[@]}" | grep '\.h$' |
        xargs -P"$(nproc)" -I{} sh -c "printf '#include \"%s\"\n' {} | ${CC:-gcc} $flags -Wall -Wextra -fsyntax-only -x c - 2>/dev/null ||
            echo '{}: does not compile alone'"
}

# Rule 55. The rest of the list (VLAs) is the compiler's.
banned_calls() {
    local everywhere='strcpy|strcat|v?sprintf|strtok|ato[il]|gets|alloca|system|popen|s?rand|strerror|localtime'
    local memory='malloc|calloc|realloc|free|strn?dup|v?asprintf'
    local file names
    for file in "${code[@]}" "${tests[@]}"; do
        names="$everywhere|$memory"
        case $file in tests/* | server/base/arena.c | server/base/buf.c) names=$everywhere ;; esac
        bare "$file" | grep -E "[^a-zA-Z0-9_]($names)[ ]*\\(" | sed 's/$/   (banned call)/' || true
    done
}

# Rule 5. Functions open with { and close with } in the first column.
sizes() {
    local file
    for file in "${code[@]}" "${tests[@]}"; do
        awk '/^{/ { start = FNR }
            /^}/ && start { if (FNR - start - 1 > 60)
                print FILENAME ":" start ": warning: function of " FNR - start - 1 " lines"; start = 0 }
            END { if (FNR > 600) print FILENAME ": " FNR " lines, more than 600" }' "$file"
    done
}

unfinished() {
    grep -nEH 'TODO|FIXME' "${code[@]}" "${tests[@]}" "${shell[@]}" Makefile | grep -v '^scripts/lint.sh:' |
        sed 's/$/   (unfinished)/' || true
}

format() {
    command -v clang-format-14 >/dev/null || return 0 # another version would format differently
    printf '%s\n' "${code[@]}" "${tests[@]}" |
        xargs -P"$(nproc)" -I{} sh -c 'clang-format-14 --dry-run -Werror {} 2>/dev/null || echo "{}: not formatted (make format)"' | sort
}

shells() {
    command -v shellcheck >/dev/null || return 0
    shellcheck -x -S warning -f gcc "${shell[@]}" || true
}

for check in room_order third_party own_header_first headers_alone banned_calls sizes unfinished format shells; do
    "$check" >>"$findings"
done
cat "$findings"
grep -nE 'Rule [0-9]+:' "${code[@]}" | sed 's/^/broken on purpose: /' || true
count=$(grep -vc 'warning:' "$findings" || true)
echo "lint: $count findings, $(grep -c 'warning:' "$findings" || true) warnings in $((${#code[@]} + ${#tests[@]})) files"
[ "$count" -eq 0 ]
