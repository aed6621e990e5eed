#!/usr/bin/env bash
# Lanes: what one request is refused closes nothing for others until another lane has answered that request; a bare id
# costs what it costs in the region that ran it; after a reload no lane has another one's keys, health or figures.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

declare -a LANE_URL LANE_PID
lane() { # N [options...]
    local n=$1
    shift
    "$MOCK" --port 0 --quiet "$@" >"$T/lane$n.out" 2>&1 &
    LANE_PID[n]=$!
    eventually $((5 * SLOW)) grep -q listening "$T/lane$n.out"
    LANE_URL[n]=http://$(sed -n 's/.*listening on //p' "$T/lane$n.out")
}
on() { # LANE COMMAND...
    local MOCK_URL=${LANE_URL[$1]}
    shift
    "$@"
}
fault() { curl -fsS -o /dev/null -d "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":${3:-0}}" "$MOCK_URL/__script"; }
closed() { # LANE: models that it is closed to, and why
    call /metrics
    sed -n "s/^llm_api_converter_lane_closed_models{lane=\"$1\",why=\"\\([a-z_]*\\)\"} /\\1 /p" "$T/body"
}
reload() {
    local before
    before=$(grep -c ' reload' "$T/server.log")
    kill -HUP "$SERVER_PID"
    eventually $((5 * SLOW)) bash -c "[ \"\$(grep -c ' reload' '$T/server.log')\" -gt $before ]" || fail "SIGHUP: no answer in the log"
}

lane 0
lane 1
lane 2 --access-key ASIAROLE210987654321 --secret mock-role-secret-210987654321 --token mock-role-token-210987654321
lane 3 --access-key ASIAROLE345678901234 --secret mock-role-secret-345678901234 --token mock-role-token-345678901234
A=us.anthropic.claude-opus-4-6-v1
B=us.amazon.nova-pro-v1:0

# --- one client's refusal is no news of a lane -------------------------------------------------------------------
start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false METRICS_TOKEN=off \
    ANTHROPIC_DEFAULT_OPUS_MODEL="$A,$B"
make_key mallory
MALLORY=$KEY
make_key alice
ALICE=$KEY
MODEL=claude-sonnet-4-5
on 0 script throttle 0
KEY=$ALICE
ask "$(message a)"
expect "answered elsewhere" "$CODE" 200
for fault in absent denied; do
    on 1 script $fault 1
    KEY=$MALLORY
    ask "$(message "mallory $fault")"
    expect_true "$fault: the one who caused it hears of it" test "$CODE" != 200
    KEY=$ALICE
    ask "$(message "alice $fault")"
    expect "$fault: it closes nothing for others" "$CODE $(closed us-east-1)" "200 open 0"
done
on 0 mock_reset
on 1 mock_reset
MODEL=claude-opus-4-6
on 0 fault opus denied 1
on 1 fault opus denied 1
KEY=$MALLORY
ask "$(message m)"
expect "denied everywhere: the next model" "$CODE $(header x-converter-model)" "200 $B"
KEY=$ALICE
ask "$(message b)"
expect "which is one request's alone" "$CODE $(header x-converter-model)" "200 $A"
on 0 fault opus denied 0
ask "$(message c)"
expect "denied at home, answered elsewhere: proved" "$CODE $(header x-converter-model)" "200 $A"
before=$(on 0 ledger .requests)
ask "$(message d)"
expect "and known to all" "$CODE $(($(on 0 ledger .requests) - before)) $(grep -c "us-west-2 is closed to $A for .*: access_denied" "$T/server.log")" "200 0 1"
on 0 fault nosuch notfound
on 1 fault nosuch notfound
KEY=$MALLORY
for _ in $(seq 120); do ask "$(message m '{"model":"us.amazon.nosuch-v1:0"}')"; done
KEY=$ALICE
MODEL=claude-sonnet-4-5
on 0 fault sonnet throttle 1
ask "$(message n)"
expect "who asks for what nobody has empties no bucket of others" "$CODE $(on 0 ledger '.last[0].model | test("sonnet")')" "200 true"
stop_server
on 0 mock_reset
on 1 mock_reset

# --- a lane without the model, or with its day used up, has not the last word where another one has more to say ------
for told in "day-quota absent false" "day-quota denied false" "throttle day-quota " "unavailable day-quota "; do
    read -r home east wanted <<<"$told"
    on 0 mock_reset
    on 1 mock_reset
    start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false WORKERS=1
    on 0 script "$home" 0
    on 1 script "$east" 0
    for i in 1 2; do
        ask "$(message "$i")"
        expect "$home and $east, $i" "$CODE $(header x-should-retry)" "$([ "$home" = unavailable ] && echo 529 || echo 429) $wanted"
    done
    stop_server
