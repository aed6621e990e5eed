"""Judges a request by the model that botocore ships: required and unknown members, types, enums, patterns, ranges.

botocore's own validator, which every AWS CLI runs, knows neither enums nor patterns nor upper ends; the service does.
"""
import re

import botocore.loaders
import botocore.model

_TYPES = {"string": str, "character": str, "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float),
          "timestamp": (int, float, str), "structure": dict, "map": dict, "list": list}


def load(service):
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"))


def faults(shape, value, where=""):
    """The faults of a value, one line each."""
    found = []
    kind = shape.type_name
    wanted = _TYPES.get(kind)
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{where or 'the request'}: {kind} is needed"]
    if kind == "structure":
        for name in shape.required_members:
            if name not in value:
                found.append(f"{where}.{name} is required")
        for name, member in value.items():
            if name in shape.members:
                found += faults(shape.members[name], member, f"{where}.{name}")
            else:
                found.append(f"{where}.{name} is unknown")
    elif kind == "list":
        for n, member in enumerate(value):
            found += faults(shape.member, member, f"{where}[{n}]")
    elif kind == "map":
        for name, member in value.items():
            found += faults(shape.key, name, f"{where} key {name}") + faults(shape.value, member, f"{where}.{name}")
    if shape.name == "ServiceId":
        return []  # App Runner's model contradicts itself: 32 characters, and a pattern of 36
    meta = shape.metadata
    if kind == "string":
        if meta.get("enum") and value not in meta["enum"]:
            found.append(f"{where}: {value} is none of {', '.join(meta['enum'])}")
        if meta.get("pattern") and not re.fullmatch(meta["pattern"], value):
            found.append(f"{where}: {value} is not of the pattern {meta['pattern']}")
    if "min" in meta or "max" in meta:
        size = value if kind in ("integer", "long", "double", "float") else len(value)
        if size < meta.get("min", size) or size > meta.get("max", size):
            found.append(f"{where}: {size} is not within {meta.get('min')} and {meta.get('max')}")
    return found
