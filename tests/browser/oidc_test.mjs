// SPDX-License-Identifier: ISC
//
// Signing in by an OpenID provider: in a browser, from the button to the page and back; and what
// becomes of whatever a provider, or somebody in between, may send instead.
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, test } from "node:test";

import { expectAccessible, join, Person, photograph, settle, setUp, startBrowser,
    startConsole } from "./console.mjs";
import { CLIENT, FAULTS, Issuer, SECRET } from "./issuer.mjs";

const CALLBACK = "/api/v1/oidc/callback";
const browser = startBrowser();
const dir = await mkdtemp(joinPath(tmpdir(), "relayos-oidc-"));
const secretFile = joinPath(dir, "secret");
await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
await chmod(secretFile, 0o600);
after(() => rm(dir, { recursive: true }));

// A console and its provider. Addresses are believed, so that one who fails makes no other wait.
function startBoth(options, members = "", prepare = async () => {}) {
    const both = { issuer: null, admin: null, lastAddress: 1 };

    both.here = startConsole({ members: async () => {
        both.issuer = await Issuer.start(options);
        return `, trusted_proxies: 127.0.0.1, oidc: {issuer: "${both.issuer.url}", ` +
            `client_id: "${CLIENT}", secret_file: ${secretFile}, name: Test ID${members}}`;
    }, prepare: async () => {
        both.issuer.redirectUri = both.here.url + CALLBACK;
        both.admin = await setUp(both.here);
        await prepare(both);
    } });
    after(() => both.issuer.stop());
    return both;
}

// A browser without a screen: what it is sent to, and the cookies that it keeps.
class Visitor {
    constructor(both) {
        this.both = both;
        this.cookies = {};
        this.address = `10.1.${both.lastAddress >> 8}.${both.lastAddress++ & 255}`;
    }

    async get(path, headers = {}) {
        const reply = await fetch(new URL(path, this.both.here.url), { redirect: "manual",
            headers: { "x-forwarded-for": this.address,
                cookie: Object.entries(this.cookies).map((pair) => pair.join("=")).join("; "),
                ...headers } });
        for (const line of reply.headers.getSetCookie()) {
            const [, name, value, life] =
                line.match(/^([\w-]+)=([\w-]*); Path=\/; Max-Age=(\d+); /);
            this.cookies[name] = value;
            if (life === "0")
                delete this.cookies[name];
        }
        return { status: reply.status, where: reply.headers.get("location"),
            text: await reply.text(), setCookie: reply.headers.getSetCookie(),
            headers: reply.headers };
    }

    // The way back from the provider, where they are `name`.
    async leave(name, to = "/keys") {
        const reply = await this.get(`/api/v1/oidc/start?to=${encodeURIComponent(to)}`);
        assert.equal(reply.status, 303, reply.text);
        assert.ok(reply.where.startsWith(`${this.both.issuer.url}/authorize?`), reply.where);
        return this.both.issuer.permit(reply.where, name);
    }

    async signIn(name, to) {
        return this.get(await this.leave(name, to));
    }

    async who() {
        const { status, text } = await this.get("/api/v1/session");
        return status === 200 ? JSON.parse(text).user : null;
    }
}

const ends = (reply, error) => {
    assert.equal(reply.status, 303, reply.text);
    assert.match(reply.where, new RegExp(`^/signin\\?error=${error}(&to=|$)`));
    assert.ok(!reply.setCookie.some((line) => /^(__Host-)?relayos=\w/.test(line)), "no session");
};

const main = startBoth({}, "", async ({ admin, issuer }) => {
    // Invited: neither password nor provider yet.
    for (const [name, role] of [["bob@example.com", "operator"], ["carol@example.com", "member"],
        ["gone@example.com", "member"], ["unverified@example.com", "admin"]])
        await admin.call("POST", "/users", { name, role });
    await join(admin, "dave@example.com", "admin");
    issuer.accounts.unverified = { email_verified: false };
    issuer.accounts.unsaid = { email: "bob2@example.com", email_verified: undefined };
    issuer.accounts["another-bob"] = { email: "BOB@example.com" };
    issuer.accounts.alice = { email: "alice" };
    const { data } = await admin.call("GET", "/users?q=gone");
    await admin.call("PATCH", `/users/${data[0].id}`, { is_disabled: true });
    await admin.call("POST", "/users", { name: "bob2@example.com", role: "admin" });
});
const other = startBoth({ alg: "ES256", isPost: true,
    metadata: { authorization_response_iss_parameter_supported: true } },
    ", claim: preferred_username, create: member");

