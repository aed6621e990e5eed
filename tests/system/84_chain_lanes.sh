#!/usr/bin/env bash
# A chain of models over lanes: the next model when the first is closed on every lane, and no sooner. A lane that is tried again is
# asked, though the trial itself makes it look closed to everybody else.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

A=us.anthropic.claude-opus-4-6-v1
B=us.amazon.nova-pro-v1:0
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
throttle_opus() { curl -fsS -o /dev/null -d '{"model":"opus","fault":"'"${1:-throttle}"'","count":1}' "$MOCK_URL/__script"; }

lane 0
lane 1
start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false WORKERS=1 ANTHROPIC_DEFAULT_OPUS_MODEL="$A,$B"
make_key alice
MODEL=claude-opus-4-6
on 0 throttle_opus throttle-for-5
on 1 throttle_opus throttle-for-5
ask "$(message hi)"
expect "both lanes are closed for it: the next model" "$CODE $(header x-converter-model)" "200 $B"
ask "$(message hi)"
expect "without asking the first again" "$CODE $(header x-converter-model) $(on 1 ledger .requests)" "200 $B 1"
sleep 5.5
on 0 throttle_opus
ask "$(message hi)"
expect "home is throttled again, the other lane is well" "$CODE $(header x-converter-model)" "200 $A"
expect "it was asked" "$(on 1 ledger .requests)" 2
stop_server

# A guardrail and a project are known in one region: a request that has one stays at home.
on 0 mock_reset
on 1 mock_reset
start_server BEDROCK_LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}" BEDROCK_ENDPOINT_URL= RATE_LIMIT_ENABLED=false WORKERS=1 BEDROCK_GUARDRAIL=grabc12345:1
on 0 curl -fsS -o /dev/null -d '{"model":"opus","fault":"throttle","count":0}' "${LANE_URL[0]}/__script"
ask "$(message hi)"
expect "a request with a guardrail goes to no other region" "$CODE $(on 1 ledger .requests)" "429 0"
stop_server
kill "${LANE_PID[@]}"
finish
