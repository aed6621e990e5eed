#!/usr/bin/env bash
# Heads that never become whole: by FIN, by HEADER_TIMEOUT, by RST, on first and on later requests. One by one, then
# HEADS_RATE (500) a second for HEADS_SECONDS (3) beside a client that asks for /health: no worker may end.
# The figures of a quiet machine: HEADS_SECONDS=20 HEADS_P99_MS=50 tests/system/run.sh 12_heads
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

tool=$BUILD/half-heads
[ -x "$tool" ] || tool=$ROOT/build/half-heads
[ -x "$tool" ] || {
    fail "half-heads is missing: make"
    finish
}

# half NAME STATUS TEXT BYTES: left lying; answered with this status, in this dialect, then closed
half() {
    local answer
    answer=$(raw "$4")
    expect "$1" "$(grep -oE 'HTTP/1\.1 [0-9]+' <<<"$answer" | tail -1 | cut -d' ' -f2)" "$2"
    expect_match "$1: dialect" "$(tail -n 1 <<<"$answer")" "$3"
    expect_match "$1: closes" "$answer" '^[Cc]onnection: close'
}

start_mock
start_server HEADER_TIMEOUT=1
first='GET /health HTTP/1.1\r\nHost: a\r\nx: 1\r\n\r\n'
chat='POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n'
anthropic='^\{"type":"error","error":\{"type":"(timeout|invalid_request)_error"'
openai='^\{"error":\{"message":'

half "by time" 408 "$openai" "$chat"
half "by time, second request" 408 "$openai" "$first$chat"
half "by time, second request, Messages" 408 "$anthropic" "${first}POST /v1/messages HTTP/1.1\r\nHost: a\r\n"

rate=${HEADS_RATE:-500}
seconds=${HEADS_SECONDS:-3}
figures=$("$tool" "$PORT" "$rate" "$seconds")
echo "  $figures"
expect "heads ended by FIN or time have the right answer" "$(jq .wrong <<<"$figures")" 0
expect_true "they were many" test "$(jq .heads <<<"$figures")" -ge $((rate * seconds * 9 / 10))
expect_true "by FIN" test "$(jq .answered_400 <<<"$figures")" -ge $((rate * seconds / 3))
expect_true "by time" test "$(jq .answered_408 <<<"$figures")" -ge $((rate * seconds / 6))
expect "no connection is left" "$(jq .open <<<"$figures")" 0
expect "every probe of /health was answered" "$(jq .lost <<<"$figures")" 0
expect_below "/health, p99 in ms" "$(jq '.p99_us / 1000 | ceil' <<<"$figures")" "${HEADS_P99_MS:-$((1000 * SLOW))}"
expect "no worker ended" "$(grep -cE 'starting it again' "$T/server.log")" 0
call /health
expect "served afterwards" "$CODE" 200
finish
