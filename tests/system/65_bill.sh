#!/usr/bin/env bash
# The bill of a day: 1,000 requests - every geography, cached, long, tiers, both routes, streamed or not, usage told in
# four places - cost by the rows, by the budget and by `usage` what an independent script makes of tests/data.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DATA=$ROOT/tests/data
DB=$T/state/keys.db
rows() { sqlite3 -separator $'\t' -cmd '.timeout 5000' "$DB" "$1"; }
row_count() { [ "$(rows 'SELECT count(*) FROM usage')" = "$1" ]; }

start_mock
start_server
# A request names its tier in the Messages dialect; in chat it is that of its key.
declare -A KEYS
for tier in flex priority default; do
    make_key "accountant-$tier" -l 1000000 -b 1000000 -t "$tier"
    KEYS[$tier]=$KEY
done

# One curl: a configuration with a request after the other, each with an id of its own.
mkdir "$T/day"
awk -F'\t' -v dir="$T/day" -v url="$URL" -v standard="${KEYS[default]}" -v flex="${KEYS[flex]}" \
    -v priority="${KEYS[priority]}" '/^#/ { next } {
    chat = $2 == "chat"
    body = dir "/" $1 ".json"
    words = "usage " $6 " " $7 " " $8 " " $9 " " $10 ($11 == "" ? "" : " " $11)
    printf "{\"model\":\"%s\",\"max_tokens\":100,\"stream\":%s,%s\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}", $3,
        ($4 ? "true" : "false"), ($5 == "default" || chat ? "" : "\"service_tier\":\"" $5 "\","), words > body
    close(body)
    printf "%surl = \"%s/v1/%s\"\nheader = \"x-api-key: %s\"\nheader = \"content-type: application/json\"\n", (++n > 1 ? "next\n" : ""), url,
        (chat ? "chat/completions" : "messages"), (!chat || $5 == "default" ? standard : $5 == "flex" ? flex : priority)
    printf "header = \"x-request-id: day-%d\"\ndata-binary = \"@%s\"\noutput = \"%s/%d.out\"\nsilent\nwrite-out = \"%%{http_code}\\n\"\n", $1, body, dir, $1
}' "$DATA/bill-day.tsv" >"$T/day/curl"
curl -Z --parallel-max 8 -K "$T/day/curl" 2>"$T/curl.err" | sort | uniq -c >"$T/codes"
expect "all are answered" "$(tr -s ' ' <"$T/codes")" " 1000 200"
eventually $((10 * SLOW)) row_count 1000
expect "rows" "$(rows 'SELECT count(*), count(DISTINCT request_id), sum(success) FROM usage')" $'1000\t1000\t1000'

# --- request for request, to the micro-dollar
awk -f "$DATA/bill.awk" "$DATA/bill-prices.tsv" "$DATA/bill-day.tsv" | sort -k1,1 >"$T/bill"
rows "SELECT substr(request_id, 5), cost_micro FROM usage" | sort -k1,1 >"$T/ours"
expect "the independent bill has every request" "$(wc -l <"$T/bill")" 1000
join -t $'\t' "$T/bill" "$T/ours" >"$T/both"
expect "requests in both" "$(wc -l <"$T/both")" 1000
awk '$2 != $3' "$T/both" >"$T/differ"
while IFS=$'\t' read -r n bill ours && [ "$FAILED" -lt 20 ]; do
    fail "request $n costs $ours, by the bill $bill: $(grep -P "^$n\t" "$DATA/bill-day.tsv" | tr '\t' ' ') | $(rows "SELECT input_tokens, output_tokens, cached_tokens, cache_write_input_tokens, cache_write_1h_tokens, service_tier FROM usage WHERE request_id = 'day-$n'" | tr '\t' ' ')"
done <"$T/differ"
expect "requests that cost something else" "$(wc -l <"$T/differ")" 0
sum=$(awk '{ s += $2 } END { printf "%.0f", s }' "$T/bill")
printf '  the day costs %d.%06d dollars\n' $((sum / 1000000)) $((sum % 1000000))
expect "the budgets" "$(rows 'SELECT sum(CAST(round(budget_used * 1000000) AS INTEGER)) FROM api_keys')" "$sum"
run -- usage --by model --output json
expect "usage" "$(jq '[.[].cost_micro] | add' "$T/out")" "$sum"
run -- usage --reprice --output json
expect "at today's prices: the same" "$(jq -c '[.total.changed, .total.unpriced, .total.after_micro]' "$T/out")" "[0,0,$sum]"
# what was asked is there: nothing of the kinds is left out
expect "kinds of the day" "$(awk -F'\t' '!/^#/ { k["tier " $5]; k["told " $11]; k[$2 $4]; if ($8) k["read"]; if ($9 > $10) k["5m"]; if ($10) k["1h"]
    split($3, g, "."); k["at " (g[1] ~ /^(us|eu|apac|global|jp|au|in|us-gov)$/ ? g[1] : "bare")] } END { for (i in k) n++; print n }' "$DATA/bill-day.tsv")" 24
finish
