#!/usr/bin/env bash
# Conformance cases 83 to 86, and the rest of /v1/responses: what goes in, what comes out, how it fails. Each model is
# asked through Converse; Claude too.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

FUNCTIONS='"tools":[{"type":"function","name":"Bash","strict":false,"parameters":{"type":"object"}},{"type":"function","name":"now","parameters":{"type":"object"}}]'
THOUGHTS='"reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"]'

deltas() { data 'select(.type == "response.'"$1"'.delta") | .delta' | tr -d '\n'; }

start_mock
start_server
make_key alice

# --- text
for model in $CLAUDE $QWEN; do
    respond "$(asked "$model" '"say: hello"')"
    expect "case 83: the shape, $model" "$CODE $(got '[.object, .status, .model, (.id | startswith("resp_")), (.created_at | type), .error, .incomplete_details, .store] | tostring')" \
        "200 [\"response\",\"completed\",\"$model\",true,\"number\",null,null,false]"
    expect "case 83: the message, $model" "$(got '.output | [length, .[0].type, .[0].role, .[0].status, .[0].content[0].type, .[0].content[0].text]')" \
        '[1,"message","assistant","completed","output_text","hello"]'
    expect "case 83: the usage adds up, $model" "$(got '.usage | [.input_tokens > 0, .total_tokens == .input_tokens + .output_tokens, (.input_tokens_details | has("cached_tokens")), (.output_tokens_details | has("reasoning_tokens"))]')" '[true,true,true,true]'
    expect_match "case 83: x-request-id, $model" "$(header x-request-id)" '^req_'
    respond "$(asked "$model" '[{"role":"developer","content":"be short"},{"role":"user","content":[{"type":"input_text","text":"say: one two three"}]}]' "$STREAM")"
    expect "case 83: the events in order, $model" "$CODE $(names)" "200 response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done response.completed "
    expect "case 83: the type is in the data, too, $model" "$(data .type | uniq | tr '\n' ' ')" "$(names)"
    expect "case 83: they are numbered from 0, $model" "$(data .sequence_number | tr '\n' ' ')" "$(seq -s ' ' 0 $(($(data .type | wc -l) - 1))) "
    expect "case 83: one response id, $model" "$(data '.response.id // empty' | sort -u | wc -l)" 1
    expect "case 83: the deltas, $model" "$(deltas output_text)" "one two three"
    expect "case 83: the end has the whole output and usage, $model" "$(one response.completed '.response | [.status, .output[0].content[0].text, .usage.total_tokens > 0]')" '["completed","one two three",true]'
    expect "case 83: an item keeps its id, $model" "$(data '(.item.id // .item_id // .response.output[0].id? // empty)' | sort -u | wc -l)" 1
    expect "case 83: no [DONE] that is no event, $model" "$(grep -c 'DONE' "$T/body")" 0
    expect "case 83: the developer's words are the system prompt, $model" "$(sent '.system[0].text')" "be short"
done
respond "$(asked $CLAUDE '"hi"' '"max_output_tokens":16,"instructions":"sing"')"
expect "instructions and the maximum" "$CODE $(sent '[.system[0].text, .inferenceConfig.maxTokens]')" '200 ["sing",16]'
respond "$(asked $NOVA '"say: one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"' '"max_output_tokens":16,'"$STREAM")"
expect "a maximum that is reached" "$CODE $(data .type | tail -1) $(one response.incomplete '.response | [.status, .incomplete_details.reason]')" '200 response.incomplete ["incomplete","max_output_tokens"]'
respond "$(asked $NOVA '"stop as guardrail_intervened"')"
expect "a guardrail" "$CODE $(got '[.status, .incomplete_details.reason]')" '200 ["incomplete","content_filter"]'

