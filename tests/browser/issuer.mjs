// SPDX-License-Identifier: ISC
//
// An OpenID provider for tests, as strict with its client as OpenID Connect Core lets it be. Who
// signs in is a name in a field; some names make it do what no provider should (FAULTS).
import assert from "node:assert/strict";
import { createHash, createHmac, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";

export const CLIENT = "relayos+test";
export const SECRET = "s3cret:with/signs%";

const b64 = (value) => Buffer.from(typeof value === "string" || Buffer.isBuffer(value) ? value :
    JSON.stringify(value)).toString("base64url");
const sha256 = (text) => createHash("sha256").update(text).digest();
const KINDS = { RS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }] };

// What differs of the token, the answer with it, or the way back. Each takes what a good one has.
export const FAULTS = {
    "nonce-of-another": ({ claims }) => { claims.nonce = "A".repeat(43); },
    "no-nonce": ({ claims }) => { delete claims.nonce; },
    "audience-of-another": ({ claims }) => { claims.aud = "somebody-else"; },
    "two-audiences": ({ claims }) => { claims.aud = [CLIENT, "somebody-else"]; },
    "party-of-another": ({ claims }) => { claims.azp = "somebody-else"; },
    "issuer-of-another": ({ claims }) => { claims.iss = "https://evil.example"; },
    "issuer-with-slash": ({ claims }) => { claims.iss += "/"; },
    "expired": ({ claims }) => { claims.exp -= 3600; },
    "no-expiry": ({ claims }) => { delete claims.exp; },
    "of-the-future": ({ claims }) => { claims.iat += 3600; },
    "no-iat": ({ claims }) => { delete claims.iat; },
    "no-subject": ({ claims }) => { delete claims.sub; },
    "subject-too-long": ({ claims }) => { claims.sub = "x".repeat(300); },
    "subject-with-nul": ({ claims }) => { claims.sub = "sub\u0000-alice"; },
    "hash-of-another-token": ({ claims }) => { claims.at_hash = b64(sha256("x").subarray(0, 16)); },
    "alg-none": ({ header, answer }) => { header.alg = "none"; answer.signature = ""; },
    "alg-none-signed": ({ header }) => { header.alg = "none"; },
    "hmac-with-the-public-key": ({ header, answer, issuer }) => {
        header.alg = "HS256";
        answer.sign = (text) => createHmac("sha256",
            issuer.keys.at(-1).publicKey.export({ type: "spki", format: "pem" })).update(text)
            .digest();
    },
    "signed-by-another": ({ answer, issuer }) => {
        const stranger = issuer.makeKey();
        answer.sign = (text) => issuer.sign(text, stranger);
    },
    "key-in-the-header": ({ header, answer, issuer }) => {
        const stranger = issuer.makeKey();
        header.jwk = stranger.publicKey.export({ format: "jwk" });
        delete header.kid;
        answer.sign = (text) => issuer.sign(text, stranger);
    },
    "changed-afterwards": ({ answer }) => {
        answer.change = (claims) => { claims.sub = "sub-alice"; };
    },
    "cut-signature": ({ answer }) => { answer.signature = "AAAA"; },
    "no-token": ({ answer }) => { answer.body = { access_token: "x", token_type: "Bearer" }; },
    "token-of-two-parts": ({ answer }) => {
        answer.body = { id_token: "a.b", token_type: "Bearer" };
    },
    "a-list": ({ answer }) => { answer.body = []; },
    "no-json": ({ answer }) => { answer.text = "<html>"; },
    "deep-json": ({ answer }) => { answer.text = "[".repeat(100000); },
    "huge": ({ answer }) => { answer.text = JSON.stringify({ x: "x".repeat(2 ** 20) }); },
    "huge-token": ({ claims }) => { claims.groups = "x".repeat(20000); },
    "cut": ({ answer }) => { answer.isCut = true; },
    "redirect": ({ answer }) => { answer.status = 302; },
    "server-error": ({ answer }) => { answer.status = 500; },
    "code-refused": ({ answer }) => {
        answer.status = 400;
        answer.body = { error: "invalid_grant" };
    },
    "client-refused": ({ answer }) => {
        answer.status = 401;
        answer.body = { error: "invalid_client" };
    },
};

export class Issuer {
    // metadata: further members of it, or others.
    static async start({ alg = "RS256", redirectUri, isPost = false, metadata = {} } = {}) {
        const issuer = new Issuer();
        Object.assign(issuer, { alg, redirectUri, isPost, metadata, keys: [], codes: new Map(),
            accounts: {}, asked: {}, held: [] });
        issuer.keys.push(issuer.makeKey());
        issuer.server = createServer((request, reply) => issuer.answer(request, reply)
            .catch((error) => reply.writeHead(400).end(error.stack)));
        await new Promise((resolve) => issuer.server.listen(0, "127.0.0.1", resolve));
        issuer.url = `http://127.0.0.1:${issuer.server.address().port}`;
        return issuer;
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }

    makeKey() {
        return { ...generateKeyPairSync(...KINDS[this.alg]), kid: randomBytes(6).toString("hex") };
    }

    rotate() {
        this.keys = [this.makeKey()];
    }

    sign(text, { privateKey }) {
        return createSign("sha256").update(text)
            .sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
    }

