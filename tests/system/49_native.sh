#!/usr/bin/env bash
# POST /v1/chat/completions to models that Bedrock has Chat Completions of its own for: what passes as it is, what is mended, what goes
# by Converse all the same, and what is learned of a refusal.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

GPT=global.openai.gpt-6-sol
GROK=xai.grok-4.7
chat() { # BODY [curl options...]
    local body=$1
    shift
    call /v1/chat/completions -N -H "authorization: Bearer $KEY" --data-binary "$body" "$@"
}
ask() { # MODEL TEXT [MORE]
    jq -cn --arg model "$1" --arg text "$2" --argjson more "${3:-{\}}" '{model: $model, messages: [{role: "user", content: $text}]} + $more'
}
sent() { curl -fsS "$MOCK_URL/__body" | jq -c "$1"; }
way() { ledger '[.operations.NativeChatCompletions, .operations.Converse, .operations.ConverseStream] | map(. // 0) | join(" ")'; }
fault() { curl -fsS -o /dev/null --data-binary "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
row() { logged "$(header x-request-id)"; } # of the last request
text_of_stream() { sed -n 's/^data: \({.*\)/\1/p' "$T/body" | jq -rj '.choices[0].delta.content // empty'; }
TOOLS='{"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]}'

start_mock
start_server WORKERS=1 METRICS_TOKEN=off
make_key alice

# --- it passes
chat "$(ask $GPT 'say: guten Tag' '{"max_completion_tokens":50}')"
expect "whole" "$CODE $(jq -r '[.choices[0].message.content, .model, .object, .usage.total_tokens > 0] | join("|")' "$T/body") $(way)" "200 guten Tag|$GPT|chat.completion|true 1 0 0"
expect_match "by Bedrock's own" "$(ledger '.last[0].path')" '^/openai/v1/chat/completions$'
expect "its body" "$(sent .)" "{\"model\":\"$GPT\",\"messages\":[{\"role\":\"user\",\"content\":\"say: guten Tag\"}],\"max_completion_tokens\":50}"
expect_match "the caller is told" "$(header x-converter-changes)" 'map:native_chat'
expect_match "the row" "$(row)" 'model=global.openai.gpt-6-sol .*stop_reason=end_turn input_tokens=[1-9][0-9]* output_tokens=[1-9]'
chat "$(ask $GPT 'usage 1000 200 300 100 0')"
expect_match "what is cached is no input" "$(row)" 'input_tokens=1000 output_tokens=200 cache_read_tokens=300 cache_write_tokens=100 '
for more in '{"stream":true}' '{"stream":true,"stream_options":{"include_usage":true}}'; do
    chat "$(ask $GPT 'say: one two three' "$more")"
    expect "$more: text" "$CODE $(header content-type) $(text_of_stream)" "200 text/event-stream; charset=utf-8 one two three"
    expect "$more: its end" "$(tail -2 "$T/body" | head -1)" 'data: [DONE]'
    expect "$more: its model" "$(sed -n 's/^data: \({.*\)/\1/p' "$T/body" | jq -r .model | sort -u)" "$GPT"
    expect "$more: counts" "$(grep -c '"usage"' "$T/body")" "$(grep -c include_usage <<<"$more")"
    expect "$more: they are asked for" "$(sent .stream_options)" '{"include_usage":true}'
    expect_match "$more: the row" "$(row)" 'stream=true .*input_tokens=[1-9][0-9]* output_tokens=[1-9]'
done
fault gpt-6-sol bytewise 1
chat "$(ask $GPT 'say: one two three' '{"stream":true}')"
expect "a chunk a byte" "$(text_of_stream) $(tail -2 "$T/body" | head -1)" "one two three data: [DONE]"

expect_true "metrics" told_by_metrics 'requests_ended_total\{route="chat_completions",dialect="openai",transport="native",class="2xx"\} 5'

# --- calls: each has an id of its own
id_of() { if [ "$1" = whole ]; then jq -r '.choices[0].message.tool_calls[0].id' "$T/body"; else sed -n 's/^data: \({.*\)/\1/p' "$T/body" | jq -r '.choices[0].delta.tool_calls[0].id // empty'; fi; }
for kind in whole stream; do
    [ $kind = stream ] && more=$(jq -c '. + {stream: true}' <<<"$TOOLS") || more=$TOOLS
    chat "$(ask $GROK 'use tool weather {"city":"Ulm"}' "$more")"
    one=$(id_of $kind)
    chat "$(ask $GROK 'use tool weather {"city":"Ulm"}' "$more")"
    expect_match "$kind: an id" "$one" '^call_[A-Za-z0-9]{24}$'
    expect_match "$kind: another the next time" "$(id_of $kind) $([ "$one" != "$(id_of $kind)" ] && echo other)" '^call_[A-Za-z0-9]{24} other$'
done
expect_match "native, too" "$(ledger '.last[0].path')" '^/openai/'

# --- what is refused there is left out
chat "$(ask $GPT 'say: x' '{"temperature":1,"top_p":0.5,"presence_penalty":1,"user":"u","store":false}')"
expect "GPT, thinking" "$CODE $(sent keys)" '200 ["messages","model"]'
expect_match "and told" "$(header x-converter-changes)" 'drop:temperature.*drop:top_p.*drop:presence_penalty'
chat "$(ask $GPT 'say: x' '{"temperature":1,"frequency_penalty":1,"reasoning_effort":"none"}')"
expect "GPT, not thinking" "$CODE $(sent keys)" '200 ["frequency_penalty","messages","model","reasoning_effort","temperature"]'
chat "$(ask $GROK 'say: x' '{"temperature":1,"frequency_penalty":1,"reasoning_effort":"none"}')"
expect "Grok" "$CODE $(sent keys)" '200 ["messages","model","temperature"]'

# --- the older name of a limit, and the thoughts of gpt-oss, which stand in its text
chat "$(ask $GPT 'say: x' '{"max_tokens":50}')"
expect "a limit" "$CODE $(sent .max_completion_tokens)" "200 50"
OSS=openai.gpt-oss-120b-1:0
THOUGHT='The user wants an answer; a short one will do.'
thoughts_of_stream() { sed -n 's/^data: \({.*\)/\1/p' "$T/body" | jq -rj '.choices[0].delta.reasoning_content // empty'; }
chat "$(ask $OSS 'say: guten Tag' '{"temperature":1,"presence_penalty":1,"max_tokens":50}')"
expect "gpt-oss" "$CODE $(jq -r '.choices[0].message | [.content, .reasoning_content] | join("|")' "$T/body") $(sent keys)" "200 guten Tag|$THOUGHT [\"max_completion_tokens\",\"messages\",\"model\",\"presence_penalty\",\"temperature\"]"
for effort in low high; do
    chat "$(ask $OSS 'say: one <reasoning> two' "{\"stream\":true,\"reasoning_effort\":\"$effort\"}")"
    expect "gpt-oss, streamed, $effort" "$CODE $(text_of_stream)|$(thoughts_of_stream) $(tail -2 "$T/body" | head -1)" "200 one <reasoning> two|$THOUGHT data: [DONE]"
done
chat "$(ask $OSS 'use tool weather {"city":"Ulm"}' "$(jq -c '. + {stream: true}' <<<"$TOOLS")")"
expect_match "gpt-oss, a call" "$(text_of_stream)|$(thoughts_of_stream) $(id_of stream)" "^I will use a tool.[|]$THOUGHT call_[A-Za-z0-9]{24}\$"
chat "$(ask $GPT 'say: <reasoning>x</reasoning>')"
expect "of others a tag is text" "$(jq -r '.choices[0].message.content' "$T/body")" '<reasoning>x</reasoning>'
expect "none was refused" "$(ledger .refused)" 0

# --- what goes by Converse
mock_reset
n=0
while IFS= read -r body; do
    n=$((n + 1))
    chat "$body"
    expect "by Converse: $body" "$(way)" "0 $n 0"
done <<X
$(ask $GPT 'say: x' "$TOOLS")
$(ask $GPT 'say: x' '{"stop":["a"]}')
$(ask $GPT 'say: x' '{"response_format":{"type":"json_object"}}')
$(ask $GPT 'say: x' '{"service_tier":"flex"}')
$(ask $GPT 'say: x' '{"top_k":5}')
$(ask $GPT 'say: x' '{"frobnicate":5}')
$(ask openai.gpt-6-sol 'say: x')
$(ask eu.openai.gpt-6-sol 'say: x')
$(ask global.openai.gpt-5.4 'say: x')
$(ask openai.gpt-oss-safeguard-120b 'say: x')
$(ask openai.gpt-oss-120b-1:0 'say: x' '{"logit_bias":{"1":1}}')
$(ask openai.gpt-oss-120b-1:0 'say: x' '{"reasoning_effort":"max"}')
$(ask us.amazon.nova-pro-v1:0 'say: x')
$(jq -cn --arg m $GPT '{model: $m, messages: [{role: "user", content: [{type: "text", text: "say: x", cache_control: {type: "ephemeral"}}]}]}')
$(jq -cn --arg m $GPT '{model: $m, messages: [{role: "user", content: "x"}, {role: "assistant", content: "y", reasoning_content: "z"}, {role: "user", content: "say: x"}]}')
X
make_key bound --project proj_bob
chat "$(ask $GPT 'say: x')"
expect "a key's project" "$CODE $(way)" "200 0 $((n + 1)) 0"
make_key alice2

# --- refusals
mock_reset
fault gpt-6-terra native-invalid
fault gpt-6.1-terra native-absent
for round in 1 2; do
    chat "$(ask global.openai.gpt-6.1-terra 'say: guten Tag')"
    expect "absent, $round: Converse answers" "$CODE $(jq -r '.choices[0].message.content' "$T/body") $(way)" "200 guten Tag 1 $round 0"
done
expect "learned once" "$(grep -c 'has no Chat Completions in Bedrock (404)' "$T/server.log")" 1
mock_reset
fault gpt-6-sol native-invalid 1
chat "$(ask $GPT 'say: guten Tag')"
expect "an invalid request: Converse has the last word" "$CODE $(way)" "200 1 1 0"
chat "$(ask $GPT 'say: guten Tag')"
expect "which says nothing of the model" "$CODE $(way)" "200 2 1 0"
for after in model-timeout:504 model-error:500; do
    mock_reset
    fault gpt-6-sol "${after%:*}"
    chat "$(ask $GPT 'say: guten Tag')"
    expect "$after: the model has run, and does not run again" "$CODE $(way)" "${after#*:} 1 0 0"
done
mock_reset
fault gpt-6-sol throttle 1
chat "$(ask $GPT 'say: guten Tag')"
expect "throttled: once more" "$CODE $(way)" "200 2 0 0"
fault gpt-6-sol throttle 9
chat "$(ask $GPT 'say: guten Tag')"
expect "then told" "$CODE $(jq -r .error.code "$T/body")" "429 rate_limit_exceeded"

# --- streams that break
for broken in stream-internal missing-end truncated-frame; do
    mock_reset
    fault gpt-6-sol $broken
    chat "$(ask $GPT 'say: one two three' '{"stream":true}')"
    expect "$broken: no good end" "$(grep -c '\[DONE\]' "$T/body") $(tail -2 "$T/body" | grep -c '"error"')" "0 1"
    expect_no_match "$broken: nobody's account" "$(cat "$T/body")" 123456789012
    expect_match "$broken: the row" "$(row)" 'output_tokens=[1-9].*error=".+"'
done
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
expect "every signature was good" "$(ledger .signature_failures)" 0

LEARNED=$(grep -c 'has no Chat Completions' "$T/server.log")
# --- a lane without access: Converse has none there either, so nothing is learned of the model's routes
stop_server
HOME_URL=$MOCK_URL
"$MOCK" --port 0 --quiet >"$T/other.out" 2>"$T/other.log" &
OTHER_PID=$!
eventually 5 grep -q listening "$T/other.out"
OTHER_URL=http://$(sed -n 's/.*listening on //p' "$T/other.out")
mock_reset
fault gpt-6-sol denied
start_server WORKERS=1 BEDROCK_LANES="us-west-2=$HOME_URL,us-east-1=$OTHER_URL" BEDROCK_ENDPOINT_URL=
make_key lanes
chat "$(ask $GPT 'say: guten Tag')"
expect "it moves" "$CODE $(way) $(MOCK_URL=$OTHER_URL way)" "200 1 1 0 0 1 0"
chat "$(ask $GPT 'say: guten Tag')"
expect "the other lane is asked natively at once" "$CODE $(way) $(MOCK_URL=$OTHER_URL way)" "200 1 1 0 1 1 0"
expect "nothing was learned" "$(grep -c 'has no Chat Completions' "$T/server.log")" "$LEARNED"
kill "$OTHER_PID"
finish
