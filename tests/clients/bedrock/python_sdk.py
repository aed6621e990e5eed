"""boto3, AnthropicBedrock and langchain-aws on Bedrock's own routes; run by others.test.mjs, prints one line a case.
Arguments: https URL, http URL, Claude's id, Nova's id, Opus's id. The CA is in AWS_CA_BUNDLE."""
import json
import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TLS, PLAIN, CLAUDE, NOVA, OPUS = sys.argv[1:6]
os.environ.update(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=TLS, AWS_ENDPOINT_URL_BEDROCK=TLS)
KEY, POOR, REVOKED, DEAR = (os.environ[k] for k in ("API_KEY", "POOR_KEY", "REVOKED_KEY", "DEAR"))
USE = 'use tool weather {"city":"Ulm"}'
TOOL = {"name": "weather", "description": "d", "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}}


def say(name, value):
    print(json.dumps([name, value]), flush=True)


def client(key, service="bedrock-runtime", **more):
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    return boto3.Session().client(service, region_name="us-west-2",
                                  config=Config(retries={"total_max_attempts": 2, "mode": "standard"}, **more))


def body(text, **more):
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 500, "messages": [{"role": "user", "content": text}], **more})


def user(text):
    return [{"role": "user", "content": [{"text": text}]}]


def failure(call):
    try:
        call()
    except ClientError as e:
        return [e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["ResponseMetadata"]["RetryAttempts"]]
    return "no error"


def failures(c, model):
    """Of the four operations; one value if they agree."""
    all_four = [failure(call) for call in (
        lambda: c.converse(modelId=model, messages=user("hi")), lambda: c.converse_stream(modelId=model, messages=user("hi")),
        lambda: c.invoke_model(modelId=model, body=body("hi")), lambda: c.invoke_model_with_response_stream(modelId=model, body=body("hi")))]
    return all_four[0] if all_four.count(all_four[0]) == 4 else all_four


def deltas(stream):
    text, tool, kinds = "", "", []
    for event in stream:
        (kind, value), = event.items()
        kinds.append(kind)
        delta = value.get("delta", {})
        text += delta.get("text", "")
        tool += delta.get("toolUse", {}).get("input", "")
    return text, tool, kinds


b = client(KEY)
r = b.invoke_model(modelId=CLAUDE, body=body("say: guten Tag"))
say("invoke", [json.loads(r["body"].read())["content"][0]["text"], r["contentType"]])
events = [json.loads(e["chunk"]["bytes"]) for e in b.invoke_model_with_response_stream(modelId=CLAUDE, body=body("say: one two three"))["body"]]
say("invoke stream", ["".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta"), events[-1]["type"]])
used = body(USE, tools=[{"name": "weather", "input_schema": TOOL["inputSchema"]["json"]}])
m = json.loads(b.invoke_model(modelId=CLAUDE, body=used)["body"].read())
events = [json.loads(e["chunk"]["bytes"]) for e in b.invoke_model_with_response_stream(modelId=CLAUDE, body=used)["body"]]
say("invoke tool", [[c["input"] for c in m["content"] if c["type"] == "tool_use"],
                    json.loads("".join(e["delta"].get("partial_json", "") for e in events if e["type"] == "content_block_delta"))])
for model in (CLAUDE, NOVA):
    r = b.converse(modelId=model, messages=user("say: guten Tag"), inferenceConfig={"maxTokens": 500})
    say("converse " + model, [r["output"]["message"]["content"][0]["text"], r["stopReason"], r["usage"]["outputTokens"] > 0])
    asked = {"modelId": model, "messages": user(USE), "toolConfig": {"tools": [{"toolSpec": TOOL}]}}
    say("converse tool " + model, [c["toolUse"]["input"] for c in b.converse(**asked)["output"]["message"]["content"] if "toolUse" in c])
    text, tool, kinds = deltas(b.converse_stream(**asked)["stream"])
    say("converse stream " + model, [json.loads(tool), kinds[-1]])
say("count", b.count_tokens(modelId=CLAUDE, input={"converse": {"messages": user("say: x")}})["inputTokens"] > 0)
control = client(KEY, "bedrock")
say("profiles", CLAUDE in [p["inferenceProfileId"] for p in control.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]])
say("models", any(m["modelId"].startswith("anthropic.claude-sonnet-4-5") for m in control.list_foundation_models()["modelSummaries"]))
say("no model", failures(b, "no-such"))
say("revoked", failures(client(REVOKED), CLAUDE))
poor = client(POOR)
failure(lambda: poor.converse(modelId=CLAUDE, messages=user(DEAR)))  # another test may have spent it
say("spent", failures(poor, CLAUDE))
try:
    deltas(b.converse_stream(modelId="anthropic.claude-sonnet-4-5--stream-internal", messages=user("say: one two three four five six"))["stream"])
    say("broken", "no error")
except Exception as e:  # pylint: disable=broad-except
    say("broken", type(e).__name__)
del os.environ["AWS_BEARER_TOKEN_BEDROCK"]
os.environ.update(AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="x")
try:
    boto3.Session().client("bedrock-runtime", endpoint_url=TLS, region_name="us-west-2").converse(modelId=CLAUDE, messages=user("hi"))
except ClientError as e:
    say("signed", [e.response["Error"]["Code"], "AWS_BEARER_TOKEN_BEDROCK" in str(e)])
del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]

