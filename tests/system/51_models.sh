#!/usr/bin/env bash
# The table of models: CATALOGUE_FILE at start and while the server runs; what is retired, what nobody has a price for.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

table() { # rows...
    printf 'id\tin\tout\tstatus\n' >"$T/models.tsv.new"
    printf '%b\n' "$@" >>"$T/models.tsv.new"
    chmod 644 "$T/models.tsv.new"
    mv "$T/models.tsv.new" "$T/models.tsv"
}
# cost MODEL: of one request, by the log
cost() {
    ask "$(message hi '{}' "$1")"
    logged "$(header request-id)" | sed -n "s/.*request: .* model=$1 .*cost_micro=\([0-9]*\).*/\1/p"
}
# cost_is MODEL MICRO: of ten requests, on whichever worker
cost_is() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(cost "$1")" = "$2" ] || return 1
    done
}
message() { # TEXT [MORE] [MODEL]
    jq -nc --arg text "$1" --arg model "${3:-$MODEL}" --argjson more "${2:-{\}}" '{model:$model,max_tokens:1000,messages:[{role:"user",content:$text}]}+$more'
}

# --- at start -----------------------------------------------------------------------------------------------------
start_mock
printf 'id\tin\nhouse.model-1\tcheap\n' >"$T/models.tsv"
run CATALOGUE_FILE="$T/models.tsv" -- check-config
expect "a bad table: exit code" "$CODE" 2
expect_match "a bad table: file, line, column" "$(cat "$T/out" "$T/err")" "$T/models.tsv:2:2 in: dollars"
run CATALOGUE_FILE="$T/models.tsv" -- serve
expect "a bad table at start" "$CODE" 2
run UNPRICED=free -- check-config
expect "UNPRICED=free" "$CODE" 2
run CATALOGUE_FILE="$T/nowhere.tsv" -- check-config
expect "no such table" "$CODE" 2

# --- while it runs ------------------------------------------------------------------------------------------------
table 'house.model-1\t1000\t1000\tactive'
start_server RATE_LIMIT_ENABLED=false CATALOGUE_FILE="$T/models.tsv" LOG_LEVEL=info
make_key alice
first=$(cost house.model-1)
expect_true "a price of the table" [ "${first:-0}" -gt 0 ]
table 'house.model-1\t2000\t2000\tactive'
eventually $((10 * SLOW)) cost_is house.model-1 $((2 * first)) || fail "a new price was not taken by every worker: $(cost house.model-1), wanted $((2 * first))"
table 'house.model-1\tnothing\t1\tactive'
eventually $((10 * SLOW)) grep -q "$T/models.tsv:2:2 in: dollars" "$T/server.log" || fail "a bad table was not named"
expect "a bad table changes nothing" "$(cost house.model-1)" $((2 * first))
sleep 2
expect "and is named once" "$(grep -c "models.tsv:2:2" "$T/server.log")" 1
kill -HUP "$SERVER_PID"
eventually $((10 * SLOW)) bash -c "[ \"\$(grep -c 'models.tsv:2:2' '$T/server.log')\" -ge 2 ]" || fail "SIGHUP did not name it"
expect "nor after SIGHUP" "$(cost house.model-1)" $((2 * first))
table 'house.model-1\t4000\t4000\tactive'
kill -HUP "$SERVER_PID"
eventually $((10 * SLOW)) cost_is house.model-1 $((4 * first)) || fail "SIGHUP: the table was not read again"
refresher=$(processes '^refresher')
kill -9 "$refresher"
table 'house.model-1\t1000\t1000\tactive'
eventually $((20 * SLOW)) cost_is house.model-1 "$first" || fail "the refresher's successor did not read it"

# --- retired ------------------------------------------------------------------------------------------------------
ask "$(message hi '{}' claude-sonnet-4-20250514)"
expect "retired: status" "$CODE" 404
expect_match "retired: what to use" "$(jq -r .error.message "$T/body")" '^model: claude-sonnet-4-20250514 was retired on 2026-10-14; use claude-sonnet-5$'
table 'anthropic.claude-sonnet-4-20250514-v1:0\t\t\tactive'
eventually $((10 * SLOW)) bash -c "sleep 1; curl -s -o /dev/null -w '%{http_code}' -H 'x-api-key: $KEY' -H 'content-type: application/json' -d '$(message hi '{}' claude-sonnet-4-20250514)' $URL/v1/messages | grep -q 200" || fail "the operator's word is believed"

