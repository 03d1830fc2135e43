// SPDX-License-Identifier: ISC
//
// Who may do what: every row of src/console/api.def, asked as everybody, with what is missing or
// wrong. A row that is added is tested by being there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { ask, join, PASSWORD, Person, setUp, startConsole } from "./console.mjs";

const ROLES = ["nobody", "member", "operator", "admin"];
const METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"];
const text = await readFile(new URL("../../src/console/api.def", import.meta.url), "utf8");
const ROWS = [...text.matchAll(/^API\((\w+), "([^"]+)", (\w+), (\w+),\s/gm)]
    .map(([, method, path, role]) => ({ method, path, role: role.toLowerCase(),
        label: `${method} ${path}`, isChange: method !== "GET",
        hasBody: method !== "GET" && method !== "DELETE" }));
assert.equal(ROWS.length, text.match(/^API\(/gm).length, "each row of api.def is understood");

const here = startConsole({ prepare });
const people = {};
const ids = {};

async function prepare() {
    people.nobody = new Person(here);
    people.admin = await setUp(here);
    people.operator = await join(people.admin, "bob", "operator");
    people.member = await join(people.admin, "carol", "member");
    const make = async (owner) => (await people.admin.call("POST", "/keys",
        { name: `${owner}'s`, owner }));
    const [own, foreign] = [await make("carol"), await make("bob")];
    Object.assign(ids, { own: own.key.id, foreign: foreign.key.id,
        ownRequest: await ask(here, own.secret), foreignRequest: await ask(here, foreign.secret) });
    while ((await people.admin.call("GET", "/requests")).data.length < 2);
    ids.route = (await people.admin.call("GET", "/routes")).data[0].id;
    for (const role of ROLES.slice(1)) {
        const { secret } = await people.admin.call("POST", "/admin-keys", { name: role, role,
            expires_us: 0 });
        people[`${role}'s admin key`] = new Person(here);
        people[`${role}'s admin key`].bearer = secret;
    }
}

// An address of the row at which there is nothing: nothing is changed by asking.
const nowhere = (row) => row.path.replace("{id}",
    row.path.startsWith("/requests") ? "00000000-0000-7000-8000-000000000000" : "999999");
const covers = (role, needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);
// One at which there is something.
const somewhere = (row) => row.path.replace("{id}", row.path.startsWith("/routes") ? ids.route :
    row.path.startsWith("/keys") ? ids.foreign : "1");
// What no call takes: a row that is reached says so, and does nothing.
const STRAY = { no_such_member: true };

const code = (reply) => reply.json?.error?.code;

// One answer of all of them, with the headers that every answer must have.
async function expect(person, row, { status, codes, headers, body = row.hasBody ? STRAY : undefined,
    path = nowhere(row) }, label) {
    const reply = await person.send(row.method, path, body,
        { ...(person.bearer && { authorization: `Bearer ${person.bearer}`, origin: null,
            "x-csrf-token": null, cookie: null }), ...headers });
    const told = `${label}: ${row.label}: ${reply.status} ${reply.text.slice(0, 200)}`;
    expectGuards(reply.headers, told);
    if (status !== undefined)
        assert.equal(reply.status, status, told);
    if (codes !== undefined)
        assert.ok(codes.includes(code(reply)), told);
    if (reply.status >= 400)
        assert.ok(reply.json.error.message && reply.json.error.request_id, told);
    return reply;
}

function expectGuards(headers, label) {
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/, label);
    assert.match(policy, /frame-ancestors 'none'/, label);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/, label);
    assert.equal(headers.get("x-content-type-options"), "nosniff", label);
    assert.equal(headers.get("referrer-policy"), "no-referrer", label);
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin", label);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", label);
    assert.equal(headers.get("cache-control"), "no-store", label);
    assert.equal(headers.get("access-control-allow-origin"), null, label);
}

test("without a session nothing is answered but the door", async () => {
    for (const row of ROWS.filter(({ role }) => role !== "nobody"))
        await expect(people.nobody, row, { status: 401, codes: ["signed_out"] }, "nobody");
});

test("a cookie that was made up is nobody's", async () => {
    for (const cookie of [`relayos=${"A".repeat(43)}`, "relayos=", `relayos=${"../".repeat(20)}`,
        people.member.cookie.slice(0, -1)])
        for (const row of ROWS.filter(({ role }) => role !== "nobody"))
            await expect(people.nobody, row, { status: 401, headers: { cookie } }, cookie);
});