from anthropic import AnthropicBedrock, APIStatusError  # noqa: E402

a = AnthropicBedrock(api_key=KEY, base_url=PLAIN, aws_region="us-west-2", max_retries=0)
tools = [{"name": "weather", "input_schema": TOOL["inputSchema"]["json"]}]
m = a.messages.create(model=OPUS, max_tokens=500, messages=[{"role": "user", "content": "say: guten Tag"}])
say("anthropic", [m.content[0].text, m.stop_reason])
with a.messages.stream(model=OPUS, max_tokens=500, tools=tools, messages=[{"role": "user", "content": USE}]) as s:
    say("anthropic stream", [c.input for c in s.get_final_message().content if c.type == "tool_use"])
m = a.messages.create(model=OPUS, max_tokens=500, tools=tools, messages=[{"role": "user", "content": USE}])
say("anthropic tool", [c.input for c in m.content if c.type == "tool_use"])
for name, key, model in (("no model", KEY, "no-such"), ("revoked", REVOKED, OPUS), ("spent", POOR, OPUS)):
    c, told = AnthropicBedrock(api_key=key, base_url=PLAIN, aws_region="us-west-2", max_retries=0), []
    ask = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    for streams in (False, True):
        try:
            c.messages.create(stream=streams, **ask)
            told.append("no error")
        except APIStatusError as e:
            told.append(e.status_code)
    say("anthropic " + name, told)

from langchain_aws import ChatBedrock, ChatBedrockConverse  # noqa: E402
from langchain_core.tools import tool as lc_tool  # noqa: E402


@lc_tool
def weather(city: str) -> str:
    """The weather."""
    return city


def chat(kind, key=KEY, model=CLAUDE):
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    return kind(model=model, provider="anthropic", region_name="us-west-2", endpoint_url=TLS)


def lc_failure(call):
    try:
        call()
    except ClientError as e:
        return e.response["Error"]["Code"]
    except Exception as e:  # pylint: disable=broad-except
        code = getattr(getattr(e, "__cause__", None), "response", {}).get("Error", {}).get("Code")
        return code or f"{type(e).__name__}: {e}"
    return "no error"


for kind in (ChatBedrockConverse, ChatBedrock):
    name, c = kind.__name__, chat(kind)
    say(name, [c.invoke("say: guten Tag").text, "".join(m.text for m in c.stream("say: one two three"))])
    c = c.bind_tools([weather])
    whole = None
    for m in c.stream(USE):
        whole = m if whole is None else whole + m
    say(name + " tool", [c.invoke(USE).tool_calls[0]["args"], whole.tool_calls[0]["args"]])
    for why, key, model in (("no model", KEY, "no-such"), ("revoked", REVOKED, CLAUDE), ("spent", POOR, CLAUDE)):
        c = chat(kind, key, model)
        say(f"{name} {why}", [lc_failure(lambda: c.invoke("hi")), lc_failure(lambda: list(c.stream("hi")))])  # pylint: disable=cell-var-from-loop
