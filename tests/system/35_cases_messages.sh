#!/usr/bin/env bash
# Conformance cases 1 to 30: Messages, the happy path.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

GOLDEN=$ROOT/tests/golden
STREAM='"stream":true'
post() { call "$1" -H 'content-type: application/json' -d "$(turn $CLAUDE "$(say hi)")" "${@:2}"; }
each() { # CASE BODY-MAKER-ARGS...: accepted by Claude, Nova; the body's model is put in front
    local what=$1 model
    shift
    for model in $CLAUDE $NOVA; do
        ask "$(turn "$model" "$@")"
        expect "$what, $model" "$CODE$([ "$CODE" = 200 ] || got .error.message)" 200
    done
}

start_mock
start_server
make_key alice
FIRST=$KEY
make_key bob
BOB=$KEY
KEY=$FIRST

# --- transport
ask "$(turn $CLAUDE "$(say 'say: hello')")"
expect "case 1: a message" "$CODE $(got '[.type, .role, .content[0].text, .stop_reason, (.usage.input_tokens > 0), (.usage.output_tokens > 0)] | join(" ")')" \
    "200 message assistant hello end_turn true true"
expect_match "case 1: request-id" "$(header request-id)" '^req_'
expect_match "case 1: content type" "$(header content-type)" '^application/json'
post '/v1/messages?beta=true' -H "x-api-key: $KEY"
expect "case 2: ?beta=true" "$CODE $(got .type)" "200 message"
post /v1/messages -H "authorization: Bearer $KEY"
expect "case 3: Bearer alone" "$CODE" 200
post /v1/messages -H "x-api-key: $KEY"
expect "case 3: x-api-key alone" "$CODE" 200
post /v1/messages -H "x-api-key: $KEY" -H 'authorization: Bearer sk-nobody'
expect "case 3: both, x-api-key is good" "$CODE" 200
post /v1/messages -H 'x-api-key: sk-nobody' -H "authorization: Bearer $BOB"
expect "case 3: both, x-api-key is bad" "$CODE" 401
for version in 2026-10-21 2023-06-01 ''; do
    post /v1/messages -H "x-api-key: $KEY" -H "anthropic-version: $version"
    expect "case 4: anthropic-version \"$version\"" "$CODE $(sent .anthropic_version)" "200 bedrock-2023-05-31"
done
for field in temperature:1 top_p:0.5 top_k:3; do
    late=(-H "x-api-key: $KEY" -H 'anthropic-version: 2026-10-21' -H 'content-type: application/json')
    call /v1/messages "${late[@]}" -d "$(turn $CLAUDE "$(say hi)" "\"${field%:*}\":${field#*:}")"
    expect "case 5: version 2026-10-21 has no ${field%:*}" "$CODE $(got .error.message)" "400 ${field%:*}: Extra inputs are not permitted"
    # the newest SDKs send no other version: users of other models could set no sampling at all (L10)
    call /v1/messages "${late[@]}" -d "$(turn $NOVA "$(say hi)" "\"${field%:*}\":${field#*:}")"
    expect "L10: but another vendor's model takes ${field%:*}" "$CODE $(sent "[.inferenceConfig.temperature, .inferenceConfig.topP, .additionalModelRequestFields.inferenceConfig.topK] | map(select(. != null)) | tostring")" "200 [${field#*:}]"
done
ask "$(turn $CLAUDE "$(say hi)" '"temperature":1')"
expect "case 5: version 2023-06-01 has temperature" "$CODE" 200

# --- streams
for model in $CLAUDE $NOVA; do
    ask "$(turn "$model" "$(say 'say: one two three')" "$STREAM")" -N
    expect "case 6: events in order, $model" "$CODE $(names)" \
        "200 message_start content_block_start content_block_delta content_block_stop message_delta message_stop "
    expect "case 6: every event has its line, and data of that type, $model" "$(grep -c '^event: ' "$T/body")" "$(data .type | wc -l)"
    expect "case 6: event and data agree, $model" "$(sed -n 's/^event: //p' "$T/body" | tr -d '\r' | md5sum)" "$(data .type | md5sum)"
    expect "case 6: the body ends after the last event, $model" "$(tail -c 2 "$T/body" | od -An -c | tr -d ' ')" '\n\n'
    expect "case 6: the start is a whole message, $model" "$(data 'select(.type == "message_start").message | [.content, .stop_reason, .stop_sequence, (.usage | has("input_tokens"))]')" "[[],null,null,true]"
