"""Random requests of clients, of four mixes: Messages to Claude (InvokeModel), Messages to other models (Converse),
Chat to all (Converse), Responses to all (wishes_responses.py). The same seed and number give the same request; each carries `judge-N`, by which the recorder
knows whose body it sees. Turns are mostly well-formed, so that most requests come through; the rest is refused.

usage: wishes.py SEED MIX N     prints one
"""
import json
import random
import sys

from wishes_responses import Responses

# Ids as the news and the user guide name them; nothing of the catalogue is read.
CLAUDE = [
    "claude-3-haiku-20240307-v1:0", "claude-3-7-sonnet-20250219-v1:0", "claude-opus-4-20250514-v1:0", "claude-opus-4-1-20250805-v1:0",
    "claude-haiku-4-5-20251001-v1:0", "claude-sonnet-4-5-20250929-v1:0", "claude-opus-4-5-20251101-v1:0", "claude-opus-4-6-v1", "claude-sonnet-4-6",
    "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5",
    "claude-fable-5", "claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5", "claude-mythos-5-1"]
OTHERS = [
    "amazon.nova-micro-v1:0", "amazon.nova-pro-v1:0", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b-1:0", "openai.gpt-5.5", "openai.gpt-5.6-sol",
    "openai.gpt-6-astra", "openai.gpt-6.1-sol", "openai.gpt-6-luna", "xai.grok-4.6", "xai.grok-4.7", "moonshotai.kimi-k2.5", "moonshotai.kimi-k3",
    "moonshotai.kimi-k3.1", "qwen.qwen3-coder-480b-a35b-v1:0", "qwen.qwen3-vl-235b-a22b", "mistral.mistral-large-3-675b-instruct",
    "mistral.devstral-2-123b", "mistral.mistral-large-2402-v1:0", "deepseek.v3.2", "deepseek.r1-v1:0", "minimax.minimax-m2", "zai.glm-5",
    "meta.llama4-scout-17b-instruct-v1:0", "meta.llama3-3-70b-instruct-v1:0", "google.gemma-3-27b-it", "nvidia.nemotron-nano-3-30b",
    "mistral.voxtral-small-24b-2507"]
MIXES = ("messages-claude", "messages-other", "chat", "responses")
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJUVPRgo="
TEXTS = ["hello", "a b\nc", "日本", "quote \" slash / back \\", "<system-reminder>", "\u0000\u001f", "\u202e right to left", "x" * 300]
NAMES = ["get_weather", "b", "mcp__server__a_tool", "n" * 64, "a.b", "a b", "ü", "n" * 120]
ODD = [None, True, 0, -1, 1.5, "x", [], {}, [[]]]
EFFORTS = ["low", "medium", "high", "xhigh", "max"]
BETAS = [
    "interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "context-management-2025-06-27", "compact-2026-01-12", "compact-2026-09-04",
    "computer-use-2025-01-24", "computer-use-2025-11-24", "fine-grained-tool-streaming-2025-05-14", "effort-2025-11-24",
    "thinking-binding-controls-2026-08-01", "mid-conversation-output-config-2026-07-01", "mid-conversation-tool-changes-2026-07-01",
    "thinking-display-updates-2026-08-18", "advanced-tool-use-2025-11-20", "fast-mode-2026-02-01", "files-api-2025-04-14",
    "mcp-client-2025-11-20", "skills-2025-10-02", "prompt-caching-scope-2026-01-05", "structured-outputs-2025-11-13",
    "token-efficient-tools-2025-02-19", "output-128k-2025-02-19", "advisor-tool-2026-03-01", "web-search-2025-03-05",
    "dangerous-tool-use-2026-09-03", "per-turn-control-2026-07-01", "oauth-2025-04-20", "claude-code-20250219"]


