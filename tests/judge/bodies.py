"""Bodies that real programs brought about, before the judge. stdin: a JSON list of {operation, model, headers, body (base64)}.
Prints a line a fault: its number in the list, and what is wrong. What the program had asked is not known here: rules about that stay out."""
import base64
import json
import sys

from judge import VERSION, Judge

judge = Judge()
entries = json.load(sys.stdin)
for n, e in enumerate(entries):
    for fault in judge.faults(e["operation"], e["model"], base64.b64decode(e["body"]), {}, False, e["headers"]):
        print(f"{n} {e['operation']} {e['model']}: {fault}")
print(f"{len(entries)} bodies, botocore {VERSION}", file=sys.stderr)
