// SPDX-License-Identifier: ISC
//
// A console that speaks TLS itself, as a browser meets it; and where a key may be used from.
import assert from "node:assert/strict";
import { test } from "node:test";

import { expectAccessible, expectCalm, PASSWORD, photograph, settle, startBrowser, startConsole }
    from "./console.mjs";

const here = startConsole({ isSecure: true });
const browser = startBrowser();
const dialog = (page) => page.locator("dialog[open]");
const MODEL = "openai/gpt-4.1-mini";
let page;

test("the first account is made, and its cookie is for https and this host alone", async () => {
    const { url } = await here.ctl("user setup-link");
    assert.match(url, /^https:/);
    page = await browser.open(here, { ignoreHTTPSErrors: true });
    await page.goto(`/setup${new URL(url).hash}`);
    await page.getByLabel("Your name").fill("alice");
    for (const field of await page.locator("input[type=password]").all())
        await field.fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.waitForURL(/\/quickstart$/);
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map(({ name, secure, httpOnly, sameSite, path }) =>
        [name, secure, httpOnly, sameSite, path]),
    [["__Host-relayos", true, true, "Strict", "/"]]);
    await page.reload();
    await settle(page);
    assert.equal(new URL(page.url()).pathname, "/quickstart", "it is sent back, too");
});

test("Status shows the certificate and until when it is good", async () => {
    await page.goto("/status");
    const row = page.getByRole("row", { name: /console\.pem/ });
    await row.getByText("localhost", { exact: true }).waitFor();
    assert.match(await row.innerText(), /(19|20) d/);
    await photograph(page, "status-certificates");
    await expectAccessible(page, "status with certificates");
});

test("a key is held to a network: its page, a mistake, and Explain from elsewhere", async () => {
    await page.goto("/keys");
    await settle(page);
    await page.getByRole("button", { name: "Create key" }).click();
    await dialog(page).getByLabel("Name").fill("of the office");
    await dialog(page).getByLabel("May be used from").fill("10.0.0.1/8");
    await dialog(page).getByRole("button", { name: "Create key" }).click();
    await dialog(page).getByText(/neither an address nor a network/).waitFor();
    await photograph(page, "key-networks");
    await expectAccessible(page, "a key's networks");
    await dialog(page).getByLabel("May be used from").fill("10.0.0.0/8, 192.0.2.7");
    await dialog(page).getByRole("button", { name: "Create key" }).click();
    await page.locator("[data-secret]").waitFor();
    await page.getByRole("button", { name: "I have saved it" }).click();
    await page.goto("/keys?q=of+the+office");
    await page.getByRole("link", { name: "of the office" }).click();
    const fact = page.locator("dl.facts div", { hasText: "May be used from" });
    await fact.getByText("192.0.2.7/32").waitFor();
    assert.match(await fact.innerText(), /10\.0\.0\.0\/8/);
    await page.goto(`/explain?${new URLSearchParams({ key: "of the office", model: MODEL,
        address: "198.51.100.1" })}`);
    await page.getByText("It would be refused: address not allowed.").waitFor();
    await photograph(page, "explain-address");
    await page.getByLabel("Comes from").fill("192.0.2.7");
    await page.getByText(`It would be served by ${MODEL}.`).waitFor();
    await expectAccessible(page, "explain an address");
});

test("nothing was complained of", () => {
    page.complaints = page.complaints.filter((one) => !/ 422 /.test(one)); // the mistake
    expectCalm(page);
});
