#!/usr/bin/env bash
# Others cut the journal's file while it is mapped (truncate, a log rotator's copytruncate) or write into it: nobody
# dies, every request is answered and recorded, what waited for the store comes out of the copy, damage is no row.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DB=$T/state/keys.db
JOURNAL=$T/state/usage.journal
rows() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
usage_is() { [ "$(rows "SELECT count(*) FROM usage$2")" = "$1" ]; }
stored() { eventually $((5 * SLOW)) usage_is "$@"; }
size_is() { [ "$(stat -c %s "$JOURNAL")" = "$1" ]; }
lines() { grep -c "$1" "$T/server.log"; }
asks() { # ID BODY: its status; what it says in $T/said.ID
    curl -sSN -o "$T/said.$1" -w '%{http_code}\n' --max-time 60 -H "x-api-key: $KEY" -H "x-request-id: $1" -H 'content-type: application/json' \
        -d "$2" "$URL/v1/messages" 2>/dev/null
}
body=$(message hi)
stream=$(message hi '{"stream":true}')

start_mock
start_server RATE_LIMIT_ENABLED=false REFRESH_SECONDS=1 MASTER_API_KEY=correct-horse-battery-staple
make_key alice
asks first "$body" >/dev/null
stored 1 ""
size=$(stat -c %s "$JOURNAL")

# --- a request runs, nothing waits: it is recorded all the same
script tokens-150,pace-20
: >"$T/said.long"
asks long "$stream" >"$T/long" &
pid=$!
eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T/said.long"
truncate -s 0 "$JOURNAL"
wait "$pid"
expect "a stream over a cut" "$(cat "$T/long")" 200
stored 1 " WHERE request_id = 'long' AND success = 1 AND output_tokens = 150"
expect "its row" "$?" 0
expect "the file is whole again" "$(stat -c %s "$JOURNAL")" "$size"
expect "one line says so" "$(lines 'was cut to')" 1

# --- nobody asks anything
truncate -s 5000 "$JOURNAL"
eventually $((3 * SLOW)) size_is "$size"
expect "the file is whole again without a request" "$?" 0

# --- under load, again and again
for i in 1 2 3 4; do
    for j in $(seq 25); do asks "load-$i-$j" "$body"; done >"$T/load.$i" &
done
for _ in $(seq 15); do
    truncate -s 0 "$JOURNAL"
    sleep 0.1
done
# shellcheck disable=SC2046 # pids
wait $(jobs -p | grep -vxF "$SERVER_PID" | grep -vxF "$MOCK_PID")
expect "requests while the file is cut 15 times" "$(sort "$T"/load.* | uniq -c | tr -s ' ')" " 100 200"
expect "nobody died" "$(lines 'starting it again')" 0

# --- a copy, then the cut, while the store is away: all that waited is in the copy
nothing_comes() { # what was not lost has been stored
    before=$(rows "SELECT count(*) FROM usage")
    sleep 2
    [ "$(rows "SELECT count(*) FROM usage")" = "$before" ]
}
eventually $((10 * SLOW)) nothing_comes
sqlite3 "$DB" >"$T/lock" 2>&1 <<<"BEGIN EXCLUSIVE;
.print locked
.shell for _ in \$(seq 600); do [ ! -e $T/free ] || break; sleep 0.1; done" &
eventually $((5 * SLOW)) grep -q locked "$T/lock"
for i in $(seq 20); do asks "waits-$i" "$body"; done >"$T/waits"
expect "requests while the store is away" "$(sort "$T/waits" | uniq -c | tr -s ' ')" " 20 200"
cp -p "$JOURNAL" "$JOURNAL.1" # the owner too, as log rotators do
truncate -s 0 "$JOURNAL"
touch "$T/free"
eventually $((30 * SLOW)) usage_is $((before + 20)) ""
expect "rows out of the copy" "$(rows "SELECT count(*) FROM usage WHERE request_id LIKE 'waits-%'")" 20
expect "each once" "$(rows "SELECT count(*), count(DISTINCT usage_id) FROM usage")" "$((before + 20))|$((before + 20))"
eventually $((10 * SLOW)) test ! -e "$JOURNAL.1" || fail "the copy is not used up"

# --- written into: every record is garbage, the head as well
script tokens-150,pace-20
: >"$T/said.over"
asks over "$stream" >"$T/over" &
pid=$!
eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T/said.over"
head -c "$size" /dev/urandom | dd of="$JOURNAL" conv=notrunc status=none
wait "$pid"
expect "a stream over garbage" "$(cat "$T/over")" 200
stored 1 " WHERE request_id = 'over' AND success = 1"
expect "its row, written anew" "$?" 0
asks after "$body" >/dev/null
stored 1 " WHERE request_id = 'after'"
expect "and the next" "$?" 0
expect "rows that nobody asked for" "$(rows "SELECT count(*) FROM usage WHERE request_id NOT GLOB '[a-z]*'")" 0
expect_true "damage is counted" told_by_metrics '^llm_api_converter_usage_damaged_total [1-9]' -H 'x-api-key: correct-horse-battery-staple'
expect_true "and kept aside" test -s "$JOURNAL.damaged"
expect "nobody died at all" "$(lines 'starting it again')" 0
finish
