"""The OpenAI SDK for Python and OpenAI Agents on /v1/responses; run by python.test.mjs, prints one JSON line a case."""
import asyncio
import json
import os
import sys

import openai
from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from pydantic import BaseModel

BASE, KEY, PIXEL = os.environ["BASE_URL"] + "/v1", os.environ["API_KEY"], os.environ["PIXEL"]
client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
WEATHER = {"type": "function", "name": "weather", "strict": False, "description": "Weather of a city",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


class Weather(BaseModel):
    city: str
    sunny: bool


@function_tool
def weather(city: str) -> str:
    """Weather of a city"""
    return f"sunny in {city}"


def create(model):
    answer = client.responses.create(model=model, input="say: guten Tag")
    return [answer.output_text, answer.status, answer.usage.total_tokens > 0]


def streamed(model):
    with client.responses.stream(model=model, input='use tool weather {"city":"Ulm"}', tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        call = stream.get_final_response().output[-1]
    return [call.name, json.loads(call.arguments), "response.function_call_arguments.delta" in kinds]


def parsed(model):
    answer = client.responses.parse(model=model, input='say: {"city":"Bonn","sunny":true}', text_format=Weather)
    return answer.output_parsed.model_dump()


def image(model):
    content = [{"type": "input_text", "text": "what?"},
               {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64," + PIXEL}]
    return client.responses.create(model=model if "gpt" in model else "claude-sonnet-4-5", input=[{"role": "user", "content": content}]).output_text


def refused(model):
    try:
        client.responses.create(model="no-such-model", input="x")
    except openai.BadRequestError as e:
        return e.code
    return None


def broken(_):
    out = []
    for fault in ("stream-throttle", "cut"):
        try:
            with client.responses.stream(model="anthropic.claude-sonnet-4-5--" + fault, input="say: one two three four") as s:
                s.until_done()
            out.append(None)
        except openai.APIError as e:
            out.append(bool(e.message))
    return out


def agents(model):
    set_default_openai_client(openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0), use_for_tracing=False)
    set_tracing_disabled(True)
    expert = Agent(name="Expert", instructions="You know the weather.", model=model, tools=[weather])
    desk = Agent(name="Desk", instructions="Hand off.", model=model, handoffs=[expert], tools=[weather])

    async def both():
        asked = await Runner.run(desk, 'use tool weather {"city":"Bonn"}')
        handed = Runner.run_streamed(desk, "use tool transfer_to_expert {}")
        async for _ in handed.stream_events():
            pass
        return ["sunny in Bonn" in asked.final_output, handed.last_agent.name]

    return asyncio.run(both())


if __name__ == "__main__":
    native = len(sys.argv) > 2  # Bedrock's own Responses: what is refused before it, and Claude's faults, are not its
    for case in (create, streamed, parsed, image, *(() if native else (refused, broken)), agents):
        print(json.dumps([case.__name__, case(sys.argv[1])]), flush=True)
