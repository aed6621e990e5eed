#!/usr/bin/env bash
# Sealed reasoning of /v1/responses: what a model thinks goes out sealed and comes back to Bedrock as it was, whichever
# server of the store sealed it, also after a restart and after the refresher was killed; what is forged does not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

# question [ITEM...]: asks for thinking that is sealed, with these items behind the first user's
question() {
    local more=""
    [ $# -eq 0 ] || more=",$1,{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi.\"}]},{\"role\":\"user\",\"content\":\"And now?\"}"
    call /v1/responses -H "authorization: Bearer $KEY" -H 'content-type: application/json' --data-binary \
        "{\"model\":\"$MODEL\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},
          \"input\":[{\"role\":\"user\",\"content\":\"Think.\"}$more]}"
}
item() { jq -c '[.output[] | select(.type == "reasoning")][0]' "$T/body"; }
# what Bedrock got of it in the last request
replayed() { curl -fsS "$MOCK_URL/__body" | jq -r '.messages[].content[] | .reasoningContent // empty | .reasoningText | "\(.text) \(.signature)"'; }
# given_back WHAT: asks with the sealed item; Bedrock must get the thought
given_back() {
    question "$SEALED"
    expect "$1: status" "$CODE" 200
    expect_true "$1: Bedrock gets the thought with its signature" [ "$(replayed)" = "$THOUGHT" ]
    expect_no_match "$1: nothing is dropped" "$(header x-converter-changes)" reasoning_item
}

start_mock
start_server RATE_LIMIT_REQUESTS_PER_WINDOW=0
make_key alice
question
expect "status" "$CODE" 200
SEALED=$(item)
expect_true "the tokens of its thoughts are counted" [ "$(jq '.usage.output_tokens_details.reasoning_tokens' "$T/body")" -gt 0 ]
expect_match "the item has its text sealed" "$SEALED" '"encrypted_content":"1\.[A-Za-z0-9_-]{60,}"'
expect_match "and shown as a summary" "$SEALED" '"summary_text"'
cat "$T/body" >"$T/first"
question "$SEALED"
THOUGHT=$(replayed)
expect_match "Bedrock gets the thought with its signature" "$THOUGHT" '^.+ .+$'
expect_no_match "the signature is nowhere in the answer" "$(cat "$T/first")" "${THOUGHT##* }"
given_back "the same server"

# a client that forges one, or takes one of another model
forged=$(jq -c '.encrypted_content |= (.[:-8] + (.[-8:] | explode | map(if . == 65 then 66 else 65 end) | implode))' <<<"$SEALED")
question "$forged"
expect "forged: status" "$CODE" 200
expect "forged: Bedrock does not get it" "$(replayed)" ""
expect_match "forged: told" "$(header x-converter-changes)" reasoning_item
MODEL=claude-opus-4-5 question "$SEALED"
expect "another model: Bedrock does not get it" "$(replayed)" ""
expect_match "another model: told" "$(header x-converter-changes)" reasoning_item

# the process that brings the key dies, and the server is another
refresher=$(processes refresher)
kill -9 "$refresher"
given_back "the refresher is dead"
eventually 10 bash -c "! [ -d /proc/$refresher ]"
eventually 10 is_ready
given_back "another refresher"
stop_server
start_server RATE_LIMIT_REQUESTS_PER_WINDOW=0
given_back "another server of the same store"
key=$(sqlite3 "$T/state/keys.db" "SELECT lower(hex(value)) FROM meta WHERE name = 'seal_key'" 2>/dev/null || echo none)
[ "$key" = none ] || expect "the store has 32 bytes" "${#key}" 64
[ "$key" = none ] || expect_no_match "the key is in no log" "$(cat "$T"/*.log)" "$key"

# a server of another store has another key
stop_server
start_server STATE_DIR="$T/other" RATE_LIMIT_REQUESTS_PER_WINDOW=0
run STATE_DIR="$T/other" -- create-api-key -u bob -n x --output json
KEY=$(jq -r .api_key "$T/out")
question "$SEALED"
expect "another store: status" "$CODE" 200
expect "another store: Bedrock does not get it" "$(replayed)" ""
stop_server

# two servers on DynamoDB that start at the same moment have the same key
start_dynamo
run "${STORE[@]}" -- setup_tables
new_key carol
first_port=$(free_port)
PORT=$first_port launch "${STORE[@]}" RATE_LIMIT_REQUESTS_PER_WINDOW=0 STATE_DIR="$T/one"
one=$SERVER_PID one_url=$URL
PORT=$(free_port)
launch "${STORE[@]}" RATE_LIMIT_REQUESTS_PER_WINDOW=0 STATE_DIR="$T/two"
two_url=$URL
eventually $((15 * SLOW)) is_ready
URL=$one_url
eventually $((15 * SLOW)) is_ready
question
expect "DynamoDB: status" "$CODE" 200
SEALED=$(item)
URL=$two_url
question "$SEALED"
expect_true "DynamoDB: the other server opens it" [ -n "$(replayed)" ]
{ kill -9 "$SERVER_PID" && wait "$SERVER_PID"; } 2>/dev/null # the master, and its processes follow
PORT=$first_port URL=$one_url
given_back "DynamoDB: the other one is dead"
kill "$one"
wait "$one" 2>/dev/null
finish
