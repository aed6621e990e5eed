#!/usr/bin/env bash
# The program at work, as a text for the README: a request as Claude Code sends it to a model that is not Claude, an error, `top`.
# Made from a running server and compared with tests/golden/transcript.txt, and with what stands between the marks
# <!-- transcript:begin --> and <!-- transcript:end --> of a README that has them. Ids, times and ports are made the same,
# headers and events that say nothing here are left out ("...").
#
# usage: tests/system/17_transcript.sh [--write]     (--write: puts the new text into these files)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

GOLDEN=$ROOT/tests/golden/transcript.txt
FOLDER=$(mktemp -d /tmp/llm-api-converter.XXXXXX)
trap 'rm -rf "$FOLDER"; cleanup' EXIT
echo 'Times played: 0' >"$FOLDER/notes.txt"

tools='[{"name":"Read","description":"Reads a file","input_schema":{"type":"object","properties":{"file_path":{"type":"string"}},"required":["file_path"]}}]'
claude_code() { # TOOLS: a request as Claude Code sends it, but short
    jq -cn --argjson tools "$1" '{model: "claude-sonnet-4-5", max_tokens: 32000, stream: true, thinking: {type: "adaptive"},
        context_management: {edits: [{type: "clear_thinking_20251015", keep: "all"}]},
        system: [{type: "text", text: "x-anthropic-billing-header: cc_version=2.1.332;"},
            {type: "text", text: "You are Claude Code.", cache_control: {type: "ephemeral"}}],
        messages: [{role: "user", content: [{type: "text", text: "play the demo"}]},
            {role: "system", content: [{type: "text", text: "Working directory: /tmp", cache_control: {type: "ephemeral"}}]}],
        tools: $tools}'
}

# show COMMAND: the command, as it is run, and what it prints
show() {
    printf '$ %s\n' "$1"
    (cd "$T" && eval "$1")
}

# Of an answer: the status line, the headers that matter, the body; of a stream the data of the first event of each kind and block.
shorten() {
    tr -d '\r' | awk '
        /^HTTP/ { head = 1 }
        head && /^$/ { head = 0; print; next }
        head && !/^(HTTP|x-converter-changes|content-type)/ { next }
        head || !/^(event: .*|data: .*)?$/ { print; next }
        !/^data: / || /"content_block_stop"/ { next }
        {
            key = $0; sub(/,"(delta|message|content_block|usage)":.*/, "", key)
            if (!seen[key]++) print; else if (!dots[key]++) print "..."
        }' | sed -E 's/"content":\[\],.*/.../; s/"stop_sequence":null.*"usage":\{/...,"usage":{/; s/,"cache_creation_input_tokens":0.*"output_tokens"/,...,"output_tokens"/'
}

same() { # what differs from run to run
    sed -E -e "s#$FOLDER#/tmp/demo#g; s#127\.0\.0\.1:$PORT#localhost:8000#g; s#$PROGRAM#llm-api-converter#g" \
        -e 's/(req|msg|toolu_bdrk)_[A-Za-z0-9]{24}/\1_.../g' \
        -e 's/master [0-9]+, up [0-9a-z]+, (.*) \(table [0-9]+, [0-9.]+ s old\)/master 4711, up 0m01s, \1 (table 3, 0.4 s old)/' \
        -e 's/^(refresher|worker [0-9] ) +[0-9]+ (ready +) [0-9.]+ s (.*) [0-9]+m[0-9]+s$/\1        4712 \2 0.1 s \3 0m01s/'
}

wanted='^($|\$|llm-api|PROCESS|refresher|worker|(upstream_requests|streams|tokens_(in|out)put|cost_microdollars)_total|refusals_total)'
transcript() {
    printf '$ export ANTHROPIC_BASE_URL=http://%s ANTHROPIC_API_KEY=sk-...\n\n' "127.0.0.1:$PORT"
    # shellcheck disable=SC2016
    show 'curl -sSi "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" -d @claude-code.json' | shorten
    echo
    # shellcheck disable=SC2016
    show 'curl -sSi "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" -d @web-search.json' | shorten
    echo
    show "$PROGRAM top --once" | grep -E "$wanted"
}

# within FILE: what stands between its marks, without the fence
within() { awk '/<!-- transcript:begin/ { on = 1; next } /<!-- transcript:end/ { on = 0 } on && !/^```/' "$1"; }

put_within() { # FILE
    awk -v text="$T/transcript" '
        /<!-- transcript:begin/ { print; print "```"; while ((getline line < text) > 0) print line; print "```"; skip = 1; next }
        /<!-- transcript:end/ { skip = 0 }
        !skip { print }' "$1" >"$T/new" && cat "$T/new" >"$1"
}

start_mock --play "$FOLDER"
start_server ANTHROPIC_DEFAULT_MODEL=qwen.qwen3-coder-480b-a35b-v1:0
make_key alice -b 25
claude_code "$tools" >"$T/claude-code.json"
claude_code '[{"type": "web_search_20250305", "name": "web_search"}]' >"$T/web-search.json"
eventually $((5 * SLOW)) all_ready
environment
export STATE_DIR=$T/state ANTHROPIC_BASE_URL=$URL ANTHROPIC_API_KEY=$KEY
transcript 2>&1 | same | cat -s >"$T/transcript"

[ "${1:-}" != --write ] || cp "$T/transcript" "$GOLDEN"
expect "tests/golden/transcript.txt (17_transcript.sh --write makes it anew)" "$(diff "$GOLDEN" "$T/transcript")" ""
for file in "$ROOT"/README*.md; do
    grep -q '<!-- transcript:begin' "$file" || continue
    [ "${1:-}" != --write ] || put_within "$file"
    expect "$(basename "$file")" "$(diff <(within "$file") "$T/transcript")" ""
done
expect_no_match "nothing of this run is in it" "$(cat "$T/transcript")" "$KEY|$PORT|$FOLDER|$T"
finish