done
on 0 mock_reset
on 1 mock_reset

# --- the price is of the region that ran it -----------------------------------------------------------------------
start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},eu-west-2=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false WORKERS=1 LOG_FORMAT=json
make_key alice
cost() { # X-REQUEST-ID: what a thousand-fold of it cost in millionths, for its tokens
    eventually $((10 * SLOW)) eval '[ -n "$(sqlite3 -cmd ".timeout 5000" "$T/state/keys.db" "SELECT 1 FROM usage WHERE request_id = '"'$1'"'")" ]'
    sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" "SELECT cost_micro || ' for ' || input_tokens || ' and ' || output_tokens FROM usage WHERE request_id = '$1'"
}
MODEL=meta.llama3-70b-instruct-v1:0
text=$(head -c 40000 /dev/zero | tr '\0' a) # enough that the difference is seen
ask "$(message "$text")" -H 'x-request-id: home'
on 0 fault llama3 throttle 0
ask "$(message "$text")" -H 'x-request-id: away'
stop_server
on 0 mock_reset
for region in us-west-2 eu-west-2; do # the same without lanes, in either region
    MOCK_URL=${LANE_URL[0]}
    start_server AWS_REGION=$region RATE_LIMIT_ENABLED=false WORKERS=1
    ask "$(message "$text")" -H "x-request-id: $region"
    stop_server
done
MOCK_URL=
expect "at home" "$(cost home)" "$(cost us-west-2)"
expect "elsewhere" "$(cost away)" "$(cost eu-west-2)"
expect_true "which is not the same ($(cost home); $(cost away))" test "$(cost home)" != "$(cost away)"

# --- a reload gives no lane another one's keys --------------------------------------------------------------------
role() { echo "us-east-1@arn:aws:iam::$1:role/gateway=${LANE_URL[$2]}"; }
set_lanes() { echo "BEDROCK_LANES=$1" >"$T/.env"; }
MODEL=claude-sonnet-4-5
on 0 mock_reset
set_lanes "us-west-2=${LANE_URL[0]},$(role 210987654321 2)"
start_server BEDROCK_ENDPOINT_URL= AWS_ENDPOINT_URL_STS="${LANE_URL[0]}" RATE_LIMIT_ENABLED=false METRICS_TOKEN=off
eventually $((10 * SLOW)) grep -q 'from role' "$T/server.log"
on 0 script throttle 0
ask "$(message one)"
expect "another account cures it" "$CODE" 200
kill -STOP "$(processes '^refresher')" # until the master ends it: nobody makes keys for the new lane meanwhile
set_lanes "us-west-2=${LANE_URL[0]},$(role 345678901234 3)"
reload
ask "$(message two)"
expect "a lane without its own keys is not asked" "$CODE $(on 3 ledger .requests) $(on 3 ledger .signature_failures)" "429 0 0"
expect "nor is the one that is no more" "$(on 2 ledger .requests)" 1
answered() {
    ask "$(message three)"
    [ "$CODE" = 200 ]
}
expect_true "with its keys it is" eventually $((40 * SLOW)) answered
expect "signed with its own" "$(on 3 ledger .signature_failures)" 0

# --- and what is known of a lane goes with its name ----------------------------------------------------------------
on 0 mock_reset
set_lanes "us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]},us-east-2=${LANE_URL[1]}"
reload
eventually $((15 * SLOW)) eval '[ "$(closed us-west-2)" = "open 0" ]'
on 0 script day-quota 1
on 1 script throttle 1
ask "$(message four)"
ask "$(message four)"
ask "$(message four)"
expect "home is closed for its day" "$(closed us-west-2)" "day_quota 1"
sent=$(sed -n 's/^llm_api_converter_lane_requests_total{lane="us-east-2"} //p' "$T/body")
expect_true "both others were asked ($sent)" test "$sent" -ge 1
set_lanes "us-west-2=${LANE_URL[0]},us-east-2=${LANE_URL[1]},us-west-1=${LANE_URL[1]}"
reload
eventually $((10 * SLOW)) eval '[ "$(processes "^worker" | wc -l)" = 2 ]'
before=$(on 0 ledger .requests)
ask "$(message five)"
expect "that is known after a reload" "$(($(on 0 ledger .requests) - before)) $(closed us-west-2)" "0 day_quota 1"
figure() { sed -n "s/^llm_api_converter_lane_requests_total{lane=\"$1\"} //p" "$T/body"; }
expect "its figures, too, in whatever place it stands" "$(($(figure us-east-2) > sent))" 1
expect "and a new one has its own alone" "$(($(figure us-west-1) < 2)) $(closed us-west-1)" "1 open 0"
stop_server
kill "${LANE_PID[@]}"
finish
