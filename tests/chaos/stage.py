# SPDX-License-Identifier: ISC
"""stage - one relayosd with its mock provider in a temporary folder, for whom killing is a way of
life: whatever loses its parent comes to us, and a dead master is started again. Standard library
only; everything on 127.0.0.1."""

import contextlib
import ctypes
import json
import mmap
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

PR_SET_CHILD_SUBREAPER = 36
ROLES = ("master", "ledger", "worker", "prober", "console")
QUOTA_MAGIC = b"TOUQ"  # in each cell (src/shm/layout.h)
INPUT_NUSD, CACHED_NUSD, OUTPUT_NUSD, FLAT_NUSD = 2000, 500, 8000, 10_000_000

CONFIG = """\
listen: 127.0.0.1:{port}
console: {{listen: 127.0.0.1:0}}
run_dir: {dir}/run
data_dir: {dir}/data
instance: {instance}
workers: 2
stop_timeout: 10s
ledger: {{checkpoint_interval: 1s{ledger}}}
log: {{file: {dir}/relayosd.log, level: info}}
{settings}
health: {{{health}}}
failover: {{retry_percent: 100}}
hedge: {{percent: 20, min_delay: 20ms}}
upstreams:
  mock: {{url: "http://127.0.0.1:{mock_port}/v1", protocols: {all}, auth: mock}}
  brief: {{url: "http://127.0.0.1:{mock_port}/v1", protocols: {all}, auth: mock,
          first_byte_timeout: 300ms, idle_timeout: 300ms}}
  east: {{url: "http://127.0.0.1:{mock_port}/east/v1", auth: mock, protocols: {all}}}
  west: {{url: "http://127.0.0.1:{mock_port}/west/v1", auth: mock, protocols: {all}}}
  chat: {{url: "http://127.0.0.1:{mock_port}/chat/v1", auth: mock, protocols: openai_chat}}
  responses: {{url: "http://127.0.0.1:{mock_port}/responses/v1", auth: mock, protocols: openai_responses}}
  messages: {{url: "http://127.0.0.1:{mock_port}/messages/v1", auth: mock, protocols: anthropic_messages}}
  gemini: {{url: "http://127.0.0.1:{mock_port}/gemini/v1beta", auth: mock, protocols: gemini}}
models:
  paid: {{price: {{input: 2.00, cache_read: 0.50, output: 8.00}}, context_tokens: 100000,
         routes: [{{upstream: mock, model: gpt-4.1-mini}}]}}
  brief: {{price: {{input: 2.00, cache_read: 0.50, output: 8.00}}, context_tokens: 100000,
          routes: [{{upstream: brief, model: gpt-4.1-mini}}]}}
  routed: {{price: {{input: 2.00, cache_read: 0.50, output: 8.00}}, context_tokens: 100000,
           routes: [{{upstream: east, model: gpt-4.1-mini, cost: {{input: 1.00, output: 4.00}}}},
                    {{upstream: west, model: gpt-4.1-mini, cost: {{input: 1.00, output: 4.00}}}}]}}
  flat: {{price: {{input: 0, output: 0, request: 0.01}}, context_tokens: 100000,
         routes: [{{upstream: mock, model: gpt-4.1-mini}}]}}
{translated}
"""
# Each over a protocol of its own, and over the next one when that fails: most clients speak another.
SPOKEN = {"chat": "gpt-4.1-mini", "messages": "claude-sonnet-4", "responses": "gpt-4.1-mini",
          "gemini": "gemini-2.5-pro"}
TRANSLATED = [f"over-{name}" for name in SPOKEN]
# What becomes of calls to the routes of `routed`: failures, and answers so late that they get company.
FATES = ("/east/ status=500,percent=10\n/west/ reset,percent=4\n/chat/ status=500,percent=10\n"
         "/gemini/ error-event,percent=5\n/messages/ reset,percent=5\n/ token=150,percent=4\n")
BROKEN = "breaker_failures: 2, open_time: 100ms, open_time_max: 500ms"  # health: routes go out, and heal


def translated_models():
    names = list(SPOKEN)
    for name, following in zip(names, names[1:] + names[:1]):
        yield (f"  over-{name}: {{price: {{input: 2.00, cache_read: 0.50, output: 8.00}}, context_tokens: 100000,"
               f" routes: [{{upstream: {name}, model: {SPOKEN[name]}}},"
               f" {{upstream: {following}, model: {SPOKEN[following]}, tier: 1}}]}}")


class StageError(Exception):
    pass


