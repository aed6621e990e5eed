"""boto3, AnthropicBedrock and langchain-aws on Bedrock's own routes; run by python.test.mjs, prints one line a case.
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
TOOL = {"name": "weather", "description": "d", "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}}


def say(name, value):
    print(json.dumps([name, value]), flush=True)


def client(key, service="bedrock-runtime", **more):
    os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
    return boto3.Session().client(service, region_name="us-west-2",
                                  config=Config(retries={"total_max_attempts": 2, "mode": "standard"}, **more))


def body(text, most=500):
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": most, "messages": [{"role": "user", "content": text}]})


def user(text):
    return [{"role": "user", "content": [{"text": text}]}]


def failure(call):
    try:
        call()
    except ClientError as e:
        return [e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["ResponseMetadata"]["RetryAttempts"]]
    return "no error"


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
for model in (CLAUDE, NOVA):
    r = b.converse(modelId=model, messages=user("say: guten Tag"), inferenceConfig={"maxTokens": 500})
    say("converse " + model, [r["output"]["message"]["content"][0]["text"], r["stopReason"], r["usage"]["outputTokens"] > 0])
    text, tool, kinds = deltas(b.converse_stream(modelId=model, messages=user('use tool weather {"city":"Ulm"}'), toolConfig={"tools": [{"toolSpec": TOOL}]})["stream"])
    say("converse stream " + model, [json.loads(tool), kinds[-1]])
say("count", b.count_tokens(modelId=CLAUDE, input={"converse": {"messages": user("say: x")}})["inputTokens"] > 0)
control = client(KEY, "bedrock")
say("profiles", CLAUDE in [p["inferenceProfileId"] for p in control.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]])
say("models", any(m["modelId"].startswith("anthropic.claude-sonnet-4-5") for m in control.list_foundation_models()["modelSummaries"]))
say("no model", failure(lambda: b.converse(modelId="no-such", messages=user("hi"))))
say("revoked", failure(lambda: client(REVOKED).converse(modelId=CLAUDE, messages=user("hi"))))
poor = client(POOR)
try:
    poor.converse(modelId=CLAUDE, messages=user(DEAR))
except ClientError:
    pass  # another test has spent it
say("spent", failure(lambda: poor.converse(modelId=CLAUDE, messages=user("hi"))))
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
with a.messages.stream(model=OPUS, max_tokens=500, tools=tools, messages=[{"role": "user", "content": 'use tool weather {"city":"Ulm"}'}]) as s:
    say("anthropic stream", [c.input for c in s.get_final_message().content if c.type == "tool_use"])
for name, key, model in (("no model", KEY, "no-such"), ("revoked", REVOKED, OPUS), ("spent", POOR, OPUS)):
    try:
        AnthropicBedrock(api_key=key, base_url=PLAIN, aws_region="us-west-2", max_retries=0).messages.create(
            model=model, max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        say("anthropic " + name, "no error")
    except APIStatusError as e:
        say("anthropic " + name, e.status_code)

os.environ["AWS_BEARER_TOKEN_BEDROCK"] = KEY
from langchain_aws import ChatBedrockConverse  # noqa: E402
from langchain_core.tools import tool as lc_tool  # noqa: E402


@lc_tool
def weather(city: str) -> str:
    """The weather."""
    return city


chat = ChatBedrockConverse(model=CLAUDE, region_name="us-west-2", endpoint_url=TLS)
say("langchain", [chat.invoke("say: guten Tag").text, "".join(c.text for c in chat.stream("say: one two three"))])
say("langchain tool", chat.bind_tools([weather]).invoke('use tool weather {"city":"Ulm"}').tool_calls[0]["args"])
