#!/usr/bin/env bash
# What the sandbox costs: CPU of the workers per request, with and without it. See pairs.sh for the method and its knobs.
# usage: B=build tests/bench/sandbox.sh
# shellcheck source=tests/bench/pairs.sh
. "$(dirname "$0")/pairs.sh"
pairs_settings() { SETTINGS=(SANDBOX="$1"); }
pairs_run on off
