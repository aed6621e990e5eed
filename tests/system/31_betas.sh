#!/usr/bin/env bash
# The operator's table of beta headers in the embedded store: a row that is written while the server runs decides about
# its value within a second or two, on both transports; what the environment says comes after it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DB=$T/state/keys.db
WORD=house-word-2026-01-01
THINK=interleaved-thinking-2025-05-14
MILLION=context-1m-2025-08-07

sql() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
row() { sql "INSERT OR REPLACE INTO beta_headers(header_name, header_type, mapped_to) VALUES('$1', '$2', $3)"; }
# sends WANTED: what reaches Bedrock of both values, by InvokeModel
sends() {
    ask "$(message hi)" -H "anthropic-beta: $WORD,$THINK"
    [ "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c .anthropic_beta)" = "200 $1" ]
}
becomes() { # WHAT WANTED: soon, without a signal and without the full reading of REFRESH_SECONDS (60)
    eventually $((5 * SLOW)) sends "$2"
    expect "$1" "$? $(curl -fsS "$MOCK_URL/__body" | jq -c .anthropic_beta)" "0 $2"
}

start_mock
start_server BETA_HEADER_MAPPING="{\"$WORD\":[\"$THINK\"]}"
make_key alice
expect_true "without rows the environment and the model's list decide" sends "[\"$THINK\"]"

row "$WORD" mapping "'[\"$MILLION\"]'"
becomes "a mapping comes before the environment's" "[\"$MILLION\",\"$THINK\"]"
expect_match "the client is told of it" "$(header x-converter-changes)" "map:beta:$WORD"

row "$THINK" blocklist NULL
becomes "a blocked value" "[\"$MILLION\"]"
expect_match "the client is told of that, too" "$(header x-converter-changes)" "drop:beta:$THINK"

call /v1/chat/completions -H "authorization: Bearer $KEY" -H 'content-type: application/json' -H "anthropic-beta: $WORD,$THINK" \
    -d "{\"model\":\"$MODEL\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
expect "both rows in Converse" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c .additionalModelRequestFields.anthropic_beta)" "200 [\"$MILLION\"]"

sql "UPDATE beta_headers SET mapped_to = '[\"$MILLION\",\"computer-use-2025-01-24\"]' WHERE header_name = '$WORD'"
becomes "a row that is changed" "[\"$MILLION\",\"computer-use-2025-01-24\"]"

# a mapping to nothing that can be sent is no mapping: the row is skipped, the rest goes on
sql "UPDATE beta_headers SET mapped_to = '{oops' WHERE header_name = '$WORD'"
becomes "a row that is none: the environment's mapping is back" '["'$THINK'"]'
expect_match "the row is named in the log" "$(cat "$T/server.log")" "$WORD is skipped"

sql "DELETE FROM beta_headers"
becomes "rows that are deleted" "[\"$THINK\"]"

# and from the start
row "$WORD" blocklist NULL
stop_server
start_server
ask "$(message hi)" -H "anthropic-beta: $WORD,$THINK"
expect "a row that was there before" "$CODE $(curl -fsS "$MOCK_URL/__body" | jq -c .anthropic_beta)" "200 [\"$THINK\"]"
expect_match "is in force at once" "$(header x-converter-changes)" "drop:beta:$WORD"
finish
