"""pydantic-ai and OpenAI Agents over Chat Completions, newest. Arguments: URL, model. Prints one line a case; run by python.test.mjs."""
import asyncio
import json
import os
import sys
from typing import Annotated, Optional

import openai
from agents import Agent as OpenAIAgent
from agents import OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from annotated_types import Len
from anthropic import AsyncAnthropic
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

URL, MODEL = sys.argv[1:3]
KEY = os.environ["API_KEY"]


class Report(BaseModel):
    """A report of the weather."""
    city: str = Field(min_length=2, max_length=40, pattern=r"^[A-Z][a-z]+$")
    degrees: int = Field(ge=-60, le=60, multiple_of=1)
    words: Annotated[list[str], Len(1, 3)]
    at: Optional[str] = Field(default=None, max_length=9)


REPORT = {"city": "Ulm", "degrees": 7, "words": ["wet"]}
SAY = "say: " + json.dumps(REPORT)


def say(name, value):
    print(json.dumps([name, value]), flush=True)


def whole(report):
    return report.model_dump(exclude_none=True) == REPORT


async def typed():
    makes = {
        "anthropic": AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=AsyncAnthropic(api_key=KEY, base_url=URL, max_retries=0))),
        "openai": OpenAIChatModel(MODEL, provider=OpenAIProvider(api_key=KEY, base_url=URL + "/v1")),
    }
    for make, model in makes.items():
        for how, output, prompt in (("tool", ToolOutput(Report, name="report"), "use tool report " + json.dumps(REPORT)),
                                    ("native", NativeOutput(Report), SAY), ("prompted", PromptedOutput(Report), SAY)):
            try:
                say(f"{make} {how}", whole((await Agent(model, output_type=output).run(prompt)).output))
            except Exception as e:  # pylint: disable=broad-except
                say(f"{make} {how}", f"{type(e).__name__}: {e}"[:300])


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny in " + city


async def agents():
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel(MODEL, openai.AsyncOpenAI(api_key=KEY, base_url=URL + "/v1", max_retries=0))
    expert = OpenAIAgent(name="Expert", instructions="You know the weather.", model=model, tools=[weather])
    say("agents tool", (await Runner.run(expert, 'use tool weather {"city":"Bonn"}')).final_output)
    desk = OpenAIAgent(name="Desk", instructions="Hand off.", model=model, handoffs=[expert])
    result = Runner.run_streamed(desk, "use tool transfer_to_expert {}")
    async for _ in result.stream_events():
        pass
    say("agents handoff", result.last_agent.name)
    say("agents typed", whole((await Runner.run(OpenAIAgent(name="Typed", model=model, output_type=Report), SAY)).final_output))


async def main():
    await typed()
    await agents()


asyncio.run(main())
