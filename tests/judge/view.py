"""What the rules ask of a body: the names of rules.tsv's columns `when` and `must`."""
import json
import re

LIMITS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems"}
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_LIST = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAP = ("properties", "$defs", "definitions", "patternProperties")


def walk(schema):
    """The schema and those within; what stands in const, enum or default is data."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key in _ONE:
        yield from walk(schema.get(key))
    for key in _LIST:
        for one in schema[key] if isinstance(schema.get(key), list) else ():
            yield from walk(one)
    for key in _MAP:
        for one in schema[key].values() if isinstance(schema.get(key), dict) else ():
            yield from walk(one)


def is_object(schema):
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def recursive(schema):
    """True where following the references comes back to where it was."""
    def target(reference):
        at = schema
        for part in reference.lstrip("#").split("/")[1:]:
            at = at.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
        return at

    def returns(at, above):
        if not isinstance(at, dict):
            return False
        for one in walk(at):
            reference = one.get("$ref")
            if isinstance(reference, str) and reference.startswith("#"):
                if reference in above or returns(target(reference), above | {reference}):
                    return True
        return False
    return returns(schema, frozenset({"#"}))


def _dict(value):
    return value if isinstance(value, dict) else {}


def _list(value):
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _converse_format(body):
    text = _dict(_dict(_dict(_dict(body.get("outputConfig")).get("textFormat")).get("structure")).get("jsonSchema")).get("schema")
    return {"type": "json_schema", "schema": json.loads(text)} if text is not None else None


def _ttls(body):
    """Of the cache points in the order of the cache: tools, system, messages."""
    parts = [_dict(body.get("toolConfig")).get("tools"), body.get("system")] + [m.get("content") for m in _list(body.get("messages"))]
    return [_dict(b["cachePoint"]).get("ttl", "5m") for part in parts for b in _list(part) if "cachePoint" in b]


def _asked_tools(asked):
    """In a request of Responses also stand tools that only OpenAI's service has."""
    tools = _list(asked.get("tools"))
    if "input" not in asked:
        return tools
    allowed = _dict(asked.get("tool_choice")).get("type") == "allowed_tools"
    return [] if allowed else [t for t in tools if t.get("type") in ("function", "custom")]


def _asked_thoughts(asked):
    """Does the client want to see them? Only Responses has a word for it beside the effort."""
    return "input" not in asked or isinstance(_dict(asked.get("reasoning")).get("summary"), str)


def base_id(model):
    """Without the prefix of a profile."""
    return re.sub(r"^(us|eu|apac|global|jp|au|us-gov|in|mx|uk|amer)\.", "", model)


def view(operation, model, body, asked):
    """The names of one body. asked: what the client had sent."""
    converse = operation.startswith("converse")
    fields = _dict(body.get("additionalModelRequestFields")) if converse else body
    thinking = _dict(fields.get("thinking"))
    messages = _list(body.get("messages"))
    blocks = [b for m in messages for b in _list(m.get("content"))]
    config, asked_config = _dict(fields.get("output_config")), _dict(asked.get("output_config"))
    if converse:
        tools = [_dict(t["toolSpec"]) for t in _list(_dict(body.get("toolConfig")).get("tools")) if "toolSpec" in t] + _list(fields.get("tools"))
        forced = next((k for k in ("any", "tool") if k in _dict(_dict(body.get("toolConfig")).get("toolChoice"))), None)
        schemas = [_dict(t["inputSchema"]).get("json") for t in tools if "inputSchema" in t]
        effort = _dict(body.get("outputConfig")).get("effort") or config.get("effort") or fields.get("reasoning_effort") or \
            _dict(fields.get("reasoningConfig")).get("maxReasoningEffort")
        call_ids = [b["toolUse"]["toolUseId"] for b in blocks if "toolUse" in b]
        result_ids = [b["toolResult"]["toolUseId"] for b in blocks if "toolResult" in b]
        max_tokens, stops = _dict(body.get("inferenceConfig")).get("maxTokens"), _dict(body.get("inferenceConfig")).get("stopSequences")
    else:
        tools = _list(body.get("tools"))
        forced = _dict(body.get("tool_choice")).get("type")
        forced = forced if forced in ("any", "tool") else None
        schemas = [t.get("input_schema") for t in tools]
        effort = config.get("effort")
        call_ids = [b.get("id") for b in blocks if b.get("type") == "tool_use"]
        result_ids = [b.get("tool_use_id") for b in blocks if b.get("type") == "tool_result"]
        max_tokens, stops = body.get("max_tokens"), body.get("stop_sequences")
    betas = fields.get("anthropic_beta", [])
    return {
        "re": re, "LIMITS": LIMITS, "walk": walk, "is_object": is_object, "recursive": recursive,
        "model": model, "body": body, "fields": fields, "messages": messages, "blocks": blocks, "tools": tools, "forced": forced,
        "thinking": thinking.get("type"), "display": thinking.get("display"), "binding": thinking.get("block_binding"),
        "budget": thinking.get("budget_tokens"), "effort": effort, "betas": betas if isinstance(betas, list) else [betas],
        "tool_types": [str(t.get("type") or "") for t in tools], "schemas": [s for s in schemas if isinstance(s, dict)],
        "format": _converse_format(body) if converse else config.get("format"), "call_ids": call_ids, "result_ids": result_ids,
        "edits": [str(e.get("type")) for e in _list(_dict(fields.get("context_management")).get("edits"))],
        "thoughts": any(b.get("type") in ("thinking", "redacted_thinking") or "reasoningContent" in b for b in blocks),
        "ttls": _ttls(body), "max_tokens": max_tokens, "stops": stops, "asked_tools": _asked_tools(asked), "asked_thoughts": _asked_thoughts(asked),
        "asked_error": "error" in _dict(_dict(asked.get("thinking")).get("block_binding")).values(),
        "asked_format": isinstance(asked_config.get("format"), dict) or isinstance(asked.get("output_format"), dict),
    }
