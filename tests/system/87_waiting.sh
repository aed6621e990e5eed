#!/usr/bin/env bash
# Who waits for what: one that cannot go steps aside, a model has a queue of its own, a chain waits for each of its models, a client's
# own time-out; log, headers and top tell what happened.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

A=us.anthropic.claude-opus-4-6-v1
B=us.amazon.nova-pro-v1:0
metric() { call /metrics && sed -n "s/^llm_api_converter_$1 \(.*\)/\1/p" "$T/body"; }
waits() { [ "$(metric queue_waiting)" = "$1" ]; }
# fault MODEL FAULT [COUNT]: as script, for a part of an id
fault() { curl -fsS -o /dev/null -d "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
at() { # URL COMMAND...
    local MOCK_URL=$1
    shift
    "$@"
}
# send NAME BODY [curl options...]: in the background; what comes of it in $T/NAME.*
ALL=()
send() {
    local name=$1 body=$2
    shift 2
    printf %s "$body" >"$T/$name.sent"
    curl -sSN -o "$T/$name.body" -D "$T/$name.head" -w '%{http_code} %{time_total}' --max-time 90 -H "x-api-key: $KEY" -H 'content-type: application/json' \
        -H "x-request-id: $name" --data-binary "@$T/$name.sent" "$@" "$URL/v1/messages" >"$T/$name.code" 2>/dev/null &
    ALL+=($!)
}
back() {
    wait "${ALL[@]}"
    ALL=()
}
code() { cut -d' ' -f1 "$T/$1.code"; }
head_of() { sed -n "s/^$2: *\([^[:space:]]*\).*/\1/Ip" "$T/$1.head"; }
line() { logged "$1" | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }
# timed NAME BODY [curl options...]: send, and how long it took in $MS
timed() {
    local others=("${ALL[@]}")
    send "$@"
    wait "${ALL[-1]}"
    ALL=("${others[@]}")
    MS=$(awk '{ printf "%d", 1000 * $2 }' "$T/$1.code")
}

# --- one that is bound to another account's lane, which is closed
start_mock # home, and AWS STS
HOME_URL=$MOCK_URL
"$MOCK" --port 0 --quiet --access-key ASIAROLE210987654321 --secret mock-role-secret-210987654321 \
    --token mock-role-token-210987654321 >"$T/far.out" 2>"$T/far.log" &
eventually 5 grep -q listening "$T/far.out" || fail "the second account did not start"
FAR_URL=http://$(sed -n 's/.*listening on //p' "$T/far.out")
FAR=us-east-1@210987654321
start_server BEDROCK_LANES="us-west-2=$HOME_URL,us-east-1@arn:aws:iam::210987654321:role/team/gateway=$FAR_URL" BEDROCK_ENDPOINT_URL= \
    AWS_ENDPOINT_URL_STS="$HOME_URL" METRICS_TOKEN=off QUEUE_SECONDS=60 WORKERS=2 RATE_LIMIT_ENABLED=false
make_key alice
eventually 5 grep -q 'from role' "$T/server.log"
first='{"model":"claude-sonnet-4-5","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"far away"}]}'
at "$HOME_URL" script throttle 0
timed far "$first"
expect "thought far away" "$(code far) $(line far lane)" "200 $FAR"
next=$(jq -c --argjson first "$first" '$first + {messages: ($first.messages + [{role: "assistant", content: .content}, {role: "user", content: "go on"}])}' "$T/far.body")
at "$HOME_URL" mock_reset
home_again() { timed "again$RANDOM" "$(message "again $RANDOM$RANDOM")" && grep 'request_id=again' "$T/server.log" | tail -1 | grep -q 'lane=us-west-2 '; }
expect_true "home is well again" eventually 10 home_again
at "$FAR_URL" script throttle 0
began=$(now_ms)
send bound "$next"
expect_true "its thoughts cannot be read at home: it waits" eventually 5 waits 1
for i in 1 2 3; do
    timed "other$i" "$(message "another conversation $i")"
    expect "home answers others at once ($MS ms)" "$(code other$i) $(line other$i lane) $(line other$i moved) $((MS < 5000))" "200 us-west-2 false 1" # not QUEUE_SECONDS
done
expect_below "the closed lane is asked when it opens alone" "$(grep -c 'upstream: bound: ' "$T/server.log")" $((6 + ($(now_ms) - began) / 1000))
look() { run BEDROCK_LANES="us-west-2=$HOME_URL,us-east-1@arn:aws:iam::210987654321:role/team/gateway=$FAR_URL" BEDROCK_ENDPOINT_URL= -- top "$@"; }
shown() { look --once && grep -q "^lane $FAR .* throttles [1-9].* probes [1-9].*, closed to 1 models (throttled)\$" "$T/out" && grep -q '^lane us-west-2 .*, open$' "$T/out"; }
expect_true "top shows how the lanes are" eventually 8 shown
expect_match "and who waits" "$(cat "$T/out")" 'waiting for their turn: 1 of [1-9]'
look --output json
expect "also as JSON" "$(jq -r '.queue_waiting, .lanes[0].why, .lanes[1].moves > 0, (.conversations_moved | type)' "$T/out" | tr '\n' ' ')" "1 open true number "
at "$FAR_URL" mock_reset
back
expect "its turn comes, and its lane is told" "$(code bound) $(line bound lane) $(line bound moved)" "200 $FAR true"
expect "so is its wait" "$(line bound waited_ms)" "$(head_of bound x-converter-waited-ms)"
# it waits in vain: the lane that it asked last is told
stop_server
start_server BEDROCK_LANES="us-west-2=$HOME_URL,us-east-1@arn:aws:iam::210987654321:role/team/gateway=$FAR_URL" BEDROCK_ENDPOINT_URL= \
    AWS_ENDPOINT_URL_STS="$HOME_URL" METRICS_TOKEN=off QUEUE_SECONDS=2 WORKERS=1 RATE_LIMIT_ENABLED=false
eventually 5 grep -q 'from role' "$T/server.log"
at "$HOME_URL" script throttle 0
timed far2 "$first"
at "$HOME_URL" mock_reset
at "$FAR_URL" script throttle 0
timed vain "$next"
expect "in vain" "$(code vain) $(line vain lane) $(($(line vain waited_ms) > 1000))" "429 $FAR 1"
stop_server

# --- one that is too large for what Bedrock has left
MOCK_URL=$HOME_URL
mock_reset
start_server METRICS_TOKEN=off QUEUE_SECONDS=60 WORKERS=2 RATE_LIMIT_ENABLED=false ANTHROPIC_DEFAULT_OPUS_MODEL="$A,$B"
script throttle-large-20000 0
send large "$(message "$(head -c 30000 /dev/zero | tr '\0' x)")"
expect_true "it waits" eventually 5 waits 1
slow=0
for i in 1 2 3 4 5 6 7 8; do
    timed "small$i" "$(message "small")"
    [ "$(code small$i)" = 200 ] && [ "$MS" -lt 5000 ] || slow=$((slow + 1))
done
expect "smaller ones are answered meanwhile" "$slow" 0
mock_reset
back
expect "and it, when there is room" "$(code large)" 200

# --- two models whose names met in a table of 64
mock_reset
fault llama4-scout throttle
send scout1 "$(message hi '{"model":"us.meta.llama4-scout-17b-instruct-v1:0"}')"
send scout2 "$(message hi '{"model":"us.meta.llama4-scout-17b-instruct-v1:0"}')"
expect_true "they wait" eventually 5 waits 2
timed premier "$(message hi '{"model":"us.amazon.nova-premier-v1:0"}')"
expect "another model is answered at once ($MS ms)" "$(code premier) $((MS < 5000)) $(head_of premier x-converter-waited-ms)" "200 1 "
mock_reset
back

# --- a chain waits for each of its models
opus() { message hi '{"model":"claude-opus-4-6"}'; }
fault opus throttle 10
fault nova throttle
send comeback "$(opus)"
expect_true "both are throttled: it waits once" eventually 5 waits 1
back
expect "the first comes back" "$(code comeback) $(head_of comeback x-converter-model) $(line comeback bedrock_model) $(line comeback link)" "200 $A $A 0"
expect "its wait is told" "$(line comeback waited_ms)" "$(head_of comeback x-converter-waited-ms)"
mock_reset
fault opus throttle
fault nova throttle 10
send second "$(opus)"
expect_true "it waits" eventually 5 waits 1
back
expect "the second comes back" "$(code second) $(head_of second x-converter-model) $(line second bedrock_model) $(line second link)" "200 $B $B 1"
mock_reset
fault opus throttle
fault nova validation
send unable "$(opus)"
expect_true "the second cannot take it: the first is waited for" eventually 5 waits 1
expect "the second is not asked again" "$(sleep 1; ledger '[.last[] | select(.model | test("nova"))] | length')" 1
mock_reset
back
expect "and answers" "$(code unable) $(head_of unable x-converter-model)" "200 $A"
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" "$1"; }
all() { [ "$(rows "SELECT count(*) FROM usage WHERE request_id IN ('comeback', 'second', 'unable') AND success = 1")" = 3 ]; }
expect_true "a row each" eventually 5 all
expect "with the model that ran, and its price" "$(rows "SELECT group_concat(resolved_model = '$B') FROM (SELECT resolved_model FROM usage WHERE request_id IN ('comeback', 'second', 'unable') ORDER BY request_id)")" "0,1,0"
expect "each at its price" "$(rows "SELECT count(*) FROM usage WHERE request_id IN ('comeback', 'second', 'unable') AND cost_micro = CAST(round(CASE WHEN resolved_model = '$B' THEN 0.8 * input_tokens + 3.2 * output_tokens ELSE 5.5 * input_tokens + 27.5 * output_tokens END) AS INTEGER)")" 3
expect "nobody waits" "$(metric queue_waiting)" 0
stop_server

# --- a model that is being loaded is waited for, and not called throttled
mock_reset
start_server METRICS_TOKEN=off QUEUE_SECONDS=60 WORKERS=1 RATE_LIMIT_ENABLED=false
fault sonnet not-ready
send loading "$(message hi)"
expect_true "it waits" eventually 5 waits 1
mock_reset
back
expect "it is answered when it is loaded" "$(code loading)" 200
stop_server
start_server METRICS_TOKEN=off QUEUE_SECONDS=1 WORKERS=1 RATE_LIMIT_ENABLED=false
fault sonnet not-ready
timed loading2 "$(message hi)"
expect "or told so" "$(code loading2) $(jq -r .error.type "$T/loading2.body") $(($(head_of loading2 retry-after) >= 1))" "529 overloaded_error 1"
expect_match "in words" "$(jq -r .error.message "$T/loading2.body")" 'not ready .*QUEUE_SECONDS'
stop_server

# --- a client that says how long it waits is answered before it leaves
start_server METRICS_TOKEN=off QUEUE_SECONDS=60 WORKERS=1 RATE_LIMIT_ENABLED=false
mock_reset
script throttle 0
timed ts "$(message hi)" -H 'x-stainless-timeout: 3'
in_time() { eventually 2 eval '[ -n "$(line '"$1"' waited_ms)" ]' && [ "$(line "$1" waited_ms)" -gt 1000 ] && [ "$(line "$1" waited_ms)" -lt 2900 ] && echo in time; }
expect "told in time ($MS ms)" "$(code ts) $(in_time ts) $(($(head_of ts retry-after) >= 1))" "429 in time 1"
expect_match "and why" "$(jq -r .error.message "$T/ts.body")" 'x-stainless-timeout'
timed python "$(message hi)" -H 'x-stainless-read-timeout: 3.0'
expect "Python's, too ($MS ms)" "$(code python) $(in_time python)" "429 in time"
timed stream "$(message hi '{"stream":true}')" -H 'x-stainless-timeout: 3'
expect "a stream that has not begun, too ($MS ms)" "$(code stream) $(in_time stream)" "429 in time"
send none "$(message hi)" -H 'x-stainless-timeout: NOT_GIVEN'
sleep 3
expect "a word is no time" "$(cat "$T/none.code")" ""
mock_reset
back
expect "it is answered" "$(code none)" 200

# --- top
script throttle 0
send top1 "$(message hi)"
send top2 "$(message hi)"
expect_true "they wait" eventually 5 waits 2
run -- top --once
expect_match "top says how many wait" "$(cat "$T/out")" 'waiting for their turn: 2'
run -- top --output json
expect "also as JSON" "$(jq -r '.queue_waiting, .counters.requests_queued_total >= 2, .counters.model_moves_total' "$T/out" | tr '\n' ' ')" "2 true 0 "
mock_reset
back

finish
