#!/usr/bin/env bash
# The same question through /v1/responses and through /v1/chat/completions: CPU of the workers per request. At most 1.15
# times as much: exit 1 when it is more. See pairs.sh for the method and its knobs.
# usage: B=build COUPLES=4 tests/bench/routes.sh
# shellcheck source=tests/bench/pairs.sh
. "$(dirname "$0")/pairs.sh"
pairs_settings() { LOAD=$1; }
pairs_run responses chat
awk -v most=1.15 -v ratio="$(pairs_median <"$T/ratio")" 'BEGIN {
    printf "routes: a request of /v1/responses costs %s of one of /v1/chat/completions, at most %s\n", ratio, most
    exit ratio > most
}'
