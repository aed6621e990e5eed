#!/bin/bash
# Runs the real clients against the converter and the mock Bedrock. usage: tests/clients/run.sh [FILE.test.mjs ...]
# Builds nothing: `make` first. BIN names another directory than build/ for the two programs.
set -u
cd "$(dirname "$0")/../.." || exit 2
bin=${BIN:-build}
here=tests/clients

complain() {
    echo "run.sh: $*" >&2
    exit 2
}

command -v node >/dev/null && command -v npm >/dev/null ||
    complain "node and npm are missing (Debian: apt-get install nodejs npm); the C tests do not need them"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || complain "node $(node -v) is too old; 20 is needed"
[ -x "$bin/mock-bedrock" ] && [ -x "$bin/llm-api-converter" ] || complain "$bin/ has no programs; run make first"

# twice COMMAND...: once more, some seconds later, when a registry did not answer. Only what installs something.
twice() {
    "$@" && return
    echo "run.sh: once more: $*" >&2
    sleep "${RETRY_SECONDS:-10}"
    "$@"
}

# npm ci is slow; the lock file tells whether it has to run.
npm_ci() { # FOLDER
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock" && return
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) && cp "$1/package-lock.json" "$1/node_modules/.installed-lock"
}
twice npm_ci $here || complain "npm ci failed"

# OpenCode names binaries of every platform, which npm ci wants all of: so it is installed beside the lock file.
opencode=1.18.33
npm_opencode() {
    npm install --prefix "$here/node_modules/.opencode" --no-audit --no-fund --loglevel=error "opencode-ai@$opencode" >/dev/null &&
        touch "$here/node_modules/.opencode/$opencode"
}
[ -e "$here/node_modules/.opencode/$opencode" ] || twice npm_opencode || complain "npm install opencode-ai failed"

# The clients of /v1/responses and the newest of all need a newer Node than Debian's, which comes with them.
newer=$here/responses
twice npm_ci $newer || complain "npm ci failed in $newer"

# The clients of Bedrock's own routes, and the newest of all.
own=$here/bedrock
matrix=$here/matrix
for folder in "$own" "$matrix"; do
    twice npm_ci "$folder" || complain "npm ci failed in $folder"
done

