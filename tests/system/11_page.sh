#!/usr/bin/env bash
# GET /: a page in a browser, JSON to everybody else, both from the routes table.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

start_mock
start_server MASTER_API_KEY=sk-master-0123456789abcdef
run -- docs routes --output json

call /
expect "JSON for curl" "$CODE $(header content-type)" "200 application/json"
expect "JSON: every route that is served" "$(jq -r '.endpoints[]' "$T/body" | sort)" \
    "$(jq -r '.[] | select(.path != "/" and (.path | endswith("}") | not) and (.meaning | startswith("404") | not)).path' "$T/out" | sort)"
expect_json "JSON: chat" .endpoints.chat_completions /v1/chat/completions
expect_json "JSON: messages" .endpoints.messages /v1/messages

BROWSER='Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
call / -H "$BROWSER"
expect "a page for a browser" "$CODE $(header content-type)" "200 text/html; charset=utf-8"
page=$(cat "$T/body")
expect_match "the address to paste" "$page" "ANTHROPIC_BASE_URL=http://127.0.0.1:$PORT\$"
expect_match "the address to paste" "$page" "OPENAI_BASE_URL=http://127.0.0.1:$PORT/v1\$"
expect_no_match "nothing is loaded or run" "$page" '<script|<img|src=|@import|url\(| on[a-z]+=|style='
expect_no_match "no secret" "$page" 'sk-master|AKIA|mock-secret'
style=$(sed -n 's/.*<style>\(.*\)<\/style>.*/\1/p' "$T/body")
expect_true "a style" test -n "$style"
expect "the policy" "$(header content-security-policy)" \
    "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-$(printf %s "$style" | openssl dgst -sha256 -binary | base64)'"
for path in $(grep -oE 'href="/[^"]*"' "$T/body" | cut -d'"' -f2); do
    expect "link $path" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$URL$path")" 200
done
expect_true "links" test "$(grep -c 'href="/' "$T/body")" -ge 4
if command -v xmllint >/dev/null; then
    expect "well-formed HTML" "$(xmllint --html --noout "$T/body" 2>&1)" ""
fi
call / -H "$BROWSER" -I
expect "HEAD" "$CODE $(header content-type)" "200 text/html; charset=utf-8"
finish
