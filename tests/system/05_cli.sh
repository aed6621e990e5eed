#!/usr/bin/env bash
# The subcommands for keys, alone and against a running server.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

status_with_key() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 -H "x-api-key: $1" -d '{}' "$URL/v1/messages"; }
refused() { [ "$(status_with_key "$1")" = 401 ]; }

start_mock
PORT=$(free_port)
run -- setup_tables
expect "setup_tables" "$CODE" 0
expect_match "setup_tables says where" "$(cat "$T/out")" 'sqlite'

run -- create-api-key -u alice -n laptop -l 50 -t flex -b 12.50
expect "create-api-key" "$CODE" 0
expect_match "key line" "$(cat "$T/out")" '^API Key: sk-dev-[0-9A-Za-z]{32}-[0-9A-Za-z]{6}$'
expect_match "export" "$(cat "$T/out")" '^export ANTHROPIC_API_KEY="sk-dev-'
expect_match "export" "$(cat "$T/out")" "^export ANTHROPIC_BASE_URL=\"http://localhost:$PORT\"$"
first=$(sed -n 's/^API Key: //p' "$T/out")

make_key bob
expect_match "json key" "$KEY" '^sk-dev-'
run -- list-keys
expect_match "list" "$(cat "$T/out")" "^$KEY_ID +bob"
expect_no_match "list shows no key" "$(cat "$T/out")" "$first|$KEY"
expect_below "width of the list" "$(wc -L <"$T/out")" 80
run -- list_keys --output json
expect "list as JSON" "$(jq -r 'map(.user_id) | sort | join(" ")' "$T/out")" "alice bob"

run -- create-api-key -u only
expect "usage error" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
run DATABASE_URL=sqlite:////proc/none/x.db -- create-api-key -u a -n b
expect "store failure" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "1 1 0"
run -- revoke-key "$KEY"
expect "a key as argument" "$CODE" 2
run -- revoke-key 00000000
expect "unknown id" "$CODE" 1

if strings -a "$T"/state/keys.db* 2>/dev/null | grep -qF "$KEY"; then fail "the key is in the database"; else pass; fi

start_server
expect "key made before the start" "$(status_with_key "$first")" 400
make_key carol
expect "key made now" "$(status_with_key "$KEY")" 400
make_key dave --clear
expect "clear key" "$(status_with_key "$KEY")" 400

begin=$(now_ms)
run -- revoke-key "$KEY_ID" --reason test
expect "revoke-key" "$CODE" 0
eventually 5 refused "$KEY"
expect_below "revoked key is refused after ms" $(($(now_ms) - begin)) $((10000 * SLOW)) # not REFRESH_SECONDS, 60 s
expect "the others work" "$(status_with_key "$first")" 400
run -- list-keys --output json
expect "reason is kept" "$(jq -r ".[] | select(.key_id == \"$KEY_ID\").deactivated_reason" "$T/out")" test

make_key erin
printf '%s\n' "$KEY" >"$T/key"
environment
(cd "$T" && env -i "${ENVIRONMENT_LIST[@]}" "$PROGRAM" revoke-key -k <"$T/key" >/dev/null)
expect "revoke-key -k" "$?" 0
eventually 5 refused "$KEY"
expect "refused after -k" "$?" 0

# --- update-key: acts on a running server within about a second, in both directions
make_key frank
run -- update_key "$KEY_ID" --disable --reason paused
expect "update-key --disable" "$CODE" 0
eventually 5 refused "$KEY"
expect "disabled key is refused" "$?" 0
run -- update-key "$KEY_ID" --enable --name 'new "nämé"' --rate-limit 5000 --output json
expect "update-key --enable" "$CODE $(jq -r '"\(.is_active) \(.name) \(.rate_limit)"' "$T/out")" '0 true new "nämé" 5000'
accepted() { [ "$(status_with_key "$1")" = 400 ]; }
eventually 5 accepted "$KEY"
expect "enabled key works" "$?" 0
printf '%s\n' "$KEY" >"$T/key"
(cd "$T" && env -i "${ENVIRONMENT_LIST[@]}" "$PROGRAM" update-key -k --expires 1d <"$T/key" >/dev/null)
expect "update-key -k" "$?" 0
run -- update-key "$KEY_ID" --service-tier gold
expect "wrong value" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
run -- update-key 00000000 --tpm 5
expect "unknown id" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "1 1 0"

# --- map-model and set-price: as above
run -- map_model my-model qwen.qwen3-32b-v1:0
expect "map-model" "$CODE" 0
mapped() {
    ask "$(message hi '{"model":"my-model"}')"
    [ "$CODE" = 200 ]
}
eventually 5 mapped
expect "a mapped name" "$CODE" 200
run -- map-model --output json
expect "list of mappings" "$(jq -c . "$T/out")" '[{"anthropic_model_id":"my-model","bedrock_model_id":"qwen.qwen3-32b-v1:0"}]'
run -- map-model --remove my-model
expect "map-model --remove" "$CODE" 0
not_mapped() { ! mapped; }
eventually 5 not_mapped
expect "the name is unknown again" "$CODE" 404
run -- map-model my-model not-an-id
expect "no Bedrock id" "$CODE $(wc -l <"$T/err")" "2 1"

run -- set_price qwen.qwen3-32b-v1:0 --input 1000 --output 2000
expect "set-price" "$CODE" 0
run -- set-price --output json
expect "list of prices" "$(jq -r '.[0] | "\(.model_id) \(.input_price) \(.source)"' "$T/out")" "qwen.qwen3-32b-v1:0 1000 operator"
cost() { # of the requests of this key: millionths of a dollar
    run -- usage --by key --output json
    jq -r ".[] | select(.key == \"$KEY_ID\").cost_micro" "$T/out"
}
dear() { # the answers of the mock have a handful of tokens: more than a cent only at the new price
    ask "$(message hi '{"model":"qwen.qwen3-32b-v1:0"}')"
    [ "$(cost)" -gt 10000 ] 2>/dev/null
}
eventually 5 dear
expect "requests cost the new price" "$?" 0
run -- set-price --remove qwen.qwen3-32b-v1:0
expect "set-price --remove" "$CODE" 0

run MASTER_API_KEY=correct-horse-battery-staple -- check-config
expect_no_match "check-config masks" "$(cat "$T/out")" 'correct-horse|mock-secret'
expect_match "check-config" "$(cat "$T/out")" '^MASTER_API_KEY +\(set\)'
run -- check-config --store
expect_match "check-config --store" "$CODE $(sed -n 's/^store: \(keys\|state\) *//p' "$T/out" | tr '\n' ',')" '^0 [1-9][0-9]*,it answers,$'
run DATABASE_URL="sqlite:///$T/nowhere.db" -- check-config --store
expect_match "check-config --store makes no file" "$CODE $(ls "$T/nowhere.db" 2>&1)" '^1 .*No such file'
expect_no_match "keys in the log" "$(cat "$T/server.log")" 'sk-dev-[0-9A-Za-z]{32}'
finish