# What is skipped for want of a package is said; Claude Code, Codex, an SDK of Anthropic's or OpenAI's, or botocore: then the run
# has failed. (Those of npm end it above.)
missing=()
must_run() {
    missing+=("$1")
    echo "run.sh: skipping what needs $1"
}
# moto comes from PyPI into build/moto. On stdout why it cannot, one line.
moto=build/moto
# install_python VENV REQUIREMENTS: twice, as above, but what is missing here is not looked for again
install_python() {
    local why
    why=$(venv_of "$@") && return
    case $why in
    *'Debian: apt-get'*) ;;
    *)
        sleep "${RETRY_SECONDS:-10}"
        why=$(venv_of "$@") && return
        ;;
    esac
    echo "$why"
    return 1
}
venv_of() {
    local log
    cmp -s "$2" "$1/.installed" && return
    rm -rf "$1"
    python3 -c 'import ensurepip' 2>/dev/null || {
        echo "python3 with venv is missing (Debian: apt-get install python3-venv)"
        return 1
    }
    log=$(python3 -m venv "$1" 2>&1 &&
        timeout 600 "$1/bin/pip" install --quiet --disable-pip-version-check --timeout 10 --retries 1 \
            --requirement "$2" 2>&1) && cp "$2" "$1/.installed" && return
    case $log in
    '' | *'connection broken'* | *'timed out'* | *Timeout*) echo "PyPI cannot be reached" ;;
    *) echo "${log##*$'\n'}" ;;
    esac
    return 1
}
if [[ $# -eq 0 || $* == *moto* ]]; then
    if why=$(install_python "$moto" "$here/requirements.txt"); then
        export MOTO_SERVER=$PWD/$moto/bin/moto_server
    else
        export MOTO_MISSING="no moto: $why"
        echo "run.sh: skipping moto.test.mjs, $MOTO_MISSING"
    fi
fi

# botocore, which judges what the programs of the matrix bring about.
if [[ $# -eq 0 || $* == *matrix/* || $* == *opencode* ]]; then
    if why=$(install_python build/judge tests/judge/requirements.txt); then
        export JUDGE_PYTHON=$PWD/build/judge/bin/python
    else
        must_run "botocore, $why"
    fi
fi
# The SDKs for Python and Go.
if [[ $# -eq 0 || $* == *python* || $* == *responses/native* ]]; then
    if why=$(install_python build/openai "$newer/requirements.txt"); then
        export PYTHON_OPENAI=$PWD/build/openai/bin/python
    else
        export PYTHON_OPENAI_MISSING="no SDK for Python: $why"
        must_run "OpenAI's SDK for Python, $why"
    fi
    if why=$(install_python build/matrix "$matrix/requirements.txt"); then
        export PYTHON_MATRIX=$PWD/build/matrix/bin/python
    else
        export PYTHON_MATRIX_MISSING="no SDK for Python: $why"
        must_run "Anthropic's SDK for Python, $why"
    fi
fi
if [[ $# -eq 0 || $* == *go.test* ]]; then
    if why=$(command -v go >/dev/null || echo "go is missing (Debian: apt-get install golang)") && [ -z "$why" ] &&
        { why=$(go -C "$newer/go" build -o "$PWD/build/openai-go" . 2>&1) || why=$(go -C "$newer/go" build -o "$PWD/build/openai-go" . 2>&1); }; then
        export GO_OPENAI=$PWD/build/openai-go
    else
        export GO_OPENAI_MISSING="no SDK for Go: ${why##*$'\n'}"
        echo "run.sh: skipping go.test.mjs, $GO_OPENAI_MISSING"
    fi
fi

if [[ $# -eq 0 || $* == *bedrock/others* ]]; then
    if why=$(install_python build/bedrock-clients "$own/requirements.txt"); then
        export PYTHON_BEDROCK=$PWD/build/bedrock-clients/bin/python
    else
        export PYTHON_BEDROCK_MISSING="no SDKs for Python: $why"
        echo "run.sh: skipping boto3, AnthropicBedrock and langchain-aws, $PYTHON_BEDROCK_MISSING"
    fi
    if why=$(command -v go >/dev/null || echo "go is missing (Debian: apt-get install golang)") && [ -z "$why" ] &&
        { why=$(go -C "$own/go" build -o "$PWD/build/bedrock-go" . 2>&1) || why=$(go -C "$own/go" build -o "$PWD/build/bedrock-go" . 2>&1); }; then
        export GO_BEDROCK=$PWD/build/bedrock-go
    else
        export GO_BEDROCK_MISSING="no AWS SDK for Go: ${why##*$'\n'}"
        echo "run.sh: skipping the AWS SDK for Go, $GO_BEDROCK_MISSING"
    fi
fi

# The short form of make judge, which needs Python's packages, too.
judged=0
if [ $# -eq 0 ] && [ -n "${JUDGE_PYTHON:-}" ]; then
    B=$bin COUNT=3000 tests/judge/run.sh || judged=1
fi

work=$(mktemp -d)
chmod 711 "$work" # started as root, the servers go on as nobody, and the second one has the store of the first
mock_pid='' server_pid='' mapped_pid=''
finish() {
    [ -n "$server_pid" ] && kill "$server_pid" 2>/dev/null && wait "$server_pid"
    [ -n "$mapped_pid" ] && kill "$mapped_pid" 2>/dev/null && wait "$mapped_pid"
    [ -n "$mock_pid" ] && kill "$mock_pid" 2>/dev/null && wait "$mock_pid"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# wait_for WHAT COMMAND...: up to a minute
wait_for() {
    local what=$1
    shift
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    cat "$work"/*.log >&2
    complain "$what did not start"
}

"$bin/mock-bedrock" --port 0 --bearer mock-bedrock-api-key >"$work/mock.out" 2>"$work/mock.log" &
mock_pid=$!
wait_for "the mock" grep -q listening "$work/mock.out"
MOCK_URL="http://$(sed -n 's/.*listening on //p' "$work/mock.out")"
export MOCK_URL

# Below the ephemeral range, so that no client connection takes it first.
free_port() {
    node -e 'const { createServer } = require("net");
        const next = (n) => createServer().on("error", () => next(n + 1)).listen(n, "127.0.0.1", function () { console.log(n); this.close(); });
        next(20000 + Math.floor(Math.random() * 11000))'
}
port=$(free_port)
export BASE_URL="http://127.0.0.1:$port"

# Nothing of the caller's AWS or converter settings may leak in.
settings=(
    PATH="$PATH" HOME="$work" HOST=127.0.0.1 PORT="$port"
    BEDROCK_ENDPOINT_URL="$MOCK_URL" AWS_REGION=us-west-2
    AWS_ACCESS_KEY_ID=AKIAMOCKMOCKMOCKMOCK AWS_SECRET_ACCESS_KEY=mock-secret-access-key
    STORAGE_BACKEND=sqlite STATE_DIR="$work/state" RATE_LIMIT_ENABLED=false
)
program=$PWD/$bin/llm-api-converter
export PROGRAM=$program # for the test file that starts a server of its own
API_KEY=$(cd "$work" && env -i "${settings[@]}" "$program" create-api-key -u tester -n clients --output json |
    node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).api_key') || complain "create-api-key failed"
export API_KEY
# A key whose budget one dear answer spends.
POOR_KEY=$(cd "$work" && env -i "${settings[@]}" "$program" create-api-key -u tester -n poor --monthly-budget 0.01 --output json |
    node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).api_key') || complain "create-api-key failed"
export POOR_KEY
# A key that is no more.
revoked=$(cd "$work" && env -i "${settings[@]}" "$program" create-api-key -u tester -n revoked --output json) &&
    REVOKED_KEY=$(node -p 'JSON.parse(process.argv[1]).api_key' "$revoked") &&
    (cd "$work" && env -i "${settings[@]}" "$program" revoke-key "$(node -p 'JSON.parse(process.argv[1]).key_id' "$revoked")" >/dev/null) ||
    complain "revoke-key failed"
export REVOKED_KEY

# A name that Codex knows tools for, as an operator maps it.
(cd "$work" && env -i "${settings[@]}" "$program" map-model gpt-5.5-codex us.anthropic.claude-sonnet-4-5-20250929-v1:0 >/dev/null) ||
    complain "map-model failed"
(cd "$work" && env -i "${settings[@]}" "$program" map-model gpt-5.5 global.openai.gpt-6-sol >/dev/null) || complain "map-model failed"

(cd "$work" && exec env -i "${settings[@]}" "$program" serve) >"$work/server.log" 2>&1 &
server_pid=$!
# A second server, whose operator has mapped every Claude name to another vendor's model.
mapped_port=$(free_port)
export MAPPED_URL="http://127.0.0.1:$mapped_port"
(cd "$work" && exec env -i "${settings[@]}" PORT="$mapped_port" STATE_DIR="$work/mapped" DATABASE_URL="sqlite://$work/state/keys.db" \
    ANTHROPIC_DEFAULT_MODEL=qwen.qwen3-coder-480b-a35b-v1:0 "$program" serve) >"$work/mapped.log" 2>&1 &
mapped_pid=$!
wait_for "the mapped server" node -e "fetch('$MAPPED_URL/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
wait_for "the server" node -e "fetch('$BASE_URL/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"

# One file after the other: they share the mock's ledger.
files=("$@")
[ $# -gt 0 ] || files=("$here"/*.test.mjs "$own"/*.test.mjs "$newer"/*.test.mjs "$matrix"/*.test.mjs)
status=0
# go_through NODE FILE...
go_through() {
    [ $# -gt 1 ] || return
    NODE_NO_WARNINGS=1 "$1" --test --test-concurrency=1 --test-reporter=spec "${@:2}" | tee -a "$work/report.log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
}
old=() new=()
for file in "${files[@]}"; do
    case $file in */responses/* | */matrix/* | */bedrock/*) new+=("$file") ;; *) old+=("$file") ;; esac
done
go_through node "${old[@]}"
go_through $newer/node_modules/node/bin/node "${new[@]}"
count() { sed -n "s/.* $1 \([0-9]*\)\$/\1/p" "$work/report.log" | awk '{ sum += $1 } END { print sum + 0 }'; }
[ "$status" -eq 0 ] || { echo "--- server log, last lines"; tail -20 "$work/server.log"; }
[ "$status" -ne 0 ] || status=$judged
for name in "${missing[@]}"; do
    echo "FAILED: not run for want of a package: $name"
    status=1
done
echo "$(count pass) passed, $(count fail) failed, $(count skipped) skipped"
exit "$status"
