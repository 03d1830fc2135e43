# SPDX-License-Identifier: ISC
"""browse - what callers of the gateway notice of somebody who browses the console: requests at a
fixed rate, in turns with and without a visitor, and with as much CPU burnt by nobody's business.

The visitor goes from page to page as a hurried person would, with the calls that a browser makes:
those of a page as it opens, then its polls. It runs on CPU that nobody else wants, since a browser
is on another machine.

On a machine with other load --shield (as root) makes the gateway and its callers real-time tasks,
that the console and the visitor always give way to, as SCHED_IDLE does among others on a quiet one:
then everything is measured but that choice of the scheduler.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time

RATE, CONNECTIONS = 500, 32
WAYS = ("alone", "browsed", "burnt")
MAX_FOREIGN = 0.1  # CPUs used by others: such a round is taken again
MAX_TRIES = 4
MAY_MOVE = 0.1, 200  # of the p99 alone, and microseconds: less is noise
SHIELD_NICE = -15

# What opens a page, then (seconds, calls) of its poll. {day}, {id}: a month ago, some request's.
SUGGESTED = ["/models", "/keys?limit=50"]
PAGES = [
    (["/keys"], None),
    (["/keys?q=99"], None),
    (["/keys/4711", "/keys/4711/audit", "/usage?by=day&key=4711&from={day}"], (10, ["/keys/4711"])),
    (SUGGESTED + ["/requests?limit=50", "/requests/live"],
     (2, ["/requests/live", "/requests?limit=1"])),
    (SUGGESTED + ["/requests?status=failed&limit=50", "/requests/live"],
     (2, ["/requests/live", "/requests?status=failed&limit=1"])),
    (["/requests/{id}"], None),
    (SUGGESTED + ["/requests?model=rare-model&limit=50", "/requests/live"],
     (2, ["/requests/live", "/requests?model=rare-model&limit=1"])),
    (SUGGESTED + ["/usage?by=day&from={day}"], None),
    (SUGGESTED + ["/usage?by=key&from={day}"], None),
    (SUGGESTED + ["/usage?by=owner&from={day}"], None),
    (SUGGESTED + ["/usage?by=key&from={day}&model=gpt-4.1"], None),
    (["/models"], (15, ["/models"])),
    (["/routes"], (5, ["/routes"])),
    (["/status"], (3, ["/status"])),
    (["/prices"], None),
    (["/audit"], None),
]


def shield():
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))  # with all that is started from here


def is_shielded():
    return os.sched_getscheduler(os.getpid()) == os.SCHED_RR


def give_way(thread=0):
    if not is_shielded():
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        return
    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, thread, SHIELD_NICE)


class Visitor:
    """A thread of this process that browses while it is told to."""

    def __init__(self, api, some_id, month_ago, stay_s):
        self.api, self.is_there = api, threading.Event()
        self.fill = {"id": some_id, "day": month_ago}
        self.stay_s, self.ms, self.n_failed = stay_s, [], 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        give_way()
        while True:
            for page in PAGES:
                self.is_there.wait()
                self.visit(*page)

    def visit(self, opening, poll):
        leave_at = time.monotonic() + self.stay_s
        self.ask(opening)
        while poll and time.monotonic() + poll[0] < leave_at:
            time.sleep(poll[0])
            self.ask(poll[1])
        time.sleep(max(0, leave_at - time.monotonic()))

    def ask(self, paths):
        for path in paths:
            status, _, ms = self.api.call("GET", path.format(**self.fill))
            self.ms.append(ms)
            self.n_failed += status != 200


def burn(share):
    """A process that uses so much of a CPU that nobody else wants, in bursts of ten a second."""
    code = ("import time\nwhile True:\n"
            f"    cpu, over = time.thread_time() + {share} / 10, time.monotonic() + 0.1\n"
            "    while time.thread_time() < cpu: pass\n"
            "    time.sleep(max(0, over - time.monotonic()))\n")
    process = subprocess.Popen([sys.executable, "-c", code])
    give_way(process.pid)
    return process


def console_of(gateway):
    status = json.loads(gateway.control("--json", "status"))
    return next(p["pid"] for p in status["processes"] if p["role"] == "console")


def cpu_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def ticks():
    """(of the machine, of this session with all its processes that have ended), in 10 ms."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, soft, steal = map(int, f.readline().split()[1:9])
    ours = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == os.getsid(0):
            ours += sum(map(int, fields[11:15]))
    return user + nice + system + irq + soft + steal, ours


