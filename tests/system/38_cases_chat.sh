#!/usr/bin/env bash
# Conformance cases 64 to 82: Chat Completions. Each model is asked through Converse; Claude too.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

FUNCTIONS='"tools":[{"type":"function","function":{"name":"Bash","parameters":{"type":"object"}}},{"type":"function","function":{"name":"now","parameters":{"type":"object"}}}]'
STREAM='"stream":true'
first() { data 'select(.choices[0]) | .choices[0].delta' | head -1; }
last() { data 'select(.choices[0]) | .choices[0]' | tail -1; }
choice() { chat "$(chatted $CLAUDE "$(say hi)" "$FUNCTIONS,$2")" && expect "case 75: $1" "$CODE $(sent "$3")" "200 $4"; }

start_mock
start_server PING_SECONDS=1
make_key alice

# --- answers
for model in $CLAUDE $NOVA; do
    chat "$(chatted "$model" "$(say 'say: hello')")"
    expect "case 64: the shape, $model" "$CODE $(got '[.object, .model, (.id | startswith("chatcmpl-")), (.created | type)] | map(tostring) | join(" ")')" "200 chat.completion $model true number"
    expect "case 64: the choice, $model" "$(got '.choices | [length, .[0].index, .[0].message.role, .[0].message.content, .[0].message.refusal, .[0].logprobs, .[0].finish_reason]')" \
        '[1,0,"assistant","hello",null,null,"stop"]'
    expect "case 64: the usage adds up, $model" "$(got '.usage | [.prompt_tokens > 0, .total_tokens == .prompt_tokens + .completion_tokens, (.prompt_tokens_details | has("cached_tokens")), (.completion_tokens_details | has("reasoning_tokens"))]')" '[true,true,true,true]'
    expect_match "case 64: x-request-id, $model" "$(header x-request-id)" '^req_'
    chat "$(chatted "$model" "$(say 'say: one two three')" "$STREAM")"
    expect "case 65: the first delta has the role, $model" "$CODE $(first | jq -r .role)" "200 assistant"
    expect "case 65: the last one is empty and has the reason, $model" "$(last | jq -c '[.delta, .finish_reason]')" '[{},"stop"]'
    expect "case 65: one id, model and time, $model" "$(data '[.id, .model, .created, .object]' | sort -u | wc -l)" 1
    expect "case 65: the end, $model" "$(grep -v '^[[:space:]]*$' "$T/body" | tail -1)" 'data: [DONE]'
    expect "case 65: no event lines, $model" "$(grep -c '^event' "$T/body")" 0
    expect "case 66: no usage unless asked for, $model" "$(data 'select(.usage) | 1' | wc -l)" 0
    chat "$(chatted "$model" "$(say 'say: one')" "$STREAM"',"stream_options":{"include_usage":true}')"
    expect "case 66: one chunk of usage, $model" "$(data 'select(.usage) | [.choices, .usage.total_tokens > 0]')" '[[],true]'
    expect "case 66: it comes last, $model" "$(data 'has("usage") and .usage != null' | tail -1)" true
    chat "$(chatted "$model" "$(say 'use tool Bash {\"command\":\"ls\"} use tool now')" "$FUNCTIONS,$STREAM")"
    calls='select(.choices[0].delta.tool_calls) | .choices[0].delta.tool_calls[]'
    expect "case 67: id, type and name come first, $model" "$(data "$calls | select(.id) | [.index, .type, .function.name, .function.arguments]" | tr '\n' ' ')" \
        '[0,"function","Bash",""] [1,"function","now",""] '
    expect "case 67: arguments, $model" "$(data "$calls | select(.index == 0) | .function.arguments" | tr -d '\n' | jq -c .)" '{"command":"ls"}'
    expect "case 67: the reason, $model" "$(last | jq -r .finish_reason)" tool_calls
done

