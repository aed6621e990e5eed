#!/usr/bin/env bash
# kill -9 of each process, and orderly ends with open streams.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

children() { cat "/proc/$SERVER_PID/task/$SERVER_PID/children"; }
count_children() { children | wc -w; }
stream_in() { # FILE: an open stream
    curl -sN --max-time 30 -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages" >"$1"
}
# respawn PID: milliseconds until a process that was not there before replaces it
respawn() {
    local before begin pid
    before=" $(children) "
    begin=$(now_ms)
    kill -KILL "$1"
    until [ "$(count_children)" -eq 3 ] && [[ " $(children) " != *" $1 "* ]]; do
        [ $(($(now_ms) - begin)) -lt 5000 ] || break
    done
    echo $(($(now_ms) - begin))
    for pid in $(children); do
        [[ $before == *" $pid "* ]] || return 0
    done
}

start_mock
start_server
make_key alice
eventually $((5 * SLOW)) all_ready
expect "processes" "$(count_children)" 3

# a worker: its own connections break, everybody else's go on, and it is back at once
streams=()
script tokens-200,pace-20 3
for i in 1 2 3; do
    : >"$T/stream.$i"
    stream_in "$T/stream.$i" &
    streams+=($!)
done
eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T"/stream.[123]
curl -s -o /dev/null -w '%{http_code}\n' --retry 0 "$URL/health?[1-300]" >"$T/load" &
load=$!
run -- top --pid "$SERVER_PID" --output json # the one with fewer of them, at least one where both have some
read -r victim victims < <(jq -r '[.processes[] | select(.name | test("^worker"))] | sort_by(.streams)[0] | "\(.pid) \(.streams)"' "$T/out")
took=$(respawn "$victim")
echo "  worker respawned after $took ms"
expect_below "respawn, ms" "$took" $((3000 * SLOW))
expect_match "the master did not wait" "$(grep ' exit: worker' "$T/server.log")" 'was killed by SIGKILL.*; starting it again in 0 ms'
for _ in $(seq 20); do
    call /health
    [ "$CODE" = 200 ] || break
done
expect "new connections are served" "$CODE" 200
wait "$load" "${streams[@]}"
ended=$(grep -l '^event: message_stop' "$T"/stream.* | wc -l)
expect "streams of the other worker end well" "$ended" $((3 - victims))
for file in "$T"/stream.*; do
    grep -q '^event: message_stop' "$file" || expect_no_match "a cut stream has no false end" "$(tail -c 300 "$file")" 'message_stop'
done
ask "$(message hi)"
expect "requests go on" "$CODE" 200

# the refresher: nobody notices
took=$(respawn "$(processes '^refresher')")
echo "  refresher respawned after $took ms"
expect_below "respawn, ms" "$took" $((3000 * SLOW))
expect_match "the master did not wait" "$(grep ' exit: refresher' "$T/server.log")" 'was killed by SIGKILL.*; starting it again in 0 ms'
ask "$(message hi)"
expect "known key" "$CODE" 200
make_key bob
ask "$(message hi)"
expect "new key" "$CODE" 200

# SIGTERM with open streams: they finish, then the exit code is 0
script tokens-150,pace-20 3
streams=()
for i in 1 2 3; do
    stream_in "$T/drain.$i" &
    streams+=($!)
done
for i in 1 2 3; do eventually $((5 * SLOW)) grep -q content_block_delta "$T/drain.$i"; done
kill -TERM "$SERVER_PID"
expect_true "no new connections" eventually 2 bash -c "! curl -s -o /dev/null --max-time 10 $URL/health"
wait "$SERVER_PID"
expect "SIGTERM: exit code" "$?" 0
SERVER_PID=
wait "${streams[@]}"
for i in 1 2 3; do
    expect "drained stream $i" "$(grep -c '^event: message_stop' "$T/drain.$i")" 1
done

# ... and when they do not finish in time they are told
start_server SHUTDOWN_TIMEOUT=1
script tokens-1000,pace-20
: >"$T/late"
stream_in "$T/late" &
client=$!
eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T/late"
begin=$(now_ms)
stop_server
expect "drain time over: exit code" "$CODE" 0
expect_below "drain time over: ms" $(($(now_ms) - begin)) $((12000 * SLOW)) # of 20 s that the stream has
wait "$client"
expect_match "drain time over: the client is told" "$(tail -3 "$T/late")" '"type":"error"'
expect_no_match "drain time over: no false end" "$(cat "$T/late")" 'message_stop'

# a second SIGTERM: at once
start_server SHUTDOWN_TIMEOUT=20
script tokens-2000,pace-20
: >"$T/hurry"
stream_in "$T/hurry" &
client=$!
eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T/hurry"
heard() { [ "$(grep -c ' stop: SIGTERM' "$T/server.log")" -gt "$1" ]; }
stops=$(grep -c ' stop: SIGTERM' "$T/server.log")
begin=$(now_ms)
kill -TERM "$SERVER_PID"
eventually 5 heard "$stops" # two at once would be one
kill -TERM "$SERVER_PID"
wait "$SERVER_PID"
expect "second SIGTERM: exit code" "$?" 0
SERVER_PID=
expect_below "second SIGTERM: ms" $(($(now_ms) - begin)) $((12000 * SLOW)) # not SHUTDOWN_TIMEOUT, 20 s
wait "$client"
expect_no_match "second SIGTERM: no false end" "$(cat "$T/hurry")" 'message_stop'

# the master: no orphan, and the port is free for the next
start_server SHUTDOWN_TIMEOUT=2
orphans=$(children)
kill -KILL "$SERVER_PID"
wait "$SERVER_PID" 2>/dev/null
SERVER_PID=
for pid in $orphans; do
    eventually $((5 * SLOW)) is_gone "$pid"
    expect "orphan $pid is gone" "$?" 0
done
start_server
ask "$(message hi)"
expect "the next master serves" "$CODE" 200
finish
