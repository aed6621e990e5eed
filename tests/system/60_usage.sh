#!/usr/bin/env bash
# Every request leaves exactly one row, with the tokens that Bedrock billed: after all kinds of ends, kill -9 of
# workers, the refresher and everything, and a store that goes away. COUNT (2): rounds of killing everything.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${COUNT:-2}
DB=$T/state/keys.db
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
usage_is() { [ "$(rows "SELECT count(*) FROM usage$2")" = "$1" ]; }
stored() { eventually $((5 * SLOW)) usage_is "$@"; }
asks() { # ID CURL-OPTIONS...: one request of its own id
    local id=$1
    shift
    curl -sS -o /dev/null --max-time 20 -H "x-api-key: $KEY" -H "x-request-id: $id" -H 'content-type: application/json' "$@" 2>/dev/null
}
body=$(message hi)
stream=$(message hi '{"stream":true}')
chat=$(jq -cn --arg model "$MODEL" '{model: $model, messages: [{role: "user", content: "hi"}]}')

start_mock
start_server MASTER_API_KEY=correct-horse-battery-staple REFRESH_SECONDS=1
make_key alice -l 1000000

# --- one of each kind
mock_reset
asks whole -d "$body" "$URL/v1/messages"
asks stream -d "$stream" "$URL/v1/messages"
asks chat -d "$chat" "$URL/v1/chat/completions"
asks chat-stream -d "$(jq -c '. + {stream: true}' <<<"$chat")" "$URL/v1/chat/completions"
stored 4 " WHERE success = 1"
expect "rows of good requests" "$(rows "SELECT count(*), count(DISTINCT usage_id) FROM usage")" "4|4"
expect "input tokens are the mock's" "$(rows "SELECT sum(input_tokens) FROM usage")" "$(ledger .input_tokens)"
expect "output tokens are the mock's" "$(rows "SELECT sum(output_tokens) FROM usage")" "$(ledger .output_tokens)"
expect "cost of Sonnet 4.5: 3 and 15 dollars a million" "$(rows "SELECT count(*) FROM usage WHERE cost_micro = 3 * input_tokens + 15 * output_tokens")" 4
expect_match "the row" "$(rows "SELECT request_id, model, stream, status, success, service_tier FROM usage WHERE request_id = 'stream'")" "^stream\|$MODEL\|1\|200\|1\|default$"
expect_match "sort key of 13 digits" "$(rows "SELECT timestamp FROM usage WHERE request_id = 'whole'")" '^[0-9]{13}$'
expect "partition key is the hash" "$(rows "SELECT count(*) FROM usage JOIN api_keys USING(api_key)")" 4
script throttle 2
asks refused -d "$body" "$URL/v1/messages"
script bad-crc
asks broken -d "$stream" "$URL/v1/messages"
script tokens-200,pace-20
ask_until '^event: content_block_delta' "$stream" -H 'x-request-id: gone'
curl -sS -o /dev/null -H 'x-api-key: correct-horse-battery-staple' -H 'content-type: application/json' -d "$body" "$URL/v1/messages"
stored 8 ""
expect "ends that are not good" "$(rows "SELECT request_id, status, error_message FROM usage WHERE success = 0 ORDER BY request_id" | tr '\n' ' ')" \
    "broken|200|UPSTREAM gone|499|CLIENT_GONE refused|429|RATE "
expect "a client that left: input is exact, output counted" "$(rows "SELECT input_tokens > 0 AND output_tokens > 0 FROM usage WHERE request_id = 'gone'")" 1
expect "the master key is not in the table" "$(rows "SELECT count(*) FROM usage WHERE api_key = 'master'")" 1
is_sum() {
    [ "$(rows "SELECT CAST(round(budget_used * 1000000) AS INTEGER) FROM api_keys")" = "$(rows "SELECT sum(cost_micro) FROM usage JOIN api_keys USING(api_key)")" ]
}
eventually $((5 * SLOW)) is_sum
expect "budget_used is the sum of the costs" \
    "$(rows "SELECT CAST(round(budget_used * 1000000) AS INTEGER) FROM api_keys")" \
    "$(rows "SELECT sum(cost_micro) FROM usage JOIN api_keys USING(api_key)")"
