#!/usr/bin/env bash
# The heap of a worker stays with it while it has work, so that a large request does not fetch its pages anew each time,
# and goes back to the system when nothing has come for some seconds. What an open stream costs, small and with a long prompt.
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
stop_server
PORT=

# open COUNT BYTES: so many streams are open, with a word each second; each_kb is what one costs with a prompt of that length
open() {
    local count=$1 body quiet
    printf -v body '{"model":"%s","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"x%0*d"}]}' "$MODEL" "$2" 0
    printf '%s' "$body" >"$T/body.json"
    start_server WORKERS=1 RATE_LIMIT_ENABLED=false
    make_key streams
    mock_reset
    script tokens-30,pace-1000 $((count + 1))
    printf 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Length: %d\r\n\r\n%s' "$KEY" "${#body}" "$body" >"$T/request"
    ask_until '^event: message_start' "@$T/body.json" # what the first one costs is nobody's
    expect "it is a stream" "$CODE" 200
    quiet=$(private_kb)
    rm -f "$T/hold" && mkfifo "$T/hold"
    "$BUILD/stuck-readers" 127.0.0.1 "$PORT" "$T/request" "$count" <"$T/hold" >"$T/stuck" &
    exec {holder}>"$T/hold"
    eventually 10 grep -q open "$T/stuck"
    expect "$count streams are open" "$?" 0
    sleep 6 # what opening them has left goes back
    each_kb=$((($(private_kb) - quiet) / count))
    exec {holder}>&-
    stop_server
    PORT=
}

open 500 1
echo "  $each_kb KiB a stream"
expect_below "KiB of an open stream" "$each_kb" 26
open 30 500000
echo "  $each_kb KiB a stream with a prompt of 488 KiB"
expect_below "KiB of a stream with a long prompt, whose body is not held twice" "$each_kb" 700
finish
