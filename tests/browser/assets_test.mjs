// SPDX-License-Identifier: ISC
//
// The console's modules that need no browser: money to the nano-dollar, words for times, addresses
// and what is pasted into tools.    node --test tests/browser/assets_test.mjs

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const format = await load("format.js");
const routes = await load("routes.js");
const { SNIPPETS } = await load("snippets.js");

// The assets are modules by their script element; node would take .js for something else.
async function load(name) {
    const url = new URL(`../../src/console/assets/${name}`, import.meta.url);
    return import(`data:text/javascript;base64,${(await readFile(url)).toString("base64")}`);
}

test("an amount is shown to the last nano-dollar", () => {
    assert.equal(format.usd(0), "$0.00");
    assert.equal(format.usd(1), "$0.000000001");
    assert.equal(format.usd(-1500000000), "-$1.50");
    assert.equal(format.usd(1234567890123456789n), "$1,234,567,890.123456789");
    assert.equal(format.usd(9007199254740991), "$9,007,199.254740991");
});

test("what is written into a field comes out as it went in", () => {
    for (const nusd of [0, 1, 10, 250000000, 50000000000, 123456789, 9007199254740993n])
        assert.equal(BigInt(format.parseUsd(format.usdPlain(nusd))), BigInt(nusd));
    assert.equal(format.parseUsd("$1,000.5"), 1000500000000);
    for (const text of ["", "x", "-1", "1.0000000001", "1e3", "0x10", "."])
        assert.equal(format.parseUsd(text), null, text);
});

test("a column never shows an amount as nothing", () => {
    assert.equal(format.usdShort(0), "$0.00");
    assert.equal(format.usdShort(1), "< $0.0001");
    assert.equal(format.usdShort(49999), "< $0.0001");
    assert.equal(format.usdShort(50000), "$0.0001");
    assert.equal(format.usdShort(300000000), "$0.30");
    assert.equal(format.usdShort(12345678), "$0.0123");
    assert.equal(format.usdShort(31415900000), "$31.42");
    assert.equal(format.usdShort(999999999), "$1.0000");
});

test("counts are read with their units and nothing else", () => {
    assert.equal(format.parseCount("2M"), 2000000);
    assert.equal(format.parseCount("1.5k"), 1500);
    assert.equal(format.parseCount("1,000"), 1000);
    for (const text of ["", "1.5", "1.2345k", "-3", "2 apples"])
        assert.equal(format.parseCount(text), null, text);
});

test("times are said in their two largest units", () => {
    assert.equal(format.duration(480), "480 µs");
    assert.equal(format.duration(12300), "12.3 ms");
    assert.equal(format.duration(1250000), "1.25 s");
    assert.equal(format.span(2 * 86400e6 + 4 * 3600e6 + 59e6), "2 d 4 h");
    assert.equal(format.ago(100e6, 400e6), "5 min ago");
    assert.equal(format.ago(0), "never");
});

test("each path finds its page and its parameters, and no other", () => {
    assert.equal(routes.matchRoute("/keys/12").params.id, "12");
    assert.equal(routes.matchRoute("/keys/").route.file, "keys");
    assert.equal(routes.matchRoute("/requests/a%2Fb").params.id, "a/b");
    for (const path of ["/keys/1/2", "/nowhere", "/keys//"])
        assert.equal(routes.matchRoute(path)?.route.file === "key", false, path);
    assert.equal(routes.roleCovers("member", "operator"), false);
    assert.equal(routes.roleCovers("admin", "operator"), true);
    assert.equal(routes.roleCovers(undefined, "member"), false);
});

test("a short number is never of the next size up", () => {
    for (const [n, text] of [[9_999, "9,999"], [12_345, "12.3k"], [999_999, "1M"],
        [999_499, "999k"], [1_234_567, "1.23M"], [999_999_999_999, "1T"]])
        assert.equal(format.countShort(n), text);
});

test("each tool's settings hold the address, the key and the model", () => {
    const settings = { url: "https://gw.example.com", key: "sk-prod-abc", model: "gpt-4.1-mini" };
    for (const { id, make } of SNIPPETS) {
        const text = make(settings).map((part) => part.text ?? "").join("\n");
        for (const value of Object.values(settings))
            assert.ok(text.includes(value), `${id} lacks ${value}`);
        assert.ok(!text.includes("undefined"), id);
    }
});
