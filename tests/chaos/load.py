# SPDX-License-Identifier: ISC
"""load - callers that take what comes: each asks, notes what it was told, and asks again."""

import contextlib
import json
import random
import socket
import threading

from stage import TRANSLATED

HEAD = ("POST {path} HTTP/1.1\r\nHost: chaos\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n"
        "{more}\r\n")


def chat(model, text, is_stream):
    return "/v1/chat/completions", {"model": model, "stream": is_stream, "max_tokens": 64,
                                    "messages": [{"role": "user", "content": text}]}


def response(model, text, is_stream):
    return "/v1/responses", {"model": model, "stream": is_stream, "max_output_tokens": 64,
                             "store": len(text) % 2 == 0, "input": text}


def message(model, text, is_stream):
    return "/v1/messages", {"model": model, "stream": is_stream, "max_tokens": 64,
                            "messages": [{"role": "user", "content": text}]}


KINDS = [(chat, b"[DONE]"), (response, b"response.completed"), (message, b"message_stop")]


class Answer:
    def __init__(self, key, status, request_id, is_whole):
        self.key, self.status, self.request_id, self.is_whole = key, status, request_id, is_whole


def ask(port, key, kind, model, text, is_stream, more=""):
    """One call; None if nothing came back that can be told as an answer."""
    make, last_word = KINDS[kind]
    path, body = make(model, text, is_stream)
    data = json.dumps(body).encode()
    head = HEAD.format(path=path, key=key, length=len(data), more=more).encode()
    reply = b""
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), 10) as s:
            s.settimeout(20)
            s.sendall(head + data)
            while (piece := s.recv(65536)):
                reply += piece
    head, _, rest = reply.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if len(lines[0].split(" ")) < 2:
        return None
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    if is_stream:
        is_whole = last_word in rest
    else:
        is_whole = len(rest) == int(fields.get("content-length", -1))
    return Answer(key, int(lines[0].split(" ")[1]), fields.get("x-request-id", ""), is_whole)


class Load:
    """n callers until stop(); `answers` is what they were told."""

    def __init__(self, port, keys, seed, n=6):
        self.port, self.keys, self.answers = port, keys, []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(f"{seed}.{i}"),),
                                         daemon=True) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self, rng):
        while not self.is_over.is_set():
            kind = rng.randrange(3)
            model = rng.choices(("paid", "routed", "flat" if kind != 2 else "paid", rng.choice(TRANSLATED)),
                                (2, 3, 3, 4))[0]
            is_stream = rng.random() < 0.6
            text = "x" * rng.randrange(1, 200)
            if is_stream and rng.random() < 0.3:
                text += " !mock:chunks=8,pace=5"
            elif rng.random() < 0.05:
                text += " !mock:status=500"
            once = f"Idempotency-Key: {rng.getrandbits(64)}\r\n" if rng.random() < 0.3 else ""
            answer = ask(self.port, rng.choice(self.keys), kind, model, text, is_stream, once)
            if answer is None:
                self.is_over.wait(0.01)
            else:
                self.answers.append(answer)

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise RuntimeError("a caller was left without an end of its answer")