def load(gateway, secret, seconds):
    done = subprocess.run(
        [f"{gateway.build}/loadgen", "-p", str(gateway.port), "-c", str(CONNECTIONS), "-r",
         str(RATE), "-w", "-s", str(seconds), "-k", secret, "-m", "gpt-4.1-mini"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the load: {done.stderr}{done.stdout}")
    figures = dict(word.split("=") for word in done.stdout.split())
    return {name: int(figures[f"{name}_us"]) for name in ("p50", "p90", "p99")}


class Beside:
    def __init__(self, gateway, visitor, seconds):
        self.gateway, self.visitor, self.seconds = gateway, visitor, seconds
        self.secret = json.loads(gateway.control(
            "--json", "key", "create", "--name", f"bench {time.time_ns()}", "--quota",
            "1000000usd", "--rpm", "1000000000"))["secret"]
        self.console = console_of(gateway)
        self.share, self.n_noisy = 0.05, 0

    def round(self, way):
        for _ in range(MAX_TRIES):
            figures, foreign = self.take(way)
            if foreign <= MAX_FOREIGN or is_shielded():
                return figures
        self.n_noisy += 1
        return figures

    def take(self, way):
        burner = burn(self.share) if way == "burnt" else None
        if way == "browsed":
            self.visitor.is_there.set()
        before, used, began = ticks(), cpu_s(self.console), time.monotonic()
        figures = load(self.gateway, self.secret, self.seconds)
        took, after = time.monotonic() - began, ticks()
        used = (cpu_s(self.console) - used) / took
        if way == "browsed":
            self.visitor.is_there.clear()
            self.share = used
            time.sleep(self.visitor.stay_s + 0.1)  # it finishes its page
        if burner:
            burner.kill()
            burner.wait()
        foreign = (after[0] - before[0] - after[1] + before[1]) / 100 / took
        if burner:
            foreign -= self.share  # it has not ended by then: not in any sum of ours
        return {**figures, "console": used}, max(0, foreign)


def measure(gateway, visitor, rounds, seconds):
    """Prints the figures; is the p99 with a visitor another one than without?"""
    beside = Beside(gateway, visitor, seconds)
    beside.take("browsed")  # warm up
    visitor.ms.clear()
    runs = {way: [] for way in WAYS}
    for n in range(rounds):
        for way in WAYS[n % 3:] + WAYS[:n % 3]:
            runs[way].append(beside.round(way))
    print(f"\nThe gateway at {RATE} requests a second while somebody opens a page every "
          f"{visitor.stay_s:g} s: {rounds} rounds of {seconds:g} s each way, medians"
          f"\n  {'':8} {'p50':>7} {'p90':>7} {'p99':>7} us {'p99 from':>9} {'to':>7}"
          f" {'console CPU':>12}")
    for way in WAYS:
        of = lambda name: statistics.median(run[name] for run in runs[way])
        p99 = [run["p99"] for run in runs[way]]
        print(f"  {way:8} {of('p50'):7.0f} {of('p90'):7.0f} {of('p99'):7.0f}    {min(p99):9}"
              f" {max(p99):7} {of('console') * 100:11.1f} %")
    print(f"  the visitor: {len(visitor.ms)} calls, {visitor.n_failed} failed, median "
          f"{statistics.median(visitor.ms):.1f} ms, p99 "
          f"{sorted(visitor.ms)[len(visitor.ms) * 99 // 100]:.1f} ms, max {max(visitor.ms):.1f} ms")
    alone = statistics.median(run["p99"] for run in runs["alone"])
    differences = [b["p99"] - a["p99"] for a, b in zip(runs["alone"], runs["browsed"])]
    has_moved = statistics.median(differences) > max(alone * MAY_MOVE[0], MAY_MOVE[1])
    print(f"  p99 browsed - alone, by round: median {statistics.median(differences):+.0f} us, "
          f"higher in {sum(d > 0 for d in differences)} of {rounds}")
    if is_shielded():
        print("  shielded from others' load: what the scheduler does is not in it")
    if beside.n_noisy * 2 > rounds * len(WAYS):
        print(f"  {beside.n_noisy} of {rounds * len(WAYS)} rounds had others' load beside them "
              f"(more than {MAX_FOREIGN:g} CPUs): whether the p99 moves cannot be told here")
        return visitor.n_failed > 0
    print(f"  the gateway's p99 {'MOVES' if has_moved else 'does not move'} while somebody browses")
    return has_moved or visitor.n_failed > 0
