#!/usr/bin/env bash
# With STRICT_FIELDS a refusal passes. What one client sends, odd as it may be, changes nothing of what another's requests
# become. (That what is learned ends: tests/unit/worker/exchange/test_cure.c.)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"
# shellcheck source=tests/system/next_year.sh
. "$(dirname "$0")/next_year.sh"

start_mock --refusals "$REFUSALS"

# --- STRICT_FIELDS: the refusal passes
start_server STRICT_FIELDS=true RATE_LIMIT_ENABLED=false BETA_HEADERS_ALLOW=context-management-2025-06-27
make_key alice
while IFS=$'\t' read -r name model _; do
    request "$name" "$(id_of "$model")"
    before=$(calls)
    send
    expect_below "strict, $name: calls" $(($(calls) - before)) 1
    expect "strict, $name" "$CODE $(header x-converter-changes | grep -c learned)" "400 0"
done < <(rows)
request told.max_tokens anthropic.claude-opus-9-told-8
send
expect_json "strict: Bedrock's own words" .error.message \
    'max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for this model'
request told.format anthropic.claude-sonnet-4-6-told-5
send
expect_json "strict: of a field" .error.message 'output_config.format: Extra inputs are not permitted'
stop_server
stop_mock

# --- a thousand odd requests of one client change nothing of another's
cat >"$T/odd.tsv" <<'END'
odd.effort	claude	output_config.effort=banana	output_config.effort: Input should be 'low', 'medium', 'high' or 'max'
odd.effort_echo	claude	output_config.effort=effort is not supported by this model	output_config.effort: 'effort is not supported by this model' is not supported by this model
odd.temperature	claude	temperature>1	temperature: 2 is not supported by this model
odd.top_p	claude	top_p>1	The value of top_p is not supported for this model
odd.stops	claude	stop_sequences.*=BAD	Value '[BAD, stop_sequences is not supported by this model]' at 'stop_sequences' failed to satisfy constraint: Member must have length less than or equal to 4
odd.stops_echo	claude	stop_sequences.*=WORSE	stop_sequences: the sequence 'WORSE stop_sequences' is not supported by this model
odd.ttl	claude	system.*.cache_control.ttl=2h	system.0.cache_control.ttl: Input should be '5m' or '1h'
odd.mark	claude	tools.*.cache_control.type=persistent	tools.0.custom.cache_control: cache_control is not supported by this model
odd.block	claude	messages.*.content.*.cache_control.type=persistent	messages.0.content.0.text.cache_control: Extra inputs are not permitted
odd.strict	claude	tools.*.type=odd_20990101	tools.0.odd_20990101.strict: Extra inputs are not permitted
odd.schema	claude	output_config.format.schema.type=array	output_config.format.schema: the schema is too complex
odd.schema_field	claude	output_config.format.schema.odd	output_config.format.schema.odd: Extra inputs are not permitted
odd.tool	claude	tool_choice.name=ghost	tool_choice: tool 'ghost' is not supported when it is not in tools
odd.field	claude	frobnicate	frobnicate: Extra inputs are not permitted
odd.context	claude	context_management.odd	context_management.odd: Extra inputs are not permitted
odd.thinking	claude	thinking.odd	thinking.odd: Extra inputs are not permitted
odd.thinking_2	claude	thinking.odder	thinking is not supported in this request
odd.config	claude	output_config.odd	output_config.odd: Extra inputs are not permitted
odd.effort_2	claude	output_config.effort.odd	output_config.effort.odd: Extra inputs are not permitted
odd.choice	claude	tool_choice.odd	tool_choice.any.odd: Extra inputs are not permitted
odd.metadata	claude	metadata.user_id=odd	metadata.user_id: not supported
odd.binding	claude	thinking.block_binding	messages.1.content.0: Invalid `signature` in `thinking` block: bound to a different conversation
odd.system	claude	messages.*.odd	messages.0: role 'system' is not supported at this position
odd.top_k	claude	top_k>1000	top_k of 100000 is not supported by this model
odd.edit	claude	context_management.edits.*.type=odd	context_management: edit type odd is not supported by this model
odd.one_of	claude	output_config.format.schema.oneOf	output_config.format: oneOf is not supported by this model
odd.ttl_2	claude	system.*.cache_control.ttl=3h	system.0.cache_control.ttl: a ttl of 3h is not supported
END
VICTIM=anthropic.claude-sonnet-4-6
hi=$(say hi)
cat >"$T/victims" <<END
$(turn $VICTIM "$hi")
$(turn $VICTIM "$hi" '"temperature":0.5,"top_k":3')
$(turn $VICTIM "$hi" '"top_p":0.5,"stop_sequences":["END"]')
$(turn $VICTIM "$hi" '"output_config":{"effort":"high"}')
$(turn $VICTIM "$hi" "$FORMAT")
$(turn $VICTIM "$LONG" '"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]')
$(turn $VICTIM "$hi" "$TOOLS,"'"tool_choice":{"type":"any"}')
$(turn $VICTIM "$hi" '"tools":[{"name":"f","input_schema":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral"}}]')
$(turn $VICTIM "$hi" '"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}')
$(turn $VICTIM "$hi" '"betas":["interleaved-thinking-2025-05-14","context-management-2025-06-27"],"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}')
$(turn anthropic.claude-opus-4-8 '[{"role":"user","content":"hi"},{"role":"system","content":"be brief"}]' "$TOOLS")
END
victims() { # what becomes of them, as bytes
    local line key=$KEY
    KEY=$BOB
    while IFS= read -r line; do
        ask "$line"
        echo "$CODE $(sent_bytes)"
    done <"$T/victims"
    KEY=$key
}
start_mock --refusals "$T/odd.tsv" --allow-field context_management
start_server WORKERS=2 RATE_LIMIT_ENABLED=false METRICS_TOKEN=off BETA_HEADERS_ALLOW=context-management-2025-06-27
make_key bob
BOB=$KEY
make_key alice
victims >"$T/before"
# each as odd as it is, and otherwise one of the others: what is remembered is remembered of the same shape
jq -cn --slurpfile victims "$T/victims" '
  def part: [
    {output_config: {effort: "banana"}}, {output_config: {effort: "effort is not supported by this model"}}, {temperature: 2}, {top_p: 2},
    {stop_sequences: ["BAD"]}, {stop_sequences: ["WORSE", "x"]},
    {system: [{type: "text", text: "s", cache_control: {type: "ephemeral", ttl: "2h"}}]},
    {tools: [{name: "f", input_schema: {type: "object"}, cache_control: {type: "persistent"}}]},
    {messages: [{role: "user", content: [{type: "text", text: "x", cache_control: {type: "persistent"}}]}]},
    {tools: [{name: "f", type: "odd_20990101", input_schema: {type: "object"}, strict: true}]},
    {output_config: {format: {type: "json_schema", schema: {type: "array"}}}},
    {output_config: {format: {type: "json_schema", schema: {type: "object", odd: 1}}}},
    {tools: [{name: "f", input_schema: {type: "object"}}], tool_choice: {type: "tool", name: "ghost"}},
    {frobnicate: 1}, {betas: ["context-management-2025-06-27"], context_management: {odd: 1}}, {thinking: {type: "adaptive", odd: 1}},
    {thinking: {type: "adaptive", odder: 1}}, {output_config: {odd: 1}}, {output_config: {effort: {odd: 1}}}, {tool_choice: {odd: 1}}, {metadata: {user_id: "odd"}},
    {thinking: {type: "adaptive", block_binding: {x: 1}}}, {messages: [{role: "user", content: "x", odd: 1}, {role: "system", content: "y"}]},
    {top_k: 100000}, {betas: ["context-management-2025-06-27"], context_management: {edits: [{type: "odd"}]}},
    {output_config: {format: {type: "json_schema", schema: {type: "object", oneOf: [{required: ["a"]}], additionalProperties: false}}}},
    {system: [{type: "text", text: "s", cache_control: {type: "ephemeral", ttl: "3h"}}]}];
  (part | length) as $n | ($victims | length) as $m | range(1000) as $i | $victims[$i % $m]
    * part[($i / $m | floor) % $n] * (if $i % 3 == 0 then part[($i * 7) % $n] else {} end)' >"$T/odd"
