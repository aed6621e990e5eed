#!/usr/bin/env bash
# make aws-test: the deployment scripts and the guides with real AWS CLIs against moto and a front that plays App
# Runner and ECS Express Mode. Needs python3 with venv and PyPI (build/aws), openssl; the tests with version 2 of the
# CLI need Debian's package awscli. usage: tests/aws/run.sh [NN_topic ...]      CLIS=v1: without those
# The guide is walked in both languages, or in the one of GUIDE_LANGUAGE (en, zh-CN).
# Last line: "aws: N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
unset MAKEFLAGS MFLAGS MAKELEVEL # what is built below is built by as many as this machine has
here=tests/aws
venv=build/aws
if ! cmp -s "$here/requirements.txt" "$venv/.installed"; then
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" &&
        cp "$here/requirements.txt" "$venv/.installed" || {
        echo "aws: the AWS CLI and moto could not be installed (python3-venv, PyPI)" >&2
        exit 1
    }
fi
[ -x "${B:-build}/llm-api-converter" ] || {
    echo "aws: run make first" >&2
    exit 1
}
. tests/tally.bash
most=1800
[ -z "${MINIMAL:-}" ] || most=5400 # seconds; it builds, on whatever machine
# one CLI FILE [LANGUAGE of the guide]
one() { tally "$most" "$(basename "$2" .sh), CLI $1,${3:+ $3,}" env CLI="$1" GUIDE_LANGUAGE="${3:-}" "$2"; }
for file in "$here"/[0-9]*.sh; do
    [ $# -eq 0 ] || [[ " $* " == *" $(basename "$file" .sh) "* ]] || continue
    case $file in
    *30_guide*) for language in ${GUIDE_LANGUAGE:-en zh-CN}; do one v1 "$file" "$language"; done ;;
    *) one v1 "$file" ;;
    esac
    # What Debian's 2.9 knows of: App Runner. That it is refused for ECS Express Mode is in 20_ecs_express.sh.
    case $file in
    *10_app_runner*)
        [ "${CLIS:-all}" != v1 ] || continue
        if [ -x /usr/bin/aws ]; then one v2 "$file"; else echo "  skipped: CLI v2 is not installed (apt-get install awscli)"; fi
        ;;
    esac
done
tally_end aws
