"""The judge before bodies that are wrong: each must be caught, by what is wrong about it; the right ones must pass.

Each rule of rules.tsv has one in its column `broken`: the model, and what is laid over a right body (`asked`: of the client).
"""
import json
import sys

from judge import Judge

CONVERSE = {"messages": [{"role": "user", "content": [{"text": "u"}]}], "inferenceConfig": {"maxTokens": 9}}
INVOKE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9000, "messages": [{"role": "user", "content": "u"}]}
USE = {"toolUse": {"toolUseId": "a", "name": "n", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "a", "content": [{"text": "r"}]}}
SPEC = {"name": "n", "inputSchema": {"json": {"type": "object"}}}


def block(*blocks):
    return {"messages": [{"role": "user", "content": [{"text": "u"}, *blocks]}]}


def spec(**more):
    return {"toolConfig": {"tools": [{"toolSpec": {**SPEC, **more}}]}}


# What is laid over a right Converse body, and what must be said of it.
SPOILED = [
    ({"topK": 1}, "body.topK is unknown"), ({"inferenceConfig": {"maxTokens": 9, "topK": 1}}, "topK is unknown"),
    ({"messages": []}, "body.messages: none"), ({"messages": {}}, "list is needed"), ({"messages": [{"content": []}]}, "role is required"),
    ({"messages": [{"role": "tool", "content": []}]}, "is none of user"), (block({}), "a union with 0 members"),
    (block({"text": "a", "cachePoint": {"type": "default"}}), "a union with 2 members"), (block({"text": 1}), "string is needed"),
    ({"inferenceConfig": {"maxTokens": 0}}, "0 is not within 1"), ({"inferenceConfig": {"maxTokens": 9.5}}, "integer is needed"),
    ({"inferenceConfig": {"maxTokens": True}}, "integer is needed"), ({"inferenceConfig": {"maxTokens": 9, "temperature": 1.1}}, "1.1 is not within"),
    ({"system": [{"text": ""}]}, "0 is not within 1"), (spec(name="a b"), "not of the pattern"), (spec(name="n" * 65), "65 is not within 1"),
    (spec(inputSchema={}), "a union with 0 members"), (spec(inputSchema={"json": []}), "an object is needed"), ({"toolConfig": {"tools": []}}, "0 is not within 1"),
    ({"guardrailConfig": {"guardrailIdentifier": "gr"}}, "go together"), ({"guardrailConfig": {"guardrailIdentifier": "G", "guardrailVersion": "1"}}, "not of the pattern"),
    ({"guardrailConfig": {"guardrailIdentifier": "gr", "guardrailVersion": "1", "streamProcessingMode": "async"}}, "streamProcessingMode is unknown"),
    ({"projectIdentifier": "a b"}, "not of the pattern"), ({"requestMetadata": {}}, "0 is not within 1"),
    (spec(strict=1), "boolean is needed"), ({"requestMetadata": {"a": "é"}}, "not of the pattern"),
    (block({"image": {"format": "bmp", "source": {"bytes": "AAAA"}}}), "is none of png"), (block({"image": {"format": "png", "source": {"bytes": "A%="}}}), "no base64"),
    (block({"image": {"format": "png", "source": {"bytes": ""}}}), "0 is not within 1"), ({"outputConfig": {"effort": "x" * 17}}, "17 is not within"),
    ({"serviceTier": {"type": "fast"}}, "is none of priority"), ({"outputConfig": {"textFormat": {"type": "json", "structure": {"jsonSchema": {"schema": "{}"}}}}}, "is none of json_schema"),
]
# The same of the headers of InvokeModel.
G = "x-amzn-bedrock-guardrail"
HEADERS = [
    ({G + "Identifier": "gr", G + "Version": "DRAFT", "x-amzn-bedrock-ProjectIdentifier": "p", "x-amzn-bedrock-Request-Metadata": '{"user":"a b"}'}, None),
    ({G + "Identifier": "gr"}, "go together"), ({G + "Identifier": "gr", G + "Version": "0"}, "not of the pattern"), ({"x-amzn-bedrock-ProjectIdentifier": "a b"}, "not of the pattern"),
    ({"x-amzn-bedrock-guardrail": "gr"}, "is unknown"), ({"x-amzn-bedrock-Request-Metadata": "{"}, "no JSON"), ({"x-amzn-bedrock-Request-Metadata": '{"a":"\u00fc"}'}, "not of the pattern"),
    ({"x-amzn-bedrock-Request-Metadata": "{}"}, "0 is not within 1"), ({"X-Amzn-Bedrock-Trace": "enabled"}, "is none of ENABLED"),
]
RIGHT = [
    ("converse", "qwen.qwen3-32b-v1:0", CONVERSE), ("converse-stream", "us.anthropic.claude-opus-5", {**CONVERSE, "system": [{"text": "s"}], **spec()}),
    ("converse", "xai.grok-4.7", {**CONVERSE, **spec(), "messages": [*CONVERSE["messages"], {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}]}),
    ("invoke", "global.anthropic.claude-opus-5-5", {**INVOKE, "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
    ("invoke", "anthropic.claude-opus-4-8", {**INVOKE, "anthropic_beta": ["thinking-binding-controls-2026-08-01"],
                                             "thinking": {"type": "adaptive", "block_binding": {"mismatch_behavior": "drop_block"}}}),
]


def main():
    judge, wrong = Judge(), []

    def see(name, want, operation, model, body, asked, headers=None):
        said = judge.faults(operation, model, json.dumps(body).encode(), asked, False, headers)
        if (want is None and said) or (want is not None and not any(want in s for s in said)):
            wrong.append(f"{name}: {said or 'nothing was said'}")

    for operation, model, body in RIGHT:
        see(f"a right body of {model}", None, operation, model, body, {})
    for over, want in SPOILED:
        see(json.dumps(over), want, "converse", "qwen.qwen3-32b-v1:0", {**CONVERSE, **over}, {})
    for headers, want in HEADERS:
        see(json.dumps(headers), want, "invoke", "anthropic.claude-opus-4-8", INVOKE, {}, headers)
    see("a guardrailConfig alone", "without a guardrail", "invoke", "anthropic.claude-opus-4-8", {**INVOKE, "amazon-bedrock-guardrailConfig": {}}, {})
    for rule in judge.rules:
        model, over = rule["broken"].split(" ", 1)
        over = json.loads(over)
        asked = over.pop("asked", {})
        invoke = rule["route"] == "invoke" or (rule["route"] == "both" and "claude" in model)
        see(f"rule {rule['rule']}", f"rule {rule['rule']} ", "invoke" if invoke else "converse", model, {**(INVOKE if invoke else CONVERSE), **over}, asked)
    for line in wrong:
        print(f"  {line}")
    print(f"judge: {len(RIGHT)} right, {len(SPOILED)} spoiled bodies, {len(HEADERS)} heads and {len(judge.rules)} broken rules, {len(wrong)} misjudged")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
