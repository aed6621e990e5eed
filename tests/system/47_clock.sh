#!/usr/bin/env bash
# The calendar jumps: a suspended machine wakes, a board without a clock hears of NTP, somebody sets the date. The
# gateway and the mock run under clock_shim.c; both follow $T/world, or only the gateway a clock of its own.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

case $BUILD in */asan)
    skip "half a minute of waiting for clocks; the code is that of the release run"
    finish
    ;;
*/static-* | */emulated-*)
    skip "no library is put before a static program"
    finish
    ;;
esac

# shellcheck source=tests/system/clock.sh
. "$ROOT/tests/system/clock.sh"
make_clock "$T/clock.so" || {
    fail "the shim does not compile"
    finish
}

# under FILE COMMAND...: starts a program whose clock follows FILE
under() {
    local file=$1
    shift
    export LD_PRELOAD=$T/clock.so CLOCK_SHIM=$file ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-}
    "$@"
    unset LD_PRELOAD CLOCK_SHIM
}

# start_under FILE [VAR=value...]: launch cleans the environment, so the shim is named there
start_under() {
    local file=$1
    shift
    start_server RATE_LIMIT_REQUESTS_PER_WINDOW=100000 LD_PRELOAD="$T/clock.so" CLOCK_SHIM="$file" ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}" "$@"
}

# watch WHAT: requests for 1.5 s (the refresher looks at the date each second); how many failed, when the last of them
# did, and how long the slowest took (ms)
watch() {
    local begin bad=0 n=0 last=0 slowest=0 before took
    begin=$(now_ms)
    while before=$(now_ms) && [ $((before - begin)) -lt 1500 ]; do
        ask "$(message hi)"
        n=$((n + 1))
        took=$(($(now_ms) - before))
        slowest=$((took > slowest ? took : slowest))
        [ "$CODE" = 200 ] || {
            bad=$((bad + 1))
            last=$(($(now_ms) - begin))
            cp "$T/body" "$T/bad"
        }
    done
    echo "  $1: $bad of $n requests failed, the last after $last ms; the slowest took $slowest ms"
    expect_below "$1: right again after, ms" "$last" 2000
    expect "$1: nobody noticed" "$bad$(cat "$T/bad" 2>/dev/null)" 0
    rm -f "$T/bad"
}

DAY=86400000
printf '\0\0\0\0\0\0\0\0' >"$T/world"
cp "$T/world" "$T/own"
under "$T/world" start_mock
start_under "$T/world"
make_key alice
ask "$(message hi)"
expect "before" "$CODE" 200

# the world's time is what the gateway's clock shows after the step
shift_clock "$T/world" $((2 * DAY))
watch "2 days on"
shift_clock "$T/world" $DAY
watch "1 day back"
shift_clock "$T/world" $((40 * DAY))
watch "39 days on"
shift_clock "$T/world" 0
watch "40 days back"
# 2 s after a midnight, then 5 s back
real=$(now_ms)
shift_clock "$T/world" $(((real / DAY + 1) * DAY + 2000 - real))
watch "just after midnight"
shift_clock "$T/world" $(((real / DAY + 1) * DAY - 3000 - $(now_ms)))
watch "some seconds back over midnight, and over it again"

# a budget that is used up stays so over the border of a month and back; a new month is a new one
refused_for_budget() { expect "$1" "$CODE $(jq -r .error.type "$T/body")" "429 billing_error"; }
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" 'SELECT count(*) FROM usage'; }
spend() { ask "$(message 'say: hello' '{"max_tokens":1000}')"; }
shift_clock "$T/world" 0
base=$(($(date -d "$(date -u +%Y-%m-15)T12:00:00Z" +%s%3N) - $(now_ms))) # the 15th of this month
shift_clock "$T/world" "$base"
make_key spender --monthly-budget 0.0001
eventually 3 spend
ask "$(message hi)"
ask "$(message hi)"
refused_for_budget "used up"
for days in -20 -50 -400; do
    shift_clock "$T/world" $((base + days * DAY))
    ask "$(message hi)"
    refused_for_budget "the clock goes $days days"
    sleep 1.1 # the refresher has looked
    ask "$(message hi)"
    refused_for_budget "the clock goes $days days, a second later"
    shift_clock "$T/world" "$base"
    ask "$(message hi)"
    refused_for_budget "and is set right"
done
for days in 20 50 380; do
    shift_clock "$T/world" $((base + days * DAY))
    before=$(rows)
    ask "$(message hi)"
    expect "the clock goes $days days: a new month" "$CODE" 200
    eventually 3 eval '[ "$(rows)" -gt "$before" ]' # the row is stored
    sleep 1.2 # the table is read again
    shift_clock "$T/world" "$base"
    ask "$(message hi)"
    refused_for_budget "and is set right"
    sleep 1.1
    ask "$(message hi)"
    refused_for_budget "and is set right, a second later"
done
shift_clock "$T/world" 0
stop_server

# credentials of an hour, and the machine sleeps for two days: they are renewed when it wakes
start_under "$T/world" AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= AWS_CONTAINER_CREDENTIALS_FULL_URI="$MOCK_URL/credentials"
make_key carol
ask "$(message hi)"
expect "with credentials of the container" "$CODE $(grep -c 'credentials: from container' "$T/server.log")" "200 1"
shift_clock "$T/world" $((2 * DAY))
watch "asleep with credentials of an hour"
eventually 5 eval '[ "$(grep -c "credentials: from container" "$T/server.log")" -ge 2 ]'
expect "they were renewed" "$(grep -c 'credentials: from container' "$T/server.log")" 2
shift_clock "$T/world" 0
stop_server

# only the gateway's clock goes wrong: AWS's Date tells, and so does it when the clock is put right
shift_clock "$T/world" 0
start_under "$T/own"
make_key bob
shift_clock "$T/own" $((2 * DAY))
watch "its own clock 2 days on"
shift_clock "$T/own" $((-DAY))
watch "its own clock 3 days back"
shift_clock "$T/own" 0
watch "its own clock right again"

finish
