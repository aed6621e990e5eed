#!/usr/bin/env bash
# POST /v1/messages/count_tokens: Bedrock's CountTokens, then its other host, then an estimate that says so; who refused is left alone
# for ten minutes.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

count() { # MODEL [TEXT]
    call /v1/messages/count_tokens -H "x-api-key: $KEY" -H 'anthropic-beta: context-1m-2025-08-07,claude-code-20250219' --data-binary "$(MODEL=$1 message "${2:-hi}" '{"tools":[{"name":"t","input_schema":{"type":"object"}}],"system":"short","max_tokens":7,"top_k":5}' | jq -c 'del(.max_tokens)')"
}
fault() { curl -fsS -o /dev/null --data-binary "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":0}" "$MOCK_URL/__script"; }
asked() { ledger "[.operations.CountTokens, .operations.MantleCountTokens] | map(. // 0) | join(\" \")"; }

start_mock
start_server WORKERS=1
make_key alice

count claude-sonnet-4-5
expect "CountTokens counts" "$CODE $(asked) $(header x-token-count)" "200 1 0 "

# --- a model that exists only behind profiles
fault claude-opus-5-5 no-counting
count claude-opus-5-5
expect "the other host does" "$CODE $(asked) $(header x-token-count)" "200 2 1 "
expect_match "its answer" "$(cat "$T/body")" '^\{"input_tokens":[1-9][0-9]*\}$'
curl -fsS -o "$T/sent" "$MOCK_URL/__body"
expect "in Anthropic's words" "$(jq -c '[keys, .model, .messages[0].content]' "$T/sent")" '[["messages","model","system","tools"],"anthropic.claude-opus-5-5","hi"]'
expect "and head" "$(ledger '.last[0].headers | [."anthropic-version", ."anthropic-beta", ."x-amzn-bedrock-service-tier"] | tostring')" '["2023-06-01","context-1m-2025-08-07",null]'
count claude-opus-5-5
expect "asked at once the next time" "$CODE $(asked) $(header x-token-count)" "200 2 2 "
expect "every signature was good" "$(ledger .signature_failures)" 0

# --- nobody may
fault claude-opus-4-8 no-counting
fault claude-opus-4-8 mantle-denied
for round in 1 2; do
    count claude-opus-4-8
    expect "$round: an estimate that says so" "$CODE $(asked) $(header x-token-count)" "200 3 3 estimate"
done
curl -fsS -o /dev/null "$URL/ready"
expect "a permission that nobody needs is no trouble" "$(curl -sS -o /dev/null -w '%{http_code}' "$URL/ready") $(grep -c 'credentials.*refused' "$T/server.log")" "200 0"
expect_match "but the log has it" "$(cat "$T/server.log")" 'Bedrock 403 .*may not count here'

# --- the estimate: 4.7 and later make more of a text
long=$(printf 'word %.0s' {1..1000})
fault claude-opus-4-5 no-counting
fault claude-opus-4-5 mantle-denied
count claude-opus-4-5 "$long"
older=$(jq .input_tokens "$T/body")
count claude-opus-4-8 "$long"
newer=$(jq .input_tokens "$T/body")
expect "some 30 % more" "$((newer * 100 / older))" 130
stop_server
start_server WORKERS=1 COUNT_TOKENS_FALLBACK=refuse
make_key bob
count claude-opus-4-8
expect "or no estimate" "$CODE" 501

# --- an outage of CountTokens is not a refusal: the other host is for what the first will never do
mock_reset
stop_server
start_server WORKERS=1
make_key carol
fault claude-sonnet-4-6 internal
count claude-sonnet-4-6
expect "an outage" "$CODE $(header x-token-count) $(ledger '.operations.MantleCountTokens // 0')" "200 estimate 0"
finish
