#!/usr/bin/env bash
# This build against another one: CPU of the workers per request, both in one run. See pairs.sh for the method and its
# knobs; every load is measured unless LOAD names one. The mock is that of this build.
# usage: AGAINST=/path/to/other/llm-api-converter B=build tests/bench/against.sh
# shellcheck source=tests/bench/pairs.sh
. "$(dirname "$0")/pairs.sh"
[ -x "${AGAINST:-}" ] || {
    echo "against: AGAINST must name the other build's program" >&2
    exit 2
}
this=$PROGRAM
pairs_settings() { case $1 in this) PROGRAM=$this ;; other) PROGRAM=$AGAINST ;; esac; }
for LOAD in ${LOAD:-messages chat}; do
    pairs_run this other
done
