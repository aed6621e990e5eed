#!/usr/bin/env bash
# Streaming: order of events, pings, every way a stream can break, clients that leave or do not read.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

streamed() { ask "$(message "${1:-hi}" '{"stream":true}')" -N "${@:2}"; }
events() { sed -n 's/^event: \(.*[^[:space:]]\)[[:space:]]*$/\1/p' "$T/body" | grep -vx ping | uniq | tr '\n' ' '; } # a ping may be anywhere
text() { sed -n 's/^data: //p' "$T/body" | jq -rj 'select(.type == "content_block_delta").delta.text // empty'; }

# broken WHAT FAULT: ends in an error event (or an error status before the first event), never in a message_stop
broken() {
    mock_reset
    script "$2" 2
    streamed
    if [ "$CODE" = 200 ]; then
        expect_match "$1: error event" "$(events)" 'error $'
        expect_match "$1: error data" "$(grep '^data: ' "$T/body" | tail -1)" '"type":"error"'
    else
        expect_match "$1: status" "$CODE" '^[45][0-9][0-9]$'
        expect_json "$1: shape" .type error
    fi
    expect_no_match "$1: no false end" "$(cat "$T/body")" 'message_stop'
}

start_mock
start_server PING_SECONDS=1 UPSTREAM_IDLE_TIMEOUT=5
make_key alice

streamed 'say: one two three'
expect "status" "$CODE" 200
expect_match "content type" "$(header content-type)" '^text/event-stream'
expect "events" "$(events)" "message_start content_block_start content_block_delta content_block_stop message_delta message_stop "
expect "text" "$(text)" "one two three"
expect "model name" "$(sed -n 's/^data: //p' "$T/body" | jq -r 'select(.type == "message_start").message.model')" "$MODEL"
expect_no_match "Bedrock's own members are gone" "$(cat "$T/body")" 'amazon-bedrock-invocationMetrics|"p":'
script bytewise
streamed 'say: one two three'
expect "byte by byte" "$(text)" "one two three"
script tokens-500
streamed
expect "500 deltas" "$(grep -c '^event: content_block_delta' "$T/body")" 500
script unknown-event
streamed 'say: one two three four'
expect "unknown event is survived" "$(text)" "one two three four"
tool='{"stream":true,"tools":[{"name":"Bash","description":"d","input_schema":{"type":"object"}}]}'
ask "$(message 'use tool Bash {"command":"ls -l"}' "$tool")" -N
expect "tool input" "$(sed -n 's/^data: //p' "$T/body" | jq -rj 'select(.type == "content_block_delta").delta.partial_json // empty' | jq -r .command)" 'ls -l'

for fault in throttle internal html-500 html-200 stream-throttle stream-internal stream-model-error stream-validation \
    stream-unavailable stream-timeout stream-error-frame bad-crc bad-prelude truncated-frame missing-end cut-1500 close-1500; do
    broken "$fault" "$fault"
done
mock_reset
script giant-frame
streamed
expect_match "giant frame" "$(events)" 'error $'

mock_reset
script stall-2500
streamed
expect_true "pings in a silence" grep -q '^event: ping' "$T/body"
expect_match "and the end after it" "$(events)" 'message_stop $'

# Llama takes tools only in whole answers: its answer is retold as a stream, in both dialects, and the wait has pings
mock_reset
llama='{"model":"us.meta.llama3-3-70b-instruct-v1:0","stream":true}'
llama_meets() { curl -fsS -o /dev/null -d "{\"model\":\"llama\",\"fault\":\"$1\",\"count\":${2:-1}}" "$MOCK_URL/__script"; }
llama_meets slow-first-2500
ask "$(jq -c ". + $llama" <<<"$(message 'use tool Bash {"command":"ls -l"}' "$tool")")" -N
expect "retold: status" "$CODE" 200
expect_match "retold: comments in the wait" "$(cat "$T/body")" '^: keepalive'
expect "retold: note" "$(header x-converter-changes)" map:stream
expect "retold: events" "$(events)" "message_start content_block_start content_block_delta content_block_stop content_block_start content_block_delta content_block_stop message_delta message_stop "
expect "retold: input" "$(sed -n 's/^data: //p' "$T/body" | jq -rj 'select(.type == "content_block_delta").delta.partial_json // empty' | jq -r .command)" 'ls -l'
expect "retold: usage" "$(sed -n 's/^data: //p' "$T/body" | jq 'select(.type == "message_delta").usage.output_tokens > 0')" true
llama_meets slow-first-2500
chat=$(jq -cn --argjson llama "$llama" '$llama + {stream_options: {include_usage: true}, messages: [{role: "user", content: "use tool Bash {\"command\":\"ls -l\"}"}],
    tools: [{type: "function", function: {name: "Bash", parameters: {type: "object"}}}]}')
call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$chat" -N
expect "retold chat: status" "$CODE" 200
expect_match "retold chat: comment in the wait" "$(cat "$T/body")" '^: keepalive'
expect "retold chat: arguments" "$(sed -n 's/^data: {/{/p' "$T/body" | jq -rj '.choices[0].delta.tool_calls[0].function.arguments // empty' | jq -r .command)" 'ls -l'
expect "retold chat: reason" "$(sed -n 's/^data: {/{/p' "$T/body" | jq -r '.choices[0].finish_reason // empty')" tool_calls
expect "retold chat: usage" "$(sed -n 's/^data: {/{/p' "$T/body" | jq 'select(.usage != null).usage.total_tokens > 0')" true
expect "retold chat: end" "$(grep '^data: ' "$T/body" | tail -1 | tr -d '\r')" 'data: [DONE]'
llama_meets throttle 2
ask "$(jq -c ". + $llama" <<<"$(message hi "$tool")")" -N
# by its status, or, when the pause before the second attempt was long enough for a comment, by an event behind it
expect_match "retold: refused" "$CODE $(tr '\n' ' ' <"$T/body")" '^(429 |200 .*event: error.*rate_limit_error)'

# the client leaves: Bedrock's stream of 40 s is ended
mock_reset
script tokens-2000,pace-20
ask_until '^event: content_block_delta' "$(message hi '{"stream":true}')"
eventually 2 bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .aborts)\" = 1 ]"
expect "abort reaches Bedrock" "$?" 0

# a client that does not read: the server stops reading too, others go on
mock_reset
script size-20000000
exec {stuck}<>"/dev/tcp/127.0.0.1/$PORT"
big=$(message hi '{"stream":true}')
printf 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$KEY" "${#big}" "$big" >&"$stuck"
sleep 0.7
sent=$(ledger .bytes_out)
expect_below "bytes taken from Bedrock for a stuck reader" "$sent" 16000000
streamed 'say: other'
expect "others go on" "$(text)" other
exec {stuck}>&-
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
