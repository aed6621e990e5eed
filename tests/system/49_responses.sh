#!/usr/bin/env bash
# POST /v1/responses to models that Bedrock has Responses of its own for: what passes as it is, what is mended, what goes by
# Converse all the same, what is learned of a refusal, and how a stream that breaks ends.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

GPT=global.openai.gpt-6-sol
respond() { # BODY [curl options...]
    local body=$1
    shift
    call /v1/responses -N -H "authorization: Bearer $KEY" --data-binary "$body" "$@"
}
ask() { # MODEL INPUT [MORE]
    jq -cn --arg model "$1" --argjson input "$2" --argjson more "${3:-{\}}" '{model: $model, input: $input} + $more'
}
sent() { curl -fsS "$MOCK_URL/__body" | jq -c "$1"; }
way() { ledger '[.operations.NativeResponses, .operations.Converse, .operations.ConverseStream] | map(. // 0) | join(" ")'; }
fault() { curl -fsS -o /dev/null --data-binary "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
row() { logged "$(header x-request-id)"; } # of the last request
data() { sed -n 's/^data: \({.*\)/\1/p' "$T/body" | jq -c "$1"; }
one() { data "select(.type == \"$1\") | $2"; }
# What the mock said of its events, but for the model's name: one line an event.
framed() { curl -fsS "$MOCK_URL/__said" | sed "s/\"model\":\"[^\"]*\"/\"model\":\"$1\"/"; }
WEATHER='{"type":"function","name":"weather","parameters":{"type":"object"}}'
STREAM='{"stream":true}'

start_mock
start_server WORKERS=1 METRICS_TOKEN=off
make_key alice

# --- it passes
respond "$(ask $GPT '"say: guten Tag"' '{"max_output_tokens":50}')"
expect "whole" "$CODE $(jq -r '[.output[0].content[0].text, .model, .object, .status, .usage.total_tokens > 0] | join("|")' "$T/body") $(way)" "200 guten Tag|$GPT|response|completed|true 1 0 0"
expect_match "by Bedrock's own" "$(ledger '.last[0].path')" '^/openai/v1/responses$'
expect "its body" "$(sent .)" "{\"store\":false,\"model\":\"$GPT\",\"input\":\"say: guten Tag\",\"max_output_tokens\":50}"
expect_match "the caller is told" "$(header x-converter-changes)" 'map:native_responses'
expect_match "the row" "$(row)" 'model=global.openai.gpt-6-sol .*stop_reason=end_turn input_tokens=[1-9][0-9]* output_tokens=[1-9]'
respond "$(ask $GPT '"usage 1000 200 300 100 0"')"
expect_match "what is cached is no input" "$(row)" 'input_tokens=1000 output_tokens=200 cache_read_tokens=300 cache_write_tokens=100 '
respond "$(ask $GPT '"say: one two three"' "$STREAM")"
cp "$T/body" "$T/stream"
expect "a stream" "$CODE $(header content-type) $(data 'select(.type == "response.output_text.delta").delta' | jq -sr add)" "200 text/event-stream; charset=utf-8 one two three"
expect "as it was framed" "$(cmp "$T/stream" <(framed $GPT) && echo same)" same
expect_match "its row" "$(row)" 'stream=true .*stop_reason=end_turn input_tokens=[1-9][0-9]* output_tokens=[1-9]'
fault gpt-6-sol bytewise 1
respond "$(ask $GPT '"say: one two three"' "$STREAM")"
expect "a chunk a byte" "$(cmp "$T/stream" "$T/body" && echo same)" same
respond "$(ask $GPT '"say: a very long answer that is cut"' '{"stream":true,"max_output_tokens":2}')"
expect "cut short" "$(data .type | tail -1) $(one response.incomplete .response.incomplete_details.reason) $(row | grep -o 'stop_reason=[a-z_]*')" '"response.incomplete" "max_output_tokens" stop_reason=max_tokens'
expect_true "metrics" told_by_metrics 'requests_ended_total\{route="responses",dialect="openai",transport="native",class="2xx"\} 5'

# --- thoughts, calls, images, formats: two turns of each
respond "$(ask $GPT '"use tool weather {\"city\":\"Ulm\"}"' "{\"tools\":[$WEATHER],\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"],\"stream\":true}")"
expect "a thought and a call" "$(one response.completed '[.response.output[].type]') $(row | grep -o 'stop_reason=[a-z_]*')" '["reasoning","message","function_call"] stop_reason=tool_use'
expect_match "thoughts are counted" "$(one response.completed .response.usage.output_tokens_details.reasoning_tokens)" '^[1-9]'
turn=$(one response.completed .response.output)
history=$(jq -c '[{role: "user", content: "use tool weather"}] + . + [{type: "function_call_output", call_id: .[-1].call_id, output: "sunny"}]' <<<"$turn")
respond "$(ask $GPT "$history" "{\"tools\":[$WEATHER]}")"
expect "the next turn" "$CODE $(jq -r '.output[0].content[0].text' "$T/body") $(ledger '.last[0].path')" "200 The tool said: sunny /openai/v1/responses"
expect "the thought goes back" "$(sent '[.input[].type]')" '[null,"reasoning","message","function_call","function_call_output"]'
respond "$(ask $GPT '[{"role":"user","content":[{"type":"input_text","text":"say: x"},{"type":"input_image","detail":"original","image_url":"data:image/png;base64,AA=="}]}]')"
expect "an image" "$CODE $(sent '.input[0].content[1].image_url')" '200 "data:image/png;base64,AA=="'
respond "$(ask $GPT '"say: {\"city\":\"Ulm\"}"' '{"text":{"verbosity":"low","format":{"type":"json_schema","name":"x","strict":true,"schema":{"type":"object"}}}}')"
expect "a format" "$CODE $(sent .text.format.type) $(jq -r '.output[0].content[0].text' "$T/body")" '200 "json_schema" {"city":"Ulm"}'
respond "$(ask $GPT '"use tool apply_patch {\"input\":\"*** Begin\"}"' '{"tools":[{"type":"custom","name":"apply_patch"},{"type":"web_search"},{"type":"namespace","name":"n","tools":[]}],"client_metadata":{"a":"b"},"stream":true}')"
expect "a custom tool, and what is left out" "$(sent '[.tools[].type]') $(one response.completed '.response.output[-1] | [.type, .input]') $(sent 'has("client_metadata")')" '["custom","namespace"] ["custom_tool_call","*** Begin"] false'
expect_match "which is told" "$(header x-converter-changes)" 'drop:tool:web_search'

# --- what is refused there is left out, and what is said of the request is told again
respond "$(ask $GPT '"say: x"' '{"temperature":1,"top_p":0.5,"user":"u","metadata":{"a":"b"},"store":true,"tools":[{"type":"web_search"}],"truncation":"auto","previous_response_id":null}')"
expect "thinking" "$CODE $(sent keys) $(sent .store)" '200 ["input","model","store"] false'
expect_match "and told" "$(header x-converter-changes)" 'drop:temperature.*drop:top_p.*drop:truncation'
expect "metadata" "$(jq -c '[.metadata.a, .store]' "$T/body")" '["b",false]'
respond "$(ask $GPT '"say: x"' '{"temperature":1,"reasoning":{"effort":"none"}}')"
expect "not thinking" "$CODE $(sent keys)" '200 ["input","model","reasoning","store","temperature"]'
respond "$(ask $GPT '[{"role":"user","content":"x"},{"type":"reasoning","id":"rs_1","summary":[]},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"1.AAAA"},{"role":"assistant","content":"y"},{"role":"user","content":"say: x"}]')"
expect "thoughts of elsewhere" "$CODE $(sent '.input | length') $(way | cut -d' ' -f2-)" "200 3 0 0"
expect_match "are told" "$(header x-converter-changes)" 'drop:reasoning_item'
expect "nothing was refused" "$(ledger .refused)" 0

# --- what goes by Converse
mock_reset
n=0
while IFS= read -r body; do
    n=$((n + 1))
    respond "$body"
    expect "by Converse: $body" "$CODE $(way)" "200 0 $n 0"
done <<X
$(ask $GPT '"say: x"' '{"text":{"format":{"type":"json_object"}}}')
$(ask $GPT '"say: x"' '{"service_tier":"flex"}')
$(ask $GPT '"say: x"' '{"frobnicate":5}')
$(ask $GPT '"say: x"' '{"include":["message.output_text.logprobs"]}')
$(ask $GPT '"say: x"' '{"reasoning":{"effort":"minimal"}}')
$(ask $GPT '"say: x"' '{"tools":[{"type":"local_shell"}]}')
$(ask $GPT '"say: x"' '{"tools":[{"type":"function","function":{"name":"f"}}]}')
$(ask $GPT '[{"type":"agent_message","content":[{"type":"input_text","text":"say: x"}]},{"role":"user","content":"say: x"}]')
$(ask $GPT '[{"type":"web_search_call","id":"ws_1"},{"role":"user","content":"say: x"}]')
$(ask $GPT '[{"role":"user","content":[{"type":"input_text","text":"say: x","cache_control":{"type":"ephemeral"}}]}]')
$(ask openai.gpt-6-sol '"say: x"')
$(ask eu.openai.gpt-6-sol '"say: x"')
$(ask global.openai.gpt-5.4 '"say: x"')
$(ask xai.grok-4.7 '"say: x"')
$(ask openai.gpt-oss-120b-1:0 '"say: x"')
X
respond "$(ask $GPT '"say: x"' '{"previous_response_id":"resp_1"}')"
expect "what is not stored" "$CODE $(jq -r .error.param "$T/body") $(way)" "400 previous_response_id 0 $n 0"
make_key bound --project proj_bob
respond "$(ask $GPT '"say: x"')"
expect "a key's project" "$CODE $(way)" "200 0 $((n + 1)) 0"
make_key narrow --models 'claude-haiku-*'
respond "$(ask $GPT '"say: x"')"
expect "a model that the key may not use" "$CODE $(jq -r .error.code "$T/body") $(way)" "400 model_not_found 0 $((n + 1)) 0"
same_month 30
make_key rich --monthly-budget 1
respond "$(ask $GPT '"usage 60000 60000 0 0 0"' "$STREAM")"
expect "a budget" "$CODE $(header x-codex-primary-used-percent) $(way)" "200 0.0 1 $((n + 1)) 0"
respond "$(ask $GPT '"usage 60000 60000 0 0 0"')"
expect_match "is spent by what passes" "$(header x-codex-primary-used-percent)" '^7[0-9]\.'
make_key alice2

# --- refusals
mock_reset
fault gpt-6-terra native-invalid
fault gpt-6.1-terra native-absent
for round in 1 2; do
    respond "$(ask global.openai.gpt-6.1-terra '"say: guten Tag"')"
    expect "absent, $round: Converse answers" "$CODE $(jq -r '.output[0].content[0].text' "$T/body") $(way)" "200 guten Tag 1 $round 0"
done
expect "learned once" "$(grep -c 'has no Responses in Bedrock (404)' "$T/server.log")" 1
call /v1/chat/completions -H "authorization: Bearer $KEY" --data-binary '{"model":"global.openai.gpt-6.1-terra","messages":[{"role":"user","content":"say: x"}]}'
expect "of that endpoint alone" "$CODE $(ledger .operations.NativeChatCompletions)" "200 1"
mock_reset
fault gpt-6-sol native-invalid 1
respond "$(ask $GPT '"say: guten Tag"')"
expect "an invalid request: Converse has the last word" "$CODE $(way)" "200 1 1 0"
respond "$(ask $GPT '"say: guten Tag"')"
expect "which says nothing of the model" "$CODE $(way)" "200 2 1 0"
for after in model-timeout:504 model-error:500; do
    mock_reset
    fault gpt-6-sol "${after%:*}"
    respond "$(ask $GPT '"say: guten Tag"')"
    expect "$after: the model has run, and does not run again" "$CODE $(way)" "${after#*:} 1 0 0"
done
mock_reset
fault gpt-6-sol throttle 1
respond "$(ask $GPT '"say: guten Tag"')"
expect "throttled: once more" "$CODE $(way)" "200 2 0 0"
fault gpt-6-sol throttle 9
respond "$(ask $GPT '"say: guten Tag"')"
expect "then told" "$CODE $(jq -r .error.code "$T/body")" "429 rate_limit_exceeded"

# --- streams that break
for broken in stream-internal:server_error stream-throttle:rate_limit_exceeded missing-end:server_error truncated-frame:server_error; do
    mock_reset
    fault gpt-6-sol "${broken%:*}"
    respond "$(ask $GPT '"say: one two three"' "$STREAM")"
    expect "$broken: its end" "$(data .type | tail -2 | tr '\n' ' ')" '"response.failed" "error" '
    expect "$broken: says why" "$(one response.failed '.response | [.status, .error.code, .id, .model]')" "[\"failed\",\"${broken#*:}\",\"resp_mock\",\"$GPT\"]"
    expect "$broken: with what is there" "$(one response.failed '.response.output[0].content[0].text')" '"one two three"'
    expect "$broken: numbers that rise" "$(data .sequence_number | sort -nuc 2>&1)" ""
    expect "$broken: error in both of its forms" "$(one error '[.code == .error.code, .message == .error.message, (.message | length > 0)]')" '[true,true,true]'
    expect_no_match "$broken: nobody's account" "$(cat "$T/body")" 123456789012
    expect_match "$broken: the row" "$(row)" 'output_tokens=[1-9].*error=".+"'
done
mock_reset
fault gpt-6-sol stream-throttle-0
respond "$(ask $GPT '"say: one two three"' "$STREAM")"
expect "before any output: a status" "$CODE $(jq -r .error.code "$T/body")" "429 rate_limit_exceeded"
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
expect "every signature was good" "$(ledger .signature_failures)" 0
stop_server

# --- lanes and chains: they move as all others do, natively where they can
"$MOCK" --port 0 --quiet >"$T/other.out" 2>"$T/other.log" &
OTHER_PID=$!
eventually 5 grep -q listening "$T/other.out"
OTHER_URL=http://$(sed -n 's/.*listening on //p' "$T/other.out")
mock_reset
fault gpt-6-sol throttle
start_server WORKERS=1 BEDROCK_LANES="us-west-2=$MOCK_URL,us-east-1=$OTHER_URL" BEDROCK_ENDPOINT_URL=
make_key lanes
CODEX='{"stream":true,"include":["reasoning.encrypted_content"],"reasoning":{"effort":"low"}}'
respond "$(ask $GPT '"say: guten Tag"' "$CODEX")"
expect "a throttled lane is left" "$CODE $(one response.completed '.response.output[-1].content[0].text') $(way), $(MOCK_URL=$OTHER_URL way)" '200 "guten Tag" 1 0 0, 1 0 0'
stop_server
kill "$OTHER_PID"
run -- map-model two "$GPT,us.amazon.nova-pro-v1:0"
mock_reset
fault gpt-6-sol unavailable
start_server WORKERS=1
make_key chains
respond "$(ask two '"say: guten Tag"' '{"stream":true}')"
expect "the next of a chain answers" "$CODE $(one response.completed '[.response.output[-1].content[0].text, .response.model]') $(way)" '200 ["guten Tag","two"] 2 0 1'
finish
