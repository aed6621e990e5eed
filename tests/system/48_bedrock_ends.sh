#!/usr/bin/env bash
# Bedrock's own routes, as /v1/messages in 60_usage and 70_limits: one row for each request with the tokens that were seen, whoever
# leaves, breaks or is killed; and what a key may is exact however many ask at once.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DB=$T/state/keys.db
CLAUDE=us.anthropic.claude-sonnet-4-5-20250929-v1:0
NOVA=us.amazon.nova-pro-v1:0
INVOKE='{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]}'
CONVERSE='{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":1000}}'
PATHS="/model/$CLAUDE/invoke /model/$CLAUDE/invoke-with-response-stream /model/$CLAUDE/converse /model/$NOVA/converse-stream"
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
row_count() { [ "$(rows "SELECT count(*) FROM usage WHERE $2")" = "$1" ]; }
stored() { eventually $((5 * SLOW)) row_count "$@"; } # N WHERE
script() { curl -fsS -o /dev/null -d "{\"model\":\"us.\",\"fault\":\"$1\",\"count\":${2:-1}}" "$MOCK_URL/__script"; } # both models
body_of() { case $1 in */invoke*) echo "$INVOKE" ;; *) echo "$CONVERSE" ;; esac; }
event_of() { case $1 in */invoke*) echo chunk ;; *) echo contentBlockDelta ;; esac; } # a delta's type, in the frames of a stream
asks() { # ID PATH curl-options...: one request of its own id, to standard output
    exec curl -sS -N --max-time 60 -H "authorization: Bearer $KEY" -H "x-request-id: $1" --data-binary "$(body_of "$2")" "${@:3}" "$URL$2" 2>/dev/null
}
done_with() { (asks "$@" >"$T/answer"); } # the same, and its end is waited for

start_mock
start_server WORKERS=4 REFRESH_SECONDS=1 RATE_LIMIT_WINDOW_SECONDS=86400
make_key alice -l 1000000

# --- each good one is a row of the tokens that Bedrock told
mock_reset
for path in $PATHS; do done_with "good-${path##*/}" "$path"; done
stored 4 "success = 1"
expect "rows of good requests" "$(rows "SELECT count(*), count(DISTINCT usage_id) FROM usage")" "4|4"
expect "their tokens are the mock's" "$(rows "SELECT sum(input_tokens) || ' ' || sum(output_tokens) FROM usage")" "$(ledger '"\(.input_tokens) \(.output_tokens)"')"

declare -A OPTION=([h1]=--http1.1 [h2]=--http2-prior-knowledge)

