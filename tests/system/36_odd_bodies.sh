#!/usr/bin/env bash
# A member of a wrong type, missing, twice, or one that belongs elsewhere: bodies of the goldens, each with odd things in
# one to three places, on the three routes and count_tokens, at many models, streamed or whole. Nothing in a client's body ends
# a worker or is answered with a 5xx, and every answer is of its dialect.
#   ODD_REQUESTS=100000 ODD_SEED=7 tests/system/run.sh 36_odd_bodies    more, and others
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${ODD_REQUESTS:-$((SLOW == 1 ? 8000 : 4000))}
SEED=${ODD_SEED:-1}
RS=$'\x1e' # ends an answer
LANES=4    # curls at a time

# --- the bodies: number, path and body of each in a line of $T/requests
cat >"$T/odd.jq" <<'JQ'
def models: ["claude-3-7-sonnet-20250219", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8", "claude-sonnet-5-5",
    "claude-mythos-5-1", "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0", "qwen.qwen3-coder-30b-a3b-v1:0", "deepseek.r1-v1:0",
    "deepseek.v3-v1:0", "meta.llama3-3-70b-instruct-v1:0", "mistral.mistral-large-2402-v1:0", "openai.gpt-oss-120b-1:0",
    "openai.gpt-5.5", "odd.unknown-v1:0"];
# As bytes: jq's own writer would mend some of them.
def odd: ["null", "true", "false", "0", "-1", "1e999", "0.5", "123456789012345678901234567890", "\"\"", "\"x\"", "\" \"", "\"none\"",
    "\"auto\"", "\"\\ud800\"", "\"\\u0000\"", "\"{\"", "[]", "{}", "[[]]", "[null]", "[{}]", "[0]", "[\"\"]", "[\"x\",\"x\"]",
    "{\"\":{}}", "{\"type\":null}", "{\"type\":{}}", "{\"type\":\"x\"}", "{\"type\":\"text\"}", "{\"type\":\"object\"}",
    "[{\"type\":\"text\"}]", "[{\"type\":\"text\",\"text\":null}]", "{\"a\":1,\"a\":{}}", "{\"$ref\":\"#\"}", "{\"$ref\":\"#/$defs/x\"}",
    ("[" * 60 + "]" * 60), "\"" + "a" * 5000 + "\""];
# A new .r below 1 (Park and Miller: no product is over 2^53).
def roll: .s = .s * 16807 % 2147483647 | .r = .s / 2147483647;
def one_of($list): $list[.r * ($list | length) | floor];
def step($values):
    ([.doc | paths] | if length == 0 then [[]] else . end) as $paths
    | roll | one_of($paths) as $at
    | roll | .r as $what
    | roll
    | if $what < 0.2 then .doc |= delpaths([$at])
      elif $what < 0.4 then one_of($values) as $v | .doc |= setpath($at; $v)
      else .odds += [one_of(odd)] | (.odds | length) as $k | .doc |= setpath($at; "@ODD \($k)@") end;
def body: .odds as $odds | reduce range($odds | length) as $i (.doc | tojson; split("\"@ODD \($i + 1)@\"") | join($odds[$i]));

[inputs | select(type == "object" and (has("messages") or has("input")))
    | {doc: ., path: (input_filename | if contains("openai_to_converse") then "/v1/chat/completions"
        elif contains("responses_to_converse") then "/v1/responses" else "/v1/messages" end)}] as $seeds
| [$seeds[].doc | .. | select((tojson | length) < 2000)] as $values
| foreach range(1; $count + 1) as $n ({s: ($seed * 7919 + 1)};
    roll | one_of($seeds) as $of
    | roll | one_of(models) as $model
    | roll | .doc = $of.doc + {model: $model, stream: (.r < 0.5)} | .odds = []
    | roll | reduce range(one_of([1, 1, 1, 2, 2, 3])) as $_ (.; step($values))
    | roll | .path = (if $of.path == "/v1/messages" and .r < 0.1 then "/v1/messages/count_tokens"
        elif $of.path == "/v1/responses" and .r < 0.1 then "/v1/chat/completions" else $of.path end);
    "\($n)\t\(.path)\t\(body)")