for (const role of ["member", "operator", "admin"])
    for (const who of [role, `${role}'s admin key`])
        test(`what ${who} may call and what not`, async () => {
            // Signing out would be done: it has a test of its own.
            for (const row of ROWS.filter((one) => one.role !== "nobody" &&
                one.label !== "DELETE /session")) {
                if (!covers(role, row.role)) {
                    await expect(people[who], row, { status: 403, codes: ["forbidden"] }, who);
                    continue;
                }
                const reply = await expect(people[who], row, {}, who);
                assert.ok(reply.status !== 401 && code(reply) !== "forbidden",
                    `${who}: ${row.label}: ${reply.status} ${reply.text}`);
            }
        });

test("a method that a path has not is no way round", async () => {
    for (const path of new Set(ROWS.map((row) => row.path)))
        for (const method of METHODS.filter((one) =>
            !ROWS.some((row) => row.path === path && row.method === one))) {
            const row = { method, path, hasBody: false, label: `${method} ${path}` };
            for (const who of ["nobody", "member", "admin"]) {
                const reply = await expect(people[who], row, {}, who);
                assert.ok([401, 403, 404, 405].includes(reply.status),
                    `${row.label} ${reply.status}`);
            }
        }
});

test("a change without the session's token, or from another page, is refused", async () => {
    const { admin, operator } = people;
    for (const row of ROWS.filter((one) => one.isChange && one.role !== "nobody")) {
        for (const token of [null, "0".repeat(64), operator.csrf, admin.csrf.slice(1)])
            await expect(admin, row, { status: 403, codes: ["csrf"],
                headers: { "x-csrf-token": token } }, `token ${token}`);
        for (const origin of [null, "null", "http://evil.example", `${here.url}.evil.example`,
            here.url.replace("http:", "https:"), "http://127.0.0.1:1"])
            await expect(admin, row, { status: 403, codes: ["origin"], headers: { origin } },
                `origin ${origin}`);
    }
    for (const row of ROWS.filter((one) => one.isChange && one.role === "nobody"))
        await expect(new Person(here), row, { status: 403, codes: ["origin"],
            headers: { origin: "http://evil.example" } }, "signing in from another page");
});

test("a member that no call knows is refused, and so is what is no object of JSON", async () => {
    for (const row of ROWS.filter((one) => one.hasBody)) {
        const person = row.role === "nobody" ? new Person(here) : people.admin;
        const path = somewhere(row);
        await expect(person, row, { status: 400, codes: ["unknown_field"], path },
            "mass assignment");
        for (const body of ["[]", "null", "{", '{"a":1,"a":2}', '"a"'])
            await expect(person, row, { status: 400, path, body }, body);
        await expect(person, row, { status: 415, path, body: "a=b",
            headers: { "content-type": "application/x-www-form-urlencoded" } }, "a form");
    }
});

test("what is an operator's or the server's to say is not a member's", async () => {
    const path = `/keys/${ids.own}`;
    const before = (await people.member.send("GET", path)).text;
    for (const [name, value] of Object.entries({ owner: "bob", models: ["flat"], policy: "cheapest",
        quotas: [{ unit: "usd", period: "month", amount: 0 }], requests_per_minute: 1000,
        tokens_per_minute: 1, max_concurrent: 9, expires_us: 0, strict: true, tool: "curl" })) {
        const reply = await people.member.send("PATCH", path, { [name]: value });
        assert.ok([400, 403].includes(reply.status), `${name}: ${reply.status} ${reply.text}`);
    }
    for (const name of ["id", "state", "secret", "digest", "created_us", "used", "role", "who"]) {
        const reply = await people.admin.send("PATCH", path, { [name]: 1 });
        assert.equal(reply.status, 400, `${name}: ${reply.text}`);
    }
    assert.equal((await people.member.send("GET", path)).text, before);
});

// One body for what is not there and for what is not theirs, whatever is asked of it.
test("what is another's is as what is not there", async () => {
    const body = (reply) => reply.text.replaceAll(reply.json.error.request_id, "");
    for (const row of ROWS.filter(({ path, role }) => path.includes("{id}") &&
        covers("member", role))) {
        const isKey = row.path.startsWith("/keys");
        assert.ok(isKey || row.path.startsWith("/requests"), `${row.label}: whose are they?`);
        const theirs = row.path.replace("{id}", isKey ? ids.foreign : ids.foreignRequest);
        const valid = row.method === "PATCH" ? { name: "mine now" } : row.hasBody ? {} : undefined;
        const gone = await expect(people.member, row, { status: 404, codes: ["not_found"],
            body: valid }, "not there");
        const foreign = await expect(people.member, row, { status: 404, codes: ["not_found"],
            body: valid, path: theirs }, "another's");
        assert.equal(body(foreign), body(gone));
        for (const id of ["0", "-1", "1e3", "%00", "99999999999999999999999", "1%2f..%2f2"])
            await expect(people.member, row, { status: 404, body: valid,
                path: row.path.replace("{id}", id) }, id);
    }
    assert.equal((await people.operator.call("GET", `/keys/${ids.foreign}`)).state, "active");
});

