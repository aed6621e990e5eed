#!/usr/bin/env bash
# make torture: what make check does in small, for long. Each request that a client saw to its good end must have exactly
# one usage row with the tokens that the client was told; none may have two; the budget is the sum of the costs. In
# phase 1 nobody dies, and the input tokens of all rows are the mock's to the last one. In the others a request may be
# lost with its worker: Bedrock has been asked, the client saw nothing, and the row (there must be one) says
# WORKER_DIED with the tokens that the worker had seen, which may be fewer than Bedrock's.
#
#   TORTURE_REQUESTS=20000   half of them in phase 1, half in phase 2
#   TORTURE_KILLS=200        phase 3: how often everything is killed
#   TORTURE_ROUNDS=20        phase 4: 1,000 requests against a limit of 100
#   TORTURE_STORES="sqlite dynamodb"
# Last line: "torture: N passed, N failed".
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/../system/dynamo.sh"
NAME=torture
REQUESTS=${TORTURE_REQUESTS:-20000}
KILLS=${TORTURE_KILLS:-200}
ROUNDS=${TORTURE_ROUNDS:-20}
PARALLEL=32
here=$ROOT/tests/torture
results=() # of all phases

# --- the store --------------------------------------------------------------------------------------------------

serve() { start_server "${STORE[@]}" WORKERS=4 REFRESH_SECONDS=1 RATE_LIMIT_WINDOW_SECONDS=86400; }
open_store() { # sqlite|dynamodb
    STORE=(STORAGE_BACKEND=sqlite)
    if [ "$1" = dynamodb ]; then
        start_dynamo
        run "${STORE[@]}" -- setup_tables
        expect "setup_tables" "$CODE" 0
    fi
}
rows() { # of the store, as compare.py takes them
    if [ "$store" = dynamodb ]; then
        dynamo __items/anthropic-proxy-usage --max-time 60 |
            jq -r '.[] | [.request_id.S, .usage_id.S, (if .success.BOOL then 1 else 0 end), .input_tokens.N, .output_tokens.N] | @tsv'
    else
        sqlite3 -cmd '.timeout 5000' -separator $'\t' "$T/state/keys.db" \
            'SELECT request_id, usage_id, success, input_tokens, output_tokens FROM usage'
    fi
}
money() { # micro-dollars: in the budget, in the rows
    if [ "$store" = dynamodb ]; then
        dynamo __items/anthropic-proxy-api-keys | jq -r '.[] | select(.user_id.S == "torture") | .budget_used.N | tonumber * 1000000 | round'
        dynamo __items/anthropic-proxy-usage --max-time 60 | jq -r 'map(.cost_micro.N | tonumber) | add'
    else
        sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" "SELECT CAST(round(budget_used * 1000000) AS INTEGER) FROM api_keys WHERE user_id = 'torture'" \
            'SELECT sum(cost_micro) FROM usage'
    fi
}
flap() { # the store goes away for half a second, again and again
    while sleep 1; do
        if [ "$store" = dynamodb ]; then
            trouble down 0
            sleep 0.5
            dynamo_reset
        else
            mv "$T/state/keys.db" "$T/state/keys.away"
            sleep 0.5
            mv "$T/state/keys.away" "$T/state/keys.db"
        fi
    done
}

# --- load and what is looked at -----------------------------------------------------------------------------------

