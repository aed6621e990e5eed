#!/usr/bin/env bash
# Lanes: a throttled region, one that is out, one of another account, one without the model; and what the client,
# the prompt cache and the health of a lane have of it.
#   LANES_REQUESTS=10000 LANES_OUT=30 tests/system/83_lanes.sh     the whole of it (2,000 and 4 s otherwise)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

REQUESTS=${LANES_REQUESTS:-2000}
OUT_S=${LANES_OUT:-4}
CONVERSATIONS=200

declare -a LANE_PID LANE_URL

# lane N [options...]: a mock of its own
lane() {
    local n=$1
    shift
    rm -f "$T/lane$n.out" # of one before
    "$MOCK" --port "${LANE_PORT[$n]:-0}" --quiet "$@" >"$T/lane$n.out" 2>"$T/lane$n.log" &
    LANE_PID[n]=$!
    eventually 5 grep -q listening "$T/lane$n.out" || fail "lane $n did not start"
    LANE_URL[n]=http://$(sed -n 's/.*listening on //p' "$T/lane$n.out")
    LANE_PORT[n]=${LANE_URL[$n]##*:}
}
declare -a LANE_PORT
lane_out() { # N: gone, like a region that is
    kill "${LANE_PID[$1]}"
    wait "${LANE_PID[$1]}" 2>/dev/null
}
# on N COMMAND...: script, ledger and mock_reset of that lane
on() {
    local MOCK_URL=${LANE_URL[$1]}
    shift
    "$@"
}

# say C K: the K-th turn of conversation C, to a file
say() {
    cat <<-JSON
	{"model":"$MODEL","max_tokens":20,"system":"You are helpful.","messages":[{"role":"user","content":"conversation $1"},
	{"role":"assistant","content":"yes"},{"role":"user","content":"turn $2"}]}
	JSON
}

# many N CLIENTS NAME: N requests of all conversations, 16 of them at a time; statuses, counted
many() {
    local i c each=$((($1 + CONVERSATIONS - 1) / CONVERSATIONS))
    for ((i = 0; i < $1; i++)); do
        c=$(((i / (16 * each) * 16 + i % 16) % CONVERSATIONS))
        printf 'next\nurl = "%s/v1/messages"\nheader = "x-api-key: %s"\nheader = "content-type: application/json"\nuser-agent = "%s-%s"\nheader = "x-claude-code-session-id: conversation-%s"\nheader = "anthropic-version: 2023-06-01"\ndata-binary = "@%s"\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\n' \
            "$URL" "$KEY" "$3" $c $c "$T/say.$c"
    done | tail -n +2 >"$T/config"
    curl -s -Z --parallel-immediate --parallel-max "$2" -K "$T/config" | sort | uniq -c | sed 's/^ *//' | paste -sd' '
}

# told NAME: log lines of those requests
told() { grep -o '{.*"request_id".*' "$T/server.log" | grep "\"agent\":\"$1-"; }
eventually_told() { # NAME N
    eventually $((5 * SLOW)) eval '[ "$(told "'"$1"'" | wc -l)" -ge '"$2"' ]'
}
metric() { # NAME LANE
    call /metrics
    sed -n "s/^llm_api_converter_$1{lane=\"$2\"} \\([0-9]*\\).*/\\1/p" "$T/body"
}

lane 0
lane 1
lane 2 --access-key ASIAROLE210987654321 --secret mock-role-secret-210987654321 --token mock-role-token-210987654321
MOCK_URL=
lanes="us-west-2=${LANE_URL[0]},us-east-1=${LANE_URL[1]}"
start_server BEDROCK_LANES="$lanes" BEDROCK_ENDPOINT_URL= LOG_FORMAT=json RATE_LIMIT_REQUESTS_PER_WINDOW=1000000 RATE_LIMIT_WINDOW_SECONDS=86400 METRICS_TOKEN=off
make_key alice
for ((c = 0; c < CONVERSATIONS; c++)); do
    say $c 1 >"$T/say.$c"
done

# --- home is well ------------------------------------------------------------------------------------------------
expect "all at home" "$(many 50 8 well)" "50 200"
expect "nothing goes elsewhere" "$(on 1 ledger .requests)" 0
eventually_told well 50
expect "the log tells where" "$(told well | jq -r '"\(.lane) \(.moved)"' | sort | uniq -c | sed 's/^ *//')" "50 us-west-2 false"

# --- home throttles 80 % of all ----------------------------------------------------------------------------------
# Each answer takes 20 ms, so that the run lasts longer than a closing does.
on 0 mock_reset
on 0 script throttle-share-80,slow-first-20 0
on 1 script slow-first-20 0
codes=$(many "$REQUESTS" 16 thr)
answered=$(awk '{ for (i = 2; i <= NF; i += 2) if ($i == 200) n += $(i - 1) } END { print n + 0 }' <<<"$codes")
calls=$(($(on 0 ledger .requests) + $(on 1 ledger .requests)))
eventually_told thr "$REQUESTS"
kept=$(told thr | jq -r 'select(.status == 200) | "\(.agent) \(.lane)"' | sort | uniq -c |
    awk '{ all[$2] += $1; if ($1 > most[$2]) most[$2] = $1 } END { for (c in all) { n += all[c]; m += most[c] } print int(1000 * m / n) }')
probes=$(metric lane_probes_total us-west-2)
echo "  $REQUESTS requests of $CONVERSATIONS conversations, home throttles 80 %: $codes; $calls calls; $kept/1000 on their conversation's lane; home probed $probes times"
expect_true "99.9 % are answered ($answered)" test $((answered * 1000)) -ge $((REQUESTS * 999))
expect_below "ten times the calls" $((calls * 10)) $((REQUESTS * 13))
expect_true "95 % of a conversation on one lane ($kept)" test "$kept" -ge 950
expect_true "moves are counted" test "$(metric lane_moves_total us-east-1)" -ge 1
expect_true "conversations that moved are known" test "$(sed -n 's/^llm_api_converter_conversations_moved //p' "$T/body")" -ge 100
expect "throttles are counted" "$(metric lane_throttles_total us-west-2)" "$(on 0 ledger .refused)"
run BEDROCK_LANES="$lanes" BEDROCK_ENDPOINT_URL= -- top --pid "$SERVER_PID" --output json
expect "top tells of lanes" "$(jq -r '.lanes | map(.name) | join(" ")' "$T/out")" "us-west-2 us-east-1"
expect "and of their requests" "$(jq -r '.lanes[0].throttles' "$T/out")" "$(on 0 ledger .refused)"

# --- recovery: those that moved stay, new ones go home -----------------------------------------------------------
on 0 mock_reset
on 1 mock_reset
fresh() { # a conversation that nobody knows: the lane it was on, and the status
    local id=fresh-$RANDOM$RANDOM$RANDOM.
    call /v1/messages -H "x-api-key: $KEY" -H "x-claude-code-session-id: $id" -d "$(say "$id" 1)"
    eventually 3 grep -q "\"session\":\"$id" "$T/server.log"
    grep "\"session\":\"$id" "$T/server.log" | jq -r "${1:-.lane}"
}
home_again() { [ "$(fresh)" = us-west-2 ]; }
began=$(now_ms)
expect_true "new conversations are at home again within 10 s" eventually 10 home_again
echo "  home used again after $(($(now_ms) - began)) ms"
expect "those that moved stay where their cache is" "$(many 200 8 stay)" "200 200"
eventually_told stay 200
expect_below "of 200 moved ones at home" "$(told stay | jq -r .lane | grep -c us-west-2)" 10

# --- home is out for a while ------------------------------------------------------------------------------------
before=$(metric lane_probes_total us-west-2)
on 0 script tokens-400,pace-20 0
for i in 1 2 3; do # streams that are open in it
    curl -sN -H "x-api-key: $KEY" -d "$(say "open$i" 1 | jq -c '. + {stream: true, max_tokens: 4000}')" "$URL/v1/messages" >"$T/open.$i" &
done
eventually 5 eval '[ "$(grep -l content_block_delta "$T"/open.? | wc -l)" = 3 ]'
client() { # N SECONDS: whole answers and streams in turn, of new conversations; "code whole" each
    local n=0 end=$(($(now_ms) + $2 * 1000)) more
    while [ "$(now_ms)" -lt $end ]; do
        n=$((n + 1))
        more='{"stream": true}'
        [ $((n % 2)) = 0 ] || more='{}'
        curl -s -o "$T/client.$1" -w '%{http_code} ' --max-time 20 -H "x-api-key: $KEY" -d "$(say "out$RANDOM$RANDOM" 1 | jq -c ". + $more")" "$URL/v1/messages"
        grep -qE '^event: message_stop|"stop_reason":"end_turn"' "$T/client.$1" && ! grep -q '^event: error' "$T/client.$1" && echo whole
    done
}
lane_out 0
began=$(now_ms)
jobs=()
for i in 1 2 3 4; do
    client $i "$OUT_S" >"$T/out.$i" &
    jobs+=($!)
done
wait "${jobs[@]}"
cat "$T"/out.[1-4] >"$T/out.codes"
expect "nobody notices" "$(sort -u "$T/out.codes")" "200 whole"
expect "but those whose streams were open in it" "$(grep -l '^event: error' "$T"/open.? | wc -l)" 3
probes=$(($(metric lane_probes_total us-west-2) - before))
lane 0
began=$(now_ms)
expect_true "home is used within 10 s of its health" eventually 10 home_again
echo "  home out for $OUT_S s: $(wc -l <"$T/out.codes") requests, all answered; $probes probes; used again after $(($(now_ms) - began)) ms"
expect_below "probes of an outage" "$probes" $((OUT_S / 2 + 4))

# --- a brownout, and Retry-After ---------------------------------------------------------------------------------
on 0 script throttle-for-8 1
expect "throttled at home, answered elsewhere" "$(fresh)" us-east-1
sleep 2
expect "Retry-After is obeyed" "$(fresh)" us-east-1
expect_true "and no longer" eventually 10 home_again
on 0 script brownout-50 0
expect "half of all fail at home: nobody notices" "$(many 200 8 brown)" "200 200"
on 0 mock_reset
eventually 10 home_again

# --- long refusals -----------------------------------------------------------------------------------------------
for fault in day-quota denied absent; do
    MODEL=us.anthropic.claude-$(case $fault in day-quota) echo opus-4-8 ;; denied) echo opus-4-7 ;; *) echo sonnet-4-6 ;; esac)
    on 0 mock_reset
    on 0 script $fault 0
    expect "$fault: answered elsewhere" "$(fresh '"\(.lane) \(.status)"')" "us-east-1 200"
    sleep 1.5
    expect "$fault: known" "$(fresh '"\(.lane) \(.status)"') $(on 0 ledger .refused)" "us-east-1 200 1"
