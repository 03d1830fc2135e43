# SPDX-License-Identifier: ISC
"""model - what a call costs, worked out a second time: from the rules of the mock (tools/mock's
ask.h, fault.h) and the sentences of relayos-api(7), one call at a time, without a gateway."""

from stage import INPUT_NUSD, CACHED_NUSD, OUTPUT_NUSD, FLAT_NUSD

LOREM = " lorem ipsum dolor sit amet consectetur adipiscing elit"
MAX_TOKENS, PIECES = 64, 5
NOTHING = (0, 0)
TOOL_ARGUMENTS = '{"city":"value 1"}'

ENDPOINTS = ("chat", "completion", "embedding", "response", "message", "count")
STREAMED = ("chat", "completion", "response", "message")
# Events of a stream before its text; after it, until the one that reports what was used; the rest.
SHAPES = {"chat": (1, 1, 1), "completion": (0, 1, 1), "response": (4, 3, 0), "message": (3, 1, 1)}
BAD = ("negative", "huge", "text", "float", "2^63", "1e300", "list", "object", "true", "twice")


def tokens(n_bytes):
    return (n_bytes + 3) // 4


class Call:
    """One call: `faults` is what the mock is told, {name: value or None}."""

    def __init__(self, endpoint, model, is_stream, faults, words=""):
        self.endpoint, self.model, self.is_stream, self.faults = endpoint, model, is_stream, faults
        self.has_tools = "tools" in faults
        listed = ",".join(name if value is None else f"{name}={value}"
                          for name, value in faults.items())
        self.text = words + (f" !mock:{listed}" if listed else "")
        self.n_body = 0  # bytes of the request; set when it is written

    def body(self):
        text, listed = self.text, [{"role": "user", "content": self.text}]
        made = {"model": self.model}
        if self.endpoint in STREAMED:
            made["stream"] = self.is_stream
            made["max_output_tokens" if self.endpoint == "response" else "max_tokens"] = MAX_TOKENS
        if self.endpoint in ("chat", "message", "count"):
            made["messages"] = listed
        elif self.endpoint == "completion":
            made["prompt"] = text
        else:
            made["input"] = text
        if self.endpoint == "response":
            made["store"] = False
        if self.has_tools:
            made["tools"] = [self.tool()]
        return made

    def tool(self):
        schema = {"type": "object", "properties": {"city": {"type": "string"}}}
        if self.endpoint == "message":
            return {"name": "look", "input_schema": schema}
        if self.endpoint == "response":
            return {"type": "function", "name": "look", "parameters": schema}
        return {"type": "function", "function": {"name": "look", "parameters": schema}}

    # ---- what the mock answers ----

    def answer(self):
        if self.has_tools:
            return ""
        text, size = "You said: " + self.text, self.faults.get("size")
        least = size if size is not None else 8 * self.faults.get("chunks", 0)
        while len(text) < least:
            text += LOREM
        return text[:size if size is not None else 4 * MAX_TOKENS]

    def n_pieces(self):
        return min(self.faults.get("chunks", PIECES), len(self.answer()))

    def content_after(self, n_events):
        """Bytes of text in the first n events of the stream."""
        n_text, whole = n_events - SHAPES[self.endpoint][0], len(self.answer())
        return whole * max(0, min(n_text, self.n_pieces())) // self.n_pieces()

    def n_events(self):
        return sum(SHAPES[self.endpoint]) + self.n_pieces() + 1

    def figures(self):
        """(input, cached, cache write, output) as the provider counts."""
        faults, n_output = self.faults, tokens(len(self.answer()))
        if self.has_tools:
            n_output = faults["tools"] * tokens(len(TOOL_ARGUMENTS))
        if self.endpoint == "embedding":
            n_output = 0
        elif "out" in faults:
            n_output = faults["out"]
        if self.endpoint == "embedding":
            return faults.get("in", tokens(len(self.text))), 0, 0, 0
        return (faults.get("in", tokens(len(self.text))), faults.get("cached", 0),
                faults.get("cache-write", 0), n_output)

    # ---- what it costs: (nano-USD, tokens) ----

    def price(self, n_input, n_cached, n_write, n_output):
        nusd = FLAT_NUSD if self.model == "flat" else (
            (n_input + n_write) * INPUT_NUSD + n_cached * CACHED_NUSD + n_output * OUTPUT_NUSD)
        if "flex" in self.faults and (self.endpoint == "response" or (
                self.endpoint == "chat" and not self.is_stream)):
            nusd = (nusd + 1) // 2
        return nusd, n_input + n_cached + n_write + n_output

    def complete(self):
        """The caller has all of it."""
        bad = self.faults.get("bad-usage")
        if self.endpoint == "count":
            return NOTHING
        if bad in BAD:  # impossible-usage: left out, so that the price of a request alone is left
            return self.price(0, 0, 0, 0)
        if "no-usage" in self.faults:  # unreported-answer
            n_output = 0 if self.endpoint == "embedding" else tokens(len(self.answer()))
            return self.price(tokens(self.n_body), 0, 0, n_output)
        n_input, n_cached, n_write, n_output = self.figures()
        if bad == "parts" and self.endpoint in ("chat", "completion", "response"):
            return self.price(0, n_input + n_cached + n_write, 0, n_output)  # contradictory-usage
        return self.price(n_input, n_cached, n_write, n_output)

    def interrupted(self, n_content, has_final_usage):
        """interrupted-stream, gone-in-mid-stream: what was produced until then."""
        if n_content == 0:
            return NOTHING  # failed-before-content, gone-before-first-byte
        if self.faults.get("bad-usage") in BAD:  # impossible-usage, here too
            return self.price(0, 0, 0, 0)
        n_input, n_cached, n_write, n_output = self.figures()
        if has_final_usage:
            return self.price(n_input, n_cached, n_write, n_output)
        if self.endpoint == "message":  # it reports the prompt, and a first token, at its start
            return self.price(n_input, n_cached, n_write, 1 + tokens(n_content))
        return self.price(tokens(self.n_body), 0, 0, tokens(n_content))

    def after(self, n_events):
        """It broke off there."""
        before, between, _ = SHAPES[self.endpoint]
        has_final_usage = self.endpoint != "response" and (
            n_events > before + self.n_pieces() + between)
        return self.interrupted(self.content_after(n_events), has_final_usage)
