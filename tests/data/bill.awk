# bill.awk - what a day costs, by nothing but the price list beside it: awk -f bill.awk bill-prices.tsv bill-day.tsv
# prints the number of each request and its cost in micro-dollars. Shares no table and no line with the program.
#
# Rules, and who says so (all as of 29 Nov 2026):
#   a bare Claude id since 4.5, asked in a region, costs a tenth more than its global profile, where the list has the
#     price of that: AWS price list, quoted in BerriAI/litellm#42679
#   flex is half of everything, priority 1.75 times, ultrafast six times: litellm, maximhq/bifrost 2.2.5
#   above a threshold of all input, cached or not, all of a request is dearer: LiteLLM's rows; a long prompt's caches cost
#     in proportion to its input
#   an empty cache price is the input price, that of an hour twice the input: shm/README.md
BEGIN { FS = "\t"; OFMT = CONVFMT = "%.0f" }
function micro(usd) { return int(usd * 1000000 + 0.5) }
function since_4_5(id) { return id ~ /^anthropic\.claude-((opus|sonnet|haiku)-4-[5-9]|(opus|sonnet|haiku|fable|mythos)-5)/ }
/^#/ { next }
FILENAME ~ /prices/ {
    by = since_4_5($1) ? 11 : 10
    input[$1] = micro($2) * by / 10
    output[$1] = micro($3) * by / 10
    reads[$1] = $4 == "" ? input[$1] : micro($4) * by / 10
    write[$1] = $5 == "" ? input[$1] : micro($5) * by / 10
    hour[$1] = $6 == "" ? 2 * input[$1] : micro($6) * by / 10
    above[$1] = $7
    dear_in[$1] = micro($8) * by / 10
    dear_out[$1] = micro($9) * by / 10
    next
}
{
    id = $3
    if (!(id in input)) { print "no price: " id > "/dev/stderr"; exit 1 }
    tier = $5 == "flex" ? 0.5 : $5 == "priority" ? 1.75 : $5 == "ultrafast" ? 6 : 1
    more = 1; out_price = output[id]
    if (above[id] != "" && $6 + $8 + $9 > above[id]) {
        more = dear_in[id] / input[id]
        out_price = dear_out[id]
    }
    sum = ($6 * input[id] + $8 * reads[id] + ($9 - $10) * write[id] + $10 * hour[id]) * more + $7 * out_price
    printf "%d\t%.0f\n", $1, int((sum * tier + 500000) / 1000000)
}
