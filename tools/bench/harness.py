# SPDX-License-Identifier: ISC
"""harness - what the benchmarks share: a mock provider, nginx and RelayOS side by side on one CPU,
and what the kernel says of their processes. Python 3 standard library only."""

import contextlib
import getpass
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CPU = max(os.sched_getaffinity(0))  # all on one CPU: no cross-CPU wake-ups are billed to anybody
MODEL = "bench"
# Upstreams that speak one protocol each, for models of that name: (protocol, prefix, model).
SPOKEN = {"chat": ("openai_chat", "/v1", "gpt-4.1-mini"),
          "responses": ("openai_responses", "/v1", "gpt-4.1-mini"),
          "messages": ("anthropic_messages", "/v1", "claude-sonnet-4"),
          "gemini": ("gemini", "/v1beta", "gemini-2.5-pro")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, is_there, process):
    for _ in range(400):
        if process.poll() is not None:
            sys.exit(f"bench: {process.args[0]} ended with status {process.returncode}")
        if is_there():
            return
        time.sleep(0.05)
    sys.exit(f"bench: waited for {what} in vain")


def wait_port(port, process):
    def accepts():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
    wait_until(f"port {port}", accepts, process)


def wait_file(path, process):
    wait_until(path, lambda: os.path.exists(path), process)


