#!/usr/bin/env bash
# POST /v1/messages without streaming: what reaches Bedrock, what comes back, every error.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# upstream WHAT FAULT STATUS TYPE: two scripted failures, because one retry is allowed
upstream() {
    mock_reset
    script "$2" 2
    ask "$(message hi)"
    expect "$1" "$CODE" "$3"
    expect_json "$1: type" .error.type "$4"
    expect_no_match "$1: leaks" "$(cat "$T/body")" 'arn:|123456789012|<html|us-west-2'
    expect_below "$1: attempts" "$(ledger .requests)" 2
}

bad() { # WHAT BODY STATUS REGEX
    ask "$2"
    expect "$1" "$CODE" "$3"
    expect_match "$1: text" "$(jq -r .error.message "$T/body")" "$4"
    expect_json "$1: shape" '.type + (.request_id | type)' errorstring
}

start_mock
start_server
make_key alice

ask "$(message 'say: Grüße, 世界 \ud83d\ude00')"
expect "answer" "$CODE" 200
expect_json "answer: text" '.content[0].text' 'Grüße, 世界 \ud83d\ude00'
expect_json "answer: shape" '[.type, .role, .stop_reason, .model] | join(" ")' "message assistant end_turn $MODEL"
expect_match "answer: usage" "$(jq -c .usage "$T/body")" '"input_tokens":[0-9]+.*"output_tokens":[0-9]+'
expect_match "answer: id" "$(header request-id)" '^req_'

# byte for byte, but for the members that are cut out or put in
odd='"metadata":{"user_id":"u"},"temperature":1.0,"tools":[{"name":"t","input_schema":{"type":"object","properties":{"big":{"const":9007199254740993},"small":{"const":1e-7},"esc":{"const":"\u0000\/"}},"zz":1,"aa":2}}]'
ask '{"model":"'"$MODEL"'","max_tokens":10,"messages":[{"role":"user","content":[{"type":"text","text":"x\u00e9 "}]}],'"$odd"'}'
expect "odd body" "$CODE" 200
sent=$(curl -fsS "$MOCK_URL/__body")
expect_match "odd numbers and escapes survive" "$sent" '"big":\{"const":9007199254740993\},"small":\{"const":1e-7\},"esc":\{"const":"\\u0000\\/"\}\},"zz":1,"aa":2'
expect_match "text survives" "$sent" '"text":"x\\u00e9 "'
expect_match "1.0 survives" "$sent" '"temperature":1\.0'
expect "version is put in" "$(jq -r .anthropic_version <<<"$sent")" bedrock-2023-05-31
expect "model is cut out" "$(jq -r 'has("model") or has("stream")' <<<"$sent")" false

tool='{"tools":[{"name":"Bash","description":"d","input_schema":{"type":"object"}}]}'
ask "$(message 'use tool Bash {"command":"ls"}' "$tool")"
expect_json "tool call" '[.stop_reason, (.content[] | select(.type == "tool_use") | .name, .input.command)] | join(" ")' 'tool_use Bash ls'

bad "no body" '' 400 .
bad "not JSON" '{"model":' 400 .
bad "two values" '{} {}' 400 .
bad "no model" '{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}' 400 'model'
bad "no max_tokens" '{"model":"m","messages":[{"role":"user","content":"x"}]}' 400 'max_tokens'
bad "no messages" '{"model":"m","max_tokens":1}' 400 'messages'
bad "empty messages" '{"model":"m","max_tokens":1,"messages":[]}' 400 'messages'
bad "model twice" '{"model":"a","model":"b","max_tokens":1,"messages":[{"role":"user","content":"x"}]}' 400 'model'
bad "invalid UTF-8" "$(printf '{"model":"a","x":"\xff"}')" 400 .
bad "unknown model" '{"model":"no such model","max_tokens":1,"messages":[{"role":"user","content":"x"}]}' 404 'model'
deep=$(printf '[%.0s' $(seq 5000))
bad "deep nesting" "{\"model\":\"a\",\"x\":$deep" 400 .
before=$(ledger .requests)
bad "path in model" '{"model":"../../etc/passwd","max_tokens":1,"messages":[{"role":"user","content":"x"}]}' 404 'model'
expect "nothing bad is forwarded" "$(ledger .requests)" "$before"

