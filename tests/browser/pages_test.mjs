// SPDX-License-Identifier: ISC
//
// What the console's pages make of a record: where a request's time went, sums and shares of usage,
// and that each category of error has its advice.    node --test tests/browser/pages_test.mjs

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = new URL("../../", import.meta.url);

// The assets are modules by their script element; node wants to be told.
const copy = await mkdtemp(join(tmpdir(), "relayos-assets-"));
await cp(fileURLToPath(new URL("src/console/assets/", ROOT)), copy, { recursive: true });
await writeFile(join(copy, "package.json"), '{ "type": "module" }');
after(() => rm(copy, { recursive: true }));

const load = (name) => import(pathToFileURL(join(copy, name)));
const advice = await load("advice.js");
const trace = await load("trace.js");
const usage = await load("usage.js");
const period = await load("period.js");

const stages = (offsets) => Object.entries(offsets)
    .map(([name, offset_us]) => ({ name, offset_us }));

const DONE = { status: 200, category: "none", stages: stages({ accepted: 0, key_checked: 40,
    quota_checked: 90, route_selected: 130, dispatched: 2000, first_byte: 150000,
    first_token: 180000, completed: 900000, settled: 905000 }) };
const REFUSED = { status: 429, category: "rate_limited", stages: stages({ accepted: 0,
    key_checked: 40, quota_checked: null, route_selected: null, dispatched: null,
    first_byte: null, first_token: null, completed: 95, settled: 4000 }) };

test("the stages lie end to end, from acceptance to settlement", () => {
    const spans = trace.timeline(DONE);
    assert.deepEqual([spans.length, spans[0].name, spans[7].name], [8, "accepted", "settled"]);
    assert.equal(spans[0].startUs, 0);
    spans.slice(1).forEach((span, at) => assert.equal(span.startUs, spans[at].endUs));
    assert.equal(spans[5].viaUs, 150000);
});

test("a stage that was not reached takes no time, and the next begins where the last ended", () => {
    const spans = trace.timeline(REFUSED);
    assert.deepEqual(spans.map((span) => span.endUs), [0, 40, null, null, null, null, 95,
        4000]);
    assert.equal(spans[6].startUs, 40);
});

test("of what the gateway refused nothing is the provider's", () => {
    const spans = trace.timeline({ ...REFUSED, is_refusal: true });
    assert.deepEqual(spans.map((span) => [span.who, span.endUs]), [["gateway", 0],
        ["gateway", 95]]);
});

test("a request takes as long as its caller waited, not as its settlement", () => {
    assert.equal(trace.tookUs(DONE), 900000);
    assert.equal(trace.tookUs(REFUSED), 95);
});

test("what runs has no duration, and what failed is not running", () => {
    const running = { ...DONE, state: "dispatched", status: 0 };
    assert.equal(trace.tookUs(running), null);
    assert.equal(trace.isRunning({ ...running, state: "settled" }), false);
    assert.equal(trace.isRunning({ category: "internal", status: 0, stages: [] }), false);
});

test("each category of error has its advice, and no other has", async () => {
    const table = await readFile(new URL("include/relayos/base/err_table.def", ROOT), "utf8");
    const names = [...table.matchAll(/^CATEGORY\((\w+),/gm)].map((match) => match[1]);
    assert.deepEqual(advice.CATEGORIES.toSorted(), names.toSorted());
    for (const name of names)
        assert.ok(advice.adviceOn(name).caller.length > 10, name);
    assert.ok(advice.adviceOn("new_one").caller.length > 10);
});

test("days without usage are there, in their order", () => {
    const rows = [{ day: 20260301, requests: 1 }, { day: 20260227, requests: 2 }];
    const all = usage.filled(rows, "day", { from: "2026-02-26", to: "2026-03-01" });
    assert.deepEqual(all.map((row) => row.day), [20260226, 20260227, 20260228, 20260301]);
    assert.deepEqual(all.map((row) => row.requests), [undefined, 2, undefined, 1]);
});

test("sums of money are exact beyond what a double holds", () => {
    const rows = [{ charge_nusd: 9007199254740993n }, { charge_nusd: 1 }, {}];
    assert.equal(usage.totals(rows).charge_nusd, 9007199254740994n);
});

test("a share of nothing is no share", () => {
    assert.equal(usage.cacheShare({ input: 0, cache_read: 0 }), null);
    assert.equal(usage.cacheShare({ input: 100, cache_read: 250, cache_write: 150 }), 500);
    assert.equal(usage.failedShare({ requests: 0, failed: 0 }), null);
    assert.equal(usage.failedShare({ requests: 8n, failed: 2n }), 250);
});

test("the dearest come first, also beyond what a double holds", () => {
    const rows = [{ id: 1, charge_nusd: 9007199254740992n }, { id: 2, charge_nusd: 3 },
        { id: 3, charge_nusd: 9007199254740993n }, { id: 4, charge_nusd: 3, requests: 9 }];
    assert.deepEqual(usage.largestFirst(rows).map((row) => row.id), [3, 1, 4, 2]);
});

test("a time filter is a moment in microseconds, or none", () => {
    assert.deepEqual(period.periodQuery({ time: "" }), { since: null, until: null });
    const { since } = period.periodQuery({ time: "1h" });
    assert.ok(Number.isInteger(since) && Math.abs(Date.now() * 1000 - 3600e6 - since) < 60e6);
    assert.deepEqual(period.periodQuery({ time: "between", since: "2026-03-01T00:00Z", until: "x" }),
        { since: Date.parse("2026-03-01T00:00Z") * 1000, until: null });
});
