#!/usr/bin/env bash
# make lint: what STYLE rules a machine can check. One line a finding on stdout; exit 1 if there is any.
# Warnings and the list of broken rules ("Rule N:" comments) do not fail, nor does a check whose tool is not installed.
# usage: scripts/lint.sh [CHECK...]     all of them, or those named (the functions below)
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t rooms < <(awk '!/^#/ && NF { print $1 }' scripts/wings)
mapfile -t code < <(find "${rooms[@]}" -name '*.[ch]' | sort)
mapfile -t tests < <(find tests -name node_modules -prune -o -name '*.[ch]' -print | sort)
mapfile -t shell < <(find scripts tests docker findings .ci -name node_modules -prune -o \( -name '*.sh' -o -path .ci/run \) -print 2>/dev/null | sort)
read -ra cc <<<"${CC:-gcc}" # may be two words: ccache gcc
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

# Many files at a time, as many times as there are CPUs: a process a file is most of the work of these tools. Their lines
# may come in any order.
many() { xargs -P"$(nproc)" -n 12 "$@"; }

# Comments removed, line numbers kept, of the files named on stdin; in their order.
bare() { xargs "${cc[@]}" -fpreprocessed -dD -E -w | awk '
    /^# [0-9]+ "/ { line = $2; split($0, part, "\""); if (part[2] !~ /^</) file = part[2]; next }
    { print file ":" line++ ": " $0 }'; }

# Rule 2 and the order of the wings; no noun in a circle; how many nouns a wing has. No exception list: scripts/house.awk.
house() { awk -v check="$1" -f scripts/house.awk scripts/wings "${code[@]}" "${@:2}"; }
order() { house order; }
circles() { house circles; }
nouns() { house nouns; }

# A private header (X_private.h, X_job.h) is for the files of its own noun: X.c and X_*.c, and their tests.
private_headers() {
    local line file header noun
    grep -nE '^[ \t]*#[ \t]*include[ \t]*"[^"]*_(private|job)\.h"' "${code[@]}" "${tests[@]}" | while read -r line; do
        file=${line%%:*}
        header=${line#*\"}
        header=${header%\"*}
        noun=${header%_*.h}
        case $file in
        "$noun".[ch] | "$noun"_*.[ch] | tests/unit/"${noun%/*}/test_${noun##*/}".c | tests/unit/"${noun%/*}/test_${noun##*/}"_*.c) ;;
        *) echo "${line%%:#*}: $header is private to ${noun##*/}" ;;
        esac
    done
}

# A README a wing, and no folder beside the wings; the unit tests mirror them.
readmes() {
    local folder wings
    mapfile -t readme < <(find "${rooms[@]}" -mindepth 2 -name README.md | sort)
    house readmes "${readme[@]}"
    wings=" $(awk '!/^#/ { for (i = 2; i <= NF; i++) { n = split($i, w, "|"); while (n) printf "%s/%s ", $1, w[n--] } }' scripts/wings)"
    for folder in $(find "${rooms[@]}" -mindepth 1 -type d) $(cd tests/unit && find "${rooms[@]}" -mindepth 1 -type d); do
        [[ $wings == *" $folder "* ]] || echo "$folder: is no wing (scripts/wings has them all)"
    done
}

# Rule 4: header -> the one place that may know it.
third_party() {
    local row header place
    for row in 'llhttp\.h server/(http/http|net/response)_parse\.[ch]' 'curl/ server/net/(wire|fetch)[a-z_]*\.[ch]' 'mbedtls/ server/(base/(sha256|seal)|net/wire_(ca|cipher|rest|session))\.c' 'openssl/ server/net/wire_session\.c' \
        '(cjson/)?cJSON\.h server/json/json\.c' 'nghttp2/ server/http/http_session_private\.h' 'sqlite3\.h shm/sqlite/keystore_sqlite[a-z_]*\.[ch]' 'seccomp\.h server/platform/filter\.c' 'cmocka\.h -'; do
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
    flags="-std=c17 -D_GNU_SOURCE -DVERSION=\"\" -I. -isystem build/llhttp/include $(pkg-config --cflags libcurl libcjson libnghttp2 sqlite3 2>/dev/null)"
    printf '%s\n' "${code[@]}" | grep '\.h$' |
        xargs -P"$(nproc)" -I{} sh -c "printf '#include \"%s\"\n' {} | ${CC:-gcc} $flags -Wall -Wextra -fsyntax-only -x c - 2>/dev/null ||
            echo '{}: does not compile alone'"
}

# Rule 55. The rest of the list (VLAs) is the compiler's.
banned_calls() {
    local everywhere='strcpy|strcat|v?sprintf|strtok|ato[il]|gets|alloca|system|popen|s?rand|strerror|localtime'
    local memory='malloc|calloc|realloc|free|strn?dup|v?asprintf'
    local file names
    grep -lE "[^a-zA-Z0-9_]($everywhere|$memory)[ ]*\\(" "${code[@]}" "${tests[@]}" | while read -r file; do
        names="$everywhere|$memory"
        case $file in tests/* | server/base/arena.c | server/base/buf.c) names=$everywhere ;; esac
        bare <<<"$file" | grep -E "[^a-zA-Z0-9_]($names)[ ]*\\(" | sed 's/$/   (banned call)/' || true
    done
}

# Rule 5. Functions open with { and close with } in the first column.
sizes() {
    awk 'function whole() { if (lines > 500) print name ": " lines " lines, more than 500" }
        FNR == 1 { whole(); start = 0; name = FILENAME }
        { lines = FNR }
        /^{/ { start = FNR }
        /^}/ && start { if (FNR - start - 1 > 60)
            print FILENAME ":" start ": function of " FNR - start - 1 " lines, more than 60"; start = 0 }
        END { whole() }' "${code[@]}" "${tests[@]}"
}

# A struct whose shape nobody sees at once: what belongs together stands in a struct within it.
members() { printf '%s\n' "${code[@]}" | bare | awk -v most=25 -f scripts/members.awk; }

# One style of braces, where no formatter can do it (InsertBraces is clang-format 15's): what if, for, while and else control
# stands in braces, in the product; tests may leave them out.
braces() {
    printf '%s\n' "${code[@]}" | bare | awk '
        function controlled(s) { return s ~ /^ *(} )?else$/ || (s ~ /^ *(} else )?(if|for|while) ?\(.*\)$/) }
        { where = $1; text = $0; sub(/^[^ ]+ /, "", text); sub(/[ \t]+$/, "", text) }
        /^[^ ]+ *#/ { next } # directives
        held != "" { text = held " " text; where = from }
        {
            held = ""
            if (text ~ /^ *(} )?(else )?(if|for|while) ?\(/ && gsub(/\(/, "(", text) > gsub(/\)/, ")", text)) { held = text; from = where; next }
            if (controlled(text)) print where " " text "   (without braces)"
        }'
}

unfinished() {
    grep -nEH 'TODO|FIXME' "${code[@]}" "${tests[@]}" "${shell[@]}" Makefile | grep -v '^scripts/lint.sh:' |
        sed 's/$/   (unfinished)/' || true
}

# needs TOOL: false, and says so, when it is not installed.
needs() {
    command -v "$1" >/dev/null || {
        echo "lint: skipped: $1 is not installed" >&2
        return 1
    }
}

format() {
    needs clang-format-14 || return 0 # another version would format differently
    { printf '%s\n' "${code[@]}" "${tests[@]}" | many clang-format-14 --dry-run -Werror 2>&1 || true; } |
        sed -n 's/^\([^ :]*\):[0-9].*/\1: not formatted (make format)/p' | sort -u
}

shells() {
    needs shellcheck || return 0
    printf '%s\n' "${shell[@]}" | many shellcheck -x -S warning -f gcc | sort || true
}

# What begins with #! is a program, and what does not is sourced: a target that names a script runs it as it is.
modes() {
    local file first
    for file in "${shell[@]}"; do
        read -rn2 first <"$file" || true
        if [ "$first" = '#!' ]; then
            [ -x "$file" ] || echo "$file: begins with #! and is not executable"
        elif [ -x "$file" ]; then
            echo "$file: is executable and does not begin with #!"
        fi
    done
}

# What an image copies goes to its builder: .dockerignore, which keeps all else back, lets it or a folder above it through.
builder() {
    awk 'FILENAME == ".dockerignore" { if (sub(/^!/, "")) through[$0] = 1; next }
        function is_through(path) {
            while (!(path in through) && sub(/\/[^\/]*$/, "", path)) { }
            return path in through
        }
        /^COPY / && !/--from=/ {
            for (i = 2; i < NF; i++)
                if ($i !~ /^--|\$/ && !is_through($i)) print FILENAME ":" FNR ": .dockerignore keeps " $i " from the builder"
        }' .dockerignore docker/Dockerfile*
}

# Scripts that an operator may run on a Mac, under bash 3.2 and BSD tools: all but those of the build machine.
portable() {
    local file regex why
    grep -v '^#' scripts/portable.tsv | cut -f1 >"$findings.regex"
    for file in scripts/*.sh docker/*.sh; do
        case $file in
        scripts/check.sh | scripts/docs.sh | scripts/lint.sh | scripts/run.sh | scripts/install-deps.sh | scripts/llhttp.sh | scripts/sbom.sh | scripts/first.sh | scripts/release-*.sh | scripts/cov.sh) continue ;;
        esac
        [ -e "$file" ] || continue
        awk -f scripts/portable.awk "$file" | sed "s|^|$file:|"
        # without whole-line comments and rightly guarded arrays; line numbers kept
        sed -E 's/^[[:space:]]*#.*//; s/\$\{([A-Za-z_0-9]+)\[@\]\+"\$\{\1\[@\]\}"\}//g' "$file" >"$findings.bare"
        grep -qE -f "$findings.regex" "$findings.bare" || continue
        while IFS=$'\t' read -r regex _ why; do
            grep -nE -- "$regex" "$findings.bare" | sed "s|^\([0-9]*\):\(.*\)|$file:\1: \2   (${why//&/\\&})|" || true
        done < <(grep -v '^#' scripts/portable.tsv)
    done
    rm -f "$findings.bare" "$findings.regex"
}

all=(order circles nouns private_headers readmes third_party own_header_first headers_alone banned_calls sizes members braces unfinished format modes builder shells portable)
[ $# -eq 0 ] && set -- "${all[@]}"
for check in "$@"; do
    [[ " ${all[*]} " == *" $check "* ]] || {
        echo "lint: no check $check: ${all[*]}" >&2
        exit 2
    }
    "$check" >>"$findings"
done
cat "$findings"
grep -nE 'Rule [0-9]+:' "${code[@]}" | sed 's/^/broken on purpose: /' || true
count=$(grep -vc 'warning:' "$findings" || true)
echo "lint: $count findings, $(grep -c 'warning:' "$findings" || true) warnings in $((${#code[@]} + ${#tests[@]})) files"
[ "$count" -eq 0 ]
