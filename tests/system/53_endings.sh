#!/usr/bin/env bash
# Models that end within 90 days: check-config, the start of the server and `top` say which settings, mappings and requests name them.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
same_day 60
day() { date -u -d "$1 days" +%F; }
printf 'id\tname\tnames\tstatus\tin\tout\n' >"$T/models.tsv"
{
    printf 'house.far-1\tFar\thouse-far\tlegacy %s house.new-1\t1\t1\n' "$(day 92)"
    printf 'house.near-1\tNear\thouse-near\tlegacy %s house.new-1\t1\t1\n' "$(day 89)"
    printf 'house.new-1\tNew\t\tactive\t1\t1\n'
    printf 'house.past-1\tPast\t\tlegacy %s\t1\t1\n' "$(day -3)"
    printf 'house.some-1\tSome\t\tlegacy\t1\t1\n'
} >>"$T/models.tsv"
chmod 644 "$T/models.tsv"
near="house.near-1 ends on $(day 89), in 89 days; use house.new-1"
warnings() { grep -oE '(warning: |WARN .*config: )?(ANTHROPIC_[A-Z_]+|DEFAULT_MODEL_MAPPING[^:]*|mapping of [^:]*|in use): [a-z].*' "$1" | sed -E 's/^warning: //' | sort; }

# --- check-config
run CATALOGUE_FILE="$T/models.tsv" ANTHROPIC_DEFAULT_OPUS_MODEL=house.near-1 ANTHROPIC_DEFAULT_HAIKU_MODEL=house.far-1 ANTHROPIC_DEFAULT_SONNET_MODEL=house.some-1 \
    DEFAULT_MODEL_MAPPING='{"a":"us.house.near-1","b":"house.past-1","c":"house.new-1"}' -- check-config
expect "check-config" "$CODE
$(warnings "$T/err")" "0
ANTHROPIC_DEFAULT_OPUS_MODEL: $near
DEFAULT_MODEL_MAPPING, a: $near
DEFAULT_MODEL_MAPPING, b: house.past-1 ended on $(day -3)"
printf 'id\tstatus\nanthropic.claude-opus-5\tlegacy %s\n' "$(day 2)" >"$T/opus.tsv"
run CATALOGUE_FILE="$T/opus.tsv" ANTHROPIC_DEFAULT_MODEL=claude-opus-5 -- check-config
expect "a client's name" "$(warnings "$T/err")" "ANTHROPIC_DEFAULT_MODEL: anthropic.claude-opus-5 ends on $(day 2), in 2 days"
run CATALOGUE_FILE="$T/models.tsv" ANTHROPIC_DEFAULT_MODEL=house.new-1 -- check-config
expect "nothing to say" "$(warnings "$T/err")" ""

# --- a running server
start_mock
run CATALOGUE_FILE="$T/models.tsv" -- map-model my-name house.near-1
run CATALOGUE_FILE="$T/models.tsv" -- map-model my-other house.far-1
start_server CATALOGUE_FILE="$T/models.tsv" ANTHROPIC_DEFAULT_OPUS_MODEL=house.near-1
make_key alice
expect_match "the start says it" "$(cat "$T/server.log")" "ANTHROPIC_DEFAULT_OPUS_MODEL: $near"
top() {
    run CATALOGUE_FILE="$T/models.tsv" ANTHROPIC_DEFAULT_OPUS_MODEL=house.near-1 -- top --once
    warnings "$T/out"
}
expect "top: setting and mapping" "$(top)" "ANTHROPIC_DEFAULT_OPUS_MODEL: $near
mapping of my-name: $near"
for model in house.past-1 house.far-1 house.new-1; do
    ask "$(jq -nc --arg m "$model" '{model:$m,max_tokens:9,messages:[{role:"user",content:"Hi"}]}')"
    expect "$model is served" "$CODE" 200
done
expect "top: what is in use" "$(top | tail -2)" "in use: house.past-1 ended on $(day -3)
mapping of my-name: $near"
run CATALOGUE_FILE="$T/models.tsv" ANTHROPIC_DEFAULT_OPUS_MODEL=house.near-1 -- top --output json
expect "top as JSON" "$(jq -r '.warnings | length, .[-1]' "$T/out" | tr '\n' ' ')" "3 in use: house.past-1 ended on $(day -3) "
finish
