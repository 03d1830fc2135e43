# SPDX-License-Identifier: ISC
"""books - the oracle: the mock's journal of what it served against what relayosd wrote down.

BOOKS (each line below is checked; reliability.md of the design says why):
  - usage sums = sums of the ledger's rows = what the quota cells say; nothing reserved at rest
  - who was given a whole answer has a row, charged by the provider's own figures, to the token
  - what the mock served and no row reports is `indeterminate`, charged 0
  - no row, and no attempt, costs anything whose answer the mock never began; what a request cost
    is what its attempts did
  - no limit is passed
"""

import collections
import contextlib
import sqlite3

from stage import INPUT_NUSD, CACHED_NUSD, OUTPUT_NUSD, FLAT_NUSD, uuid_hex


class Wrong(Exception):
    """The books are wrong."""


def wait_at_rest(stage):
    """Nothing in flight, on no route, nothing to settle, nothing reserved."""
    def is_at_rest():
        status = stage.try_ctl("status")
        keys = stage.try_ctl("key", "list")
        routes = stage.try_ctl("route", "list")
        if status is None or keys is None or routes is None or status["ledger"]["outbox"] != 0:
            return False
        if any(route["in_flight"] != 0 for route in routes["routes"]):
            return False
        return sum(limit["reserved"] for key in keys["keys"] for limit in key["limits"]) == 0
    stage.wait("books at rest (a hold that leaks would stay)", is_at_rest, 20)


def read_journal(path):
    begun, served = collections.Counter(), collections.defaultdict(list)
    for line in open(path):
        word, request_id, *figures = line.split()
        if word == "begun":
            begun[uuid_hex(request_id)] += 1
        else:
            served[uuid_hex(request_id)].append(tuple(map(int, figures)))
    return begun, served


def check(stage, answers, browser=None):
    """At rest, relayosd still up. Returns (rows, answers served, of them indeterminate)."""
    stage.ctl("ledger", "verify", "--full")  # relayosd's own opinion
    stage.ctl("audit", "verify")
    keys = {key["id"]: key for key in stage.ctl("key", "list")["keys"]}
    with contextlib.closing(sqlite3.connect(f"file:{stage.path('data/relayos.db')}?mode=ro",
                                            uri=True)) as db:
        db.row_factory = sqlite3.Row
        check_database(db)
        check_limits(db, keys)
        check_trail(db)
        if browser is not None:
            browser.check(db)
        rows = {row["request_id"].hex(): row
                for row in db.execute("SELECT * FROM ledger WHERE corrects IS NULL")}
        costly = {row[0].hex(): row[1] for row in db.execute(
            "SELECT request_id, count(*) FROM attempt WHERE cost_nusd > 0 GROUP BY 1")}
    begun, served = read_journal(stage.journal)
    check_answers(answers, rows, served)
    n_indeterminate = check_served(rows, served)
    check_charges(rows, begun)
    check_costs(costly, begun)
    return len(rows), len(served), n_indeterminate


def expect(is_so, *what):
    if not is_so:
        raise Wrong(" ".join(map(str, what)))


def check_database(db):
    expect(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "integrity_check")
    by = ("SELECT key_id, day, model, {}, sum(charge_nusd), sum(cost_nusd), sum(quota_tokens) "
          "FROM {} GROUP BY 1, 2, 3")
    rows = [tuple(r) for r in db.execute(by.format("sum(corrects IS NULL)", "ledger"))]
    sums = [tuple(r) for r in db.execute(by.format("sum(n_requests)", "usage"))]
    attempts = "SELECT request_id, sum(cost_nusd) FROM {} GROUP BY 1 HAVING sum(cost_nusd) > 0"
    costs = [dict(db.execute(attempts.format(table))) for table in ("ledger", "attempt")]
    expect(costs[0] == costs[1], "attempts cost other than their requests:",
           costs[0].items() ^ costs[1].items())
    expect(rows == sums, "usage sums differ from the ledger's rows:", set(rows) ^ set(sums))
    figures = ("SELECT day, model, sum(n_requests), sum(n_failed), sum(input), sum(cache_read), "
               "sum(cache_write), sum(output), sum(reasoning), sum(charge_nusd), sum(cost_nusd) "
               "FROM {} GROUP BY 1, 2")
    days = [{tuple(r) for r in db.execute(figures.format(table))} for table in ("usage", "usage_day")]
    expect(days[0] == days[1], "sums by day differ from those by key:", days[0] ^ days[1])
    expect(db.execute("SELECT count(*) FROM intent").fetchone()[0] == 0, "notes of calls are left")