done
MODEL=claude-sonnet-4-5
on 0 mock_reset
on 0 script absent 0
on 1 script absent 0
call /v1/messages -H "x-api-key: $KEY" -d "$(say nobody 1)"
expect "not there anywhere" "$CODE" 404
on 0 mock_reset
on 1 mock_reset
expect "and nothing was learned of it" "$(fresh)" us-west-2

# --- geography ---------------------------------------------------------------------------------------------------
on 0 script throttle 0
on 1 mock_reset
MODEL=eu.anthropic.claude-sonnet-4-5-20250929-v1:0
call /v1/messages -H "x-api-key: $KEY" -d "$(say geo 1)"
expect "a European profile is no affair of us-east-1" "$CODE $(on 1 ledger '.requests')" "429 0"
MODEL=arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abcd1234efgh
call /v1/messages -H "x-api-key: $KEY" -d "$(say geo 1)"
expect "an ARN stays in its region" "$(on 1 ledger '.requests')" 0
MODEL=global.anthropic.claude-sonnet-4-5-20250929-v1:0
expect "a global one goes everywhere" "$(fresh '"\(.lane) \(.status)"')" "us-east-1 200"
MODEL=claude-sonnet-4-5

# --- all doors ---------------------------------------------------------------------------------------------------
before=0
moved() { grep "\"request_id\":\"$1\"" "$T/server.log" | grep '"event":"request"' | tail -n 1 | jq -r '"\(.lane) \(.status)"'; }
door() { # NAME PATH BODY
    before=$((before + 1))
    call "$2" -H "x-api-key: $KEY" -H "x-request-id: door-$before" -H 'content-type: application/json' -d "$3"
    eventually 3 grep -q "\"request_id\":\"door-$before\"" "$T/server.log"
    expect "$1" "$CODE $(moved "door-$before")" "200 us-east-1 200"
}
door chat /v1/chat/completions '{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"door a"}]}'
door "a chat stream" /v1/chat/completions '{"model":"claude-sonnet-4-5","stream":true,"messages":[{"role":"user","content":"door b"}]}'
door responses /v1/responses '{"model":"claude-sonnet-4-5","input":"door c"}'
door "Bedrock's own" /model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse '{"messages":[{"role":"user","content":[{"text":"door d"}]}]}'
door "Bedrock's own stream" /model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream '{"messages":[{"role":"user","content":[{"text":"door e"}]}]}'
door count_tokens /v1/messages/count_tokens '{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"door f"}]}'

