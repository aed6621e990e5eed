#!/usr/bin/env bash
# A stream whose first event is a failure is a refusal like a status, whatever its route: the next lane, the lane's health, the next
# model of a chain; and what the model says that it has used is paid for, in a row of its own. An answer that tells no counts is estimated.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

GPT=global.openai.gpt-6-sol
OSS=openai.gpt-oss-120b-1:0
CLAUDE=us.anthropic.claude-sonnet-4-5-20250929-v1:0
HAIKU=us.anthropic.claude-haiku-4-5-20251001-v1:0
NOVA=us.amazon.nova-pro-v1:0
DB=$T/state/keys.db
declare -a LANE_URL LANE_PID
lane() {
    "$MOCK" --port 0 --quiet >"$T/lane$1.out" 2>&1 &
    LANE_PID[$1]=$!
    eventually $((5 * SLOW)) grep -q listening "$T/lane$1.out"
    LANE_URL[$1]=http://$(sed -n 's/.*listening on //p' "$T/lane$1.out")
}
on() { # LANE COMMAND...
    local MOCK_URL=${LANE_URL[$1]}
    shift
    "$@"
}
fault() { curl -fsS -o /dev/null -d "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
send() { # ROUTE ID TEXT [MORE]
    local text=$3 more=${4:-{\}} path body
    case $1 in
    responses) path=/v1/responses body=$(jq -cn --arg m $GPT --arg t "$text" '{model: $m, input: $t}') ;;
    chat) path=/v1/chat/completions body=$(jq -cn --arg m $OSS --arg t "$text" '{model: $m, messages: [{role: "user", content: $t}]}') ;;
    converse-stream | converse) path=/model/$NOVA/$1 body=$(jq -cn --arg t "$text" '{messages: [{role: "user", content: [{text: $t}]}]}') more='{}' ;;
    invoke*) path=/model/$CLAUDE/$1 body=$(jq -cn --arg t "$text" '{anthropic_version: "bedrock-2023-05-31", max_tokens: 100, messages: [{role: "user", content: $t}]}') more='{}' ;;
    messages) path=/v1/messages body=$(jq -cn --arg m $HAIKU --arg t "$text" '{model: $m, max_tokens: 100, messages: [{role: "user", content: $t}]}') ;;
    esac
    call "$path" -N -H "authorization: Bearer $KEY" -H 'content-type: application/json' -H "x-request-id: $2" --data-binary "$(jq -c ". + $more" <<<"$body")"
}
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
row_count() { rows "SELECT count(*) FROM usage WHERE request_id = '$1'"; }
has_rows() { [ "$(row_count "$1")" = "$2" ]; }
rows_of() { # ID COUNT COLUMNS
    eventually $((5 * SLOW)) has_rows "$1" "$2"
    rows "SELECT $3 FROM usage WHERE request_id = '$1' ORDER BY status DESC, timestamp" | tr '\n' ' '
}
STREAM='{"stream":true}'

lane 0
lane 1
lanes_up() { start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false WORKERS=1; }

# --- each door, each failure: the other lane answers, in one attempt more; a throttle closes the lane, one fault does not
lanes_up
make_key alice
for failure in stream-throttle stream-internal stream-unavailable; do
    [ $failure = stream-throttle ] || { stop_server && lanes_up; } # all is well again
    on 0 mock_reset
    on 1 mock_reset
    for model in gpt-6-sol gpt-oss sonnet haiku nova; do on 0 fault $model $failure-0; done
    for route in responses chat converse-stream invoke-with-response-stream messages; do
        case $route-$failure in responses-stream-unavailable | chat-stream-unavailable) continue ;; esac
        home=$(on 0 ledger .requests) other=$(on 1 ledger .requests) closed=$(grep -c 'is closed to' "$T/server.log")
        send $route "$failure-$route" 'say: one' "$STREAM"
        expect "$failure first, $route: the other lane" "$CODE $(($(on 0 ledger .requests) - home)) $(($(on 1 ledger .requests) - other))" "200 1 1"
        expect_no_match "$failure first, $route: nobody hears of it" "$(tr -d '\0' <"$T/body")" '"error":[^n]|event: error|xception|response.failed'
        expect "$failure first, $route: health" "$(($(grep -c 'is closed to' "$T/server.log") - closed))" "$([ $failure = stream-throttle ] && echo 1 || echo 0)"
    done
