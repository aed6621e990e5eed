#!/usr/bin/env python3
"""helper.py - what the openai package for Python makes of each stream on stdin, which is what `orders` prints.

Every event has to be one of its types, member by member, and its stream helper has to take them all; of a stream that is
completed it must say the same text. The error that ends a broken stream is raised by the client before the helper.
"""
import json
import sys
from typing import cast

import openai
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter


def streams(lines):
    head, events = None, []
    for line in lines:
        if line.startswith('# '):
            if head:
                yield head, events
            head, events = line.strip(), []
        elif line.startswith('data: '):
            events.append(json.loads(line[6:]))
    if head:
        yield head, events


def judge(events, types):
    state = ResponseStreamState(input_tools=openai.NOT_GIVEN, text_format=openai.NOT_GIVEN)
    for event in events:
        types.validate_python(event)
        if event['type'] != 'error':
            state.handle_event(construct_type_unchecked(type_=cast(type, ResponseStreamEvent), value=event))
    last = events[-1]
    if last['type'] == 'response.completed':
        parts = [p for item in last['response']['output'] if item['type'] == 'message' for p in item['content']]
        said = ''.join(p['text'] for p in parts if p['type'] == 'output_text')
        assert state._completed_response.output_text == said, 'another text'


def main():
    types, count = TypeAdapter(ResponseStreamEvent), 0
    for head, events in streams(sys.stdin):
        try:
            judge(events, types)
        except Exception as wrong:  # whatever it is, a client would see it
            print(f'{head}: {type(wrong).__name__}: {wrong}')
            print('\n'.join(map(json.dumps, events)))
            return 1
        count += 1
    print(f'openai {openai.__version__} (Python): {count} streams')
    return 0 if count else 1


if __name__ == '__main__':
    sys.exit(main())
