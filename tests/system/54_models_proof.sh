#!/usr/bin/env bash
# Every text model of tests/data/models-runtime.tsv, at every place, against what the program has in force: no difference in price, context or output that
# tests/data/models-differences.tsv does not name with the source that knows better.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
DATA=$ROOT/tests/data

# ours [VAR=value...]: {"REGION": {"ID": row}} of REGIONS
REGIONS="us-east-1 $(grep -oE '\[[a-z0-9-]+\]' "$DATA/models-runtime.tsv" | tr -d '[]' | sort -u | xargs)"
ours() {
    for region in $REGIONS; do
        run "$@" -- models --output json --region "$region"
        jq -c --arg r "$region" '{($r): (map({key: .id, value: .}) | from_entries)}' "$T/out"
    done | jq -s add
}
compare() {
    jq -nr -f "$DATA/compare-models.jq" --rawfile rows "$DATA/models-runtime.tsv" --rawfile more "$DATA/models-more.tsv" \
        --rawfile allowed "${1:-$DATA/models-differences.tsv}" --slurpfile ours "$T/ours.json"
}

ours >"$T/ours.json"
compare >"$T/told"
expect "differences that nobody has named" "$(sed '$d' "$T/told" | head -20)" ""
expect_match "all rows were compared" "$(tail -1 "$T/told")" '^457 rows, 2[0-9]{3} figures, [0-9]+ named differences, 0 others, 0 stale$'
expect "each named difference has a source" "$(awk -F'\t' 'NR > 1 && (NF != 5 || length($5) < 10)' "$DATA/models-differences.tsv")" ""

# --- the comparison finds what is wrong
REGIONS=us-east-1
printf 'id\tin\nanthropic.claude-opus-5\t5.000001\n' >"$T/wrong.tsv"
ours CATALOGUE_FILE="$T/wrong.tsv" >"$T/ours.json"
expect "a price that is wrong by a millionth of a dollar" "$(compare | grep 'anthropic.claude-opus-5[[:blank:]]' | cut -f2 | grep -v row | sort | uniq -c | xargs)" "8 \$in"
printf 'id\tregional\tlong_from\toutput\nopenai.gpt-5.5\t1.2\t200000\t64000\n' >"$T/wrong.tsv"
ours CATALOGUE_FILE="$T/wrong.tsv" >"$T/ours.json"
expect "regions, long prompts and limits that are wrong" "$(compare | grep 'openai.gpt-5.5' | cut -f2 | sort -u | xargs)" "\$cache_read \$in \$out long_from output"
ours >"$T/ours.json"
printf 'id\twhat\ttheirs\tours\tsource\nanthropic.claude-opus-5\toutput\t1\t2\tnobody\n' >"$T/allowed.tsv"
expect_match "a name that is none" "$(compare "$T/allowed.tsv")" 'anthropic.claude-opus-5.output.is named, but no difference any more'
finish
