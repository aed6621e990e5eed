#!/usr/bin/env bash
# /v1/responses when something goes wrong on the way, and what the operator and the key's owner see of it: streams that break,
# silence, limits and budget, the log, /metrics. What goes in and comes out is in 38_cases_responses.sh.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

start_mock
start_server PING_SECONDS=1
make_key alice

# --- what breaks off
broken() { # FAULT CODE WHAT: the stream has begun, and ends with the reason
    mock_reset
    script "$1" 9
    respond "$(asked $CLAUDE '"say: one two three four five"' "$STREAM")"
    expect "case 85: $3: the first event" "$CODE $(data .type | head -1)" "200 response.created"
    expect "case 85: $3: response.failed" "$(one response.failed '.response | [.status, .error.code]')" "[\"failed\",\"$2\"]"
    expect "case 85: $3: one id, numbers that rise" "$(data '.response.id // empty' | sort -u | wc -l) $(data .sequence_number | sort -nuc 2>&1)" "1 "
    expect "case 85: $3: error in both of its forms" "$(one error '[.code == .error.code, .message == .error.message, (.message | length > 0)]')" '[true,true,true]'
    expect_no_match "case 85: $3: it is not complete" "$(data .type)" 'completed|incomplete'
}
broken stream-internal server_error "an exception in the stream"
broken stream-throttle rate_limit_exceeded "a throttling in the stream"
expect_match "case 85: when to come again, in words" "$(one response.failed .response.error.message)" 'try again in [0-9]+ ?s'
broken truncated-frame server_error "half a frame"
broken cut-900 server_error "a reset"
broken missing-end server_error "no end"

# --- silence (W6): comments first, so what comes then is in the stream
mock_reset
script stall-3600
began=$(now_ms)
respond "$(asked $CLAUDE '"say: one two three four"' "$STREAM")"
comments=$(grep -c '^: ' "$T/body")
expect "a silence of 3.6 s is filled with a comment a second ($comments)" "$((comments >= 2 && comments <= ($(now_ms) - began) / 1000)) $(data .type | tail -1)" "1 response.completed"
respond "$(asked anthropic.claude-sonnet-4-5--silence-1500--close-200 '"say: one"' "$STREAM")"
expect "what fails after a comment is told in the stream" "$CODE $(($(grep -c '^: ' "$T/body") > 0)) $(data .type | tail -2 | tr '\n' ' ')" "200 1 response.failed error "

# --- limits, headers, log, metrics
same_month 30
make_key codex --monthly-budget 1
respond "$(asked $CLAUDE '"usage 60000 20000 0 0 0"' "$STREAM")" -H 'session-id: 019a-session' -H 'thread-id: 019a-thread' -H 'user-agent: codex_exec/0.171.0'
expect "Codex's headers before anything is spent" "$CODE $(header x-codex-primary-used-percent)" "200 0.0"
respond "$(asked $CLAUDE '"say: x"')"
expect "a share of the budget" "$CODE $(header x-codex-primary-used-percent)" "200 48.0"
expect_match "the window is a month" "$(header x-codex-primary-window-minutes)" '^(40320|41760|43200|44640)$'
expect "its end" "$(header x-codex-primary-reset-at)" "$(date -u -d "$(date -u +%Y-%m-01) +1 month" +%s)"
expect_match "session and thread in the log" "$(grep 'codex_exec' "$T/server.log")" 'session=019a-session .*thread=019a-thread'
respond "$(asked $CLAUDE '"usage 60000 60000 0 0 0"')"
refused_response "a spent budget" "$(asked $CLAUDE '"say: x"' "$STREAM")" 429 '[.error.type, .error.code] | tostring' '["usage_limit_reached","insufficient_quota"]'
expect "of which Codex is told" "$(header x-codex-primary-used-percent) $(header x-should-retry)" "100.0 false"
make_key narrow --models 'claude-haiku-*'
refused_response "a model that the key may not use" "$(asked $CLAUDE '"hi"')" 400 .error.code model_not_found
make_key slow -l 1
respond "$(asked $CLAUDE '"hi"')"
refused_response "the key's own limit" "$(asked $CLAUDE '"hi"')" 429 .error.code rate_limit_exceeded
expect "too large" "$(raw_code "POST /v1/responses HTTP/1.1\r\nHost: g\r\nauthorization: Bearer $KEY\r\nContent-Length: 99000000\r\n\r\n")" 413
stop_server
start_server METRICS_TOKEN=off
make_key bob
refused_response "no such model" "$(asked no-such-model '"hi"')" 400 .error.code model_not_found
respond "$(asked $CLAUDE '"hi"')"
told_by_metrics 'requests_ended_total\{route="responses",dialect="openai",transport="converse",class="2xx"\} 1'
expect "metrics" "$?" 0
expect_match "what did not reach Bedrock" "$(cat "$T/body")" 'requests_ended_total\{route="responses",dialect="openai",transport="none",class="4xx"\} 1'
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
