#!/usr/bin/env bash
# Writes scripts/first.txt anew: what the release program runs of its code while it starts (embedded store, two workers),
# answers /health and /ready, waits some seconds and ends. For the linker (scripts/first.awk): only memory hangs on it, so an
# old list is a little worse and never wrong. Needs valgrind, and a program that make release PLATFORM=amd64 has linked with
# its symbols: make release PLATFORM=amd64 RELEASE_STRIP= .
# usage: scripts/first.sh PROGRAM
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
NAME=first
program=$(realpath "${1:?usage: scripts/first.sh PROGRAM}")
need valgrind "apt-get install valgrind"
need nm "apt-get install binutils"
[ "$(nm "$program" 2>/dev/null | wc -l)" -gt 0 ] || die "$program has no symbols"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 777 "$work"

# Not as root changed to another user, who could not write what valgrind has counted; a filter would end valgrind's own calls.
export SANDBOX=off ALLOW_ROOT=true RUN_AS_USER=root STATE_DIR=$work/state STORAGE_BACKEND=sqlite HOST=127.0.0.1 PORT=${PORT:-18190} \
    LOG_LEVEL=warn WORKERS=2 AWS_REGION=us-west-2 AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=none AWS_EC2_METADATA_DISABLED=true
"$program" create-api-key -u first -n first >/dev/null
valgrind -q --tool=callgrind --callgrind-out-file="$work/calls.%p" "$program" >"$work/log" 2>&1 &
pid=$!
for ((i = 0; i < 300; i++)); do
    sleep 0.2
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/ready")" != 200 ] || break
done
curl -sf -o /dev/null "http://127.0.0.1:$PORT/health" || die "$program does not answer: $(tail -3 "$work/log")"
sleep 5
kill "$pid"
wait "$pid" || true

# fn=(12) name, with the compiler's endings of parts and copies
cat "$work"/calls.* | sed -nE "s/^c?fn=\([0-9]+\) ([A-Za-z_][A-Za-z_0-9]*).*/\1/p" | sort -u >"$work/names"
libc=$(gcc -print-file-name=libc.a)
{
    sed -n '/^#/p' "$ROOT/scripts/first.txt"
    # the C library's objects have one section each
    nm -A --defined-only "$libc" 2>/dev/null | awk 'FNR == NR { run[$1] = 1; next }
        $2 ~ /^[TWi]$/ && $3 in run { split($1, part, ":"); if (!seen[part[2]]++) print part[2]; delete run[$3] }
        END { for (name in run) print name }' "$work/names" - | LC_ALL=C sort
} >"$work/first.txt"
mv "$work/first.txt" "$ROOT/scripts/first.txt"
say "$(grep -vc '^#' "$ROOT/scripts/first.txt") lines in scripts/first.txt"
