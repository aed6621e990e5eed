# shellcheck shell=bash disable=SC2034 # variables that the tests use
# next_year.sh - what 34_* share: requests that the Bedrock of next year refuses (tests/mock/next_year.tsv). Sourced after
# lib.sh and cases.sh.

REFUSALS=$ROOT/tests/mock/next_year.tsv
FORMAT='"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}}}'
RESPONSE='"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}}}'
CHAT_TOOLS='"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]'
LONG=$(blocks '{"type":"text","text":"long","cache_control":{"type":"ephemeral"}}')

# request NAME MODEL: PATH_OF and BODY of what a client sends that the row refuses
request() {
    PATH_OF=/v1/messages
    local hi
    hi=$(say hi)
    case $1 in
    told.sampling) BODY=$(turn "$2" "$hi" '"temperature":0.5') ;;
    told.beta) BODY=$(turn "$2" "$hi" '"betas":["interleaved-thinking-2025-05-14"]') ;;
    told.enabled) BODY=$(turn "$2" "$hi" '"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000}') BODY=${BODY/\"max_tokens\":1000,/} ;;
    told.choice) BODY=$(turn "$2" "$hi" "$TOOLS,"'"tool_choice":{"type":"any"}') ;;
    told.format) BODY=$(turn "$2" "$hi" "$FORMAT") ;;
    told.context) BODY=$(turn "$2" "$hi" '"betas":["context-management-2025-06-27"],"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}') ;;
    told.system_role) BODY=$(turn "$2" '[{"role":"user","content":"hi"},{"role":"system","content":"be brief"}]') ;;
    told.max_tokens) BODY=$(turn "$2" "$hi") BODY=${BODY/1000/128000} ;;
    told.stops) PATH_OF=/v1/chat/completions BODY=$(chatted "$2" "$hi" '"stop":["END"]') ;;
    told.ttl) BODY=$(turn "$2" "$hi" '"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]') ;;
    made.thinking_off) BODY=$(turn "$2" "$hi" '"thinking":{"type":"disabled"}') ;;
    made.effort) BODY=$(turn "$2" "$hi" '"output_config":{"effort":"max"}') ;;
    made.eager) BODY=$(turn "$2" "$hi" '"tools":[{"name":"f","input_schema":{"type":"object"},"eager_input_streaming":true}]') ;;
    made.top_p) BODY=$(turn "$2" "$hi" '"top_p":0.5') ;;
    made.reasoning_effort) PATH_OF=/v1/chat/completions BODY=$(chatted "$2" "$hi" '"reasoning_effort":"high"') ;;
    made.text_format) PATH_OF=/v1/chat/completions BODY=$(chatted "$2" "$hi" "$RESPONSE") ;;
    made.tool_choice) PATH_OF=/v1/chat/completions BODY=$(chatted "$2" "$hi" "$CHAT_TOOLS,"'"tool_choice":{"type":"function","function":{"name":"f"}}') ;;
    made.max_tokens) BODY=$(turn "$2" "$hi") BODY=${BODY/1000/64000} ;;
    made.system) PATH_OF=/v1/chat/completions BODY=$(chatted "$2" '[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}]') ;;
    made.cache) BODY=$(turn "$2" "$LONG") ;;
    *) fail "no request for the row $1" ;;
    esac
}

send() { call "$PATH_OF" -H "x-api-key: $KEY" -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' --data-binary "$BODY"; }
# metric NAME [LABEL]: of the last /metrics
metric() { sed -n "s/^llm_api_converter_$1\({.*${2:-}.*}\)\? \([0-9]*\)$/\2/p" "$T/body" | head -1; }
calls() { ledger .requests; }
rows() { grep -v '^#' "$REFUSALS"; }
# A whole id of the model that the row names a part of.
id_of() {
    case $1 in
    claude-*) echo "anthropic.$1" ;;
    *) echo "$1" ;;
    esac
}

# again WHAT ROW MODEL CALLS: answered, with so many calls
again() {
    local before
    request "$2" "$3"
    before=$(calls)
    send
    expect "$1" "$CODE $(($(calls) - before))" "200 $4"
}
