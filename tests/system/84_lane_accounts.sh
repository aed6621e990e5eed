#!/usr/bin/env bash
# Lanes of two accounts: a role's credentials sign for its lane, and thoughts never go to the account that did not
# think them.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

start_mock # home, and AWS STS
HOME_URL=$MOCK_URL
"$MOCK" --port 0 --quiet --access-key ASIAROLE210987654321 --secret mock-role-secret-210987654321 \
    --token mock-role-token-210987654321 >"$T/far.out" 2>"$T/far.log" &
eventually 5 grep -q listening "$T/far.out" || fail "the second account did not start"
FAR_URL=http://$(sed -n 's/.*listening on //p' "$T/far.out")
FAR=us-east-1@210987654321
at() { # URL COMMAND...
    local MOCK_URL=$1
    shift
    "$@"
}
LANES="us-west-2=$HOME_URL,us-east-1@arn:aws:iam::210987654321:role/team/gateway=$FAR_URL"
start_server BEDROCK_LANES="$LANES" BEDROCK_ENDPOINT_URL= AWS_ENDPOINT_URL_STS="$HOME_URL" LOG_FORMAT=json METRICS_TOKEN=off \
    RATE_LIMIT_REQUESTS_PER_WINDOW=100000
make_key alice
eventually 5 grep -q '"from role"' "$T/server.log"
expect "the role is assumed" "$(grep -c '"from role"' "$T/server.log")" 1

# turn NAME BODY: the answer in $T/body; its lane
turn() {
    local id=$1-$RANDOM$RANDOM.
    call /v1/messages -H "x-api-key: $KEY" -H "x-claude-code-session-id: $id" -d "$2"
    eventually 3 grep -q "\"session\":\"$id" "$T/server.log"
    LANE=$(grep "\"session\":\"$id" "$T/server.log" | jq -r '.lane')
}
first() { # NAME: a first turn that thinks
    jq -nc --arg name "$1" '{model: "claude-sonnet-4-5", max_tokens: 4000, thinking: {type: "enabled", budget_tokens: 2000},
        messages: [{role: "user", content: $name}]}'
}
second() { # NAME: the next one, with the whole answer to the first in it
    jq -c --arg name "$1" '{model: "claude-sonnet-4-5", max_tokens: 4000, thinking: {type: "enabled", budget_tokens: 2000},
        messages: [{role: "user", content: $name}, {role: "assistant", content: .content}, {role: "user", content: "go on"}]}' "$T/body"
}
home_again() {
    turn again "$(message "again $RANDOM$RANDOM")"
    [ "$LANE" = us-west-2 ]
}

turn plain "$(message "at home")"
expect "home first" "$CODE $LANE" "200 us-west-2"
at "$HOME_URL" script throttle 0
turn plain "$(message "moves")"
expect "another account cures a throttle" "$CODE $LANE" "200 $FAR"
expect "signed with the role's keys" "$(at "$FAR_URL" ledger .signature_failures)" 0
at "$HOME_URL" mock_reset
expect_true "home is used again" eventually 10 home_again

# Thoughts of home stay at home.
turn think "$(first "what is thought at home")"
expect "thought at home" "$CODE $LANE $(jq -r '.content[0].type' "$T/body")" "200 us-west-2 thinking"
next=$(second "what is thought at home")
at "$HOME_URL" script throttle 0
before=$(at "$FAR_URL" ledger .requests)
turn think "$next"
expect "and they stay there, throttled or not" "$CODE $LANE $(($(at "$FAR_URL" ledger .requests) - before))" "429 us-west-2 0"

# Thoughts of the other account stay there.
turn far "$(first "what is thought far away")"
expect "thought far away" "$CODE $LANE $(jq -r '.content[0].type' "$T/body")" "200 $FAR thinking"
next=$(second "what is thought far away")
at "$HOME_URL" mock_reset
expect_true "home is well" eventually 10 home_again
turn far "$next"
expect "and they stay there, home or not" "$CODE $LANE" "200 $FAR"
at "$FAR_URL" script throttle 0
before=$(at "$HOME_URL" ledger .requests)
turn far "$next"
expect "throttled or not" "$CODE $LANE $(($(at "$HOME_URL" ledger .requests) - before))" "429 $FAR 0"
at "$FAR_URL" mock_reset

expect_true "home is well again" eventually 10 home_again

