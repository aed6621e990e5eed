#!/usr/bin/env bash
# Five lanes, each with a trouble of its own: two token buckets, a slow one that is throttled, a brownout, and one that
# does not have the model. LANES_REQUESTS (1000), of 200 conversations, sixteen at a time.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

REQUESTS=${LANES_REQUESTS:-1000}
CONVERSATIONS=200
REGIONS=(us-west-2 us-east-1 us-east-2 us-west-1 us-south-1)
FAULTS=("bucket-100 slow-first-20" "bucket-100 slow-first-20" "throttle-share-20 slow-first-60" "brownout-30 slow-first-20" absent)
URLS=() LANES=

for i in 0 1 2 3 4; do
    "$MOCK" --port 0 --quiet >"$T/lane$i.out" 2>"$T/lane$i.log" &
done
for i in 0 1 2 3 4; do
    eventually 5 grep -q listening "$T/lane$i.out" || fail "lane $i did not start"
    URLS[i]=http://$(sed -n 's/.*listening on //p' "$T/lane$i.out")
    LANES+=${LANES:+,}${REGIONS[$i]}=${URLS[$i]}
    curl -fsS -o /dev/null -d "{\"model\":\"claude\",\"fault\":\"${FAULTS[$i]}\",\"count\":0}" "${URLS[$i]}/__script"
done
start_server BEDROCK_LANES="$LANES" BEDROCK_ENDPOINT_URL= LOG_FORMAT=json METRICS_TOKEN=off RATE_LIMIT_REQUESTS_PER_WINDOW=1000000
make_key alice

each=$(((REQUESTS + CONVERSATIONS - 1) / CONVERSATIONS))
for ((i = 0; i < REQUESTS; i++)); do
    c=$(((i / (16 * each) * 16 + i % 16) % CONVERSATIONS))
    [ -f "$T/say.$c" ] || printf '{"model":"%s","max_tokens":20,"messages":[{"role":"user","content":"conversation %s"}]}' "$MODEL" $c >"$T/say.$c"
    printf 'next\nurl = "%s/v1/messages"\nheader = "x-api-key: %s"\nheader = "content-type: application/json"\nheader = "x-claude-code-session-id: c%s."\ndata-binary = "@%s"\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\n' \
        "$URL" "$KEY" $c "$T/say.$c"
done | tail -n +2 >"$T/config"
codes=$(curl -s -Z --parallel-immediate --parallel-max 8 -K "$T/config" 2>/dev/null | sort | uniq -c | sed 's/^ *//' | paste -sd' ')
good=$(awk '{ for (i = 2; i <= NF; i += 2) if ($i == 200) n += $(i - 1) } END { print n + 0 }' <<<"$codes")
calls=0
for i in 0 1 2 3 4; do
    read -r all refused <<<"$(curl -fsS "${URLS[$i]}/__ledger" | jq -r '"\(.requests) \(.refused)"')"
    calls=$((calls + all))
    echo "  ${REGIONS[$i]} (${FAULTS[$i]}): $all calls, $refused refused"
done
eventually 5 eval '[ "$(grep -c "\"session\":\"c" "$T/server.log")" -ge $REQUESTS ]'
kept=$(grep '"session":"c' "$T/server.log" | jq -r 'select(.status == 200) | "\(.session) \(.lane)"' | sort | uniq -c |
    awk '{ all[$2] += $1; if ($1 > most[$2]) most[$2] = $1 } END { for (c in all) { n += all[c]; m += most[c] } print int(1000 * m / n) }')
echo "  $REQUESTS requests: $codes; $calls calls; $kept/1000 on their conversation's lane"
# none of them is healthy: a request may meet two faults of the only one that is open
expect_true "99 % are answered ($good)" test $((good * 100)) -ge $((REQUESTS * 99))
expect_below "ten times the calls" $((calls * 10)) $((REQUESTS * 13))
# a conversation of eight requests, each lane closed every few: most stay
expect_true "most of a conversation is on one lane ($kept)" test "$kept" -ge 700

finish
