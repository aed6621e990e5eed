#!/usr/bin/env bash
# Who may call: key headers, master key, refusals in the official words, limits, unknown routes.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

body=$(message hi)
post() { call /v1/messages -H 'content-type: application/json' --data-binary "$body" "$@"; }

start_mock
start_server MASTER_API_KEY=correct-horse-battery-staple RATE_LIMIT_WINDOW_SECONDS=86400
make_key alice

post
expect "no key" "$CODE" 401
expect_json "no key: type" '.type + " " + .error.type' 'error authentication_error'
expect "no key: not retried" "$(header x-should-retry)" false
post -H 'x-api-key: sk-unknown-0123456789abcdef'
expect "unknown key" "$CODE" 401
expect_json "unknown key: text" .error.message 'invalid x-api-key'
post -H "x-api-key: ${KEY%?}_"
expect "broken checksum" "$CODE" 401
post -H 'x-api-key;'
expect "empty key" "$CODE" 401
post -H "x-api-key: $KEY"
expect "x-api-key" "$CODE" 200
post -H "Authorization: Bearer $KEY"
expect "Bearer" "$CODE" 200
post -H "authorization: bEaReR $KEY"
expect "bearer in any case" "$CODE" 200
post -H "Authorization: Basic $KEY"
expect "Basic" "$CODE" 401
post -H "x-api-key: $KEY" -H 'Authorization: Bearer nonsense'
expect "x-api-key wins" "$CODE" 200
post -H 'x-api-key: nonsense' -H "Authorization: Bearer $KEY"
expect "x-api-key wins also when wrong" "$CODE" 401
post -H 'x-api-key: correct-horse-battery-staple'
expect "master key" "$CODE" 200
post -H 'x-api-key: correct-horse-battery-stapl'
expect "nearly the master key" "$CODE" 401

call /no/such/route
expect "unknown route without key" "$CODE" 401
call /no/such/route -H 'x-api-key: anything'
expect "unknown route with some key" "$CODE" 404
expect_json "unknown route: type" .error.type not_found_error
for path in /health /ready /liveness; do
    call "$path"
    expect "$path needs no key" "$CODE" 200
done
call / -I
expect "HEAD /" "$CODE" 200
call /api/hello -I
expect "HEAD /api/hello" "$CODE" 200
call /api/event_logging/batch -H 'content-type: application/json' -d '{"events":[]}'
expect "event logging" "$CODE" 200

call /health -H 'Origin: https://evil.example'
expect "no CORS by default" "$(header access-control-allow-origin)" ""

# exactly the limit, over both workers, each request on a connection of its own
make_key limited -l 10
ok=0 denied=0
for _ in $(seq 30); do
    post -H "x-api-key: $KEY"
    [ "$CODE" = 200 ] && ok=$((ok + 1))
    [ "$CODE" = 429 ] && denied=$((denied + 1))
done
# 10 at once, then one each 2.4 hours
expect "limit of 10 in 30" "$ok $denied" '10 20'
expect_json "limited: type" .error.type rate_limit_error
expect_match "limited: retry-after" "$(header retry-after)" '^[1-9][0-9]*$'
expect_match "limited: headers" "$(cat "$T/head")" 'anthropic-ratelimit-requests-limit: 10'
call /health
expect "health is not limited" "$CODE" 200
expect_no_match "keys in the log" "$(cat "$T/server.log")" 'sk-dev-[0-9A-Za-z]{32}|correct-horse'

stop_server
expect "exit code" "$CODE" 0
start_server REQUIRE_API_KEY=false
post
expect "REQUIRE_API_KEY=false" "$CODE" 200
# 100 Continue waits until the key is known: one that only the store has gets it, a wrong one gets its 401 instead
stop_server
start_server REFRESH_SECONDS=86400
expects() { raw_begin "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-api-key: $1\r\nContent-Length: ${#body}\r\nExpect: 100-continue\r\n\r\n"; }
make_key carol
answer=$(expects "$KEY")
expect_match "100 for a key of the store" "$answer" '^HTTP/1\.1 100'
expect_no_match "and nothing else yet" "$answer" '401'
answer=$(expects sk-ant-api03-nobody-has-this-key-0123456789)
expect_match "401 for a wrong key" "$answer" '^HTTP/1\.1 401'
expect_no_match "instead of 100" "$answer" 'HTTP/1\.1 100'
post -H "x-api-key: $KEY" -H 'Expect: 100-continue'
expect "Expect: whole request" "$CODE" 200
stop_server
start_server API_KEY_HEADER=X-My-Key CORS_ORIGINS=https://app.example
make_key bob
post -H "x-my-key: $KEY" -H 'Origin: https://app.example'
expect "API_KEY_HEADER" "$CODE" 200
expect "CORS for a listed origin" "$(header access-control-allow-origin)" https://app.example
post -H "x-my-key: $KEY" -H 'Origin: https://app.example.evil'
expect "CORS for another" "$(header access-control-allow-origin)" ""
call /v1/models -H "X-My-Key: $KEY" -H "x-my-key: $KEY"
expect "API_KEY_HEADER sent twice" "$CODE" 400
finish
