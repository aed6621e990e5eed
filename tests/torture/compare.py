#!/usr/bin/env python3
"""What clients were told against the usage rows.

usage: compare.py ROWS RESULTS...    ROWS: request_id  usage_id  success  input  output, a row a line
Prints "WORD NUMBER" lines:
  answered    requests that came to their good end; each has to have
  missing     ... no row
  different   ... a row that says failed, or other tokens than the client was told
  unexplained rows of a request that nobody made
  double      requests with more than one row
  ledger      input tokens of all rows
"""
import sys
from collections import Counter

rows, ids = {}, Counter()
with open(sys.argv[1], encoding="utf-8") as f:
    for line in f:
        request, _, success, came_in, went_out = line.rstrip("\n").split("\t")
        ids[request] += 1
        rows[request] = (success, int(came_in), int(went_out))
asked = {}
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        for line in f:
            name, outcome, came_in, went_out = line.rstrip("\n").split("\t")
            asked[name] = (outcome, int(came_in), int(went_out))
good = {name: told for name, (outcome, *told) in asked.items() if outcome == "200"}
missing = [name for name in good if name not in rows]
different = [name for name, told in good.items() if name in rows and rows[name] != ("1", *told)]
# One that was on its way when the run was ended is in no file, but may have a row.
prefixes = {name.rsplit("-", 1)[0] for name in asked}
unexplained = [name for name in ids if name not in asked and name.rsplit("-", 1)[0] not in prefixes]
double = [name for name, n in ids.items() if n > 1]
for name in (missing + different + double)[:5]:
    print(f"{name}: client {asked.get(name)}, row {rows.get(name)}, {ids[name]} rows", file=sys.stderr)
print("answered", len(good))
print("missing", len(missing))
print("different", len(different))
print("unexplained", len(unexplained))
print("double", len(double))
print("ledger", sum(row[1] for row in rows.values()))
