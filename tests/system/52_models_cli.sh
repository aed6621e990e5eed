#!/usr/bin/env bash
# `models`: what is in force and from where, public tables as rows of ours, what they would change. What it refuses leaves nothing behind.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
LITELLM=$ROOT/tests/data/litellm-small.json MODELS_DEV=$ROOT/tests/data/models-dev-small.json

# --- what is in force
run -- models
expect "models: exit code" "$CODE $(wc -c <"$T/err")" "0 0"
expect "models: a line a row" "$(wc -l <"$T/out")" "$(grep -vc '^#' "$ROOT/shm/catalogue/models.tsv")"
run -- models claude-sonnet-4-5-2
expect "models PATTERN" "$CODE $(wc -l <"$T/out")" "0 2"
expect_match "its line" "$(tail -1 "$T/out")" '^anthropic\.claude-sonnet-4-5-20250929-v1:0 +[0-9]+ +[0-9]+ +3 +15 +0\.3 +3\.75 +legacy 2027-04-08 +built-in$'
run -- models eu.anthropic.claude-sonnet-4-5-20250929-v1:0 --output json
expect "a full id finds its row" "$(jq -r '.[].id' "$T/out")" anthropic.claude-sonnet-4-5-20250929-v1:0
expect "prices at its places" "$(jq -c '.[].prices | [.global.input, .eu.input, .["us-gov"].output, .bare.cache_read]' "$T/out")" '[3,3.3,18,0.33]'
run -- models nothing-of-that-name
expect "no such model" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "1 1 0"
run -- models --output json
expect "all as JSON" "$CODE $(jq length "$T/out")" "0 $(($(grep -vc '^#' "$ROOT/shm/catalogue/models.tsv") - 1))"
expect "all from here" "$(jq -r '[.[].from] | unique | join(" ")' "$T/out")" built-in
run -- models --output tsv
cp "$T/out" "$T/all.tsv"
run -- models diff "$T/all.tsv"
expect "the table over itself changes nothing" "$CODE $(cat "$T/out")" "0 nothing would change"

printf 'id\tname\tin\tout\nhouse.model-1\tOurs\t1\t2\nanthropic.claude-opus-5\t\t4\t20\n' >"$T/ours.tsv"
run CATALOGUE_FILE="$T/ours.tsv" -- models --output json
expect "rows of CATALOGUE_FILE say so" "$(jq -r --arg f "$T/ours.tsv" '[.[] | select(.from == $f).id] | join(" ")' "$T/out")" "anthropic.claude-opus-5 house.model-1"
run CATALOGUE_FILE="$T/ours.tsv" -- models house
expect_match "and in text" "$(tail -1 "$T/out")" "^house.model-1 .* $T/ours.tsv\$"
run CATALOGUE_FILE="$T/nowhere.tsv" -- models
expect "no such CATALOGUE_FILE" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"

# --- import
want_litellm=$'anthropic.claude-next-9\tanthropic.claude-next-9\tlegacy 2028-01-31 anthropic.claude-next-10\t1000000\t128000\t4\t20\t0.2\t5\t8\t1.1,us-gov=1.2\t200000\t8\t30\t\tlitellm
qwen.qwen9-7b-v1:0\tqwen.qwen9-7b-v1:0\t\t32768\t\t0.15\t0.6\t\t\t\teu-west-2=0.23/0.93\t\t\t\tflex=0.5,priority=1.8/1.75\tlitellm'
want_dev=$'anthropic.claude-next-9\tClaude Next 9\t\t1000000\t128000\t4\t20\t0.2\t5\t\teu=1.1\t272000\t8\t30\t\tmodels.dev
house.old-1\tOld 1\tlegacy\t8192\t\t0.035\t0.14\t\t\t\t\t200000\t0.07\t0.2\t\tmodels.dev'
for from in '' '--from litellm'; do
    # shellcheck disable=SC2086
    run -- models import "$LITELLM" $from
    expect "import $from: LiteLLM's" "$CODE $(tail -n +2 "$T/out")" "0 $want_litellm"
done
for from in '' '--from models.dev'; do
    # shellcheck disable=SC2086
    run -- models import "$MODELS_DEV" $from
    expect "import $from: that of models.dev" "$CODE $(tail -n +2 "$T/out")" "0 $want_dev"
done
cp "$T/out" "$T/rows"
run -- models import "$MODELS_DEV" --out "$T/house.tsv"
expect "import --out" "$CODE $(wc -c <"$T/out") $(cmp "$T/house.tsv" "$T/rows" 2>&1)" "0 0 "
run CATALOGUE_FILE="$T/house.tsv" -- models house.old-1 --output json
expect "what was imported can be in force" "$(jq -r '.[] | [.name, .status, .context, .in, .long_from] | map(tostring) | join(" ")' "$T/out")" "Old 1 legacy 8192 0.035 200000"

# --- something else: one line, exit 2, nothing written
echo '{"a":{"b":1}}' >"$T/else.json"
echo '{"amazon-bedrock":{"models":{}}}' >"$T/empty.json"
echo '{"x":{"litellm_provider":"openai"}}' >"$T/none.json"
printf 'id\tin\nhouse.x\t1\n' >"$T/tsv.json"
printf '\0\377' >"$T/bytes.json"
head -c 1500 "$LITELLM" >"$T/cut.json"
: >"$T/void.json"
for bad in else empty none tsv bytes cut void missing; do
    run -- models import "$T/$bad.json" --out "$T/written"
    expect "import of $bad" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out") $(find "$T" -name 'written*' | wc -l)" "2 1 0 0"
done
for bad in "$LITELLM --from models.dev" "$MODELS_DEV --from litellm" "$LITELLM --from nobody" "$LITELLM --output json" "" "$LITELLM $LITELLM" "$LITELLM --region x"; do
    # shellcheck disable=SC2086
    run -- models import $bad
    expect "import $bad" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
done
mkdir "$T/closed"
run -- models import "$LITELLM" --out "$T/closed/no/such"
expect "import into nowhere" "$CODE $(wc -l <"$T/err")" "1 1"

# --- diff
run -- models diff "$T/ours.tsv"
expect "diff" "$CODE $(grep -v '^+' "$T/out" | tr '\n' '|')" "0 ~ anthropic.claude-opus-5  in 5 -> 4|~ anthropic.claude-opus-5  out 25 -> 20|2 rows would change|"
run -- models diff "$LITELLM" --output json
expect "diff of a public table" "$CODE $(jq -c '[.[] | [.id, .new]]' "$T/out")" '0 [["anthropic.claude-next-9",true],["qwen.qwen9-7b-v1:0",true]]'
expect "a cell of it" "$(jq -r '.[0].changes[] | select(.column == "regional") | .to' "$T/out")" "1.1,us-gov=1.2"
run -- models diff "$T/else.json"
expect "diff of something else" "$CODE $(wc -l <"$T/err") $(wc -c <"$T/out")" "2 1 0"
run -- models diff "$LITELLM" --output tsv
expect "diff in another form" "$CODE $(wc -l <"$T/err")" "2 1"
finish
