#!/usr/bin/env bash
# A name that stands for a chain of models: the next one answers where the one before is throttled, refused or over, in each
# dialect; answer, header, log, row, price, hold and allow-list say what ran; whole under kill -9.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DB=$T/state/keys.db
A=us.anthropic.claude-opus-4-6-v1
B=us.amazon.nova-pro-v1:0
C=us.anthropic.claude-haiku-4-5-20251001-v1:0
# shellcheck disable=SC2034 # lib.sh's
MODEL=team
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
# fault MODEL FAULT [COUNT]: as script, for a part of an id
fault() { curl -fsS -o /dev/null -d "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
# asked: which models Bedrock was asked for since the reset, the first one first
asked() { ledger '[.last[] | .model] | reverse | map(if test("opus") then "A" elif test("nova") then "B" else "C" end) | join("")'; }
# row ID: the stored row of a request
row() { # shellcheck disable=SC2317
    there() { [ -n "$(rows "SELECT 1 FROM usage WHERE request_id = '$1'")" ]; }
    eventually $((5 * SLOW)) there "$1"
    rows "SELECT model, $2 FROM usage WHERE request_id = '$1'"
}
line() { logged "$1" | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }
openai() { call "$1" -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$2" "${@:3}"; }
door() { call "/model/$1" -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary "$2" "${@:3}"; }
mapped() { run -- map-model --output json && [ "$(jq -r ".[] | select(.anthropic_model_id == \"$1\").bedrock_model_id" "$T/out")" = "$2" ] && ask "$(message hi)" && [ "$(header x-converter-model)" = "$A" ]; }

start_mock
start_server RATE_LIMIT_ENABLED=false REFRESH_SECONDS=1 METRICS_TOKEN=off ANTHROPIC_DEFAULT_OPUS_MODEL="claude-opus-4-6,$B"
make_key alice
run -- map-model team "$A,$B,$C"
expect "a chain is mapped" "$CODE $(cat "$T/out")" "0 Mapped: team to $A,$B,$C"
run -- map-model team "$A,$B,$C,qwen.x,qwen.y"
expect "one of five is not" "$CODE" 2
expect_true "it is in force" eventually 5 mapped team "$A,$B,$C"

# --- the first one answers as long as it does
mock_reset
ask "$(message hi)" -H 'x-request-id: first'
expect "the first" "$CODE $(asked) $(jq -r .model "$T/body") $(header x-converter-model)" "200 A team $A"
expect "its row" "$(row first resolved_model)" "team|$A"

# --- reasons to leave it; the row has the price of what ran: Nova Pro, 0.8 and 3.2 dollars a million
n=0
for reason in throttle:AAB unavailable:AAB quota:AB not-ready:AAB denied:AB notfound:AB internal:AAB; do
    n=$((n + 1))
    mock_reset
    fault opus "${reason%:*}"
    ask "$(message hi)" -H "x-request-id: left$n"
    expect "$reason: the second answers" "$CODE $(asked) $(jq -r .model "$T/body") $(header x-converter-model)" "200 ${reason#*:} team $B"
    expect "$reason: its row and price" "$(row left$n "resolved_model, success, cost_micro = CAST(round(0.8 * input_tokens + 3.2 * output_tokens) AS INTEGER)")" "team|$B|1|1"
    expect "$reason: one row" "$(rows "SELECT count(*) FROM usage WHERE request_id = 'left$n'")" 1
    expect "$reason: the log" "$(line left$n bedrock_model) $(line left$n link)" "$B 1"
done
expect_match "the log says why" "$(cat "$T/server.log")" "chain: left1: $A gives way to $B \(RATE\)"
for kept in validation model-error too-long; do
    mock_reset
    fault opus $kept
    ask "$(message hi)"
    expect "$kept is an answer" "$(asked) $(header x-converter-model)" "A $A"
done

# --- every dialect, whole and streamed; the next one has another transport and other abilities
mock_reset
fault opus throttle
ask "$(message 'say: one two' '{"stream":true,"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":2000}')"
expect "messages, streamed" "$CODE $(header x-converter-model) $(grep -c '^event: message_stop' "$T/body") $(grep -o '"model":"[a-z]*"' "$T/body" | sort -u)" "200 $B 1 \"model\":\"team\""
expect "the body is made anew" "$(ledger '.last[0].operation')" ConverseStream
openai /v1/chat/completions '{"model":"team","messages":[{"role":"user","content":"say: one two"}]}'
expect "chat" "$CODE $(header x-converter-model) $(jq -r '.model + " " + .choices[0].message.content' "$T/body")" "200 $B team one two"
openai /v1/chat/completions '{"model":"team","stream":true,"messages":[{"role":"user","content":"say: one two"}]}'
expect "chat, streamed" "$CODE $(header x-converter-model) $(grep -c '\[DONE\]' "$T/body") $(grep -o '"model":"[a-z]*"' "$T/body" | sort -u)" "200 $B 1 \"model\":\"team\""
openai /v1/responses '{"model":"team","input":"say: one two"}'
expect "responses" "$CODE $(header x-converter-model) $(jq -r '.model + " " + .status' "$T/body")" "200 $B team completed"
openai /v1/responses '{"model":"team","stream":true,"input":"say: one two"}'
expect "responses, streamed" "$CODE $(header x-converter-model) $(grep -c '^event: response.completed' "$T/body")" "200 $B 1"
for stream in stream-throttle-0 stream-unavailable-0; do
    mock_reset
    fault opus $stream
    ask "$(message 'say: one two' '{"stream":true}')"
    expect "$stream" "$CODE $(asked) $(grep -c '^event: message_stop' "$T/body") $(grep -c '^event: error' "$T/body")" "200 AAB 1 0"
done
mock_reset
fault opus stream-throttle-1
ask "$(message 'say: one two' '{"stream":true}')"
expect "what was forwarded is not taken back" "$CODE $(asked) $(grep -c '^event: error' "$T/body")" "200 A 1"

# --- Bedrock's own door: a body passes as it is
mock_reset
fault opus throttle
converse='{"messages":[{"role":"user","content":[{"text":"say: one"}]}]}'
door team/converse "$converse"
expect "Converse: any model takes it" "$CODE $(asked) $(jq -r '.output.message.content[0].text' "$T/body")" "200 AAB one"
curl -fsS -o "$T/got" "$MOCK_URL/__body"
expect "byte for byte" "$(cat "$T/got")" "$converse"
mock_reset
fault opus throttle
door team/invoke '{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"say: one"}]}'
expect "InvokeModel: of the same vendor alone" "$CODE $(asked) $(header x-converter-model)" "200 AAC $C"

# --- to the end of the chain
mock_reset
fault opus throttle
fault nova denied
ask "$(message hi)" -H 'x-request-id: last'
expect "the last one answers" "$CODE $(asked) $(header x-converter-model) $(row last resolved_model)" "200 AABC $C team|$C"
fault haiku throttle
ask "$(message hi)" -H 'x-request-id: none'
expect "nobody does" "$CODE $(header retry-after) $(row none 'status, cost_micro')" "429 2 team|429|0"
mock_reset
fault opus throttle
fault nova validation
fault haiku validation
ask "$(message hi)"
expect "throttled, and no other takes it: come again" "$CODE $(asked) $(jq -r .error.type "$T/body")" "429 AABC rate_limit_error"
for last in denied notfound absent day-quota; do
    mock_reset
    fault opus throttle
    fault nova day-quota
    fault haiku $last
    ask "$(message hi)"
    expect "throttled, and the last one is $last: come again" "$CODE $(asked) $(header retry-after) $(header x-should-retry)" "429 AABC 2 "
done
mock_reset
fault opus denied
fault nova validation
fault haiku validation
ask "$(message hi)"
expect "not to be had, and no other takes it" "$CODE $(asked)" "400 ABC"
ask "$(message hi '{"model":"claude-opus-4-8"}')"
expect "a family's chain" "$CODE $(header x-converter-model)" "400 $B"
fault opus throttle 1
call /metrics
expect_match "moves are counted" "$(cat "$T/body")" '^llm_api_converter_model_moves_total [1-9]'

# --- what a key may use, and pays for
make_key names --models 'us.anthropic.*'
mock_reset
fault opus throttle
ask "$(message hi)"
expect "a link that the key may not use is passed over" "$CODE $(asked)" "200 AAC"
make_key less --models 'us.amazon.*'
ask "$(message hi)"
expect "also the first" "$CODE $(asked)" "200 AACB"
make_key none --models 'qwen.*'
ask "$(message hi)"
expect "none of them" "$CODE" 403
# opus: 5 and 25 dollars a million; set-price makes Nova the dearest. 1000 tokens of output hold 0.025, or 10 dollars.
before=$(loads)
run -- set-price "$B" --input 10000 --output 10000
expect_true "a price is in force" eventually $((5 * SLOW)) loaded_since "$before"
make_key poor --monthly-budget 1 --budget-mode reserve
mock_reset
fault opus throttle
ask "$(message hi)" -H 'x-request-id: poor'
expect "a link that the budget does not pay for is passed over" "$CODE $(asked) $(row poor resolved_model)" "200 AAC team|$C"
for _ in 1 2 3 4 5; do ask "$(message hi)"; done
expect "what was set aside is given back" "$CODE" 200
fault haiku throttle
ask "$(message hi)"
expect "nobody answers" "$CODE" 429
mock_reset
ask "$(message hi)"
expect "nothing is held" "$CODE $(asked)" "200 A"
before=$(loads)
run -- set-price "$B" --remove
expect_true "the list's price is in force again" eventually $((5 * SLOW)) loaded_since "$before"

# --- kill -9 in the middle of a second model: one row, of what ran
make_key alice2
mock_reset
fault opus throttle
fault nova tokens-500,pace-20
watched "$T/killed" curl -sN --max-time 60 -H "x-api-key: $KEY" -H 'x-request-id: killed' -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages"
killed=$WATCHED
moved() { grep -q "chain: killed: " "$T/server.log" && [ "$(asked | tr -s A)" = AB ]; } # twice, while there are retries left
eventually 10 moved
eventually 10 has_come 2 '^event: content_block_delta' "$T/killed"
for pid in $(processes worker); do kill -KILL "$pid"; done
wait $killed
expect "killed in the second model" "$(row killed 'resolved_model, error_message, output_tokens > 0')" "team|$B|WORKER_DIED|1"
expect_true "the price is its own" test "$(rows "SELECT cost_micro >= 3.2 * output_tokens AND cost_micro < 25 * output_tokens FROM usage WHERE request_id = 'killed'")" = 1

finish
