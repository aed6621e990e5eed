#!/usr/bin/env bash
# Streams of /v1/responses out of COUNT random orders of Bedrock's events, judged by grammar.py and, where npm has brought
# the openai package, by its stream helper (helper.mjs).
# usage: B=build tests/orders/run.sh COUNT [SEED]       last line: "orders: N passed, N failed"
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:?usage: tests/orders/run.sh COUNT [SEED]}
seed=${2:-1}
here=tests/orders
clients=tests/clients/responses
passed=0
failed=0
# judge NAME COMMAND...
judge() {
    local name=$1
    shift
    if "${B:-build}/orders" "$count" "$seed" | "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "orders: $name found a stream wrong"
    fi
}
judge grammar.py python3 $here/grammar.py
if [ -d "${OPENAI_DIR:-$clients}/node_modules/openai" ]; then
    judge helper.mjs node $here/helper.mjs "${OPENAI_DIR:-$clients}"
else
    echo "orders: no openai package, so its helper is not asked (make clients brings it)"
fi
echo "orders: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
