#!/usr/bin/env bash
# Limits of a key over all workers: rate, concurrency, tokens a minute, budget (soft and reserve), models.
# COUNT (1): rounds of 1,000 requests against a limit of 100.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

COUNT=${COUNT:-1}
DB=$T/state/keys.db
sql() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
budget_used() { sql "SELECT budget_used_mtd FROM api_keys WHERE user_id = '$1'"; }
body=$(message hi)
many() { # N PARALLEL: N requests, each on a connection of its own; the statuses, sorted and counted
    local i
    for i in $(seq "$1"); do
        printf 'url = "%s/v1/messages"\noutput = "/dev/null"\n' "$URL"
    done | curl -sS --parallel --parallel-immediate --parallel-max "$2" --no-keepalive --max-time 30 -K - -w '%{http_code}\n' \
        -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$body" 2>/dev/null | sort | uniq -c | awk '{print $2 "=" $1}' | tr '\n' ' '
}

start_mock
start_server WORKERS=4 REFRESH_SECONDS=1 RATE_LIMIT_WINDOW_SECONDS=86400
mock_reset

# --- exactly the limit, over four workers; the window is a day, so nothing comes back meanwhile
for round in $(seq "$COUNT"); do
    make_key "rate-$round" -l 100
    call /v1/files -H "x-api-key: $KEY" # the key is known from here on
    expect_match "100 of 1000, round $round" "$(many 1000 200)" '^200=100 429=900 $'
done
expect "the mock has seen no more" "$(ledger .requests)" $((COUNT * 100))

# --- update-key on a running server: the new limit counts, what was used stays used
make_key changing -l 10
expect_match "10 of 20" "$(many 20 20)" '^200=10 429=10 $'
sleep 1.1 # so that a load of the table is sure to come behind the write
run -- update-key "$KEY_ID" --rate-limit 15
expect "update-key" "$CODE" 0
has_limit() {
    ask "$body"
    [ "$(header anthropic-ratelimit-requests-limit)" = "$1" ]
}
eventually 5 has_limit 15
expect "the new limit" "$(header anthropic-ratelimit-requests-limit)" 15
expect_match "not 15 once more" "$(many 20 20)" '^(200=[0-5] )?429='

# --- concurrency: two at a time; a place is free again after any end
make_key pair --max-concurrency 2 -l 10000
two_streams() { # they have begun
    for i in 1 2; do
        watched "$T/stream.$i" curl -sN -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages"
        clients[i]=$WATCHED
    done
    eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T"/stream.[12]
}
script tokens-250,pace-20 2
two_streams
ask "$body"
expect "the third at the same time" "$CODE" 429
expect_json "its type" .error.type rate_limit_error
expect "when to come back" "$(header retry-after) $(header x-should-retry)" "1 "
expect_match "its text" "$(jq -r .error.message "$T/body")" 'limited to 2 requests at the same time; try again in 1 s$'
call /v1/models -H "x-api-key: $KEY"
expect "a list needs no place" "$CODE" 200
kill "${clients[1]}"
passes() { # a refused request takes no place
    ask "$body"
    [ "$CODE" = 200 ]
}
eventually 2 passes
expect "one has left: there is a place" "$CODE" 200
wait "${clients[2]}"
expect_match "20 at once, 2 allowed, over 4 workers" "$(many 20 20)" '^200=([2-9]|1[0-9]|20) '
script tokens-400,pace-20 2
two_streams
for pid in $(processes '^worker'); do kill -KILL "$pid"; done
wait "${clients[@]}"
eventually $((5 * SLOW)) is_ready
for i in 1 2 3; do
    ask "$body"
    expect "after the workers were killed, $i" "$CODE" 200
done

# --- tokens a minute: charged when known; a key in debt waits
make_key tokens --tpm 30
ask "$body"
expect "first" "$CODE" 200
expect "header" "$(header anthropic-ratelimit-tokens-limit)" 30
for _ in $(seq 30); do
    ask "$body"
    [ "$CODE" = 200 ] || break
