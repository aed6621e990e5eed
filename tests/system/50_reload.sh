#!/usr/bin/env bash
# SIGHUP: new settings for new workers, nothing lost, a bad file changes nothing.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

reload() { # waits for the master's word
    local before
    before=$(grep -c ' reload' "$T/server.log")
    kill -HUP "$SERVER_PID"
    eventually $((5 * SLOW)) bash -c "[ \"\$(grep -c ' reload' '$T/server.log')\" -gt $before ]" || fail "SIGHUP: no answer in the log"
}
environment_of_health() { curl -fs "$URL/health" | jq -r .environment; }

start_mock
echo 'ENVIRONMENT=development' >"$T/.env"
start_server
make_key alice
old=$(processes '^worker')

echo 'ENVIRONMENT=staging' >"$T/.env"
reload
eventually $((5 * SLOW)) bash -c "[ \"\$(curl -fs $URL/health | jq -r .environment)\" = staging ]"
expect "new setting" "$(environment_of_health)" staging
for pid in $old; do
    eventually $((5 * SLOW)) is_gone "$pid"
    expect "old worker $pid is gone" "$?" 0
done
expect "workers" "$(processes '^worker' | wc -l)" 2

echo 'ENVIRONMENT=nowhere' >"$T/.env"
reload
expect_match "bad file is told" "$(tail -20 "$T/server.log")" 'ENVIRONMENT'
expect "and changes nothing" "$(environment_of_health)" staging
ask "$(message hi)"
expect "requests go on" "$CODE" 200

# under load: new connections all the time, one kept alive, and an open stream
echo 'ENVIRONMENT=production' >"$T/.env"
script tokens-60,pace-20
curl -sN --max-time 20 -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages" >"$T/stream" &
stream=$!
curl -s -o /dev/null -w '%{http_code}\n' "$URL/health?[1-1500]" >"$T/kept" &
kept=$!
for _ in $(seq 120); do curl -s -o /dev/null -w '%{http_code}\n' "$URL/health"; done >"$T/fresh" &
fresh=$!
sleep 0.2
reload
sleep 0.3
reload
wait "$kept" "$fresh" "$stream"
expect "kept connection: answers" "$(sort "$T/kept" | uniq -c | tr -s ' ')" " 1500 200"
expect "new connections: answers" "$(sort "$T/fresh" | uniq -c | tr -s ' ')" " 120 200"
expect "open stream is finished" "$(grep -c '^event: message_stop' "$T/stream")" 1
eventually $((5 * SLOW)) bash -c "[ \"\$(curl -fs $URL/health | jq -r .environment)\" = production ]"
expect "newest setting" "$(environment_of_health)" production
stop_server
expect "exit code" "$CODE" 0
finish
