#!/usr/bin/env bash
# Guardrails, projects and request metadata: by setting and by key, on both transports and in both stores; what a client hears of
# a guardrail that steps in, and what it does not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

CLAUDE=anthropic.claude-sonnet-4-5-20250929-v1:0 NOVA=us.amazon.nova-pro-v1:0
BLOCKED="Sorry, the model cannot answer this question."
# sent NAME: of the last request, the header of InvokeModel, or - where it has none
sent() { ledger ".last[0].headers[\"x-amzn-bedrock-$1\"] // \"-\""; }
body() { curl -fsS "$MOCK_URL/__body" | jq -c "$1"; }
messages() { ask "{\"model\":\"$1\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]${3:-}}" -N; }
chat() {
    call /v1/chat/completions -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' \
        -d "{\"model\":\"$1\",\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]${3:-}}"
}
events() { sed -n 's/^data: //p' "$T/body" | grep -v '^\[DONE\]' | jq -r "$1"; }
silent() { expect_no_match "$1: nothing of the guardrail's own" "$(cat "$T/body" "$T/head")" 'secret list|amazon-bedrock|guardrail|wordPolicy'; }

start_mock
start_server BEDROCK_GUARDRAIL=gr1:DRAFT BEDROCK_PROJECT=proj_server REQUEST_METADATA=user,key,request
make_key ann

# --- by setting
messages $CLAUDE "say: hello"
expect "InvokeModel" "$CODE $(sent guardrailidentifier) $(sent guardrailversion) $(sent projectidentifier)" "200 gr1 DRAFT proj_server"
expect "InvokeModel: metadata" "$(sent request-metadata)" "{\"user\":\"ann\",\"key_id\":\"$KEY_ID\",\"request_id\":\"$(header request-id)\"}"
expect "InvokeModel: the body says nothing of it" "$(body 'keys | map(select(test("^(amazon|guard|project|requestM)")))')" '[]'
messages $NOVA "say: hello"
expect "Converse" "$CODE $(body '[.guardrailConfig, .projectIdentifier, .requestMetadata.user, .requestMetadata.key_id]')" \
    "200 [{\"guardrailIdentifier\":\"gr1\",\"guardrailVersion\":\"DRAFT\"},\"proj_server\",\"ann\",\"$KEY_ID\"]"
expect "Converse has no headers for it" "$(sent guardrailidentifier) $(sent projectidentifier) $(sent request-metadata)" "- - -"

# --- it steps in: told in each dialect, its trace to nobody
for model in $CLAUDE $NOVA; do
    messages $model "a forbidden word"
    expect "$model: told" "$CODE $(jq -r '[.stop_reason, .stop_details.type, .content[0].text] | join("|")' "$T/body")" "200 refusal|refusal|$BLOCKED"
    silent $model
    messages $model "a forbidden word" ',"stream":true'
    expect "$model: told in a stream" "$CODE $(events 'select(.type == "message_delta").delta | [.stop_reason, .stop_details.type] | join("|")')" "200 refusal|refusal"
    silent "$model, streamed"
    chat $model "a forbidden word"
    expect "$model: told in a chat" "$CODE $(jq -r '.choices[0] | [.finish_reason, .message.content] | join("|")' "$T/body")" "200 content_filter|$BLOCKED"
    silent "$model, chat"
    chat $model "a forbidden word" ',"stream":true'
    expect "$model: told in a streamed chat" "$CODE $(events '.choices[0].finish_reason // empty')" "200 content_filter"
    silent "$model, streamed chat"
    messages $model "say: a good word"
    expect "$model: it does not step in" "$CODE $(jq -r .stop_reason "$T/body")" "200 end_turn"
    silent "$model, good word"
done

# --- a client says nothing of it itself
messages $CLAUDE "a forbidden word" ',"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}'
expect "a client's guardrailConfig" "$CODE $(jq -r .stop_reason "$T/body") $(body 'has("amazon-bedrock-guardrailConfig")') $(header x-converter-changes)" "200 refusal false drop:amazon-bedrock-"

# --- by key: create, update, list; a running server acts on it
make_key bob --guardrail gr2:7:async --project proj_bob
messages $CLAUDE "say: hello" ',"stream":true'
expect "the key's own" "$(sent guardrailidentifier):$(sent guardrailversion) $(sent projectidentifier) $(body '.["amazon-bedrock-guardrailConfig"]')" \
    'gr2:7 proj_bob {"streamProcessingMode":"ASYNCHRONOUS"}'
messages $NOVA "say: hello" ',"stream":true'
expect "the key's own, Converse" "$(body '[.guardrailConfig[], .projectIdentifier]')" '["gr2","7","async","proj_bob"]'
run -- list-keys --output json
expect "listed" "$(jq -r ".[] | select(.user_id == \"bob\") | .guardrail + \" \" + .project" "$T/out")" "gr2:7:async proj_bob"
run -- update-key "$KEY_ID" --guardrail off --project none
expect "update-key" "$CODE" 0
changed() {
    messages $CLAUDE "a forbidden word"
    [ "$(sent guardrailidentifier) $(sent projectidentifier)" = "- proj_server" ]
}
expect_true "a running server acts on it" eventually $((8 * SLOW)) changed
expect "a key without a guardrail" "$CODE $(jq -r .stop_reason "$T/body")" "200 end_turn"
run -- update-key "$KEY_ID" --guardrail gr2
expect_match "a guardrail without its version" "$CODE $(cat "$T/err")" '^2 .*guardrail'
run -- update-key "$KEY_ID" --guardrail nosuch:1
missing() {
    messages $CLAUDE "say: hello"
    [ "$CODE" = 400 ]
}
expect_true "a guardrail that is not there: Bedrock's own words" eventually $((8 * SLOW)) missing
expect_match "they say why" "$(jq -r .error.message "$T/body")" 'guardrail identifier is invalid'
stop_server

# --- off: nothing of it goes out
start_server
messages $CLAUDE "say: hello" ',"stream":true'
make_key eve
messages $CLAUDE "say: hello" ',"stream":true'
expect "off: InvokeModel" "$CODE $(sent guardrailidentifier)$(sent guardrailversion)$(sent projectidentifier)$(sent request-metadata)" "200 ----"
messages $NOVA "say: hello"
expect "off: Converse" "$CODE $(body '[.guardrailConfig, .projectIdentifier, .requestMetadata] | map(select(.))')" "200 []"
run BEDROCK_GUARDRAIL=gr1 -- check-config
expect_match "a setting without a version" "$CODE $(cat "$T/err")" '^2 .*BEDROCK_GUARDRAIL'
stop_server

# --- the other store
start_dynamo
run "${STORE[@]}" -- setup_tables
run "${STORE[@]}" -- create-api-key -u zoe -n t --guardrail gr3:1 --project default --output json
KEY=$(jq -r .api_key "$T/out") KEY_ID=$(jq -r .key_id "$T/out")
start_server "${STORE[@]}"
messages $CLAUDE "say: hello"
expect "DynamoDB" "$CODE $(sent guardrailidentifier):$(sent guardrailversion) $(sent projectidentifier)" "200 gr3:1 default"
run "${STORE[@]}" -- update-key "$KEY_ID" --guardrail none --project proj_zoe
changed() {
    messages $CLAUDE "say: hello"
    [ "$(sent guardrailidentifier) $(sent projectidentifier)" = "- proj_zoe" ]
}
expect_true "DynamoDB: update-key" eventually $((8 * SLOW)) changed
finish