done
expect_match "as long as it was told" "$(grep "is closed to $GPT" "$T/server.log")" 'closed to [^ ]* for (2[5-9]|3[0-4])[0-9][0-9] ms: throttled'
# that the model has run is no reason to run it again
on 0 mock_reset
on 1 mock_reset
for model in sonnet haiku nova; do on 0 fault $model stream-model-error-0; done
for route in converse-stream invoke-with-response-stream messages; do
    send $route "ran-$route" 'say: another' "$STREAM"
    expect "the model failed in its stream, $route" "$CODE $(on 1 ledger .requests)" "$([ $route = messages ] && echo 500 || echo 424) 0"
done
stop_server
kill "${LANE_PID[@]}"

# --- a chain: what the first model says that it has used
start_mock
run -- map-model two "$GPT,$NOVA"
start_server WORKERS=1 RATE_LIMIT_ENABLED=false
make_key bob
fault gpt-6-sol stream-throttle-0
call /v1/responses -N -H "authorization: Bearer $KEY" -H 'x-request-id: chain' -d '{"model":"two","stream":true,"input":"usage 1000 20 0 0 0 told again"}'
expect "the next model" "$CODE $(grep -c '^event: response.completed' "$T/body")" "200 1"
expect "a row each" "$(rows_of chain 3 "resolved_model, status, success, error_message, input_tokens, output_tokens, cost_micro > 0")" \
    "$GPT|429|0|RATE|1000|20|1 $GPT|429|0|RATE|1000|20|1 $NOVA|200|1||1000|20|1 "
# the same model again
mock_reset
fault gpt-6-sol stream-internal-0 1
send responses again 'usage 500 7 0 0 0 told again' "$STREAM"
expect "again" "$CODE $(rows_of again 2 "status, input_tokens, output_tokens")" "200 500|500|7 200|500|7 "
mock_reset
fault gpt-6-sol stream-internal-0 1
send responses untold 'say: one' "$STREAM"
expect "of what tells nothing there is no row" "$CODE $(rows_of untold 1 "status, success")" "200 200|1 "

# what the first attempt has used is spent: where the budget does not pay for another one, there is none
mock_reset
fault gpt-6-sol stream-internal-0 1
make_key poor --monthly-budget 0.2 --budget-mode reserve
send responses poor 'usage 60000 60000 0 0 0 told again' '{"stream":true,"max_output_tokens":100}'
expect "no second attempt on credit" "$CODE $(ledger .requests) $(rows_of poor 2 'success, input_tokens')" "429 1 0|60000 0|0 "
make_key rich --monthly-budget 1000 --budget-mode reserve
mock_reset
fault gpt-6-sol stream-internal-0 1
send responses rich 'usage 60000 60000 0 0 0 told again' '{"stream":true,"max_output_tokens":100}'
expect "where it does, there is" "$CODE $(ledger .requests) $(rows_of rich 2 'success, input_tokens')" "200 2 0|60000 1|60000 "

# --- no counts: an estimate, whole and streamed
mock_reset
for route in responses chat converse-stream converse invoke-with-response-stream invoke messages; do
    for more in '{}' "$STREAM"; do
        id=none-$route-${#more}
        send $route "$id" 'usage 1 1 0 0 0 told nowhere' "$more"
        expect "no counts, $route $more" "$CODE $(rows_of "$id" 1 "success, error_message, input_tokens > 5, output_tokens > 0, cost_micro > 0")" "200 1|ESTIMATED|1|1|1 "
    done
done
finish