# --- messages
for model in $CLAUDE $QWEN; do
    chat "$(chatted "$model" "$(say 'use tool now')" '"functions":[{"name":"now","parameters":{"type":"object"}}]')"
    expect "C8: functions are answered in kind, $model" \
        "$CODE $(got '[.choices[0].message.function_call.name, .choices[0].message.tool_calls, .choices[0].finish_reason] | tostring')" \
        '200 ["now",null,"function_call"]'
    chat "$(chatted "$model" "$(say 'use tool patch {\"input\":\"a\"}')" '"tools":[{"type":"custom","custom":{"name":"patch"}}]')"
    expect "W5: a custom tool is called as one, $model" "$CODE $(got '.choices[0].message.tool_calls[0] | [.type, .custom] | tostring')" \
        '200 ["custom",{"name":"patch","input":"a"}]'
done
history='[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[{"id":"a1","type":"function","function":{"name":"Bash","arguments":"{\"x\":1}"}},{"id":"b2","type":"function","function":{"name":"now","arguments":""}}]},{"role":"tool","tool_call_id":"a1","content":"1"},{"role":"tool","tool_call_id":"b2","content":"2"}]'
chat "$(chatted $NOVA "$history" "$FUNCTIONS")"
expect "case 68: no empty text beside calls" "$CODE $(sent '[.messages[1].content[] | keys[0]]')" '200 ["toolUse","toolUse"]'
expect "case 68: one user turn with both results" "$(sent '[(.messages | length), [.messages[2].content[].toolResult.toolUseId]]')" '[3,["a1","b2"]]'
middle='[{"role":"system","content":"s1"},{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"developer","content":"d2"},{"role":"user","content":"b"},{"role":"system","content":"s3"}]'
for model in $CLAUDE $NOVA; do # README: instructions are joined in front, in their order
    chat "$(chatted "$model" "$middle")"
    expect "case 69: instructions anywhere, none is lost, $model" "$CODE $(sent 'tostring | [contains("s1"), contains("d2"), contains("s3")] | all')" "200 true"
    expect "case 69: the roles that Converse knows, $model" "$(sent '[.messages[].role] | unique')" '["assistant","user"]'
done
image() { chatted "${2:-$NOVA}" "$(blocks '{"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"'"$1"'"}}')"; }
chat "$(image "data:image/png;base64,$PIXEL")"
expect "case 70: an image" "$CODE $(sent '.messages[0].content[1].image | [.format, .source.bytes]')" "200 [\"png\",\"$PIXEL\"]"
refused_chat "case 70: an image elsewhere is not fetched" "$(image https://example.com/a.png)" 400 '.error.param' messages
refused_chat "case 70: audio" "$(chatted $NOVA "$(blocks '{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}')")" 400 '.error | .type + " " + .param' "invalid_request_error messages"
chat "$(chatted $NOVA "$(blocks '{"type":"text","text":"what"},{"type":"file","file":{"filename":"The plan.pdf","file_data":"data:application/pdf;base64,'"$PDF"'"}}')")"
expect_match "case 71: a PDF, its name as the title" "$CODE $(sent '.messages[0].content[1].document | [.format, .name]')" '^200 \["pdf","The plan'

# --- settings
schema='{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
chat "$(chatted $CLAUDE "$(say hi)" '"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":'"$schema"'}}')"
expect "case 72: a schema is Claude's output format, whole" "$CODE $(sent '[.. | .schema? // empty] | .[0] | if type == "string" then fromjson else . end')" "200 $schema"
for reason in content_filtered guardrail_intervened refusal; do
    chat "$(chatted $NOVA "$(say "stop as $reason")")"
    expect "case 72: $reason" "$CODE $(got '.choices[0] | [.finish_reason, (.message.refusal | type)]')" '200 ["content_filter","string"]'