class Stage:
    def __init__(self, build, settings="", environment=None, ledger="", health="breaker_failures: 0"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="relayos-chaos.")
        self.environment = {**os.environ, **(environment or {})}
        self.port, self.journal = free_port(), os.path.join(self.dir, "journal")
        self.segment = f"/dev/shm/relayos.chaos{os.getpid()}"
        self.master = None
        self.start_mock()
        with open(self.path("relayos.yaml"), "w") as f:
            f.write(self.config(settings, ledger, health))

    def config(self, settings, ledger, health):
        return CONFIG.format(health=health, all="[openai_chat, openai_responses, anthropic_messages]",
                             port=self.port, mock_port=self.mock_port, dir=self.dir,
                             translated="\n".join(translated_models()),
                             instance=f"chaos{os.getpid()}", settings=settings,
                             ledger=f", {ledger}" if ledger else "")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for _ in range(20):  # what we end may leave children of its own to us
            pids = children()
            if not pids:
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            reap()
        with contextlib.suppress(OSError):
            os.unlink(self.segment)
        if kind is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print(f"kept for a look: {self.dir}")

    def path(self, name):
        return os.path.join(self.dir, name)

    def start_mock(self):
        process = subprocess.Popen([f"{self.build}/mockprovider", "-p", "0", "-j", self.journal],
                                   stdout=subprocess.PIPE, text=True)
        self.mock_port = int(process.stdout.readline().rsplit(":", 1)[1])
        self.mock = process

    def tell_mock(self, rules):
        """What it does wrong from now on (tools/mock/control.h)."""
        url = f"http://127.0.0.1:{self.mock_port}/mock/control"
        with urllib.request.urlopen(url, rules.encode()) as answer:
            answer.read()

    # ---- the gateway's processes ----

    def start(self):
        with open(self.path("stderr"), "a") as f:
            self.master = subprocess.Popen([f"{self.build}/relayosd", "-c",
                                            self.path("relayos.yaml")],
                                           stdout=f, stderr=f, env=self.environment)

    def is_dead(self):
        return self.master is None or self.master.poll() is not None

    def pids(self, role):
        """Living processes of a role: the master's children, or ours once it is dead."""
        found = []
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                title = open(f"/proc/{pid}/cmdline").read().replace("\0", " ")
                if title.startswith(f"relayosd: {role}"):
                    found.append(pid)
        return found

    @staticmethod
    def stopped():
        """Processes of the gateway that a signal has stopped."""
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                if open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T":
                    yield pid

    def kill(self, pid, signo=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signo)
        if signo == signal.SIGKILL and self.master is not None and pid == self.master.pid:
            self.master.wait()

    def cut_power(self):
        """Every process at once, and what was in memory: only the disk is left."""
        for pid in [self.master.pid, *(pid for role in ROLES[1:] for pid in self.pids(role))]:
            self.kill(pid, signal.SIGSTOP)
        for pid in [*(pid for role in ROLES[:0:-1] for pid in self.pids(role)), self.master.pid]:
            self.kill(pid)
        with contextlib.suppress(OSError):
            os.unlink(self.segment)

    def damage(self):
        """What a worker gone mad could do: the first quota cell is no cell any more."""
        with open(self.segment, "r+b") as f, mmap.mmap(f.fileno(), 0) as memory:
            at = memory.find(QUOTA_MAGIC)
            memory[at:at + len(QUOTA_MAGIC)] = b"\xaa" * len(QUOTA_MAGIC)

    def ctl(self, *words):
        try:
            done = subprocess.run([f"{self.build}/relayosctl", "-s", self.path("run/control.sock"),
                                   "--json", *words], capture_output=True, text=True, check=False,
                                  timeout=20 if words != ("status",) else 3)
        except subprocess.TimeoutExpired:
            raise StageError(f"relayosctl {' '.join(words)}: no answer") from None
        if done.returncode != 0:
            raise StageError(f"relayosctl {' '.join(words)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def try_ctl(self, *words):
        with contextlib.suppress(StageError, ValueError):
            return self.ctl(*words)
        return None

    def wait(self, what, is_so, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if is_so():
                return
            time.sleep(0.02)
        raise StageError(f"waited {seconds} s in vain for {what}")

    def wait_ready(self):
        """Serving, with as many workers as there should be, and a ledger."""
        def is_ready():
            if self.is_dead():
                self.start()
            status = self.try_ctl("status")
            if status is None or not accepts(self.port):
                return False
            ready = [p["role"] for p in status["processes"] if p["state"] == "ready"]
            return ready.count("worker") >= 2 and "ledger" in ready
        self.wait("a gateway that serves", is_ready)

    def stop(self):
        """SIGTERM; the exit status."""
        self.master.terminate()
        try:
            return self.master.wait(30)
        except subprocess.TimeoutExpired:
            raise StageError("relayosd does not end on SIGTERM") from None


def free_port():
    """None that the kernel would give to somebody's connection while nobody listens there."""
    while True:
        port = random.randrange(10000, 30000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def children(pid="self"):
    with contextlib.suppress(OSError):
        number = os.getpid() if pid == "self" else pid
        return [int(p) for p in open(f"/proc/{number}/task/{number}/children").read().split()]
    return []


def descendants(pid):
    for child in children(pid):
        yield child
        yield from descendants(child)


def reap():
    """Collect what is dead; Popen objects notice by themselves."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def uuid_hex(text):
    return re.sub("-", "", text).lower()
