#!/usr/bin/env bash
# No signal cuts a client: strict clients that never try again (tests/torture/strict.c), 20 kept connections without
# think time, and open streams, while the server is told to reload, to stop, to be replaced, in any mixture.
# SIGNALS=full: the long form (make torture), else one of some ten seconds.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "${SIGNALS:-}" = full ]; then
    RELOADS=3 STORM=100 STOPS=10 UPGRADES=4 DEATHS=3 MIXED=267 STREAM_MS=4000 PAUSE=1500 DELAY=4 STOP_AT='before after'
else
    RELOADS=1 STORM=10 STOPS=1 UPGRADES=1 DEATHS=1 MIXED=20 STREAM_MS=1000 PAUSE=300 DELAY=4 STOP_AT=before
fi
CLIENTS=()

master() { cat "$T/state/master.pid" 2>/dev/null; }
said() { [ "$(grep -cE "$1" "$T/server.log")" -ge "$2" ]; }
told() { grep -cE "$1" "$T/server.log"; }

# --- load --------------------------------------------------------------------------------------------------

# Twenty: a quarter asks Bedrock; three think for a while, but never for as long as a drain leaves them (2 s).
clients() { # NAME [options]: more of them, of another kind
    "$BUILD/strict" 127.0.0.1 "$PORT" --kept 12 "${@:2}" >"$T/$1.plain" 2>"$T/$1.losses" &
    CLIENTS=("$!")
    "$BUILD/strict" 127.0.0.1 "$PORT" --kept 3 --pause "$PAUSE" "${@:2}" >"$T/$1.thinking" 2>>"$T/$1.losses" &
    CLIENTS+=("$!")
    "$BUILD/strict" 127.0.0.1 "$PORT" --kept 5 --request "$T/request" "${@:2}" >"$T/$1.asking" 2>>"$T/$1.losses" &
    CLIENTS+=("$!")
}
count() { sed 's/ /\n/g' "$T/$1.plain" "$T/$1.thinking" "$T/$1.asking" | awk -F= -v name="$2" '$1 == name { n += $2 } END { print n + 0 }'; }
clients_end() { # NAME: they go, and nothing was lost
    kill -TERM "${CLIENTS[@]}"
    wait "${CLIENTS[@]}"
    CLIENTS=()
    echo "  $1: $(count "$1" answered) answered, lost $(count "$1" lost_kept) of kept and $(count "$1" lost_fresh) of new connections," \
        "$(count "$1" closes) told to close, $(count "$1" refused) refused, $(count "$1" bad) not 200"
    expect_true "$1: there was load" test "$(count "$1" answered)" -gt 200
    expect "$1: lost on kept connections" "$(count "$1" lost_kept)" 0
    expect "$1: lost on new connections" "$(count "$1" lost_fresh)" 0
    head -3 "$T/$1.losses"
}

streams() { # NAME: twelve
    mock_reset
    script "tokens-$((STREAM_MS / 20)),pace-20" 12
    STREAMS=()
    for i in $(seq 12); do
        curl -sN --max-time 60 -H "x-api-key: $KEY" -H 'content-type: application/json' -d @"$T/stream" "$URL/v1/messages" >"$T/$1.$i" &
        STREAMS+=("$!")
    done
    for i in $(seq 12); do eventually $((5 * SLOW)) grep -q content_block_delta "$T/$1.$i"; done
}
streams_end() { # NAME: all twelve come to their good end
    wait "${STREAMS[@]}"
    expect "$1: streams that ended well" "$(grep -l '^event: message_stop' "$T/$1".[0-9]* | wc -l)" 12
}

# --- what is done to the server -------------------------------------------------------------------------------

serve() { start_server SHUTDOWN_TIMEOUT=20 RATE_LIMIT_ENABLED=false "$@"; }
end_of() { # PID: of any of our masters
    eventually $((30 * SLOW)) is_gone "$1" || fail "process $1 does not end"
    wait "$1" 2>/dev/null
}

