// SPDX-License-Identifier: ISC
//
// What operators and admins do on their pages, each click up to what it changed.
import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { test } from "node:test";

import { ask, expectAccessible, expectCalm, Person, photograph, setUp, settle, signIn, startBrowser,
    startConsole } from "./console.mjs";

const here = startConsole({ prepare });
const browser = startBrowser();
let alice;

async function prepare() {
    alice = await setUp(here);
}

const dialog = (page) => page.locator("dialog[open]");
const press = (place, name) => place.getByRole("button", { name, exact: true }).click();

test("a route is drained and enabled", async () => {
    const page = await browser.open(here);
    const { id } = (await alice.call("GET", "/routes")).data[0];
    const switched = async () => (await alice.call("GET", `/routes/${id}`)).admin;
    const act = (name) => page.getByRole("button", { name: new RegExp(`^${name} `) });

    await signIn(page, "alice", `/routes/${id}`);
    await act("Drain").click();
    await photograph(page, "drain");
    await expectAccessible(page, "drain");
    await dialog(page).getByRole("button", { name: "Drain" }).click();
    await act("Enable").waitFor();
    assert.equal(await switched(), "drained");
    await act("Enable").click();
    await dialog(page).getByRole("button", { name: "Enable" }).click();
    await act("Drain").waitFor();
    assert.equal(await switched(), "enabled");
    expectCalm(page);
});

test("the configuration is checked, reloaded, and refused where it is wrong", async () => {
    const page = await browser.open(here);
    const { file } = await alice.call("GET", "/config");

    await signIn(page, "alice", "/config");
    await press(page, "Check the file");
    await page.getByText("A reload would change nothing.").waitFor();
    await appendFile(file, "drain_timeout: 7m\n");
    await press(page, "Check the file");
    await page.getByText("A reload would make 1 change.").waitFor();
    await photograph(page, "config-check");
    await expectAccessible(page, "config, checked");
    await press(page, "Reload …");
    await press(dialog(page), "Reload");
    await page.getByText("Reloaded: 1 change.").waitFor();
    assert.match((await alice.call("GET", "/config")).yaml, /drain_timeout: 7m/);
    await appendFile(file, "no_such_directive: 1\n");
    await press(page, "Check the file");
    await page.getByText("no_such_directive").first().waitFor();
    await photograph(page, "config-wrong");
    expectCalm(page);
});

test("a user is added, given another role, disabled and let in again", async () => {
    const page = await browser.open(here);
    const row = page.locator("tbody tr", { hasText: "frank" });

    await signIn(page, "alice", "/users");
    await press(page, "Add user");
    await dialog(page).getByLabel("Name").fill("frank");
    await press(dialog(page), "Make one");
    const password = await dialog(page).getByLabel("Password").inputValue();
    await press(dialog(page), "Add user");
    await press(page, "I have passed it on");
    await new Person(here).signIn("frank", password);
    await press(page, "Role of frank");
    await dialog(page).getByLabel("Role").selectOption("operator");
    await press(dialog(page), "Save");
    await row.getByText("operator").waitFor();
    await press(page, "Disable frank");
    await dialog(page).getByRole("button", { name: "Disable" }).click();
    await page.getByRole("button", { name: "Enable frank" }).waitFor();
    assert.equal((await new Person(here).send("POST", "/session",
        { name: "frank", password })).status, 401);
    await press(page, "Enable frank");
    await dialog(page).getByRole("button", { name: "Enable" }).click();
    await page.getByRole("button", { name: "Disable frank" }).waitFor();
    await photograph(page, "users-frank");
    expectCalm(page);
});

test("an admin key is made, shown once, works, and is revoked", async () => {
    const page = await browser.open(here);
    const works = async () => (await new Person(here).send("GET", "/status", undefined,
        { authorization: `Bearer ${secret}` })).status;

    await signIn(page, "alice", "/admin-keys");
    await press(page, "Create admin key");
    await dialog(page).getByLabel("Name").fill("ci");
    await dialog(page).getByLabel("Role").selectOption("operator");
    await press(dialog(page), "Create admin key");
    const secret = await page.locator("[data-secret]").innerText();
    await press(page, "I have saved it");
    assert.equal(await works(), 200);
    await page.reload();
    await settle(page);
    assert.ok(!(await page.content()).includes(secret));
    await press(page, "Revoke ci");
    await dialog(page).getByRole("button", { name: "Revoke" }).click();
    await page.getByText("revoked").first().waitFor();
    assert.equal(await works(), 401);
    expectCalm(page);
});

test("what was captured of a request is shown to admins, without its secrets", async () => {
    const page = await browser.open(here);
    const text = "write to anna@example.org, with sk-prod-Zq8vT3nLw0XyR5uKc2Bd, <b>please</b>";

    await signIn(page, "alice", "/keys/1");
    await press(page, "Capture");
    await dialog(page).getByLabel("From now on").selectOption("For 15 minutes");
    await press(dialog(page), "Save");
    await page.getByText("Its calls are captured until").waitFor();
    const id = await ask(here, here.key, "openai/gpt-4.1-mini", text);
    const isSettled = async () => (await alice.send("GET", `/requests/${id}`)).json.state === "settled";
    while (!await isSettled())
        await new Promise((resolve) => setTimeout(resolve, 20));
    await page.goto(`/requests/${id}`);
    await press(page, "Show what was captured");
    await page.getByText("write to [e-mail], with [key], <b>please</b>").first().waitFor();
    await photograph(page, "captured");
    await expectAccessible(page, "captured");
    await page.goto("/audit");
    await page.getByText("request.body", { exact: true }).first().waitFor();
    expectCalm(page);
});

test("the audit log has it all, and its chain holds", async () => {
    const page = await browser.open(here);

    await signIn(page, "alice", "/audit");
    for (const action of ["route.drain", "user.create", "user.update", "adminkey.revoke"])
        assert.ok(await page.getByText(action, { exact: true }).count() > 0, action);
    await press(page, "Verify the chain");
    await page.getByText("The chain holds.").waitFor();
    await page.getByLabel("Action").fill("adminkey.create");
    await page.getByText("1 entry shown").waitFor();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await photograph(page, "audit-verified");
    expectCalm(page);
});

test("a password is changed, the other sessions end, and one signs out", async () => {
    const page = await browser.open(here);
    const fill = (name, text) => page.getByLabel(name, { exact: true }).fill(text);

    await signIn(page, "alice", "/password");
    const other = await new Person(here).signIn("alice");
    await fill("Current password", "correct horse battery");
    await fill("New password", "another long password");
    await fill("New password, again", "another long password");
    await press(page, "Change password");
    await page.getByText("Your password is changed.").waitFor();
    assert.equal((await other.send("GET", "/session")).status, 401);
    await press(page, "Sign out");
    await page.waitForURL(/\/signin$/);
    await page.goBack();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    expectCalm(page);
    await page.getByLabel("Name").fill("alice");
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText("name or password is wrong").waitFor();
    await photograph(page, "signin-wrong");
});