# --- abilities are the table's, and follow it ------------------------------------------------------------------------
body_of() { # MODEL: what Bedrock got of a request with stop sequences
    ask "$(message hi '{"stop_sequences":["END"]}' "$1")"
    curl -fs "$MOCK_URL/__body"
}
stops() { grep -q END <<<"$(body_of house.model-1)"; }
stops || fail "an unknown model takes stop sequences"
printf 'id\tin\tout\ttakes\nhouse.model-1\t1000\t1000\ttools,system\n' >"$T/models.tsv.new"
mv "$T/models.tsv.new" "$T/models.tsv"
no_stops() { for _ in 1 2 3 4 5 6; do ! stops || return 1; done; }
eventually $((10 * SLOW)) no_stops || fail "takes: the words of CATALOGUE_FILE were not taken"

# --- short names --------------------------------------------------------------------------------------------------
for pair in nova-pro=amazon.nova-pro-v1:0 gpt-oss-120b=openai.gpt-oss-120b-1:0 claude-sonnet-4.5=global.anthropic.claude-sonnet-4-5-20250929-v1:0 \
    anthropic/claude-opus-4.8=global.anthropic.claude-opus-4-8 sonnet=global.anthropic.claude-sonnet-5-5 'Nova Pro=amazon.nova-pro-v1:0'; do
    ask "$(message hi '{}' "${pair%=*}")"
    expect "${pair%=*}: status" "$CODE" 200
    expect_match "${pair%=*}: what runs" "$(logged "$(header request-id)")" " bedrock_model=${pair#*=} "
    expect "${pair%=*}: the answer has the client's name" "$(jq -r .model "$T/body")" "${pair%=*}"
done
expect_true "the log says how" grep -q ' bedrock_model=amazon.nova-pro-v1:0 link=0 rule=short ' "$T/server.log"
ask "$(message hi '{}' clause-opus-4-8)"
expect "an unknown name: status" "$CODE" 404
expect "an unknown name: the nearest" "$(jq -r .error.message "$T/body")" 'model: clause-opus-4-8; did you mean claude-opus-4-8?'
ask "$(message hi '{}' grok-4)"
expect "half a version" "$CODE" 404

# --- an ARN has a model behind it ---------------------------------------------------------------------------------
profile=arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/k3v9x0q7t2ab
rich='{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}'
behind() { # MODEL WHAT BY: a request for MODEL goes by InvokeModel, whole, priced, and says how
    ask "$(message hi "$rich" "$1")"
    expect "$1: status" "$CODE" 200
    expect "$1: what Bedrock got" "$(curl -fs "$MOCK_URL/__body" | jq -c '[.anthropic_version,.thinking.type,.output_config.effort,.system[0].cache_control.type]')" \
        '["bedrock-2023-05-31","adaptive","high","ephemeral"]'
    expect_match "$1: the header says how" "$(cat "$T/head")" "^x-converter-changes: behind:$3"
    expect_match "$1: the log, too" "$(logged "$(header request-id)")" " model=$1 .*bedrock_model=$profile .*behind=$2 behind_by=$3 .*cost_micro=[1-9]"
    expect_no_match "$1: no account number reaches the client" "$(cat "$T/head" "$T/body")" 123456789012
}
run -- map-model house "$profile" --as claude-opus-4-8
expect "map-model --as" "$CODE $(cat "$T/out")" "0 Mapped: house to $profile as claude-opus-4-8"
run -- map-model claude-opus-4-7 "$profile"
run -- map-model --output json
expect "the list has it" "$(jq -r '.[] | select(.anthropic_model_id == "house") | .as_model_id' "$T/out")" claude-opus-4-8
for wrong in "house $profile --as no-such-model" "house us.amazon.nova-pro-v1:0 --as claude-opus-4-8" "--as claude-opus-4-8"; do
    # shellcheck disable=SC2086
    run -- map-model $wrong
    expect "map-model $wrong" "$CODE" 2
done
known() { ask "$(message hi "$rich" house)" && grep -q '^x-converter-changes: behind:declared' "$T/head"; }
eventually $((5 * SLOW)) known || fail "the declared model is not taken"
behind house anthropic.claude-opus-4-8 declared
behind claude-opus-4-7 anthropic.claude-opus-4-7 name
ask "$(message hi "$rich" "$profile")" # a client may name it, too
expect_match "its own name: the header says how" "$(cat "$T/head")" "^x-converter-changes: behind:declared"
expect_match "its own name: the log, too" "$(logged "$(header request-id)")" " model=$profile .*behind=anthropic.claude-opus-4-8 behind_by=declared .*cost_micro=[1-9]"
call /v1/messages/count_tokens -H "x-api-key: $KEY" -H 'content-type: application/json' -d '{"model":"house","messages":[{"role":"user","content":"hi"}]}'
expect "count_tokens" "$CODE" 200

