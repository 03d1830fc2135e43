// SPDX-License-Identifier: ISC
//
// Every page of routes.js as admin, operator and member, against the real API: it renders without a
// word from the browser, nothing serious in axe-core's eyes, and nobody sees another's room. In the
// light, in the dark, on a phone, and at 200 % zoom.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { ask, expectAccessible, expectCalm, join, photograph, setUp, settle, signIn, startBrowser,
    startConsole } from "./console.mjs";

const source = await readFile(new URL("../../src/console/assets/routes.js", import.meta.url));
const { ROUTES, roleCovers } = await import(
    `data:text/javascript;base64,${source.toString("base64")}`);

const here = startConsole({ prepare });
const browser = startBrowser();
const WAYS = {
    light: { colorScheme: "light" },
    dark: { colorScheme: "dark" },
    phone: { viewport: { width: 375, height: 740 }, hasTouch: true },
    zoom: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
};
const ids = {};

async function prepare() {
    const alice = await setUp(here);
    await join(alice, "bob", "operator");
    await join(alice, "carol", "member");
    const quotas = [{ unit: "usd", period: "month", amount: 5_000_000_000 },
        { unit: "tokens", period: "day", amount: 100_000 }];
    const made = await alice.call("POST", "/keys", { name: "carol's", owner: "carol", quotas });
    const other = await alice.call("POST", "/keys", { name: "alice's" });
    for (let n = 0; n < 5; n++)
        ids.request = await ask(here, made.secret,
            n === 4 ? "anthropic/claude-sonnet-4" : undefined);
    await ask(here, here.key, "no-such-model");
    ids.foreign = await ask(here, other.secret);
    while ((await alice.call("GET", "/requests?limit=10")).data.length < 7);
    await alice.call("POST", "/admin-keys", { name: "ci", role: "operator", expires_us: 0 });
    ids.key = made.key.id;
    ids.route = (await alice.call("GET", "/routes")).data[0].id;
}

// Of every row of routes.js one address; {id}s are those of prepare().
function addresses(role) {
    return ROUTES.filter((route) => route.role !== null && roleCovers(role, route.role))
        .map(({ path, file }) => ({ file, path: path.replace("{id}", ids[file] ?? "") }));
}

async function expectWhole(page, path) {
    assert.doesNotMatch(await page.locator("main h1").innerText(),
        /Not found|did not work|^$/, path);
    assert.equal(await page.locator("main .notice.bad").count(), 0, path);
}

// Side by side: most of it is waiting.
describe("rooms", { concurrency: 2 }, () => {
    for (const [way, options] of Object.entries(WAYS))
        test(`every page, for an admin: ${way}`, async () => {
            const page = await browser.open(here, options);
            await signIn(page, "alice");
            for (const { file, path } of addresses("admin")) {
                await page.goto(path);
                await settle(page);
                await expectWhole(page, path);
                await photograph(page, `${file}-${way}`);
                await expectAccessible(page, `${path} (${way})`,
                    { hasColours: "colorScheme" in options });
                const over = await page.evaluate(() =>
                    document.documentElement.scrollWidth - window.innerWidth);
                assert.ok(over <= 0, `${path} (${way}) is ${over} px too wide`);
            }
            expectCalm(page);
        });

    for (const [name, role] of [["bob", "operator"], ["carol", "member"]])
        test(`every page, for a ${role}; no page of others`, async () => {
            const page = await browser.open(here);
            await signIn(page, name);
            const menu = await page.locator("#menu a").evaluateAll((all) =>
                all.map((one) => one.getAttribute("href")));
            assert.deepEqual(menu, ROUTES.filter((route) => route.nav !== undefined &&
                roleCovers(role, route.role)).map(({ path }) => path));
            for (const { file, path } of addresses(role)) {
                await page.goto(path);
                await settle(page);
                await expectWhole(page, path);
                await photograph(page, `${file}-${role}`);
            }
            expectCalm(page);
            for (const { path } of addresses("admin").filter(({ file }) =>
                !addresses(role).some((one) => one.file === file))) {
                await page.goto(path);
                await page.locator("main h1").waitFor();
                assert.equal(await page.locator("main table").count(), 0, path);
            }
            expectCalm(page);
        });
});

test("a member finds their own and nobody else's", async () => {
    const page = await browser.open(here);
    await signIn(page, "carol", "/keys");
    const text = await page.locator("main").innerText();
    assert.ok(text.includes("carol's") && !text.includes("alice's"), text);
    assert.equal(await page.getByRole("button", { name: "Create key" }).count(), 0);
    await page.goto("/requests");
    await settle(page);
    assert.equal(await page.locator(`a[href="/requests/${ids.request}"]`).count(), 1);
    assert.equal(await page.locator(`a[href="/requests/${ids.foreign}"]`).count(), 0);
    expectCalm(page);
    await page.goto(`/requests/${ids.foreign}`);
    await page.locator("main h1").waitFor();
    assert.ok(!(await page.locator("main").innerText()).includes("alice's"));
});

test("a member names their key and disables it, and cannot do more", async () => {
    const page = await browser.open(here);
    const dialog = page.locator("dialog[open]");
    await signIn(page, "carol", `/keys/${ids.key}`);
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await dialog.getByLabel("Name").fill("carol's own");
    assert.deepEqual(await dialog.locator("input, select, textarea").evaluateAll((all) =>
        all.map((one) => one.name)), ["name"]);
    await dialog.getByRole("button", { name: "Save changes" }).click();
    await page.getByRole("heading", { name: "carol's own" }).waitFor();
    await page.getByRole("button", { name: "Disable", exact: true }).click();
    await dialog.getByRole("button", { name: "Disable" }).click();
    await page.getByText("disabled", { exact: true }).first().waitFor();
    assert.equal(await page.getByRole("button", { name: "Enable" }).count(), 0);
    await page.goto("/quickstart");
    await settle(page);
    assert.equal(await page.getByRole("button", { name: /Create/ }).count(), 0);
    expectCalm(page);
});

test("it is all done by keyboard", async () => {
    const page = await browser.open(here);
    await signIn(page, "alice", "/keys");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/keys\/\d+$/);
    for (const { key, path } of ROUTES.filter((route) => route.key !== undefined)) {
        await page.keyboard.press("g");
        await page.keyboard.press(key);
        await page.waitForURL((url) => url.pathname === path);
        await settle(page);
    }
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await photograph(page, "help");
    await expectAccessible(page, "help");
    expectCalm(page);
});

test("a page that nobody is before does not keep its user signed in", async () => {
    const page = await browser.open(here);
    const isBackground = async () => (await page.waitForRequest(/\/api\/v1\/requests/))
        .headers()["x-background"] === "1";
    await page.clock.install();
    await signIn(page, "alice", "/requests");
    const [atFirst] = await Promise.all([isBackground(), page.clock.runFor(5000)]);
    assert.equal(atFirst, false);
    await page.clock.fastForward(120000);
    const [later] = await Promise.all([isBackground(), page.clock.runFor(5000)]);
    assert.equal(later, true);
    await page.keyboard.press("Shift");
    const [again] = await Promise.all([isBackground(), page.clock.runFor(5000)]);
    assert.equal(again, false);
    expectCalm(page);
});
