#!/usr/bin/env bash
# Conformance cases 31 to 55: Messages, errors, broken streams, connections.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

BODY=$(turn $CLAUDE "$(say hi)")
STREAM=$(turn $CLAUDE "$(say hi)" '"stream":true')
CALL='{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}]}'

unauthorized() { # CASE curl options...
    local what=$1
    shift
    call /v1/messages -H 'content-type: application/json' -d "$BODY" "$@"
    expect "$what" "$CODE $(got '.type + " " + .error.type')" "401 error authentication_error"
    expect "$what: not to be repeated" "$(header x-should-retry)" false
    expect "$what: the id is the header's" "$(got .request_id)" "$(header request-id)"
}
# exact CASE MODEL-FAULT STATUS TYPE [MESSAGE-REGEX]
upstream() {
    mock_reset
    script "$2" 2
    ask "$BODY"
    expect "case 45: $1" "$CODE $(got .error.type)" "$3 $4"
    expect_no_match "case 45: $1, nothing of AWS" "$(cat "$T/body" "$T/head")" 'arn:|123456789012|amazonaws|<html|[Ee]xception'
}
answers() { grep -o 'HTTP/1\.1 200' <<<"$1" | wc -l; }
request() { printf 'POST /v1/messages HTTP/1.1\\r\\nHost: x\\r\\nx-api-key: %s\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "$KEY" "${#1}" "$1"; }

start_mock
start_server PING_SECONDS=1 KEEPALIVE_TIMEOUT=8 RATE_LIMIT_WINDOW_SECONDS=86400 RATE_LIMIT_REQUESTS_PER_WINDOW=100000
make_key off
OFF=$KEY
run -- revoke-key "$KEY_ID"
make_key alice
ALICE=$KEY

# --- keys
unauthorized "case 31: no key"
MISSING=$(got .error.message)
unauthorized "case 32: a wrong key" -H 'x-api-key: sk-wrong'
WRONG=$(got .error.message)
unauthorized "case 32: a key that was disabled" -H "x-api-key: $OFF"
expect "case 32: the same words" "$(got .error.message)" "$WRONG"
expect_no_match "case 32: not those of a missing key" "$MISSING" "^$WRONG$"

# --- what is asked for wrongly
refused "case 33: no max_tokens" "{\"model\":\"$CLAUDE\",\"messages\":$(say x)}" 400 "max_tokens: Field required"
refused "case 33: no messages" "{\"model\":\"$CLAUDE\",\"max_tokens\":1}" 400 "messages: Field required"
refused "case 33: no model" "{\"max_tokens\":1,\"messages\":$(say x)}" 400 "model: Field required"
refused "case 34: no message" "$(turn $CLAUDE '[]')" 400 "messages: at least one message is required"
ask "$(turn $CLAUDE '[{"role":"tool","content":"x"}]')"
expect_match "case 35: role tool" "$CODE $(got .error.message)" "^400 messages\.0\.role: Input should be 'user'"
for model in $CLAUDE $NOVA; do
    refused "case 36: an empty text, $model" "$(turn "$model" "$(blocks '{"type":"text","text":""}')")" 400 "messages: text content blocks must be non-empty"
    for content in '""' '[]'; do
        refused "case 36: an empty message $content, $model" "$(turn "$model" "[{\"role\":\"user\",\"content\":$content},{\"role\":\"assistant\",\"content\":\"a\"}]")" 400 \
            "messages.0: all messages must have non-empty content except for the optional final assistant message"
    done
    refused "case 37: a call without its result, $model" "$(turn "$model" "[{\"role\":\"user\",\"content\":\"q\"},$CALL,{\"role\":\"user\",\"content\":\"b\"}]" "$TOOLS")" 400 \
        'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.'
    ask "$(turn "$model" "$(blocks '{"type":"tool_result","tool_use_id":"toolu_9","content":"x"}')" "$TOOLS")"
    expect_match "case 37: a result without its call, $model" "$CODE $(got .error.message)" '^400 messages\.0\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9'
done
n=0
for bad in 'nonsense' '{"model":' "{\"model\":\"$CLAUDE\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"\\\\xff\"}]}" \
    "{\"model\":\"$CLAUDE\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"a\\\\\\\\ud83d b\"}]}"; do
    n=$((n + 1))
    sound=${bad//\\\\xff/?} # the length in bytes: one for the escape of printf
    sound=${sound//\\\\\\\\/\\}
    answer=$(raw "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: $KEY\r\nContent-Type: application/json\r\nContent-Length: ${#sound}\r\n\r\n${bad//\\\\/\\}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    expect "case 38: body $n that is no JSON, the connection goes on" "$(grep -aoE 'HTTP/1\.1 [0-9]+' <<<"$answer" | tr '\n' ' ')" "HTTP/1.1 400 HTTP/1.1 200 "
done
head -c 33000000 /dev/zero | tr '\0' ' ' >"$T/large"
call /v1/messages -H "x-api-key: $KEY" -H 'content-type: application/json' -H 'Expect:' --data-binary "@$T/large" -w '%{http_code} %{size_upload}'
expect "case 39: 33 MB" "${CODE%% *} $(got .error.type)" "413 request_too_large"
expect_below "case 39: refused before it was read" "${CODE##* }" 25000000
CODE=$(curl -sS -o "$T/body" -D "$T/head" -w '%{http_code}' --max-time 10 -H "x-api-key: $KEY" -H 'Expect: 100-continue' --data-binary "@$T/large" "$URL/v1/messages" 2>/dev/null)
expect "case 39: 413 instead of 100" "$(sed -n 's/^HTTP\/1\.1 \([0-9]*\).*/\1/p' "$T/head" | tr '\n' ' ')" "413 "
rm "$T/large"
ask "$BODY" -H 'Content-Encoding: gzip'
expect "case 40: a compressed body" "$CODE $(got '[.error.type, .error.details.error_code] | join(" ")')" "400 invalid_request_error request_body_encoding_unsupported"
refused "case 41: an unknown model" "$(turn no-such-model "$(say x)")" 404 "model: no-such-model"
expect "case 41: its type" "$(got .error.type)" not_found_error
make_key narrow --models 'claude-haiku-*'
ask "$BODY"
expect "case 42: a model that the key may not use" "$CODE $(got .error.type)" "403 permission_error"

# --- limits of a key
make_key slow -l 1
ask "$BODY"
expect "case 43: within the limit" "$CODE $(header anthropic-ratelimit-requests-limit) $(header anthropic-ratelimit-requests-remaining)" "200 1 0"
ask "$BODY"
expect "case 43: key's rpm limit" "$CODE $(got .error.type)" "429 rate_limit_error"
expect_match "case 43: an integer retry-after" "$(header retry-after)" '^[1-9][0-9]*$'
expect_match "case 43: when it is full again" "$(header anthropic-ratelimit-requests-reset)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'
expect "case 43: nobody sleeps through a day" "$(header x-should-retry)" false
KEY=$ALICE
make_key poor --monthly-budget 0.00001
ask "$BODY"
eventually $((3 * SLOW)) bash -c "[ \"\$(curl -s -o '$T/body' -D '$T/head' -w '%{http_code}' -H 'x-api-key: $KEY' -H 'content-type: application/json' -d '$BODY' '$URL/v1/messages')\" = 429 ]"
expect "case 44: budget used up" "$(got .error.type) $(header x-should-retry)" "billing_error false"
expect "case 44: Claude Code shows the message" "$(header anthropic-ratelimit-unified-status)$(header anthropic-ratelimit-unified-representative-claim)" rejected
KEY=$ALICE

# --- what Bedrock answers
upstream throttling throttle 429 rate_limit_error
expect_match "case 45: throttling: when to come back" "$(header retry-after)" '^[1-9][0-9]*$'
upstream "a quota" quota 429 rate_limit_error
upstream "a model that is not ready" not-ready 529 overloaded_error
upstream unavailable unavailable 529 overloaded_error
upstream "a model that took too long" model-timeout 504 timeout_error
upstream "a model's own error" model-error 500 api_error
upstream validation validation 400 invalid_request_error
upstream denied denied 404 not_found_error
upstream internal internal 500 api_error
upstream "too long" too-long 400 invalid_request_error
expect_match "case 45: the text that clients compact on" "$(got .error.message)" '^Input is too long'
mock_reset
script throttle 2
ask "$STREAM" -N
expect "case 51: a refusal before the first byte is no stream" "$CODE $(header content-type) $(got .error.type)" "429 application/json rate_limit_error"

# --- broken streams
for fault in stream-throttle:rate_limit_error stream-unavailable:overloaded_error; do
    mock_reset
    script "${fault%:*}"
    ask "$STREAM" -N
    expect_match "case 47: ${fault%:*} after the start" "$CODE $(names)" '^200 message_start .*error $'
    expect "case 47: ${fault%:*}, the error" "$(data 'select(.type == "error") | .error.type')" "${fault#*:}"
    expect "case 47: ${fault%:*}, with its request" "$(data 'select(.type == "error") | .request_id')" "$(header request-id)"
done
mock_reset
script tokens-99,cut-3000
ask "$STREAM" -N
expect_match "case 48: the socket dies" "$(names)" '^message_start .*error $'
expect_no_match "case 48: no false end" "$(cat "$T/body")" message_stop
mock_reset
script tokens-2000,pace-20
ask_until '^event: content_block_delta' "$STREAM"
gone=$(now_ms)
eventually $((2 * SLOW)) bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .aborts)\" = 1 ]"
expect "case 49: the client left, Bedrock is told" "$?" 0
expect_below "case 49: and not after the 40 s that the stream has" $(($(now_ms) - gone)) $((10000 * SLOW))
expect_match "case 49: what it cost is in the log" "$(logged "$(header request-id)")" 'output_tokens=[1-9]'
mock_reset
script stall-3600
began=$(now_ms)
ask "$STREAM" -N
pings=$(grep -c '^event: ping' "$T/body")
expect "case 50: a ping a second in a silence of 3.6 ($pings)" $((pings >= 2 && pings <= ($(now_ms) - began) / 1000)) 1
expect_match "case 50: none before the start" "$(names)" '^message_start .*message_stop $'
mock_reset
script slow-first-1600
ask "$STREAM" -N
expect_match "case 50: none while the head may still be an error" "$CODE $(names)" '^200 message_start .*message_stop $'
expect_match "case 50: fifteen seconds by default" "$(run -- check-config --markdown && grep PING_SECONDS "$T/out")" '\| `15` \|'

# --- connections
mock_reset
answer=$(raw "$(request "$BODY")$(request "$(turn $CLAUDE "$(say second)")")GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
expect "case 53: two at once, two answers" "$(answers "$answer")" 3
expect "case 53: in order" "$(grep -oE 'Echo: [a-z]+' <<<"$answer" | tr '\n' ' ')" "Echo: hi Echo: second "
for _ in $(seq 100); do printf 'url = "%s/health"\noutput = "/dev/null"\n' "$URL"; done >"$T/urls"
expect "case 54: a hundred requests, one connection" "$(curl -sS -K "$T/urls" -w '%{num_connects} %{http_code}\n' | sort | uniq -c | tr -s ' \n' ' ')" " 99 0 200 1 1 200 "
exec {idle}<>"/dev/tcp/127.0.0.1/$PORT"
printf 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' >&"$idle"
sleep 2.4
printf 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&"$idle"
expect "case 54: idle for a third of the time allowed" "$(answers "$(timeout 20 cat <&"$idle")")" 2
exec {idle}>&-
expect_match "case 54: which is more than 30 seconds by default" "$(grep KEEPALIVE_TIMEOUT "$T/out")" '\| `75` \|'
for model in $CLAUDE $NOVA; do
    ask "$(turn "$model" "$(say 'say: chunked')")" -H 'Transfer-Encoding: chunked'
    expect "case 55: a chunked body, $model" "$CODE $(got '.content[0].text')" "200 chunked"
done
mock_reset
script slow-first-4000
ask "$BODY" &
asked=$!
eventually $((5 * SLOW)) eval '[ "$(ledger .requests)" = 1 ]'
kill -HUP "$SERVER_PID"
wait "$asked"
expect_match "case 52: a worker that drains says so" "$(sed -n 1p "$T/head") $(header connection)" '^HTTP/1\.1 200 OK.* close$'
ask "$BODY"
expect "case 52: the next connection works" "$CODE" 200
stop_mock
ask "$BODY"
expect_match "case 46: Bedrock cannot be reached" "$CODE $(got '.type + " " + .error.type')" '^50[23] error api_error$'
expect_no_match "case 46: never HTML" "$(cat "$T/body")" '<'
finish
