#!/usr/bin/env bash
# What a model answered, sent back as history, reaches Bedrock unchanged: thinking with its signature, calls, cache marks.
# Numbers and strings of a call's input are the same bytes on every way: InvokeModel, Converse, both dialects, streamed or not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

# No double can hold the first; -0 and 1.0 lose their form in most readers; U+2028 is no legal line of JavaScript before 2019.
NASTY='{"big":9007199254740993,"small":1e-7,"one":1.0,"zero":-0,"exp":1E+2,"list":[0.10,-1.50e+03,18446744073709551616],"line":"a'$'\xe2\x80\xa8''b","face":"'$'\xf0\x9f\x98\x80''","pair":"\ud83d\ude00","slash":"a\/b","accent":"\u00e9","nul":"\u0000","quote":"\"\\","empty":{},"zz":1,"aa":null}'
LIST='[{"role":"user","content":'
ASK=$(jq -cn --arg t "use tool Bash $NASTY" '$t')
NOW='"cache_control":{"type":"ephemeral"}'

# The content array of the last answer, as its bytes are.
content() {
    local body
    body=$(cat "$T/body")
    body=${body#*\"content\":}
    echo "${body%%,\"stop_reason\"*}"
}
# same WHAT BYTES: the body that Bedrock got has them
same() {
    if grep -qF -- "$2" <(sent_bytes 0); then pass; else fail "$1: $2 is not in $(sent_bytes 0 | head -c 3000)"; fi
}
inputs() { data 'select(.delta.type == "input_json_delta").delta.partial_json' | tr -d '\n'; }
arguments() { data 'select(.choices[0].delta.tool_calls) | .choices[0].delta.tool_calls[0].function.arguments' | tr -d '\n'; }

start_mock
start_server
make_key alice

# --- Messages: Claude by splice, another model by conversion
for model in $CLAUDE $NOVA $QWEN; do
    ask "$(turn "$model" "$LIST$ASK}]" "$TOOLS")"
    expect "a call, $model" "$CODE $(got '[.stop_reason, .content[1].name] | join(" ")')" "200 tool_use Bash"
    if grep -qF "\"input\":$NASTY" "$T/body"; then pass; else fail "the answer's input, $model: $(cat "$T/body")"; fi
    id=$(got '.content[1].id')
    said=$(content)
    ask "$(turn "$model" "$LIST$ASK},{\"role\":\"assistant\",\"content\":$said},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"$id\",\"content\":\"done\",$NOW}]}]" "$TOOLS")"
    expect "the next turn, $model" "$CODE" 200
    same "its input, $model" "\"input\":$NASTY"
    case $model in
        "$CLAUDE")
            same "the whole turn, byte for byte" "{\"role\":\"assistant\",\"content\":$said}"
            same "the mark on the result" "$NOW"
            ;;
        "$NOVA")
            expect "call and result belong together, $model" "$(sent '[.messages[1].content[1].toolUse.toolUseId, .messages[2].content[0].toolResult.toolUseId]')" "[\"$id\",\"$id\"]"
            expect "the mark is a cache point" "$(sent '.messages[2].content[1].cachePoint.type')" default
            ;;
    esac
    ask "$(turn "$model" "$LIST$ASK}]" "$TOOLS,\"stream\":true")" -N
    expect "the input in pieces, $model" "$(inputs)" "$(jq -cr . <<<"$ASK" | sed 's/^use tool Bash //')"
done

# --- thinking and its signature
for what in '"stream":false' '"stream":true'; do
    ask "$(turn $CLAUDE "$(say hi)" "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},$what" | sed 's/"max_tokens":1000/"max_tokens":4000/')" -N
    if [ "$what" = '"stream":true' ]; then
        thought=$(data 'select(.delta.type == "thinking_delta").delta.thinking' | jq -Rrsj 'gsub("\n"; "")')
        signature=$(data 'select(.delta.type == "signature_delta").delta.signature')
        said="[{\"type\":\"thinking\",\"thinking\":\"$thought\",\"signature\":\"$signature\"},{\"type\":\"text\",\"text\":\"Echo: hi\"}]"
    else
        said=$(content)
    fi
    expect_match "thinking, $what" "$said" '"signature":"[A-Za-z0-9+/=]{20,}"'
    ask "$(turn $CLAUDE "[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":$said},{\"role\":\"user\",\"content\":\"go on\"}]")"
    expect "thinking comes back, $what" "$CODE" 200
    same "byte for byte, $what" "{\"role\":\"assistant\",\"content\":$said}"
done

# --- Chat Completions: Claude and others, all by Converse
for model in $CLAUDE $NOVA $QWEN; do
    user="$LIST$ASK}"
    functions='"tools":[{"type":"function","function":{"name":"Bash","parameters":{"type":"object"}}}]'
    chat "$(chatted "$model" "$user]" "$functions")"
    expect "a call in chat, $model" "$CODE $(got '.choices[0].finish_reason')" "200 tool_calls"
    expect "its arguments are the input's bytes, $model" "$(got '.choices[0].message.tool_calls[0].function.arguments')" "$NASTY"
    said=$(got '.choices[0].message')
    id=$(got '.choices[0].message.tool_calls[0].id')
    chat "$(chatted "$model" "$user,$said,{\"role\":\"tool\",\"tool_call_id\":\"$id\",\"content\":\"done\"}]" "$functions")"
    expect "the next turn in chat, $model" "$CODE" 200
    same "its input in chat, $model" "\"input\":$NASTY"
    expect "call and result belong together in chat, $model" "$(sent '[([.messages[1].content[] | .toolUse // empty][0].toolUseId), .messages[2].content[0].toolResult.toolUseId]')" "[\"$id\",\"$id\"]"
    chat "$(chatted "$model" "$user]" "$functions,\"stream\":true")"
    expect "the arguments in pieces, $model" "$(arguments)" "$NASTY"
done
finish