// ---- in a browser ----

async function signInByButton(page, name) {
    await page.getByRole("link", { name: "Sign in with Test ID" }).click();
    await page.getByLabel("Who are you?").fill(name);
    await page.getByRole("button", { name: "Continue" }).click();
}

// What it complained of, but that it went to the provider.
function expectCalmButForThe(issuer, page) {
    assert.deepEqual(page.complaints.filter((text) => !text.includes(issuer.url)), []);
}

test("who is invited signs in by the provider, to the page that they wanted", async () => {
    const page = await browser.open(main.here);

    await page.goto("/requests?status=failed");
    await page.getByRole("link", { name: "Sign in with Test ID" }).waitFor();
    await photograph(page, "signin-provider");
    await expectAccessible(page, "signin-provider");
    await signInByButton(page, "bob");
    await page.waitForURL(/\/requests\?status=failed$/);
    await settle(page);
    assert.match(await page.locator("body").innerText(), /bob@example\.com/);
    const cookies = await page.context().cookies(main.here.url);
    assert.deepEqual(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]),
        [["relayos", true, "Strict"]], "the passage's cookie is gone");
    await page.reload();
    await settle(page);
    assert.match(page.url(), /\/requests/);
    expectCalmButForThe(main.issuer, page);

    // Once more, and it is the same account; what was done is in the books.
    const again = await browser.open(main.here);
    await again.goto("/signin");
    await signInByButton(again, "bob");
    await again.waitForURL((url) => url.pathname !== "/signin" && url.origin === main.here.url);
    await settle(again);
    const { data } = await main.admin.call("GET", "/audit?target=user+bob@example.com");
    assert.deepEqual(data.map(({ action, who }) => [action, who]).slice(0, 4),
        [["session.open", "bob@example.com"], ["session.open", "bob@example.com"],
            ["user.claim", "bob@example.com"], ["user.create", "alice"]]);
});

test("who is not let in reads why, and can try again", async () => {
    const page = await browser.open(main.here);

    for (const [name, text] of [["nobody", "have no account here"], ["gone", "is disabled"],
        ["denies", "did not sign you in"], ["expired", "failed. Try again"]]) {
        await page.goto("/signin?to=%2Fmodels");
        await signInByButton(page, name);
        await page.getByText(text).waitFor();
        assert.equal(new URL(page.url()).searchParams.get("to"), "/models");
        await page.getByRole("link", { name: "Sign in with Test ID" }).waitFor();
    }
    await photograph(page, "signin-refused");
    await expectAccessible(page, "signin-refused");
    expectCalmButForThe(main.issuer, page);
});

// ---- without one ----

for (const name of Object.keys(FAULTS))
    test(`a provider's fault is no way in: ${name}`, async () => {
        // There is an account for each, were it not for the fault.
        await main.admin.call("POST", "/users", { name: `${name}@example.com`, role: "admin" });
        const visitor = new Visitor(main);
        ends(await visitor.signIn(name), "failed");
        assert.equal(await visitor.who(), null);
    });

test("the same account without a fault is one", async () => {
    const visitor = new Visitor(main);
    assert.equal((await visitor.signIn("carol", "/models")).where, "/models");
    assert.deepEqual({ ...await visitor.who(), id: 0 }, { id: 0, name: "carol@example.com",
        role: "member" });
});

test("an account that is somebody's is not given to another", async () => {
    for (const [name, why] of [["dave", "it has a password"], ["another-bob", "another subject's"],
        ["alice", "the admin's"], ["unverified", "nobody has looked at that address"],
        ["unsaid", "nor says that they have"], ["nobody", "there is none"]]) {
        const visitor = new Visitor(main);
        ends(await visitor.signIn(name), "unknown_user");
        assert.equal(await visitor.who(), null, why);
    }
    const { data } = await main.admin.call("GET", "/users");
    for (const name of ["alice", "dave@example.com", "unverified@example.com", "bob2@example.com"])
        assert.equal(data.find((one) => one.name === name).issuer, null, name);
});

