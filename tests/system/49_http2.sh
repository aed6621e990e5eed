#!/usr/bin/env bash
# HTTP/2 without TLS on the same port, for who begins with its preface: every route as over HTTP/1.1, streams side by side,
# a client that leaves, one that does not read, a drain, floods. Frames by hand are in tests/unit (test_http_session.c,
# test_http_session_stream.c), AWS's SDK for JS in tests/clients/bedrock.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

curl --version | grep -q HTTP2 || skip "this curl speaks no HTTP/2"
ID=us.anthropic.claude-sonnet-4-5-20250929-v1:0
CHAT='{"model":"qwen.qwen3-coder-480b-a35b-v1:0","max_tokens":100,"messages":[{"role":"user","content":"say: one two"}]}'
RESPONSES='{"model":"qwen.qwen3-coder-480b-a35b-v1:0","max_output_tokens":100,"input":"say: one two"}'
CONVERSE='{"messages":[{"role":"user","content":[{"text":"say: one two"}]}]}'
h2() { # PATH [curl options...]: as call; VERSION is what was spoken
    local path=$1
    shift
    read -r CODE VERSION < <(curl -sS -N --http2-prior-knowledge -o "$T/body" -D "$T/head" -w '%{http_code} %{http_version}\n' --max-time 20 "$@" "$URL$path" 2>"$T/curl.err")
}
# What differs between two answers to one question.
settled() { sed -E 's/"(id|created|created_at|completed_at|item_id|request_id|uptime_seconds|timestamp)": *("[^"]*"|[0-9]+)/"\1":X/g; s/(msg|chatcmpl|resp|rs|fc|item)_[A-Za-z0-9_]+/ID/g; s/"obfuscation":"[^"]*"//g' "$T/body"; }
# same WHAT PATH [curl options...]: over HTTP/2 what it is over HTTP/1.1
same() {
    local what=$1 one names
    shift
    call "$@"
    one="$CODE $(settled)"
    names=$(sed -n 's/^\([A-Za-z0-9-]*\):.*/\1/p' "$T/head" | grep -vix 'transfer-encoding\|connection' | tr "[:upper:]" "[:lower:]" | sort | xargs)
    h2 "$@"
    expect "$what: spoken" "$VERSION" 2
    expect "$what: the same answer" "$CODE $(settled)" "$one"
    expect "$what: the same headers" "$(sed -n 's/^\([A-Za-z0-9-]*\):.*/\1/p' "$T/head" | tr "[:upper:]" "[:lower:]" | sort | xargs)" "$names"
}

start_mock
start_server RATE_LIMIT_REQUESTS_PER_WINDOW=0
make_key alice
key=(-H "x-api-key: $KEY" -H 'content-type: application/json')

# --- every route
same "health" /health
h2 /health -I
expect_match "HEAD" "$CODE $(header content-length)" '^200 [1-9]'
same "models" /v1/models "${key[@]}"
same "messages" /v1/messages "${key[@]}" -d "$(message 'say: one two')"
same "messages, a stream" /v1/messages "${key[@]}" -d "$(message 'say: one two' '{"stream":true}')"
same "count" /v1/messages/count_tokens "${key[@]}" -d "$(message 'say: one two')"
same "chat" /v1/chat/completions "${key[@]}" -d "$CHAT"
same "chat, a stream" /v1/chat/completions "${key[@]}" -d "$(jq -c '. + {stream: true}' <<<"$CHAT")"
same "responses" /v1/responses "${key[@]}" -d "$RESPONSES"
same "converse" "/model/$ID/converse" "${key[@]}" -d "$CONVERSE"
h2 "/model/$ID/converse-stream" "${key[@]}" -d "$CONVERSE"
expect "converse-stream" "$CODE $(header content-type) $(grep -aoc '"text":"one two"' "$T/body")" "200 application/vnd.amazon.eventstream 1"
# --- refusals
for _ in 1 2 3 4 5; do same "no key" /v1/messages -d '{}'; done # whether its body came before the answer or behind
same "no such route" /nothing "${key[@]}"
same "no such method" /health -X BREW
same "not JSON" /v1/messages "${key[@]}" -d '{'
same "key twice" /v1/messages "${key[@]}" -H "x-api-key: other" -d '{}'
same "a long header" /health -H "x-long: $(printf 'a%.0s' $(seq 9000))"
same "a long target" "/$(printf 'a%.0s' $(seq 9000))"
same "coded body" /v1/messages "${key[@]}" -H 'content-encoding: gzip' -d '{}'
# --- bodies
message "say: one two" >"$T/question"
h2 /v1/messages "${key[@]}" -X POST -H 'expect: 100-continue' -T - <"$T/question"
expect "a body of unknown length, after 100" "$CODE $(jq -r '.content[0].text' "$T/body")" "200 one two"
expect "100 was said" "$(grep -c '^HTTP/2 100' "$T/head")" 1
head -c 3000000 /dev/zero | tr '\0' 'a' >"$T/long"
jq -cn --arg model "$MODEL" --rawfile text "$T/long" '{model: $model, max_tokens: 9, messages: [{role: "user", content: ("say: ho " + $text)}]}' >"$T/question"
h2 /v1/messages "${key[@]}" --data-binary "@$T/question"
expect_match "three megabytes" "$CODE $(jq -r .type "$T/body")" '^200 message$'
eventually 5 grep -q 'request: .*path=/v1/messages .*peer=127.0.0.1:' "$T/server.log"