# --- ends that are not good: by the client, by Bedrock, over both protocols
for protocol in h1 h2; do
    option=${OPTION[$protocol]}
    for path in "/model/$CLAUDE/invoke-with-response-stream" "/model/$NOVA/converse-stream"; do
        name=${path##*/}-$protocol
        mock_reset
        script tokens-200,pace-20
        watched "$T/left" asks "left-$name" "$path" "$option"
        eventually $((5 * SLOW)) has_come 1 "$(event_of "$path")" "$T/left"
        kill "$WATCHED"
        wait "$WATCHED" 2>/dev/null
        script tokens-200,cut-2000
        done_with "cut-$name" "$path" "$option"
        mock_reset
        script stream-throttle-3
        done_with "told-$name" "$path" "$option"
        mock_reset
        stored 3 "request_id LIKE '%-$name'"
        expect "$name: who left" "$(rows "SELECT status, success, error_message, output_tokens > 0 FROM usage WHERE request_id = 'left-$name'")" "499|0|CLIENT_GONE|1"
        expect "$name: what broke" "$(rows "SELECT status, success, error_message != '', output_tokens > 0 FROM usage WHERE request_id = 'cut-$name'")" "200|0|1|1"
        expect "$name: what said so" "$(rows "SELECT status, success, error_message != '', output_tokens > 0 FROM usage WHERE request_id = 'told-$name'")" "200|0|1|1"
    done
done
expect "Claude tells its input first" "$(rows "SELECT count(*) FROM usage WHERE request_id LIKE '%-invoke-with%' AND request_id NOT LIKE 'good%' AND input_tokens > 0")" 6

# --- workers and the refresher are killed in the middle of passed streams
for round in 1 2; do
    mock_reset
    script tokens-500,pace-20 8
    clients=()
    for i in 1 2; do
        for protocol in h1 h2; do
            watched "$T/claude-$i$protocol" asks "killed-$round-i$i$protocol" "/model/$CLAUDE/invoke-with-response-stream" "${OPTION[$protocol]}"
            clients+=("$WATCHED")
            watched "$T/nova-$i$protocol" asks "killed-$round-c$i$protocol" "/model/$NOVA/converse-stream" "${OPTION[$protocol]}"
            clients+=("$WATCHED")
        done
    done
    expect_true "round $round: they run" eventually $((5 * SLOW)) has_come 2 chunk "$T"/claude-*
    expect_true "round $round: they all run" eventually $((5 * SLOW)) has_come 2 contentBlockDelta "$T"/nova-*
    for pid in $(processes '^worker') $([ "$round" = 1 ] || processes '^refresher'); do kill -KILL "$pid"; done
    wait "${clients[@]}"
    eventually $((10 * SLOW)) is_ready
    stored 8 "request_id LIKE 'killed-$round-%'"
    expect "round $round: streams of killed workers" "$(rows "SELECT count(*), count(DISTINCT request_id), sum(success), min(output_tokens) > 0, min(error_message), max(error_message) FROM usage WHERE request_id LIKE 'killed-$round-%'")" "8|8|0|1|WORKER_DIED|WORKER_DIED"
    expect "round $round: the input that Claude had told" "$(rows "SELECT min(input_tokens) > 0 FROM usage WHERE request_id LIKE 'killed-$round-i%'")" 1
    mock_reset
done
expect "no row twice" "$(rows "SELECT count(*) - count(DISTINCT request_id) FROM usage")" 0
balanced() { [ "$(rows "SELECT CAST(round(budget_used * 1000000) AS INTEGER) FROM api_keys WHERE user_id = 'alice'")" = "$(rows "SELECT sum(cost_micro) FROM usage")" ]; }
eventually $((5 * SLOW)) balanced
expect_true "budget_used is the sum of the costs" balanced

# --- what a key may, asked from eight sides at once
same_month 100
many() { # N: N requests, an eighth on each of the four routes over each protocol, eight at a time, each on a connection of its own; statuses, counted
    for _ in $(seq $(($1 / 8))); do
        for path in $PATHS; do
            for protocol in h1 h2; do printf '%s\0--data-binary\0%s\0%s\0' "${OPTION[$protocol]}" "$(body_of "$path")" "$URL$path"; done
        done
    done | xargs -0 -n 4 -P 8 curl -sS -o /dev/null -w '%{http_code}\n' --max-time 30 -H "x-api-key: $KEY" 2>/dev/null |
        sort | uniq -c | awk '{ print $2 "=" $1 }' | tr '\n' ' '
}
mock_reset
make_key rate -l 100
call /v1/files -H "x-api-key: $KEY" # the key is known from here on
expect "100 of 400" "$(many 400)" '200=100 429=300 '
expect "the mock has seen no more" "$(ledger .requests)" 100
make_key soft --monthly-budget 0.01 -l 100000
for _ in 1 2 3 4 5 6; do many 80 >"$T/answers"; done
expect "a spent budget" "$(cat "$T/answers")" '400=80 '
used() { rows "SELECT CAST(round(budget_used_mtd * 1000000) AS INTEGER), (SELECT sum(cost_micro) FROM usage WHERE usage.api_key = api_keys.api_key) FROM api_keys WHERE user_id = '$1'"; }
settled() { [ "$(used "$1" | cut -d'|' -f1)" = "$(used "$1" | cut -d'|' -f2)" ]; }
eventually $((5 * SLOW)) settled soft
expect_true "what was used is what the rows cost: $(used soft)" settled soft
# 200 tokens of output each: the 80 of Nova alone cost 0.0512 dollars, so some of 160 find no money, however quickly each is settled
make_key reserve --monthly-budget 0.05 --budget-mode reserve -l 10000
script tokens-200 0
answer=$(many 160)
mock_reset
expect_match "some of 160 at once" "$answer" '^200=[1-9][0-9]* 400=[1-9]'
eventually $((5 * SLOW)) settled reserve
expect_true "what was used is what the rows cost: $(used reserve)" settled reserve
expect "never over the budget" "$(rows "SELECT CAST(budget_used_mtd AS REAL) <= 0.05 FROM api_keys WHERE user_id = 'reserve'")" 1
# Claude's 1000 tokens hold 0.0168 dollars, Nova's 0.0032: with 0.018 to spend there is room for the one and for nothing left behind
run -- update-key "$KEY_ID" --monthly-budget "$(rows "SELECT budget_used_mtd + 0.018 FROM api_keys WHERE user_id = 'reserve'")"
expect "a larger budget" "$CODE" 0
passes() {
    call "/model/$CLAUDE/converse" -H "x-api-key: $KEY" --data-binary "$CONVERSE"
    [ "$CODE" = 200 ]
}
expect_true "what was held is free again" eventually $((10 * SLOW)) passes
make_key pair --max-concurrency 2 -l 10000
script tokens-250,pace-20 2
watched "$T/one" asks one "/model/$CLAUDE/invoke-with-response-stream"
first=$WATCHED
watched "$T/two" asks two "/model/$NOVA/converse-stream" --http2-prior-knowledge
second=$WATCHED
eventually $((5 * SLOW)) has_come 1 chunk "$T/one"
eventually $((5 * SLOW)) has_come 1 contentBlockDelta "$T/two"
call "/model/$CLAUDE/converse" -H "x-api-key: $KEY" --data-binary "$CONVERSE"
expect "the third at the same time" "$CODE $(header x-amzn-errortype)" "429 ThrottlingException"
wait "$first" "$second"
call "/model/$CLAUDE/converse" -H "x-api-key: $KEY" --data-binary "$CONVERSE"
expect "then there is a place" "$CODE" 200
make_key tokens --tpm 60
for _ in $(seq 30); do
    call "/model/$CLAUDE/converse" -H "x-api-key: $KEY" --data-binary "$CONVERSE"
    [ "$CODE" = 200 ] || break
done
expect "tokens of a minute used up" "$CODE $(header x-amzn-errortype)" "429 ThrottlingException"
expect_match "in words" "$(jq -r .message "$T/body")" '60 tokens a minute'
finish
