#!/usr/bin/env bash
# What the settings do that no other script is about; an environment of former days; and tests/settings.tsv, in which each
# setting has its test.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/dynamo.sh
. "$(dirname "$0")/dynamo.sh"

HAIKU=claude-haiku-4-5
QWEN=qwen.qwen3-coder-480b-a35b-v1:0
sent() { curl -fsS "$MOCK_URL/__body" | jq -c "$1"; }
model_sent() { ledger '.last[0].model'; }
# another SETTING=VALUE...: a fresh server with them, in the same store
another() {
    stop_server
    start_server "$@"
}

start_mock --allow-beta my-beta-2030-01-01
printf 'id\tin\tout\n%s\t1000\t1000\n' "$QWEN" >"$T/models.tsv"
start_server CATALOGUE_FILE="$T/models.tsv" MASTER_API_KEY=correct-horse-battery-staple MASTER_KEY_RATE_LIMIT=2 DEFAULT_SERVICE_TIER=flex DEFAULT_CACHE_TTL=1h \
    STRICT_FIELDS=true USAGE_TTL_DAYS=3 MODEL_ARN_ACCOUNTS=123456789012 RATE_LIMIT_WINDOW_SECONDS=86400 \
    ANTHROPIC_DEFAULT_OPUS_MODEL=$QWEN ANTHROPIC_DEFAULT_SONNET_MODEL=us.amazon.nova-pro-v1:0 ANTHROPIC_DEFAULT_HAIKU_MODEL=us.anthropic.claude-haiku-4-5-20251001-v1:0
make_key alice

# --- who may call
mine=$KEY mine_id=$KEY_ID
KEY=correct-horse-battery-staple
codes=
for _ in 1 2 3; do
    ask "$(message hi)"
    codes+="$CODE "
done
expect "MASTER_KEY_RATE_LIMIT" "$codes" "200 200 429 "
KEY=$mine
arn() { ask "$(message hi "{\"model\":\"arn:aws:bedrock:us-west-2:$1:application-inference-profile/abc\"}")"; }
arn 210987654321
expect "MODEL_ARN_ACCOUNTS: of another account" "$CODE" 403
arn 123456789012
expect "MODEL_ARN_ACCOUNTS: of one that is listed" "$CODE" 200

make_key frugal --monthly-budget 100
arn 123456789012
expect "UNPRICED: refused to a key with a budget" "$CODE" 403
frugal=$KEY
KEY=$mine

# --- models
for row in opus-4-8:$QWEN sonnet-4-5:us.amazon.nova-pro-v1:0 haiku-4-5:us.anthropic.claude-haiku-4-5-20251001-v1:0; do
    ask "$(message hi "{\"model\":\"claude-${row%%:*}\"}")"
    expect "ANTHROPIC_DEFAULT_*_MODEL: ${row%%:*}" "$CODE $(model_sent)" "200 ${row#*:}"
done
dear() { # the answer of a few tokens costs more than a cent
    run -- usage --by key --output json
    [ "$(jq -r ".[] | select(.key == \"$KEY_ID\").cost_micro" "$T/out")" -gt 10000 ]
}
KEY_ID=$mine_id
expect_true "CATALOGUE_FILE: a price of it" eventually $((8 * SLOW)) dear
MODEL=$HAIKU
ask "$(message hi '{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}')"
expect "DEFAULT_CACHE_TTL=1h" "$CODE $(sent '.system[0].cache_control.ttl')" '200 "1h"'
expect_match "DEFAULT_SERVICE_TIER" "$(ledger '.last[0] | tostring')" 'service-?tier[^,]*flex'
ask "$(message hi '{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","scope":"global"}}]}')"
expect_match "STRICT_FIELDS" "$CODE $(jq -r .error.message "$T/body")" '^400 cache_control.scope: .*STRICT_FIELDS'

# --- usage rows
row_of() { sqlite3 "$T/state/keys.db" "$1" 2>/dev/null; }
if command -v sqlite3 >/dev/null; then
    days() { [ "$(row_of 'SELECT count(*) > 0 AND min(ttl - CAST(timestamp AS INTEGER) / 1000) BETWEEN 259000 AND 259400 FROM usage')" = 1 ]; }
    expect_true "USAGE_TTL_DAYS" eventually $((5 * SLOW)) days
else
    skip "USAGE_TTL_DAYS: sqlite3 is not installed"
fi