done
expect "tokens used up" "$CODE" 429
expect_json "its type" .error.type rate_limit_error
expect_match "its wording" "$(cat "$T/body")" 'tokens a minute'
expect_match "retry-after" "$(header retry-after)" '^[1-9]'

# --- a wait of more than a minute: SDKs would sleep through it without a word, so it is final, and the text says when
for route in /v1/messages /v1/chat/completions; do
    make_key debt --tpm 10
    script size-4000
    ask "$(message hi '{"max_tokens":5000}')"
    expect "$route: into debt" "$CODE" 200
    call "$route" -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$body"
    expect "$route: a long wait" "$CODE $(header x-should-retry)" "429 false"
    expect_true "$route: how long" test "$(header retry-after)" -gt 600
    at=$(date -u -d "+$(header retry-after) seconds -15 seconds" '+%Y-%m-%d %H:') # an hour may begin between answer and look
    at="($at|$(date -u -d "+$(header retry-after) seconds" '+%Y-%m-%d %H:'))"
    expect_match "$route: the text says when" "$(jq -r .error.message "$T/body")" "limited to 10 tokens a minute; try again in [0-9]+ (minutes|hours), at ${at}[0-9:]{5} UTC"
done

# --- budget, soft: the request that crosses it finishes, the next is refused; it holds after a restart
same_month 100
make_key soft --monthly-budget 0.0005
for n in $(seq 50); do
    ask "$body"
    [ "$CODE" = 200 ] || break
done
expect_true "some passed" test "$n" -gt 1
expect "budget used up" "$CODE" 429
expect_json "its type" .error.type billing_error
expect "not to be repeated" "$(header x-should-retry)" false
expect "Claude Code's header" "$(header anthropic-ratelimit-unified-status)" rejected
expect_match "until the next month" "$(header retry-after)" '^[1-9][0-9]*$'
expect_match "its text" "$(jq -r .error.message "$T/body")" "is used up; a new month begins in [0-9]+ (s|minutes|hours|days), at [0-9-]{8}01 00:00:0[01] UTC"
expect_match "OpenAI's words" "$(
    call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d "$body"
    jq -r '.error.code' "$T/body"
)" insufficient_quota
switched_off() { [ "$(sql "SELECT is_active || deactivated_reason FROM api_keys WHERE user_id = 'soft'")" = 0budget_exceeded ]; }
eventually 5 switched_off
expect_true "the store has switched it off" switched_off
SOFT=$KEY
stop_server
start_server WORKERS=4 REFRESH_SECONDS=1
ask "$body"
expect "after a restart" "$CODE/$(jq -r .error.type "$T/body")" 429/billing_error

# a larger budget: it works again, and the store follows
sql "UPDATE api_keys SET monthly_budget = '5' WHERE user_id = 'soft'"
works() {
    ask "$body"
    [ "$CODE" = 200 ]
}
eventually 5 works
expect "after the budget was raised" "$CODE" 200
eventually 5 bash -c "[ \"\$(sqlite3 -cmd '.timeout 5000' '$DB' \"SELECT is_active FROM api_keys WHERE user_id = 'soft'\")\" = 1 ]"
expect "active again" "$(sql "SELECT is_active, deactivated_reason IS NULL FROM api_keys WHERE user_id = 'soft'")" "1|1"
expect_match "budget headers" "$(cat "$T/head")" 'anthropic-ratelimit-unified-overage-utilization: 0.0'

