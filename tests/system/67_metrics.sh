#!/usr/bin/env bash
# /metrics after trouble: each fault of Bedrock is counted once by its type, each refusal by its reason, and no
# killed worker takes its counts away. (66_log.sh compares requests with log lines, 07_docs.sh the names.)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

metric() { # NAME [LABEL="VALUE"]
    curl -fsS "$URL/metrics" | awk -v name="llm_api_converter_$1${2:+{$2\}}" '$1 == name { print $2 }'
}
failures() { curl -fsS "$URL/metrics" | awk '/^llm_api_converter_upstream_errors_total/ { n += $2 } END { print n }'; }
counted() { # WHAT TYPE [N]: one (N) more of this type and of no other
    ALL=$((ALL + ${3:-1}))
    TYPES[$2]=$((${TYPES[$2]:-0} + ${3:-1}))
    eventually $((2 * SLOW)) eval '[ "$(failures)" = "$ALL" ]'
    expect "$1: $2" "$(metric upstream_errors_total "type=\"$2\"")" "${TYPES[$2]}"
    expect "$1: all" "$(failures)" "$ALL"
}
ALL=0
declare -A TYPES

start_mock
start_server METRICS_TOKEN=off UPSTREAM_IDLE_TIMEOUT=4
make_key alice
for row in throttle:ThrottlingException quota:ServiceQuotaExceededException validation:ValidationException \
    denied:AccessDeniedException notfound:ResourceNotFoundException not-ready:ModelNotReadyException \
    model-timeout:ModelTimeoutException model-error:ModelErrorException internal:InternalServerException \
    unavailable:ServiceUnavailableException expired-token:credentials html-500:http_5xx html-403:http_4xx \
    html-200:answer cutbody:cut; do
    script "${row%:*}"
    ask "$(message hello)"
    counted "${row%:*}" "${row#*:}"
done
for row in stream-throttle:ThrottlingException stream-internal:InternalServerException \
    stream-model-error:ModelStreamErrorException stream-unavailable:ServiceUnavailableException \
    stream-error-frame:exception bad-crc:frame truncated-frame:cut missing-end:cut cut:cut close:cut \
    stall-12000:timeout; do
    script "${row%:*}"
    ask "$(message hello '{"stream":true}')"
    counted "${row%:*}" "${row#*:}"
done
mock_reset
ask "$(message hello)"
expect "a good request fails nothing" "$(failures)" "$ALL"

make_key slow -l 1
ask "$(message hello)"
ask "$(message hello)"
expect "over the rate" "$CODE $(metric refusals_total 'reason="rate"')" "429 1"
make_key narrow --models 'claude-haiku-*'
ask "$(message hello)"
expect "another model" "$CODE $(metric refusals_total 'reason="model"')" "403 1"
make_key late -l 1000
run -- revoke-key "$KEY_ID"
revoked() {
    ask "$(message hello)"
    [ "$CODE" = 401 ]
}
expect_true "revoked" eventually 5 revoked
expect "revoked key" "$(metric refusals_total 'reason="revoked_key"')" 1

before=$(metric requests_total)
for pid in $(processes worker); do
    kill -KILL "$pid"
done
eventually $((5 * SLOW)) is_ready
expect_true "requests after kill -9 of both workers: not under $before" test "$(metric requests_total)" -ge "$before"
expect "failures after kill -9 of both workers" "$(failures)" "$ALL"

stop_mock
make_key carol
ask "$(message hello)"
counted "nobody listens" connect 2 # the second attempt

# --- METRICS_TOKEN reads /metrics and does nothing else
TOKEN=scrape-0123456789abcdef
stop_server
start_server METRICS_TOKEN=$TOKEN MASTER_API_KEY=sk-master-0123456789abcdef
make_key bob
with() { call "$1" -H "authorization: Bearer $2"; }
for row in "$TOKEN 200" "sk-master-0123456789abcdef 200" "$KEY 403" "wrong-0123456789abcdef 401"; do
    with /metrics "${row% *}"
    expect "/metrics with ${row%%-*}" "$CODE" "${row#* }"
done
call /metrics
expect "/metrics with nothing" "$CODE" 401
before=$(curl -fsS -H "x-api-key: $TOKEN" "$URL/metrics" | awk '$1 == "llm_api_converter_key_questions_total" { print $2 }')
with /v1/models "$TOKEN"
expect "the token at another route" "$CODE" 401
KEY=$TOKEN ask "$(message hello)"
expect "the token asks a model" "$CODE" 401
expect "and the store was not asked about it" "$(curl -fsS -H "x-api-key: $TOKEN" "$URL/metrics" |
    awk '$1 == "llm_api_converter_key_questions_total" { print $2 }')" "$before"
expect_no_match "the token is in no log line" "$(cat "$T/server.log")" "$TOKEN"
expect_true "who it was is" grep -q 'path=/metrics who=scraper' "$T/server.log"

# --- what watches the routes to models watches each of them
mapfile -t routes < <(curl -fsS -H "x-api-key: $TOKEN" "$URL/metrics" |
    sed -nE 's/^llm_api_converter_requests_ended_total\{route="([a-z_]+)",.*transport="converse".*/\1/p' | sort -u)
expect "routes to models" "${routes[*]}" "bedrock chat_completions messages responses"
for route in "${routes[@]}"; do
    expect "the alerts name the route $route" "$(grep 'route=~' "$ROOT/docker/observe/alerts.yaml" | grep -cvE "[\"|]${route}[\"|]")" 0
done
finish
