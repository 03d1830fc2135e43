# SPDX-License-Identifier: ISC
"""load - callers that ask again as soon as they have an answer, and what each of them got. Standard
library only; everything on 127.0.0.1."""

import asyncio
import collections
import json
import time

Answer = collections.namedtuple("Answer", "at seconds status has_advice")


class Load:
    """Callers in one event loop; use it with `async with`."""

    def __init__(self, port, keys, n, pause=0.0):
        self.port, self.keys, self.n, self.pause = port, keys, n, pause
        self.answers, self.tasks = [], []

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.call(i)) for i in range(self.n)]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def call(self, i):
        """One caller, on a connection of its own. A refusal is slept over for `pause`."""
        body = json.dumps({"model": "routed", "messages": [{"role": "user", "content": f"hi {i}"}]})
        request = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: test\r\n"
                   f"Authorization: Bearer {self.keys[i % len(self.keys)]}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                   f"{body}").encode()
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                while True:
                    began = time.monotonic()
                    writer.write(request)
                    status, has_advice = await read_answer(reader)
                    now = time.monotonic()
                    self.answers.append(Answer(began, now - began, status, has_advice))
                    if status != 200 and self.pause > 0:
                        await asyncio.sleep(self.pause)
            except (OSError, asyncio.IncompleteReadError):
                self.answers.append(Answer(time.monotonic(), 0, 0, False))
                await asyncio.sleep(0.01)

    def between(self, begin, end):
        return [a for a in self.answers if begin <= a.at < end]


async def read_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
    length = int(head.split("content-length:")[1].split("\r\n")[0])
    await reader.readexactly(length)
    return int(head.split()[1]), "\r\nretry-after:" in head or "\r\nx-should-retry:" in head