done
for transport in splice_request/claude-code-first-request-sonnet-4-5:$CLAUDE splice_request/claude-code-first-request-opus-5-5:anthropic.claude-opus-5-5; do
    jq -c --arg m "${transport#*:}" '.body | .model = $m | .max_tokens = 64000' "$GOLDEN/${transport%:*}.in.json" >"$T/first.json"
    ask "@$T/first.json" -H "anthropic-beta: $(jq -r .betas "$GOLDEN/${transport%:*}.in.json")"
    expect_match "case 7: Claude Code's first request, Claude, ${transport#*:}" "$CODE $(names)" '^200 message_start .*message_stop $'
    expect_match "case 7: the system-role text arrives, ${transport#*:}" "$(sent_bytes)" '# Environment'
done
jq -c --arg m $QWEN '.model = $m | .stream = true | .messages[1].content[0].text = "# Environment: you are at home"' "$GOLDEN/anthropic_to_converse/client_claude_code_qwen.in.json" >"$T/first.json"
ask "@$T/first.json" -H 'anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27'
expect_match "case 8: Claude Code's first request, Converse" "$CODE $(names)" '^200 message_start .*message_stop $'
expect_no_match "case 8: nothing that only Claude has" "$(sent_bytes)" 'thinking|context_management|"role":"system"|defer_loading|cache_control|cachePoint'
expect "case 8: the environment's text is there" "$(sent 'tostring | contains("# Environment: you are at home")')" true

call_stream() { ask "$(turn "$1" "$(say "$2")" "$STREAM,$TOOLS")" -N; }
inputs='select(.type == "content_block_delta" and .delta.type == "input_json_delta").delta.partial_json'
for model in $CLAUDE $NOVA; do
    call_stream "$model" 'use tool Bash {\"command\":\"ls\",\"n\":[1,{\"a\":null}]}'
    expect "case 9: a call begins with {}, $model" "$(data 'select(.content_block.type == "tool_use").content_block.input')" '{}'
    expect "case 9: its pieces are JSON, $model" "$(data "$inputs" | tr -d '\n' | jq -c .)" '{"command":"ls","n":[1,{"a":null}]}'
    expect "case 9: its end, $model" "$(data 'select(.type == "message_delta").delta.stop_reason')" tool_use
    call_stream "$model" 'use tool now'
    expect_match "case 10: a call without arguments, $model" "$(data "$inputs" | tr -d '\n')" '^(\{\})?$'
    call_stream "$model" 'use tool Bash {} use tool now'
    expect "case 11: two calls, two blocks, $model" "$(data 'select(.content_block.type == "tool_use").content_block.name' | tr '\n' ' ')" 'Bash now '
    expect "case 11: contiguous indices, $model" "$(data 'select(.type == "content_block_start").index' | tr '\n' ' ')" '0 1 2 '
done

# --- history
TEXT='{"type":"text","text":"ok"}'
IMAGE='{"type":"image","source":{"type":"base64","data":"'$PIXEL'","media_type":"image/png"}}'
DOCUMENT='{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"'$PDF'"}}'
each "case 12: result is a string" "$(result '"content":"ok"')" "$TOOLS"
each "case 12: result is text blocks" "$(result "\"content\":[$TEXT,$TEXT]")" "$TOOLS"
each "case 12: result is an image" "$(result "\"content\":[$IMAGE]")" "$TOOLS"
each "case 12: result is a document" "$(result "\"content\":[$DOCUMENT]")" "$TOOLS"
each "case 12: result is a tool reference" "$(result '"content":[{"type":"tool_reference","tool_name":"now"}]')" "$TOOLS"
each "case 12: result is absent" "$(result '')" "$TOOLS"
each "case 12: result is an error" "$(result '"is_error":true,"content":"no"')" "$TOOLS"
expect "case 12: an error is told, Converse" "$(sent '.messages[2].content[0].toolResult.status')" error
two='[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"a1","name":"Bash","input":{}},{"type":"tool_use","id":"b2","name":"now","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a1","content":"1"},{"type":"tool_result","tool_use_id":"b2","content":"2"},{"type":"text","text":"go on"}]}]'
ask "$(turn $CLAUDE "$two" "$TOOLS")"
expect "case 13: order of results and text, Claude" "$CODE $(sent '[.messages[2].content[] | .tool_use_id // .text]')" '200 ["a1","b2","go on"]'
ask "$(turn $NOVA "$two" "$TOOLS")"
expect "case 13: order of results and text, Converse" "$CODE $(sent '[.messages[2].content[] | .toolResult.toolUseId // .text]')" '200 ["a1","b2","go on"]'
ask "$(turn $CLAUDE "$(say hi)" "$STREAM"',"thinking":{"type":"enabled","budget_tokens":1024}' | sed 's/"max_tokens":1000/"max_tokens":4000/')" -N
expect "case 14: thinking comes first" "$(data 'select(.type == "content_block_start").content_block.type' | tr '\n' ' ')" 'thinking text '
expect "case 14: the signature comes before its end" "$(data 'select(.index == 0) | .delta.type // .type' | uniq | tr '\n' ' ')" \
    'content_block_start thinking_delta signature_delta content_block_stop '
