# SPDX-License-Identifier: ISC
"""Somebody who uses the console's API while everything is killed: reads, and makes keys, each with
an Idempotency-Key and so often as it takes. What came of it must be one key each, with one row in
the audit trail."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request

from books import Wrong, expect

READS = ("keys?limit=5", "usage?by=model", "usage?by=hour", "requests?limit=5", "status", "audit?limit=5",
         "models", "routes", "users")
# The console is away, or what it asks is.
EXCUSED = {429, 503, 504}


class Browser:
    def __init__(self, stage):
        self.stage, self.made, self.reads, self.wrong, self.url = stage, [], 0, None, None
        self.secret = stage.ctl("admin-key", "create", "--name", "browser", "--role",
                                "admin")["secret"]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.browse)
        self.thread.start()

    def stop(self):
        """All is up again: what is under way comes to an end."""
        self.over.set()
        self.thread.join(60)
        expect(not self.thread.is_alive(), "the console does not answer any more")
        if self.wrong is not None:
            raise self.wrong

    def browse(self):
        try:
            while not self.over.is_set() and len(self.made) < 300:
                self.make(f"browsed-{len(self.made)}")
                status, answer = self.ask("GET", READS[self.reads % len(READS)])
                expect(status is None or status == 200 or status in EXCUSED,
                       READS[self.reads % len(READS)], status, answer)
                self.reads += 1
        except Wrong as e:
            self.wrong = e

    def make(self, name):
        for _ in range(2000):
            status, answer = self.ask("POST", "keys", {"name": name}, {"idempotency-key": name})
            code = None if status is None else answer.get("error", {}).get("code")
            if status == 201 or code == "idempotency_finished":
                self.made.append(name)
                return
            expect(status is None or status in EXCUSED or code == "in_progress", name, status, answer)
            time.sleep(0.02)
        raise Wrong(f"{name} could not be made: {status} {answer}")

    def ask(self, method, path, body=None, headers=()):
        """(None, None) if nobody is there."""
        if self.url is None:
            status = self.stage.try_ctl("status")
            self.url = status and status.get("console_url")
        if self.url is None:
            return None, None
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/api/v1/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.secret}", "content-type": "application/json",
                     **dict(headers)})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self.url = None
            return None, None

    def check(self, db):
        made = dict(db.execute("SELECT name, count(*) FROM keys WHERE name LIKE 'browsed-%' GROUP BY 1"))
        expect(made == dict.fromkeys(self.made, 1), "keys were asked for once each:",
               made.items() ^ dict.fromkeys(self.made, 1).items())