test("lists, whatever is asked for, hold a member's own alone", async () => {
    const foreign = [`"id":${ids.foreign},`, "bob's", ids.foreignRequest];
    for (const query of ["", "?owner=bob", `?key=${ids.foreign}`, "?key=bob's", "?q=bob",
        `?request_id=${ids.foreignRequest}`, "?by=owner", "?by=key"])
        for (const row of ROWS.filter(({ method, path, role }) => method === "GET" &&
            path !== "/session" && !path.includes("{id}") && covers("member", role))) {
            const reply = await people.member.send("GET", row.path + query);
            for (const word of foreign)
                assert.ok(!reply.text.includes(word), `${row.path}${query}: ${word}`);
        }
});

test("an admin key asks no model, and a tool's key no question of the console", async () => {
    for (const role of ROLES.slice(1)) {
        const reply = await fetch(`${here.gatewayUrl}/v1/chat/completions`, { method: "POST",
            headers: { authorization: `Bearer ${people[`${role}'s admin key`].bearer}`,
                "content-type": "application/json" },
            body: '{"model":"openai/gpt-4.1-mini","messages":[]}' });
        assert.equal(reply.status, 401, await reply.text());
    }
    const tool = new Person(here);
    tool.bearer = here.key;
    for (const row of ROWS)
        if (row.role !== "nobody")
            await expect(tool, row, { status: 401, codes: ["bad_key"] }, "a tool's key");
});

test("a session that was planted is not the one that is signed in", async () => {
    const planted = `relayos=${"B".repeat(43)}`;
    const victim = new Person(here);
    victim.cookie = planted;
    await victim.signIn("carol");
    assert.notEqual(victim.cookie, planted);
    assert.equal((await new Person(here).send("GET", "/session", undefined,
        { cookie: planted })).status, 401);
    const first = victim.cookie;
    await victim.signIn("carol");
    assert.equal((await new Person(here).send("GET", "/session", undefined,
        { cookie: first })).status, 401, "it took the place of the first");
    await victim.call("DELETE", "/session");
    assert.equal((await victim.send("GET", "/session")).status, 401,
        "signing out is at the server");
});

test("who is disabled is out at once, and so is an admin key that was revoked", async () => {
    const dave = await join(people.admin, "dave", "operator");
    const { data } = await people.admin.call("GET", "/users");
    await people.admin.call("PATCH", `/users/${data.find((one) => one.name === "dave").id}`,
        { is_disabled: true });
    assert.equal((await dave.send("GET", "/session")).status, 401);
    const refused = await new Person(here).send("POST", "/session",
        { name: "dave", password: PASSWORD });
    assert.equal(refused.status, 401);
    assert.equal(code(refused), "bad_credentials", "as if the password were wrong");
    const made = await people.admin.call("POST", "/admin-keys", { name: "short", role: "admin",
        expires_us: 0 });
    await people.admin.call("DELETE", `/admin-keys/${made.admin_key.id}`);
    assert.equal((await new Person(here).send("GET", "/users", undefined,
        { authorization: `Bearer ${made.secret}` })).status, 401);
});

test("pages and their files have the same guards, and nothing inline", async () => {
    const page = await fetch(`${here.url}/keys`);
    const html = await page.text();
    const policy = page.headers.get("content-security-policy");
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.match(policy, /style-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe|data: *;? *script|https?:/);
    assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|\son\w+=|style=|javascript:/);
    for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        const file = await fetch(here.url + path);
        await file.arrayBuffer();
        assert.equal(file.status, 200, path);
        assert.equal(file.headers.get("x-content-type-options"), "nosniff", path);
        assert.ok(file.headers.has("content-security-policy"), path);
    }
});

// The last one: this address has to wait from then on.
test("who guesses has to wait, for a name that exists and for one that does not", async () => {
    const attempt = (name, password) =>
        new Person(here).send("POST", "/session", { name, password });
    const guessUntilHeldOff = async (name) => {
        let reply = await attempt(name, "guess");
        for (let n = 0; n < 20 && reply.status === 401; n++) {
            assert.equal(code(reply), "bad_credentials");
            reply = await attempt(name, "guess");
        }
        assert.equal(reply.status, 429);
        assert.ok(Number(reply.headers.get("retry-after")) > 0);
    };
    // On a slow machine the first wait, a second, may be over before the next request is there.
    let right = null;
    for (let n = 0; n < 5 && right?.status !== 429; n++) {
        await guessUntilHeldOff("carol");
        right = await attempt("carol", PASSWORD);
    }
    assert.equal(right.status, 429, "the right one does not tell itself by its answer");
    await guessUntilHeldOff("no such name");
    assert.equal((await people.member.send("GET", "/session")).status, 200,
        "who is in stays in");
});