    async answer(request, reply) {
        const url = new URL(request.url, this.url);
        const what = url.pathname.split("/").at(-1);

        this.asked[what] = (this.asked[what] ?? 0) + 1;
        let body = "";
        for await (const part of request)
            body += part;
        const json = (value) => reply.writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify(value));
        if (what === "openid-configuration")
            json({ issuer: this.url, authorization_endpoint: `${this.url}/authorize?tenant=a`,
                token_endpoint: `${this.url}/token`, jwks_uri: `${this.url}/keys`,
                response_types_supported: ["code"], subject_types_supported: ["public"],
                id_token_signing_alg_values_supported: [this.alg],
                token_endpoint_auth_methods_supported: [this.isPost ? "client_secret_post" :
                    "client_secret_basic"], ...this.metadata });
        else if (what === "keys")
            json({ keys: this.keys.map(({ publicKey, kid }) =>
                ({ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: this.alg })) });
        else if (what === "token" && request.method === "POST")
            this.changeCode(request, new URLSearchParams(body), reply);
        else if (what === "authorize" && request.method === "GET")
            reply.writeHead(200, { "content-type": "text/html" }).end(
                '<!doctype html><html lang="en"><title>Test ID</title><h1>Test ID</h1>' +
                '<form method="post"><label>Who are you? <input name="name"></label>' +
                "<button>Continue</button></form>");
        else if (what === "authorize")
            reply.writeHead(303, { location: this.permit(request.url,
                new URLSearchParams(body).get("name")) }).end();
        else
            reply.writeHead(404).end();
    }

    // Somebody signs in there: the way back of a way here.
    permit(location, name) {
        const query = new URL(location, this.url).searchParams;

        assert.equal(query.get("tenant"), "a");
        assert.equal(query.get("client_id"), CLIENT);
        assert.equal(query.get("redirect_uri"), this.redirectUri, "it is the registered one");
        assert.equal(query.get("response_type"), "code");
        assert.equal(query.get("code_challenge_method"), "S256");
        assert.ok(query.get("scope").split(" ").includes("openid"));
        for (const one of ["code_challenge", "state", "nonce"])
            assert.match(query.get(one), /^[\w-]{43}$/, one);
        assert.notEqual(query.get("state"), query.get("nonce"));
        const back = new URL(this.redirectUri);
        const params = { state: query.get("state"), session_state: "some.thing", iss: this.url };
        if (name === "denies") {
            Object.assign(params, { error: "access_denied", error_description: "no" });
        } else {
            params.code = randomBytes(16).toString("base64url") + "/+ ";
            this.codes.set(params.code, { name, nonce: query.get("nonce"),
                challenge: query.get("code_challenge") });
        }
        back.search = new URLSearchParams(params);
        return back.href;
    }

    changeCode(request, form, reply) {
        const grant = this.codes.get(form.get("code"));
        const refuse = (error, status = 400) => reply.writeHead(status,
            { "content-type": "application/json" }).end(JSON.stringify({ error }));

        if (!this.isClient(request, form))
            return refuse("invalid_client", 401);
        this.codes.delete(form.get("code"));
        if (grant === undefined || form.get("grant_type") !== "authorization_code" ||
            form.get("redirect_uri") !== this.redirectUri ||
            sha256(form.get("code_verifier") ?? "").toString("base64url") !== grant.challenge)
            return refuse("invalid_grant");
        if (grant.name === "slow")
            return this.held.push(reply);
        this.giveTokens(grant, reply);
    }

    isClient(request, form) {
        const basic = `Basic ${Buffer.from([CLIENT, SECRET].map((one) =>
            encodeURIComponent(one)).join(":")).toString("base64")}`;

        return this.isPost ? form.get("client_id") === CLIENT &&
            form.get("client_secret") === SECRET && !request.headers.authorization :
            request.headers.authorization === basic && !form.has("client_secret");
    }

    giveTokens({ name, nonce }, reply) {
        const now = Math.floor(Date.now() / 1000);
        const access = randomBytes(16).toString("base64url");
        const key = this.keys.at(-1);
        const header = { alg: this.alg, kid: key.kid, typ: "JWT" };
        const claims = { iss: this.url, sub: `sub-${name}`, aud: CLIENT, exp: now + 300, iat: now,
            nonce, at_hash: b64(sha256(access).subarray(0, 16)), email: `${name}@example.com`,
            email_verified: true, preferred_username: name, ...this.accounts[name] };
        const answer = { status: 200, sign: (text) => this.sign(text, key) };
        FAULTS[name]?.({ header, claims, answer, issuer: this });
        const signed = `${b64(header)}.${b64(claims)}`;
        const signature = answer.signature ?? b64(answer.sign(signed));
        answer.change?.(claims);
        const idToken = `${answer.change ? `${b64(header)}.${b64(claims)}` : signed}.${signature}`;
        const text = answer.text ?? JSON.stringify(answer.body ?? { access_token: access,
            token_type: "Bearer", expires_in: 300, id_token: idToken });
        reply.writeHead(answer.status, { "content-type": "application/json",
            "content-length": Buffer.byteLength(text) + (answer.isCut ? 10 : 0),
            ...(answer.status === 302 && { location: `${this.url}/token` }) });
        reply.write(text);
        if (answer.isCut)
            reply.socket.destroySoon();
        else
            reply.end();
    }
}
