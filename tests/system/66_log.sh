#!/usr/bin/env bash
# LOG_FORMAT=json: one line a request with all its members, and nothing secret in the whole log.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

PROMPT=a-prompt-that-nobody-shall-log
MEMBERS='["request_id","status","path","who","key_id","user","model","bedrock_model","stream","attempts","input_tokens","output_tokens","cost_micro","first_byte_ms","duration_ms","changes","error","session"]'
lines() { grep -F '"event":"request"' "$T/server.log" | jq -c "select($1)"; }
lines_are() { [ "$(lines "$2" | wc -l)" -eq "$1" ]; }
one() { # ID JQ WANTED: the only line of this request
    eventually 2 lines_are 1 ".request_id == \"$1\""
    expect "$1: lines" "$(lines ".request_id == \"$1\"" | wc -l)" 1
    expect "$1: $2" "$(lines ".request_id == \"$1\"" | jq -r "$2")" "$3"
}
as() { # ID BODY [curl options...]
    local id=$1 body=$2
    shift 2
    ask "$body" -H "x-request-id: $id" "$@"
}

start_mock
start_server LOG_FORMAT=json MASTER_API_KEY=correct-horse-battery-staple
make_key alice
as whole "$(message $PROMPT '{"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"session-new\"}"}}')"
as stream "$(message $PROMPT '{"stream":true,"metadata":{"user_id":"user_ab_account_cd_session_session-old"}}')"
as odd "$(message $PROMPT '{"metadata":{"user_id":"{not json"}}')"
as refused "$(message $PROMPT '{"max_tokens":"many"}')"
as converse "$(jq -c '.model = "qwen.qwen3-coder-480b-a35b-v1:0" | .top_k = 5' <<<"$(message $PROMPT)")"
call /v1/chat/completions -H "Authorization: Bearer $KEY" -H 'x-request-id: chat' -H 'content-type: application/json' \
    -d "$(jq -cn --arg model "$MODEL" --arg text $PROMPT '{model: $model, messages: [{role: "user", content: $text}]}')"
script tokens-200,pace-20
ask_until '^event: content_block_delta' "$(message $PROMPT '{"stream":true}')" -H 'x-request-id: gone'
one whole '[.status, .who, .user, .session, .attempts] | map(tostring) | join(" ")' "200 key alice session-new 1"
one whole '.key_id' "${KEY_ID:0:8}"
one whole '.input_tokens > 0 and .output_tokens > 0 and .cost_micro > 0 and .duration_ms > 0' true
one stream '[.status, .stream, .session] | map(tostring) | join(" ")' "200 true session-old"
one odd '[.status, .session] | map(tostring) | join(" ")' "200 "
one refused '[.status, .attempts, .error != ""] | map(tostring) | join(" ")' "400 0 true"
one converse '[.status, .changes != ""] | map(tostring) | join(" ")' "200 true"
one chat '[.status, .path] | map(tostring) | join(" ")' "200 /v1/chat/completions"
one gone .status 499

# Refused at its headers, by the HTTP rules, or with no key at all: a line like any other, once.
call /v1/messages -H 'x-request-id: wrong-key' -H 'x-api-key: wrong' -d '{}'
call /v1/chat/completions -H 'x-request-id: no-key' -d '{}'
call /v1/nowhere -H 'x-request-id: nowhere' -H "x-api-key: $KEY" -d '{}'
call /v1/messages -H 'x-request-id: coded' -H "x-api-key: $KEY" -H 'content-encoding: gzip' -d '{}'
expect "too large" "$(raw_code "POST /v1/messages HTTP/1.1\r\nHost: g\r\nx-request-id: large\r\nx-api-key: $KEY\r\nContent-Length: 99000000\r\n\r\n")" 413
expect "bad HTTP" "$(raw_code 'GET /bad HTTP/1.1\r\nHost: g\r\nbad line\r\n\r\n')" 400
one wrong-key '[.status, .who, .path] | map(tostring) | join(" ")' "401 nobody /v1/messages"
one no-key '[.status, .error != ""] | map(tostring) | join(" ")' "401 true"
one nowhere .status 404
one coded .status 400
one large .status 413
eventually 2 lines_are 1 '.path == "/bad" and .status == 400'
expect "bad HTTP: lines" "$(lines '.path == "/bad" and .status == 400' | wc -l)" 1
expect "other lines about requests" "$(grep -c '"event":"refused"' "$T/server.log")" 0

# Each line is one request in the counters, and nothing else is. (/metrics is printed before it is counted itself.)
logged=$(lines '.path != "/ready"' | wc -l)
call /metrics -H 'Authorization: Bearer correct-horse-battery-staple'
sum() { sed -n "s/^llm_api_converter_$1{[^}]*${2:-}[^}]*} //p" "$T/body" | awk '{ n += $1 } END { print n + 0 }'; }
expect "requests ended, without probes" "$(($(sum requests_ended_total) - $(sum requests_ended_total 'route="public"')))" "$logged"
for reason in bad_key:1 no_key:1 no_route:1 too_large:1 http:2 invalid:1 rate:0; do
    expect "refused: $reason" "$(sum refusals_total "reason=\"${reason%:*}\"")" "${reason#*:}"
done
expect "lines that are no JSON" "$(jq -R 'fromjson? // "bad" | select(. == "bad")' "$T/server.log" | wc -l)" 0
expect "lines that lack a member" "$(lines "($MEMBERS - keys) != []" | wc -l)" 0
expect_no_match "no secret, no key, no prompt" "$(cat "$T/server.log")" "$KEY|correct-horse|$PROMPT|mock-secret|sk-"

# into a pipe, as container engines read it: every process writes its lines, and lives
stop_server
environment
(cd "$T" && exec env -i "${ENVIRONMENT_LIST[@]}" LOG_FORMAT=json "$PROGRAM" serve > >(cat >"$T/piped.log") 2>&1 </dev/null) &
SERVER_PID=$!
eventually $((15 * SLOW)) is_ready
expect "log into a pipe: ready" "$?" 0
call /health
expect "log into a pipe: a request" "$CODE" 200
stop_server
written() { [ "$(jq -r .event "$T/piped.log" | grep -c stop)" -ge 2 ]; }
eventually $((5 * SLOW)) written
expect "log into a pipe: who wrote" "$(jq -r 'select(.event != "exit").process' "$T/piped.log" | sort -u | tr '\n' ' ')" "master refresher worker 1 worker 2 "
expect "log into a pipe: nobody died" "$(jq -r 'select(.event == "exit").msg' "$T/piped.log")" ""
# --- who it was behind a proxy, and whose session by its header
stop_server
start_server TRUSTED_PROXIES=127.0.0.0/8,10.0.0.0/8 LOG_FORMAT=json
named() { # SESSION HEADERS...: the line of one request with them
    local id=line-$RANDOM$RANDOM
    ask "$(message hello)" -H "x-request-id: $id" "${@}"
    eventually 2 grep -q "\"request_id\":\"$id\"" "$T/server.log"
    grep "\"request_id\":\"$id\"" "$T/server.log" | jq -r '[.client, .session] | join(" ")'
}
make_key proxied
expect "from a proxy" "$(named -H 'x-forwarded-for: 1.1.1.1, 203.0.113.5, 10.0.0.8')" "203.0.113.5 "
expect "from nobody's proxy" "$(named)" " "
expect "Claude Code's session" "$(named -H 'X-Claude-Code-Session-Id: 5f0c-1')" " 5f0c-1"
expect "Codex's session" "$(named -H 'session-id: 0199-a' -H 'thread-id: 0199-b')" " 0199-a"
expect "Codex's thread" "$(named -H 'thread-id: 0199-b')" " 0199-b"
expect_match "a session that steers" "$(named -H "session-id: $(printf 'x%.0s' $(seq 100))")" '^ x{64}$'
stop_server
start_server LOG_FORMAT=json
make_key direct
expect "without TRUSTED_PROXIES nobody is believed" "$(named -H 'x-forwarded-for: 203.0.113.5')" " "
run TRUSTED_PROXIES=10.0.0.0/8,proxy -- check-config
expect "a name is no address" "$CODE $(grep -c "'proxy' is no address" "$T/err")" "2 1"
finish
