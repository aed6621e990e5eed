#!/usr/bin/env bash
# Keys in DynamoDB: tables, keys, revocation, the operations that are called, many keys.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

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
told() { call /ready && ! grep -q 'has not been read yet' "$T/body"; }
eventually $((3 * SLOW)) told
expect "not ready without tables" "$CODE" 503
expect_match "and why" "$(jq -r .reason "$T/body")" 'table anthropic-proxy-[a-z-]+ does not exist: run setup_tables'
expect_json "in which store" '.checks | "\(.dynamodb) \(.key_store) \(.key_store_kind)"' "false false dynamodb"
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
expect_match "the name for the server" "$(cat "$T/out")" '^export DYNAMODB_TABLE_PREFIX="other"$'
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
new_key carol --clear
expect "clear key" "$CODE" 0
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
expect_below "after ms" $(($(now_ms) - begin)) $((10000 * SLOW)) # not REFRESH_SECONDS
expect "reason" "$(list ".[] | select(.key_id == \"$dave_id\").deactivated_reason")" test

# --- changes: keys, mappings, prices
begin=$(now_ms)
run "${STORE[@]}" -- update-key "$KEY_ID" --rate-limit 7 --monthly-budget 2.5 --models 'claude-*' --output json
expect "update-key of a revoked key" "$CODE $(jq -r '"\(.rate_limit) \(.monthly_budget) \(.is_active) \(.name)"' "$T/out")" '0 7 2.5 false a "quoted" nämé'
run "${STORE[@]}" -- update-key "$KEY_ID" --enable --monthly-budget none
expect "--enable" "$CODE" 0
eventually 5 has_status "$dave" 400
expect "works again" "$?" 0
expect_below "after ms" $(($(now_ms) - begin)) $((10000 * SLOW))
run "${STORE[@]}" -- update-key 00000000 --tpm 5
expect "unknown key" "$CODE" 1
run "${STORE[@]}" -- map-model my-model qwen.qwen3-32b-v1:0
expect "map-model" "$CODE" 0
KEY=$alice
mapped() {
    ask "$(message hi '{"model":"my-model"}')"
    [ "$CODE" = 200 ]
}
eventually 5 mapped
expect "a mapped name" "$CODE" 200
run "${STORE[@]}" -- map-model
expect_match "list of mappings" "$(cat "$T/out")" '^my-model +qwen.qwen3-32b-v1:0$'
run "${STORE[@]}" -- map-model --remove my-model
expect "map-model --remove" "$CODE" 0
run "${STORE[@]}" -- map-model --remove my-model
expect "twice" "$CODE $(wc -l <"$T/err")" "1 1"
run "${STORE[@]}" -- set-price us.qwen.qwen3-32b-v1:0 --input 1 --output 2 --cache-read 0.1
expect "set-price" "$CODE" 0
run "${STORE[@]}" -- set-price us.qwen.qwen3-32b-v1:0 --disable
expect "set-price --disable" "$CODE" 0
run "${STORE[@]}" -- set-price --output json
expect "list of prices" "$(jq -r '.[0] | "\(.model_id) \(.input_price) \(.cache_read_price) \(.cache_write_price) \(.status)"' "$T/out")" \
    "us.qwen.qwen3-32b-v1:0 1 0.1 1 disabled"
expect_no_match "no row was skipped" "$(cat "$T/server.log")" 'is skipped'
run "${STORE[@]}" -- set-price --remove us.qwen.qwen3-32b-v1:0
expect "set-price --remove" "$CODE" 0
trouble denied 1 DeleteItem
run "${STORE[@]}" -- map-model --remove nothing
expect "refused by AWS" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "1 1 0"
expect_match "AWS's reason" "$(cat "$T/err")" 'DeleteItem.*AccessDenied'

stop_server

# --- the beta-headers table: a row that is added while the server runs decides about its value ---
put_beta() {
    curl -fsS -o /dev/null --aws-sigv4 aws:amz:us-west-2:dynamodb --user AKIAMOCKMOCKMOCKMOCK:mock-secret-access-key \
        -H 'X-Amz-Target: DynamoDB_20120810.PutItem' -H 'Content-Type: application/x-amz-json-1.0' "$DYNAMO_URL/" \
        -d "{\"TableName\":\"anthropic-proxy-beta-headers\",\"Item\":{\"header_name\":{\"S\":\"$1\"},\"header_type\":{\"S\":\"$2\"},\"mapped_to\":{\"L\":[$3]}}}"
}
sends_betas() {
    ask "$MESSAGE" -H 'anthropic-beta: house-word-2026-01-01,interleaved-thinking-2025-05-14'
    [ "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c .anthropic_beta)" = "200 $1" ]
}
start_server "${STORE[@]}" REFRESH_SECONDS=1
KEY=$alice
expect_true "without rows the model's list decides" sends_betas '["interleaved-thinking-2025-05-14"]'
put_beta house-word-2026-01-01 mapping '{"S":"context-1m-2025-08-07"}'
put_beta interleaved-thinking-2025-05-14 blocklist ''
eventually 5 sends_betas '["context-1m-2025-08-07"]'
expect "rows of the table decide" "$?" 0
expect_match "the client is told" "$(header x-converter-changes)" 'drop:beta:interleaved-thinking-2025-05-14'
stop_server

# --- IAM: what is forbidden is named, without the ARN ---
dynamo_reset
trouble denied 0 Scan
launch "${STORE[@]}"
names_it() { call /ready && [ "$CODE" = 503 ] && jq -r .reason "$T/body" | grep -q AccessDenied; }
eventually 5 names_it
expect "/ready names the refusal" "$?" 0
reason=$(jq -r .reason "$T/body")
expect_no_match "no ARN, no account" "$reason" 'arn:|[0-9]{12}'
expect_true "the log has the same words" grep -qF "$reason" "$T/server.log"
dynamo_reset
eventually $((6 * SLOW)) is_ready
expect "ready when it is allowed" "$?" 0
stop_server

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
took=$(($(now_ms) - begin))
busy=$(awk '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / hz }' hz="$(getconf CLK_TCK)" "/proc/$(processes '^refresher')/stat")
echo "  100,000 keys are loaded after $took ms, of which the refresher works $busy ms"
expect_below "100,000 keys are loaded after ms" "$took" $((25000 * SLOW)) # the machine may have other work
expect_below "the refresher works for ms" "$busy" $((2500 * SLOW))
expect_match "all of them" "$(cat "$T/server.log")" 'loaded 1000[0-9]{2} keys'
expect "a key among many" "$(status_with_key "$alice")" 400
expect_no_match "keys in the log" "$(cat "$T/server.log")" 'sk-dev-[0-9A-Za-z]{32}'
finish