load() { # PHASE COUNT ABORT WHICH
    python3 "$here/load.py" "$URL" "$KEY" "$1" "$2" "$PARALLEL" "$3" "$4" "$T/$1.tsv"
}
progress() { # PHASE COUNT: until the load is over
    while sleep 5; do printf '  %s %s: %s of %s requests\n' "$store" "$1" "$(wc -l <"$T/$1.tsv" 2>/dev/null)" "$2"; done
}
stop_jobs() {
    kill "$@" 2>/dev/null
    wait "$@" 2>/dev/null
}
compared() {
    rows >"$T/rows.tsv"
    python3 "$here/compare.py" "$T/rows.tsv" "${results[@]}" >"$T/compared" 2>"$T/differences"
}
value() { awk -v word="$1" '$1 == word { print $2 }' "$T/compared"; }
is_complete() { compared && [ "$(value missing)" = 0 ]; }
check_rows() { # PHASE
    eventually 300 is_complete
    printf '  %s %s: %s answered, %s rows, outcomes %s\n' "$store" "$1" "$(value answered)" "$(wc -l <"$T/rows.tsv")" \
        "$(cat "${results[@]}" | cut -f2 | sort | uniq -c | awk '{ printf "%s=%s ", $2, $1 }')"
    expect_true "$store $1: there was load" test "$(value answered)" -gt 10
    expect "$store $1: answered without a row" "$(value missing)" 0
    expect "$store $1: other tokens than the client was told" "$(value different)" 0
    expect "$store $1: rows twice" "$(value double)" 0
    expect "$store $1: rows of nobody" "$(value unexplained)" 0
    cat "$T/differences"
    is_balanced() { [ "$(money | sort -u | wc -l)" = 1 ]; }
    eventually 300 is_balanced
    expect "$store $1: the budget is the sum of the costs" "$(money | sort -u | wc -l)" 1
}

# As processes, for several jobs at the same time: pids of the processes whose name fits.
members() {
    env -i PATH="$PATH" STATE_DIR="$T/state" "$PROGRAM" top --pid "$SERVER_PID" --output json 2>/dev/null |
        jq -r --arg name "$1" '.processes[] | select(.state == "ready" and (.name | test($name))) | .pid'
}

# PSS in kB and descriptors of each process, the master first
footprint() {
    local pid
    for pid in "$SERVER_PID" $(members .); do
        echo "$pid $(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup") $(find "/proc/$pid/fd" | wc -l)"
    done | sort -u
}
is_flat() { # BEFORE AFTER: no process has grown by a fifth and 1 MB, or by more descriptors than connections
    join "$1" "$2" | awk -v most="$PARALLEL" '$4 > $2 * 1.2 + 1024 || $5 > $3 + 2 * most { exit 1 }'
}
zombies() { ps -o stat= --ppid "$SERVER_PID" | grep -c Z; }

