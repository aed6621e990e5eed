#!/usr/bin/env bash
# The same question through two routes: CPU of the workers per request. /v1/responses costs at most 1.15 times as much as
# /v1/chat/completions, Bedrock's own /model/{id}/invoke at most 0.9 times as much as /v1/messages: exit 1 when it is more.
# See pairs.sh for the method and its knobs. ROUTES="invoke" measures that couple alone.
# usage: B=build COUPLES=4 tests/bench/routes.sh
# shellcheck source=tests/bench/pairs.sh
. "$(dirname "$0")/pairs.sh"
pairs_settings() { LOAD=$1; }
couple() { # ROUTE OTHER MOST
    pairs_run "$1" "$2"
    awk -v a="$1" -v b="$2" -v most="$3" -v ratio="$(pairs_median <"$T/ratio")" 'BEGIN {
        printf "routes: a request of %s costs %s of one of %s, at most %s\n", a, ratio, b, most
        exit ratio > most
    }' || failed=1
}
failed=0
case ${ROUTES:-responses invoke} in *responses*) couple responses chat 1.15 ;; esac
case ${ROUTES:-responses invoke} in *invoke*) couple invoke messages 0.9 ;; esac
exit "$failed"