JQ
jq -nr --argjson count "$COUNT" --argjson seed "$SEED" -f "$T/odd.jq" \
    "$ROOT"/tests/golden/{anthropic_to_converse,openai_to_converse,responses_to_converse,splice_request}/*.in.json >"$T/requests"
expect "odd bodies were made" "$(wc -l <"$T/requests")" "$COUNT"

# --- sent
start_mock
start_server RATE_LIMIT_REQUESTS_PER_WINDOW=0 LOG_LEVEL=warn
make_key alice
lanes=()
for lane in $(seq "$LANES"); do
    sed -n "$lane~${LANES}p" "$T/requests" |
        sed 's/\\/\\\\/g; s/"/\\"/g' |
        sed "s|^\([0-9]*\)\t\([^\t]*\)\t\(.*\)\$|next\nsilent\nmax-time = 20\nurl = \"$URL\2\"\nheader = \"x-api-key: $KEY\"\ndata-binary = \"\3\"\nwrite-out = \"\\\\n\1 \2 %{http_code} %{content_type}$RS\"|" >"$T/lane$lane"
    curl -K "$T/lane$lane" >"$T/answers$lane" 2>"$T/curl$lane.err" &
    lanes+=($!)
done
wait "${lanes[@]}"

# --- judged
cat >"$T/judge.jq" <<'JQ'
def told: (.error.message? | type) == "string"; # in both dialects
def events: split("\n") | map(select(startswith("data: "))[6:]);
def whole($path; $code): fromjson |
    if $code != 200 then told and ($path == "/v1/chat/completions" or $path == "/v1/responses" or .type == "error")
    elif $path == "/v1/messages" then .type == "message"
    elif $path == "/v1/chat/completions" then .object == "chat.completion"
    elif $path == "/v1/responses" then .object == "response" and (.status == "completed" or .status == "incomplete")
    else (.input_tokens | type) == "number" end;
def streamed($path):
    if $path == "/v1/messages" then events | map(fromjson.type) | .[0] == "message_start" and .[-1] == "message_stop" and all(. != "error")
    elif $path == "/v1/responses" then events | map(fromjson.type) | .[0] == "response.created" and (.[-1] == "response.completed" or .[-1] == "response.incomplete")
    else events | .[-1] == "[DONE]" and (.[:-1] | map(fromjson) | all(.object == "chat.completion.chunk")) end;
split("\u001e")[:-1][] | split("\n") | (.[-1] | split(" ")) as [$n, $path, $code, $type] | (.[:-1] | join("\n")) as $body
| ($code | tonumber) as $code
| (try ($body | if $code == 200 and ($type | startswith("text/event-stream")) then streamed($path) else whole($path; $code) end) catch false) as $good
| "\($n) \($code) \($good and $code >= 200 and $code < 500)"
JQ
for lane in $(seq "$LANES"); do
    jq -Rrs -f "$T/judge.jq" "$T/answers$lane"
done >"$T/judged"
expect "each has its answer" "$(cut -d' ' -f1 "$T/judged" | sort -nu | wc -l)" "$COUNT"
while read -r n code _; do
    fail "seed $SEED, number $n: $code to $(sed -n "${n}p" "$T/requests" | cut -c1-2000)"
done < <(grep -v ' true$' "$T/judged" | head -5)
# else it tries nothing
expect_true "some were answered" [ "$(grep -c ' 200 true$' "$T/judged")" -gt $((COUNT / 10)) ]
expect_true "some were refused" [ "$(grep -c ' 400 true$' "$T/judged")" -gt $((COUNT / 10)) ]
expect_no_match "no worker ended" "$(cat "$T/server.log")" 'was killed by|ended with code'
run -- top --pid "$SERVER_PID" --output json
expect "nor was one started again" "$(jq -c '[.processes[].starts] | unique' "$T/out")" "[1]"
finish
