#!/usr/bin/env bash
# The demo of `make run`: the test is the client. It sends tools as Claude Code, OpenCode and an OpenAI client have them,
# runs what the model calls (a file is read, changed and shown), and goes on until the model has no more calls.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

FOLDER=$(mktemp -d /tmp/llm-api-converter.XXXXXX)
trap 'rm -rf "$FOLDER"; cleanup' EXIT
NOTES=$FOLDER/notes.txt
fresh() { printf 'A small file.\nTimes played: %s\n' "$1" >"$NOTES"; }

CLAUDE_CODE='[
  {"name":"Bash","description":"d","input_schema":{"type":"object","properties":{"command":{"type":"string"},"timeout":{"type":"number"},"description":{"type":"string"}},"required":["command"]}},
  {"name":"Edit","description":"d","input_schema":{"type":"object","properties":{"file_path":{"type":"string"},"old_string":{"type":"string"},"new_string":{"type":"string"},"replace_all":{"type":"boolean"}},"required":["file_path","old_string","new_string"]}},
  {"name":"Read","description":"d","input_schema":{"type":"object","properties":{"file_path":{"type":"string"},"offset":{"type":"number"}},"required":["file_path"]}}]'
OPENCODE='[
  {"name":"read","description":"d","input_schema":{"type":"object","properties":{"filePath":{"type":"string"}},"required":["filePath"]}},
  {"name":"edit","description":"d","input_schema":{"type":"object","properties":{"filePath":{"type":"string"},"oldString":{"type":"string"},"newString":{"type":"string"}},"required":["filePath","oldString","newString"]}},
  {"name":"bash","description":"d","input_schema":{"type":"object","properties":{"command":{"type":"string"},"description":{"type":"string"}},"required":["command","description"]}}]'

# do_tool: what a client does with the call in NAME, FILE, OLD, NEW and COMMAND
do_tool() {
    case ${NAME,,} in
    read) nl -ba "$FILE" ;;
    edit) grep -qF -- "$OLD" "$FILE" && sed -i "s/$OLD/$NEW/" "$FILE" && echo "$FILE has been updated" ;;
    bash) bash -c "$COMMAND" ;;
    *) false ;;
    esac
}

# gathered: the streamed answer of $T/body as one message, as the SDKs gather it
gathered() {
    sed -n 's/^data: //p' "$T/body" | jq -cs 'reduce .[] as $e ({content: []};
        if $e.type == "content_block_start" then .content[$e.index] = ($e.content_block + {json: ""})
        elif $e.type == "content_block_delta" and $e.delta.type == "text_delta" then .content[$e.index].text += $e.delta.text
        elif $e.type == "content_block_delta" and $e.delta.type == "input_json_delta" then .content[$e.index].json += $e.delta.partial_json
        elif $e.type == "message_delta" then .stop_reason = $e.delta.stop_reason
        else . end)
        | .content |= map(if .type == "tool_use" then .input = (.json | fromjson) else . end | del(.json))'
}

# play MODEL PROMPT TOOLS STREAM [TOOL-THAT-FAILS]: all turns; CALLS has the names in order, SAID the last text, TURNS how many
play() {
    local stream=$4 broken=${5:-} body answer result failed NAME FILE OLD NEW COMMAND ID STOP OTHERS
    body=$(jq -cn --arg model "$1" --arg text "$2" --argjson tools "$3" --argjson stream "$stream" '{model: $model, max_tokens: 4000, stream: $stream,
        tools: $tools, messages: [{role: "user", content: [{type: "text", text: "<system-reminder>not a demo</system-reminder>"}, {type: "text", text: $text}]}]}')
    CALLS=
    for TURNS in 1 2 3 4 5 6; do
        ask "$body" -N
        [ "$CODE" = 200 ] || break
        if [ "$stream" = true ]; then answer=$(gathered); else answer=$(cat "$T/body"); fi
        eval "$(jq -r '([.content[] | select(.type == "tool_use")][0] // {input: {}}) as $c
            | @sh "STOP=\(.stop_reason) SAID=\([.content[] | select(.type == "text").text] | join("")) NAME=\($c.name) ID=\($c.id)",
              @sh "FILE=\($c.input | .file_path // .filePath) OLD=\($c.input | .old_string // .oldString) NEW=\($c.input | .new_string // .newString)",
              @sh "COMMAND=\($c.input.command) OTHERS=\([$c.input | .. | strings | scan("(?:^| )(/[^ ]*)")[]] | join("\n"))"' <<<"$answer")"
        [ "$STOP" = tool_use ] || break
        CALLS+="$NAME "
        expect_no_match "a call names another place" "$(grep -vxF "$NOTES" <<<"$OTHERS")" .
        failed=false
        if [ "$NAME" = "$broken" ]; then
            result="permission denied by the user" failed=true
        else
            result=$(do_tool 2>&1) || failed=true
        fi
        body=$(jq -c --argjson answer "$answer" --arg id "$ID" --arg result "$result" --argjson failed "$failed" \
            '.messages += [{role: "assistant", content: $answer.content}, {role: "user", content: [{type: "tool_result", tool_use_id: $id, content: $result, is_error: $failed}]}]' <<<"$body")
    done
}