# --- rows and limits are what they were, also under kill -9 --------------------------------------------------------
on 0 mock_reset
on 1 mock_reset
on 0 script throttle-share-50,slow-first-200 0
on 1 script slow-first-200 0
make_key bob --rate-limit 150
(
    for _ in 1 2 3 4; do
        sleep 0.2
        for pid in $(processes '^worker'); do
            kill -KILL "$pid"
            break
        done
    done
) &
killer=$!
codes=$(many 300 8 kill)
wait $killer
served=$(($(on 0 ledger '.requests - .refused') + $(on 1 ledger '.requests - .refused')))
expect_below "answers of Bedrock for a limit of 150" "$served" 150
eventually 15 is_ready
rows() { sqlite3 -cmd '.timeout 5000' "$T/state/keys.db" "SELECT count(*) FROM usage JOIN api_keys USING(api_key) WHERE user_id = 'bob' $1"; }
good=$(awk '{ for (i = 2; i <= NF; i += 2) if ($i == 200) n += $(i - 1) } END { print n + 0 }' <<<"$codes")
settled() { # no row has come for a while
    local n
    n=$(rows "")
    sleep 2
    [ "$n" -ge 1 ] && [ "$(rows "")" = "$n" ]
}
eventually 10 settled
echo "  kill -9 under moves: $codes; Bedrock answered $served; rows $(rows ""), good ones $(rows "AND success = 1")"
expect_true "workers died with requests in them" test "$good" -lt 150
expect "each request that was admitted has one row" "$(rows "")" 150
expect_true "and each answer is in one ($good)" test "$(rows "AND success = 1")" -ge "$good"
MODEL=claude-sonnet-4-5
make_key carol
on 0 mock_reset
expect_true "home is used again afterwards" eventually 15 home_again

finish