# --- many requests on one connection (not with curl: 7.88 sends a second one on it to no server without TLS)
if command -v h2load >/dev/null; then # Debian: nghttp2-client
    message 'say: one two' >"$T/question"
    for streams in 1 50; do
        h2load -n 500 -c 2 -m $streams "${key[@]}" -d "$T/question" "$URL/v1/messages" >"$T/load" 2>&1
        expect_match "h2load, $streams at once" "$(cat "$T/load")" '500 succeeded, 0 failed, 0 errored'
    done
fi

# --- who leaves, who breaks off, who does not read
mock_reset
script tokens-2000,pace-20
call_until '^event: content_block_delta' /v1/messages --http2-prior-knowledge "${key[@]}" -d "$(message hi '{"stream":true}')"
eventually 2 bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .aborts)\" = 1 ]"
expect "abort reaches Bedrock" "$?" 0
script stream-internal
h2 "/model/$ID/converse-stream" "${key[@]}" -d "$CONVERSE"
expect "Bedrock's exception passes" "$CODE $(grep -ac internalServerException "$T/body")" "200 1"
script cut
h2 "/model/$ID/converse-stream" "${key[@]}" -d "$(jq -c '.messages[0].content[0].text = "say: " + ("word " * 400)' <<<"$CONVERSE")"
expect_match "a stream that broke is reset" "$(cat "$T/curl.err")" 'INTERNAL_ERROR'
mock_reset
script size-20000000
curl -sS -N --http2-prior-knowledge --limit-rate 1k --max-time 20 -o /dev/null "${key[@]}" -d "$(message hi '{"stream":true}')" "$URL/v1/messages" 2>/dev/null &
slow=$!
eventually 5 bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .bytes_out)\" -gt 100000 ]"
sleep 0.7
expect_below "bytes taken from Bedrock for a slow reader" "$(ledger .bytes_out)" 19000000
h2 /v1/messages "${key[@]}" -d "$(message 'say: other')"
expect "others go on" "$(jq -r '.content[0].text' "$T/body")" other
kill "$slow"
mock_reset

# --- a bad beginning
raw 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n' >"$T/bad"
expect "a preface that goes wrong" "$?" 0
expect_match "no preface in the second place" "$(raw 'GET /health HTTP/1.1\r\nHost: x\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' | grep -ao 'HTTP/1.1 [0-9]*' | xargs)" 'HTTP/1.1 200 HTTP/1.1 400'

# --- a drain waits for what runs
script slow-first
h2 /v1/messages "${key[@]}" -d "$(message 'say: last words')" &
waiting=$!
eventually 5 bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .requests)\" = 1 ]"
kill -TERM "$SERVER_PID"
wait "$waiting"
expect "an answer under way is finished" "$(jq -r '.content[0].text' "$T/body")" "last words"
wait "$SERVER_PID"
expect "and the server ends" "$?" 0
SERVER_PID=
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