asks same -d "$body" "$URL/v1/messages"
asks same -d "$body" "$URL/v1/messages"
stored 10 ""
expect "the same x-request-id twice is two rows" "$(rows "SELECT count(*) FROM usage WHERE request_id = 'same'")" 2
ask "{"
expect "what never was a request leaves no row" "$CODE/$(rows "SELECT count(*) FROM usage")" 400/10

# --- a worker and the refresher are killed in the middle of streams
script tokens-500,pace-20 4
for i in 1 2 3 4; do
    watched "$T/cut.$i" curl -sSN --max-time 60 -H "x-api-key: $KEY" -H "x-request-id: cut-$i" -H 'content-type: application/json' -d "$stream" "$URL/v1/messages"
    clients[i]=$WATCHED
done
expect_true "streams run" eventually $((5 * SLOW)) has_come 2 '^event: content_block_delta' "$T"/cut.[1-4]
for pid in $(processes '^worker'); do kill -KILL "$pid"; done
for pid in $(processes '^refresher'); do kill -KILL "$pid"; done
wait "${clients[@]}"
stored 14 ""
expect "streams of killed workers" "$(rows "SELECT count(*), sum(success), min(input_tokens) > 0, min(output_tokens) > 0, min(error_message) FROM usage WHERE request_id LIKE 'cut-%'")" "4|0|1|1|WORKER_DIED"

# --- the store goes away and comes back
eventually $((5 * SLOW)) is_ready
mv "$DB" "$DB.away"
for i in 1 2 3 4 5; do asks "away-$i" -d "$body" "$URL/v1/messages"; done
sleep 0.5
for pid in $(processes '^refresher'); do kill -KILL "$pid"; done # the next one finds no store: an outage, not an empty one
sleep 1
ask "$body"
expect "known key, store away, refresher new" "$CODE" 200
expect "nothing was made in the store's place" "$([ -e "$DB" ] && echo made)" ""
mv "$DB.away" "$DB"
stored 20 ""
expect "requests of the outage" "$(rows "SELECT count(*), sum(success) FROM usage WHERE request_id LIKE 'away-%'")" "5|5"

# --- everything is killed under load, again and again
mock_reset
load() { # FIRST LAST: requests in a row; the ids of those that were answered go to $T/answered
    local i
    for i in $(seq "$1" "$2"); do
        asks "load-$i" --fail -d "$body" "$URL/v1/messages" && echo "load-$i" >>"$T/answered.$1"
    done
}
for round in $(seq "$COUNT"); do
    loads=()
    for client in 1 2 3 4; do
        load $((round * 100000 + client * 1000)) $((round * 100000 + client * 1000 + 400)) & loads+=($!)
    done
    eventually $((5 * SLOW)) eval '[ "$(cat "$T"/answered.$round* 2>/dev/null | wc -l)" -gt 20 ]'
    sleep "0.$((RANDOM % 5 + 3))"
    kill_everything
    kill "${loads[@]}" 2>/dev/null
    wait "${loads[@]}" 2>/dev/null
    start_server MASTER_API_KEY=correct-horse-battery-staple REFRESH_SECONDS=1
done
cat "$T"/answered.* 2>/dev/null | sort -u >"$T/answered"
recorded() { # what was answered, and what reached the mock, has its row; a row may be of a request that was killed before it was sent
    rows "SELECT request_id FROM usage WHERE request_id LIKE 'load-%' AND success = 1 ORDER BY request_id" | sort >"$T/good"
    rows "SELECT request_id FROM usage WHERE request_id LIKE 'load-%'" | sort >"$T/all"
    [ "$(comm -23 "$T/answered" "$T/good" | wc -l)" = 0 ] && [ "$(wc -l <"$T/all")" -ge "$(ledger .requests)" ]
}
eventually $((5 * SLOW)) recorded
echo "  $(wc -l <"$T/answered") requests answered, $(wc -l <"$T/all") rows, $(ledger .requests) upstream, $COUNT kills"
expect "answered requests without a row" "$(comm -23 "$T/answered" "$T/good" | wc -l)" 0
expect "rows twice" "$(uniq -d "$T/all" | wc -l)" 0
expect_true "there was load" test "$(wc -l <"$T/answered")" -gt 20
expect_true "every upstream request has a row" test "$(wc -l <"$T/all")" -ge "$(ledger .requests)"
eventually $((5 * SLOW)) is_sum
expect "budget_used is still the sum of the costs" \
    "$(rows "SELECT CAST(round(budget_used * 1000000) AS INTEGER) FROM api_keys")" \
    "$(rows "SELECT sum(cost_micro) FROM usage JOIN api_keys USING(api_key)")"