def check_trail(db):
    """No change without its row, no row without its change."""
    made = "SELECT target, count(*) FROM audit WHERE action = 'key.create' GROUP BY 1"
    rows = {f"key {r[0]}": 1 for r in db.execute("SELECT id FROM keys WHERE rotated_from = 0")}
    expect(dict(db.execute(made)) == rows, "keys and their rows of the trail differ:",
           dict(db.execute(made)).items() ^ rows.items())
    n = [db.execute(f"SELECT count(*) FROM {what}").fetchone()[0] for what in
         ("ledger WHERE corrects IS NOT NULL", "audit WHERE action = 'ledger.adjust'")]
    expect(n[0] == n[1], "corrections:", n[0], "in the trail:", n[1])


def check_limits(db, keys):
    for key in keys.values():
        nusd, tokens = db.execute("SELECT coalesce(sum(charge_nusd), 0), coalesce(sum(quota_tokens)"
                                  ", 0) FROM ledger WHERE key_id = ?", (key["id"],)).fetchone()
        for limit in key["limits"]:
            if limit["unit"] == "concurrent":
                continue
            used = nusd if limit["unit"] == "usd" else tokens
            expect(limit["used"] == used, key["name"], "has used", used, "its cell says",
                   limit["used"])
            expect(used <= limit["limit"], key["name"], "has passed its limit:", used)


def check_answers(answers, rows, served):
    for answer in answers:
        if answer.status != 200 or not answer.is_whole:
            continue
        request_id = uuid_hex(answer.request_id)
        row = rows.get(request_id)
        expect(row is not None, "no row of the answered request", request_id)
        expect(row["provenance"] == "reported", request_id, "was answered, its row says",
               row["provenance"])
        figures = (row["input"], row["cache_read"], row["cache_write_5m"] + row["cache_write_1h"],
                   row["output"])
        expect(figures in served[request_id], request_id, "is charged for", figures,
               "but was served", served[request_id])


def check_served(rows, served):
    n = 0
    for request_id in served:
        row = rows.get(request_id)
        expect(row is not None, "served, yet without a row:", request_id)
        if row["provenance"] == "reported" or row["charge_nusd"] > 0:
            continue
        expect(row["provenance"] in ("indeterminate", "none"), request_id, "was served, its row is",
               row["provenance"])
        n += 1
    return n


def check_costs(costly, begun):
    for request_id, n in costly.items():
        expect(n <= begun[request_id], request_id, "has", n, "attempts that cost something, of",
               begun[request_id], "answers that were begun")


def check_charges(rows, begun):
    for request_id, row in rows.items():
        if row["charge_nusd"] == 0:
            continue
        expect(begun[request_id] > 0, request_id, "costs", row["charge_nusd"], "for nothing")
        wanted = FLAT_NUSD if row["model"] == "flat" else (
            row["input"] * INPUT_NUSD + row["cache_read"] * CACHED_NUSD +
            (row["cache_write_5m"] + row["cache_write_1h"]) * INPUT_NUSD +
            row["output"] * OUTPUT_NUSD)
        expect(row["charge_nusd"] == wanted, request_id, "is charged", row["charge_nusd"], "not",
               wanted)
