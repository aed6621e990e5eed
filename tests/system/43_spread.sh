#!/usr/bin/env bash
# Streams that begin together are spread over the workers, also while the machine is so busy that waking one takes long.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

ROUNDS=6
STREAMS=20

# The most connections that one of the two workers has.
most() {
    run -- top --pid "$SERVER_PID" --output json
    jq '[.processes[] | select(.name | test("^worker")) | .connections] | max' "$T/out"
}
all_there() {
    run -- top --pid "$SERVER_PID" --output json
    [ "$(jq '[.processes[] | select(.name | test("^worker")) | .connections] | add' "$T/out")" = "$1" ]
}

start_mock
start_server RATE_LIMIT_ENABLED=false
make_key alice
script tokens-4000,pace-20 0
body=$(message hi '{"stream":true}')
printf 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "$KEY" "${#body}" "$body" >"$T/request"
for _ in 1 2 3 4 5 6; do
    (while :; do :; done) & # ended by cleanup
    busy+=($!)
done
all=()
for _ in $(seq $ROUNDS); do
    rm -f "$T/hold" && mkfifo "$T/hold"
    "$BUILD/stuck-readers" 127.0.0.1 "$PORT" "$T/request" $STREAMS <"$T/hold" >"$T/stuck" &
    exec {holder}>"$T/hold"
    eventually $((10 * SLOW)) all_there $STREAMS || fail "not all $STREAMS connections are there"
    all+=("$(most)")
    exec {holder}>&-
    eventually $((10 * SLOW)) all_there 0 || fail "some connections stay"
done
kill "${busy[@]}"
echo "  connections of $STREAMS on one of two workers: ${all[*]}"
# a worker that does not get the machine in a whole burst takes nothing of it: the better four of six rounds count
expect_below "connections of $STREAMS on one of two workers" "$(printf '%s\n' "${all[@]}" | sort -n | sed -n 4p)" 14
stop_server

# A worker that has all the connections it may have lets the rest wait, and says so: once, not for each.
printf '#!/bin/sh\nulimit -n 200\nexec "%s" "$@"\n' "$PROGRAM" >"$T/few-files"
chmod +x "$T/few-files"
PROGRAM=$T/few-files
: >"$T/server.log"
start_server WORKERS=1
fds=()
for _ in $(seq 75); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    fds+=("$fd")
done
full() { [ "$(grep -c 'connections of clients are in use' "$T/server.log")" = 1 ]; }
eventually $((5 * SLOW)) full
expect "connections that have to wait are told of once" "$?" 0
expect_match "what to do is said" "$(grep 'are in use' "$T/server.log")" 'all 68 connections of clients are in use; others wait .*ulimit -n.*WORKERS'
for fd in "${fds[@]}"; do exec {fd}>&-; done
eventually $((5 * SLOW)) healthy
expect "it serves when they have gone" "$?" 0
finish
