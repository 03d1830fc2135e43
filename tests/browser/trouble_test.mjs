// SPDX-License-Identifier: ISC
//
// When things go wrong: the session ends in the middle of a form, the console is slow or gone, a
// quota is used up, a key has leaked, a route is down. What is written is kept, no page says what
// is not so, and each says what comes next.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, expectAccessible, expectCalm, join, PASSWORD, photograph, setUp, settle, signIn,
    startBrowser, startConsole } from "./console.mjs";

const MODEL = "openai/gpt-4.1-mini";
const here = startConsole({ prepare });
const browser = startBrowser();
let alice;

async function prepare() {
    alice = await setUp(here);
    await join(alice, "carol", "member");
}

async function open(name, path, options = {}) {
    const page = await browser.open(here, options);
    await signIn(page, name, path);
    return page;
}

test("a session that ends in the middle of a form is opened again over it", async () => {
    const page = await open("alice", "/keys");
    const form = page.getByRole("dialog", { name: "Create a key" });
    const door = page.getByRole("dialog", { name: "Your session has ended" });
    await page.getByRole("button", { name: "Create key" }).click();
    await form.getByLabel("Name").fill("half written");
    await form.getByRole("button", { name: "Add a quota" }).click();
    await form.getByLabel("Amount").fill("12.50");
    await page.context().clearCookies();
    await form.getByRole("button", { name: "Create key" }).click();
    await door.waitFor();
    await photograph(page, "session-ended");
    await expectAccessible(page, "session ended");
    await page.keyboard.press("Escape");
    await door.getByLabel("Password").fill("not the password");
    await door.getByRole("button", { name: "Sign in" }).click();
    await door.locator(".problem", { hasText: /./ }).waitFor();
    await door.getByLabel("Password").fill(PASSWORD);
    await door.getByRole("button", { name: "Sign in" }).click();
    await door.waitFor({ state: "detached" });
    assert.equal(await form.getByLabel("Name").inputValue(), "half written");
    assert.equal(await form.getByLabel("Amount").inputValue(), "12.50");
    await form.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("dialog", { name: "Your new key" }).waitFor();
    assert.ok(page.complaints.every((text) => text.includes("401")), page.complaints.join("\n"));
});

test("whoever gives the form up signs in, and is back at the list", async () => {
    const page = await open("alice", "/keys?state=active");
    await page.getByRole("button", { name: "Create key" }).click();
    await page.context().clearCookies();
    await page.locator("dialog").getByLabel("Name").fill("given up");
    await page.locator("dialog").getByRole("button", { name: "Create key" }).click();
    await page.getByRole("button", { name: /leave/ }).click();
    await page.waitForURL((url) => url.pathname === "/signin");
    assert.equal(await page.locator("dialog").count(), 0);
    await page.getByLabel("Name").fill("alice");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL((url) => url.pathname + url.search === "/keys?state=active");
});

test("no list says that there is nothing before it knows", async () => {
    const page = await open("alice", "/password");
    for (const path of ["/keys", "/models", "/requests", "/usage", "/routes", "/users", "/audit",
        "/admin-keys"]) {
        let answer;
        const isFree = new Promise((resolve) => { answer = resolve; });
        const isList = (url) => url.pathname === `/api/v1${path}`;
        await page.route(isList, async (route) => {
            await isFree;
            await route.continue();
        });
        const asked = page.waitForRequest((request) => isList(new URL(request.url())));
        await page.locator(`#menu a[href="${path}"]`).click();
        await asked;
        await page.getByText("Loading …").first().waitFor();
        assert.doesNotMatch(await page.locator("main").innerText(), /\bNo\b|Nothing was/, path);
        answer();
        await settle(page);
        await page.unroute(isList);
    }
    expectCalm(page);
});

test("a page that is not read any more says since when, and when it is read again", async () => {
    const page = await browser.open(here);
    await page.clock.install();
    await signIn(page, "alice", "/routes");
    const fresh = page.locator(".fresh");
    const height = () => page.locator(".page-head").evaluate((one) => one.offsetHeight);
    const before = await height();
    await page.route("**/api/v1/**", (route) => route.abort());
    await page.clock.runFor(6000);
    await fresh.filter({ hasText: /^Not updated since \d\d:\d\d:\d\d: no answer$/ }).waitFor();
    assert.equal(await height(), before, "nothing on the page has moved");
    await photograph(page, "gone");
    await page.unroute("**/api/v1/**");
    await page.clock.runFor(70000);
    await fresh.filter({ hasText: /^Read/ }).waitFor();
});

test("a page whose module cannot be had says so, and is there at another try", async () => {
    const page = await open("alice", "/keys");
    await page.route("**/pages/usage.js", (route) => route.abort());
    await page.locator('#menu a[href="/usage"]').click();
    await page.getByText("This page could not be loaded.").waitFor();
    await page.unroute("**/pages/usage.js");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Usage" }).waitFor();
    await page.getByText("Days and hours are UTC").waitFor();
});

test("a quota is used up: the key says so, and Explain what is refused", async () => {
    const quota = (amount) => [{ unit: "tokens", period: "day", amount }];
    const { key, secret } = await alice.call("POST", "/keys", { name: "spent",
        quotas: quota(1_000_000) });
    await ask(here, secret, MODEL);
    while ((await alice.call("GET", `/keys/${key.id}`)).limits[0].used === 0);
    await alice.call("PATCH", `/keys/${key.id}`, { quotas: quota(1) });
    const page = await open("alice", `/keys/${key.id}`);
    await page.getByText("A quota is used up.").waitFor();
    await page.getByRole("link", { name: "Explain its next request" }).click();
    await page.getByLabel("Model").fill(MODEL);
    await page.getByText("It would be refused: quota exceeded.").waitFor();
    await page.getByText("it stops here").waitFor();
    await photograph(page, "explain-quota");
    await expectAccessible(page, "explain");
    await page.getByLabel("Model").fill("no-such-model");
    await page.getByText("There is no such key, or no such model.").waitFor();
});

