"""What people point at the gateway from Python, newest: Anthropic's tool runner (threads), instructor, LangChain.
Arguments: URL, model. Prints one line a case; run by python.test.mjs, which knows what must come."""
import json
import os
import sys
from typing import Annotated, Optional

import anthropic
import instructor
import openai
from annotated_types import Len
from anthropic import beta_tool
from pydantic import BaseModel, Field

URL, MODEL = sys.argv[1:3]
KEY = os.environ["API_KEY"]
SEEN = []  # (status, had a thread) of each request of the Anthropic SDK


def say(name, value):
    print(json.dumps([name, value]), flush=True)


class Place(BaseModel):
    street: str = Field(min_length=1, max_length=80)
    next: Optional["Place"] = None


class Report(BaseModel):
    """A report of the weather."""
    city: str = Field(min_length=2, max_length=40, pattern=r"^[A-Z][a-z]+$")
    degrees: int = Field(ge=-60, le=60, multiple_of=1)
    words: Annotated[list[str], Len(1, 3)]
    at: Optional[str] = Field(default=None, max_length=9)


REPORT = {"city": "Ulm", "degrees": 7, "words": ["wet"]}
PROMPT = "say: " + json.dumps(REPORT)
CALL = "use tool Report " + json.dumps(REPORT)


def whole(report):
    return report.model_dump(exclude_none=True) == REPORT


def note(response):
    SEEN.append([response.status_code, "thread" in json.loads(response.request.content)])


client = anthropic.Anthropic(api_key=KEY, base_url=URL, max_retries=0, http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [note]}))
chat = openai.OpenAI(api_key=KEY, base_url=URL + "/v1", max_retries=0)


# --- Anthropic's tool runner
CITIES = []


@beta_tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    CITIES.append(city)
    return 'sunny, now use tool weather {"city":"Ulm"}' if city == "Bonn" else "rain in " + city


for stream in (False, True):
    SEEN.clear()
    CITIES.clear()
    runner = client.beta.messages.tool_runner(model=MODEL, max_tokens=1000, tools=[weather], stream=stream,
                                              messages=[{"role": "user", "content": 'use tool weather {"city":"Bonn"}'}])
    last = None
    for turn in runner:
        last = turn.get_final_message() if stream else turn
    say("runner streamed" if stream else "runner", [CITIES, last.content[-1].text, last.stop_reason, SEEN])

# --- structured output with limits
parsed = client.beta.messages.parse(model=MODEL, max_tokens=1000, messages=[{"role": "user", "content": PROMPT}], output_format=Report)
say("anthropic parse", whole(parsed.parsed_output))
parsed = chat.chat.completions.parse(model=MODEL, messages=[{"role": "user", "content": 'say: {"street":"A","next":null}'}], response_format=Place)
say("openai parse", parsed.choices[0].message.parsed.model_dump())


def ask(mode):
    """Some models refuse a forced tool, so the call is asked for in words."""
    return {"response_model": Report, "model": MODEL, "max_tokens": 1000, "max_retries": 0,
            "messages": [{"role": "user", "content": CALL if mode.endswith("TOOLS") else PROMPT}]}


for mode in ("TOOLS", "JSON", "JSON_SCHEMA"):
    say("instructor openai " + mode, whole(instructor.from_openai(chat, mode=getattr(instructor.Mode, mode)).create(**ask(mode))))
for mode in ("ANTHROPIC_TOOLS", "ANTHROPIC_JSON"):
    say("instructor anthropic " + mode, whole(instructor.from_anthropic(client, mode=getattr(instructor.Mode, mode)).create(**ask(mode))))

# --- LangChain
from langchain_anthropic import ChatAnthropic  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402

for name, model in (("anthropic", ChatAnthropic(model=MODEL, api_key=KEY, base_url=URL, max_tokens=1000, max_retries=0)),
                    ("openai", ChatOpenAI(model=MODEL, api_key=KEY, base_url=URL + "/v1", max_retries=0, stream_usage=True))):
    all_of_it = None
    for chunk in model.stream("say: one two three"):
        all_of_it = chunk if all_of_it is None else all_of_it + chunk
    usage = all_of_it.usage_metadata
    say("langchain " + name, [all_of_it.text, usage["input_tokens"] > 0, usage["output_tokens"] > 0, usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]])
    say("langchain typed " + name, whole(model.with_structured_output(Report, method="json_schema").invoke(PROMPT)))
    say("langchain called " + name, whole(model.with_structured_output(Report, method="function_calling").invoke(CALL)))
