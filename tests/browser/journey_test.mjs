// SPDX-License-Identifier: ISC
//
// A new user's way, in a browser: from the setup link to a first request and its trace; and what
// they meet then.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { begin, expectAccessible, expectCalm, PASSWORD, Person, photograph, settle, signIn,
    startBrowser, startConsole } from "./console.mjs";

const here = startConsole();
const browser = startBrowser();
const dialog = (page) => page.locator("dialog[open]");

test("from the setup link to the trace of a first request", async () => {
    const { url } = await here.ctl("user setup-link");
    const page = await browser.open(here);

    await page.goto(url);
    await page.waitForURL(/\/setup$/);
    await photograph(page, "setup");
    await expectAccessible(page, "setup");
    await page.getByLabel("Your name").fill("alice");
    const passwords = page.locator("input[type=password]");
    for (let n = 0; n < await passwords.count(); n++)
        await passwords.nth(n).fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.waitForURL(/\/quickstart$/);

    await page.getByRole("button", { name: "Create a key" }).click();
    await dialog(page).getByLabel("Name").fill("my first key");
    await dialog(page).getByRole("button", { name: "Create key" }).click();
    const secret = await page.locator("[data-secret]").innerText();
    assert.match(secret, /^sk-/);
    await photograph(page, "secret");
    await expectAccessible(page, "secret");
    await page.getByRole("button", { name: "Copy the secret" }).click();
    await page.waitForFunction((wanted) => navigator.clipboard.readText()
        .then((text) => text === wanted), secret);
    await page.getByRole("button", { name: "I have saved it" }).click();
    for (const tool of await page.getByRole("tab").all()) {
        await tool.click();
        assert.ok((await page.getByRole("tabpanel").innerText()).includes(secret),
            await tool.innerText());
    }

    await page.getByLabel("Model", { exact: true }).selectOption("openai/gpt-4.1-mini");
    await page.getByRole("button", { name: "Send a test request" }).click();
    await page.getByText("It works.").waitFor();
    await photograph(page, "quickstart-done");
    await page.getByRole("link", { name: "See its trace" }).click();
    await page.waitForURL(/\/requests\/[0-9a-f-]{36}$/);
    await page.getByRole("link", { name: "my first key" }).first().waitFor();
    await page.getByText("reported").first().waitFor();
    for (const stage of ["key", "quota", "route", "first"])
        assert.match((await page.locator("main").innerText()).toLowerCase(), new RegExp(stage));
    await photograph(page, "trace");
    await expectAccessible(page, "trace");

    // The setup link is no more than an address now.
    await page.goto("/quickstart");
    await settle(page);
    assert.ok(!(await page.content()).includes(secret), "the secret left with the page");
    expectCalm(page);
});

test("a secret is shown once: not after Back, not after Reload", async () => {
    const page = await browser.open(here);
    const secretIsGone = async (how) => {
        await settle(page);
        assert.ok(!(await page.content()).includes(secret), how);
    };

    await signIn(page, "alice", "/keys");
    await page.getByRole("button", { name: "Create key" }).click();
    await dialog(page).getByLabel("Name").fill("once");
    await dialog(page).getByRole("button", { name: "Create key" }).click();
    const secret = await page.locator("[data-secret]").innerText();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("[data-secret]").count(), 1, "no key closes it by accident");
    await page.getByRole("button", { name: "I have saved it" }).click();
    await page.waitForURL(/\/keys\/\d+$/);
    await secretIsGone("on the key's page");
    await page.goBack();
    await secretIsGone("after Back");
    await page.goForward();
    await secretIsGone("after Forward");
    await page.reload();
    await secretIsGone("after Reload");
    const kept = await page.evaluate(() =>
        JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]));
    assert.ok(!kept.includes(secret), "in no storage");
    expectCalm(page);

    // Nor does any answer of the API ever say it again.
    const alice = await new Person(here).signIn("alice");
    const { data } = await alice.call("GET", "/keys?q=once");
    for (const path of ["/keys", `/keys/${data[0].id}`, `/keys/${data[0].id}/audit`, "/audit"])
        assert.ok(!(await alice.send("GET", path)).text.includes(secret.slice(-20)), path);
});

test("a key is changed, rotated and revoked", async () => {
    const page = await browser.open(here);

    await signIn(page, "alice", "/keys?q=my+first");
    await page.getByRole("link", { name: /my first key/ }).click();
    await page.getByRole("button", { name: "Edit" }).click();
    await dialog(page).getByRole("button", { name: "Add a quota" }).click();
    await dialog(page).getByLabel("Amount").fill("12.50");
    await dialog(page).getByRole("button", { name: "Save changes" }).click();
    await page.getByText("$12.50").first().waitFor();
    await photograph(page, "key");
    await page.getByRole("button", { name: "Rotate" }).click();
    await dialog(page).getByRole("button", { name: "Rotate" }).click();
    await page.locator("[data-secret]").waitFor();
    await page.getByRole("button", { name: "I have saved it" }).click();
    await page.getByText("Takes the place of").waitFor();
    await page.getByRole("button", { name: "Revoke" }).click();
    const revoke = dialog(page).getByRole("button", { name: "Revoke" });
    await photograph(page, "revoke");
    await dialog(page).getByLabel(/Type/).fill("my first key");
    const name = await page.locator("main h1").innerText();
    await dialog(page).getByLabel(/Type/).fill(name);
    await revoke.click();
    await page.getByText("That is for good.").waitFor();
    expectCalm(page);
});

test("requests appear by themselves, those in flight too", async () => {
    const page = await browser.open(here);

    await signIn(page, "alice", "/requests");
    await page.getByText("In flight (0)").waitFor();
    const stop = new AbortController();
    const id = await begin(here, here.key, stop.signal);
    await page.getByText("In flight (1)").waitFor();
    await page.locator(`a[href="/requests/${id}"]`).waitFor();
    await photograph(page, "requests-live");
    stop.abort();
    await page.getByText("In flight (0)").waitFor();
    await page.locator(`a[href="/requests/${id}"]`).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Live updates paused").waitFor();
    expectCalm(page);
});

test("usage is taken away as CSV", async () => {
    const page = await browser.open(here);

    await signIn(page, "alice", "/usage?by=model");
    const [file] = await Promise.all([page.waitForEvent("download"),
        page.getByRole("link", { name: /CSV/ }).click()]);
    const lines = (await readFile(await file.path(), "utf8")).trim().split(/\r?\n/);
    assert.match(file.suggestedFilename(), /\.csv$/);
    assert.match(lines[0], /^model,requests,/);
    assert.ok(lines.some((line) => line.includes("openai/gpt-4.1-mini")), lines.join("\n"));
    expectCalm(page);
});
