#!/usr/bin/env bash
# A wrong bill is put right, on both stores: the difference is shown first; rows and budgets change together, whoever
# is killed in the middle and whatever servers write meanwhile; a month is set back with a row of the audit; sums by user.
# ROWS (200): requests on each store.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

ROWS=${ROWS:-200}
DB=$T/state/keys.db
ID=global.anthropic.claude-sonnet-4-5-20250929-v1:0

# What is stored, of either kind, as JSON: rows [{user, model, tier, in, out, read, w5, w1, cost}], keys [{user, used, mtd, active}]
items() {
    dynamo "__items/anthropic-proxy-$1" |
        jq "map(with_entries(.value |= (to_entries[0] | if .key == \"N\" then (.value | tonumber) else .value end)))"
}
rows_of_sqlite() {
    sqlite3 -json -cmd '.timeout 5000' "$DB" "SELECT k.user_id AS user, resolved_model AS model, u.service_tier AS tier,
        input_tokens AS input, output_tokens AS output, cached_tokens AS read, cache_write_input_tokens - cache_write_1h_tokens AS w5,
        cache_write_1h_tokens AS w1, cost_micro AS cost FROM usage u JOIN api_keys k USING(api_key)"
}
keys_of_sqlite() {
    sqlite3 -json -cmd '.timeout 5000' "$DB" "SELECT user_id AS user, CAST(round(budget_used * 1000000) AS INTEGER) AS used,
        CAST(round(budget_used_mtd * 1000000) AS INTEGER) AS mtd, is_active = 1 AS active FROM api_keys" | jq 'map(.active |= (. == 1))'
}
rows_of_dynamodb() {
    jq --slurpfile keys <(items api-keys) '
        ($keys[0] | map({(.api_key): .user_id}) | add) as $user | map({user: $user[.api_key], model: .resolved_model,
        tier: .service_tier, input: .input_tokens, output: .output_tokens, read: .cached_tokens,
        w5: (.cache_write_input_tokens - .cache_write_1h_tokens), w1: .cache_write_1h_tokens, cost: .cost_micro})' \
        <(items usage)
}
keys_of_dynamodb() {
    items api-keys | jq 'map({user: .user_id, used: ((.budget_used // 0) * 1000000 | round),
        mtd: ((.budget_used_mtd // 0) * 1000000 | round), active: .is_active})'
}
# The cost that is right: Sonnet 4.5 by its global profile, 3 and 15 dollars a million, a read 0.3, a write 3.75 or 6
RIGHT='((.input * 3000 + .output * 15000 + .read * 300 + .w5 * 3750 + .w1 * 6000) *
    (if .tier == "flex" then 5 elif .tier == "priority" then 17.5 else 10 end) / 10000 + 0.5 | floor)'
wrong_rows() { "rows_of_$1" | jq "map(select(.model == \"$ID\" and .cost != $RIGHT)) | length"; }
row_count() { "rows_of_$1" | jq length; }
has_rows() { [ "$(row_count "$1")" = "$2" ]; }
# key USER FIELD
key_of() { "keys_of_$1" | jq "map(select(.user == \"$2\"))[0].$3"; }
cost_of() { "rows_of_$1" | jq "map(select(.user == \"$2\") | .cost) | add // 0"; }
is_balanced() { # STORE USER: its sums are those of its rows
    local cost
    cost=$(cost_of "$1" "$2")
    [ "$(key_of "$1" "$2" used)/$(key_of "$1" "$2" mtd)" = "$cost/$cost" ]
}
has_spent() { [ "$(key_of "$1" "$2" mtd)" -gt 0 ]; }
tool() { run "${WHERE[@]}" -- "$@"; }
key() { # USER OPTIONS...
    tool create-api-key -u "$1" -n test --output json "${@:2}"
    KEY=$(jq -r .api_key "$T/out")
    KEY_ID=$(jq -r .key_id "$T/out")
}
send() { # COUNT BODY: as many requests on few connections
    curl -sS -Z --parallel-max 4 --max-time 60 -o /dev/null -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$2" \
        "$URL/v1/messages?n=[1-$1]" 2>>"$T/curl.err"
}
works() {
    ask "$plain"
    [ "$CODE" = 200 ]
}
plain=$(message hi)
cached=$(jq -c '.system = [{type: "text", text: "long", cache_control: {type: "ephemeral", ttl: "1h"}}]' <<<"$plain")
tiered=$(message hi '{"service_tier":"flex","stream":true}')
unpriced=$(jq -c '.model = "acme.unheard-of-v1:0"' <<<"$plain")

check_store() { # STORE
    local store=$1 wrong before i alice alice_id bob_id bob total killed=
    same_month 100
    start_server "${WHERE[@]}" REFRESH_SECONDS=1 UNPRICED=allow ANTHROPIC_DEFAULT_SONNET_MODEL="$ID"
    before=$(loads)
    tool set-price "$ID" --input 300 --output 1500 --cache-read 3
    expect "$store: a wrong price" "$CODE" 0
    expect_true "$store: which is in force" eventually $((5 * SLOW)) loaded_since "$before"
    key alice -b 1000 -l 1000000
    alice=$KEY alice_id=$KEY_ID
    send $((ROWS / 2)) "$plain"
    send $((ROWS / 4)) "$cached"
    send $((ROWS / 4)) "$tiered"
    send 3 "$unpriced"
    key bob -b 0.000001 -l 1000000
    bob=$KEY bob_id=$KEY_ID
    send 1 "$plain"
    eventually $((10 * SLOW)) has_rows "$store" $((ROWS + 4))
    expect "$store: rows" "$(row_count "$store")" $((ROWS + 4))
    eventually $((5 * SLOW)) is_balanced "$store" alice
    ask "$plain"
    expect "$store: bob's budget is used up" "$CODE" 429
    wrong=$(wrong_rows "$store")
    expect "$store: all rows are wrong" "$wrong" $((ROWS + 1))

    # --- the difference, and nothing else
    tool set-price "$ID" --remove
    tool set-price acme.unheard-of-v1:0 --input 1 --output 1
    before=$(cost_of "$store" alice)
    tool usage --reprice --by user --output json
    expect "$store: shown" "$CODE/$(jq -c '[.applied, .corrected, (.lines | map([.user, .requests, .changed, .unpriced]))]' "$T/out")" \
        "0/[false,0,[[\"alice\",$((ROWS + 3)),$((ROWS + 3)),0],[\"bob\",1,1,0]]]"
    expect "$store: before, as it is stored" "$(jq '.lines[0].before_micro' "$T/out")" "$before"
    expect "$store: after, as it shall be" "$(jq '.lines[0].after_micro' "$T/out")" \
        "$("rows_of_$store" | jq "map(select(.user == \"alice\") | if .model == \"$ID\" then $RIGHT else .input + .output end) | add")"
    expect "$store: nothing is written" "$(cost_of "$store" alice)/$(wrong_rows "$store")" "$before/$wrong"
    tool usage --reprice --from 2999-01-01
    expect_match "$store: no rows" "$(cat "$T/out")" 'no requests in that time'
    tool usage --reprice --by model
    expect_match "$store: as text" "$(cat "$T/out")" "$MODEL .* $ROWS? *.* -[0-9]+\.[0-9]{6}"
    expect_match "$store: says what to do" "$(cat "$T/out")" 'Nothing is written yet: --apply does it'

    # --- written, killed again and again, two at once, while requests come
    KEY=$alice
    send $((ROWS / 8)) "$plain" &
    sending=$!
    for i in 1 2 3 4 5; do # each time at another price, so that there is always something to do
        tool set-price "$ID" --input "$i" --output 7
        environment
        { (cd "$T" && exec env -i "${ENVIRONMENT_LIST[@]}" "${WHERE[@]}" timeout -s KILL "0.0$((i % 4 + 1))" \
            "$PROGRAM" usage --reprice --apply >/dev/null 2>&1); } 2>/dev/null
        killed="$killed $("rows_of_$store" | jq "map(select(.model == \"$ID\" and .tier == \"default\" and .read == 0 and
            .cost == $i * .input + 7 * .output)) | length")"
        # while requests come only a look between two flushes sees both of one moment
        expect_true "$store, kill $i: alice's sums are those of her rows: $(key_of "$store" alice used) and $(cost_of "$store" alice)" \
            eventually $((5 * SLOW)) is_balanced "$store" alice
    done
    tool set-price "$ID" --remove
    echo "  $store: rows corrected when it was killed:$killed"
    environment
    for i in 1 2; do
        (cd "$T" && exec env -i "${ENVIRONMENT_LIST[@]}" "${WHERE[@]}" timeout 20 "$PROGRAM" usage --reprice --apply \
            >"$T/both.$i" 2>&1) &
        pids[i]=$!
    done
    wait "${pids[@]}"
    wait "$sending"
    eventually $((5 * SLOW)) has_rows "$store" $((ROWS + ROWS / 8 + 4))
    tool usage --reprice --apply --output json
    expect "$store: applied" "$CODE/$(jq -c '[.applied, .total.changed == .corrected]' "$T/out")" "0/[true,true]"
    expect "$store: every row is right" "$(wrong_rows "$store")" 0
    expect "$store: also what had no price" \
        "$("rows_of_$store" | jq 'map(select(.model == "acme.unheard-of-v1:0" and .cost != .input + .output)) | length')" 0
    eventually $((5 * SLOW)) is_balanced "$store" alice
    expect "$store: alice's sums are those of her rows" "$(key_of "$store" alice used)/$(key_of "$store" alice mtd)" \
        "$(cost_of "$store" alice)/$(cost_of "$store" alice)"
    expect "$store: bob's, too" "$(key_of "$store" bob used)" "$(cost_of "$store" bob)"
    tool usage --reprice --apply --output json
    expect "$store: once more" "$(jq -c '[.corrected, .total.changed, .total.before_micro == .total.after_micro]' "$T/out")" '[0,0,true]'

    # --- a month set back
    KEY=$bob
    total=$(key_of "$store" bob used)
    ask "$plain"
    expect "$store: bob is over it still" "$CODE" 429
    tool update-key "$bob_id" --reset-spend --output json
    expect "$store: reset" "$CODE" 0
    expect "$store: the month, the total, the key" "$(key_of "$store" bob mtd)/$(key_of "$store" bob used)/$(key_of "$store" bob active)" "0/$total/true"
    eventually $((5 * SLOW)) works
    expect "$store: bob works again" "$CODE" 200
    case $store in
    sqlite) sqlite3 "$DB" "SELECT action, before_micro, after_micro, month = strftime('%Y-%m', 'now'), abs(at / 1000 - strftime('%s', 'now')) < 60 FROM audit" ;;
    *) items usage-stats | jq -r '.[] | select(.action) | [.action, .before_micro, .after_micro, (.month == (now | strftime("%Y-%m")) | if . then 1 else 0 end),
        ((.at / 1000 - now | fabs) < 60 | if . then 1 else 0 end)] | map(tostring) | join("|")' ;;
    esac >"$T/audit"
    expect "$store: the audit" "$(cat "$T/audit")" "reset-spend|$total|0|1|1"
    tool usage --audit --output json
    expect "$store: usage --audit" "$(jq -r '.[] | [.key, .action, (.before_usd * 1000000 | round), (.after_usd | round), .month == (now | strftime("%Y-%m"))] | map(tostring) | join("|")' "$T/out")" "$bob_id|reset-spend|$total|0|true"
    tool usage --audit
    expect_match "$store: usage --audit, as text" "$(cat "$T/out")" "$bob_id +reset-spend"
    eventually $((5 * SLOW)) has_rows "$store" $((ROWS + ROWS / 8 + 5))
    # what is older than the reset changes the total alone
    tool set-price "$ID" --input 6 --output 30 --cache-read 0.6 --cache-write 7.5
    eventually $((5 * SLOW)) has_spent "$store" bob
    i=$(key_of "$store" bob mtd)
    tool usage --reprice --apply
    expect "$store: a price of twice as much" "$(key_of "$store" bob mtd)/$(key_of "$store" bob used)" "$((2 * i))/$((2 * (total + i)))"
    tool update-key "$alice_id" --reset-spend --rate-limit 5
    expect_match "$store: with another change" "$(cat "$T/out")" 'rate_limit spending of this month \(it was \$[0-9.]+\)'
    tool update-key 00000000 --reset-spend
    expect "$store: of no key" "$CODE" 1

    # --- by user
    key alice -l 1000000
    send 2 "$plain"
    eventually $((5 * SLOW)) has_rows "$store" $((ROWS + ROWS / 8 + 7))
    tool usage --by user --output json
    expect "$store: by user" "$(jq -c 'map([.user, .requests])' "$T/out")" "[[\"alice\",$((ROWS + ROWS / 8 + 5))],[\"bob\",2]]"
    tool usage --by user --from "$(date -u -d '-1 hour' +%F)" --output csv
    expect_match "$store: by user, CSV" "$(head -2 "$T/out" | tr '\n' ' ')" '^user,requests,.* "alice",[0-9]'
    stop_server
    PORT=
}

start_mock
WHERE=(STORAGE_BACKEND=sqlite)
check_store sqlite
start_dynamo
WHERE=("${STORE[@]}")
run "${STORE[@]}" -- setup_tables
check_store dynamodb

# --- answers that are lost in the middle of a correction
trouble timeout-after-success 1 TransactWriteItems
trouble internal 1 TransactWriteItems
tool set-price "$ID" --remove
tool usage --reprice --apply --output json
expect "dynamodb, answers are lost" "$CODE/$(wrong_rows dynamodb)/$(jq -c '.corrected == .total.changed' "$T/out")" "0/0/true"
dynamo_reset
tool usage --reprice --output json
expect "dynamodb, all is said" "$(jq -c '.total.changed' "$T/out")" 0

# --- what cannot be meant
run -- usage --apply
expect "--apply alone" "$CODE" 2
run -- usage --from 2026-11-01 --days 3
expect "--from and --days" "$CODE" 2
run -- usage --reprice --from yesterday
expect "--from yesterday" "$CODE" 2
finish