# --- tools
for model in $CLAUDE $QWEN; do
    respond "$(asked "$model" '"use tool Bash {\"command\":\"ls\"}"' "$FUNCTIONS")"
    expect "case 84: a call, $model" "$CODE $(got '.output[-1] | [.type, .name, .arguments, .status, (.call_id | length > 0)] | tostring')" \
        '200 ["function_call","Bash","{\"command\":\"ls\"}","completed",true]'
    call_id=$(got '.output[-1].call_id')
    respond "$(asked "$model" '[{"role":"user","content":"use tool Bash"},{"type":"function_call","id":"fc_1","call_id":"'"$call_id"'","name":"Bash","arguments":"{\"command\": \"ls\"}"},{"type":"function_call_output","call_id":"'"$call_id"'","output":"a file"}]' "$FUNCTIONS")"
    expect "case 84: its result, $model" "$CODE $(got '.output[0].content[0].text')" "200 The tool said: a file"
    expect "case 84: as Bedrock got it, $model" "$(sent '.messages | [.[1].content[0].toolUse.input, .[2].content[0].toolResult.toolUseId]')" "[{\"command\":\"ls\"},\"$call_id\"]"
    respond "$(asked "$model" '"use tool Bash {\"command\":\"ls\"} use tool now"' "$FUNCTIONS,$STREAM")"
    expect "case 84: two calls at the same time, $model" "$(data 'select(.type == "response.output_item.done" and .item.type == "function_call") | [.output_index, .item.name, .item.arguments]' | tr '\n' ' ')" \
        '[1,"Bash","{\"command\":\"ls\"}"] [2,"now","{}"] '
    expect "case 84: arguments come in deltas, $model" "$(data 'select(.type == "response.function_call_arguments.delta" and .output_index == 1) | .delta' | tr -d '\n')" '{"command":"ls"}'
done
respond "$(asked $CLAUDE '"use tool patch {\"input\":\"*** Begin\"}"' '"tools":[{"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: /.+/"}}],'"$STREAM")"
expect "a custom tool is called as one" "$CODE $(data 'select(.type == "response.output_item.done") | .item | select(.type == "custom_tool_call") | [.name, .input]')" '200 ["patch","*** Begin"]'
respond "$(asked $CLAUDE '[{"role":"user","content":"q"},{"type":"custom_tool_call","call_id":"c1","name":"patch","input":"*** Begin"},{"type":"custom_tool_call_output","call_id":"c1","output":"Done"}]' '"tools":[{"type":"custom","name":"patch"}]')"
expect "and comes back as one" "$CODE $(got '.output[0].content[0].text') $(sent '.messages[1].content[0].toolUse.input')" '200 The tool said: Done {"input":"*** Begin"}'
SPACE='"tools":[{"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","parameters":{"type":"object"}}]},{"type":"web_search"}]'
respond "$(asked $QWEN '"hi"' "$SPACE")"
expect "case 86: tools of a namespace are joined, web_search is left out" "$CODE $(sent '[.toolConfig.tools[].toolSpec.name] | [length, (.[0] | contains("agents") and contains("spawn"))]') $(header x-converter-changes | grep -c web_search)" '200 [1,true] 1'
joined=$(sent '.toolConfig.tools[0].toolSpec.name')
respond "$(asked $QWEN '"use tool '"$joined"'"' "$SPACE")"
expect "case 86: and split again" "$CODE $(got '.output[-1] | [.type, .namespace, .name] | tostring')" '200 ["function_call","agents","spawn"]'
# Compaction: the history has calls, the request no tools.
respond "$(asked $CLAUDE '[{"role":"user","content":"q"},{"type":"function_call","call_id":"c1","name":"Bash","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"x"},{"role":"user","content":"summarize"}]' '"tools":[],"parallel_tool_calls":false,"tool_choice":"auto"')"
expect "a history with calls and no tools" "$CODE $(sent '[(.toolConfig.tools | length > 0), .messages[-1].content[-1].text]')" '200 [true,"summarize"]'
SCHEMA='{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
respond "$(asked $CLAUDE '"hi"' '"text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":'"$SCHEMA"'}}')"
expect "a schema is Claude's output format, whole" "$CODE $(sent '[.. | .schema? // empty] | .[0] | if type == "string" then fromjson else . end')" "200 $SCHEMA"

# --- images
respond "$(asked $NOVA '[{"role":"user","content":[{"type":"input_text","text":"what"},{"type":"input_image","image_url":"data:image/png;base64,'$PIXEL'","detail":"original"}]}]')"
expect "an image" "$CODE $(sent '.messages[0].content[1].image.format')" "200 png"
refused_response "an image elsewhere" "$(asked $NOVA '[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png"}]}]')" 400 '.error.param | startswith("input[0].content[0]")' true

