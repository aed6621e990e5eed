#!/usr/bin/env bash
# Torture of lanes, chains and queues: three regions whose faults change every second, a chain of two models, QUEUE_SECONDS, four
# workers of which one dies every 1.5 s and one is stopped for 0.8 s, a refresher that dies every 4 s, and 56 clients that ask in
# every dialect. Each request that a client saw to its good end has one usage row with what the client was told; none has two;
# each key's budget is the sum of its rows; a key's request limit is exact, and a budget of budget_mode reserve is crossed by no
# more than what requests whose worker died have cost (their hold goes with the worker). At the end nothing is held: no lane is
# closed, nobody waits, no key's concurrency is used up.
#
#   TORTURE_MOVES_SECONDS=60
# Last line: "moves: N passed, N failed".
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
NAME=moves
SECONDS_LONG=${TORTURE_MOVES_SECONDS:-60}
here=$ROOT/tests/torture
A=us.anthropic.claude-sonnet-4-5-20250929-v1:0
B=us.amazon.nova-pro-v1:0
LIMIT=300 BUDGET=0.30
declare -a LANE_URL

on() { # LANE COMMAND...
    local MOCK_URL=${LANE_URL[$1]}
    shift
    "$@"
}
lane() { # N
    "$MOCK" --port 0 --quiet >"$T/lane$1.out" 2>"$T/lane$1.log" &
    eventually 5 grep -q listening "$T/lane$1.out" || fail "lane $1 did not start"
    LANE_URL[$1]=http://$(sed -n 's/.*listening on //p' "$T/lane$1.out")
}
fault() { curl -fsS -o /dev/null -d "{\"model\":\"$1\",\"fault\":\"$2\",\"count\":0}" "$MOCK_URL/__script"; }
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" "$1"; }
metric() { curl -fsS "$URL/metrics" | sed -n "s/^llm_api_converter_$1 \(.*\)/\1/p"; }
member() { # JQ: of top; by itself, for several jobs at a time
    env -i PATH="$PATH" STATE_DIR="$T/state" AWS_REGION=us-west-2 BEDROCK_LANES="$LANES" "$PROGRAM" top --pid "$SERVER_PID" --output json 2>/dev/null | jq -r "$1"
}
load() { # NAME PARALLEL: until $T/NAME.tsv.stop is there
    python3 "$here/load.py" "$URL" "$KEY" "$1" 100000000 "$2" 0.02 all "$T/$1.tsv" &
    LOADS+=($!)
    NAMES+=("$1")
}
kill_some() { # REGEX SECONDS
    local pids
    while sleep "$2"; do
        mapfile -t pids < <(member ".processes[] | select(.state == \"ready\" and (.name | test(\"$1\"))) | .pid")
        [ ${#pids[@]} -eq 0 ] || { kill -KILL "${pids[RANDOM % ${#pids[@]}]}" && echo "$1" >>"$T/kills"; }
    done
}
pause_some() { # a worker that is stopped for longer than its gates are kept for it
    local pids
    while sleep 2; do
        mapfile -t pids < <(member '.processes[] | select(.state == "ready" and (.name | test("^worker"))) | .pid')
        [ ${#pids[@]} -eq 0 ] || { kill -STOP "${pids[0]}" && sleep 0.8 && kill -CONT "${pids[0]}"; }
    done 2>/dev/null
}
change_faults() { # each lane for itself: well, short of tokens, throttled, or half out
    local n model faults=(none none bucket-30 bucket-10 throttle throttle-share-60 brownout-50 stream-throttle-0 slow-first-300)
    while sleep 1; do
        for n in 0 1 2; do
            on $n mock_reset
            for model in sonnet nova qwen; do
                local what=${faults[RANDOM % ${#faults[@]}]}
                [ "$what" = none ] || on $n fault $model "$what"
            done
        done
    done
}

for n in 0 1 2; do lane $n; done
LANES="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]},us-east-2=${LANE_URL[2]}"
start_server BEDROCK_LANES="$LANES" BEDROCK_ENDPOINT_URL= WORKERS=4 REFRESH_SECONDS=1 RATE_LIMIT_WINDOW_SECONDS=86400 METRICS_TOKEN=off \
    QUEUE_SECONDS=8 QUEUE_MAX=60 ANTHROPIC_DEFAULT_SONNET_MODEL="$A,$B"
LOADS=() NAMES=()
: >"$T/kills"
make_key many --rate-limit 1000000000
load many 24
make_key other --rate-limit 1000000000
load other 8
make_key budget --rate-limit 1000000000 --monthly-budget $BUDGET --budget-mode reserve
load budget 8
make_key limited --rate-limit $LIMIT
load limited 8
make_key narrow --rate-limit 1000000000 --max-concurrency 4
NARROW=$KEY
load narrow 8
change_faults & JOBS=($!)
kill_some '^worker' 1.5 & JOBS+=($!)
kill_some '^refresher' 4 & JOBS+=($!)
pause_some & JOBS+=($!)
most=0
for _ in $(seq "$SECONDS_LONG"); do
    sleep 1
    waiting=$(member .queue_waiting)
    [ "${waiting:-0}" -le "$most" ] || most=$waiting
done
for name in "${NAMES[@]}"; do touch "$T/$name.tsv.stop"; done
wait "${LOADS[@]}" # while the faults go on
kill "${JOBS[@]}"
wait "${JOBS[@]}" 2>/dev/null
member '.processes[].pid' | xargs -r kill -CONT # the last one that was stopped
for n in 0 1 2; do on $n mock_reset; done
eventually 30 is_ready

outcomes() { cut -f2 "$T/$1.tsv" | sort | uniq -c | awk '{ printf "%s=%s ", $2, $1 }'; }
for name in "${NAMES[@]}"; do echo "  $name: $(outcomes "$name")"; done
echo "  killed: $(sort "$T/kills" | uniq -c | tr -s ' \n' ' '); moves between models $(metric model_moves_total), waited $(metric requests_queued_total), at once $most; between lanes $(curl -fsS "$URL/metrics" | awk '/^llm_api_converter_lane_moves_total/ { n += $2 } END { print n }')"
expect_true "processes were killed" test "$(wc -l <"$T/kills")" -gt $((SECONDS_LONG / 3))
expect_true "requests moved between models" test "$(metric model_moves_total)" -gt 10
expect_true "and waited" test "$(metric requests_queued_total)" -gt 10

# --- rows
compared() {
    rows 'SELECT request_id, usage_id, success, input_tokens, output_tokens FROM usage' | tr '|' '\t' >"$T/rows.tsv"
    python3 "$here/compare.py" "$T/rows.tsv" "$T"/*.tsv.done >"$T/compared" 2>"$T/differences"
}
for name in "${NAMES[@]}"; do cp "$T/$name.tsv" "$T/$name.tsv.done"; done
value() { awk -v word="$1" '$1 == word { print $2 }' "$T/compared"; }
is_complete() { compared && [ "$(value missing)" = 0 ] && [ "$(metric usage_journal_open)$(metric usage_journal_waiting)" = 00 ]; }
eventually 60 is_complete
compared
echo "  $(value answered) answered, $(wc -l <"$T/rows.tsv") rows, $(rows "SELECT count(*) FROM usage WHERE error_message = 'WORKER_DIED'") of workers that died"
expect_true "there was load" test "$(value answered)" -gt $((SECONDS_LONG * 5))
expect "answered without a row" "$(value missing)" 0
expect "other tokens than the client was told" "$(value different)" 0
expect "rows twice" "$(value double)" 0
expect "rows of nobody" "$(value unexplained)" 0
cat "$T/differences"

# --- money and limits
sums() {
    rows "SELECT count(*) FROM api_keys k WHERE CAST(round(budget_used * 1000000) AS INTEGER) <>
        (SELECT coalesce(sum(cost_micro), 0) FROM usage u WHERE u.api_key = k.api_key)"
}
is_balanced() { [ "$(sums)" = 0 ]; }
eventually 60 is_balanced
expect "budgets that are not the sum of their rows" "$(sums)" 0
of() { rows "SELECT coalesce($2, 0) FROM usage WHERE api_key = (SELECT api_key FROM api_keys WHERE user_id = '$1') $3"; }
spent=$(of budget 'sum(cost_micro)' '') died=$(of budget 'sum(cost_micro)' "AND error_message = 'WORKER_DIED'")
most_micro=$(awk -v b=$BUDGET 'BEGIN { print b * 1000000 }')
echo "  budget: $spent of $most_micro micro-dollars, $died of them by requests of workers that died"
expect_true "the budget is not crossed by those who lived" test $((spent - died)) -le "$most_micro"
expect_true "it is used" test "$spent" -gt $((most_micro / 10))
admitted=$(of limited 'count(*)' '')
echo "  limited to $LIMIT requests: $admitted rows"
expect_true "the request limit is exact" test "$admitted" -le $LIMIT
expect_true "and used up" test $((admitted + $(cut -f2 "$T/limited.tsv" | grep -c '^lost$'))) -ge $LIMIT
expect "no row has a model that is none of its name's" "$(rows "SELECT count(*) FROM usage WHERE model = 'claude-sonnet-4-5' AND resolved_model NOT IN ('$A', '$B')")" 0

# --- nothing is left behind
is_open() { [ "$(member '[.queue_waiting, (.lanes | map(.closed_models) | add)] | add')" = 0 ]; }
KEY=$NARROW
tidy() {
    local i
    for i in 1 2 3 4; do ask "$(message "again $RANDOM $i")"; [ "$CODE" = 200 ] || return 1; done
    for i in 1 2 3 4; do ask "$(message "again $RANDOM $i" "{\"model\":\"$B\"}")"; [ "$CODE" = 200 ] || return 1; done
    for i in 1 2 3 4; do ask "$(message "again $RANDOM $i" '{"model":"qwen.qwen3-coder-480b-a35b-v1:0"}')"; [ "$CODE" = 200 ] || return 1; done
    is_open
}
expect_true "all lanes are open again, and nobody waits" eventually 30 tidy
member '[.queue_waiting, .lanes]' | tr -d ' \n' | head -c 1500
echo
curl -sS --parallel --parallel-immediate --parallel-max 4 -o /dev/null -w '%{http_code}\n' -H "x-api-key: $KEY" -H 'content-type: application/json' \
    -d "$(message hi)" "$URL/v1/messages?[1-4]" >"$T/four"
expect "nothing of the key's concurrency is held" "$(sort "$T/four" | uniq -c | tr -s ' ' | tr -d '\n')" " 4 200"
now=$(metric requests_queued_total)
ask "$(message last)"
expect "nobody waits for nobody" "$CODE $(header x-converter-waited-ms) $(($(metric requests_queued_total) - now))" "200  0"
expect "no assertion failed" "$(grep -c 'assertion\|Assertion\|SIGABRT\|SIGSEGV' "$T/server.log")" 0
stop_server
expect "exit code" "$CODE" 0
[ "$FAILED" -eq 0 ] || cp "$T/server.log" "$BUILD/torture-moves.log"
finish