secret='RW1vY2s+/8=\/\u0041=='
ask "$(turn $CLAUDE '[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"'"$secret"'"},{"type":"text","text":"a"}]},{"role":"user","content":"b"}]')"
expect "case 15: redacted thinking, accepted" "$CODE" 200
expect_true "case 15: redacted thinking, byte for byte" grep -qF "{\"type\":\"redacted_thinking\",\"data\":\"$secret\"}" <(sent_bytes)
each "case 16: unknown members in the history" '[{"role":"user","content":[{"type":"text","text":"q","citations":null,"later":{"a":1}}]},{"role":"assistant","content":[{"type":"tool_use","id":"a1","name":"now","input":{},"caller":{"type":"direct"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a1","content":"1"}]}]' "$TOOLS"

# --- caching
HOUR='"cache_control":{"type":"ephemeral","ttl":"1h"}'
marked='"system":[{"type":"text","text":"s",'$HOUR'}],"tools":[{"name":"t","input_schema":{"type":"object"},'$HOUR'}]'
ask "$(turn $CLAUDE "$(blocks '{"type":"text","text":"x",'"$HOUR"'}')" "$marked")"
expect "case 17: marks reach Claude" "$CODE $(sent '[.tools[0], .system[0], .messages[0].content[0] | .cache_control.ttl]')" '200 ["1h","1h","1h"]'
expect "case 17: usage tells the lifetimes" "$(got '.usage.cache_creation | [.ephemeral_5m_input_tokens, .ephemeral_1h_input_tokens]')" '[0,32]'
expect_match "case 17: and the sums" "$(got '.usage | [.cache_read_input_tokens, .cache_creation_input_tokens]')" '^\[64,32\]$'
ask "$(turn $NOVA "$(blocks '{"type":"text","text":"x",'"$HOUR"'}')" "$marked")"
expect "case 17: cache points in Converse, where the model has them" "$CODE $(sent '[.system[1], .messages[0].content[1] | .cachePoint.type]')" '200 ["default","default"]'
MARK='"cache_control":{"type":"ephemeral"}'
one='{"type":"text","text":"x",'$MARK'}'
for model in $CLAUDE $NOVA; do
    refused "case 18: five breakpoints, $model" "$(turn "$model" "$(blocks "$one,$one,$one,$one,$one")")" 400 "A maximum of 4 blocks with cache_control may be provided. Found 5."
done
ask "$(turn $CLAUDE "$(blocks "$TEXT,$TEXT")" "$MARK")"
expect "case 19: a top-level mark becomes one on the last block" "$CODE $(sent '[has("cache_control"), .messages[0].content[0].cache_control, .messages[0].content[1].cache_control.type]')" '200 [false,null,"ephemeral"]'
for model in $CLAUDE $NOVA; do
    ask "$(turn "$model" "$(say hi)" '"tools":[]')"
    expect "case 20: no tools, $model" "$CODE $(sent 'has("tools") or has("toolConfig")')" "200 false"
done

# --- limits and stops
# 0 only warms the cache. Converse takes no less than 1: one token is said, which the list ("empty content or a clear
# 400") does not foresee; the request that the client needs for its cache works.
ask "$(turn $CLAUDE "$(say hi)" | sed 's/"max_tokens":1000/"max_tokens":0/')"
expect_match "case 21: max_tokens 0, Claude" "$CODE $(got '.content // .error.message')" '^(200 \[\]|400 max_tokens: )'
ask "$(turn $NOVA "$(say hi)" | sed 's/"max_tokens":1000/"max_tokens":0/')"
expect "case 21: max_tokens 0, Converse" "$CODE $(sent .inferenceConfig.maxTokens)" "200 1"
ask "$(turn meta.llama3-3-70b-instruct-v1:0 "$(say hi)" | sed 's/"max_tokens":1000/"max_tokens":128000/')"
expect "case 22: max_tokens over the model's cap is cut" "$CODE $(sent .inferenceConfig.maxTokens)" "200 8192"
expect_match "case 22: and the answer says so" "$(header x-converter-changes)" max_tokens
ask "$(turn $CLAUDE "$(say hi)" | sed 's/"max_tokens":1000/"max_tokens":256000/')"
expect "case 22: of a Claude to Bedrock's own number, and named" "$CODE $(sent .max_tokens) $(sent .max_tokens 1) $(header x-converter-changes)" \
    "200 128000 256000 learned:max_tokens,map:max_tokens"
