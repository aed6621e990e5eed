#!/usr/bin/env bash
# HTTP as bytes: framing attacks, limits, keep-alive, half-close.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# refused NAME WANTED BYTES: answered with this status, then closed
refused() {
    local answer
    answer=$(raw "$3")
    expect "$1" "$(sed -n '1s/^HTTP\/1\.1 \([0-9]*\).*/\1/p' <<<"$answer")" "$2"
    if [ "$2" != 200 ] && [ "$2" != 405 ]; then
        expect_match "$1: closes" "$answer" '^[Cc]onnection: close'
    fi
}

start_mock
start_server
make_key alice

get='GET /health HTTP/1.1\r\nHost: x\r\n'
post="POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: $KEY\r\nContent-Type: application/json\r\n"

refused "plain" 200 "${get}Connection: close\r\n\r\n"
refused "TE and CL" 400 "${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "two lengths" 400 "${post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"
refused "negative length" 400 "${post}Content-Length: -1\r\n\r\n"
refused "length with plus" 400 "${post}Content-Length: +4\r\n\r\nabcd"
refused "TE on 1.0" 400 'POST /v1/messages HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refused "TE not chunked" 501 "${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
refused "no Host" 400 'GET /health HTTP/1.1\r\n\r\n'
refused "two Hosts" 400 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
refused "Host with path" 400 'GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n'
refused "blank before colon" 400 'GET /health HTTP/1.1\r\nHost : a\r\n\r\n'
refused "folded header" 400 'GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n'
refused "bare LF" 400 'GET /health HTTP/1.1\nHost: a\n\n'
refused "version 2.0" 505 'GET /health HTTP/2.0\r\nHost: x\r\n\r\n'
refused "RTSP" 400 'OPTIONS /health RTSP/1.0\r\nHost: x\r\n\r\n'
refused "h2 preface too late" 400 '\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
refused "CONNECT" 400 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'
refused "Expect else" 417 "${post}Content-Length: 2\r\nExpect: magic\r\n\r\n{}"
refused "two keys" 400 "${post}x-api-key: other\r\nContent-Length: 2\r\n\r\n{}"
refused "NUL in header" 400 'GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n'
refused "bad chunk size" 400 "${post}Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"
long=$(printf 'a%.0s' $(seq 9000))
refused "long target" 414 "GET /$long HTTP/1.1\r\nHost: x\r\n\r\n"
refused "long header line" 431 "GET /health HTTP/1.1\r\nHost: x\r\nX: $long\r\n\r\n"
many=$(for i in $(seq 120); do printf 'X-%d: 1\\r\\n' "$i"; done)
refused "many headers" 431 "GET /health HTTP/1.1\r\nHost: x\r\n$many\r\n"
refused "body too large" 413 "${post}Content-Length: 25000001\r\n\r\n"

expect "1.0 is answered" "$(raw_code 'GET /health HTTP/1.0\r\n\r\n')" 200
answer=$(raw "$get\r\n$get\r\nHEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
expect "pipelining" "$(grep -o 'HTTP/1.1 200' <<<"$answer" | wc -l)" 3
expect "no body for HEAD" "$(grep -o '"status":"healthy"' <<<"$answer" | wc -l)" 2

call /health -X DELETE
expect "wrong method" "$CODE" 405
expect_match "Allow" "$(header allow)" 'GET'
expect_match "request ids" "$(cat "$T/head")" '[Rr]equest-[Ii]d: '
for path in /health /nowhere /v1/messages; do
    call $path -X FOO
    expect "a method that is none: $path" "$CODE $(jq -r .error.type "$T/body")" "501 invalid_request_error"
done
call /v1/chat/completions -X PROPFIND
expect "the same in OpenAI's dialect" "$CODE $(jq -c '[.error.type, .error.param]' "$T/body")" '501 ["invalid_request_error",null]'
call /health -H 'x-request-id: my-own-id_1'
expect "request id is kept" "$(header x-request-id)" my-own-id_1
call /health -H 'x-request-id: bad id;with"signs'
expect_no_match "bad request id is not" "$(header x-request-id)" '[;"]'

body=$(message hello)
ask "$body" -H 'Transfer-Encoding: chunked'
expect "chunked body" "$CODE" 200
ask "$body" -H 'Expect: 100-continue'
expect "Expect: 100-continue" "$CODE" 200
ask "$body" -H 'Content-Encoding: gzip'
expect "compressed body" "$CODE" 400
answer=$(raw_begin "${post}Content-Length: ${#body}\r\nExpect: 100-continue\r\n\r\n")
expect_match "100 is sent" "$answer" '^HTTP/1\.1 100'
codes=$(curl -s -o /dev/null -w '%{num_connects} ' "$URL/health" -o /dev/null "$URL/health" -o /dev/null "$URL/health")
expect "one connection for three requests" "$codes" "1 0 0 "
call /health
expect "alive after all this" "$CODE" 200
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
