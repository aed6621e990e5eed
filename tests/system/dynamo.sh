# shellcheck shell=bash disable=SC2034 # variables that the tests use
# dynamo.sh - what the DynamoDB tests share, on top of lib.sh: starts mock-dynamo (tests/mock/dynamo_mock.h), plays its
# faults, runs our program against it.

DYNAMO_URL=

start_dynamo() {
    "$BUILD/mock-dynamo" --port 0 "$@" >"$T/dynamo.out" 2>"$T/dynamo.log" & # ended by cleanup
    DYNAMO_PID=$!
    eventually 5 grep -q listening "$T/dynamo.out" || {
        fail "mock-dynamo did not start"
        finish
    }
    DYNAMO_URL=http://$(sed -n 's/.*listening on //p' "$T/dynamo.out")
    STORE=(STORAGE_BACKEND=dynamodb DYNAMODB_ENDPOINT_URL="$DYNAMO_URL" DYNAMODB_TIMEOUT=2)
}

stop_dynamo() {
    kill "$DYNAMO_PID"
    wait "$DYNAMO_PID" 2>/dev/null
}

dynamo() { curl -fsS --max-time 5 "$DYNAMO_URL/$1" "${@:2}"; }
# trouble FAULT [COUNT] [OPERATION]; COUNT 0: until dynamo_reset
trouble() { dynamo __script -o /dev/null -d "{\"op\":\"${3:-}\",\"fault\":\"$1\",\"count\":${2:-1}}"; }
dynamo_reset() { dynamo __reset -o /dev/null -X POST; }
# Item of the keys as the table holds it: only our program reads DynamoDB here, so the list is its own.
list() {
    run "${STORE[@]}" -- list-keys --output json
    jq -r "$1" "$T/out"
}
new_key() {
    run "${STORE[@]}" -- create-api-key -u "$1" -n "a \"quoted\" nämé" --output json "${@:2}"
    KEY=$(jq -r .api_key "$T/out" 2>/dev/null)
    KEY_ID=$(jq -r .key_id "$T/out" 2>/dev/null)
}
status_with_key() { curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "x-api-key: $1" -d '{}' "$URL/v1/messages"; }
has_status() { [ "$(status_with_key "$1")" = "$2" ]; }
is_not_ready() { ! is_ready; }
