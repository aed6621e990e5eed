#!/usr/bin/env bash
# SIGUSR2: the program on disk takes over, nothing lost; one that cannot changes nothing.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

build=$PROGRAM
PROGRAM=$T/program
install -m 755 "$build" "$PROGRAM"
replace() { # FILE: as a package does it, in one step
    install -m 755 "$1" "$PROGRAM.new"
    mv "$PROGRAM.new" "$PROGRAM"
}
says() { grep -q " upgrade: .*$1" "$T/server.log"; }
master() { cat "$T/state/master.pid"; }

start_mock
start_server RATE_LIMIT_ENABLED=false
make_key alice
old=$SERVER_PID
expect "the file names the master" "$(master)" "$old"

# --- programs that cannot ---
printf '#!/bin/sh\nexit 3\n' >"$T/bad"
replace "$T/bad"
kill -USR2 "$old"
eventually $((5 * SLOW)) says 'ended with code 3: this one stays'
expect "a program that ends at once" "$?" 0
chmod 644 "$PROGRAM"
kill -USR2 "$old"
eventually $((5 * SLOW)) says 'refused, this program stays: .*Permission denied'
expect "a program that cannot be executed" "$?" 0
expect "the file still names the old one" "$(master)" "$old"
ask "$(message hi)"
expect "and it answers" "$CODE" 200

# --- one that can, under load: new connections all the time, one kept alive, an open stream ---
replace "$build"
mock_reset
script tokens-60,pace-20
curl -sN --max-time 20 -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages" >"$T/stream" &
stream=$!
eventually 5 grep -q content_block_delta "$T/stream"
message hi >"$T/message"
url=$URL/v1/messages header="x-api-key: $KEY"
curl -s -o /dev/null -w '%{http_code}\n' -H "$header" -d @"$T/message" "$url?[1-1000]" >"$T/kept" &
kept=$!
for _ in $(seq 120); do curl -s -o /dev/null -w '%{http_code}\n' -H "$header" -d @"$T/message" "$url"; done >"$T/fresh" &
fresh=$!
sleep 0.2
kill -USR2 "$old"
eventually $((10 * SLOW)) says 'ready: process .* may go'
expect "the new program takes over" "$?" 0
wait "$kept" "$fresh" "$stream"
expect "kept connection: answers" "$(sort "$T/kept" | uniq -c | tr -s ' ')" " 1000 200"
expect "new connections: answers" "$(sort "$T/fresh" | uniq -c | tr -s ' ')" " 120 200"
expect "open stream is finished" "$(grep -c '^event: message_stop' "$T/stream")" 1
wait "$old"
expect "the old one ends well" "$?" 0
new=$(master)
expect_true "another process is the master" test "$new" != "$old"
expect_true "and runs" is_running "$new"
SERVER_PID=$new
expect "workers" "$(processes '^worker' | wc -l)" 2
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" 'SELECT count(*) FROM usage'; }
rows_are_there() { [ "$(rows)" = 1122 ]; }
eventually $((10 * SLOW)) rows_are_there
expect "a usage row for each request" "$(rows)" 1122
ask "$(message hi)"
expect "requests go on" "$CODE" 200

# --- one whose credentials are late: nobody is refused meanwhile ---
kill -TERM "$new"
eventually $((10 * SLOW)) is_gone "$new"
SERVER_PID=
printf '[default]\naws_access_key_id = AKIAMOCKMOCKMOCKMOCK\naws_secret_access_key = mock-secret-access-key\n' >"$T/aws"
start_server RATE_LIMIT_ENABLED=false AWS_ACCESS_KEY_ID= AWS_SECRET_ACCESS_KEY= AWS_SHARED_CREDENTIALS_FILE="$T/aws" AWS_CONFIG_FILE=/nonexistent
old=$SERVER_PID
mv "$T/aws" "$T/aws.away"
takes=$(grep -c 'upgrade: ready' "$T/server.log")
kill -USR2 "$old"
for _ in $(seq 60); do
    curl -s -o /dev/null -w '%{http_code}\n' -H "$header" -d @"$T/message" "$url"
    sleep 0.02
done >"$T/late"
expect "without credentials: answers" "$(sort "$T/late" | uniq -c | tr -s ' ')" " 60 200"
expect "it has not taken over" "$(grep -c 'upgrade: ready' "$T/server.log")" "$takes"
expect "the old one is the master" "$(master)" "$old"
mv "$T/aws.away" "$T/aws"
takes_over() { [ "$(grep -c 'upgrade: ready' "$T/server.log")" -gt "$takes" ]; }
eventually $((25 * SLOW)) takes_over
expect "with them it does" "$?" 0
wait "$old"
new=$(master)
SERVER_PID=$new
ask "$(message hi)"
expect "and answers" "$CODE" 200

kill -TERM "$new"
eventually $((10 * SLOW)) is_gone "$new"
expect "the new one stops" "$?" 0
SERVER_PID=
expect_true "and takes its file away" test ! -e "$T/state/master.pid"
finish
