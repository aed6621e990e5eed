#!/usr/bin/env bash
# The Bedrock of next year: it refuses what no table of models has, in words of its own (tests/mock/next_year.tsv). The
# client has its answer on the first request, Bedrock is asked exactly once more, and the next request needs no second
# call on any worker. Nothing of it with STRICT_FIELDS, and nothing that one client sends changes what another's becomes.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/cases.sh
. "$(dirname "$0")/cases.sh"

# shellcheck source=tests/system/next_year.sh
. "$(dirname "$0")/next_year.sh"

MISSES_MOST=2 # of all; what is missed is printed

# on_every_worker: the request on nine connections that are open at the same time; "200" for each, how many calls, how many
# workers had one
on_every_worker() {
    local fds=() fd before codes='' head
    before=$(calls)
    : >"$T/mark"
    for _ in 1 2 3 4 5 6 7 8 9; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
        fds+=("$fd")
        sleep 0.02
    done
    for fd in "${fds[@]}"; do
        printf 'POST %s HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: %s\r\nconnection: close\r\n\r\n%s' \
            "$PATH_OF" "$KEY" "${#BODY}" "$BODY" >&"$fd"
        head=$(timeout 10 head -1 <&"$fd")
        codes+=" ${head:9:3}"
        exec {fd}>&-
    done
    echo "$codes, $(($(calls) - before)) calls"
}

start_mock --refusals "$REFUSALS" --allow-field frobnicate --allow-field context_management
start_server WORKERS=3 RATE_LIMIT_ENABLED=false METRICS_TOKEN=off BETA_HEADERS_ALLOW=context-management-2025-06-27
make_key alice

# --- twenty refusals
missed=
n=0
while IFS=$'\t' read -r name model when sentence; do
    n=$((n + 1))
    request "$name" "$(id_of "$model")"
    before=$(calls)
    send
    first="$CODE $(($(calls) - before)) $(header x-converter-changes | grep -o 'learned:[a-z_.]*')"
    many=$(on_every_worker)
    if [[ $first == "200 2 learned:"* && $many == " 200 200 200 200 200 200 200 200 200, 9 calls" ]]; then
        pass
    else
        missed+=" $name"
        echo "  missed: $name ($when): \"$sentence\": $first;$many: $(head -c 200 "$T/body")"
    fi
done < <(rows)
expect "twenty rows" "$n" 20
expect_below "refusals that are not learned ($missed)" "$(wc -w <<<"$missed")" "$MISSES_MOST"
[ -n "$missed" ] || echo "  twenty refusals, ten in words that no table has: none is missed"

# --- where it is told
call /metrics
expect "cured, by what" "$(metric refusals_cured_total 'what="sampling"') $(metric refusals_cured_total 'what="max_tokens"')" "1 2"
expect "remembered now" "$(metric refusals_remembered) $(metric refusals_learned_total)" "$((20 - $(wc -w <<<"$missed"))) $((20 - $(wc -w <<<"$missed")))"
expect "avoided" "$(metric refusals_avoided_total)" "$((9 * (20 - $(wc -w <<<"$missed"))))"
run -- top --pid "$SERVER_PID" --once
expect_match "top has them" "$(cat "$T/out")" 'refusals_cured_total sampling +1'
expect_match "the log says what and of which model" "$(cat "$T/server.log")" 'anthropic.claude-sonnet-4-6-told-1 does not take sampling; left out for 600 s'
expect_match "so does the request's line" "$(grep 'told-1 ' "$T/server.log" | grep request_id)" 'changes=learned:sampling,drop:temperature'

# --- on every worker
few=
while IFS=$'\t' read -r name model _; do
    workers=$(grep "bedrock_model=$(id_of "$model") " "$T/server.log" | grep 'attempts=1 ' | grep -o 'worker [0-9]*' | sort -u | wc -l)
    [ "$workers" = 3 ] || few+=" $name:$workers"
done < <(rows)
expect "rows whose next requests did not reach all three workers" "$few" ""

# --- a reload and the end of a worker lose nothing of it
kill -HUP "$SERVER_PID"
eventually $((5 * SLOW)) grep -q ' reload: done' "$T/server.log"
again "after a reload" told.sampling anthropic.claude-sonnet-4-6-told-1 1
for pid in $(processes '^worker'); do kill -KILL "$pid"; done
eventually $((10 * SLOW)) is_ready
again "after the end of all workers" told.format anthropic.claude-sonnet-4-6-told-5 1

# --- streams: the refusal comes before the stream
request told.format anthropic.claude-sonnet-4-6-told-5-stream
BODY=${BODY%\}},'"stream":true}'
before=$(calls)
send
expect "a stream" "$CODE $(grep -c '^event: message_stop' "$T/body") $(grep -c error "$T/body") $(($(calls) - before))" "200 1 0 2"
send
expect "the next one" "$CODE $(grep -c '^event: message_stop' "$T/body") $(($(calls) - before))" "200 1 3"

finish
