"""The fourth mix: requests of OpenAI's Responses API to all models. A part of wishes.py, whose words it uses."""


class Responses:
    """What Request (wishes.py) asks of /v1/responses."""

    def item_part(self):
        text = {"type": self.pick(["input_text", "output_text"]), "text": self.text()}
        self.maybe(text, 20, "prompt_cache_breakpoint", {"mode": "explicit", "ttl": self.pick(["30m", "12h"])})
        if not self.media or self.r.randrange(3):
            return text
        return self.pick([
            {"type": "input_image", "image_url": "data:image/png;base64," + self.pixel, "detail": "original"},
            {"type": "input_file", "filename": self.pick(["a.pdf", "é.pdf"]), "file_data": "data:application/pdf;base64," + self.pdf}])

    def item_content(self):
        return self.pick([self.text(), self.some(3, self.item_part)])

    def item(self, role, content=None):
        out = {"role": role, "content": self.item_content() if content is None else content}
        if role != "user":
            out["content"] = self.pick([self.text(), [{"type": "output_text", "text": self.text()}]])
        self.maybe(out, 2, "type", "message")
        self.maybe(out, 4, "id", "msg_1")
        return {k: v for k, v in out.items() if k != "type" or v == "message"}

    def aside(self):
        """What is neither said by anybody nor waits for an answer."""
        return self.pick([
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": self.pick([None, "v1.AAAA", "gAAAAA=="])},
            {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": self.text()}},
            {"type": "mcp_call", "name": "n", "server_label": "s", "arguments": "{}", "output": self.text()},
            {"type": "additional_tools", "role": "developer", "tools": [self.flat_tool()]}, {"type": "compaction", "encrypted_content": "x"},
            {"type": "agent_message", "author": "/a", "recipient": "/b", "content": [{"type": "input_text", "text": self.text()}]}])

    def called(self, call):
        """A call, and what answers it."""
        given = {"type": self.pick(["function_call_output", "custom_tool_call_output"]), "call_id": call, "output": self.item_content()}
        kind = self.r.randrange(12)
        if kind == 0:
            return {"type": "custom_tool_call", "call_id": call, "name": self.name(), "input": "*** a \"b\"\n"}, given
        if kind == 1:
            return {"type": "local_shell_call", "call_id": call, "action": {"type": "exec", "command": ["ls"], "env": {}}}, {"type": "local_shell_call_output", "id": call, "output": "a"}
        if kind == 2:
            found = {"type": "tool_search_output", "call_id": call, "execution": "client", "status": "completed", "tools": self.some(2, self.flat_tool)}
            return {"type": "tool_search_call", "call_id": call, "execution": "client", "arguments": self.pick([{"query": "q"}, '{"query":"q"}'])}, found
        out = {"type": "function_call", "call_id": call, "name": self.name(), "arguments": self.pick(["{}", '{ "a":1.0}', "", "{broken"])}
        self.maybe(out, 6, "namespace", self.name())
        return {k: v for k, v in out.items() if k != "namespace" or isinstance(v, str)}, given

    def calls_of_a_turn(self):
        """Calls, then what answers them, in any order, now and then with something between."""
        ids = {self.call_id() for _ in range(self.r.randrange(3))}
        pairs = [self.called(i) for i in sorted(ids)]
        outputs = [output for _, output in pairs]
        self.r.shuffle(outputs)
        out = [call for call, _ in pairs] + outputs
        if out and self.one_in(8):
            out.insert(self.r.randrange(len(out)) + 1, self.pick([self.item("developer"), self.item("assistant"), self.aside()]))
        return out

    def items(self):
        out = [self.item("developer")] if self.one_in(2) else []
        out.append({"role": "user", "content": [{"type": "input_text", "text": f"judge-{self.n}"}] + self.some(2, self.item_part)})
        for _ in range(self.r.randrange(4)):
            if self.one_in(3):
                out.append(self.aside())
            if self.r.randrange(3):
                out.append(self.item("assistant"))
            out += self.calls_of_a_turn()
            if self.r.randrange(4):
                out.append(self.item("user"))
            if self.one_in(8):
                out.append(self.item("developer"))
        return out

    def flat_tool(self):
        if self.one_in(12):
            return {"type": "custom", "name": self.name(), "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\"\n"}}
        out = {"type": "function", "name": self.name()}
        self.maybe(out, 2, "description", self.text())
        if self.r.randrange(10):
            out["parameters"] = self.root_schema()
        self.maybe(out, 6, "strict", True)
        self.maybe(out, 10, "defer_loading", True)
        return out

    def responses_tool(self):
        if self.r.randrange(6):
            return self.flat_tool()
        return self.pick([
            {"type": "web_search", "external_web_access": True}, {"type": "local_shell", "name": "local_shell"}, {"type": "tool_search"},
            {"type": "tool_search", "execution": "client", "description": "d", "parameters": self.object_schema()},
            {"type": "namespace", "name": self.name(), "description": self.text(), "tools": self.one_name_each(self.some(3, self.flat_tool), lambda t: t["name"])},
            {"type": "mcp", "server_label": "s", "server_url": "https://x"}])

    def responses(self):
        body = {"model": self.model, "input": f"judge-{self.n}" if self.one_in(15) else self.items()}
        if self.one_in(2):
            tools = self.one_name_each(self.some(4, self.responses_tool), lambda t: (t.get("name") or t["type"]))
            named = [t for t in tools if t["type"] == "function"]
            if tools:
                body["tools"] = tools
                choices = ["auto", "none", "required", {"type": "web_search"}]
                if named:
                    one = {"type": "function", "name": named[0]["name"]}
                    choices += [one, {"type": "allowed_tools", "mode": self.pick(["auto", "required"]), "tools": [one]}]
                self.maybe(body, 3, "tool_choice", self.pick(choices))
                self.maybe(body, 5, "parallel_tool_calls", False)
        self.maybe(body, 3, "instructions", self.text())
        self.sampling(body, "stop")
        self.maybe(body, 3, "max_output_tokens", self.pick([3000, 900000]))
        text = {}
        self.maybe(text, 2, "format", self.pick([{"type": "json_object"}, {"type": "text"}, {"type": "json_schema", "name": "n", "schema": self.root_schema(), "strict": self.one_in(2)}]))
        self.maybe(text, 2, "verbosity", self.pick(["low", "medium", "high"]))
        self.maybe(body, 3, "text", text)
        thoughts = {}
        self.maybe(thoughts, 2, "effort", self.pick(["none", "minimal", "low", "medium", "high", "xhigh", "max"]))
        self.maybe(thoughts, 2, "summary", self.pick(["auto", "concise", "detailed"]))
        self.maybe(body, 2, "reasoning", thoughts)
        self.maybe(body, 3, "prompt_cache_key", "k")
        self.maybe(body, 8, "prompt_cache_retention", "24h")
        self.maybe(body, 20, "service_tier", self.pick(["auto", "default", "flex", "priority", "fast"]))
        self.maybe(body, 20, self.pick(["user", "store", "metadata", "truncation", "client_metadata", "zeta"]), {})
        self.maybe(body, 3, "include", ["reasoning.encrypted_content"])
        self.maybe(body, 3, "stream", True)
        return body
