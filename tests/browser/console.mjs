// SPDX-License-Identifier: ISC
//
// A gateway with a console for one test file, its people (by the API), and browsers.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

export const PASSWORD = "correct horse battery";
const ARTEFACTS = process.env.RELAYOS_ARTEFACTS ?? "build/browser";
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

// members: of the configuration's `console`, as ", public_url: ..."; isSecure: it speaks TLS;
// prepare: before the tests.
export function startConsole({ members = () => "", isSecure = false, prepare = () => {} } = {}) {
    const here = { url: "", gatewayUrl: "", key: "", ctl: null };
    let child, lines;

    before(async () => {
        child = spawn(process.env.RELAYOS_LAUNCHER,
            [await members(), ...(isSecure ? ["localhost"] : [])],
            { stdio: ["pipe", "pipe", "inherit"] });
        lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
        const start = JSON.parse((await lines.next()).value);
        here.url = isSecure ? `https://localhost:${start.console_port}` :
            `http://127.0.0.1:${start.console_port}`;
        here.gatewayUrl = `http://127.0.0.1:${start.port}`;
        here.mockUrl = `http://127.0.0.1:${start.mock_port}`;
        here.key = start.key;
        here.ctl = async (words) => {
            child.stdin.write(words + "\n");
            return JSON.parse((await lines.next()).value);
        };
        await prepare();
    });
    after(async () => {
        const ended = new Promise((resolve) => child.on("exit", resolve));
        child.stdin.end();
        assert.equal(await ended, 0);
    });
    return here;
}

// ---- people ----

// Who calls the API as the pages do. Its last answer's session is its own.
export class Person {
    constructor(here) {
        Object.assign(this, { here, cookie: "", csrf: "" });
    }

    // { status, headers, text, json }; headers: null takes one away.
    async send(method, path, body, headers = {}) {
        const all = { origin: this.here.url, cookie: this.cookie, "x-csrf-token": this.csrf,
            ...(body !== undefined && { "content-type": "application/json" }), ...headers };
        const reply = await fetch(`${this.here.url}/api/v1${path}`, { method,
            body: body === undefined ? undefined :
                typeof body === "string" ? body : JSON.stringify(body),
            headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value)) });
        const text = await reply.text();
        const isJson = reply.headers.get("content-type")?.includes("json") === true;
        return { status: reply.status, headers: reply.headers, text,
            json: isJson && text !== "" ? JSON.parse(text) : null };
    }

    async call(method, path, body) {
        const reply = await this.send(method, path, body);
        assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
        return reply.json;
    }

    async enter(path, body) {
        const reply = await this.send("POST", path, body);
        assert.equal(reply.status, 200, reply.text);
        this.cookie = reply.headers.get("set-cookie").split(";")[0];
        this.csrf = reply.json.csrf;
        return this;
    }

    signIn(name, password = PASSWORD) {
        return this.enter("/session", { name, password });
    }
}

// The first account: alice, an admin.
export async function setUp(here) {
    const { url } = await here.ctl("user setup-link");
    return new Person(here).enter("/setup",
        { token: url.split("#")[1], name: "alice", password: PASSWORD });
}

export async function join(admin, name, role) {
    await admin.call("POST", "/users", { name, role, password: PASSWORD });
    return new Person(admin.here).signIn(name);
}

// A call of a tool to the gateway; its request id.
export async function ask(here, key, model = "openai/gpt-4.1-mini", content = "hi") {
    const reply = await fetch(`${here.gatewayUrl}/v1/chat/completions`, { method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content }] }) });
    await reply.text();
    return reply.headers.get("x-request-id");
}

// One whose answer does not end before its caller goes.
export async function begin(here, key, signal) {
    const reply = await fetch(`${here.gatewayUrl}/v1/chat/completions`, { method: "POST", signal,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "openai/gpt-4.1-mini", stream: true,
            messages: [{ role: "user", content: "hi !mock:stall=3" }] }) });
    return reply.headers.get("x-request-id");
}

// ---- browsers ----

// One Chromium for the file; every page of it is watched.
export function startBrowser() {
    let chrome;
    const browser = { open: null };

    before(async () => {
        await mkdir(ARTEFACTS, { recursive: true });
        chrome = await chromium.launch({
            executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
            args: ["--disable-gpu", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])] });
        browser.open = async (here, options = {}) => {
            const context = await chrome.newContext({ baseURL: here.url,
                viewport: { width: 1280, height: 800 },
                permissions: ["clipboard-read", "clipboard-write"], ...options });
            const page = await context.newPage();
            page.setDefaultTimeout(20000);
            watch(page, here);
            return page;
        };
    });
    after(() => chrome?.close());
    return browser;
}

// page.complaints: what the browser had to say, and requests to other hosts. That GET /session
// says 401 to who is signed out is no mistake.
function watch(page, here) {
    page.complaints = [];
    page.on("console", (message) => {
        const isSignedOut = message.text().includes("401") &&
            message.location().url.endsWith("/api/v1/session");
        if (["error", "warning"].includes(message.type()) && !isSignedOut)
            page.complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => page.complaints.push(error.stack));
    page.on("request", (request) => {
        if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(`${here.url}/`))
            page.complaints.push(`a request to ${request.url()}`);
    });
}

export function expectCalm(page) {
    assert.deepEqual(page.complaints, []);
}

export async function signIn(page, name, to = "/quickstart") {
    await page.goto(`/signin?to=${encodeURIComponent(to)}`);
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL((url) => url.pathname !== "/signin");
    await settle(page);
}

// Its content is there.
export async function settle(page) {
    await page.locator("main h1").waitFor();
    await page.waitForFunction(() => document.querySelector("main [aria-busy=true]") === null &&
        document.querySelector("main").children.length > 1 &&
        ![...document.querySelectorAll("main *")].some((one) => one.textContent === "Loading …"));
}

export async function photograph(page, name) {
    await page.screenshot({ path: `${ARTEFACTS}/${name}.png`, fullPage: true });
}

// Nothing serious, nor worse, in the eyes of axe-core. Contrast is most of its work, and the same
// on every screen.
export async function expectAccessible(page, label, { hasColours = true } = {}) {
    const violations = await page.evaluate(`${axe}; axe.run(document,
        { runOnly: ${JSON.stringify(RULES)},
        rules: { "color-contrast": { enabled: ${hasColours} } },
        resultTypes: ["violations"] }).then(({ violations }) =>
        violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
        .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map((node) =>
        node.target + " " + node.failureSummary).join(" | ")))`);
    assert.deepEqual(violations, [], label);
}
