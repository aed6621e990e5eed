#!/usr/bin/env bash
# Runs tests/deploy/NN_name.sh in order: the infrastructure. B: directory of the programs (build).
# Each installs what it needs below build/tools, once, or says in one line why it is skipped.
# usage: tests/deploy/run.sh [NN_name...]       last line: "deploy: N passed, N failed"
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # what is built below is built by as many as this machine has
export B=${B:-build}
. tests/tally.bash
for file in tests/deploy/[0-9][0-9]_*.sh; do
    name=$(basename "$file" .sh)
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    tally 1800 "$name" bash "$file"
done
tally_end deploy
