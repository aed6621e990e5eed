#!/usr/bin/env bash
# A release server with four workers, socket-fuzz in front of it and the mock of Bedrock behind it; every three seconds
# a SIGHUP. A worker that dies is a failure.
# usage: tests/fuzz/sockets.sh SECONDS [SEED]     last line: "sockets: N passed, N failed"
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
NAME=sockets
seconds=${1:?usage: tests/fuzz/sockets.sh SECONDS [SEED]}
seed=${2:-$((RANDOM * 32768 + RANDOM))}

deaths() { grep -E 'was killed by SIG|ended with code|Assertion|giving up' "$T/server.log"; }

start_mock
start_server WORKERS=4 HEADER_TIMEOUT=1 KEEPALIVE_TIMEOUT=2 SHUTDOWN_TIMEOUT=3 \
    RATE_LIMIT_REQUESTS_PER_WINDOW=1000000 LOG_LEVEL=warn
make_key fuzz
(
    trap 'exit 0' TERM
    while sleep 3 && kill -HUP "$SERVER_PID" 2>/dev/null; do :; done
) &
reloads=$!
"$BUILD/socket-fuzz" --port "$PORT" --seed "$seed" --seconds "$seconds" --key "$KEY"
expect "socket-fuzz, seed $seed" $? 0
kill "$reloads" 2>/dev/null
expect "workers that died (seed $seed): $(deaths | head -3)" "$(deaths | wc -l)" 0
expect_true "the server answers" eventually 10 healthy
ask "$(message hello)"
expect "a good request afterwards" "$CODE" 200
stop_server
expect "it ends with code" "$CODE" 0
finish
