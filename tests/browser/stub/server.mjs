// SPDX-License-Identifier: ISC
//
// The console's assets with the headers they are served under, and an API that answers from
// fixtures in memory: to look at the pages without a gateway.
//
//     node tests/browser/stub/server.mjs [port]      alice | bob | carol, password "password1234"
//
// /setup#token makes nobody an account anew: it signs alice in. Its answers have the shapes of
// relayos-api(7); it is no proof of anything on the server's side.

import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { blankKey, changedKey, makeAdminKeys, makeKeys, makeUsers, MODELS, PUBLIC_URL }
    from "./fixtures.mjs";
import { moreRoutes } from "./more.mjs";

const ASSETS = fileURLToPath(new URL("../../../src/console/assets", import.meta.url));
const CHART = "/usr/share/javascript/chart.js/chart.min.js";
const HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; " +
        "base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
};
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
    ".svg": "image/svg+xml" };
const PASSWORD = "password1234";
const PAGE = 50;

const db = { keys: makeKeys(), users: makeUsers(), adminKeys: makeAdminKeys(), audit: [],
    sessions: new Map(), seen: new Map(), now: () => Date.now() * 1000 };

class Refusal extends Error {
    constructor(status, code, message, field = null, more = {}) {
        super(message);
        Object.assign(this, { status, body: { error: { code, message, field, request_id: "req_stub",
            ...more } } });
    }
}

// "METHOD path" -> [least role, handler({ params, query, body, user, session })]
const ROUTES = {
    "GET /session": ["member", ({ session }) => sessionView(session)],
    "POST /session": [null, signIn],
    "DELETE /session": ["member",
        ({ session }) => { db.sessions.delete(session.id); return null; }],
    "POST /setup": [null, ({ body, set }) => openSession(db.users[0], set, body)],
    "POST /password": ["member", ({ body }) => {
        if (body.old_password !== PASSWORD)
            throw new Refusal(422, "invalid", "That is not your password.", "old_password");
        return null;
    }],
    "GET /keys": ["member", ({ query, user }) => paged(keysOf(user).filter((key) =>
        key.name.includes(query.q ?? "") && key.owner.includes(query.owner ?? "") &&
        (!query.tool || key.tool === query.tool) && (!query.state || key.state === query.state)),
            query)],
    "POST /keys": ["member", ({ body, user }) => {
        if (db.keys.some((key) => key.name === body.name && key.state !== "revoked"))
            throw new Refusal(409, "name_taken", "A key in use has that name.", "name");
        const key = blankKey(db.keys.length + 1, body, user.name);
        db.keys.unshift(key);
        note(user, "key.create", key);
        return { key, secret: makeSecret("prod") };
    }],
    "GET /keys/{id}": ["member", ({ params, user }) => keyOf(user, params.id)],
    "PATCH /keys/{id}": ["member", ({ params, user, body, ifMatch }) => {
        const key = keyOf(user, params.id);
        if (ifMatch !== undefined && ifMatch !== etag(key))
            throw new Refusal(412, "changed", "Someone has changed it meanwhile: load it anew.");
        return replaceKey(user, key, changedKey(key, body), "key.update", body);
    }],
    "POST /keys/{id}/disable": ["member", (c) => setState(c, "disabled", "key.disable")],
    "POST /keys/{id}/enable": ["member", (c) => setState(c, "active", "key.enable")],
    "POST /keys/{id}/revoke": ["member", (c) => setState(c, "revoked", "key.revoke")],
    "POST /keys/{id}/rotate": ["member", ({ params, user, body }) => {
        const old = keyOf(user, params.id);
        const key = { ...old, ...blankKey(db.keys.length + 1, { name: old.name, tool: old.tool,
            owner: old.owner }, user.name), limits: old.limits, rotated_from: old.id };
        db.keys.unshift(key);
        return { key, secret: makeSecret("prod"), old: replaceKey(user, old, { ...old,
            rotated_to: key.id, expires_us: db.now() + body.overlap_us }, "key.rotate", body) };
    }],
    "GET /keys/{id}/audit": ["member", ({ params, query }) =>
        paged(db.audit.filter((entry) => entry.target === `key ${params.id}`), query)],
    "GET /models": ["member", () => ({ data: MODELS, next: null })],
    "GET /quickstart": ["member", () => ({ public_url: PUBLIC_URL, tools: ["cursor"],
        models: MODELS.map((model) => model.name) })],
    "POST /quickstart/test": ["member", ({ body }) => body.secret.startsWith("sk-prod-") ?
        { request_id: "req_7f3a9c01d2", status: 200, ok: true, latency_us: 812000,
            text: "Hello! Your gateway works." } :
        { request_id: "req_7f3a9c01d3", status: 401, ok: false, latency_us: 900,
            text: "This key is not valid." }],
    "GET /users": ["admin", ({ query }) =>
        paged(db.users.filter((user) => user.name.includes(query.q ?? "")), query)],
    "POST /users": ["admin", ({ body }) => {
        if (db.users.some((user) => user.name === body.name))
            throw new Refusal(409, "name_taken", "There is a user of that name.", "name");
        const user = { id: db.users.length + 1, name: body.name, role: body.role,
            is_disabled: false,
            issuer: null, has_password: body.password !== undefined, last_seen_us: null,
            created_us: db.now(), updated_us: db.now() };
        db.users.push(user);
        return user;
    }],
    "PATCH /users/{id}": ["admin", ({ params, body }) =>
        Object.assign(find(db.users, params.id), body)],
    "POST /users/{id}/password": ["admin", () => null],
    "GET /admin-keys": ["admin", ({ query }) => paged(db.adminKeys, query)],
    "POST /admin-keys": ["admin", ({ body, user }) => {
        const key = { id: db.adminKeys.length + 1, last4: "nEw1", created_us: db.now(),
            revoked_us: 0,
            created_by: user.name, ...body };
        db.adminKeys.unshift(key);
        return { admin_key: key, secret: makeSecret("admin") };
    }],
    "DELETE /admin-keys/{id}": ["admin", ({ params }) => {
        find(db.adminKeys, params.id).revoked_us = db.now();
        return null;
    }],
    ...moreRoutes(db, { Refusal, paged, find, keysOf }),
};

