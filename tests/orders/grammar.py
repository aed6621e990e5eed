#!/usr/bin/env python3
"""grammar.py - is each stream of /v1/responses on stdin what the strictest client takes?

Reads what `orders` prints: streams of SSE, each behind a line "# SEED good|broken shown|hidden". Its rules are
those of openai's ResponseStream (npm 7.59.0), of Codex, and of OpenAI's types; it shares no line with the program.
The last line says how much was read; the first wrong stream is shown and ends with 1.
"""
import collections
import json
import sys

LIFECYCLE = {'response.created', 'response.in_progress', 'response.completed', 'response.incomplete', 'response.failed'}
OBJECT = {
    'id': str, 'object': str, 'created_at': int, 'status': str, 'error': (dict, type(None)),
    'incomplete_details': (dict, type(None)), 'instructions': (str, list, type(None)),
    'max_output_tokens': (int, type(None)), 'metadata': dict, 'model': str, 'output': list,
    'parallel_tool_calls': bool, 'previous_response_id': type(None), 'reasoning': dict, 'store': bool,
    'temperature': (int, float, type(None)), 'text': dict, 'tool_choice': (str, dict), 'tools': list,
    'top_p': (int, float, type(None)), 'truncation': str, 'usage': (dict, type(None)), 'user': (str, type(None)),
}
# type of item -> prefix of its id, members at its end
ITEMS = {
    'message': ('msg_', {'role', 'content', 'status'}),
    'reasoning': ('rs_', {'summary'}),
    'function_call': ('fc_', {'call_id', 'name', 'arguments', 'status'}),
    'custom_tool_call': ('ctc_', {'call_id', 'name', 'input', 'status'}),
    'tool_search_call': ('tsc_', {'call_id', 'execution', 'arguments', 'status'}),
    'local_shell_call': ('lsh_', {'call_id', 'action', 'status'}),
}
# event of a piece -> type of item, member of `done` that has all of it, whether a part must be open
TEXTS = {
    'response.output_text': ('message', 'text', 'output_text'),
    'response.refusal': ('message', 'refusal', 'refusal'),
    'response.reasoning_summary_text': ('reasoning', 'text', 'summary_text'),
    'response.function_call_arguments': ('function_call', 'arguments', None),
    'response.custom_tool_call_input': ('custom_tool_call', 'input', None),
}
PARTS = {'response.content_part': ('message', 'content_index'), 'response.reasoning_summary_part': ('reasoning', 'summary_index')}


class Wrong(Exception):
    pass


def want(what, complaint):
    if not what:
        raise Wrong(complaint)