# a router's price is that of the model it chose
run -- map-model by-router arn:aws:bedrock:us-west-2:123456789012:default-prompt-router/anthropic.claude:1 --as claude-opus-4-8
routed() { ask "$(message hi '{}' by-router)" && [ "$CODE" = 200 ]; }
eventually $((5 * SLOW)) routed || fail "the router is not taken"
for stream in false true; do
    ask "$(message hi "{\"stream\":$stream}" by-router)"
    expect "router: status" "$CODE" 200
    expect_no_match "router: no account is told" "$(cat "$T/head" "$T/body")" 123456789012
    served() { grep -q " model=by-router .*served=arn.*nova-lite-v1:0 stream=$stream" "$T/server.log"; }
    eventually $((5 * SLOW)) served || fail "the log does not say whom the router asked"
    row() { [ "$(sqlite3 "$T/state/keys.db" "SELECT DISTINCT resolved_model FROM usage WHERE model = 'by-router'")" = us.amazon.nova-lite-v1:0 ]; }
    eventually $((10 * SLOW)) row || fail "the row does not name the model that the router chose: $(sqlite3 "$T/state/keys.db" "SELECT * FROM usage WHERE model = 'by-router'")"
    expect_below "router: Nova Lite's price" "$(grep " model=by-router .*stream=$stream" "$T/server.log" | tail -1 | sed -n 's/.* cost_micro=\([0-9]*\).*/\1/p')" 30
done

# --- what AWS says of a profile -------------------------------------------------------------------------------------
stop_server
: >"$T/server.log"
mock_reset
start_server RATE_LIMIT_ENABLED=false CATALOGUE_FILE="$T/models.tsv" LOG_LEVEL=info
arn=arn:aws:bedrock:us-west-2:123456789012:application-inference-profile
asked() { ledger '.operations.GetInferenceProfile'; }
run -- map-model geo-house "$arn/geographic01"
run -- map-model my-house "$arn/global000001"
mapped() { ask "$(message hi '{}' my-house)" && [ "$CODE" = 200 ]; }
eventually $((5 * SLOW)) mapped || fail "the mapping is not taken"
profile=$arn/geographic01
behind geo-house us.anthropic.claude-opus-4-8 profile
profile=$arn/global000001
behind my-house global.anthropic.claude-opus-4-8 profile
expect "a global one costs less" "$(cost my-house)" "$(cost claude-opus-4-8)"
expect_true "than a geographic one" [ "$(cost geo-house)" -gt "$(cost my-house)" ]
ask "$(message hi '{}' "$arn/nova00000001")"
expect_match "no Claude" "$(logged "$(header request-id)")" 'behind=amazon.nova-pro-v1:0 behind_by=profile'
expect "each was asked for once" "$(asked)" 3
for i in 1 2; do
    ask "$(message hi '{}' "$arn/denied00000$i")"
    expect "denied: status" "$CODE" 200
    expect_match "denied: the header says so" "$(cat "$T/head")" '^x-converter-changes: behind:unknown'
    ask "$(message hi '{}' "$arn/denied00000$i")"
done
expect "a denial is remembered" "$(asked)" 5
expect "and said once" "$(grep -c 'bedrock:GetInferenceProfile is optional' "$T/server.log")" 1
refresher=$(processes '^refresher')
kill -9 "$refresher"
eventually $((10 * SLOW)) bash -c "[ -n \"\$(cat /proc/$SERVER_PID/task/$SERVER_PID/children)\" ]"
behind my-house global.anthropic.claude-opus-4-8 profile
expect "its answers outlive the refresher" "$(asked)" 5
profile=$arn/k3v9x0q7t2ac # no mapping leads to it

# --- nothing unknown is free --------------------------------------------------------------------------------------
ask "$(message hi '{}' "$profile")"
expect "an unknown price, no budget" "$CODE" 200
for mode in soft reserve; do
    make_key "bob-$mode" --monthly-budget 50 --budget-mode "$mode"
    for model in "$profile" nobody.knows-this house.model-2; do
        ask "$(message hi '{}' "$model")" -D "$T/headers"
        expect "$mode, $model: status" "$CODE" 403
        expect_match "$mode, $model: words" "$(jq -r .error.message "$T/body")" 'set-price'
        expect_match "$mode, $model: final" "$(cat "$T/headers")" '^x-should-retry: false'
    done
done
run -- set-price "$profile" --input 3 --output 15
eventually $((5 * SLOW)) bash -c "curl -s -o /dev/null -w '%{http_code}' -H 'x-api-key: $KEY' -H 'content-type: application/json' -d '$(message hi '{}' "$profile")' $URL/v1/messages | grep -q 200" || fail "set-price opens it"
expect "counted" "$(curl -fs "$URL/metrics" -H "x-api-key: $KEY" >/dev/null; grep -c 'has no price' "$T/server.log" | sed 's/^[1-9].*/some/')" some
finish
