#!/usr/bin/env bash
# Connections of the pool that die under a request; how often an outage is asked again.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# many N [curl options...]: N requests, one after the other on one connection; their statuses, counted
many() {
    local n=$1
    shift
    curl -s -H "x-api-key: $KEY" -H 'content-type: application/json' --data-binary "@$T/ask" -o /dev/null \
        -w '%{http_code}\n' "$@" "$URL/v1/messages?[1-$n]" | sort | uniq -c | sed 's/^ *//' | paste -sd' '
}

start_mock
start_server RATE_LIMIT_ENABLED=false METRICS_AUTH=off
make_key alice
message hi >"$T/ask"

# Bedrock hears nothing after its answer and hangs up 5 ms later: with requests that follow at once, and at 180 a
# second, nearly each one goes out on a connection that is dying.
script hang-up-5 0
expect "requests on dying connections" "$(many 850)" "850 200"
expect "requests that meet the end of the connection" "$(many 150 --rate 180/s)" "150 200"
expect "none was executed twice" "$(ledger .operations.InvokeModel)" 1000
sleep 0.3 # counters are published a few times a second
call /metrics
repeats=$(sed -n 's/^llm_api_converter_upstream_repeats_total \([0-9]*\).*/\1/p' "$T/body")
echo "  1000 requests, $repeats of them sent again on a fresh connection, 0 lost"
expect_true "they are counted ($repeats)" test "$repeats" -ge 500
expect_match "and are no retries" "$(cat "$T/body")" '^llm_api_converter_upstream_retries_total 0$'
mock_reset

finish
