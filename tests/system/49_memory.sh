#!/usr/bin/env bash
# The heap of a worker stays with it while it has work, so that a large request does not fetch its pages anew each time,
# and goes back to the system when nothing has come for some seconds.
. "$(dirname "$0")/lib.sh"

case $BUILD in */asan)
    skip "the sanitizers' allocator has rules of its own"
    finish
    ;;
esac

faults() { sed 's/.*) //' "/proc/$(processes '^worker' | head -1)/stat" | awk '{ print $8 }'; } # minor ones, since it began
private_kb() { awk '/^Private_(Clean|Dirty):/ { sum += $2 } END { print sum }' "/proc/$(processes '^worker' | head -1)/smaps_rollup"; }

start_mock
start_server WORKERS=1
make_key memory
{
    printf '{"model":"%s","max_tokens":100,"messages":[{"role":"user","content":"' "$MODEL"
    head -c 5000000 /dev/zero | tr '\0' y
    printf '"}]}'
} >"$T/big.json"
big() {
    for _ in $(seq "$1"); do
        curl -sS -o "$T/body" -H "x-api-key: $KEY" -H 'content-type: application/json' --data-binary "@$T/big.json" \
            -w '%{http_code}\n' "$URL/v1/messages"
    done | sort -u
}

before=$(private_kb)
expect "large requests are answered" "$(big 10)" 200
warm=$(faults)
expect "more of them are" "$(big 20)" 200
each=$((($(faults) - warm) / 20))
busy=$(private_kb)
echo "  $each page faults a request of 5 MB; private memory $before, then $busy KiB"
expect_below "page faults of a large request among others" "$each" 20

given_back() { [ "$(private_kb)" -lt $((before + (busy - before) / 2)) ]; }
eventually 15 given_back
expect "the heap goes back when nothing comes" "$?" 0
echo "  $(private_kb) KiB after the pause"
expect "and it serves on" "$(big 1)" 200
finish
