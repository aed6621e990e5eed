#!/usr/bin/env bash
# A crash that strangers can cause is no outage: workers are killed as soon as they serve, many a second, and whoever
# asks /health is answered. And what the log and `top` say about one that died. SIGNALS=full: for ten seconds.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

LONG=4 RATE=20 # seconds, kills a second: so many that back-off alone would be an outage even in the short form
[ "${SIGNALS:-}" != full ] || LONG=10 RATE=7

start_mock
start_server WORKERS=4
make_key alice

# --- one that dies with a request open
script tokens-200,pace-20 4
for i in 1 2 3 4; do
    curl -sN --max-time 20 -o "$T/stream.$i" -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages" &
done
for i in 1 2 3 4; do eventually $((5 * SLOW)) grep -q content_block_delta "$T/stream.$i"; done
run -- top --pid "$SERVER_PID" --output json
victim=$(jq -r '[.processes[] | select(.streams > 0)][0].pid' "$T/out")
kill -ILL "$victim"
eventually $((5 * SLOW)) is_gone "$victim"
eventually $((5 * SLOW)) grep -q ' exit: worker' "$T/server.log"
expect_match "the log tells signal and state" "$(cat "$T/server.log")" \
    ' exit: worker [1-4] was killed by SIGILL; its last exchange was in RELAY; starting it again in 0 ms'
run -- top --pid "$SERVER_PID" --once
expect_match "top tells it, too" "$(cat "$T/out")" 'worker [1-4] +0m0.s ago one was killed by SIGILL; its last exchange was in RELAY'
run -- top --pid "$SERVER_PID" --output json
expect "top as JSON" "$(jq -r '.deaths[0].exchange' "$T/out")" RELAY

# --- one after the other
python3 "$ROOT/tests/torture/outage.py" "$PROGRAM" "$SERVER_PID" 127.0.0.1 "$PORT" "$LONG" "$RATE" >"$T/outage" 2>"$T/outage.err"
echo "  outage: $(cat "$T/outage")"
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$T/outage"; }
expect "errors of the test itself" "$(cat "$T/outage.err")" ""
expect_true "workers were killed" test "$(value kills)" -ge $((LONG * RATE / 4))
expect_true "probes were made" test "$(value probes)" -ge $((LONG * 5))
expect "probes without an answer" "$(value failed)" 0
expect_true "the master goes on" is_running "$SERVER_PID"
ask "$(message hi)"
expect "requests go on" "$CODE" 200
stop_server
expect "exit code" "$CODE" 0
finish
