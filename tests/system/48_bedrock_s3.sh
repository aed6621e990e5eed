#!/usr/bin/env bash
# What a client of Bedrock's own routes names in S3 would be read with the gateway's rights: refused, however it is written, unless its
# operator has said that the bucket may be named.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

NOVA=us.amazon.nova-pro-v1:0
CLAUDE=us.anthropic.claude-sonnet-4-5-20250929-v1:0
turn() { echo "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"say: one\"},$1]}]}"; }
image() { echo "{\"image\":{\"format\":\"png\",\"source\":{\"s3Location\":{\"uri\":\"$1\"}}}}"; }
door() { call "/model/$1" -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$2"; }
refused() { # NAME MODEL/OPERATION BODY
    local before
    before=$(ledger .requests)
    door "$2" "$3"
    expect "$1" "$CODE $(header x-amzn-errortype) $(($(ledger .requests) - before))" "403 AccessDeniedException 0"
    expect_match "$1: which says why, and what opens it" "$(jq -r .message "$T/body")" "rights of this gateway.*S3_BUCKETS"
}
passes() { # NAME MODEL/OPERATION BODY
    door "$2" "$3"
    curl -fsS -o "$T/got" "$MOCK_URL/__body"
    expect "$1" "$(cat "$T/got")" "$3"
}

start_mock
start_server WORKERS=1
make_key alice

for operation in converse converse-stream invoke invoke-with-response-stream; do
    refused "$operation: an image" $NOVA/$operation "$(turn "$(image s3://b/k.png)")"
done
refused "a tool's result" $NOVA/converse "$(turn "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[$(image s3://b/k)]}}")"
refused "an escaped address" $NOVA/converse "$(turn "$(image 's\u0033\u003a//b/k')")"
refused "an escaped name" $NOVA/converse "$(turn '{"image":{"format":"png","source":{"\u0073\u0033Location":{"uri":"\u00733://b/k"}}}}')"
refused "said twice" $NOVA/converse "{\"messages\":[],$(turn "$(image s3://b/k)" | cut -c2-)"
refused "the model's own fields" $NOVA/converse '{"messages":[],"additionalModelRequestFields":{"video":{"uri":"s3://b/k"}}}'
refused "a body of an embedding model" amazon.nova-2-multimodal-embeddings-v1:0/invoke '{"singleEmbeddingParams":{"image":{"source":{"s3Location":{"uri":"s3://b/k"}}}}}'
refused "a count" $NOVA/count-tokens "{\"input\":{\"converse\":$(turn "$(image s3://b/k)")}}"
refused "a count of a body in base64" $NOVA/count-tokens "{\"input\":{\"invokeModel\":{\"body\":\"$(turn "$(image s3://b/k)" | base64 -w0)\"}}}"
door $NOVA/converse '{"messages":[{"uri":"s3://b/k"}'
expect "what cannot be read, and may have one" "$CODE $(header x-amzn-errortype)" "400 ValidationException"
turn "$(image s3://b/k)" | iconv -t UTF-16LE >"$T/wide"
call /model/$NOVA/converse -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary @"$T/wide"
expect "in letters of two bytes" "$CODE $(ledger .requests)" "400 0"
expect_true "the log says why" eventually 5 grep -q 'status=403 path=/model/.*error=.*S3_BUCKETS' "$T/server.log"

# --- what is no address goes on as it came
passes "a text" $NOVA/converse '{"messages":[{"role":"user","content":[{"text":"s3://b/k is what?"}]}]}'
passes "a call and its result" $NOVA/converse '{"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"get","input":{"s3Location":{"uri":"s3://b/k"}}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"uri":"s3://b/k"}}]}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"get","inputSchema":{"json":{"type":"object"}}}}]}}'
passes "Claude's" $CLAUDE/invoke '{"anthropic_version":"bedrock-2023-05-31","max_tokens":50,"system":"s3://b","messages":[{"role":"user","content":"s3://b/k"}]}'

# --- the other dialects have no way to name one
mock_reset
for body in '{"type":"image","source":{"type":"url","url":"s3://b/k"}}' '{"type":"image","source":{"type":"s3","s3Location":{"uri":"s3://b/k"}}}' '{"type":"document","source":{"type":"url","url":"s3://b/k"}}'; do
    for model in $NOVA $CLAUDE; do
        call /v1/messages -H "x-api-key: $KEY" -d "{\"model\":\"$model\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":[$body]}]}"
        expect "messages, $model: $body" "$CODE $(ledger .requests)" "$([ $model = $CLAUDE ] && echo 403 || echo 400) 0"
    done
done
for model in $NOVA global.openai.gpt-6-sol $CLAUDE; do
    call /v1/chat/completions -H "authorization: Bearer $KEY" -d "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"s3://b/k\"}}]}]}"
    expect "chat, $model" "$CODE $(ledger .requests)" "400 0"
    call /v1/responses -H "authorization: Bearer $KEY" -d "{\"model\":\"$model\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"s3://b/k\"}]}]}"
    expect "responses, $model" "$CODE $(ledger .requests)" "400 0"
done
call /v1/messages -H "x-api-key: $KEY" -d "{\"model\":\"$CLAUDE\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"s3://b/k is what?\"}]}"
expect "a text to Claude" "$CODE $(ledger .requests)" "200 1"
# a prompt of the account's, whose words only the gateway may read
door arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Aprompt%2FABCDEFGHIJ/converse '{"promptVariables":{"a":{"text":"b"}}}'
expect "a prompt as a model" "$CODE $(ledger .requests)" "404 1"
stop_server

# --- what the operator has said
start_server WORKERS=1 S3_BUCKETS="media, docs/in/"
make_key bob
passes "a bucket" $NOVA/converse "$(turn "$(image s3://media/k.png)")"
passes "a folder" $NOVA/invoke "$(turn "$(image s3://docs/in/k.png)")"
refused "another one" $NOVA/converse "$(turn "$(image s3://docs/out/k.png)")"
refused "one of two" $NOVA/converse "$(turn "$(image s3://media/a),$(image s3://media2/a)")"
stop_server
start_server WORKERS=1 S3_BUCKETS='*'
make_key carol
passes "any" $NOVA/converse "$(turn "$(image s3://anything/k.png)")"
finish