start_mock --play "$FOLDER"
start_server
make_key demo
script pace-1 0 # by itself it is slower, see below
curl -fsS -o /dev/null -d '{"model":"qwen","fault":"pace-1","count":0}' "$MOCK_URL/__script"

for model in claude-sonnet-4-5 qwen.qwen3-coder-480b-a35b-v1:0; do
    for stream in true false; do
        fresh 7
        play "$model" "Play the demo" "$CLAUDE_CODE" "$stream"
        expect "$model, stream $stream: turns and calls" "$TURNS $CALLS" "4 Read Edit Bash "
        expect "$model, stream $stream: the file" "$(tail -1 "$NOTES")" "Times played: 8"
        expect_match "$model, stream $stream: the words" "$SAID" 'changed the number in it from 7 to 8'
        expect_match "$model, stream $stream: the shell's words" "$SAID" '^    2:Times played: 8$'
    done
done
expect "transports" "$(ledger '.operations | [.InvokeModel, .InvokeModelWithResponseStream, .Converse, .ConverseStream] | map(tostring) | join(" ")')" "4 4 4 4"
expect "nothing was refused" "$(ledger .refused)" 0

fresh 0
play claude-sonnet-4-5 "demo, please" "$OPENCODE" true
expect "tools of another client" "$TURNS $CALLS$(tail -1 "$NOTES")" "4 read edit bash Times played: 1"

# --- what the tools answer decides
fresh 1
play claude-sonnet-4-5 "Play the demo" "$CLAUDE_CODE" true Edit
expect "a refused edit ends it" "$TURNS $CALLS$(tail -1 "$NOTES")" "3 Read Edit Times played: 1"
expect_match "and is told" "$SAID" '^> permission denied by the user$'
echo "something else" >"$NOTES"
play claude-sonnet-4-5 "Play the demo" "$CLAUDE_CODE" true
expect "a file that is not ours is left alone" "$TURNS $CALLS$(cat "$NOTES")" "2 Read something else"
fresh 4
play claude-sonnet-4-5 "Play the demo" "$(jq -c 'map(select(.name == "Read"))' <<<"$CLAUDE_CODE")" true
expect "a client with one tool" "$TURNS $CALLS" "2 Read "
play claude-sonnet-4-5 "Play the demo" '[{"name":"weather","description":"d","input_schema":{"type":"object","properties":{}}}]' true
expect "a client without such tools" "$TURNS $CALLS$SAID" "1 Echo: Play the demo"
play claude-sonnet-4-5 "Demonstrate /srv/demo/x to me" "$CLAUDE_CODE" true
expect "another prompt" "$TURNS $CALLS$SAID" "1 Echo: Demonstrate /srv/demo/x to me"

# --- it looks alive: the summary comes in pieces, some time apart
mock_reset
fresh 0
begin=$(now_ms)
play claude-sonnet-4-5 "demo" "$(jq -c 'map(select(.name == "Read"))' <<<"$CLAUDE_CODE")" true
expect_true "the text takes its time" test $(($(now_ms) - begin)) -ge 600

# --- Chat Completions: one turn with a call, and the turn behind it
fresh 3
functions=$(jq -c 'map({type: "function", function: {name, description, parameters: .input_schema}})' <<<"$CLAUDE_CODE")
chat() { call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$1"; }
chat "$(jq -cn --argjson tools "$functions" '{model: "qwen.qwen3-coder-480b-a35b-v1:0", tools: $tools, messages: [{role: "user", content: "play the demo"}]}')"
expect_json "chat: a call" '.choices[0].message.tool_calls[0].function | .name + " " + (.arguments | fromjson | .file_path)' "Read $NOTES"
chat "$(jq -c --argjson tools "$functions" --arg text "$(cat "$NOTES")" '.choices[0].message as $m | {model: "qwen.qwen3-coder-480b-a35b-v1:0", tools: $tools,
    messages: [{role: "user", content: "play the demo"}, ($m | {role, content, tool_calls}), {role: "tool", tool_call_id: $m.tool_calls[0].id, content: $text}]}' "$T/body")"
expect_json "chat: the next call" '.choices[0].message.tool_calls[0].function | .name + " " + (.arguments | fromjson | .new_string)' "Edit Times played: 4"
finish
