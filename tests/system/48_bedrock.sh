#!/usr/bin/env bash
# Bedrock's own routes: bodies and frames pass byte for byte at every split, what a key may and pays holds there as elsewhere, errors
# have AWS's shape, and a stream that breaks is cut. AWS's SDKs are in tests/clients/bedrock.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

ID=us.anthropic.claude-sonnet-4-5-20250929-v1:0
INVOKE='{"anthropic_version":"bedrock-2023-05-31",  "max_tokens":1000,"messages":[{"role":"user","content":"say: one two \u00e9 three four"}]}'
CONVERSE='{"messages" : [{"role":"user","content":[{"text":"say: one two three four"}]}],"inferenceConfig":{"maxTokens":1000}}'
STREAMS="invoke-with-response-stream converse-stream"
# door OPERATION BODY [ID] [curl options...]
door() {
    local operation=$1 body=$2 id=${3:-$ID}
    shift $(($# < 3 ? $# : 3))
    call "/model/$id/$operation" -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$body" "$@"
}
body_of() { case $1 in invoke*) echo "$INVOKE" ;; *) echo "$CONVERSE" ;; esac; }
# same WHAT BODY: what was sent is what Bedrock got, what Bedrock said is what came
same() {
    curl -fsS -o "$T/got" "$MOCK_URL/__body"
    curl -fsS -o "$T/said" "$MOCK_URL/__said"
    printf %s "$2" >"$T/sent"
    expect_true "$1: what was sent is what Bedrock got" cmp "$T/sent" "$T/got"
    expect_true "$1: what Bedrock said is what came" cmp "$T/said" "$T/body"
    expect_true "$1: it said something" test -s "$T/said"
}
# told WHAT STATUS EXCEPTION REGEX: an error in AWS's shape
told() {
    expect "$1" "$CODE $(header x-amzn-errortype) $(jq -r 'keys | join(",")' "$T/body")" "$2 $3 message"
    expect_match "$1: in words" "$(jq -r .message "$T/body")" "$4"
}
field() { tail -1 <<<"$(grep 'request: ' "$T/server.log" | grep "path=$2")" | sed -n "s/.* $1=\([^ ]*\).*/\1/p"; }

start_mock
start_server
make_key alice

# --- byte for byte
for operation in invoke converse $STREAMS; do
    body=$(body_of "$operation")
    for id in "$ID" "${ID/:/%3A}"; do
        door "$operation" "$body" "$id"
        same "$operation $id" "$body"
        expect "$operation $id: 200, of that path" "$CODE $(ledger '.last[0].path')" "200 /model/${ID/:/%3A}/$operation"
    done
    eventually 5 grep -q "path=/model/$ID/$operation .*output_tokens=[1-9]" "$T/server.log"
    expect_match "$operation: what was used" "$(field input_tokens "/model/$ID/$operation ")/$(field output_tokens "/model/$ID/$operation ")/$(field stop_reason "/model/$ID/$operation ")" '^[1-9][0-9]*/[1-9][0-9]*/end_turn$'
done
for operation in $STREAMS; do
    script bytewise
    door "$operation" "$(body_of "$operation")"
    same "$operation, a chunk a byte" "$(body_of "$operation")"
    script unknown-event
    door "$operation" "$(body_of "$operation")"
    same "$operation, an event nobody knows" "$(body_of "$operation")"
    expect "$operation: its type" "$(header content-type)" application/vnd.amazon.eventstream
    expect "$operation: a proxy in front may not hold it back" "$(header x-accel-buffering)" no