const RANK = { member: 1, operator: 2, admin: 3 };

const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://stub");
    try {
        if (url.pathname.startsWith("/api/v1/"))
            await answerApi(request, response, url);
        else
            await answerFile(response, url.pathname);
    } catch (error) {
        const status = error.status ?? 500;
        if (status === 500)
            console.error(error);
        send(response, status,
            error.body ?? { error : { code : "internal", message : String(error) } });
    }
});

server.listen(Number(process.argv[2] ?? 8099), "127.0.0.1", () =>
    console.log(`http://127.0.0.1:${server.address().port}/`));

async function answerFile(response, path) {
    const isAsset = path.startsWith("/assets/");
    const name = isAsset ? normalize(path.slice("/assets".length)) : "/index.html";
    const file = name === "/chart.js" ? CHART : join(ASSETS, name);
    const bytes = await readFile(file).catch(() => null);
    if (bytes === null)
        throw new Refusal(404, "not_found", "No such file.");
    response.writeHead(200, { ...HEADERS, "content-type": TYPES[extname(name)] ?? "text/plain" });
    response.end(bytes);
}

async function answerApi(request, response, url) {
    const path = url.pathname.slice("/api/v1".length);
    const { role, handler, params } = route(request.method, path);
    const session = db.sessions.get(/relayos=(\w+)/.exec(request.headers.cookie ?? "")?.[1]);
    const user = session?.user;
    if (role !== null && user === undefined)
        throw new Refusal(401, "signed_out", "Sign in first.", null,
            { setup_needed: false, oidc: { name: "Example ID", url: "/api/v1/oidc/start" } });
    if (role !== null && RANK[user.role] < RANK[role])
        throw new Refusal(404, "not_found", "It does not exist.");
    if (role !== null && request.method !== "GET" &&
        request.headers["x-csrf-token"] !== session.csrf)
        throw new Refusal(403, "csrf", "The page is of another session.");
    const body = await readBody(request);
    const again = db.seen.get(request.headers["idempotency-key"]);
    const answer = again ?? await handler({ params, body, user, session,
        query: Object.fromEntries(url.searchParams), ifMatch: request.headers["if-match"],
        set: (cookie) => response.setHeader("set-cookie", cookie) });
    if (request.headers["idempotency-key"] !== undefined)
        db.seen.set(request.headers["idempotency-key"], answer);
    if (typeof answer === "string") {
        response.writeHead(200, { ...HEADERS, "content-type": "text/csv" });
        response.end(answer);
        return;
    }
    send(response, answer === null ? 204 : 200, answer);
}