# Two conversations of the same first words: each one's thoughts stay where they are from.
turn twin "$(first "a nightly job")"
expect "one: thought at home" "$CODE $LANE" "200 us-west-2"
one=$(second "a nightly job")
at "$HOME_URL" script throttle 0
turn twin "$(first "a nightly job")"
expect "two: thought far away" "$CODE $LANE" "200 $FAR"
two=$(second "a nightly job")
before=$(at "$FAR_URL" ledger .requests)
turn twin "$one"
expect "one's go to no other account" "$CODE $LANE $(($(at "$FAR_URL" ledger .requests) - before))" "429 us-west-2 0"
turn twin "$two"
expect "two's are where they are from" "$CODE $LANE" "200 $FAR"
at "$HOME_URL" mock_reset
expect_true "home is well once more" eventually 10 home_again
before=$(at "$FAR_URL" ledger .requests)
turn twin "$one"
expect "one's stay at home" "$CODE $LANE $(($(at "$FAR_URL" ledger .requests) - before))" "200 us-west-2 0"
turn twin "$two"
expect "two's far away" "$CODE $LANE" "200 $FAR"

# By every door and in every form a thought comes back to its account; told as an escaped string, too.
stream_of() { # what a client puts together of a stream: its thought and its text
    sed -n 's/^data: //p' "$T/body" | jq -sc '[{type: "thinking", thinking: (map(.delta.thinking // "") | add), signature: (map(.delta.signature // "") | add)},
        {type: "text", text: (map(.delta.text // "") | add)}]'
}
at "$HOME_URL" script throttle 0
turn streamed "$(first "streamed far away" | jq -c '. + {stream: true}')"
expect "a stream thought far away" "$CODE $LANE" "200 $FAR"
streamed=$(jq -nc --argjson content "$(stream_of)" '{model: "claude-sonnet-4-5", max_tokens: 4000, thinking: {type: "enabled", budget_tokens: 2000},
    messages: [{role: "user", content: "x"}, {role: "assistant", content: $content}, {role: "user", content: "go on"}]}')
call /v1/responses -H "x-api-key: $KEY" -d '{"model":"claude-sonnet-4-5","input":"far away, too","reasoning":{"effort":"low"},"include":["reasoning.encrypted_content"]}'
responses=$(jq -c '{model: "claude-sonnet-4-5", reasoning: {effort: "low"}, input: ([{role: "user", content: "far away, too"}] + .output + [{role: "user", content: "go on"}])}' "$T/body")
model=us.anthropic.claude-sonnet-4-5-20250929-v1%3A0
thinks='"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":2000}},"inferenceConfig":{"maxTokens":4000}'
call /model/$model/converse -H "x-api-key: $KEY" -d "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"c\"}]}],$thinks}"
converse=$(jq -c ". as \$a | {messages: [{role: \"user\", content: [{text: \"c\"}]}, \$a.output.message, {role: \"user\", content: [{text: \"go on\"}]}], $thinks}" "$T/body")
expect_true "Responses has sealed ones ($(jq -r '[.input[].type // "message"] | join(" ")' <<<"$responses"))" grep -q encrypted_content <<<"$responses"
expect_true "Converse has signed ones" grep -q signature <<<"$converse"
at "$HOME_URL" mock_reset
expect_true "home is well at last" eventually 10 home_again
goes_far() { # WHAT PATH BODY
    local before
    before=$(at "$FAR_URL" ledger .requests)
    call "$2" -H "x-api-key: $KEY" -d "$3"
    expect "$1" "$CODE $(($(at "$FAR_URL" ledger .requests) - before))" "200 1"
}
goes_far "of a stream" /v1/messages "$streamed"
goes_far "of Responses" /v1/responses "$responses"
goes_far "of Converse" /model/$model/converse "$converse"
goes_far "escaped as some clients do" /v1/messages "$(sed 's/=/\\u003d/g' <<<"$streamed")"

# In a storm: whoever has thought in the first turn is asked in the second.
at "$HOME_URL" script throttle-share-50 0
at "$FAR_URL" script throttle-share-20 0
crossed=0 asked=0
for i in $(seq 24); do
    turn storm "$(first "storm $i")"
    [ "$CODE" = 200 ] || continue
    was=$LANE
    turn storm "$(second "storm $i")"
    asked=$((asked + 1))
    [ "$LANE" = "$was" ] || crossed=$((crossed + 1))
done
echo "  $asked conversations with thoughts under throttles: $crossed crossed accounts"
expect "none crosses" "$crossed" 0
expect_true "many were asked ($asked)" test "$asked" -ge 15
at "$HOME_URL" mock_reset
at "$FAR_URL" mock_reset
stop_server

# Without the role there is home; a lane that cannot sign is passed over.
curl -fsS -o /dev/null -d '{"credentials":{"status":403}}' "$HOME_URL/__script"
start_server BEDROCK_LANES="$LANES" BEDROCK_ENDPOINT_URL= AWS_ENDPOINT_URL_STS="$HOME_URL" LOG_FORMAT=json \
    RATE_LIMIT_REQUESTS_PER_WINDOW=100000
eventually 5 grep -q 'role: AWS STS answered HTTP 403' "$T/server.log"
turn without "$(message "without the role")"
expect "home serves without the role" "$CODE $LANE" "200 us-west-2"
at "$HOME_URL" script throttle 0
before=$(at "$FAR_URL" ledger .requests)
turn without "$(message "throttled without the role")"
expect "nothing is sent unsigned" "$CODE $(($(at "$FAR_URL" ledger .requests) - before))" "429 0"
stop_server
curl -fsS -o /dev/null -X POST "$HOME_URL/__reset"
curl -fsS -o /dev/null -d '{"credentials":{"status":403}}' "$HOME_URL/__script"
start_server BEDROCK_LANES="us-west-2@arn:aws:iam::210987654321:role/home=$FAR_URL,us-east-1=$HOME_URL" BEDROCK_ENDPOINT_URL= \
    AWS_ENDPOINT_URL_STS="$HOME_URL" LOG_FORMAT=json RATE_LIMIT_REQUESTS_PER_WINDOW=100000
turn away "$(message "home cannot sign")"
expect "where home cannot, the other serves" "$CODE $LANE" "200 us-east-1"
stop_server
start_server BEDROCK_LANES="$LANES" BEDROCK_ENDPOINT_URL= AWS_ENDPOINT_URL_STS="$HOME_URL" LOG_FORMAT=json \
    RATE_LIMIT_REQUESTS_PER_WINDOW=100000
curl -fsS -o /dev/null -X POST "$HOME_URL/__reset"
at "$HOME_URL" script throttle 0
role_is_back() { [ "$(awk '/AWS STS answered HTTP 403/ { seen = 1 } seen && /"from role"/' "$T/server.log" | wc -l)" -gt 0 ]; }
eventually 15 role_is_back
turn with "$(message "the role is back")"
expect "it comes back by itself" "$CODE $LANE" "200 $FAR"
stop_server

# A reload brings a lane, and its account.
echo "BEDROCK_LANES=us-west-2=$HOME_URL" >"$T/.env"
start_server BEDROCK_ENDPOINT_URL= AWS_ENDPOINT_URL_STS="$HOME_URL" LOG_FORMAT=json RATE_LIMIT_REQUESTS_PER_WINDOW=100000
turn reload "$(message "home alone")"
expect "nowhere to go" "$CODE" 429
echo "BEDROCK_LANES=$LANES" >"$T/.env"
kill -HUP "$SERVER_PID"
moves() {
    turn reload "$(message "home and away $RANDOM$RANDOM")"
    [ "$CODE $LANE" = "200 $FAR" ]
}
expect_true "the new lane is used" eventually 15 moves
rm "$T/.env"
stop_server

# What the setting may not say.
bad() { # SETTING... : what check-config says
    run "$@" -- check-config
    echo "$CODE $(head -n 1 "$T/err")"
}
expect_match "a region that is none" "$(bad BEDROCK_ENDPOINT_URL= BEDROCK_LANES=us-west-2,nowhere)" "^2 .*BEDROCK_LANES: 'nowhere' does not begin with a region"
expect_match "a role that is none" "$(bad BEDROCK_ENDPOINT_URL= BEDROCK_LANES=us-west-2,us-east-1@admin)" "^2 .*has no role behind"
expect_match "a first lane that is not home" "$(bad BEDROCK_ENDPOINT_URL= BEDROCK_LANES=us-east-1,us-west-2)" "^2 .*AWS_REGION must be us-east-1"
expect_match "a lane twice" "$(bad BEDROCK_ENDPOINT_URL= BEDROCK_LANES=us-west-2,us-west-2)" "^2 .*is there twice"
expect_match "two ways to say where" "$(bad BEDROCK_LANES=us-west-2)" "^2 .*BEDROCK_ENDPOINT_URL: not with BEDROCK_LANES"
expect_match "a Bedrock key for another account" \
    "$(bad BEDROCK_ENDPOINT_URL= AWS_BEARER_TOKEN_BEDROCK=k BEDROCK_LANES=us-west-2,us-east-1@arn:aws:iam::210987654321:role/x)" "^2 .*AWS_BEARER_TOKEN_BEDROCK: not for lane us-east-1@210987654321"
run BEDROCK_ENDPOINT_URL= BEDROCK_LANES="us-west-2, us-east-1" -- check-config
expect "two good ones" "$CODE" 0

finish