reloads() {
    local n
    clients reloads
    for n in $(seq "$RELOADS"); do
        sleep 0.3
        kill -HUP "$SERVER_PID"
        eventually $((5 * SLOW)) said ' reload: done' "$n"
    done
    sleep 0.5
    clients_end reloads
    expect "reloads: not 200" "$(count reloads bad)" 0
}

# Ten a second. Each is asked for while another is under way: done once, after it.
storm() {
    local before
    before=$(told ' reload: done')
    clients storm
    for _ in $(seq "$STORM"); do
        kill -HUP "$SERVER_PID"
        sleep 0.1
    done
    sleep 0.5
    clients_end storm
    echo "  storm: $STORM signals, $(($(told ' reload: done') - before)) reloads"
    expect "storm: not 200" "$(count storm bad)" 0
    eventually $((10 * SLOW)) said ' reload: done' $((before + 2))
    expect_true "storm: reloads were done" test $(($(told ' reload: done') - before)) -ge 2
    echo 'ENVIRONMENT=staging' >"$T/.env" # the last of them is not forgotten
    kill -HUP "$SERVER_PID"
    eventually $((10 * SLOW)) bash -c "[ \"\$(curl -fs $URL/health | jq -r .environment)\" = staging ]"
    expect "storm: the newest settings" "$?" 0
    rm "$T/.env"
}

stops() {
    local pid
    clients stops
    for _ in $(seq "$STOPS"); do
        sleep 0.4
        pid=$SERVER_PID
        kill -TERM "$pid"
        wait "$pid"
        expect "stops: exit code" "$?" 0
        serve
    done
    sleep 0.3
    clients_end stops
}

# As behind a load balancer: who asks /health hears of the end while everybody is still served.
ends() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$URL/health")" = 503 ]; }
delayed_stops() {
    local begin
    stop_server
    serve SHUTDOWN_DELAY="$DELAY"
    clients delayed --fresh 2 --balanced
    for _ in $(seq "$((STOPS > 5 ? STOPS : 1))"); do
        sleep 0.4
        kill -TERM "$SERVER_PID"
        begin=$(now_ms)
        eventually $((2 * SLOW)) ends
        expect "delay: health" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/health")" 503
        expect "delay: ready" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/ready")" 503
        ask "$(message hi)"
        expect "delay: a new connection is served" "$CODE" 200
        wait "$SERVER_PID"
        expect "delay: exit code" "$?" 0
        expect_true "delay: it was waited for" test $(($(now_ms) - begin)) -ge $((DELAY * 1000))
        serve SHUTDOWN_DELAY="$DELAY"
    done
    sleep 0.3
    clients_end delayed
    expect "delay: refused" "$(count delayed refused)" 0
    stop_server
    serve
}

upgrades() {
    local n old
    clients upgrades
    for n in $(seq "$UPGRADES"); do
        sleep 0.3
        old=$SERVER_PID
        kill -USR2 "$old"
        eventually $((15 * SLOW)) said ' upgrade: ready: process .* may go' "$n" || fail "upgrade $n"
        SERVER_PID=$(master)
        end_of "$old"
    done
    sleep 0.3
    clients_end upgrades
    expect "upgrades: not 200" "$(count upgrades bad)" 0
    expect "upgrades: refused" "$(count upgrades refused)" 0
}

# Whoever stops the old program while the new one takes over asks once; that the new one asks, too, cuts nothing.
upgrade_and_stop() {
    local n old when
    for when in $STOP_AT; do
        old=$SERVER_PID
        n=$(told ' upgrade: ready')
        streams "$when"
        kill -USR2 "$old"
        [ $when = before ] && eventually $((5 * SLOW)) said ' upgrade: the new program starts' $((n + 1)) && kill -TERM "$old"
        eventually $((15 * SLOW)) said ' upgrade: ready: process .* may go' $((n + 1)) || fail "upgrade, SIGTERM $when it"
        SERVER_PID=$(master)
        [ $when = after ] && kill -TERM "$old"
        streams_end "$when"
        end_of "$old"
        ask "$(message hi)"
        expect "upgrade, SIGTERM $when it: the new program serves" "$CODE" 200
    done
}
new_master() { # one that is our child
    kill -TERM "$SERVER_PID"
    end_of "$SERVER_PID"
    serve
}

