#!/usr/bin/env bash
# Bedrock's own routes: every byte of a request, and of Bedrock's answer with its head, frames and chunks, is once the last one of a
# segment. What was sent is what Bedrock got, what Bedrock said is what came, over HTTP/1.1 and HTTP/2.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

start_mock
proxy=$(free_port)
start_server BEDROCK_ENDPOINT_URL="http://127.0.0.1:$proxy" RATE_LIMIT_ENABLED=false
make_key alice
python3 "$ROOT/tests/system/splits.py" "$proxy" "${MOCK_URL##*:}" "$PORT" "$KEY" us.anthropic.claude-sonnet-4-5-20250929-v1:0 >"$T/splits" 2>"$T/splits.err"
expect "it went through" "$? $(cat "$T/splits.err")" "0 "
expect "operations and protocols" "$(wc -l <"$T/splits")" 8
while IFS=$'\t' read -r operation protocol n there here; do
    expect_true "$operation, $protocol: $n places" test "$n" -gt 400
    expect "$operation, $protocol: what was sent is what Bedrock got" "$there of $n otherwise" "0 of $n otherwise"
    expect "$operation, $protocol: what Bedrock said is what came" "$here of $n otherwise" "0 of $n otherwise"
done <"$T/splits"
echo "  cut in two: $(awk -F '\t' '{ n += $3 } END { print n }' "$T/splits") requests"
expect "no worker died" "$(grep -c 'starting it again' "$T/server.log")" 0
finish