done
door invoke "$INVOKE"
expect_match "Bedrock's own headers" "$(header x-amzn-requestid) $(header x-amzn-bedrock-input-token-count) $(header x-amzn-bedrock-invocation-latency)" '^6d6f636b-[^ ]+ [0-9]+ [0-9]+$'
door invoke "$INVOKE" "$ID" -H 'x-amzn-bedrock-trace: ENABLED' -H 'x-amzn-bedrock-performanceconfig-latency: standard' -H 'x-amzn-bedrock-guardrailidentifier: gr1' -H 'x-amzn-bedrock-guardrailversion: 1' -H 'x-mine: no'
expect "the head of InvokeModel goes on" "$(ledger '.last[0].headers | [."x-amzn-bedrock-trace", ."x-amzn-bedrock-performanceconfig-latency", ."x-amzn-bedrock-guardrailidentifier", ."x-mine"] | tostring')" '["ENABLED","standard","gr1",null]'
COUNT="{\"input\":{\"converse\":$CONVERSE}}"
door count-tokens "$COUNT"
expect "count-tokens, of the base id" "$CODE $(jq -r '.inputTokens > 0' "$T/body") $(ledger '.last[0].path')" "200 true /model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"
same count-tokens "$COUNT"

# --- names, doors, lists
run -- map-model my-name "$ID"
eventually 5 curl -fsS -o /dev/null -H "x-api-key: $KEY" --data-binary "$INVOKE" "$URL/model/my-name/invoke"
door invoke "$INVOKE" my-name
same "a mapped name" "$INVOKE"
expect "a mapped name: its model" "$(ledger '.last[0].path')" "/model/${ID/:/%3A}/invoke"
call /bedrock/model/my-name/invoke -H "x-api-key: $KEY" --data-binary "$INVOKE"
expect "behind /bedrock, key as x-api-key" "$CODE" 200
call '/mantle/v1/messages?beta=true' -H "x-api-key: $KEY" -H 'anthropic-version: 2023-06-01' --data-binary "$(message 'say: hi')"
expect "Mantle mode is the Messages route" "$CODE $(jq -r '.content[0].text' "$T/body")" "200 hi"
# whose ids the runtime has behind profiles only, and without a version not at all
for pair in anthropic.claude-opus-5-5=global.anthropic.claude-opus-5-5 anthropic.claude-haiku-4-5=global.anthropic.claude-haiku-4-5-20251001-v1%3A0; do
    id=${pair%%=*}
    call /mantle/v1/messages -H "x-api-key: $KEY" --data-binary "$(MODEL=$id message 'say: hi')"
    expect "Mantle's $id" "$CODE $(jq -r .model "$T/body") $(ledger '.last[0].path')" "200 $id /model/${pair#*=}/invoke"
    call /v1/messages -H "x-api-key: $KEY" --data-binary "$(MODEL=$id message 'say: hi')"
    expect "$id elsewhere is what it says" "$CODE $(ledger '.last[0].path')" "200 /model/$id/invoke"