deaths() {
    clients deaths
    for _ in $(seq "$DEATHS"); do
        sleep 0.4
        kill -KILL "$SERVER_PID"
        wait "$SERVER_PID" 2>/dev/null
        serve
    done
    sleep 0.3
    clients_end deaths
}

# SIGTERM while the workers of before still drain, and to each process by itself, as systemd does with a service's
# group: what they have begun they finish, and it is on record.
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" 'SELECT count(*) FROM usage WHERE stream = 1 AND success = 1'; }
reload_then_stop() {
    local n rows
    n=$(told ' reload: done')
    rows=$(rows)
    streams twice
    kill -HUP "$SERVER_PID"
    eventually $((5 * SLOW)) said ' reload: done' $((n + 1))
    sleep 0.5
    # shellcheck disable=SC2046
    kill -TERM $(cat "/proc/$SERVER_PID/task/$SERVER_PID/children") "$SERVER_PID"
    wait "$SERVER_PID"
    expect "SIGHUP, then SIGTERM: exit code" "$?" 0
    streams_end twice
    expect "SIGHUP, then SIGTERM: usage rows" "$(rows)" $((rows + 12))
    serve
}

# Never a successor, which is a child, too: that would ask the service itself to stop.
a_worker_of() {
    local child
    for child in $(cat "/proc/$1/task/$1/children"); do
        [[ $(cat "/proc/$child/comm") != "llm-api worker"* ]] || { echo "$child" && return; }
    done
}

# Anything but "stop" twice, to the master and to workers; the order is the same in each run.
mixture() {
    local i pid begin ahead
    streams mixture
    clients mixture
    RANDOM=$MIXED
    begin=$(now_ms)
    for i in $(seq "$MIXED"); do
        read -r pid <"$T/state/master.pid" || continue
        case $((RANDOM % 8)) in
        0 | 1 | 2) kill -HUP "$pid" ;;
        3 | 4) kill -USR2 "$pid" ;;
        5) kill -USR1 "$pid" ;;
        6) kill -CONT "$pid" ;;
        7) [ $((i % 4)) -ne 0 ] || kill -TERM "$(a_worker_of "$pid")" ;;
        esac 2>/dev/null
        ahead=$((begin + i * 45 - $(now_ms)))
        [ $ahead -lt 1 ] || sleep "0.$(printf '%03d' "$ahead")"
    done
    begin=$(($(now_ms) - begin))
    sleep 1
    streams_end mixture
    clients_end mixture
    echo "  mixture: $MIXED signals in $begin ms, $(told ' reload: done') reloads and $(told 'upgrade: ready') upgrades in all"
    expect "mixture: not 200" "$(count mixture bad)" 0
    expect "mixture: refused" "$(count mixture refused)" 0
    SERVER_PID=$(master)
    ask "$(message hi)"
    expect "mixture: it serves" "$CODE" 200
}

start_mock
serve
make_key alice
message hi '{"stream":true}' >"$T/stream"
message hi | tr -d '\n' >"$T/message"
printf 'POST /v1/messages HTTP/1.1\r\nHost: strict\r\nx-api-key: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s' \
    "$KEY" "$(wc -c <"$T/message")" "$(cat "$T/message")" >"$T/request"
for scenario in ${SCENARIOS:-reloads storm stops delayed_stops deaths reload_then_stop upgrades upgrade_and_stop new_master mixture}; do
    $scenario
done
pid=$(master)
kill -TERM "$pid"
end_of "$pid"
SERVER_PID=
finish