test("who is disabled is out, by the provider too", async () => {
    const visitor = new Visitor(main);
    await main.admin.call("POST", "/users", { name: "eve@example.com", role: "member" });
    assert.equal((await visitor.signIn("eve")).where, "/keys");
    const { data } = await main.admin.call("GET", "/users?q=eve");
    await main.admin.call("PATCH", `/users/${data[0].id}`, { is_disabled: true });
    assert.equal(await visitor.who(), null);
    ends(await visitor.signIn("eve"), "disabled");
});

test("a way back is for the browser that left, once, and as it was sent", async () => {
    const leaver = new Visitor(main), thief = new Visitor(main);
    const stolen = await leaver.leave("bob");
    ends(await thief.get(stolen), "failed");
    await thief.leave("bob");
    ends(await thief.get(stolen), "failed");

    const kept = { ...leaver.cookies };
    assert.equal((await leaver.get(stolen)).where, "/keys");
    const asked = main.issuer.asked.token;
    ends(await leaver.get(stolen), "failed");
    leaver.cookies = { ...kept };
    ends(await leaver.get(stolen), "failed");
    assert.equal(main.issuer.asked.token, asked, "the provider is not asked about it again");

    const [cookie] = Object.entries(kept).find(([name]) => name.endsWith("-oidc"));
    const change = { "no state": (url) => url.searchParams.delete("state"),
        "another state": (url) => url.searchParams.set("state", "A".repeat(43)),
        "two states": (url) => url.searchParams.append("state", "A".repeat(43)),
        "two codes": (url) => url.searchParams.append("code", "A"),
        "no code": (url) => url.searchParams.delete("code"),
        "a made-up code": (url) => url.searchParams.set("code", "made-up"),
        "a long code": (url) => url.searchParams.set("code", "x".repeat(4000)),
        "another issuer": (url) => url.searchParams.set("iss", "https://evil.example"),
        "two issuers": (url) => url.searchParams.append("iss", "https://evil.example"),
        "an error": (url) => url.searchParams.set("error", "server_error") };
    for (const [label, run] of Object.entries(change)) {
        const visitor = new Visitor(main);
        const back = new URL(await visitor.leave("bob"));
        run(back);
        ends(await visitor.get(back.href), "failed");
        assert.equal(await visitor.who(), null, label);
    }
    for (const forge of [(text) => text.slice(1),
        (text) => (text[0] === "A" ? "B" : "A") + text.slice(1),
        (text) => text.slice(0, -43), () => "", (text) => text + text, () => "A".repeat(200),
        (text) => `${text.slice(0, -4)}AAAA`]) {
        const visitor = new Visitor(main);
        const back = await visitor.leave("bob");
        visitor.cookies[cookie] = forge(visitor.cookies[cookie]);
        ends(await visitor.get(back), "failed");
    }
    const visitor = new Visitor(main);
    const back = await visitor.leave("bob");
    ends(await visitor.get(back,
        { cookie: `${cookie}=AAAA; ${cookie}=${visitor.cookies[cookie]}` }), "failed");
});

test("nobody is led to another site, nor back to a door", async () => {
    for (const to of ["//evil.example", "/\\evil.example", "https://evil.example", "evil",
        "javascript:alert(1)", "/signin", "/setup", "/api/v1/session", "/a b", "/a\r\nx: y",
        "/%0d%0a\u0000", `/${"x".repeat(600)}`, "", "/\t/evil.example"]) {
        const visitor = new Visitor(main);
        const start = await visitor.get(`/api/v1/oidc/start?to=${encodeURIComponent(to)}`);
        if (start.status === 400)
            continue; // NUL is in no query
        const reply = await visitor.get(main.issuer.permit(start.where, "bob"));
        assert.equal(reply.where, "/", JSON.stringify(to));
    }
});