# --- what people see
run -- usage --by model
expect_match "usage by model" "$(cat "$T/out")" "$MODEL"
dollars=$(awk '$1 == "total" { print $NF }' "$T/out")
run -- usage --by key --output json
micro=$(jq '[.[].cost_micro] | add' "$T/out")
expect_true "the requests cost something" [ "$micro" -gt 0 ]
expect "usage by model: a small sum is not rounded away" "$dollars" "$(printf '%d.%06d' $((micro / 1000000)) $((micro % 1000000)))"
expect "usage by key: requests" "$(jq "[.[].requests] | add" "$T/out")" "$(rows "SELECT count(*) FROM usage")"
run -- usage --by day --output csv
expect_match "usage by day" "$(head -2 "$T/out" | tr '\n' ' ')" '^day,requests,.* 20[0-9-]{8},'
# the server is fresh after the kills: one request to count, and time for its row
asks metered -d "$body" "$URL/v1/messages"
told_by_metrics 'llm_api_converter_usage_rows_total [1-9]' -H 'Authorization: Bearer correct-horse-battery-staple'
call /metrics
expect "/metrics without a key" "$CODE" 401
call /metrics -H "x-api-key: $KEY"
expect "/metrics with a user's key" "$CODE" 403
call /metrics -H 'Authorization: Bearer correct-horse-battery-staple'
expect "/metrics with the master key" "$CODE" 200
expect_match "metrics" "$(cat "$T/body")" 'llm_api_converter_usage_rows_total [1-9]'
expect_match "requests by route" "$(cat "$T/body")" \
    'requests_ended_total\{route="messages",dialect="anthropic",transport="[a-z]+",class="2xx"\} [1-9]'
expect_match "durations" "$(cat "$T/body")" \
    'request_duration_seconds_bucket\{route="messages".*le="\+Inf"\} [1-9]'
expect_no_match "no key material in metrics" "$(cat "$T/body")" 'sk-|alice'
call /ready
expect_json "/ready says where the journal is" .checks.usage_journal file
stop_server

# --- SIGTERM in an outage of the store: it is asked again for as long as there is time; what stays is told
start_server SHUTDOWN_TIMEOUT=8
mv "$DB" "$DB.away"
asks last-1 --fail -d "$body" "$URL/v1/messages"
sleep 0.5
kill -TERM "$SERVER_PID"
sleep 1
mv "$DB.away" "$DB"
wait "$SERVER_PID"
expect "outage that ends in time: exit code" "$?" 0
SERVER_PID=
expect "outage that ends in time: the row" "$(rows "SELECT success FROM usage WHERE request_id = 'last-1'")" 1
expect_no_match "outage that ends in time: nothing stays" "$(cat "$T/server.log")" 'usage records stay'
start_server SHUTDOWN_TIMEOUT=1
mv "$DB" "$DB.away"
asks last-2 --fail -d "$body" "$URL/v1/messages"
asks last-3 --fail -d "$body" "$URL/v1/messages"
begin=$(now_ms)
stop_server
expect "outage that does not end: exit code" "$CODE" 0
expect_below "outage that does not end: ms" $(($(now_ms) - begin)) $((10000 * SLOW)) # not 25 s
expect_match "outage that does not end: what stays is told" "$(cat "$T/server.log")" '2 usage records stay in .*/state/usage.journal'
mv "$DB.away" "$DB"
start_server
stored 2 " WHERE request_id IN ('last-2', 'last-3') AND success = 1"
expect "outage that does not end: the next start has the rows" "$?" 0
stop_server

# --- an unusable place for the journal: it serves, and says so
start_server USAGE_JOURNAL=/proc/nowhere/usage.journal
call /ready
expect_json "journal in memory" '.checks.usage_journal + " " + (.ready | tostring)' "memory true"
asks memory --fail -d "$body" "$URL/v1/messages"
stored 1 " WHERE request_id = 'memory'"
expect "its rows are stored" "$(rows "SELECT success FROM usage WHERE request_id = 'memory'")" 1
expect_match "the alarm" "$(cat "$T/server.log")" 'records are kept in memory only'
finish