class Stream:
    def __init__(self, broken, shown):
        self.broken, self.shown = broken, shown
        self.id = None
        self.number = 0
        self.final = None
        self.errors = 0
        self.added, self.done = [], []   # items
        self.open = None                 # the added one that is not done
        self.part = None                 # type of the open part
        self.text = self.whole = None    # pieces, and what was said to be all of them
        self.calls = set()

    # --- the response object ---

    def lifecycle(self, kind, event):
        response = event['response']
        for name, types in OBJECT.items():
            want(name in response, f'the response has no {name}')
            want(isinstance(response[name], types), f'{name} of the response is a {type(response[name]).__name__}')
        want(response['object'] == 'response' and response['store'] is False, 'object or store is wrong')
        want(self.id in (None, response['id']), 'the id of the response has changed')
        self.id = response['id']
        if kind in ('created', 'in_progress'):
            want(self.number == ('created', 'in_progress').index(kind), f'{kind} is not where it should be')
            want(response['status'] == 'in_progress' and response['output'] == [], 'it begins with something')
            return
        want(response['status'] == kind, f"{kind} has the status {response['status']}")
        want((response['error'] is not None) == (kind == 'failed'), 'error is wrong')
        want((response['incomplete_details'] is not None) == (kind == 'incomplete'), 'incomplete_details is wrong')
        if kind == 'incomplete':
            want(response['incomplete_details']['reason'] in ('max_output_tokens', 'content_filter'), 'the reason is unknown')
        want((kind == 'failed') == self.broken, f'a stream that is broken: {self.broken} ends with {kind}')
        self.usage(response['usage'])
        self.output(response['output'], kind)
        self.final = kind

    def usage(self, usage):
        counts = (usage['input_tokens'], usage['output_tokens'], usage['total_tokens'],
                  usage['input_tokens_details']['cached_tokens'], usage['input_tokens_details']['cache_write_tokens'],
                  usage['output_tokens_details']['reasoning_tokens'])
        want(all(type(n) is int and n >= 0 for n in counts), 'usage has something that is no count')
        want(counts[0] + counts[1] == counts[2], 'the total is no sum')
        want(counts[3] + counts[4] <= counts[0], 'more cached tokens than tokens')

    def output(self, output, kind):
        want(kind == 'failed' or self.open is None, 'the end comes inside an item')
        want(len(output) == len(self.added), f'{len(self.added)} items were added, the output has {len(output)}')
        for item, added in zip(output, self.added):
            want((item['id'], item['type']) == (added['id'], added['type']), 'the output has another item')
        want(output[:len(self.done)] == self.done, 'an item of the output is not as it was done')
        if kind == 'completed':
            want(all(item.get('status', 'completed') == 'completed' for item in output), 'completed with half an item')
        if kind == 'failed' and self.open:
            want(output[-1].get('status', 'incomplete') == 'incomplete', 'the item that broke off is not incomplete')
            if self.text and self.open['type'] in ('message', 'reasoning', 'function_call'):
                want(self.inside(output[-1]) == self.text, 'what was said before the break is not in the output')

    # --- items ---

    @staticmethod
    def inside(item):
        if item['type'] == 'message':
            return ''.join(part.get('text', part.get('refusal')) for part in item['content'])
        if item['type'] == 'reasoning':
            return ''.join(part['text'] for part in item['summary'])
        return item.get('arguments') if item['type'] == 'function_call' else item.get('input')

    def add(self, event):
        item = event['item']
        want(self.open is None, 'an item begins inside another')
        want(event['output_index'] == len(self.added), 'output_index has a hole')
        want(item['type'] in ITEMS, f"an item of the type {item['type']}")
        want(item['id'].startswith(ITEMS[item['type']][0]), f"the id {item['id']}")
        want(item['id'] not in {i['id'] for i in self.added}, 'an id comes twice')
        if 'call_id' in item:
            want(item['call_id'] and item['call_id'] not in self.calls, 'a call_id comes twice')
            self.calls.add(item['call_id'])
        want(item.get('status', 'in_progress') == 'in_progress', 'an item begins with an end')
        want(not self.inside(item), 'an item begins with content')
        self.open = item
        self.added.append(item)
        self.part, self.text, self.whole = None, '', None

    def end(self, event):
        item = event['item']
        self.place(event)
        want(self.part is None, 'an item ends inside a part')
        want((item['id'], item['type'], item.get('call_id')) ==
             (self.open['id'], self.open['type'], self.open.get('call_id')), 'another item ends')
        want(ITEMS[item['type']][1] <= item.keys(), f"a {item['type']} lacks a member")
        want(item.get('status', 'completed') in ('completed', 'incomplete'), 'an item ends without an end')
        if item['type'] in ('message', 'reasoning', 'function_call', 'custom_tool_call'):
            want(self.inside(item) == self.text, 'an item is not what its pieces were')
        if item['type'] in ('function_call', 'custom_tool_call'):
            want(self.whole is not None, 'a call ends before its input')
        if item['type'] == 'reasoning':
            want(self.shown or not item['summary'], 'thinking is shown to somebody who did not ask for it')
        if item['type'] == 'local_shell_call':
            action = item['action']
            want(action['type'] == 'exec' and all(isinstance(c, str) for c in action['command']), 'a command that is none')
        self.done.append(item)
        self.open = None

    def place(self, event):
        want(self.open is not None, 'an event of an item where none is open')
        want(event['output_index'] == len(self.added) - 1, 'output_index is not that of the open item')

    def inner(self, event, kind):
        self.place(event)
        want(event['item_id'] == self.open['id'], 'item_id is not that of the open item')
        want(self.open['type'] == kind, f"an event of a {kind} in a {self.open['type']}")

    def part_event(self, event, stem, verb):
        kind, index = PARTS[stem]
        part = event['part']
        text = part.get('text', part.get('refusal'))
        self.inner(event, kind)
        want(event[index] == 0, f'{index} is not 0')
        if verb == 'added':
            want(self.part is None and self.text == '' and text == '', 'a part begins where none may')
            self.part = part['type']
        else:
            want(self.part == part['type'] and text == self.text == self.whole, 'a part is not what its pieces were')
            self.part = None

    def text_event(self, event, stem, verb):
        kind, member, part = TEXTS[stem]
        self.inner(event, kind)
        want(self.part == part, f'the open part is {self.part}')
        want(self.whole is None, 'a piece behind the end')
        if part and kind == 'message':
            want(event['content_index'] == 0, 'content_index is not 0')
        if stem == 'response.output_text':
            want(event['logprobs'] == [], 'no logprobs')
        if verb == 'delta':
            want(event['delta'] != '', 'an empty piece')
            self.text += event['delta']
        else:
            self.whole = event[member]
            want(self.whole == self.text, 'the whole is not its pieces')

    # --- events ---

    def error(self, event):
        want(self.final == 'failed' and not self.errors, 'an error that follows no failure')
        inner = event['error']
        want(event['message'] and event['message'] == inner['message'] and event['code'] == inner['code'], 'two errors')
        self.errors += 1

    def take(self, event):
        kind = event['type']
        stem, _, verb = kind.rpartition('.')
        want(event['sequence_number'] == self.number, 'sequence_number has a hole')
        if kind == 'error':
            self.error(event)
        else:
            want(self.final is None, f'{kind} follows the end')
            want(self.number > 1 or kind in ('response.created', 'response.in_progress'), 'it does not begin')
            if kind in LIFECYCLE:
                self.lifecycle(verb, event)
            elif kind == 'response.output_item.added':
                self.add(event)
            elif kind == 'response.output_item.done':
                self.end(event)
            elif stem in PARTS:
                self.part_event(event, stem, verb)
            elif stem in TEXTS and verb in ('delta', 'done'):
                self.text_event(event, stem, verb)
            else:
                raise Wrong(f'an event that no client knows: {kind}')
        self.number += 1

    def over(self):
        want(self.final is not None, 'the stream has no end')
        want(self.errors == (1 if self.broken else 0), 'a break without an error')


