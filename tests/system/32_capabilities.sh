#!/usr/bin/env bash
# What the target model cannot do is refused before it is called, by name: on both routes, on both transports, at the top
# of a message and inside a tool's result, whatever the source of an image or a document is.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

HAIKU=claude-3-5-haiku-20241022 # InvokeModel; documents, no images
LLAMA=meta.llama3-3-70b-instruct-v1:0 # Converse; documents, no images
CHAT_TOOLS='"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'

image() { printf '{"type":"image","source":%s}' "$1"; }
document() { printf '{"type":"document","source":%s}' "$1"; }
# chat_result PART: a call and its result that has the part
chat_result() {
    printf '[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",'
    printf '"function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":[%s]}]' "$1"
}
# messages_media WHAT MODEL BLOCK WANTED: as Claude Code, at the top, in a result, and streamed
messages_media() {
    local cli=(-A claude-cli/2.1.332)
    ask "$(turn "$2" "$(blocks "$3,{\"type\":\"text\",\"text\":\"?\"}")")" "${cli[@]}"
    expect "$1, $2" "$CODE $(got '.error.message // .type')" "$4"
    ask "$(turn "$2" "$(result "\"content\":[{\"type\":\"text\",\"text\":\"r\"},$3]")" "$TOOLS")" "${cli[@]}"
    expect "$1 in a result, $2" "$CODE $(got '.error.message // .type')" "$4"
    [ "${4%% *}" = 400 ] || return
    ask "$(turn "$2" "$(blocks "$3")" '"stream":true')" "${cli[@]}"
    expect "$1, to be streamed, $2" "$CODE $(got .error.message)" "$4"
    ask "$(turn "$2" "$(blocks "$3")")" -A anthropic-sdk-python/2.14.0
    expect_match "L5: $1, told to people, $2" "$CODE $(got .error.message)" '^400 messages: [a-z0-9.:-]+ takes no (images|documents)$'
}
# chat_media WHAT MODEL PART KIND: what is refused is told in a sentence; KIND empty: it is taken
chat_media() {
    local wanted="200 chat.completion"
    [ -z "$4" ] || wanted="400 Invalid 'messages': MODEL takes no $4.|messages|invalid_value"
    chat "$(chatted "$2" "[{\"role\":\"user\",\"content\":[$3,{\"type\":\"text\",\"text\":\"?\"}]}]")"
    expect "L5: chat: $1, $2" "$CODE $(chat_said)" "$wanted"
    chat "$(chatted "$2" "$(chat_result "$3")" "$CHAT_TOOLS")" -A claude-cli/2.1.332
    expect "chat: $1 in a result, $2" "$CODE $(chat_said)" "$wanted"
}
chat_said() { got 'if .error then [(.error.message | sub("[a-z0-9.:-]+ takes"; "MODEL takes")), .error.param, .error.code] | join("|") else .object end'; }

IMAGE='{"type":"base64","media_type":"image/png","data":"'$PIXEL'"}'
BYTES='{"type":"base64","media_type":"application/pdf","data":"'$PDF'"}'
NO_IMAGE='400 capability_rejected: image_block'
NO_DOCUMENT='400 capability_rejected: document_block'

start_mock
# AWS has ended it, but it is the only Claude that sees nothing
printf 'id\tstatus\nanthropic.claude-3-5-haiku-20241022-v1:0\tactive\n' >"$T/models.tsv"
start_server CATALOGUE_FILE="$T/models.tsv" RATE_LIMIT_WINDOW_SECONDS=86400 RATE_LIMIT_REQUESTS_PER_WINDOW=100000
make_key alice

# --- images and documents
for model in $QWEN $HAIKU $LLAMA; do
    for source in "$IMAGE" '{"type":"url","url":"https://x.example/y.png"}' '{"type":"file","file_id":"f"}'; do
        kind=$(jq -r .type <<<"$source")
        messages_media "an image ($kind)" "$model" "$(image "$source")" "$NO_IMAGE"
    done
    chat_media "an image" "$model" '{"type":"image_url","image_url":{"url":"data:image/png;base64,'$PIXEL'"}}' images
    chat_media "an image (https)" "$model" '{"type":"image_url","image_url":{"url":"https://x.example/y.png"}}' images
done
for source in "$BYTES" '{"type":"text","media_type":"text/plain","data":"abc"}' '{"type":"url","url":"https://x.example/y.pdf"}' '{"type":"content","content":"abc"}'; do
    kind=$(jq -r .type <<<"$source")
    messages_media "a document ($kind)" $QWEN "$(document "$source")" "$NO_DOCUMENT"
done
FILE='{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,'$PDF'"}}'
chat_media "a file" $QWEN "$FILE" documents
chat_media "a file (id)" $QWEN '{"type":"file","file":{"file_id":"f"}}' documents
messages_media "an image in a document" $HAIKU "$(document '{"type":"content","content":['"$(image "$IMAGE")"']}')" "$NO_IMAGE"

# --- fields and tools of Anthropic's own servers
for model in $CLAUDE $QWEN; do
    for member in '"mcp_servers":[{"type":"url","name":"n","url":"https://x.example"}]' '"container":"c1"' '"container":{"id":"c1","skills":[]}' \
        '"safeguards":[{"type":"dangerous_tool_use"}]'; do
        name=${member#\"}
        name=${name%%\"*}
        ask "$(turn "$model" "$(say hi)" "$member")"
        expect "$name, $model" "$CODE $(got .error.message)" "400 $name: Extra inputs are not permitted"
        chat "$(chatted "$model" "$(say hi)" "$member")"
        expect "chat: $name, $model" "$CODE $(got '.error.type + " " + .error.message')" "400 invalid_request_error $name: Extra inputs are not permitted"
    done
    for type in web_search_20250305 web_fetch_20250910 code_execution_20250825 mcp_toolset; do
        ask "$(turn "$model" "$(say hi)" '"tools":[{"type":"'$type'","name":"x"}]')"
        expect_match "the tool $type, $model" "$CODE $(got .error.message)" "^400 .*$type"
        chat "$(chatted "$model" "$(say hi)" '"tools":[{"type":"'$type'"}]')"
        expect_match "chat: the tool $type, $model" "$CODE $(got .error.message)" "^400 .*$type"
    done
done
expect "Bedrock has seen none of them" "$(curl -s -o /dev/null -w '%{http_code}' "$MOCK_URL/__body")" 404

# --- empty, they say nothing; and what a model has is sent
for model in $CLAUDE $QWEN; do
    ask "$(turn "$model" "$(say hi)" '"mcp_servers":[],"container":null,"safeguards":[]')"
    expect "empty fields, $model" "$CODE" 200
    chat "$(chatted "$model" "$(say hi)" '"mcp_servers":[],"container":null,"safeguards":[]')"
    expect "chat: empty fields, $model" "$CODE" 200
done
for model in $CLAUDE $NOVA; do
    messages_media "an image it sees" "$model" "$(image "$IMAGE")" "200 message"
    chat_media "a file it reads" "$model" "$FILE" ""
done
messages_media "a document it reads" $HAIKU "$(document "$BYTES")" "200 message"

finish
