#!/usr/bin/env bash
# The same promises as 60 and 70 on DynamoDB: each request one row, each cost once in its budget, whatever becomes of
# answers, of the service, of the refresher and of everything.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

# items TABLE FILTER: jq over the items with their types taken away
items() {
    dynamo "__items/anthropic-proxy-$1" |
        jq -r "map(with_entries(.value |= (to_entries[0] | if .key == \"N\" then (.value | tonumber) else .value end))) | $2"
}
rows_are() { [ "$(items usage length)" = "$1" ]; }
stored() { eventually $((8 * SLOW)) rows_are "$1"; }
spent() { items api-keys ".[] | select(.user_id == \"$1\") | .budget_used * 1000000 | round"; }
partition() { items api-keys ".[] | select(.user_id == \"$1\") | .api_key"; }
cost_of() { items usage "map(select(.api_key == \"$(partition "$1")\") | .cost_micro) | add // 0"; }
balanced() { [ "$(spent alice)" = "$(cost_of alice)" ]; }
asks() { # ID CURL-OPTIONS...
    local id=$1
    shift
    curl -sS -o /dev/null --max-time 20 -H "x-api-key: $KEY" -H "x-request-id: $id" -H 'content-type: application/json' "$@" 2>/dev/null
}
many() { # PREFIX COUNT: that many requests, four at a time
    seq "$2" | xargs -P4 -I{} curl -sS -o /dev/null --max-time 20 -H "x-api-key: $KEY" -H "x-request-id: $1-{}" \
        -H 'content-type: application/json' -d "$body" "$URL/v1/messages" 2>/dev/null
}
body=$(message hi)
stream=$(message hi '{"stream":true}')

start_dynamo
run "${STORE[@]}" -- setup_tables
expect "setup_tables" "$CODE" 0
start_mock
start_server "${STORE[@]}" REFRESH_SECONDS=1
new_key alice -l 1000000

# --- the row, by the names of the older tools
same_day 30
asks whole -d "$body" "$URL/v1/messages"
asks stream -d "$stream" "$URL/v1/messages"
stored 2
expect "rows" "$(items usage 'length')" 2
expect "input tokens are the mock's" "$(items usage 'map(.input_tokens) | add')" "$(ledger .input_tokens)"
expect "output tokens are the mock's" "$(items usage 'map(.output_tokens) | add')" "$(ledger .output_tokens)"
expect "the row" "$(items usage '.[] | select(.request_id == "stream") | [.model, .success, .stream, .status, .service_tier, .cached_tokens, .cache_write_input_tokens] | join("|")')" \
    "$MODEL|true|true|200|default|0|0"
expect "total" "$(items usage 'all(.total_tokens == .input_tokens + .output_tokens)')" true
expect "partition key is the key's" "$(items usage "all(.api_key == \"$(partition alice)\")")" true
# the aggregator of the earlier gateway: int(item["timestamp"]), milliseconds; TTL in seconds, 7 days on
expect "sort key: 13 digits, of now" "$(items usage 'all((.timestamp | test("^[0-9]{13}$")) and ((.timestamp | tonumber) - now * 1000 | fabs) < 60000)')" true
expect "ttl" "$(items usage 'all((.ttl - now - 7 * 86400 | fabs) < 60)')" true
expect "budget_used is the sum of the costs" "$(spent alice)" "$(cost_of alice)"
run "${STORE[@]}" -- usage --by key --output json
expect "usage by key" "$(jq -c '[.[0].requests, .[0].input_tokens]' "$T/out")" "[2,$(ledger .input_tokens)]"
run "${STORE[@]}" -- usage --by model --output csv
expect_match "usage by model" "$(cat "$T/out")" "\"$MODEL\",2,"
run "${STORE[@]}" -- usage --by day --output csv
expect_match "usage by day" "$(tail -1 "$T/out")" '^20[0-9-]{8},2,'

# --- one key, many at once: each has a millisecond of its own
many burst 200
stored 202
expect "200 at once: as many rows" "$(items usage 'map(.request_id) | unique | length')" 202
expect "200 at once: as many sort keys" "$(items usage 'map(.timestamp) | unique | length')" 202
expect "200 at once: the budget" "$(spent alice)" "$(cost_of alice)"

# --- answers that are lost, and a service that fails
for fault in timeout-after-success reset-after-success internal throttle truncated; do # the second: on kept connections, sent again unasked
    trouble "$fault" 3 PutItem
    trouble "$fault" 3 UpdateItem
    before=$(items usage length)
    many "$fault" 8
    stored $((before + 8))
    dynamo_reset
    sleep 0.3
    expect "$fault: rows" "$(items usage "map(select(.request_id | startswith(\"$fault-\"))) | length")" 8
    eventually $((8 * SLOW)) balanced
    expect "$fault: the budget" "$(spent alice)" "$(cost_of alice)"
done

# --- away, with the refresher killed in the middle; then everything killed
before=$(items usage length)
trouble down 0
many away 10
kill -KILL "$(processes '^refresher')"
sleep 1
dynamo_reset
stored $((before + 10))
expect "rows of the outage" "$(items usage 'map(select(.request_id | startswith("away-")) | .success) | length')" 10
trouble down 0
many killed 10
kill_everything
dynamo_reset
start_server "${STORE[@]}" REFRESH_SECONDS=1
stored $((before + 20))
expect "rows of what was killed" "$(items usage 'map(select(.request_id | startswith("killed-"))) | length')" 10
eventually $((8 * SLOW)) balanced
expect "the budget after all" "$(spent alice)" "$(cost_of alice)"
expect "every row once" "$(items usage '(map(.usage_id) | unique | length) == length')" true

# --- the refresher killed again and again while it stores
before=$(items usage length)
many storm 150 &
load=$!
for _ in 1 2 3 4 5 6; do
    sleep 0.2
    pid=$(processes '^refresher')
    [ -z "$pid" ] || kill -KILL "$pid"
done
wait "$load"
stored $((before + 150))
expect "killed while storing: rows" "$(items usage "map(select(.request_id | startswith(\"storm-\")) | .usage_id) | unique | length")" 150
eventually $((8 * SLOW)) balanced
expect "killed while storing: the budget" "$(spent alice)" "$(cost_of alice)"

# --- a budget: the request that crosses it finishes, the next is refused; the store and other servers know
same_month 60
new_key soft -b 0.0005
asks soft-1 -d "$body" "$URL/v1/messages"
ask "$body"
while [ "$CODE" = 200 ]; do ask "$body"; done
expect "budget used up" "$CODE" 429
expect_json "budget used up: type" .error.type billing_error
switched_off() { [ "$(items api-keys '.[] | select(.user_id == "soft") | [.is_active, .deactivated_reason] | join(" ")')" = "false budget_exceeded" ]; }
eventually $((8 * SLOW)) switched_off
expect_true "the store has it switched off" switched_off
expect_match "the month" "$(items api-keys '.[] | select(.user_id == "soft") | .budget_mtd_month')" "^$(date -u +%Y-%m)$"

# --- nothing but the five calls, and no clear key but where it has to be
expect "calls" "$(dynamo __ops | jq -r '[.[].op] | unique - ["GetItem","PutItem","UpdateItem","Query","Scan"] | join(" ")')" ""
stop_server
expect "stop" "$CODE" 0
finish
