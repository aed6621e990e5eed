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
start_server RATE_LIMIT_ENABLED=false METRICS_TOKEN=off
make_key alice
message hi >"$T/ask"

# Bedrock hears nothing after its answer and hangs up 5 ms later: with requests that follow at once, and at 180 a
# second, nearly each one goes out on a connection that is dying.
script hang-up-5 0
expect "requests on dying connections" "$(many 450)" "450 200"
expect "requests that meet the end of the connection" "$(many 150 --rate 180/s)" "150 200"
expect "none was executed twice" "$(ledger .operations.InvokeModel)" 600
# a connection that is deaf for 100 ms takes each request that comes within them
mock_reset
script hang-up-100 0
expect "requests on deaf connections" "$(many 60)" "60 200"
repeats() { call /metrics && sed -n 's/^llm_api_converter_upstream_repeats_total \([0-9]*\).*/\1/p' "$T/body"; }
expect_true "they are counted" eventually $((3 * SLOW)) eval '[ "$(repeats)" -ge 30 ]' # once a second
echo "  660 requests, $(repeats) of them sent again on a fresh connection, 0 lost"
call /metrics
expect_match "and are no retries" "$(cat "$T/body")" '^llm_api_converter_upstream_retries_total 0$'
mock_reset

# An outage is not asked twice, however good the time before it was (test_retries.c has the arithmetic).
many_at_once() { # N: from four clients
    local i jobs=()
    for i in 1 2 3 4; do
        many $(($1 / 4)) >"$T/many.$i" &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    awk '{ for (i = 1; i < NF; i += 2) n[$(i + 1)] += $i } END { for (s in n) print n[s], s }' "$T"/many.*
}
expect "good requests" "$(many_at_once 1200)" "1200 200"
script unavailable 0
before=$(ledger .requests)
expect "refused requests" "$(many_at_once 1000)" "1000 529"
calls=$(($(ledger .requests) - before))
echo "  an outage of 1000 requests after 1200 good ones: $calls calls"
expect_below "calls of an outage" "$calls" 1200
expect_true "some are tried again" test "$calls" -gt 1100
mock_reset
many 600 >/dev/null # the buckets fill

# An exception that is the first frame of a stream is a refusal like another.
for fault in stream-throttle-0 stream-unavailable-0 stream-internal-0; do
    before=$(ledger .requests)
    script "$fault" 1
    ask "$(message hi '{"stream":true}')"
    expect "$fault: answered after all" "$CODE $(grep -c '^event: message_stop' "$T/body") $(grep -c error "$T/body")" "200 1 0"
    expect "$fault: two attempts" "$(($(ledger .requests) - before))" 2
done
before=$(ledger .requests)
script stream-throttle-1 1
ask "$(message hi '{"stream":true}')"
expect "later it is an error event" "$CODE $(grep -c '^event: error' "$T/body") $(($(ledger .requests) - before))" "200 1 1"

finish
