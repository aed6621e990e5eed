#!/usr/bin/env bash
# make judge: every body that COUNT random requests become is judged by botocore's newest model and by rules.tsv, which
# know nothing of the catalogue or the worker. Needs python3 with venv and PyPI (build/judge).
# usage: COUNT=40000 SEED=1 tests/judge/run.sh     the last line: "judge: N bodies of M requests ...: K faults"
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
here=tests/judge
venv=build/judge
program=$(cd "${B:-build}" && pwd)/llm-api-converter
complain() {
    echo "judge: $*" >&2
    exit 2
}
[ -x "$program" ] || complain "run make first"
if ! cmp -s "$here/requirements.txt" "$venv/.installed"; then
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" &&
        cp "$here/requirements.txt" "$venv/.installed" || complain "botocore could not be installed (python3-venv, PyPI)"
fi
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" "$here/spoiled.py" || exit 1

work=$(mktemp -d)
chmod 711 "$work"
server_pid=''
finish() {
    [ -n "$server_pid" ] && kill "$server_pid" 2>/dev/null && wait "$server_pid"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
read -r port RECORDER_PORT < <(python3 -c '
import socket
both = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in both))')
export RECORDER_PORT
settings=(
    PATH="$PATH" HOME="$work" HOST=127.0.0.1 PORT="$port" BEDROCK_ENDPOINT_URL="http://127.0.0.1:$RECORDER_PORT" AWS_REGION=us-west-2
    AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK AWS_SECRET_ACCESS_KEY=mock-secret-access-key STORAGE_BACKEND=sqlite STATE_DIR="$work/state"
    RATE_LIMIT_ENABLED=false BEDROCK_GUARDRAIL=gr4bcdefghij:7:async BEDROCK_PROJECT=proj_0123456789abcdefghij REQUEST_METADATA="user,key,request"
)
key=$(cd "$work" && env -i "${settings[@]}" "$program" create-api-key -u "Ann \"Tester\" Lée" -n judge --output json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["api_key"])') || complain "create-api-key failed"
(cd "$work" && exec env -i "${settings[@]}" "$program" serve) >"$work/server.log" 2>&1 &
server_pid=$!
"$venv/bin/python" "$here/run.py" "http://127.0.0.1:$port" "$key" "${COUNT:-40000}" "${SEED:-1}"
status=$?
[ "$status" -eq 0 ] || { echo "--- server log, last lines" && tail -5 "$work/server.log"; }
exit "$status"