function route(method, path) {
    for (const [name, [role, handler]] of Object.entries(ROUTES)) {
        const [wanted, pattern] = name.split(" ");
        const names = [...pattern.matchAll(/\{(\w+)\}/g)].map((one) => one[1]);
        const match = new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, "([^/]+)")}$`).exec(path);
        if (wanted === method && match !== null)
            return { role, handler, params: Object.fromEntries(names.map((one, at) =>
                [one, decodeURIComponent(match[at + 1])])) };
    }
    throw new Refusal(404, "not_found", "It does not exist.");
}

async function readBody(request) {
    let text = "";
    for await (const chunk of request)
        text += chunk;
    return text === "" ? {} : JSON.parse(text);
}

function send(response, status, body) {
    if (body !== null && !Array.isArray(body) && status === 200)
        response.setHeader("etag", etag(body));
    response.writeHead(status, { ...HEADERS, "content-type": "application/json" });
    response.end(body === null ? "" : JSON.stringify(body));
}

function etag(body) {
    return `"${createHash("sha256").update(JSON.stringify(body)).digest("hex").slice(0, 16)}"`;
}

function signIn({ body, set }) {
    const user = db.users.find((one) => one.name === body.name && !one.is_disabled);
    if (user === undefined || body.password !== PASSWORD)
        throw new Refusal(401, "wrong_sign_in", "The name or the password is wrong.");
    return openSession(user, set);
}

function openSession(user, set) {
    const session = {
        id : randomBytes(16).toString("hex"),
        csrf : randomBytes(16).toString("hex"),
        user
    };
    db.sessions.set(session.id, session);
    set(`relayos=${session.id}; HttpOnly; SameSite=Strict; Path=/`);
    return sessionView(session);
}

function sessionView({ user, csrf }) {
    return { user: { id: user.id, name: user.name, role: user.role }, csrf, public_url: PUBLIC_URL,
        console_version: "stub" };
}

function paged(rows, { cursor = "0", limit = PAGE }) {
    const end = Number(cursor) + Number(limit);
    return { data: rows.slice(Number(cursor), end), next: end < rows.length ? String(end) : null };
}

function find(rows, id) {
    const row = rows.find((one) => String(one.id) === id);
    if (row === undefined)
        throw new Refusal(404, "not_found", "It does not exist.");
    return row;
}

function keysOf(user) {
    return user.role === "member" ? db.keys.filter((key) => key.owner === user.name) : db.keys;
}

function keyOf(user, id) {
    return find(keysOf(user), id);
}

function setState({ params, user, body }, state, action) {
    const key = keyOf(user, params.id);
    return replaceKey(user, key, { ...key, state, updated_us: db.now(),
        revoked_us: state === "revoked" ? db.now() : 0 }, action, body);
}

function replaceKey(user, old, key, action, detail) {
    db.keys[db.keys.indexOf(old)] = key;
    note(user, action, key, detail);
    return key;
}

function note(user, action, key, detail = {}) {
    db.audit.unshift({ seq: db.audit.length + 1, at_us: db.now(), who: user.name, action,
        target: `key ${key.id}`, detail });
}

function makeSecret(kind) {
    return `sk-${kind}-${
        randomBytes(40).toString("base64").replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 49)}`;
}