class Bench:
    """Everything that runs, in one temporary folder; use as a context manager."""

    def __init__(self, build, workers=2, n_keys=1, n_models=1, access_log=False):
        self.build = os.path.abspath(build)
        self.dir = tempfile.mkdtemp(prefix="relayos-bench.")
        self.workers, self.n_keys, self.n_models = workers, n_keys, n_models
        self.access_log = access_log  # of both
        self.processes = []

    def __enter__(self):
        try:
            self.start_mock()
            self.start_nginx()
            self.start_relayosd()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def spawn(self, *args, **options):
        process = subprocess.Popen(["taskset", "-c", str(CPU), *args], **options)
        self.processes.append(process)
        return process

    def start_mock(self):
        self.mock_port = free_port()
        process = self.spawn(f"{self.build}/mockprovider", "-p", str(self.mock_port),
                             stdout=subprocess.DEVNULL)
        wait_port(self.mock_port, process)

    def start_nginx(self):
        self.nginx_port = free_port()
        with open(self.path("nginx.conf"), "w") as f:
            f.write(f"""daemon off; user {getpass.getuser()}; pid {self.path('nginx.pid')}; error_log stderr error;
worker_processes {self.workers};
events {{ worker_connections 8000; }}
http {{
    access_log {f"{self.path('nginx-access.log')} combined buffer=64k flush=1s" if self.access_log else "off"};
    client_body_temp_path {self.path('body')}; proxy_temp_path {self.path('proxy')};
    client_max_body_size 32m; client_body_buffer_size 64k; keepalive_requests 1000000000;
    upstream mock {{ server 127.0.0.1:{self.mock_port}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{self.nginx_port};
        location / {{ proxy_pass http://mock; proxy_http_version 1.1;
                      proxy_set_header Connection ""; proxy_buffering off; }}
    }}
}}
""")
        process = self.spawn("nginx", "-p", self.dir, "-c", self.path("nginx.conf"))
        wait_port(self.nginx_port, process)
        self.nginx_pid = int(open(self.path("nginx.pid")).read())

    def start_relayosd(self):
        self.port = free_port()
        models = [MODEL] if self.n_models == 1 else [f"{MODEL}-{n}" for n in range(self.n_models)]
        with open(self.path("relayos.yaml"), "w") as f:
            f.write(f"""listen: 127.0.0.1:{self.port}
console: {{listen: off}}
run_dir: {self.path('run')}
data_dir: {self.path('data')}
instance: bench{self.port}
workers: {self.workers}
log: {{file: {self.path('relayosd.log')}, level: info, access: {str(self.access_log).lower()}, access_file: {self.path('access.log')}}}
limits: {{connection_requests: 0, connection_age: 0, client_strangers: 0}}
capacity: {{keys: {max(1024, self.n_keys + 16)}, flights: 32768, quota_cells: {max(65536, 3 * self.n_keys)}}}
{f"keys_file: {self.path('keys.yaml')}" if self.n_keys > 1 else ""}
upstreams:
  mock: {{url: "http://127.0.0.1:{self.mock_port}/v1", protocols: [openai_chat], auth: mock}}
{self.spoken('  {0}: {{url: "http://127.0.0.1:{1}{3}", protocols: {2}, auth: mock}}')}
models:
{self.spoken("  {0}: {{price: {{input: 1.00, output: 2.00}}, context_tokens: 1000000, routes: [{{upstream: {0}, model: {4}}}]}}")}
""")
            for model in models:
                f.write(f"  {model}: {{price: {{input: 1.00, output: 2.00}}, context_tokens: 1000000, "
                        f"routes: [{{upstream: mock, model: gpt-4.1-mini}}]}}\n")
        if self.n_keys > 1:
            self.declare_keys()
        process = self.spawn(f"{self.build}/relayosd", "-c", self.path("relayos.yaml"),
                             stdout=subprocess.DEVNULL)
        wait_port(self.port, process)
        wait_file(self.path("run/control.sock"), process)  # it comes after the listeners
        if self.n_keys == 1:
            made = self.ctl("key", "create", "--name", "bench", "--quota", "1000000usd", "--rpm", "1000000000")
            self.key = made["secret"]

    def spoken(self, line):
        return "\n".join(line.format(name, self.mock_port, *what) for name, what in SPOKEN.items())

    def declare_keys(self):
        """Keys by digest in a file: made here, so that the load generator knows their secrets."""
        import hmac
        import zlib
        os.makedirs(self.path("data"), mode=0o700, exist_ok=True)
        pepper = os.urandom(32)
        with open(os.open(self.path("data/pepper"), os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
            f.write(pepper)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        base62 = lambda n, width: "".join(digits[n // 62**i % 62] for i in reversed(range(width)))
        with open(self.path("keys.yaml"), "w") as out, open(self.path("secrets"), "w") as secrets:
            out.write("keys:\n")
            for n in range(self.n_keys):
                text = "sk-prod-" + base62(int.from_bytes(os.urandom(32), "big"), 43)
                text += base62(zlib.crc32(text.encode()), 6)
                digest = hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()
                out.write(f"  - {{name: k{n}, digest: {digest}, last4: {text[-4:]}, tool: script, "
                          f"owner: bench, models: all, quota: {{usd: 1000}}}}\n")
                secrets.write(text + "\n")
        os.chmod(self.path("keys.yaml"), 0o600)

    def ctl(self, *args):
        done = subprocess.run([f"{self.build}/relayosctl", "-s", self.path("run/control.sock"),
                               "--json", *args], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: relayosctl {' '.join(args)}: {done.stderr}")
        return json.loads(done.stdout)

    def pids(self, target):
        """{role: [pids]} of what a target consists of."""
        if target == "direct":
            return {}
        if target == "nginx":
            children = open(f"/proc/{self.nginx_pid}/task/{self.nginx_pid}/children").read()
            return {"worker": [int(p) for p in children.split()]}
        status = self.ctl("status")
        roles = {"master": [status["pid"]]}
        for process in status["processes"]:
            roles.setdefault(process["role"], []).append(process["pid"])
        return roles

    def load(self, target, *args, model=MODEL):
        """One run of the load generator; its figures as numbers."""
        port = {"direct": self.mock_port, "nginx": self.nginx_port, "relayos": self.port}[target]
        relayos = target == "relayos"
        command = ["taskset", "-c", str(CPU), f"{self.build}/loadgen", "-p", str(port), *args]
        if relayos and self.n_keys > 1:
            command += ["-K", self.path("secrets")]
        elif relayos:
            command += ["-k", self.key]
        if relayos and self.n_models > 1:
            command += ["-m", MODEL + "-%d", "-M", str(self.n_models)]
        else:
            command += ["-m", model if relayos else "gpt-4.1-mini"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            ended = "".join(f"{p.args[3]} ended with status {p.returncode}\n"
                            for p in self.processes if p.poll() is not None)
            sys.exit(f"bench: {target}: {done.stderr}{done.stdout}{ended}")
        return {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", done.stdout)}


def cpu_us(pid):
    """CPU time of a process so far, in microseconds."""
    with contextlib.suppress(OSError):
        run_ns = int(open(f"/proc/{pid}/schedstat").read().split()[0])
        if run_ns > 0:
            return run_ns / 1000
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def private_bytes(pid):
    """Without the shared segment: its memory is allocated at the start, and counts as private as
    long as nobody else has looked at it."""
    total, is_ours = 0, False
    for line in open(f"/proc/{pid}/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_ours = "/dev/shm/" not in line
        elif is_ours and line.startswith("Private_"):
            total += int(line.split()[1]) * 1024
    return total


def median(values):
    return statistics.median(values)