done
call '/inference-profiles?type=SYSTEM_DEFINED' -H "x-api-key: $KEY"
expect "profiles" "$CODE $(jq -r "[.inferenceProfileSummaries[] | select(.inferenceProfileId == \"$ID\")] | length, (map(.inferenceProfileArn | test(\":[0-9]{12}:\")) | any)" "$T/body" | tr '\n' ' ')" "200 1 false "
call '/inference-profiles?type=APPLICATION' -H "x-api-key: $KEY"
expect_match "the operator's own" "$(jq -r '.inferenceProfileSummaries[].inferenceProfileId' "$T/body")" '^my-name$'
call /foundation-models -H "x-api-key: $KEY"
expect_match "models" "$(jq -r '.modelSummaries[] | .modelId + " " + .modelArn' "$T/body")" '^anthropic\.claude-sonnet-4-5[^ ]* arn:aws:bedrock:us-west-2::foundation-model/anthropic\.claude-sonnet-4-5'

# --- refusals of the gateway
call "/model/$ID/converse" -H 'authorization: AWS4-HMAC-SHA256 Credential=AKIAX/20261130/us-west-2/bedrock/aws4_request, SignedHeaders=host, Signature=00' --data-binary "$CONVERSE"
told "signed" 403 AccessDeniedException 'no AWS signature.*AWS_BEARER_TOKEN_BEDROCK'
call "/model/$ID/converse" --data-binary "$CONVERSE"
told "no key" 403 AccessDeniedException 'no API key'
call "/model/$ID/converse" -H 'authorization: Bearer sk-nobody-0000000000000000000000000000' --data-binary "$CONVERSE"
told "an unknown key" 403 AccessDeniedException 'invalid'
call "/model/$ID/converse?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00" --data-binary "$CONVERSE"
told "signed in its query" 403 AccessDeniedException 'no AWS signature'
call /v1/messages -H 'authorization: AWS4-ECDSA-P256-SHA256 Credential=AKIAX' --data-binary "$(message 'say: hi')"
expect_match "signed, at another door" "$CODE $(jq -r .error.message "$T/body")" '^401 .*no AWS signature'
for path in /foundation-models /inference-profiles; do
    call "$path" -H "x-api-key: $KEY" --data-binary '{}'
    told "POST $path" 405 UnknownOperationException 'not allowed'
    call "$path/$ID" -H "x-api-key: $KEY"
    told "one of $path" 404 UnknownOperationException 'not served'
done
call "/model/$ID/converse" -H "x-api-key: $KEY" -I
expect "HEAD" "$CODE $(header x-amzn-errortype)" "405 UnknownOperationException"
for id in '%00' 'a%0d%0ax:y' '%ff' "${ID/:/%253A}" "$ID/" "/$ID" '..' 'a%2F..%2F..%2Fx'; do
    door converse "$CONVERSE" "$id" --path-as-is
    told "id $id" 404 ResourceNotFoundException '^model:'
    expect "id $id: no header of its own" "$(header x)" ""
done
head -c 25000001 /dev/zero >"$T/large"
door converse "@$T/large"
told "too large" 413 ValidationException 'larger than 25000000'
call "/model/$ID/converse" -H "x-api-key: $KEY"
told "GET" 405 UnknownOperationException 'not allowed'
door nothing "$CONVERSE"
told "no such operation" 404 UnknownOperationException 'not served'
door converse "$CONVERSE" 'no%20such'
told "no such model" 404 ResourceNotFoundException 'model: no such'
door converse "$CONVERSE" '..%2Fx'
told "no way out of the path" 404 ResourceNotFoundException 'model'
door converse "$CONVERSE" '%zz'
told "no legal escape" 404 ResourceNotFoundException 'model'

# --- refusals of Bedrock: its status, its name, its words, and nobody's account
refusal() { # FAULT STATUS NAME REGEX
    mock_reset
    script "$1" 9
    door converse-stream "$CONVERSE"
    told "$1" "$2" "$3" "$4"
}
refusal validation 400 ValidationException .
refusal too-long 400 ValidationException 'too long'
refusal throttle 429 ThrottlingException .
refusal quota 400 ServiceQuotaExceededException .
refusal model-error 424 ModelErrorException .
refusal model-timeout 408 ModelTimeoutException .
refusal not-ready 429 ModelNotReadyException .
refusal notfound 404 ResourceNotFoundException .
refusal denied 403 AccessDeniedException .
expect_no_match "denied: nobody's account" "$(cat "$T/body")" '123456789012|arn:'
refusal expired-token 500 InternalServerException 'credentials'
refusal html-500 500 InternalServerException .
mock_reset
script throttle
door converse-stream "$CONVERSE"
expect "once is tried again" "$CODE $(ledger .requests)" "200 2"

# --- streams that break: nothing is put that Bedrock did not say, and the row tells
broken() { # OPERATION FAULT CURL WHAT-CAME ERROR
    mock_reset
    script "$2" 9
    curl -sS -N -o "$T/body" --max-time 60 -H "x-api-key: $KEY" -H "x-request-id: $1-$2" --data-binary "$(body_of "$1")" "$URL/model/$ID/$1" 2>/dev/null
    expect "$1, $2: curl's own word" $? "$3"
    curl -fsS -o "$T/said" "$MOCK_URL/__said"
    if [ "$4" = all ]; then
        expect_true "$1, $2: all that Bedrock said" cmp "$T/said" "$T/body"
    else
        expect_true "$1, $2: a part of what Bedrock said" cmp -n "$(stat -c %s "$T/body")" "$T/said" "$T/body"
        expect_true "$1, $2: but some" test -s "$T/body"
    fi
    expect_match "$1, $2: the log says so" "$(logged "$1-$2")" "$5"
}
for operation in $STREAMS; do
    broken "$operation" stream-internal 0 all 'error="Bedrock had an internal'
    broken "$operation" stream-throttle 0 all 'error=.*[Tt]'
    broken "$operation" stream-error-frame 0 all 'error=.+'
    broken "$operation" missing-end 0 all 'error=.*before its last event'
    broken "$operation" truncated-frame 18 part 'error=.*inside an event'
    broken "$operation" cut-900 18 part 'error=.+'
    broken "$operation" bad-crc 18 part 'error=.*checksum'
done
mock_reset
script stream-throttle-0 1
door invoke-with-response-stream "$INVOKE"
expect "an exception as the first frame is tried again" "$CODE $(ledger .requests)" "200 2"

# --- limits
make_key narrow --models 'claude-haiku-*'
door converse "$CONVERSE"
told "a model that the key may not use" 403 AccessDeniedException 'may not use'
call /model/us.anthropic.claude-haiku-4-5-20251001-v1:0/converse -H "x-api-key: $KEY" --data-binary "$CONVERSE"
expect "one that it may, by its id" "$CODE" 200
call /foundation-models -H "x-api-key: $KEY"
for name in $(jq -r '.modelSummaries[].modelId' "$T/body"); do
    call "/model/$name/converse" -H "x-api-key: $KEY" --data-binary "$CONVERSE"
    expect_match "what it hears of it may name: $name" "$CODE" '^[24]0[04]$'
done
call '/inference-profiles?type=SYSTEM_DEFINED' -H "x-api-key: $KEY"
expect "nor does it hear of it" "$(jq -r '[.inferenceProfileSummaries[].models[].modelArn | select(test("haiku") | not)] | length' "$T/body")" 0
make_key slow -l 1
door invoke "$INVOKE"
door invoke "$INVOKE"
told "the key's own limit" 429 ThrottlingException 'limited to 1'
expect_match "when to come again" "$(header retry-after)" '^[0-9]+$'
same_month 30
make_key spender --monthly-budget 1
SPENT='{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"usage 60000 60000 0 0 0"}]}'
door invoke-with-response-stream "$SPENT"
expect "spends" "$CODE" 200
door invoke "$INVOKE"
told "a spent budget" 400 ServiceQuotaExceededException 'budget'
make_key saver --monthly-budget 0.01 --budget-mode reserve
door invoke '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64000,"messages":[{"role":"user","content":"say: x"}]}'
told "may cost more than there is" 400 ServiceQuotaExceededException 'may cost'
door converse "$CONVERSE" "$ID"
told "so may 1000 tokens" 400 ServiceQuotaExceededException 'may cost'
door converse '{"messages":[{"role":"user","content":[{"text":"say: x"}]}],"inferenceConfig":{"maxTokens":9},"additionalModelRequestFields":{"max_tokens":64000}}'
told "so may those that stand elsewhere" 400 ServiceQuotaExceededException 'may cost'
door invoke '{"anthropic_version":"bedrock-2023-05-31","max_tokens":200,"max_tokens":64000,"messages":[{"role":"user","content":"say: x"}]}'
told "a maximum said twice is none" 400 ServiceQuotaExceededException 'may cost'
SMALL='{"anthropic_version":"bedrock-2023-05-31","max_tokens":200,"messages":[{"role":"user","content":"say: x"}]}'
door invoke "$SMALL"
same "200 may" "$SMALL"

# --- the tier that is paid is the one that is served
make_key tiers
NOVA=us.amazon.nova-pro-v1:0
ASK='"messages":[{"role":"user","content":[{"text":"usage 60000 60000 0 0 0"}]}]'
n=0
for tier in '"serviceTier":{"type":"priority"}' '"service\u0054ier":{"\u0074ype":"priority"}'; do
    n=$((n + 1))
    door converse "{$tier,$ASK}" "$NOVA" -H "x-request-id: tier-$n"
    expect "$tier: 200" "$CODE" 200
    expect_match "$tier: its price" "$(logged "tier-$n")" ' cost_micro=420000 '
done
for tier in '"serviceTier":{"type":"flex"},"serviceTier":{"type":"priority"}' '"serviceTier":{"type":"flex","type":"priority"}'; do
    door converse "{$tier,$ASK}" "$NOVA"
    told "$tier" 400 ValidationException 'more than once'
done
printf '{"serviceTier":{"type":"priority"},%s}' "$ASK" | iconv -t UTF-16LE >"$T/wide"
door converse "@$T/wide" "$NOVA"
told "in letters that cannot be read" 400 ValidationException .

# --- guardrail, project, metadata and tier of the key
make_key bound --guardrail gr2:7:async --project proj_bob --service-tier flex
door invoke "$INVOKE" "$ID" -H 'x-amzn-bedrock-guardrailidentifier: mine' -H 'x-amzn-bedrock-guardrailversion: 1'
same "InvokeModel, with terms" "$INVOKE"
expect "in its head" "$(ledger '.last[0].headers | [."x-amzn-bedrock-guardrailidentifier", ."x-amzn-bedrock-projectidentifier", ."x-amzn-bedrock-service-tier"] | tostring')" '["gr2","proj_bob","flex"]'
door converse-stream '{"guardrailConfig":{"guardrailIdentifier":"mine","guardrailVersion":"1"},  "messages":[{"role":"user","content":[{"text":"say: x"}]}]}'
expect "Converse, in its body" "$CODE $(curl -fsS "$MOCK_URL/__body")" '200 {"guardrailConfig":{"guardrailIdentifier":"gr2","guardrailVersion":"7","streamProcessingMode":"async"},"projectIdentifier":"proj_bob","serviceTier":{"type":"flex"},"messages":[{"role":"user","content":[{"text":"say: x"}]}]}'
door converse '{"serviceTier":{"type":"default"},"messages":[{"role":"user","content":[{"text":"say: x"}]}]}'
expect "the request's own tier stays" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c '[.serviceTier, .guardrailConfig]')" '200 [{"type":"default"},{"guardrailIdentifier":"gr2","guardrailVersion":"7"}]'
# what would say what our guardrail looks at, or tell its words, is the operator's
door invoke '{"\u0061mazon-bedrock-guardrailConfig":{"tagSuffix":"x"},"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"say: x"}]}' "$ID" -H 'x-amzn-bedrock-trace: ENABLED'
expect "no tagSuffix, no trace" "$CODE $(curl -fsS "$MOCK_URL/__body" | cut -c1-20) $(ledger '.last[0].headers."x-amzn-bedrock-trace"')" '200 {"anthropic_version" null'
door invoke-with-response-stream "$INVOKE"
expect "a stream that does not wait" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c '.["amazon-bedrock-guardrailConfig"]')" '200 {"streamProcessingMode":"ASYNCHRONOUS"}'
for body in '{"messages":[{"role":"user","content":[{"text":"all of it"},{"guardContent":{"text":{"text":"this alone"}}}]}]}' \
    '{"system":[{"guardContent":{"text":{"text":"this alone"}}}],"messages":[{"role":"user","content":[{"text":"say: x"}]}]}' \
    '{"messages":[],"messages":[{"role":"user","content":[{"text":"say: x"}]}]}'; do
    door converse "$body"
    told "guardContent under our guardrail" 400 ValidationException 'guardContent'
done
door converse '[1,'
told "a body that nothing can be put into" 400 ValidationException 'JSON'
stop_server
start_server METRICS_TOKEN=off
make_key bob
door invoke "$INVOKE"
door converse-stream "$CONVERSE"
door converse "$CONVERSE" 'no%20such'
for labels in 'transport="invoke",class="2xx"' 'transport="converse",class="2xx"' 'transport="none",class="4xx"'; do
    expect_true "metrics: $labels" told_by_metrics "requests_ended_total\{route=\"bedrock\",dialect=\"bedrock\",$labels\} 1"
done
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
