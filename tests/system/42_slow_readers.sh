#!/usr/bin/env bash
# A client that asks for a stream and does not read it costs at most 64 KiB of the workers' memory, and no more as time
# goes by. Two hundred of them at once; others are served meanwhile; their streams end at Bedrock when they leave.
. "$(dirname "$0")/lib.sh"

case $BUILD in */asan)
    skip "memory that the sanitizers take says nothing; 40_stream has slow clients"
    finish
    ;;
esac

READERS=200
[ "$SLOW" = 1 ] || READERS=20 # the sanitizers' memory is not ours: there it shows only that nothing breaks

# Memory of the workers that nobody shares, in KiB.
private_kb() {
    local pid
    for pid in $(processes '^worker'); do
        cat "/proc/$pid/smaps_rollup"
    done | awk '/^Private_(Clean|Dirty):/ { sum += $2 } END { print sum }'
}

# Until Bedrock's side has stood still for a second: everybody is stuck. The question costs it some bytes, too.
stands_still() {
    local now
    now=$(ledger .bytes_out)
    sleep 1
    [ $(($(ledger .bytes_out) - now)) -lt 100000 ]
}

# request PATH: into $T/request
request() {
    local body
    body=$(jq -c . <<<"$2")
    printf 'POST %s HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$KEY" "${#body}" "$body" >"$T/request"
}

# stuck ROUTE BODY
stuck() {
    local what=$1 before after later holder
    request "$1" "$2"
    before=$(private_kb)
    rm -f "$T/hold" && mkfifo "$T/hold"
    "$BUILD/stuck-readers" 127.0.0.1 "$PORT" "$T/request" "$READERS" <"$T/hold" >"$T/stuck" &
    exec {holder}>"$T/hold"
    eventually $((10 * SLOW)) grep -q open "$T/stuck"
    expect "$what: all have asked" "$?" 0
    eventually 60 stands_still
    expect "$what: all are stuck" "$?" 0
    after=$(private_kb)
    echo "  $what: $(((after - before) / READERS)) KiB a reader"
    ask "$(message 'say: other')"
    expect_json "$what: others are served" '.content[0].text' other
    sleep 2
    later=$(private_kb)
    if [ "$SLOW" = 1 ]; then
        expect_below "$what: KiB of private memory a reader" $(((after - before) / READERS)) 64
        expect_below "$what: KiB more a reader, 2 s later" $(((later - after) / READERS)) 1
    fi
    exec {holder}>&-
    eventually $((10 * SLOW)) bash -c "[ \"\$(curl -fs $MOCK_URL/__ledger | jq .aborts)\" = $READERS ]"
    expect "$what: their streams end at Bedrock" "$?" 0
}

all_serve() {
    run -- top --pid "$SERVER_PID" --output json
    jq -e '[.processes[] | select(.name | test("^worker")) | .streams] | min > 0' "$T/out" >/dev/null
}

# each ROUTE BODY: a server of its own, since memory that has been used once is not new to the second
each() {
    start_server RATE_LIMIT_ENABLED=false
    make_key reader
    mock_reset
    script tokens-2000,pace-20 0
    local warm=()
    until all_serve || [ ${#warm[@]} -ge 20 ]; do # what the first stream of a worker costs is nobody's
        watched "$T/warm" curl -sSN --max-time 60 -H "x-api-key: $KEY" -H 'content-type: application/json' -d "$(message hi '{"stream":true}')" "$URL/v1/messages"
        warm+=("$WATCHED")
        eventually $((5 * SLOW)) has_come 1 '^event: content_block_delta' "$T/warm"
    done
    expect_true "$1: each worker has served" all_serve
    kill "${warm[@]}"
    wait "${warm[@]}" 2>/dev/null
    mock_reset
    script size-20000000 "$READERS"
    stuck "$@"
    expect "$1: no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
    stop_server
    PORT=
}

start_mock
each /v1/messages "$(message hi '{"stream":true}')"
READERS=$((READERS / 4))
each /v1/chat/completions '{"model":"claude-sonnet-4-5","stream":true,"messages":[{"role":"user","content":"hi"}]}'
finish
