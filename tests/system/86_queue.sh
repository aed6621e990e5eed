#!/usr/bin/env bash
# Fair waiting while Bedrock throttles: turns fair to keys over 2 and 4 workers, pings, every end of a wait, QUEUE_MAX, limits and
# rows that stay exact under kill -9 and reload. KEYS (50), SECONDS_EACH (5): of the measure of fairness.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

KEYS=${KEYS:-50}
SECONDS_EACH=${SECONDS_EACH:-5}
DB=$T/state/keys.db
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
metric() { call /metrics && sed -n "s/^llm_api_converter_$1 \(.*\)/\1/p" "$T/body"; }
waits() { [ "$(metric queue_waiting)" = "$1" ]; }
# send NAME BODY [curl options...]: in the background; what comes of it in $T/NAME.*
send() {
    local name=$1 body=$2
    shift 2
    curl -sSN -o "$T/$name.body" -D "$T/$name.head" -w '%{http_code}' --max-time 60 -H "x-api-key: $KEY" -H 'content-type: application/json' \
        -H "x-request-id: $name" --data-binary "$body" "$@" "$URL/v1/messages" >"$T/$name.code" 2>/dev/null &
    SENT=$!
    ALL+=($!)
}
ALL=()
# all that were sent have come back
back() {
    wait "${ALL[@]}"
    ALL=()
}
code() { cat "$T/$1.code"; }
head_of() { sed -n "s/^$2: *\([^[:space:]]*\).*/\1/Ip" "$T/$1.head"; }
line() { logged "$1" | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }

start_mock
start_server RATE_LIMIT_ENABLED=false METRICS_TOKEN=off WORKERS=2 PING_SECONDS=1
make_key alice
script throttle 0
ask "$(message hi)"
expect "without QUEUE_SECONDS nobody waits" "$CODE $(header x-converter-waited-ms) $(header retry-after)" "429  2"
stop_server

# --- who is throttled by an exception behind a 200 has had its turn, and waits for the next one
start_server RATE_LIMIT_ENABLED=false WORKERS=1 QUEUE_SECONDS=3
mock_reset
script stream-throttle-0 0
ask "$(message hi '{"stream":true}')"
expect "throttled behind a 200 all the time" "$CODE" 429
expect_below "how often Bedrock was asked meanwhile" "$(ledger .requests)" 60
mock_reset
stop_server

# --- who finds no room has not waited
start_server RATE_LIMIT_ENABLED=false METRICS_TOKEN=off WORKERS=1 QUEUE_SECONDS=40 QUEUE_MAX=1
script throttle 0
send room "$(message hi)"
expect_true "it waits" eventually 5 waits 1
ask "$(message hi)"
expect_match "there is no room for another" "$CODE $(cat "$T/body")" '^429 .*QUEUE_MAX'
mock_reset
back
eventually 2 eval '[ "$(metric queue_wait_seconds_count)" = 1 ]'
expect "one has waited" "$(metric requests_queued_total) $(metric queue_wait_seconds_count)" "1 1"
stop_server

# --- what becomes of those who wait
start_server RATE_LIMIT_ENABLED=false METRICS_TOKEN=off WORKERS=2 PING_SECONDS=1 QUEUE_SECONDS=14 QUEUE_MAX=8 MAX_REQUEST_SECONDS=40
mock_reset
script throttle 0
send whole "$(message hi)"
send stream "$(message hi '{"stream":true}')"
send gone "$(message hi)"
expect_true "they wait" eventually 5 waits 3
sleep 1
kill "$SENT"
expect_true "who leaves waits no more" eventually 5 waits 2
mock_reset
back
expect "answered when there is room" "$(code whole) $(code stream) $(grep -c '^event: message_stop' "$T/stream.body")" "200 200 1"
expect_match "the wait is in a header" "$(head_of whole x-converter-waited-ms)" '^[0-9]{3,5}$'
expect "it is in the log" "$(line whole waited_ms)" "$(head_of whole x-converter-waited-ms)"
expect "of who left, too" "$(line gone status) $(($(line gone waited_ms) > 500))" "499 1"
expect_true "nobody waits" eventually 2 waits 0
expect "three have" "$(metric requests_queued_total) $(metric queue_wait_seconds_count)" "3 3"

# the 200 of a stream does not wait for the turn, nor for ever; its refusal is an event then
script throttle 0
send long "$(message hi '{"stream":true}')"
send short "$(message hi)"
wait $SENT
expect "too long: 429 with a time" "$(code short) $(($(head_of short retry-after) >= 1))" "429 1"
expect_match "and in words" "$(cat "$T/short.body")" 'QUEUE_SECONDS'
expect_true "it has waited QUEUE_SECONDS" test "$(line short waited_ms)" -ge 13000
back
expect "the stream gets the same" "$(code long)" 429
metric 'refusals_total{reason="queue"}' >"$T/refused"
expect "counted as refused" "$(cat "$T/refused")" 2
mock_reset

