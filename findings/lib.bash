# shellcheck shell=bash
# lib.bash - what each finding needs: a temporary folder, pinned packages in it, and a comparison. Sourced.
#
#   . "$(dirname "$0")/lib.bash"
#   npm_install PACKAGE@VERSION...        the newest Node 20 or later on PATH runs them
#   pip_install PACKAGE==VERSION...       into a venv; "$PYTHON" runs them
#   COMMAND >seen; holds <<'END' ... END  the output must be this, to the byte
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 # server.py
# Nothing of the caller's settings, and nothing but loopback for what is run (packages are fetched before).
unset "${!AWS_@}" "${!ANTHROPIC_@}" "${!OPENAI_@}"
export AWS_EC2_METADATA_DISABLED=true LANGCHAIN_TRACING_V2=false NODE_NO_WARNINGS=1 no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
PYTHON=$work/py/bin/python
finding=$(basename "$0" .sh)

need() {
    command -v "$1" >/dev/null || {
        echo "$finding: $1 is missing" >&2
        exit 2
    }
}

npm_install() {
    need npm
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || {
        echo "$finding: node 20 or later is needed" >&2
        exit 2
    }
    echo '{"private":true,"type":"module"}' >package.json
    npm install --no-audit --no-fund --loglevel=error --ignore-scripts "$@" >&2
}

pip_install() {
    need python3
    [ -x "$PYTHON" ] || python3 -m venv py >&2
    py/bin/pip install --quiet --disable-pip-version-check "$@" >&2
}

# The file "seen" against standard input.
holds() {
    cat seen
    if diff seen - >difference; then
        echo "$finding: holds"
    else
        echo "$finding: CHANGED (< now, > as it was found)"
        cat difference
        exit 1
    fi
}