test("a session that was planted is not the one that is signed in", async () => {
    const visitor = new Visitor(main);
    visitor.cookies.relayos = "B".repeat(43);
    await visitor.signIn("bob");
    const first = visitor.cookies.relayos;
    assert.notEqual(first, "B".repeat(43));
    await visitor.signIn("bob");
    assert.notEqual(visitor.cookies.relayos, first);
    assert.equal((await visitor.get("/api/v1/session", { cookie: `relayos=${first}` })).status, 401,
        "it took the place of the first");
    const start = await visitor.get("/api/v1/oidc/start");
    assert.match(start.setCookie[0], /^relayos-oidc=.*; Max-Age=600; HttpOnly; SameSite=Lax$/);
    const secure = await visitor.get("/api/v1/oidc/start", { "x-forwarded-proto": "https" });
    assert.match(secure.setCookie[0], /^__Host-relayos-oidc=.*; SameSite=Lax; Secure$/);
    for (const { headers } of [start, secure]) {
        assert.equal(headers.get("cache-control"), "no-store");
        assert.equal(headers.get("referrer-policy"), "no-referrer");
    }
});

test("whoever makes codes up has to wait", async () => {
    const visitor = new Visitor(main);
    for (let n = 0, where = ""; !where.includes("error=busy"); n++) {
        assert.ok(n < 100, "for ever");
        const back = new URL(await visitor.leave("bob"));
        back.searchParams.set("code", "made-up");
        ({ where } = await visitor.get(back.href));
    }
    assert.equal((await new Visitor(main).signIn("bob")).where, "/keys", "nobody else does");
});

test("a provider that does not answer keeps nobody else waiting, and is not waited for long",
    async () => {
        const visitor = new Visitor(main);
        const slow = visitor.signIn("slow");
        while (main.issuer.held.length === 0)
            await new Visitor(main).get("/api/v1/session");
        assert.equal((await new Visitor(main).signIn("bob")).where, "/keys");
        ends(await slow, "failed");
    });

test("a key that is new is fetched, and one that stays unknown not again and again", async () => {
    const asked = () => main.issuer.asked.keys;
    const before = asked();
    main.issuer.rotate();
    assert.equal((await new Visitor(main).signIn("bob")).where, "/keys");
    assert.equal(asked(), before + 1);
    const [published] = main.issuer.keys;
    main.issuer.keys = [published, main.issuer.makeKey()];
    for (let n = 0; n < 5; n++)
        ends(await new Visitor(main).signIn("bob"), "failed");
    assert.equal(asked(), before + 1, "once a minute is enough");
    main.issuer.keys = [published];
    assert.equal((await new Visitor(main).signIn("bob")).where, "/keys");
});

test("where accounts are made at the first sign-in, they are members'", async () => {
    const visitor = new Visitor(other);
    assert.equal((await visitor.signIn("frank")).where, "/keys");
    assert.deepEqual({ ...await visitor.who(), id: 0 }, { id: 0, name: "frank", role: "member" });
    const again = new Visitor(other);
    await again.signIn("frank");
    assert.deepEqual(await again.who(), await visitor.who());
    for (const [name, taken] of [["mallory", "alice"], ["mallory", "ALICE"], ["mallory", "frank"],
        ["mallory", "12"], ["mallory", "a b"], ["mallory", "x".repeat(80)], ["mallory", ""]]) {
        other.issuer.accounts[name] = { preferred_username: taken };
        const thief = new Visitor(other);
        ends(await thief.signIn(name), "unknown_user");
        assert.equal(await thief.who(), null, taken);
    }
});

test("a provider that names itself in its answers does so in each", async () => {
    const visitor = new Visitor(other);
    const back = new URL(await visitor.leave("frank"));
    back.searchParams.delete("iss");
    ends(await visitor.get(back.href), "failed");
});

test("relayosctl ties an account to a subject", async () => {
    const url = main.issuer.url;
    assert.equal((await main.here.ctl(`user add heidi --role operator --issuer ${url} ` +
        "--subject sub-heidi")).user.issuer, url);
    main.issuer.accounts.heidi = { email: undefined };
    const visitor = new Visitor(main);
    assert.equal((await visitor.signIn("heidi")).where, "/keys");
    assert.equal((await visitor.who()).role, "operator");
    const password = await new Person(main.here).send("POST", "/session",
        { name: "heidi", password: "" });
    assert.notEqual(password.status, 200);
});