test("a route is down: Status names the model and leads there, Explain says why", async () => {
    const route = (await alice.call("GET", `/routes?model=${MODEL}`)).data[0];
    const page = await open("alice", "/status");
    assert.equal(await page.getByText("No route that takes requests").count(), 0);
    await alice.call("POST", `/routes/${route.id}/drain`);
    await page.getByText(`No route that takes requests: ${MODEL}.`).waitFor();
    await photograph(page, "status-down");
    await page.getByRole("link", { name: `${route.name} (drained)` }).click();
    await page.waitForURL(`**/routes/${route.id}`);
    const { key } = await alice.call("POST", "/keys", { name: "of the night" });
    await page.goto(`/explain?${new URLSearchParams({ key: key.name, model: MODEL })}`);
    await page.getByText("It would be refused").waitFor();
    await page.getByText("drained").first().waitFor();
    await photograph(page, "explain-down");
    await alice.call("POST", `/routes/${route.id}/enable`);
    await page.reload();
    await page.getByText(`It would be served by ${MODEL}.`).waitFor();
    expectCalm(page);
});

test("a key that leaked is found by all of it, which goes nowhere", async () => {
    const { key, secret } = await alice.call("POST", "/keys", { name: "leaked" });
    const page = await open("alice", "/keys");
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.getByLabel("Name or last four").fill(secret);
    await page.waitForURL((url) => url.searchParams.get("q") === secret.slice(-4));
    await settle(page);
    await page.locator(`a[href="/keys/${key.id}"]`).waitFor();
    assert.ok(asked.every((url) => !url.includes(secret)));
    assert.equal(await page.getByLabel("Name or last four").inputValue(), secret.slice(-4));
    expectCalm(page);
});

test("a sum of Usage leads to the requests that it is of", async () => {
    const { secret } = await alice.call("POST", "/keys", { name: "disputed" });
    const id = await ask(here, secret, MODEL);
    while ((await alice.call("GET", `/requests?request_id=${id}`)).data.length === 0);
    const page = await open("alice", "/usage?key=disputed");
    await page.locator("table .row-link").first().click();
    await page.waitForURL((url) => url.pathname === "/requests" &&
        url.searchParams.get("key") === "disputed" && url.searchParams.get("time") === "between");
    await page.locator(`a[href="/requests/${id}"]`).waitFor();
    expectCalm(page);
});

test("a member pastes the key that an operator made, and tries it", async () => {
    const { secret } = await alice.call("POST", "/keys", { name: "given", owner: "carol" });
    const page = await open("carol", "/quickstart?tool=curl");
    await page.getByRole("button", { name: "Send a test request" }).click();
    await page.getByText("Paste a key, or create one.").waitFor();
    await page.getByLabel("Paste it here").fill(secret);
    assert.ok((await page.getByRole("tabpanel").innerText()).includes(secret));
    await page.getByRole("button", { name: "Send a test request" }).click();
    await page.getByText("It works.").waitFor();
    expectCalm(page);
});

test("with a palette of the reader's own, bars and lights are still seen", async () => {
    await alice.call("POST", "/keys", { name: "barred",
        quotas: [{ unit: "usd", period: "month", amount: 1_000_000_000 }] });
    const page = await open("alice", "/keys", { forcedColors: "active" });
    const seen = (selector, pseudo = null) => page.locator(selector).first().evaluate((one, part) =>
        getComputedStyle(one, part).backgroundColor !==
        getComputedStyle(document.body).backgroundColor, pseudo);
    assert.ok(await seen(".bar-track"));
    await page.goto("/models");
    await settle(page);
    assert.ok(await seen(".light", "::before"));
    await photograph(page, "forced-models");
    expectCalm(page);
});

test("names of any length and direction stay in their place and show what they are", async () => {
    const long = "W".repeat(63);
    for (const name of [long, "\u202Eevil", "\u0645\u0641\u062a\u0627\u062d (abc) 1"])
        await ask(here, (await alice.call("POST", "/keys", { name, owner: name.slice(0, 20),
            quotas: [{ unit: "usd", period: "month", amount: 9_007_199_254_740_000 }] })).secret,
        MODEL);
    const page = await open("alice", "/keys");
    for (const [width, paths] of [[1280, ["/keys", "/audit"]], [900, ["/keys", "/requests"]],
        [320, ["/keys", "/requests", "/audit"]]]) {
        await page.setViewportSize({ width, height: 700 });
        for (const path of paths) {
            await page.goto(path);
            await settle(page);
            const main = await page.locator("main").evaluate((one) => ({
                over: document.documentElement.scrollWidth - window.innerWidth,
                hasLetters: [...one.querySelectorAll("td")].some((cell) =>
                    cell.offsetWidth > 0 && cell.offsetWidth < 40),
                text: one.innerText }));
            assert.ok(main.over <= 0, `${path} at ${width} is ${main.over} px too wide`);
            assert.equal(main.hasLetters, false, `${path} at ${width} has a letter a line`);
            assert.ok(!main.text.includes("\u202E"), path);
        }
    }
    await page.setViewportSize({ width: 1280, height: 700 });
    await page.goto("/keys");
    await settle(page);
    const last = await page.locator("th").last().boundingBox();
    assert.ok(last.x + last.width <= 1280, "the whole table is in sight");
    await page.getByText("\ufffdevil").first().waitFor();
    expectCalm(page);
});
