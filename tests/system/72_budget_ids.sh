#!/usr/bin/env bash
# A budget of one cent in reserve mode holds for every id there is - known or not, ARN or not - whatever is asked of it by
# eight clients at once; and every id that has a price answers under a budget that suffices, or says that it has retired.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DATA=$ROOT/tests/data
DB=$T/state/keys.db
ACCOUNT=arn:aws:bedrock:us-west-2:123456789012
rows() { sqlite3 -separator $'\t' -cmd '.timeout 5000' "$DB" "$1"; }
row_count() { [ "$(rows 'SELECT count(*) FROM usage')" = "$1" ]; }
nothing_waits() { # the rows stop coming
    local before
    before=$(rows 'SELECT count(*) FROM usage')
    sleep 2
    [ "$(rows 'SELECT count(*) FROM usage')" = "$before" ]
}
works() { [ "$(curl -s -o /dev/null -w '%{http_code}' -H "x-api-key: $1" -d '{}' "$URL/v1/messages")" = 400 ]; }

{
    grep -v '^#' "$DATA/bill-ids.txt"
    # ids that nobody has heard of, of makes that are known and of others
    printf '%s\n' acme.thinker-9-v1:0 us.acme.thinker-9-v1:0 openai.gpt-9 global.openai.gpt-9-nova anthropic.claude-opus-9 \
        eu.anthropic.claude-saga-7-20271231-v1:0 mx.anthropic.claude-opus-4-8 amazon.nova-9-pro-v1:0 xai.grok-99 nobody.knows
    # ARNs: with a name in them, and without
    for id in us.anthropic.claude-opus-4-8 eu.anthropic.claude-sonnet-4-5-20250929-v1:0 us.amazon.nova-pro-v1:0 us.openai.gpt-6-astra; do
        echo "$ACCOUNT:inference-profile/$id"
        echo "arn:aws:bedrock:us-west-2::foundation-model/${id#*.}"
    done
    printf '%s\n' "$ACCOUNT:application-inference-profile/k3v9x0q7t2ab" "$ACCOUNT:provisioned-model/abcdefghijkl" \
        "$ACCOUNT:imported-model/k3v9x0q7t2ab" "$ACCOUNT:custom-model-deployment/k3v9x0q7t2ab" \
        "$ACCOUNT:default-prompt-router/anthropic.claude:1" "$ACCOUNT:prompt-router/k3v9x0q7t2ab"
} >"$T/ids"
COUNT=$(wc -l <"$T/ids")

# bodies ID-NUMBER ID: five requests, each asking for as much as it may: all of its max_tokens, half of its input written
# to the cache; one lets the gateway choose the maximum, and takes all of that.
write_day() { # NAME: "cent" five requests an id, "enough" one
    awk -v dir="$T/$1" -v url="$URL" -v key="sk-$1-" -v cent="$([ "$1" = cent ] && echo 1)" '
        function send(path, body,    file) {
            file = dir "/" ++n
            print body > file
            close(file)
            printf "%surl = \"%s/v1/%s\"\nheader = \"x-api-key: %s%d\"\nheader = \"content-type: application/json\"\n", (n > 1 ? "next\n" : ""), url,
                path, key, NR
            printf "header = \"x-request-id: %s\"\ndata-binary = \"@%s\"\noutput = \"%s.out\"\nsilent\nwrite-out = \"%d %%{http_code}\\n\"\n", NR, file,
                file, NR
        }
        function ask(most, more, words) {
            return "{\"model\":\"" $0 "\"," (most ? "\"max_tokens\":" most "," : "") more "\"messages\":[{\"role\":\"user\",\"content\":\"" words "\"}]}"
        }
        function used(out, wide) { return sprintf("%*s usage %d %d 0 %d 0", wide, "x", wide / 8, out, wide / 8) }
        BEGIN { while (length(long) < 12000) long = long "all the rest of it " }
        {
            if (!cent) { send("messages", ask(100, "", "hi")); next }
            send("messages", ask(64, "\"stream\":true,", used(64, 400)))
            send("messages", ask(2000, "", used(2000, 1600)))
            send("messages", ask(300, "\"service_tier\":\"priority\",", used(300, 200)))
            send("chat/completions", ask(0, "", "say: " long))
            send("chat/completions", ask(300, "\"stream\":true,", used(300, 3000)))
        }' "$T/ids" >"$T/$1/curl"
}

start_mock
start_server
same_month 100
# Keys are written as older tools wrote them, in clear: one an id and budget, thousands of commands would take too long.
run -- create-api-key -u first -n test
for name in cent enough; do
    mkdir "$T/$name"
    [ "$name" = cent ] && budget=0.01 || budget=1000
    awk -v name="$name" -v budget="$budget" 'BEGIN { print "BEGIN;" } {
        printf "INSERT INTO api_keys(api_key, user_id, name, created_at, updated_at, rate_limit, monthly_budget, budget_mode) VALUES(%csk-%s-%d%c, %c%s%c, %c%s%c, 1, 1, 100000, %c%s%c, %creserve%c);\n",
            39, name, NR, 39, 39, $0, 39, 39, name, 39, 39, budget, 39, 39, 39 } END { print "COMMIT;" }' "$T/ids" >"$T/keys.sql"
    sqlite3 -cmd '.timeout 5000' "$DB" <"$T/keys.sql"
    write_day "$name"
