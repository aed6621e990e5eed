#!/usr/bin/env bash
# make run: starts the gateway in the foreground, with the bundled mock Bedrock when no AWS credentials are
# configured, makes a key for this run and prints how to use it. Ctrl-C ends everything and revokes the key.
# The mock plays a demo with a file in a folder of its own, which is made here and goes away at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${B:-build}
program=$build/llm-api-converter
log=$(mktemp)
server_pid=
mock_pid=
key_id=
folder=

stop() {
    trap - EXIT
    # Ctrl-C once more: the server does not wait for open requests
    trap 'kill -TERM "$server_pid" 2>/dev/null || true' HUP INT TERM
    if [ -n "$server_pid" ]; then
        kill -TERM "$server_pid" 2>/dev/null || true
        while kill -0 "$server_pid" 2>/dev/null; do
            wait "$server_pid" || true
        done
    fi
    if [ -n "$key_id" ]; then
        "$program" revoke-key "$key_id" --reason "make run ended" >/dev/null || true
    fi
    if [ -n "$mock_pid" ]; then
        kill -TERM "$mock_pid" 2>/dev/null || true
        wait "$mock_pid" 2>/dev/null || true
    fi
    rm -f "$log"
    [ -z "$folder" ] || rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The first run keeps its key in the embedded store, also where AWS credentials are found; say otherwise by setting
# STORAGE_BACKEND, DATABASE_URL or DYNAMODB_ENDPOINT_URL.
[ -n "${DATABASE_URL:-}${DYNAMODB_ENDPOINT_URL:-}" ] || export STORAGE_BACKEND="${STORAGE_BACKEND:-sqlite}"

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# A wrong setting is told once, here, and not by each command below.
"$program" check-config >/dev/null 2>"$log" || {
    cat "$log" >&2
    exit 2
}

settings=$("$program" check-config --output json 2>/dev/null)
setting() { jq -r --arg name "$1" '.[] | select(.name == $name).value' <<<"$settings"; }
# Started by root the server goes on as nobody, and gives away no directory that was there before (README, RUN_AS_USER).
state=$(setting STATE_DIR)
if [ "$(id -u)" -eq 0 ] && [ -z "$(setting RUN_AS_USER)" ] && [ "$(stat -c %u "$state" 2>/dev/null)" = 0 ]; then
    echo "make run: $state is root's, and the server goes on as nobody: chown -R nobody: $state, or set RUN_AS_USER" >&2
    exit 2
fi

if [ -z "${BEDROCK_ENDPOINT_URL:-}${AWS_ENDPOINT_URL_BEDROCK_RUNTIME:-}" ] && ! "$program" check-config --aws >/dev/null 2>&1; then
    AWS_ACCESS_KEY_ID=AKIA$(random_hex 8 | tr a-f G-L)
    AWS_SECRET_ACCESS_KEY=$(random_hex 20)
    export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION="${AWS_REGION:-us-east-1}"
    folder=$(mktemp -d /tmp/llm-api-converter.XXXXXX)
    printf 'This file belongs to the demo of "make run" and goes away with it.\nTimes played: 0\n' >"$folder/notes.txt"
    setsid "$build/mock-bedrock" --quiet --play "$folder" --access-key "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" >"$log" &
    mock_pid=$!
    address=
    for _ in $(seq 200); do
        address=$(sed -n 's/^mock-bedrock listening on //p' "$log")
        [ -n "$address" ] && break
        sleep 0.02
    done
    [ -n "$address" ] || {
        echo "make run: the mock Bedrock did not start" >&2
        exit 1
    }
    export BEDROCK_ENDPOINT_URL=http://$address
    echo "No AWS credentials found: using the bundled mock Bedrock at $address. It echoes, and plays a demo; set AWS_ACCESS_KEY_ID or AWS_PROFILE for real models."
fi

port=$(setting PORT)

created=$("$program" create-api-key -u "${USER:-local}" -n "make run" --output json)
key=$(jq -r .api_key <<<"$created")
key_id=$(jq -r .key_id <<<"$created")

# Another program may hold the port and answer there, so the server is asked before its port.
is_up() {
    "$program" top --pid "$server_pid" --output json 2>/dev/null |
        jq -e 'any(.processes[]; .state == "ready" and (.name | startswith("worker")))' >/dev/null &&
        curl -fs -o /dev/null --max-time 1 "http://localhost:$port/health" 2>/dev/null
}

# A process group of its own: Ctrl-C reaches this script, which ends the server in order.
setsid "$program" serve &
server_pid=$!
ready=
for _ in $(seq 500); do
    kill -0 "$server_pid" 2>/dev/null || break
    if is_up; then
        ready=yes
        break
    fi
    sleep 0.02
done
if [ -z "$ready" ]; then
    code=0
    wait "$server_pid" || code=$?
    server_pid=
    exit "$((code == 0 ? 1 : code))"
fi

demo=
if [ -n "$folder" ]; then
    demo="cd $folder && claude \"play the demo\"

The demo has the client read, change and show one small file, $folder/notes.txt. (In one go: claude -p
\"play the demo\" --allowedTools Read,Edit,Bash. Any client that offers such tools can play it: the word is \"demo\".)
"
fi
cat <<END

Ready. For Claude Code, in another terminal:

export ANTHROPIC_BASE_URL="http://localhost:$port"
export ANTHROPIC_API_KEY="$key"
export CLAUDE_CODE_AUTO_MODE_SERVER=0
$demo
Or:

curl -sS http://localhost:$port/v1/messages -H "x-api-key: $key" -H "anthropic-version: 2023-06-01" -H "content-type: application/json" -d '{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}'

Ctrl-C stops.
END
code=0
wait "$server_pid" || code=$?
server_pid=
exit "$code"