for model in $CLAUDE $NOVA; do
    ask "$(turn "$model" "$(say 'say: one END two')" '"stop_sequences":["END"]')"
    expect "case 23: stop sequence, $model" "$(got '[.stop_reason, .stop_sequence, .content[0].text]')" '["stop_sequence","END","one "]'
    ask "$(turn "$model" "$(say 'say: one two three four five')" | sed 's/"max_tokens":1000/"max_tokens":2/')"
    expect "case 24: max_tokens, $model" "$(got .stop_reason)" max_tokens
    ask "$(turn "$model" "$(say 'stop as model_context_window_exceeded')")"
    expect "case 24: context overflow, $model" "$CODE $(got .stop_reason)" "200 model_context_window_exceeded"
done
for reason in guardrail_intervened content_filtered; do
    ask "$(turn $NOVA "$(say "stop as $reason")")"
    expect "case 25: $reason" "$CODE $(got '[.stop_reason, .stop_details.type]')" '200 ["refusal","refusal"]'
    ask "$(turn $NOVA "$(say "stop as $reason")" "$STREAM")" -N
    expect "case 25: $reason, streamed" "$CODE $(data 'select(.type == "message_delta").delta | [.stop_reason, .stop_details.type]')" '200 ["refusal","refusal"]'
done
ask "$(turn $CLAUDE "$(say 'stop as refusal')")"
expect "case 25: Claude refuses" "$CODE $(got .stop_reason)" "200 refusal"

# --- members
for id in '{\"device_id\":\"d\",\"account_uuid\":\"\",\"session_id\":\"3f0c6a2e-case-26\"}' user_ab_account_cd_session_3f0c6a2e-case-26 'not { json' ''; do
    ask "$(turn $CLAUDE "$(say hi)" '"metadata":{"user_id":"'"$id"'"}')"
    expect "case 26: user_id $id" "$CODE" 200
done
for model in $CLAUDE $NOVA; do
    ask "$(turn "$model" "$(say hi)" '"safeguards":[{"type":"dangerous_tool_use","classifier_context":{}}]')"
    expect "case 27: safeguards, $model" "$CODE $(got '.error.type + " " + .error.message')" "400 invalid_request_error safeguards: Extra inputs are not permitted"
    ask "$(turn "$model" "$(say hi)")"
    expect "case 27: the next without them, $model" "$CODE" 200
    ask "$(turn "$model" "$(say hi)" '"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}]')"
    expect_match "case 28: a tool of Anthropic's servers, $model" "$CODE $(got '.error.type + " " + .error.message')" '^400 invalid_request_error .*web_search_20250305'
    for member in '"mcp_servers":[{"type":"url","name":"n","url":"https://example.com"}]' '"container":"c1"' '"fallbacks":[{"model":"m"}]'; do
        ask "$(turn "$model" "$(say hi)" "$member")"
        name=${member#\"}
        expect "case 29: ${name%%\"*}, $model" "$CODE $(got .error.message)" "400 ${name%%\"*}: Extra inputs are not permitted"
    done
done
for thinking in '{}' '{"display":"omitted"}' '{"type":7}'; do # once a read beyond the index: the worker died
    refused "thinking without a type: $thinking" \
        '{"model":"'$CLAUDE'","max_tokens":9000,"thinking":'"$thinking"',"messages":'"$(say hi)"'}' 400 "thinking.type: Field required"
done
expect "thinking without a type: no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
# Threads are the SDKs' default: they send the conversation whole when they are told this.
for model in $CLAUDE $NOVA; do
    for thread in '{"type":"create"}' '{"type":"continue","previous_message_id":"msg_1"}'; do
        ask "$(turn "$model" "$(say hi)" "\"thread\":$thread")"
        expect "L1: a thread, $model" "$CODE $(got '[.error.type, .error.details] | tostring')" \
            '400 ["invalid_request_error",{"error_code":"thread_unsupported_request","unsupported":["thread"]}]'
    done
done
# The list says "forwarded nowhere" for every model. For Claude we pass on what we do not know, as splice.c says: a member
# that is newer than this program works, and what Bedrock does not have gets the official wording.
ask "$(turn $NOVA "$(say hi)" '"quite_new":{"a":[1]}')"
expect "case 30: an unknown member goes nowhere, Converse" "$CODE $(sent 'tostring | contains("quite_new")')" "200 false"
ask "$(turn $CLAUDE "$(say hi)" '"quite_new":{"a":[1]}')"
expect "case 30: an unknown member is Bedrock's to judge, Claude" "$CODE $(sent .quite_new) $(sent .quite_new.a 1) $(header x-converter-changes)" \
    "200 null [1] learned:field.quite_new,drop:quite_new"

# --- a path prefix (case 2), and what the log has of the sessions (case 26)
expect "case 26: the session is in the log" "$(grep -c '3f0c6a2e-case-26' "$T/server.log")" 2
stop_server
start_server API_PREFIX=/p/v1
post /p/v1/messages -H "x-api-key: $KEY"
expect "case 2: behind a path prefix" "$CODE $(got .type)" "200 message"
finish
