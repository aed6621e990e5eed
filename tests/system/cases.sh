# shellcheck shell=bash disable=SC2034 # variables that the tests use
# cases.sh - what 35_* to 39_* share. 35 to 38 go down a list of 86 conformance cases (what a client sends, what it must
# see), gathered from recordings of real clients; each has a check or more whose name begins "case N: ". Sourced after lib.sh.

CLAUDE=claude-sonnet-4-5
NOVA=amazon.nova-pro-v1:0           # Converse; images, documents, cache points
QWEN=qwen.qwen3-coder-30b-a3b-v1:0  # Converse; text and tools only
PIXEL=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
PDF=JVBERi0xLjQKJSVFT0YK
TOOLS='"tools":[{"name":"Bash","description":"d","input_schema":{"type":"object"}},{"name":"now","input_schema":{"type":"object"}}]'

# turn MODEL MESSAGES [MEMBERS]: a Messages request, byte for byte as given
turn() { printf '{"model":"%s","max_tokens":1000,"messages":%s%s}' "$1" "$2" "${3:+,$3}"; }
# say TEXT: a list of one user message
say() { printf '[{"role":"user","content":"%s"}]' "$1"; }
# blocks BLOCKS: the same, of blocks
blocks() { printf '[{"role":"user","content":[%s]}]' "$1"; }
# result CONTENT-MEMBERS: a call and its result
result() {
    printf '[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}]},'
    printf '{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1"%s}]}]' "${1:+,$1}"
}

# chat BODY [curl options...]: POST /v1/chat/completions with KEY
chat() {
    local body=$1
    shift
    call /v1/chat/completions -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$body" "$@"
}
# chatted MODEL MESSAGES [MEMBERS]: a Chat Completions request
chatted() { printf '{"model":"%s","messages":%s%s}' "$1" "$2" "${3:+,$3}"; }

# sent JQ [K]: of the K-th newest body that Bedrock got
sent() { curl -fsS "$MOCK_URL/__body?n=${2:-0}" | jq -cr "$1" 2>&1; }
sent_bytes() { curl -fsS "$MOCK_URL/__body?n=${1:-0}"; }
got() { jq -cr "$1" "$T/body" 2>&1; }
names() { sed -n 's/^event: \(.*[^[:space:]]\)[[:space:]]*$/\1/p' "$T/body" | uniq | tr '\n' ' '; }
# data JQ: of every event of the last stream, one line each
data() { sed -n 's/^data: //p' "$T/body" | grep -v '^\[DONE\]' | jq -cr "$1" 2>&1; }

# refused CASE BODY STATUS MESSAGE: exactly this wording, in Anthropic's shape
refused() {
    ask "$2"
    expect "$1" "$CODE $(got '.type + " " + .error.message')" "$3 error $4"
}
# refused_chat CASE BODY STATUS JQ WANTED
refused_chat() {
    chat "$2"
    expect "$1" "$CODE $(got "$4")" "$3 $5"
}

# --- /v1/responses
STREAM='"stream":true'
# respond BODY [curl options...]: POST /v1/responses with KEY
respond() {
    local body=$1
    shift
    call /v1/responses -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$body" "$@"
}
# asked MODEL INPUT [MEMBERS]: a request; INPUT is JSON
asked() { printf '{"model":"%s","input":%s%s}' "$1" "$2" "${3:+,$3}"; }
# refused_response WHAT BODY STATUS JQ WANTED
refused_response() {
    respond "$2"
    expect "$1" "$CODE $(got "$4")" "$3 $5"
}
# one TYPE JQ: of the event of that type
one() { data 'select(.type == "'"$1"'") | '"$2"; }
