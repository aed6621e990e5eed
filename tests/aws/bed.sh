# shellcheck shell=bash disable=SC2034
# bed.sh - what the tests of this folder stand on: a real AWS CLI, moto, the front (front.py), the mock Bedrock and a
# played docker. Sourced by each NN_topic.sh; CLI=v1 (PyPI's newest, default) or v2 (Debian's, /usr/bin/aws).
# shellcheck source=tests/system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
cd "$ROOT" || exit 1
HERE=$ROOT/tests/aws
# shellcheck source=tests/aws/userland.sh
. "$HERE/userland.sh"
VENV=$ROOT/build/aws
CLI=${CLI:-v1}
FRONT_PID=
MOTO_PID=
CLI_PID=
MORE=()

bed_stop() {
    [ -z "$FRONT_PID" ] || { kill "$FRONT_PID" 2>/dev/null && wait "$FRONT_PID" 2>/dev/null; }
    [ -z "$MOTO_PID" ] || { kill "$MOTO_PID" 2>/dev/null && wait "$MOTO_PID" 2>/dev/null; }
    [ -z "$CLI_PID" ] || { kill "$CLI_PID" 2>/dev/null && wait "$CLI_PID" 2>/dev/null; }
    FRONT_PID='' MOTO_PID='' CLI_PID=''
}
trap 'bed_stop; cleanup' EXIT

bed_start() {
    local ports
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=test \
        -addext "subjectAltName=DNS:*.us-west-2.awsapprunner.com,DNS:*.ecs.us-west-2.on.aws,DNS:*.ecs.us-gov-west-1.on.aws" 2>/dev/null
    MOTO_PORT=$(free_port)
    MOTO=http://127.0.0.1:$MOTO_PORT
    MOTO_IAM_LOAD_MANAGED_POLICIES=true "$VENV/bin/moto_server" -H 127.0.0.1 -p "$MOTO_PORT" >"$T/moto.log" 2>&1 &
    MOTO_PID=$!
    start_mock
    eventually 20 curl -fs -o /dev/null "$MOTO/moto-api/" || {
        fail "moto did not start: $(tail -3 "$T/moto.log")"
        finish
    }
    # The processes of the gateway may be another user's; they write below this.
    "$VENV/bin/python" "$HERE/front.py" "$PROGRAM" "$T" "$MOTO" "$MOCK_URL" >"$T/front.out" 2>"$T/front.log" &
    FRONT_PID=$!
    eventually 20 grep -q ' ' "$T/front.out" || {
        fail "the front did not start: $(tail -3 "$T/front.log")"
        finish
    }
    read -r ports TLS_PORT <"$T/front.out"
    FRONT=http://127.0.0.1:$ports
    mkdir -p "$T/home" "$T/bin" "$T/docker"
    userland "$T/userland"
    # Every https name of a service ends at the front's TLS port.
    printf 'connect-to = "::127.0.0.1:%s"\ncacert = "%s"\n' "$TLS_PORT" "$T/cert.pem" >"$T/home/.curlrc"
    printf '#!/bin/sh\nPATH=%s\nDOCKER_STATE=%s MOTO=%s FRONT=%s ROOT=%s PROGRAM=%s TEST_ENVIRONMENT="DYNAMODB_ENDPOINT_URL=%s" exec %s %s "$@"\n' \
        "$PATH" "$T/docker" "$MOTO" "$FRONT" "$ROOT" "$PROGRAM" "$MOTO" "$VENV/bin/python" "$HERE/${DOCKER:-docker.py}" >"$T/bin/docker"
    "$VENV/bin/python" "$HERE/cli.py" serve "$T/cli.sock" 2>"$T/cli.log" &
    CLI_PID=$!
    eventually 20 test -S "$T/cli.sock"
    # Each call is written down, so that a test can see which were made.
    if [ "$CLI" = v2 ]; then # 2.9 does not know AWS_ENDPOINT_URL yet
        printf '#!/bin/sh\necho "$@" >>%s\nexec /usr/bin/aws --endpoint-url %s --no-cli-pager "$@"\n' "$T/aws.calls" "$FRONT"
    else
        printf '#!/bin/sh\necho "$@" >>%s\nAWS_ENDPOINT_URL=%s exec %s -I -S %s %s "$@"\n' "$T/aws.calls" "$FRONT" "$VENV/bin/python" "$HERE/cli.py" "$T/cli.sock"
    fi >"$T/bin/aws" || return
    chmod +x "$T"/bin/*
    # Another bash, such as macOS's 3.2: #!/usr/bin/env bash finds it first.
    [ -z "${SHELL_UNDER_TEST:-}" ] || ln -s "$SHELL_UNDER_TEST" "$T/bin/bash"
    # moto reads its DynamoDB at the first call, which on a busy machine takes longer than the program waits for an answer:
    # that call is made in a region where nothing is looked at.
    for _ in 1 2 3 4 5; do
        ! as_operator DYNAMODB_ENDPOINT_URL="$MOTO" "$PROGRAM" setup-tables -r eu-west-3 >/dev/null 2>&1 || break
    done
    : >"$T/aws.calls"
}

# The environment of an operator: credentials, nothing else of AWS, no region.
OPERATOR=(AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK AWS_SECRET_ACCESS_KEY=mock-secret-access-key)
as_operator() {
    env -i PATH="$T/bin:$T/userland" HOME="$T/home" CURL_HOME="$T/home" LC_ALL=C.UTF-8 \
        POLL_SECONDS=0.1 ROLE_SECONDS=0 READY_SECONDS="${READY:-20}" ${OPERATOR[@]+"${OPERATOR[@]}"} ${MORE[@]+"${MORE[@]}"} "$@"
}

# script NAME ARGUMENTS...: a script of the tree; output in $T/out and $T/err, code in CODE
script() {
    as_operator "$ROOT/scripts/$1" "${@:2}" >"$T/out" 2>"$T/err" </dev/null
    CODE=$?
}
# went WHAT: the script before said yes
went() { if [ "$CODE" -eq 0 ]; then pass; else fail "$1: exit $CODE: $(tail -4 "$T/err")"; fi; }
# refused WHAT REGEX: it said no, and why
refused() {
    expect_true "$1: exit code" [ "$CODE" -ne 0 ]
    expect_match "$1" "$(cat "$T/err")" "$2"
}

cli() { as_operator AWS_DEFAULT_REGION=us-west-2 aws "$@"; }
state() { curl -fsS "$FRONT/_state" | jq -r "$1"; }
audit() { curl -fsS "$FRONT/_audit"; }
# changes SINCE: what was changed at AWS since the line SINCE of the calls that arrived
changes() { state ".calls[$1:][]" | grep -vE '\.(Describe|List|Get|Batch[A-Z]*Get)' | tr '\n' ' '; }
calls_count() { state '.calls | length'; }
# untouched WHAT SINCE
untouched() { expect "$1: nothing was changed" "$(changes "$2")" ''; }
