#!/usr/bin/env bash
# Conformance cases 56 to 63, and 83 to 86: every route but the two that talk to a model.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

COUNT='{"model":"'$CLAUDE'","messages":[{"role":"user","content":"hi"}],"tools":[{"name":"t","input_schema":{"type":"object"}}]}'
VERSION='anthropic-version: 2023-06-01'
count() { call /v1/messages/count_tokens -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$1"; }
list() { call "/v1/models$1" -H "x-api-key: $KEY" "${@:2}"; }
absent() { # CASE PATH ANTHROPIC|OPENAI
    call "$2" -H "x-api-key: $KEY" -H 'content-type: application/json' -d '{}'
    expect "$1: L10: who it is that has it not" "$(got .error.message)" "$2 is not served by this gateway"
    if [ "$3" = ANTHROPIC ]; then
        expect "$1" "$CODE $(got '[.type, .error.type, (.request_id | type)] | join(" ")')" "404 error not_found_error string"
    else
        expect "$1" "$CODE $(got '[(.error | keys | join(",")), .error.type, (has("type") or has("request_id"))] | map(tostring) | join(" ")')" \
            "404 code,message,param,type invalid_request_error false"
    fi
}

start_mock
start_server RATE_LIMIT_WINDOW_SECONDS=86400
make_key alice

# --- count_tokens
count "$COUNT"
expect "case 56: tokens counted by Bedrock" "$CODE $(got '.input_tokens | type, . == floor' | tr '\n' ' ')" "200 number true "
# Counting has a limit of its own: ten times the key's requests, at least 250, which are ten /context of Claude Code.
counts() { # N: of so many at once, how many have which status
    for _ in $(seq "$1"); do printf 'url = "%s/v1/messages/count_tokens"\noutput = "/dev/null"\n' "$URL"; done >"$T/urls"
    curl -s --parallel --parallel-immediate --parallel-max 25 -K "$T/urls" -w '%{http_code}\n' 2>/dev/null \
        -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$COUNT" | sort | uniq -c | tr -s ' \n' ' '
}
make_key counting -l 1
expect "case 56: 25 at once pass, whatever the key's limit" "$(counts 25)" " 25 200 "
ask "$(turn $CLAUDE "$(say hi)")"
expect "case 56: and take nothing from inference" "$CODE $(header anthropic-ratelimit-requests-remaining)" "200 0"
expect "case 56: 250 pass in all" "$(counts 226)" " 225 200 1 429 "
count "$COUNT"
expect_match "case 56: what is over the limit says so" "$CODE $(got .error.message)" '^429 this API key is limited to 250 token counts in 86400 seconds'
make_key many -l 26
expect "case 56: ten times as many as requests" "$(counts 261)" " 260 200 1 429 "
make_key haiku --models 'claude-haiku-*'
count "$COUNT"
expect "case 56: not of a model that the key may not use" "$CODE $(got .error.type)" "403 permission_error"
count "${COUNT/$CLAUDE/claude-haiku-4-5}"
expect "case 56: but of one that it may" "$CODE" 200
list ''
expect "case 58: a key's own list" "$(got '.data | map(.id) | join(" ")')" "claude-haiku-4-5 claude-haiku-5-5"
make_key bob -l 1000 # one a page
count "${COUNT/$CLAUDE/$NOVA}"
expect_match "case 57: a model without CountTokens: an estimate" "$CODE $(got .input_tokens) $(header x-token-count)" '^200 [1-9][0-9]* estimate'

# --- models
list '?limit=1000' -H "$VERSION"
expect "case 58: Anthropic's page" "$CODE $(got '[keys[]] - ["object"] | join(",")')" "200 data,first_id,has_more,last_id"
expect "case 58: its ends" "$(got '[.has_more, .first_id == .data[0].id, .last_id == .data[-1].id, ([.data[].type] | unique | join(","))]')" '[false,true,true,"model"]'
got '.data[].id' >"$T/all"
: >"$T/paged"
after=
for _ in $(seq "$(wc -l <"$T/all")"); do
    list "?limit=1${after:+&after_id=$after}" -H "$VERSION"
    after=$(got .last_id)
    echo "$after" >>"$T/paged"
    [ "$(got .has_more)" = true ] || break
done
expect "case 58: pages of one are the same list" "$(md5sum <"$T/paged")" "$(md5sum <"$T/all")"
list ''
expect "case 58: OpenAI's list" "$CODE $(got '[.object, .data[0].object, (.data[0] | has("created") and has("owned_by"))] | map(tostring) | join(" ")')" "200 list model true"
id=us.anthropic.claude-opus-4-1-20250805-v1:0
list "/$id" -H "$VERSION"
expect "case 59: one model, its id as it is" "$CODE $(got .id)" "200 $id"
one=$(cat "$T/body")
list "/${id//:/%3A}" -H "$VERSION"
expect "case 59: and percent-encoded" "$CODE $(cat "$T/body")" "200 $one"
list /no-such-model -H "$VERSION"
expect "case 59: an unknown one" "$CODE $(got .error.type)" "404 not_found_error"
list /no-such-model
expect "case 59: an unknown one, OpenAI" "$CODE $(got .error.code)" "404 model_not_found"

# --- probes
before=$(ledger .requests)
for probe in '-I /' '-I /api/hello' '-I /health' '-G /health'; do
    times="" best=999999
    for n in {1..50}; do # at least five, and then until one of them had the machine for itself
        [ "$n" -le 5 ] || [ "$best" -gt $((5000 * SLOW)) ] || break
        # shellcheck disable=SC2086 # -I or -G
        times+="$(curl -sS -o "$T/body" -D "$T/head" -w '%{http_code} %{size_download} %{time_pretransfer} %{time_starttransfer}' ${probe% *} "$URL${probe##* }")"$'\n'
        best=$(awk 'NF {d = ($4 - $3) * 1e6; if (!m || d < m) m = d} END {printf "%d", m}' <<<"$times")
    done
    expect "case 60: $probe needs no key" "$(cut -d' ' -f1 <<<"$times" | sort -u | tr -d '\n')" 200
    [ "${probe% *}" = -I ] && expect "case 60: $probe has no body" "$(cut -d' ' -f2 <<<"$times" | sort -u | tr -d '\n')" 0
    expect_below "case 60: $probe, microseconds, the best of them" "$best" $((5000 * SLOW))
done
expect "case 60: nothing of it reached Bedrock" "$(ledger .requests)" "$before"
# The list wants 404. Claude Code ignores the answer, and a 404 in its log helps nobody, so by default it is 200 and the
# batch is thrown away unread.
events=(-H 'content-type: application/json' -d '{"events":[{"event_type":"x"}]}')
call /api/event_logging/batch "${events[@]}"
expect "case 61: telemetry is swallowed without a key" "$CODE" 200

absent "case 62: batches" /v1/messages/batches ANTHROPIC
absent "case 62: embeddings" /v1/embeddings OPENAI
call /v1/messages -H "x-api-key: $KEY"
expect "case 63: GET of messages" "$CODE $(got .type) $(header allow)" "405 error POST, OPTIONS"
call /v1/messages -X OPTIONS -H 'origin: https://a.example' -H 'access-control-request-method: POST'
expect "case 63: OPTIONS needs no key" "$CODE $(wc -c <"$T/body")" "204 0"
# The gateway that this one replaces said 403 for a path that nobody has, which clients take for a wrong key (L3); 401 without a key.
call /v1/nowhere -H "x-api-key: $KEY"
expect "case 63: an unknown path" "$CODE $(got '.type + " " + .error.type')" "404 error not_found_error"
for path in /v1/messages/ /v1/v1/messages //v1/messages /v1/v1/messages/; do
    call "$path" --path-as-is -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(turn $CLAUDE "$(say hi)")"
    expect "L3: $path is understood" "$CODE $(got .type)" "200 message"
done
call /chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' -d '{}'
expect "L3: a base URL without /v1" "$CODE $(got '[.error.type, .error.code, .error.message] | join("|")')" \
    "404 invalid_request_error|unknown_url|POST /chat/completions is not served by this gateway; did you mean /v1/chat/completions? OpenAI clients need a base URL that ends in /v1"
call /messages -H "x-api-key: $KEY" -H 'content-type: application/json' -d '{}'
expect_match "L3: the same of Anthropic's" "$CODE $(got '.error.type + " " + .error.message')" '^404 not_found_error POST /messages .*did you mean /v1/messages\?'

expect_match "case 63: is told in JSON" "$(header content-type)" '^application/json'

stop_server
start_server COUNT_TOKENS_FALLBACK=refuse
count "${COUNT/$CLAUDE/$NOVA}"
expect "case 57: a model without CountTokens: refused" "$CODE $(got .error.type) $(header x-should-retry)" "501 not_supported false"
finish