# --- reasoning, there and back
for shape in '' ",$STREAM"; do
    respond "$(asked $CLAUDE '"use tool now"' "$THOUGHTS,$FUNCTIONS$shape")"
    if [ -n "$shape" ]; then one response.completed .response >"$T/response"; else cp "$T/body" "$T/response"; fi
    expect "thinking is a reasoning item${shape:+, streamed}" "$CODE $(jq -c '.output[0] | [.type, .summary[0].text, (.encrypted_content | length > 0)]' "$T/response")" \
        '200 ["reasoning","The user wants an answer; a short one will do.",true]'
    expect "signed, and not to be read${shape:+, streamed}" "$(jq -r '.output[0].encrypted_content' "$T/response" | grep -cE 'wants|short|signature')" 0
    jq -c '[{role: "user", content: "use tool now"}] + .output + [{type: "function_call_output", call_id: .output[-1].call_id, output: "noon"}]' "$T/response" >"$T/turn"
    respond "$(asked $CLAUDE "$(cat "$T/turn")" "$THOUGHTS,$FUNCTIONS")"
    expect "it goes back to Bedrock as it was${shape:+, streamed}" "$CODE $(sent '.messages[1].content[0].reasoningContent.reasoningText | [.text, (.signature | length > 0)]')" \
        '200 ["The user wants an answer; a short one will do.",true]'
    respond "$(asked $CLAUDE "$(jq -c '.[1].encrypted_content |= (.[0:40] + "AAAA" + .[44:])' "$T/turn")" "$THOUGHTS,$FUNCTIONS")"
    expect "a forged one does not${shape:+, streamed}" "$CODE $(sent '[.messages[].content[] | select(.reasoningContent)] | length') $(header x-converter-changes | grep -c reasoning)" "200 0 1"
    respond "$(asked $QWEN "$(cat "$T/turn")" "$FUNCTIONS")"
    expect "nor to another model${shape:+, streamed}" "$CODE $(sent '[.messages[].content[] | select(.reasoningContent)] | length')" "200 0"
done

# --- what is refused
call /v1/responses -H 'authorization: Bearer sk-wrong' -H 'content-type: application/json' -d "$(asked $NOVA '"hi"')"
expect "a wrong key" "$CODE $(got .error.code) $(header x-should-retry)" "401 invalid_api_key false"
refused_response "an unknown model" "$(asked no-such-model '"hi"')" 400 '[.error.type, .error.code, (has("type") or has("request_id"))] | tostring' '["invalid_request_error","model_not_found",false]'
refused_response "no input" '{"model":"'$NOVA'"}' 400 '[.error.param, .error.code] | tostring' '["input","missing_required_parameter"]'
refused_response "stored state" "$(asked $NOVA '"hi"' '"previous_response_id":"resp_1"')" 400 .error.param previous_response_id
refused_response "no JSON" '{"model":' 400 .error.type invalid_request_error
mock_reset
script denied 9
refused_response "a model that the gateway may not use" "$(asked $CLAUDE '"hi"')" 400 .error.code model_not_found
mock_reset
script notfound 9
refused_response "a model that has been retired" "$(asked $CLAUDE '"hi"')" 400 .error.code model_not_found
mock_reset
script too-long 9
refused_response "too long" "$(asked $CLAUDE '"hi"')" 400 .error.code context_length_exceeded
mock_reset
script throttle 9
refused_response "throttled" "$(asked $CLAUDE '"hi"' "$STREAM")" 429 .error.code rate_limit_exceeded
expect "when to come again" "$(header retry-after)" 2
mock_reset
script internal 9
refused_response "case 85: a failure before the stream" "$(asked $CLAUDE '"hi"' "$STREAM")" 500 .error.type server_error

mock_reset

# --- by id, and sockets
for method in GET DELETE; do
    call /v1/responses/resp_1 -X $method -H "authorization: Bearer $KEY"
    expect "$method by id" "$CODE $(got '.error.message | test("not stored")')" "404 true"
done
call /v1/responses/input_tokens -H "authorization: Bearer $KEY" -d '{}'
expect "what is below it" "$CODE $(got .error.type)" "404 invalid_request_error"
call /v1/responses -H "authorization: Bearer $KEY" --http1.1 -H 'connection: Upgrade' -H 'upgrade: websocket' -H 'sec-websocket-version: 13' -H 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==' -H 'openai-beta: responses_websockets=2026-02-06'
expect "a WebSocket" "$CODE $(got .error.type) $(header upgrade)" "426 invalid_request_error HTTP/1.1"
call /v1/responses -H "authorization: Bearer $KEY"
expect "GET" "$CODE $(header allow)" "405 POST, OPTIONS"

# --- the same body on the chat route (Cursor)
chat "$(asked $CLAUDE '[{"role":"user","content":[{"type":"input_text","text":"use tool now"}]}]' '"tools":[{"type":"function","name":"now","parameters":{"type":"object"}}],'"$STREAM")"
expect "a body with input on the chat route" "$CODE $(data 'select(.choices[0].delta.tool_calls) | .choices[0].delta.tool_calls[0].function.name' | head -1) $(data .object | sort -u)" "200 now chat.completion.chunk"
expect "and its end" "$(grep -v '^[[:space:]]*$' "$T/body" | tail -1)" 'data: [DONE]'
chat "$(asked $NOVA '"say: hello"')"
expect "whole" "$CODE $(got '[.object, .choices[0].message.content] | tostring')" '200 ["chat.completion","hello"]'
chat "$(asked no-such-model '"hi"')"
expect "its errors are chat's" "$CODE $(got .error.code)" "404 model_not_found"

expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
