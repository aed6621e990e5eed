#!/usr/bin/env bash
# Keys in DynamoDB (tests/mock/dynamo_mock.h): tables, keys, revocation, trouble, and which operations are called.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DYNAMO_URL=

start_dynamo() {
    "$BUILD/mock-dynamo" --port 0 "$@" >"$T/dynamo.out" 2>"$T/dynamo.log" & # ended by cleanup
    eventually 5 grep -q listening "$T/dynamo.out" || {
        fail "mock-dynamo did not start"
        finish
    }
    DYNAMO_URL=http://$(sed -n 's/.*listening on //p' "$T/dynamo.out")
    STORE=(STORAGE_BACKEND=dynamodb DYNAMODB_ENDPOINT_URL="$DYNAMO_URL" DYNAMODB_TIMEOUT=2)
}

dynamo() { curl -fsS --max-time 5 "$DYNAMO_URL/$1" "${@:2}"; }
# trouble FAULT [COUNT] [OPERATION]; COUNT 0: until dynamo_reset
trouble() { dynamo __script -o /dev/null -d "{\"op\":\"${3:-}\",\"fault\":\"$1\",\"count\":${2:-1}}"; }
dynamo_reset() { dynamo __reset -o /dev/null -X POST; }
# Item of the keys as the table holds it: only our program reads DynamoDB here, so the list is its own.
list() {
    run "${STORE[@]}" -- list-keys --output json
    jq -r "$1" "$T/out"
}
new_key() {
    run "${STORE[@]}" -- create-api-key -u "$1" -n "a \"quoted\" nämé" --output json "${@:2}"
    KEY=$(jq -r .api_key "$T/out" 2>/dev/null)
    KEY_ID=$(jq -r .key_id "$T/out" 2>/dev/null)
}
status_with_key() { curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "x-api-key: $1" -d '{}' "$URL/v1/messages"; }
has_status() { [ "$(status_with_key "$1")" = "$2" ]; }
is_not_ready() { ! is_ready; }

start_mock
start_dynamo
PORT=$(free_port)

# --- subcommands ---
new_key early
expect "create-api-key without tables" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "1 1 0"
expect_match "says what to do" "$(cat "$T/err")" 'table anthropic-proxy-api-keys does not exist: run setup_tables'
launch "${STORE[@]}"
eventually 5 healthy
expect "health without tables" "$?" 0
call /ready
expect "not ready without tables" "$CODE" 503
expect "a key without tables" "$(status_with_key sk-anything)" 503
run "${STORE[@]}" -- setup_tables
expect "setup_tables" "$CODE $(grep -c ': created$' "$T/out")" "0 6"
eventually $((6 * SLOW)) is_ready
expect "ready after setup_tables, without a restart" "$?" 0
stop_server
run "${STORE[@]}" -- setup-tables --output json
expect "again" "$CODE $(jq -r 'map(.result) | unique | join(" ")' "$T/out")" "0 exists"
run STORAGE_BACKEND=auto -- setup_tables --endpoint-url "$DYNAMO_URL" -r eu-west-1 --prefix other
expect "setup_tables --prefix" "$CODE $(grep -c '^other-.*: created$' "$T/out")" "0 6"
expect_match "names for the server" "$(cat "$T/out")" 'export DYNAMODB_USAGE_STATS_TABLE="other-usage-stats"'
trouble denied 0 CreateTable
run "${STORE[@]}" -- setup_tables --prefix third
expect "refused by AWS" "$CODE $(grep -c ': failed: ' "$T/out")" "1 6"
expect_no_match "no ARN" "$(cat "$T/out" "$T/err")" '123456789012'
dynamo_reset
run "${STORE[@]}" -- setup_tables --nonsense
expect "usage error" "$CODE" 2

run "${STORE[@]}" DYNAMODB_API_KEYS_TABLE=other-api-keys -- create-api-key -u zoe -n own-table
expect "table by setting" "$CODE" 0
run STORAGE_BACKEND=auto -- create-api-key -u zoe -n flags -T other-api-keys -e "$DYNAMO_URL" -r eu-west-1
expect "-T, -e, -r" "$CODE" 0
run "${STORE[@]}" DYNAMODB_API_KEYS_TABLE=other-api-keys -- list-keys --output json
expect "both are there" "$(jq -r 'map(.name) | sort | join(" ")' "$T/out")" "flags own-table"