# --- time
another BEDROCK_TIMEOUT=1 MAX_REQUEST_SECONDS=2
script slow-first-4000 0
ask "$(message hi)"
expect "BEDROCK_TIMEOUT: a whole answer" "$CODE" 504
mock_reset
script tokens-200,pace-100
ask "$(message hi '{"stream":true}')"
expect_match "MAX_REQUEST_SECONDS: a stream" "$(tail -3 "$T/body")" 'event: error|"type":"error"'
mock_reset

# --- the rest, with other values
another UNPRICED=allow DEFAULT_CACHE_TTL=off DEFAULT_MODEL_MAPPING="{\"my-name\":\"$QWEN\",\"claude-haiku-4-5\":\"anthropic.claude-haiku-4-5-20251001-v1:0\",\"claude-sonnet-4-5\":\"anthropic.claude-sonnet-4-5-20250929-v1:0\"}" \
    BETA_HEADER_MAPPING='{"my-beta-2030-01-01":["my-beta-2030-01-01"]}' BETA_HEADER_SUPPORTED_MODELS='["haiku"]' CORE_DUMPS=true ALLOW_CLEAR_KEYS=false
ask "$(message hi '{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}')"
expect "DEFAULT_CACHE_TTL=off" "$CODE $(sent '.system[0].cache_control')" "200 null"
ask "$(message hi)" -H 'anthropic-beta: my-beta-2030-01-01'
expect "BETA_HEADER_MAPPING, BETA_HEADER_SUPPORTED_MODELS: one of them" "$(sent .anthropic_beta)" '["my-beta-2030-01-01"]'
ask "$(MODEL=claude-sonnet-4-5 message hi)" -H 'anthropic-beta: my-beta-2030-01-01'
expect "BETA_HEADER_SUPPORTED_MODELS: another model" "$CODE $(sent .anthropic_beta)" "200 null"
ask "$(message hi '{"model":"my-name"}')"
expect "DEFAULT_MODEL_MAPPING" "$CODE $(model_sent)" "200 $QWEN"
KEY=$frugal
arn 123456789012
expect "UNPRICED=allow" "$CODE" 200
expect_no_match "CORE_DUMPS" "$(grep '^Max core' "/proc/$SERVER_PID/limits")" 'size +0 +0'
make_key clear --clear
ask "$(message hi)"
expect "ALLOW_CLEAR_KEYS=false" "$CODE" 401

# --- the way to AWS: a proxy is told which host is meant, and refuses
python3 - >"$T/proxy.out" <<'PY' &
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    line = c.recv(4096).split(b"\r\n")[0].decode()
    print(line, flush=True)
    c.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    c.close()
PY
proxy=$!
eventually 5 test -s "$T/proxy.out"
make_key proxied
for row in 'bedrock-runtime.us-west-2.amazonaws.com AWS_USE_FIPS_ENDPOINT=false' \
    'bedrock-runtime-fips.us-west-2.amazonaws.com AWS_USE_FIPS_ENDPOINT=true' \
    'bedrock-runtime.us-west-2.api.aws AWS_USE_DUALSTACK_ENDPOINT=true'; do
    another BEDROCK_ENDPOINT_URL= UPSTREAM_PROXY=true HTTPS_PROXY="http://127.0.0.1:$(head -1 "$T/proxy.out")" "${row#* }"
    ask "$(message hi)"
    expect_match "UPSTREAM_PROXY ${row#* }" "$CODE $(tail -1 "$T/proxy.out")" "^50[0-9] CONNECT ${row% *}:443 "
done
kill "$proxy"
stop_server