# last month's sum goes to the history, once
sql "UPDATE api_keys SET budget_mtd_month = '2025-11', budget_used_mtd = '32.114', monthly_budget = '20', is_active = 0, deactivated_reason = 'budget_exceeded' WHERE user_id = 'soft'"
stop_server
start_server WORKERS=4 REFRESH_SECONDS=1
KEY=$SOFT
expect_match "a new month" "$(many 20 20)" '^200=20 $'
eventually 5 bash -c "[ \"\$(sqlite3 -cmd '.timeout 5000' '$DB' \"SELECT is_active FROM api_keys WHERE user_id = 'soft'\")\" = 1 ]"
expect "history" "$(sql "SELECT budget_history, budget_mtd_month = strftime('%Y-%m'), is_active FROM api_keys WHERE user_id = 'soft'")" '{"2025-11":32.11}|1|1'

# --- budget, reserve: never over it, whatever runs at the same time
make_key reserve --monthly-budget 0.05 --budget-mode reserve -l 10000
# 200 tokens of output each: 60 of them cost 0.18 dollars, so some find no money, however quickly each is settled
script tokens-200 0
answer=$(many 60 30)
mock_reset
expect_match "some of 60 at once" "$answer" '^200=[1-9][0-9]* 429=[1-9]'
settled() { [ "$(sql "SELECT CAST(round(budget_used_mtd * 1000000) AS INTEGER) = (SELECT sum(cost_micro) FROM usage WHERE usage.api_key = api_keys.api_key AND success = 1) AND
    (SELECT count(*) FROM usage WHERE usage.api_key = api_keys.api_key AND success = 1) = $(sed 's/200=\([0-9]*\).*/\1/' <<<"$answer") FROM api_keys WHERE user_id = 'reserve'")" = 1 ]; }
expect_true "what was used is what the rows cost" eventually $((5 * SLOW)) settled
expect "never over the budget" "$(sql "SELECT CAST(budget_used_mtd AS REAL) <= 0.05 FROM api_keys WHERE user_id = 'reserve'")" 1
# 1000 tokens hold 0.0152 dollars: with 0.018 to spend there is room for them once
run -- update-key "$KEY_ID" --monthly-budget "$(sql "SELECT budget_used_mtd + 0.018 FROM api_keys WHERE user_id = 'reserve'")"
expect_true "what was held is free again" eventually $((10 * SLOW)) passes

# --- models
make_key models --models 'claude-haiku-*,claude-3-5-haiku-20241022'
ask "$body"
expect "a model that is not allowed" "$CODE" 403
expect_json "its type" .error.type permission_error
ask "$(message hi '{"model":"claude-haiku-4-5"}')"
expect "one that is" "$CODE" 200
make_key other_names --models claude-sonnet-4-5
for name in 'claude-sonnet-4-5[1m]' claude-sonnet-4.5 'claude-sonnet-4.5[1m]'; do
    ask "$(message hi "{\"model\":\"$name\"}")"
    expect "the model under the name $name" "$CODE" 200
done
ask "$(message hi '{"model":"claude-sonnet-4.6"}')"
expect "another model" "$CODE" 403

# --- one key's bodies, announced and never sent, take nothing of the others' room
stop_server
ulimit -S -m 65536 # KiB: so that a worker has room for 32 MiB of bodies
start_server WORKERS=2
ulimit -S -m unlimited
make_key hog
HOG=$KEY
make_key small
announced=()
busy=0
padded=$(message "$(printf 'x%.0s' $(seq 60000))")
for i in $(seq 54); do # the longest first: together they would leave no 30 KB of either worker's room
    length=$((i < 7 ? 16000000 : i < 19 ? 2880000 : i < 44 ? 288000 : 28800))
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
    # shellcheck disable=SC2059
    printf "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: $HOG\r\nContent-Type: application/json\r\nContent-Length: $length\r\n\r\n" >&"$fd"
    announced+=("$fd")
    [ $((i % 3)) -eq 0 ] || continue
    ask "$padded"
    [ "$CODE" = 200 ] || busy=$((busy + 1))
done
expect "small requests of others while 54 bodies are announced" "$busy" 0
for fd in "${announced[@]}"; do
    exec {fd}>&-
done
finish