new_key alice -l 50 -b 12.50 -t flex
expect "create-api-key" "$CODE" 0
expect "name, limit, budget" "$(list '.[] | "\(.name) \(.rate_limit) \(.monthly_budget) \(.service_tier)"')" 'a "quoted" nämé 50 12.5 flex'
alice=$KEY
trouble timeout-after-success 1 PutItem
new_key bob
expect "put that was carried out unheard" "$CODE $(list 'map(select(.user_id == "bob")) | length')" "0 1"
trouble throttle 1 PutItem
trouble wrong-crc 1 Scan
trouble truncated 1 Scan
new_key carol --clear
expect "throttled once" "$CODE $(list 'map(select(.user_id == "carol")) | length')" "0 1"
carol=$KEY

# --- a running server ---
dynamo_reset
start_server "${STORE[@]}" REFRESH_SECONDS=3600
expect_match "start line" "$(cat "$T/server.log")" 'dynamodb: STORAGE_BACKEND says so'
MESSAGE=$(message hi)
KEY=$alice
ask "$MESSAGE"
expect "key of before" "$CODE" 200
expect "clear key" "$(status_with_key "$carol")" 400
expect "unknown key" "$(status_with_key sk-unknown-key)" 401
new_key dave
dave=$KEY dave_id=$KEY_ID
expect "new key at once" "$(status_with_key "$KEY")" 400

begin=$(now_ms)
run "${STORE[@]}" -- revoke-key "$dave_id" --reason test
expect "revoke-key" "$CODE" 0
eventually 5 has_status "$dave" 401
expect "revoked key is refused" "$?" 0
expect_below "after ms" $(($(now_ms) - begin)) $((2000 * SLOW))
expect "reason" "$(list ".[] | select(.key_id == \"$dave_id\").deactivated_reason")" test

# --- the store in trouble ---
for fault in down internal garbage-html wrong-types throttle repeat-last-key; do
    dynamo_reset
    trouble $fault 0
    sleep 1.2
    expect "$fault: known key" "$(status_with_key "$alice")" 400
    if [ $fault = repeat-last-key ]; then
        run "${STORE[@]}" -- list-keys
        expect "$fault: ends" "$CODE" 1
        expect_match "$fault" "$(cat "$T/err")" 'page key'
    else
        expect "$fault: unknown key" "$(status_with_key sk-unknown-$fault)" 503
    fi
    expect_true "$fault: health" healthy
done
dynamo_reset
eventually $((6 * SLOW)) has_status sk-unknown-after 401
expect "recovers" "$?" 0
expect_true "ready" is_ready
KEY=$alice
ask "$MESSAGE"
expect "a message afterwards" "$CODE" 200

trouble timeout-after-success 0 # it hangs: the refresher must go on showing life, and must leave when asked
sleep 3
expect "hangs: known key" "$(status_with_key "$alice")" 400
begin=$(now_ms)
stop_server
expect "exit code" "$CODE" 0
expect_below "stops after ms" $(($(now_ms) - begin)) $((1500 * SLOW))
expect_no_match "nobody was called hung" "$(cat "$T/server.log")" 'SIGABRT|crashed'

# --- IAM: at run time nothing but these ---
dynamo_reset
start_server "${STORE[@]}" REFRESH_SECONDS=1
new_key erin
KEY=$alice
ask "$MESSAGE"
call /ready
sleep 2
expect_no_match "operations" "$(dynamo __ops | jq -r 'map(.op) | unique | join("\n")')" '^(CreateTable|DescribeTable|ListTables|UpdateTimeToLive|DescribeTimeToLive|DeleteItem|Batch.*|Transact.*)$'
expect "they are these" "$(dynamo __ops | jq -r 'map(.op) - ["GetItem","PutItem","UpdateItem","Query","Scan"] | length')" 0
stop_server

# --- many keys ---
dynamo __fill -o /dev/null -d '{"table":"anthropic-proxy-api-keys","count":100000}'
begin=$(now_ms)
start_server "${STORE[@]}" MAX_KEYS=200000 DYNAMODB_TIMEOUT=10
expect_below "100,000 keys are loaded after ms" $(($(now_ms) - begin)) $((5000 * SLOW))
expect_match "all of them" "$(cat "$T/server.log")" 'loaded 1000[0-9]{2} keys'
expect "a key among many" "$(status_with_key "$alice")" 400
expect_no_match "keys in the log" "$(cat "$T/server.log")" 'sk-dev-[0-9A-Za-z]{32}'
finish
