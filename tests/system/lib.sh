# shellcheck shell=bash disable=SC2034 # variables that the tests use
# lib.sh - the harness of the system tests: starts the mock Bedrock and the server on free ports in a temporary
# directory, counts checks, stops what it started by pid. Needs bash, curl and jq. Sourced by each NN_topic.sh:
#
#   . "$(dirname "$0")/lib.sh"
#   start_mock; start_server; make_key alice
#   ask '{"model":...}'; expect "status" "$CODE" 200
#   finish
set -uo pipefail
export LC_ALL=C.UTF-8 # whatever the caller's is, a letter is a letter

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/${B:-build}
PROGRAM=$BUILD/llm-api-converter
MOCK=$BUILD/mock-bedrock
NAME=$(basename "$0" .sh)
T=$(mktemp -d) # the working directory of every program
chmod 711 "$T" # started by root, the server goes on as another user
PASSED=0
FAILED=0
SERVER_PID=
MOCK_PID=
MOCK_URL=
PORT=
URL=
KEY=
KEY_ID=
CODE=
MODEL=claude-sonnet-4-5
case $BUILD in */*asan | */emulated-*) SLOW=10 ;; *) SLOW=1 ;; esac # factor for time limits
# the architecture of the program, in Debian's words
case $BUILD in */emulated-*) ARCH=${BUILD##*-} ;; *) ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/') ;; esac

cleanup() {
    local job
    stop_server >/dev/null 2>&1
    stop_mock
    for job in $(jobs -p); do
        kill "$job" 2>/dev/null
    done
    rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- checks ---------------------------------------------------------------------------------------------

pass() { PASSED=$((PASSED + 1)); }

# With STOP_AT_FAILURE=1 the first ends the test: who only asks whether it fails need not wait for the rest.
fail() {
    FAILED=$((FAILED + 1))
    echo "  FAILED $NAME: $*"
    if [ "${STOP_AT_FAILURE:-}" = 1 ]; then
        STOP_AT_FAILURE=
        finish
    fi
}

# expect WHAT GOT WANTED
expect() {
    if [ "$2" = "$3" ]; then pass; else fail "$1: got \"$2\", wanted \"$3\""; fi
}

# expect_match WHAT TEXT REGEX (extended)
expect_match() {
    if grep -qE -- "$3" <<<"$2"; then pass; else fail "$1: /$3/ is not in \"$(head -c 600 <<<"$2")\""; fi
}

expect_no_match() {
    if grep -qE -- "$3" <<<"$2"; then fail "$1: /$3/ is in \"$(head -c 600 <<<"$2")\""; else pass; fi
}

# expect_json WHAT JQ WANTED: of the last answer
expect_json() { expect "$1" "$(jq -r "$2" "$T/body" 2>&1)" "$3"; }

# expect_below WHAT GOT LIMIT
expect_below() {
    if [ "$2" -le "$3" ]; then pass; else fail "$1: $2 is over $3"; fi
}

# expect_true WHAT COMMAND...
expect_true() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then pass; else fail "$what"; fi
}

# eventually SECONDS COMMAND...: tries until it succeeds. Four times as long as it should take, at most 45 s more: others may want
# the machine, too. COMMAND is tried anew each time: what its words are made of ("$(...)") is not.
eventually() {
    local end=$(($(now_ms) + ($1 > 15 ? $1 + 45 : 4 * $1) * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.01
    done
}

skip() {
    echo "  skipped $NAME: $*"
}

finish() {
    stop_server
    stop_mock
    # what a child process found at its end shows nowhere else: the master ignores the code of a process it ended
    if grep -hE 'ERROR: (Address|Leak)Sanitizer|LeakSanitizer has encountered|runtime error:|Assertion .* failed' "$T"/*.log >"$T/found" 2>/dev/null; then
        fail "sanitizer or assertion: $(head -3 "$T/found")"
        cp "$T/server.log" "${TMPDIR:-/tmp}/$NAME.server.log"
        echo "  whole log: ${TMPDIR:-/tmp}/$NAME.server.log"
    fi
    if grep -qsE 'goes on without: (filter|Landlock)' "$T/server.log"; then
        fail "the sandbox is not in force: $(grep -m1 -hE 'goes on without: ' "$T/server.log")"
    fi
    if [ "$FAILED" -gt 0 ] && [ -s "$T/server.log" ]; then
        echo "  last lines of the server's log:"
        tail -n 15 "$T/server.log" | cut -c1-300 | sed 's/^/    /'
    fi
    echo "$NAME: $PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
    exit
}

# --- small things -----------------------------------------------------------------------------------------

now_ms() {
    local t=${EPOCHREALTIME/[.,]/}
    echo $((t / 1000))
}

# same_month SECONDS, same_day SECONDS: who counts what is of this month (day) does not see it end meanwhile: when less than so
# many seconds are left of it, the next one is waited for
same_month() { wait_out "$1" $(($(date -u -d "$(date -u +%Y-%m-01) +1 month" +%s) - $(date -u +%s))); }
same_day() { wait_out "$1" $((86400 - $(date -u +%s) % 86400)); }
wait_out() { [ "$2" -ge "$1" ] || sleep $(($2 + 1)); }

# Below the ephemeral range, so that no client connection of ours takes it first.
free_port() {
    local port hex
    for _ in $(seq 200); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        printf -v hex ':%04X' "$port"
        grep -qiE "^ *[0-9]+: [0-9A-F]+$hex " /proc/net/tcp /proc/net/tcp6 2>/dev/null || {
            echo "$port"
            return
        }
    done
    return 1
}

# --- the two programs -----------------------------------------------------------------------------------------

start_mock() {
    rm -f "$T/mock.out" # of one before: it listens no more
    "$MOCK" --port 0 --quiet "$@" >"$T/mock.out" 2>"$T/mock.log" &
    MOCK_PID=$!
    eventually 5 grep -q listening "$T/mock.out" || {
        fail "the mock did not start"
        finish
    }
    MOCK_URL=http://$(sed -n 's/.*listening on //p' "$T/mock.out")
}

stop_mock() {
    [ -n "$MOCK_PID" ] || return 0
    kill "$MOCK_PID" 2>/dev/null
    wait "$MOCK_PID" 2>/dev/null
    MOCK_PID=
}

# script FAULT [COUNT]: the next COUNT (1) requests meet this fault (tests/mock/README.md). 0: until reset.
script() { curl -fsS -o /dev/null -d "{\"model\":\"claude\",\"fault\":\"$1\",\"count\":${2:-1}}" "$MOCK_URL/__script"; }
mock_reset() { curl -fsS -o /dev/null -X POST "$MOCK_URL/__reset"; }
# ledger JQ: what the mock has seen
ledger() { curl -fsS "$MOCK_URL/__ledger" | jq -r "$1"; }

# The environment of our program: nothing of the caller's AWS or gateway settings leaks in.
environment() {
    ENVIRONMENT_LIST=(
        PATH="$PATH" HOME="$T" HOST=127.0.0.1 PORT="$PORT" STATE_DIR="$T/state" WORKERS=2
        AWS_REGION=us-west-2 AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK AWS_SECRET_ACCESS_KEY=mock-secret-access-key
        AWS_EC2_METADATA_DISABLED=true STORAGE_BACKEND=sqlite BEDROCK_ENDPOINT_URL="$MOCK_URL" LOG_FORMAT=text
        ASAN_OPTIONS="${ASAN_OPTIONS:-}" LLVM_PROFILE_FILE="${LLVM_PROFILE_FILE:-}"
    )
    [ -z "${CLOCK_SHIM:-}" ] || ENVIRONMENT_LIST+=(LD_PRELOAD="$LD_PRELOAD" CLOCK_SHIM="$CLOCK_SHIM") # run.sh's MONTH_ENDS_IN
    # gcov writes its files at the end of each process, as whoever made them
    case $BUILD in */cov) ENVIRONMENT_LIST+=(SANDBOX=off RUN_AS_USER=root ALLOW_ROOT=true) ;; esac
    # qemu has no filter of system calls
    case $BUILD in */emulated-*) ENVIRONMENT_LIST+=(SANDBOX=off) ;; esac
}

# run [VAR=value...] -- ARGUMENTS...: our program in the foreground; output in $T/out and $T/err, code in CODE
run() {
    local extra=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        extra+=("$1")
        shift
    done
    shift
    environment
    (cd "$T" && exec env -i "${ENVIRONMENT_LIST[@]}" "${extra[@]}" timeout 60 "$PROGRAM" "$@" >"$T/out" 2>"$T/err" </dev/null)
    CODE=$?
}

# launch [VAR=value...]: starts the server, does not wait
launch() {
    PORT=${PORT:-$(free_port)}
    URL=http://127.0.0.1:$PORT
    environment
    (cd "$T" && exec env -i "${ENVIRONMENT_LIST[@]}" "$@" "$PROGRAM" serve ${SERVE_FLAGS:-} >>"$T/server.log" 2>&1 </dev/null) &
    SERVER_PID=$!
}

healthy() { curl -fs -o /dev/null --max-time 10 "$URL/health"; }
is_ready() { curl -fs -o /dev/null --max-time 10 "$URL/ready"; } # says one worker; the others: all_ready

start_server() {
    launch "$@"
    eventually $((15 * SLOW)) is_ready || { # it takes some 20 ms; the machine may have other work
        fail "the server did not become ready: $(curl -s --max-time 2 "$URL/ready")"
        finish
    }
}

# stop_server: SIGTERM; the exit code is in CODE
stop_server() {
    [ -n "$SERVER_PID" ] || return 0
    kill -TERM "$SERVER_PID" 2>/dev/null
    wait "$SERVER_PID" 2>/dev/null
    CODE=$?
    SERVER_PID=
}

# kill_everything: the master and its children; the port is free only when the last of them is gone
kill_everything() {
    local pid children
    read -ra children <"/proc/$SERVER_PID/task/$SERVER_PID/children"
    kill -KILL "$SERVER_PID" "${children[@]}" # the master first: it would start new ones
    wait "$SERVER_PID" 2>/dev/null
    for pid in "${children[@]}"; do
        eventually $((5 * SLOW)) is_gone "$pid"
    done
    SERVER_PID=
}

# all_ready: no process is just being started, or on its way out
all_ready() {
    run -- top --pid "$SERVER_PID" --output json
    jq -e '[.processes[].state] | length > 1 and all(. == "ready")' "$T/out"
}
# pids of the processes that serve, when all do: processes NAME-REGEX
processes() {
    eventually $((2 * SLOW)) all_ready
    run -- top --pid "$SERVER_PID" --output json
    jq -r --arg name "$1" '.processes[] | select(.state == "ready" and (.name | test($name))) | .pid' "$T/out"
}

is_running() { [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
is_gone() { ! is_running "$1"; }

# --- requests --------------------------------------------------------------------------------------------------

# make_key USER [create-api-key options...]: KEY and KEY_ID
make_key() {
    local user=$1
    shift
    run -- create-api-key -u "$user" -n test --output json "$@"
    KEY=$(jq -r .api_key "$T/out")
    KEY_ID=$(jq -r .key_id "$T/out")
}

# call PATH [curl options...]: status in CODE, head and body in $T/head and $T/body
call() {
    local path=$1
    shift
    CODE=$(curl -sS -o "$T/body" -D "$T/head" -w '%{http_code}' --max-time 60 "$@" "$URL$path" 2>"$T/curl.err")
}

# ask BODY [curl options...]: POST /v1/messages with KEY
ask() {
    local body=$1
    shift
    call /v1/messages -H "x-api-key: $KEY" -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' --data-binary "$body" "$@"
}

# watched FILE COMMAND...: in the background; what it prints goes to FILE. Its pid in WATCHED
watched() {
    local file=$1
    shift
    : >"$file"
    "$@" >"$file" 2>/dev/null &
    WATCHED=$!
}
# has_come N REGEX FILE...: each of the files has at least N lines with it
has_come() {
    local n=$1 regex=$2 file
    shift 2
    for file; do
        [ "$(grep -acE -- "$regex" "$file")" -ge "$n" ] || return 1
    done
}
# call_until REGEX PATH [curl options...]: as call, but the client leaves as soon as a line of the body has it
call_until() {
    local regex=$1 path=$2
    shift 2
    rm -f "$T/head"
    watched "$T/body" curl -sS -N -D "$T/head" --max-time 60 "$@" "$URL$path"
    eventually $((10 * SLOW)) has_come 1 "$regex" "$T/body"
    kill "$WATCHED" 2>/dev/null
    wait "$WATCHED" 2>/dev/null
    CODE=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$T/head")
}
# ask_until REGEX BODY [curl options...]: the same of ask
ask_until() {
    local regex=$1 body=$2
    shift 2
    call_until "$regex" /v1/messages -H "x-api-key: $KEY" -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' --data-binary "$body" "$@"
}
# logged ID: the line of that request, when it is there: a moment after the client has its answer
logged() {
    eventually $((3 * SLOW)) grep -q " request: request_id=$1 " "$T/server.log"
    grep " request: request_id=$1 " "$T/server.log" | tail -1
}
# told_by_metrics REGEX [curl options...]: /metrics has it, soon: what has just ended may not be counted yet; in $T/body
told_by_metrics() { eventually $((3 * SLOW)) metrics_have "$@"; }
metrics_have() {
    local regex=$1
    shift
    call /metrics "$@"
    grep -qE -- "$regex" "$T/body"
}
# loads: how often the table of keys, mappings and prices has been read; loaded_since N: once more, at least
loads() { grep -c 'keystore: loaded' "$T/server.log"; }
loaded_since() { [ "$(loads)" -gt "$1" ]; }

# message TEXT [MEMBERS]: a request body; MEMBERS are put in front, with their comma
message() {
    jq -cn --arg model "$MODEL" --arg text "$1" --argjson more "${2:-{\}}" \
        '{model: $model, max_tokens: 1000, messages: [{role: "user", content: $text}]} + $more'
}

header() { sed -n "s/^$1: *\(.*[^[:space:]]\)[[:space:]]*$/\1/Ip" "$T/head" | head -1; }

# raw BYTES [SECONDS]: sends bytes as they are (printf escapes), prints what comes until the server closes or the
# time (20 s) is over
raw() {
    local fd
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT" || return 1
    # shellcheck disable=SC2059
    printf "$1" >&"$fd"
    timeout "${2:-20}" cat <&"$fd"
    exec {fd}>&-
}

# raw_begin BYTES: the same, but for half a second after the first line
raw_begin() {
    local fd line
    exec {fd}<>"/dev/tcp/127.0.0.1/$PORT" || return 1
    # shellcheck disable=SC2059
    printf "$1" >&"$fd"
    IFS= read -r -t 20 line <&"$fd" && echo "$line"
    timeout 0.5 cat <&"$fd"
    exec {fd}>&-
}

# The status line's number in the answer to raw bytes.
raw_code() { raw "$@" | sed -n '1s/^HTTP\/1\.1 \([0-9]*\).*/\1/p'; }
