"""The judge: a body that went to Bedrock, by botocore's model and by rules.tsv. It reads nothing of the program's."""
import base64
import binascii
import csv
import json
import pathlib
import re

import botocore
import botocore.loaders
import botocore.model

from view import base_id, view

HERE = pathlib.Path(__file__).parent
_TYPES = {"string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float), "structure": dict, "map": dict, "list": list, "blob": str}
VERSION = botocore.__version__
OPERATIONS = {"converse": "Converse", "converse-stream": "ConverseStream", "invoke": "InvokeModel", "invoke-with-response-stream": "InvokeModelWithResponseStream"}


def load_shapes():
    model = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2"))
    return {name: model.operation_model(name).input_shape for name in OPERATIONS.values()}


def _size(kind, value):
    if kind in ("integer", "long", "double", "float"):
        return value
    return len(base64.b64decode(value)) if kind == "blob" else len(value)


def shape_faults(shape, value, where="body"):
    """The faults of a value by a shape, one line each. The service knows more than botocore's own validator does."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return [] if isinstance(value, dict) else [f"{where}: an object is needed"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{where}: {kind} is needed"]
    found = []
    if kind == "structure":
        found += [f"{where}.{name} is required" for name in shape.required_members if name not in value]
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            found.append(f"{where}: a union with {len(value)} members")
        for name, member in value.items():
            found += shape_faults(shape.members[name], member, f"{where}.{name}") if name in shape.members else [f"{where}.{name} is unknown"]
    elif kind == "list":
        for n, member in enumerate(value):
            found += shape_faults(shape.member, member, f"{where}[{n}]")
    elif kind == "map":
        for name, member in value.items():
            found += shape_faults(shape.key, name, f"{where} key") + shape_faults(shape.value, member, f"{where}.{name}")
    elif kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            return [f"{where}: no base64"]
    meta = shape.metadata
    if meta.get("enum") and value not in meta["enum"]:
        found.append(f"{where}: {value!r} is none of {', '.join(meta['enum'])}")
    if meta.get("pattern") and not re.fullmatch(meta["pattern"], value):
        found.append(f"{where}: {value!r} is not of the pattern")
    if ("min" in meta or "max" in meta) and not meta.get("min", float("-inf")) <= _size(kind, value) <= meta.get("max", float("inf")):
        found.append(f"{where}: {_size(kind, value)} is not within {meta.get('min')} and {meta.get('max')}")
    return found


class Judge:
    def __init__(self):
        self.shapes = load_shapes()
        with open(HERE / "rules.tsv", encoding="utf-8", newline="") as file:
            self.rules = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
        for rule in self.rules:
            rule["models"] = re.compile(rule["models"])
            rule["used"] = 0  # bodies that it had a say in
            for column in ("when", "must"):
                rule[column] = compile(rule[column], f"rules.tsv {rule['rule']}, {column}", "eval")

    def by_rules(self, operation, model, body, asked, refused=False):
        route = "converse" if operation.startswith("converse") else "invoke"
        names = view(operation, base_id(model), body, asked)
        names["refused"] = refused
        found = []
        for rule in self.rules:
            if rule["route"] not in ("both", route) or not rule["models"].search(names["model"]):
                continue
            try:
                if not eval(rule["when"], names):
                    continue
                rule["used"] += 1
                kept = eval(rule["must"], names)
            except (TypeError, AttributeError, KeyError, ValueError) as e:  # of a type that no rule thinks of
                found.append(f"rule {rule['rule']} cannot be applied: {e!r}")
                continue
            if not kept:
                found.append(f"rule {rule['rule']} ({rule['source']})")
        return found

    def by_headers(self, operation, headers):
        """What InvokeModel is told beside its body; Converse has no such headers."""
        places = {m.serialization["name"].lower(): m for m in self.shapes[OPERATIONS[operation]].members.values() if m.serialization.get("location") == "header"}
        found = []
        for name, value in headers.items():
            name, where = name.lower(), f"header {name}"
            if name in places:
                found += shape_faults(places[name], value, where)
            elif name.startswith("x-amzn-bedrock"):
                found.append(f"{where} is unknown")
            if name == "x-amzn-bedrock-request-metadata":
                try:
                    found += shape_faults(self.shapes["Converse"].members["requestMetadata"], json.loads(value), where)
                except ValueError:
                    found.append(f"{where}: no JSON")
        if ("x-amzn-bedrock-guardrailidentifier" in headers) != ("x-amzn-bedrock-guardrailversion" in headers):
            found.append("header: a guardrail and its version go together")
        return found

    def by_model(self, operation, model, body, headers):
        if not operation.startswith("converse"):
            needs = "amazon-bedrock-guardrailConfig" in body and "x-amzn-bedrock-guardrailidentifier" not in headers
            return self.by_headers(operation, headers) + (["body.amazon-bedrock-guardrailConfig without a guardrail"] if needs else [])
        shape = self.shapes[OPERATIONS[operation]]
        pair = body.get("guardrailConfig", {"guardrailIdentifier": "", "guardrailVersion": ""})
        halves = [] if {"guardrailIdentifier", "guardrailVersion"} <= set(pair) else ["body.guardrailConfig: a guardrail and its version go together"]
        return halves + self.by_headers(operation, headers) + shape_faults(shape, {"modelId": model, **body}) + ([] if body.get("messages") else ["body.messages: none"])

    def faults(self, operation, model, raw, asked, refused=False, headers=None):
        """raw: the bytes that arrived. asked: the client's request. refused: Bedrock has refused things before, which are left out since."""
        try:
            body = json.loads(raw)
        except ValueError as e:
            return [f"no JSON: {e}"]
        return self.by_model(operation, model, body, {k.lower(): v for k, v in (headers or {}).items()}) + self.by_rules(operation, model, body, asked, refused)
