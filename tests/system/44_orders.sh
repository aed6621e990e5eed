#!/usr/bin/env bash
# Streams of /v1/responses out of random orders of Bedrock's events, a few (make orders: many), by a grammar of its own.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || {
    skip "python3 is missing"
    finish
}
seed=${ORDERS_SEED:-1} # make orders has others
"$BUILD/orders" $((4000 / SLOW)) "$seed" >"$T/streams"
expect "the streams are made" "$?" 0
python3 "$ROOT/tests/orders/grammar.py" <"$T/streams" >"$T/judged"
expect "every one is legal, from seed $seed" "$? $(head -c 400 "$T/judged" | cut -d: -f1)" "0 grammar"
# what the judge lets pass must not be everything
for spoil in 's/"output_index":1/"output_index":2/' 's/"sequence_number":7/"sequence_number":8/' '/^event: response.content_part.added/,/^$/d' \
    '/^event: response.completed/,/^$/d' 's/"delta":"/"delta":"x/' '/^event: response.output_item.done/,/^$/d' 's/"id":"resp_r","object":"response","created_at":1764000000,"model":"m",\(.*\)"status":"completed"/"id":"resp_q","object":"response","created_at":1764000000,"model":"m",\1"status":"completed"/'; do
    sed "$spoil" "$T/streams" >"$T/spoiled"
    python3 "$ROOT/tests/orders/grammar.py" <"$T/spoiled" >"$T/judged"
    expect "spoiled by $spoil" "$?" 1
done
finish