# --- an environment of former days: every name that was a setting, with a value that was not its default
cat >"$T/former.env" <<'ENV'
RATE_LIMIT_ENABLED=false
RATE_LIMIT_REQUESTS_PER_WINDOW=1
PROMPT_CACHING_ENABLED=false
BETA_HEADERS_ALLOW=context-management-2025-06-27
BETA_HEADERS_BLOCKLIST=["context-1m-2025-08-07"]
BETA_HEADERS_PASSTHROUGH=["one-of-mine"]
METRICS_AUTH=off
DYNAMODB_API_KEYS_TABLE=physical-api-keys
DYNAMODB_USAGE_TABLE=physical-usage
DYNAMODB_USAGE_STATS_TABLE=physical-stats
DYNAMODB_MODEL_MAPPING_TABLE=physical-mapping
DYNAMODB_MODEL_PRICING_TABLE=physical-pricing
DYNAMODB_BETA_HEADERS_TABLE=physical-betas
HTTP_MAX_LINE=9000
HTTP_MAX_HEADER_BYTES=40000
HTTP_MAX_HEADERS=50
MAX_BODY_BYTES=1000000
JSON_MAX_DEPTH=64
JSON_MAX_VALUES=5000
JSON_MAX_KEYS=500
JSON_MAX_NUMBER=30
BODY_TIMEOUT=30
BODY_MIN_RATE=10
MAX_REQUESTS_PER_CONNECTION=50
WRITE_TIMEOUT=30
STREAM_BUFFER_BYTES=65536
EVENTSTREAM_MAX_FRAME=65536
UPSTREAM_CONNECT_TIMEOUT=10
UPSTREAM_FIRST_BYTE_TIMEOUT=60
UPSTREAM_RETRIES=0
REASONING_CONTENT=false
STRIP_CACHE_SCOPE=false
EVENT_LOGGING_SINK=false
MAX_BODIES_BYTES=10000000
MAX_CONNECTIONS=100
UPSTREAM_POOL=10
USAGE_JOURNAL_RECORDS=1000
ENV
run -- check-config --env-file former.env
expect "check-config with it" "$CODE" 0
expect "one line for each that does nothing" "$(grep -c '^warning: [A-Z_]* does nothing here: ' "$T/err")" 24
expect "one for each that has a new name" "$(grep -oE '^warning: [A-Z_]+ is read on' "$T/err" | sort | xargs)" \
    "warning: BETA_HEADERS_ALLOW is read on warning: BETA_HEADERS_BLOCKLIST is read on warning: BETA_HEADERS_PASSTHROUGH is read on warning: METRICS_AUTH is read on warning: PROMPT_CACHING_ENABLED is read on warning: RATE_LIMIT_ENABLED is read on"
for row in RATE_LIMIT_REQUESTS_PER_WINDOW:0 DEFAULT_CACHE_TTL:off DYNAMODB_USAGE_TABLE:physical-usage DYNAMODB_BETA_HEADERS_TABLE:physical-betas; do
    expect_match "what came of it: $row" "$(cat "$T/out")" "^${row%:*} +${row#*:} +\.env$"
done
while IFS='=' read -r name _; do
    expect_true "$name: told of, or shown" grep -qhE "^(warning: )?$name " "$T/err" "$T/out"
done <"$T/former.env"
: >"$T/server.log"
SERVE_FLAGS="--env-file former.env" start_server
make_key former
codes=
for _ in 1 2 3; do
    ask "$(message hi)"
    codes+="$CODE "
done
expect "RATE_LIMIT_ENABLED=false still lifts the limit" "$codes" "200 200 200 "
ask "$(message hi '{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","scope":"x"}}]}')"
expect "PROMPT_CACHING_ENABLED=false still removes the marks" "$CODE $(sent '.system[0].cache_control')" "200 null"
call /metrics
expect "METRICS_AUTH=off still opens /metrics" "$CODE" 200
expect "the log says as much as check-config" "$(grep -cE ' (does nothing here: |is read on)' "$T/server.log")" 30
stop_server

# --- the store is away for longer than keys may be trusted
start_dynamo
run "${STORE[@]}" DYNAMODB_TABLE_PREFIX=stale -- setup_tables
run "${STORE[@]}" DYNAMODB_TABLE_PREFIX=stale -- create-api-key -u zoe -n test --output json
KEY=$(jq -r .api_key "$T/out")
start_server "${STORE[@]}" DYNAMODB_TABLE_PREFIX=stale REFRESH_SECONDS=1 MAX_STALE_SECONDS=6 SHUTDOWN_TIMEOUT=1
ask "$(message hi)"
expect "DYNAMODB_TABLE_PREFIX: a key of its table" "$CODE" 200
stop_dynamo
stale() {
    ask "$(message hi)"
    [ "$CODE" = 503 ]
}
expect_true "MAX_STALE_SECONDS" eventually $((12 * SLOW)) stale

# --- every setting has its test
run -- docs settings --output json
cd "$ROOT" || exit 1
expect "settings, and rows of tests/settings.tsv" "$(diff <(jq -r '.[].name' "$T/out" | sort) <(grep -v '^#' tests/settings.tsv | cut -f1 | sort))" ""
while IFS=$'\t' read -r name where; do
    expect_true "$name is set in tests/system/$where" grep -qE "\b$name=" "tests/system/$where"
done < <(grep -v '^#' tests/settings.tsv)
finish