n=0
while IFS= read -r line; do
    printf '%s' "$line" >"$T/odd.$n"
    printf '%surl = "%s/v1/messages"\nheader = "x-api-key: %s"\nheader = "content-type: application/json"\ndata-binary = "@%s"\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\n' \
        "$([ $n = 0 ] || printf 'next\n')
" "$URL" "$KEY" "$T/odd.$n"
    n=$((n + 1))
done <"$T/odd" >"$T/odd.curl"
curl -sS --no-progress-meter -K "$T/odd.curl" 2>"$T/curl.err" | sort | uniq -c | sed 's/^ */  /' >"$T/odd.codes"
expect "odd requests" "$(awk '{ n += $1 } END { print n }' "$T/odd.codes")" 1000
expect_true "some are cured" grep -q ' 200' "$T/odd.codes"
expect_true "some are refused" grep -q ' 400' "$T/odd.codes"
victims >"$T/after"
expect "bodies of another key" "$(wc -l <"$T/before") $(cmp "$T/before" "$T/after" 2>&1)" "$(wc -l <"$T/victims") "
call /metrics
echo "  1000 odd requests:$(tr -s '\n ' ' ' <"$T/odd.codes"), remembered $(metric refusals_remembered), $(wc -l <"$T/after") bodies of another key unchanged"

finish