# --- no more than QUEUE_MAX: four in each of two workers; who has the most before it gives way
GREEDY=$KEY
make_key bob
BOB=$KEY
KEY=$GREEDY
script throttle 0
for i in $(seq 20); do send "greedy$i" "$(message hi)"; done
full() { [ "$(metric queue_waiting)" -le 8 ] && [ "$(cat "$T"/greedy*.code | grep -o 429 | wc -l)" -ge 12 ]; }
expect_true "no more than QUEUE_MAX wait" eventually 8 full
KEY=$BOB
send bob "$(message hi)"
BOBS=$SENT
sleep 2.5
expect "another key has room" "$(code bob)" ""
mock_reset
wait $BOBS
expect "and its turn" "$(code bob)" 200
back
KEY=$GREEDY

# --- concurrency stays held while a request waits, and is given back
make_key one --max-concurrency 1
script throttle 0
send holder "$(message hi)"
expect_true "it waits" eventually 5 waits 1
ask "$(message hi)"
expect "the key has no second request" "$CODE" 429
expect_json "for that reason" '.error.message | test("at the same time")' true
mock_reset
back
expect "the first is answered" "$(code holder)" 200
ask "$(message hi)"
expect "then there is room" "$CODE" 200

# --- kill -9 of a worker: who waited in it is gone, the others have their turn; a row each
make_key carol
script throttle 0
for i in 1 2 3 4 5 6; do send "kill$i" "$(message hi)"; done
expect_true "they wait" eventually 5 waits 6
run -- top --pid "$SERVER_PID" --output json # the one in which fewer wait: the other has some
pid=$(jq '[.processes[] | select(.name | test("^worker"))] | sort_by(.connections)[0].pid' "$T/out")
kill -KILL "$pid"
eventually $((5 * SLOW)) is_gone "$pid"
mock_reset
back
answered=$(cat "$T"/kill*.code | grep -o 200 | wc -l)
expect_true "those of the other are answered ($answered)" test "$answered" -ge 1
all() { [ "$(rows "SELECT count(*) FROM usage WHERE request_id LIKE 'kill%'")" = 6 ]; }
expect_true "a row each" eventually 5 all
expect "good ones" "$(rows "SELECT count(*) FROM usage WHERE request_id LIKE 'kill%' AND success = 1")" "$answered"
expect_true "nobody waits" eventually 2 waits 0

# --- reload: the old workers' waiters are told to come again, new ones wait in the new
script throttle 0
send old "$(message hi)"
expect_true "it waits" eventually 5 waits 1
kill -HUP "$SERVER_PID"
back
expect_match "told to come again" "$(code old) $(head_of old retry-after)" '^429 [12]$' # 2: Bedrock had just been asked
ask "$(message hi)" --max-time 1
expect_true "new ones wait" test "$CODE" = 000
stop_server

# --- fairness: KEYS keys of one connection each, the first of them greedy
fair() { # WORKERS
    local k pids=() n0 t0 t1
    start_server RATE_LIMIT_ENABLED=false METRICS_TOKEN=off QUEUE_SECONDS=60 WORKERS="$1"
    mock_reset
    script bucket-50 0
    drive() {
        exec timeout $((SECONDS_EACH + 20)) curl -s -o /dev/null -H "x-api-key: $(sed -n "$1p" "$T/keys")" -H 'content-type: application/json' --data-binary "@$T/ask" "$URL/v1/messages?[1-100000]"
    }
    for k in $(seq 2 "$KEYS") $(yes 1 | head -"$KEYS"); do
        drive "$k" &
        pids+=($!)
    done
    sleep 3
    n0=$(wc -l <"$T/server.log") t0=$(now_ms)
    sleep "$SECONDS_EACH"
    t1=$(now_ms)
    tail -n +$((n0 + 1)) "$T/server.log" | grep 'request: .* path=/v1/messages ' >"$T/lines"
    kill "${pids[@]}"
    wait "${pids[@]}"
    stop_server
    sed -n 's/.* status=\([0-9]*\) .* user=key\([0-9]*\) .* duration_ms=\([0-9.]*\) .*/\1 \2 \3/p' "$T/lines" |
        awk -v ms=$((t1 - t0)) -v keys="$KEYS" '
            $1 != 200 { bad++; next }
            { n++; if ($2 == 1) greedy++; else { if ($3 > most) most = $3; sum[$2] += $3; count[$2]++ } }
            END {
                share = keys * ms / n
                for (k in count) { served++; mean = sum[k] / count[k]; if (mean > worst) worst = mean }
                printf "%d %d %d %d %.0f %.0f %d\n", n, bad, greedy, 100 * worst / share, share, most, served
            }'
}
start_server
for k in $(seq "$KEYS"); do
    make_key "key$k"
    echo "$KEY"
done >"$T/keys"
message hi >"$T/ask"
stop_server
for workers in 2 4; do
    read -r answers bad greedy worst share most served < <(fair $workers)
    echo "  $workers workers, $KEYS keys, one with $KEYS connections: $answers answers, $greedy of them its; a fair share waits $share ms, the longest wait of another was $most ms, the longest of a key on average $worst % of the share"
    expect "$workers workers: nobody is refused" "$bad" 0
    expect_true "$workers workers: they are answered" test "$answers" -gt 50
    expect "$workers workers: every other key has its turn" "$served" $((KEYS - 1))
    expect_below "$workers workers: no key waits more than 1.5 of its share, in %" "$worst" 150
    expect_below "$workers workers: the greedy one has no more than its share, in %" $((100 * greedy * KEYS / answers)) 150
done

finish