done
chat "$(chatted $NOVA "$(say hi)" '"max_completion_tokens":77,"max_tokens":55')"
expect "case 73: max_completion_tokens wins" "$CODE $(sent .inferenceConfig.maxTokens)" "200 77"
refused_chat "case 74: n" "$(chatted $NOVA "$(say hi)" '"n":2')" 400 '.error.param' n
chat "$(chatted $CLAUDE "$(say hi)" '"temperature":1.7')"
expect "case 74: temperature is cut" "$CODE $(sent .inferenceConfig.temperature)" "200 1"
chat "$(chatted $NOVA "$(say hi)" '"logprobs":true,"top_logprobs":3')"
expect "case 74: logprobs" "$CODE $(got '.choices[0] | [has("logprobs"), .logprobs]')" '200 [true,null]'
choice "one call at a time" '"parallel_tool_calls":false' '.additionalModelRequestFields.tool_choice.disable_parallel_tool_use' true
choice "required" '"tool_choice":"required"' '.toolConfig.toolChoice' '{"any":{}}'
choice "named" '"tool_choice":{"type":"function","function":{"name":"now"}}' '.toolConfig.toolChoice' '{"tool":{"name":"now"}}'
choice "none" '"tool_choice":"none"' 'has("toolConfig")' false
choice "allowed_tools" '"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"now"}}]}}' \
    '[[.toolConfig.tools[].toolSpec.name], .toolConfig.toolChoice]' '[["now"],{"any":{}}]'
for effort in none minimal low medium high xhigh max; do
    for model in anthropic.claude-opus-4-6-v1 $CLAUDE openai.gpt-oss-120b-1:0 $QWEN; do
        chat "$(chatted "$model" "$(say hi)" '"reasoning_effort":"'$effort'"')"
        expect "case 76: effort $effort, $model" "$CODE" 200
    done
done
chat "$(chatted $CLAUDE "$(blocks '{"type":"text","text":"long","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text","text":"q"}')")"
expect "case 77: a breakpoint is a cache point" "$CODE $(sent '.messages[0].content[1].cachePoint.type')" "200 default"
expect "case 77: what was read from the cache" "$(got '.usage.prompt_tokens_details.cached_tokens > 0')" true

# --- errors
call /v1/chat/completions -H 'authorization: Bearer sk-wrong' -H 'content-type: application/json' -d "$(chatted $NOVA "$(say hi)")"
expect "case 78: 401" "$CODE $(got .error.code) $(header x-should-retry)" "401 invalid_api_key false"
refused_chat "case 78: 404" "$(chatted no-such-model "$(say hi)")" 404 .error.code model_not_found
refused_chat "case 78: 400" "$(chatted $NOVA '[]')" 400 '.error | [.param, .code, (.message | test("empty array"))] | map(tostring) | join(" ")' "messages empty_array true"
script throttle 2
refused_chat "case 78: 429" "$(chatted $CLAUDE "$(say hi)")" 429 .error.code rate_limit_exceeded
mock_reset
script stream-throttle
chat "$(chatted $CLAUDE "$(say 'say: one two three four')" "$STREAM")"
expect "case 79: an error in the middle" "$CODE $(data 'select(.error) | .error | [.code, (.message | type), .param]')" '200 ["rate_limit_exceeded","string",null]'
expect "case 79: is the last thing" "$(data 'has("error")' | tail -1)" true
expect_no_match "case 79: no [DONE] after it" "$(cat "$T/body")" DONE
mock_reset
script stall-3600
began=$(now_ms)
chat "$(chatted $CLAUDE "$(say 'say: one two three four')" "$STREAM")"
comments=$(grep -c '^: ' "$T/body")
expect "case 80: a silence of 3.6 s is filled with a comment a second ($comments)" $((comments >= 2 && comments <= ($(now_ms) - began) / 1000)) 1
expect "case 80: which are all that is not data" "$(grep -vcE '^(data: \{.*\}|data: \[DONE\]|: .*|)[[:space:]]*$' "$T/body")" 0
mock_reset
chat "$(chatted $NOVA "$(say hi)" '"store":true,"verbosity":"low","safety_identifier":"s","user":"u","prompt_cache_key":"k","quite_new":{"a":[1]}')"
expect "case 81: members that nobody needs" "$CODE $(sent 'tostring | [contains("quite_new"), contains("verbosity"), contains("safety")] | any')" "200 false"
chat "$(chatted $NOVA '[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":{}}]},{"role":"user","content":"x"}]' '"max_tokens":10,"system":"s"')"
expect "case 82: an Anthropic body" "$CODE $(got .error.type)" "400 invalid_request_error"
expect "case 82: no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0

# --- the list is whole: every number begins the name of a check
for n in $(seq 86); do
    expect_true "case $n is in no test" grep -qE "\"case $n: |'$n: " "$ROOT"/tests/system/3[5-8]_cases_*.sh
done
finish