def streams(lines):
    """(head, blocks of lines) of each stream."""
    head, events, block = None, [], []
    for line in lines:
        line = line.rstrip('\n')
        if line.startswith('# '):
            if head:
                yield head, events
            head, events, block = line, [], []
        elif line:
            block.append(line)
        else:
            events.append(block)
            block = []
    if head:
        want(not block, 'an event without its end')
        yield head, events


def judge(head, blocks):
    _, _, state, shown = head.split()
    stream = Stream(state == 'broken', shown == 'shown')
    for block in blocks:
        want(len(block) == 2 and block[0].startswith('event: ') and block[1].startswith('data: '), f'no event: {block}')
        event = json.loads(block[1][6:])
        want(event['type'] == block[0][7:], 'two types')
        stream.take(event)
    stream.over()
    return stream


def main():
    ends, items, events, count = collections.Counter(), collections.Counter(), 0, 0
    sys.stdin.reconfigure(encoding='utf-8', errors='strict', newline='\n')
    for head, blocks in streams(sys.stdin):
        try:
            stream = judge(head, blocks)
        except (Wrong, KeyError, TypeError, ValueError) as wrong:
            print(f'{head}: {type(wrong).__name__}: {wrong}')
            for block in blocks:
                print('\n'.join(block))
            return 1
        count += 1
        events += len(blocks)
        ends[stream.final] += 1
        items.update(item['type'] for item in stream.added)
    print(f'grammar: {count} streams, {events} events; ' + ', '.join(f'{n} {end}' for end, n in sorted(ends.items())) +
          '; ' + ', '.join(f'{n} {kind}' for kind, n in sorted(items.items())))
    return 0 if count else 1


if __name__ == '__main__':
    sys.exit(main())