done
eventually $((10 * SLOW)) works "sk-enough-$COUNT"

curl -Z --parallel-max 8 -K "$T/cent/curl" 2>"$T/curl.err" | sort -n >"$T/codes"
expect "requests of one cent" "$(wc -l <"$T/codes")" $((5 * COUNT))
eventually $((10 * SLOW)) nothing_waits
rows "SELECT k.user_id, sum(u.cost_micro) FROM api_keys k JOIN usage u USING(api_key) WHERE k.name = 'cent' GROUP BY k.user_id HAVING sum(u.cost_micro) > 10000" >"$T/over"
while IFS=$'\t' read -r id cost; do fail "one cent is crossed by $id: $cost"; done <"$T/over"
expect "ids that cross one cent" "$(wc -l <"$T/over")" 0
# the same by prices that are not the program's
rows "SELECT row_number() OVER (), 'x', resolved_model, 0, u.service_tier, input_tokens, output_tokens, cached_tokens, cache_write_input_tokens,
    cache_write_1h_tokens, k.user_id FROM usage u JOIN api_keys k USING(api_key) WHERE k.name = 'cent'" |
    awk -F'\t' 'NR == FNR { known[$1]; next } $3 in known' "$DATA/bill-prices.tsv" - >"$T/spent"
awk -f "$DATA/bill.awk" "$DATA/bill-prices.tsv" "$T/spent" | paste - "$T/spent" |
    awk -F'\t' '{ sum[$13] += $2 } END { for (id in sum) if (sum[id] > 10000) print id, sum[id] }' >"$T/over"
expect "ids that cross one cent, by the list" "$(cat "$T/over")" ""
expect_true "rows of listed ids" [ "$(wc -l <"$T/spent")" -gt 500 ]
expect "answers that cost nothing" "$(rows "SELECT count(*) FROM usage WHERE success = 1 AND output_tokens > 0 AND cost_micro = 0")" 0
expect "what is answered otherwise" "$(awk '{ print $2 }' "$T/codes" | sort -u | grep -vE '^(200|403|404|429)$')" ""
# the test would not see much if little were answered
used=$(rows "SELECT count(DISTINCT api_key) FROM usage JOIN api_keys USING(api_key) WHERE name = 'cent' AND success = 1")
most=$(rows "SELECT max(s) FROM (SELECT sum(cost_micro) AS s FROM usage JOIN api_keys USING(api_key) WHERE name = 'cent' GROUP BY api_key)")
echo "  $COUNT ids; $used of them answered something for a cent, the dearest $most micro-dollars;" \
    "$(awk '{ print $2 }' "$T/codes" | sort | uniq -c | awk '{ printf "%s%s times %s", (NR > 1 ? ", " : " "), $1, $2 }')"
expect_true "most ids were used" [ "$used" -gt 200 ]
expect_true "a cent was nearly spent" [ "$most" -gt 8000 ]

# --- a budget that suffices
curl -Z --parallel-max 8 -K "$T/enough/curl" 2>"$T/curl.err" | sort -n >"$T/codes"
expect "one request each" "$(wc -l <"$T/codes")" "$COUNT"
grep -v '^#' "$DATA/bill-prices.tsv" | cut -f1 | sort >"$T/priced"
while IFS=$'\t' read -r n id; do
    code=$(awk -v n="$n" '$1 == n { print $2 }' "$T/codes")
    case $code in
    200) ;;
    404) grep -q 'retired' "$T/enough/$n.out" || ! grep -qxF "$id" "$T/priced" || fail "$id has a price and is 404: $(cat "$T/enough/$n.out")" ;;
    403) ! grep -qxF "$id" "$T/priced" || fail "$id has a price and is refused: $(cat "$T/enough/$n.out")" ;;
    *) fail "$id: $code $(head -c 300 "$T/enough/$n.out")" ;;
    esac
    pass
done < <(nl -ba -s $'\t' "$T/ids" | sed 's/^ *//')
echo "  a budget that suffices: $(awk '{ print $2 }' "$T/codes" | sort | uniq -c | awk '{ printf "%s%s times %s", (NR > 1 ? ", " : ""), $1, $2 }')"
for id in nobody.knows "$ACCOUNT:application-inference-profile/k3v9x0q7t2ab"; do
    n=$(nl -ba -s $'\t' "$T/ids" | awk -F'\t' -v id="$id" '$2 == id { print $1 + 0 }')
    expect_match "$id: says what to do" "$(cat "$T/enough/$n.out")" 'set-price'
done
finish