class Request(Responses):
    pixel, pdf = PIXEL, PDF

    def __init__(self, seed, mix, n):
        self.r = random.Random(f"{seed} {mix} {n}")
        self.mix, self.n, self.calls, self.open = mix, n, 0, []
        self.headers = {}
        self.media = self.one_in(3)  # not every model sees, and a request with one image too many says little
        models = OTHERS if mix == "messages-other" else ["anthropic." + c for c in CLAUDE] if mix == "messages-claude" else OTHERS + ["anthropic." + c for c in CLAUDE]
        self.model = self.pick(models)
        if self.model.startswith("anthropic.") and self.one_in(2):
            self.model = self.pick(["us.", "global.", "eu."]) + self.model
        self.path = PATHS.get(mix, "/v1/messages")
        self.body = {"chat": self.chat, "responses": self.responses}.get(mix, self.messages)()

    def one_in(self, n):
        return self.r.randrange(n) == 0

    def pick(self, values):
        return values[self.r.randrange(len(values))]

    def some(self, most, make):
        return [make() for _ in range(self.r.randrange(most + 1))]

    def text(self):
        return self.pick(["", " ", "\n\t"]) if self.one_in(60) else self.pick(TEXTS)

    def maybe(self, into, one_in, name, value):
        """A member now and then; seldom of a wrong type, but not on the way to InvokeModel, where that is the API's to refuse."""
        if self.one_in(one_in):
            into[name] = self.pick(ODD) if self.mix != "messages-claude" and self.one_in(80) else value

    def name(self):
        return self.pick(NAMES[:5]) if self.r.randrange(8) else self.pick(NAMES)

    def call_id(self, new=True):
        """A new id, now and then one that was there before."""
        if new and (not self.calls or self.r.randrange(8)):
            self.calls += 1
        return self.pick(["toolu_%d", "call_%d"] if self.calls % 3 else ["id with blanks %d", "functions.a:%d", "é%d"]) % self.calls

    # --- schemas ---

    def schema(self, depth=0):
        leaf = [
            lambda: {"type": "string", "minLength": 1, "maxLength": 9}, lambda: {"type": "integer", "minimum": 1, "maximum": 9},
            lambda: {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 4}, lambda: {"enum": ["a", "b"]},
            lambda: {"type": "string", "pattern": self.pick(["^a+$", "^(?!x).*$", "(?<=a)b", "(?=.*\\d).+"])},
            lambda: {"type": "string", "format": self.pick(["date-time", "uri", "odd"])}, lambda: {"const": {"type": "object", "minimum": 1}},
            lambda: {"type": ["object", "null"], "properties": {"a": {"type": "number", "multipleOf": 2}}}, lambda: {"type": "boolean", "default": True},
            lambda: {"$ref": "#/$defs/d"}, lambda: {"anyOf": [{"type": "string"}, {"type": "null"}]}]
        return self.pick(leaf)() if depth > 2 or self.one_in(3) else self.object_schema(depth)

    def object_schema(self, depth=0):
        names = ["a", "b", "type", "minimum", "$defs", "c d"]
        properties = {self.pick(names): self.schema(depth + 1) for _ in range(self.r.randrange(4))}
        out = {"type": "object", "properties": properties}
        self.maybe(out, 3, "required", list(properties))
        self.maybe(out, 4, "additionalProperties", self.pick([False, True, {"type": "string"}]))
        if depth == 0:
            self.maybe(out, 6, "$schema", "https://json-schema.org/draft/2020-12/schema")
        return out

    def root_schema(self):
        out = self.pick([self.object_schema] * 5 + [dict, lambda: {"anyOf": [{"type": "object", "properties": {}}, {"type": "object"}]}])()
        if "$ref" in json.dumps(out):
            out["$defs"] = {"d": self.pick([{"type": "string", "pattern": "^(?=a)"}, {"type": "object", "properties": {"x": {"$ref": "#/$defs/d"}}}, {"type": "integer", "maximum": 3}])}
        return out

    # --- Messages ---

    def cache(self, block, one_in=25):
        self.maybe(block, one_in, "cache_control", self.pick([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral", "ttl": "5m", "scope": "global"}, None]))
        return block

    def text_block(self):
        return self.cache({"type": "text", "text": self.text()})

    def image(self):
        source = {"type": "base64", "media_type": self.pick(["image/png", "image/jpeg", "image/webp", "image/gif"]), "data": PIXEL}
        return self.cache({"type": "image", "source": {"type": "url", "url": "https://x/y.png"} if self.one_in(15) else source})

    def document(self):
        source = self.pick([
            {"type": "base64", "media_type": "application/pdf", "data": PDF}, {"type": "text", "media_type": "text/plain", "data": "a\u0000b"},
            {"type": "content", "content": "as text"}, {"type": "content", "content": [{"type": "text", "text": "one"}]}, {"type": "base64", "media_type": "text/csv", "data": "YSxi"}])
        out = {"type": "document", "source": source}
        self.maybe(out, 2, "title", self.text())
        self.maybe(out, 4, "context", self.text())
        self.maybe(out, 4, "citations", {"enabled": True})
        return self.cache(out)

    def foreign(self):
        """What only Anthropic's own service made, in a history."""
        return self.pick([
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}, {"type": "compaction", "content": f"so far judge-{self.n}"},
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "n", "server_name": "s", "input": {}}, {"type": "container_upload", "file_id": "f"}])

    def assistant(self):
        content = []
        for _ in range(self.r.randrange(3) if self.one_in(2) else 0):
            content.append(self.pick([{"type": "thinking", "thinking": self.text(), "signature": "c2ln"}, {"type": "redacted_thinking", "data": "AAAA"}]))
        content.append(self.text_block())
        if self.one_in(12):
            content.append(self.foreign())
        for _ in range(self.r.randrange(3)):
            use = {"type": "tool_use", "id": self.call_id(), "name": self.name(), "input": self.pick([{}, {"a": 1.0, "b": [1e-7]}, {"s": "\u0000/"}])}
            self.maybe(use, 10, "caller", {"type": "direct"})
            if use["id"] not in self.open:
                self.open.append(use["id"])
                content.append(self.cache(use))
        return {"role": "assistant", "content": content}

    def result(self, call):
        out = {"type": "tool_result", "tool_use_id": call}
        if self.one_in(3):
            out["content"] = self.text()
        elif self.r.randrange(5):
            out["content"] = self.some(3, lambda: self.pick([self.text_block] * 3 + [self.image, self.document] * self.media)())
        self.maybe(out, 4, "is_error", True)
        return self.cache(out)

    def user(self):
        content = [self.result(call) for call in self.open if self.r.randrange(200)]
        self.open = []
        content.append(self.text_block())
        if self.one_in(4):
            content += self.some(2, lambda: self.pick([self.text_block] + [self.image, self.document] * self.media)())
        return {"role": "user", "content": content}

    def system_turn(self):
        out = {"role": "system", "content": self.pick([self.text(), [self.text_block()]])}
        self.maybe(out, 6, "clear_at", "never")
        self.maybe(out, 6, "output_config", {"effort": self.pick(EFFORTS)})
        if isinstance(out["content"], list) and self.one_in(4):
            out["content"].append({"type": self.pick(["tool_addition", "tool_removal"]), "tool": {"type": "tool_reference", "name": self.pick(["b", "late"])}})
        if isinstance(out["content"], list) and self.one_in(6):
            late = {"name": "late", "description": "d", "input_schema": self.pick([{}, {"type": "object"}, {"anyOf": [{"type": "object"}]}]), "strict": True}
            out["content"].append({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": late}})
        return out

    def tool(self):
        typed = [
            {"type": "bash_20250124", "name": "bash"}, {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}, {"type": "memory_20250818", "name": "memory"},
            {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
            {"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600},
            {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}]
        if self.one_in(8 if self.mix == "messages-claude" else 80):
            return self.pick(typed)
        out = {"name": self.name(), "input_schema": self.root_schema()}
        self.maybe(out, 2, "description", self.text())
        self.maybe(out, 6, "strict", True)
        self.maybe(out, 10, "defer_loading", True)
        self.maybe(out, 10, "eager_input_streaming", True)
        self.maybe(out, 10, "input_examples", [{"a": "b"}])
        self.maybe(out, 30, "type", self.pick(["custom", None]))
        return self.cache(out)

    def one_name_each(self, tools, name_of):
        seen = set()
        return [t for t in tools if not (name_of(t) in seen or seen.add(name_of(t)))]

    def fields(self, body):
        """Fields of today's clients on top of a request of Messages."""
        thinking = self.pick([{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, {"type": "disabled"}, {"type": "between_tools"}])
        if thinking["type"] != "disabled":
            self.maybe(thinking, 4, "display", self.pick(["summarized", "omitted", "updates"]))
            self.maybe(thinking, 4, "block_binding", {self.pick(["prefix_mismatch_behavior", "mismatch_behavior"]): self.pick(["error", "drop_block"])})
        self.maybe(body, 2, "thinking", thinking)
        config = {}
        self.maybe(config, 2, "effort", self.pick(EFFORTS))
        self.maybe(config, 4, "format", {"type": "json_schema", "schema": self.root_schema()})
        if config and self.one_in(2):
            body["output_config"] = config
        self.maybe(body, 12, "output_format", {"type": "json_schema", "schema": self.schema()})
        self.maybe(body, 8, "context_management", {"edits": [{"type": self.pick(["clear_tool_uses_20250919", "clear_thinking_20251015", "compact_20260112"])}]})
        self.maybe(body, 12, "compaction", {"type": "summarize"})
        self.maybe(body, 10, "safeguards", [{"type": "dangerous_tool_use"}])
        self.maybe(body, 20, "speed", "fast")
        self.maybe(body, 20, "metadata", {"user_id": "u"})
        self.maybe(body, 20, "service_tier", self.pick(["auto", "standard_only"]))
        self.maybe(body, 40, self.pick(["user_profile_id", "inference_geo", "container", "nonsense"]), self.pick(ODD))

    def messages(self):
        turns = []
        for left in range(1 + self.r.randrange(4), 0, -1):
            turns.append(self.user())
            if self.one_in(8):
                turns.append(self.system_turn())
            if left > 1 or self.one_in(8):
                turns.append(self.assistant())
        if self.open:
            turns.append(self.user())
        turns[0]["content"].append({"type": "text", "text": f"judge-{self.n}"})  # what is before a compaction goes
        body = {"model": self.model, "messages": turns, "max_tokens": self.pick([2000, 4000, 8000])}
        if self.one_in(2):
            body["system"] = self.pick([self.text(), [self.text_block()], [self.text_block(), self.text_block()]])
        if self.one_in(2):
            body["tools"] = self.one_name_each(self.some(4, self.tool), lambda t: t["name"])
            choices = [{"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "auto", "disable_parallel_tool_use": True}]
            if body["tools"]:
                choices.append({"type": "tool", "name": body["tools"][0]["name"]})
                self.maybe(body, 3, "tool_choice", self.pick(choices))
        self.sampling(body, "stop_sequences")
        self.fields(body)
        self.maybe(body, 3, "stream", True)
        if self.one_in(2):
            self.headers["anthropic-beta"] = ",".join(self.r.sample(BETAS, 1 + self.r.randrange(5)))
        return body

    def sampling(self, body, stops):
        self.maybe(body, 4, "temperature", self.pick([0, 0.5, 1, 1.7]))
        self.maybe(body, 4, "top_p", self.pick([0, 0.5, 1]))
        self.maybe(body, 10, "top_k", 5)
        self.maybe(body, 4, stops, ["END", "é"])

    # --- Chat ---

    def part(self):
        if not self.media:
            return {"type": "text", "text": self.text()}
        return self.pick([
            {"type": "text", "text": self.text()}, {"type": "text", "text": self.text()}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}},
            {"type": "file", "file": {"filename": self.pick(["a.pdf", "a.b.pdf", "é.pdf"]), "file_data": "data:application/pdf;base64," + PDF}}])

    def function(self):
        function = {"name": self.name()}
        self.maybe(function, 2, "description", self.text())
        if self.r.randrange(10):
            function["parameters"] = self.root_schema()
        self.maybe(function, 6, "strict", True)
        return {"type": "function", "function": function}

    def chat_turns(self):
        turns = []
        if self.one_in(2):
            turns.append({"role": self.pick(["system", "developer"]), "content": self.text()})
        turns.append({"role": "user", "content": [{"type": "text", "text": f"judge-{self.n}"}] + self.some(2, self.part)})
        for _ in range(self.r.randrange(4)):
            said, open_calls = {"role": "assistant", "content": self.pick([self.text(), None])}, []
            for _ in range(self.r.randrange(3)):
                call = self.call_id()
                if call not in open_calls:
                    open_calls.append(call)
            if open_calls:
                said["tool_calls"] = [{"id": c, "type": "function", "function": {"name": self.name(), "arguments": self.pick(["{}", "{\"a\":1}", "", "{broken"])}} for c in open_calls]
            elif said["content"] is None:
                said["content"] = "so"
            self.maybe(said, 8, "reasoning_content", "hm")
            turns.append(said)
            for c in open_calls:
                turns.append({"role": "tool", "tool_call_id": c, "content": self.pick([self.text(), [{"type": "text", "text": self.text()}], [self.part()]])})
            if not open_calls or self.one_in(2):
                turns.append({"role": "user", "content": self.pick([self.text(), [self.part()]])})
            if self.one_in(8):
                turns.append({"role": "system", "content": self.text()})
        return turns

    def chat(self):
        body = {"model": self.model, "messages": self.chat_turns()}
        if self.one_in(2):
            tools = self.one_name_each(self.some(4, self.function), lambda t: t["function"]["name"])
            if tools:
                body["tools"] = tools
                self.maybe(body, 3, "tool_choice", self.pick(["auto", "none", "required", {"type": "function", "function": {"name": tools[0]["function"]["name"]}}]))
                self.maybe(body, 5, "parallel_tool_calls", False)
        self.sampling(body, "stop")
        self.maybe(body, 3, "max_tokens", 3000)
        self.maybe(body, 6, "max_completion_tokens", 900000)
        self.maybe(body, 4, "response_format", self.pick([{"type": "json_object"}, {"type": "text"}, {"type": "json_schema", "json_schema": {"name": "n", "schema": self.root_schema(), "strict": self.one_in(2)}}]))
        self.maybe(body, 3, "reasoning_effort", self.pick(["none", "minimal"] + EFFORTS))
        self.maybe(body, 20, "service_tier", self.pick(["auto", "default", "flex", "priority", "fast"]))
        self.maybe(body, 20, self.pick(["seed", "user", "logit_bias", "store", "verbosity", "metadata", "prediction"]), self.pick(ODD))
        self.maybe(body, 3, "stream", True)
        if body.get("stream") is True:
            self.maybe(body, 2, "stream_options", {"include_usage": True})
        return body


if __name__ == "__main__":
    one = Request(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps({"path": one.path, "headers": one.headers, "body": one.body}, ensure_ascii=False, indent=1))
