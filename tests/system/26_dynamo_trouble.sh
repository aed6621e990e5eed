#!/usr/bin/env bash
# DynamoDB in trouble: answers lost and broken, throttling, outages, silence. Known keys go on working.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

start_mock
start_dynamo
PORT=$(free_port)
run "${STORE[@]}" -- check-config --store
expect_match "check-config --store before the tables are made" "$CODE $(grep '^store: keys' "$T/out")" '^1 .*cannot be read.*setup'
run "${STORE[@]}" -- setup_tables
expect "setup_tables" "$CODE" 0
run "${STORE[@]}" -- check-config --store
expect "check-config --store then" "$CODE $(sed -n 's/^store: \(keys\|state\) *//p' "$T/out" | tr '\n' ',')" "0 0,it answers,"

# --- the subcommands ---
trouble timeout-after-success 1 PutItem
new_key bob
expect "put that was carried out unheard" "$CODE $(list 'map(select(.user_id == "bob")) | length')" "0 1"
trouble reset-after-success 1 PutItem
new_key bertha
expect "and one whose connection died" "$CODE $(list 'map(select(.user_id == "bertha")) | length')" "0 1"
expect_match "check-config --store counts" "$(run "${STORE[@]}" -- check-config --store && grep '^store: keys' "$T/out")" ' 2$'
trouble timeout-after-success 0
began=$(now_ms)
run "${STORE[@]}" DYNAMODB_TIMEOUT=60 -- check-config --store
expect_match "check-config --store: no answer" "$CODE $(sed -n 's/^store: state *//p' "$T/out")" '^1 no answer in 5 s'
expect_below "it gives up" $(($(now_ms) - began)) $((20000 * SLOW)) # not DYNAMODB_TIMEOUT
dynamo_reset
trouble throttle 1 PutItem
trouble wrong-crc 1 Scan
trouble truncated 1 Scan
new_key carol --clear
expect "throttled once" "$CODE $(list 'map(select(.user_id == "carol")) | length')" "0 1"

# --- a running server ---
dynamo_reset
new_key alice
alice=$KEY
start_server "${STORE[@]}" SHUTDOWN_TIMEOUT=3
MESSAGE=$(message hi)

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
ask "$MESSAGE"
expect "hangs: a message" "$CODE" 200
begin=$(now_ms)
stop_server
expect "exit code" "$CODE" 0
# its row is tried for what SHUTDOWN_TIMEOUT leaves, not for DYNAMODB_TIMEOUT beyond it
expect_below "stops after ms" $(($(now_ms) - begin)) $((4900 * SLOW))
expect_match "hangs: the row stays, and that is told" "$(tail -2 "$T/server.log")" '[12] usage records stay in .*usage.journal'
expect_no_match "nobody had to be killed" "$(cat "$T/server.log")" 'did not end in time'
expect_no_match "nobody was called hung" "$(cat "$T/server.log")" 'SIGABRT|crashed'
finish