upstream "throttling" throttle 429 rate_limit_error
upstream "validation" validation 400 invalid_request_error
upstream "too long" too-long 400 invalid_request_error
mock_reset
script too-long
call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' \
    -d "{\"model\":\"$MODEL\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
expect_json "too long: OpenAI's code" '.error | .type + " " + .code' 'invalid_request_error context_length_exceeded'
expect_json "too long: OpenAI's words" '.error.message | test("maximum context length")' true
upstream "denied" denied 404 not_found_error
upstream "not found" notfound 404 not_found_error
upstream "internal" internal 500 api_error
upstream "unavailable" unavailable 529 overloaded_error
upstream "HTML with 500" html-500 502 api_error
upstream "HTML with 200" html-200 502 api_error
upstream "HTML with 403" html-403 403 permission_error
upstream "reset" cut-10 502 api_error
upstream "short body" cutbody 502 api_error

# how long the prompt cache keeps a mark: the key's word wins over the client's, on both transports
mock_reset
make_key cached --cache-ttl 1h
marked='{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"5m"}}]}'
ask "$(message cached "$marked")"
expect "cache lifetime of the key" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c '.system[0].cache_control')" '200 {"type":"ephemeral","ttl":"1h"}'
expect "cache lifetime of the key is told" "$(header x-converter-changes)" 'map:cache_control.ttl'
call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d "{\"model\":\"$MODEL\",
    \"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"c\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}"
expect "cache lifetime of the key in Converse" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c '.messages[0].content[1]')" \
    '200 {"cachePoint":{"type":"default","ttl":"1h"}}'

# a service tier that the model does not offer: once more without it, for both transports
make_key tiered -t flex
for model in anthropic.claude-sonnet-4-5--no-tier-once amazon.nova-pro--no-tier-once; do
    mock_reset
    ask "{\"model\":\"$model\",\"max_tokens\":20,\"messages\":[{\"role\":\"user\",\"content\":\"say: hello\"}]}"
    expect "tier refused, answered without: $model" "$CODE" 200
    expect_match "the change is named" "$(header x-converter-changes)" 'drop:service_tier'
    expect "two attempts" "$(ledger .requests)" 2
    expect_no_match "no tier in the second: $model" "$(curl -fsS "$MOCK_URL/__body?n=0")" serviceTier
done

make_key untiered
for model in anthropic.claude-sonnet-4-5--no-tier-once amazon.nova-pro--no-tier-once; do
    mock_reset
    ask "{\"model\":\"$model\",\"max_tokens\":20,\"service_tier\":\"flex\",\"messages\":[{\"role\":\"user\",\"content\":\"say: hello\"}]}"
    expect "the body's tier refused, answered without: $model" "$CODE $(ledger .requests)" '200 2'
    expect_match "the change is named: $model" "$(header x-converter-changes)" 'drop:service_tier'
    expect_no_match "the body's tier is out: $model" "$(curl -fsS "$MOCK_URL/__body?n=0")" 'flex'
done

# the operator's rules for beta values; the mock refuses what Bedrock does not know
stop_server
start_server BETA_HEADER_MAPPING='{"house-word-2026-01-01":["context-1m-2025-08-07"]}' \
    BETA_HEADERS_BLOCKLIST='["interleaved-thinking-2025-05-14"]'
mock_reset
ask "$(message hi)" -H 'anthropic-beta: house-word-2026-01-01,interleaved-thinking-2025-05-14,nobody-knows-2026-01-01'
expect "betas by the environment" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c .anthropic_beta)" '200 ["context-1m-2025-08-07"]'
expect_match "the blocked one is named" "$(header x-converter-changes)" 'drop:beta:interleaved-thinking-2025-05-14'
expect_match "the unknown one is named" "$(header x-converter-changes)" 'drop:beta:nobody-knows-2026-01-01'
run BETA_HEADER_MAPPING='[1]' -- serve
expect_match "a mapping that is none stops the start" "$CODE $(cat "$T/err")" '^2 .*BETA_HEADER_MAPPING'

mock_reset
script throttle 1
ask "$(message again)"
expect "one throttle is retried" "$CODE $(ledger .requests)" "200 2"
expect "signatures were right" "$(ledger .signature_failures)" 0
stop_mock
ask "$(message hi)"
expect_match "Bedrock unreachable" "$CODE" '^50[234]$'
expect_json "Bedrock unreachable: type" .type error
call /health
expect "still healthy" "$CODE" 200
finish