kill_one() { # REGEX
    local pids
    mapfile -t pids < <(members "$1")
    [ ${#pids[@]} -gt 0 ] && kill -KILL "${pids[RANDOM % ${#pids[@]}]}" && echo "$1" >>"$T/kills"
}
kill_some() { # REGEX SECONDS: one process of that kind, again and again
    while sleep "$2"; do kill_one "$1"; done
}

# --- phases -------------------------------------------------------------------------------------------------------

steady() {
    mock_reset
    progress steady $((REQUESTS / 2)) & local watch=$!
    load steady $((REQUESTS / 2)) 0.02 claude & local loading=$!
    : >>"$T/steady.tsv"
    until [ "$(wc -l <"$T/steady.tsv")" -ge $((REQUESTS / 5)) ]; do sleep 0.2; done
    footprint >"$T/footprint.10" # by now there are all connections and buffers that a full load needs
    wait "$loading"
    results+=("$T/steady.tsv")
    stop_jobs "$watch"
    sleep 1
    footprint >"$T/footprint.100"
    check_rows steady
    expect "$store steady: input tokens of the rows are the mock's" "$(value ledger)" "$(ledger .input_tokens)"
    expect "$store steady: requests are the mock's" "$(wc -l <"$T/rows.tsv")" "$(ledger .requests)"
    expect_true "$store steady: memory and descriptors" is_flat "$T/footprint.10" "$T/footprint.100"
    paste "$T/footprint.10" "$T/footprint.100" | awk '{ printf "  pid %s: %s -> %s kB, %s -> %s descriptors\n", $1, $2, $5, $3, $6 }'
    expect "$store steady: zombies" "$(zombies)" 0
}

# A worker lives for some seconds: the master takes less than one for a crash loop, and most would wait to be started.
chaos() {
    progress chaos $((REQUESTS / 2)) & local watch=$!
    : >"$T/kills"
    kill_some '^worker' 1.5 & local workers=$!
    kill_some '^refresher' 4 & local refreshers=$!
    flap & local flapping=$!
    PAUSE_MS=150 load chaos $((REQUESTS / 2)) 0.02 all
    results+=("$T/chaos.tsv")
    stop_jobs "$watch" "$workers" "$refreshers"
    sleep 2 # not in the middle of a move
    stop_jobs "$flapping"
    [ ! -e "$T/state/keys.away" ] || mv "$T/state/keys.away" "$T/state/keys.db"
    [ "$store" != dynamodb ] || dynamo_reset
    eventually 30 is_ready
    echo "  $store chaos: killed $(sort "$T/kills" | uniq -c | tr -s ' \n' ' ')"
    expect_true "$store chaos: processes were killed" test "$(wc -l <"$T/kills")" -gt 1
    check_rows chaos
    expect "$store chaos: zombies" "$(zombies)" 0
}

total_kills() {
    local round
    # some hundred requests a second: what is to be seen is the dying, not the load
    PARALLEL=4 PAUSE_MS=30 load killed 100000000 0 all & local loading=$!
    for round in $(seq "$KILLS"); do
        sleep "0.$((RANDOM % 6 + 2))"
        # shellcheck disable=SC2046
        kill -KILL "$SERVER_PID" $(cat "/proc/$SERVER_PID/task/$SERVER_PID/children") # the master first
        wait "$SERVER_PID" 2>/dev/null
        [ $((round % 20)) -ne 0 ] || echo "  $store: everything killed $round times"
        serve
    done
    touch "$T/killed.tsv.stop"
    wait "$loading"
    results+=("$T/killed.tsv")
    check_rows "after $KILLS total kills"
}

# One worker dies in each round, and the table is published anew. What it had taken is taken: Bedrock never sees more
# than the limit, and all of it is used.
limits() {
    local round good lost
    for round in $(seq "$ROUNDS"); do
        run "${STORE[@]}" -- create-api-key -u "limit-$round" -n l -l 100 --output json
        KEY=$(jq -r .api_key "$T/out")
        mock_reset
        (
            trap - EXIT # lib.sh's ends the server
            sleep "0.$((RANDOM % 4 + 1))"
            kill_one '^worker'
            run "${STORE[@]}" -- create-api-key -u other -n o --output json
        ) & local trouble=$!
        PARALLEL=200 load "limit-$round" 1000 0 all
        wait "$trouble"
        good=$(cut -f2 "$T/limit-$round.tsv" | grep -c '^200$')
        lost=$(cut -f2 "$T/limit-$round.tsv" | grep -c '^lost$')
        expect "$store round $round: every request has an end" "$(wc -l <"$T/limit-$round.tsv")" 1000
        expect_true "$store round $round: no more than 100 ($good answered, $lost lost, Bedrock saw $(ledger .requests))" \
            test "$good" -le 100 -a "$(ledger .requests)" -le 100
        expect_true "$store round $round: all of the 100 used ($good answered, $lost lost)" test $((good + lost)) -ge 100
        [ $((round % 5)) -ne 0 ] || echo "  $store: $round rounds against the limit, the last with $good answered, $lost lost"
    done
}

# After a failure the whole log is in the build directory: torture.log
keep_log() { [ "$FAILED" -eq 0 ] || cp "$T/server.log" "$BUILD/torture.log"; }
trap 'keep_log; cleanup' EXIT
for store in ${TORTURE_STORES:-sqlite dynamodb}; do
    results=()
    rm -rf "$T/state" "$T"/*.tsv*
    open_store "$store"
    start_mock
    PORT=
    serve
    run "${STORE[@]}" -- create-api-key -u torture -n t -l 1000000000 --output json
    KEY=$(jq -r .api_key "$T/out")
    steady
    chaos
    total_kills
    limits
    stop_server
    expect "$store: exit code" "$CODE" 0
    stop_mock
done
finish
