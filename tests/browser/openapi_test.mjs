// SPDX-License-Identifier: ISC
//
// The API's own document: a validator that is not ours takes it for OpenAPI 3.1, and live answers
// are what it says.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv2020 from "ajv/dist/2020.js";

import { ask, Person, setUp, startConsole } from "./console.mjs";

const here = startConsole({ prepare });
const ids = {};
let admin, script, document;

async function prepare() {
    admin = await setUp(here);
    const { secret } = await admin.call("POST", "/admin-keys", { name: "ci", role: "admin" });
    script = new Person(here);
    script.send = (method, path, body) => Person.prototype.send.call(script, method, path, body,
        { origin: null, cookie: null, authorization: `Bearer ${secret}` });
    const made = await script.call("POST", "/keys", { name: "ci", owner: "alice" });
    ids["/keys"] = made.key.id;
    ids["/requests"] = await ask(here, made.secret);
    while ((await script.call("GET", "/requests")).data.length === 0);
    ids["/routes"] = (await script.call("GET", "/routes")).data[0].id;
    ids["/users"] = (await script.call("GET", "/users")).data[0].id;
    document = await script.call("GET", "/openapi.json");
}

test("a validator takes the document", async () => {
    const result = await new Validator().validate(structuredClone(document));
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.valid, true);
});

test("what is read is what the document says", async () => {
    const ajv = new Ajv2020({ strict: false, formats: { int64: true } })
        .addSchema({ $id: "api", ...document });
    let n = 0;
    for (const [path, calls] of Object.entries(document.paths)) {
        const schema = calls.get?.responses["200"]?.content["application/json"]?.schema;
        if (schema === undefined || path === "/session" || path === "/explain")
            continue; // an admin key has no session; the other wants a question
        const target = path.replace("{id}", ids[path.slice(0, path.indexOf("/", 1))]);
        const answer = await script.call("GET", target);
        const check = ajv.compile({ $ref: `api#/paths/${path.replaceAll("/", "~1")
            .replace("{", "%7B").replace("}", "%7D")}/get/responses/200/content/`
            + "application~1json/schema" });
        assert.ok(check(answer), `${path}: ${JSON.stringify(check.errors)}`);
        n++;
    }
    assert.ok(n > 15);
});

test("what a body may hold is what the document says", async () => {
    for (const [path, calls] of Object.entries(document.paths)) {
        for (const [method, call] of Object.entries(calls)) {
            const schema = call.requestBody?.content["application/json"].schema;
            if (schema === undefined)
                continue;
            const shape = document.components.schemas[schema.$ref.split("/").pop()];
            assert.equal(shape.additionalProperties, false, `${method} ${path}`);
            assert.ok(Object.keys(shape.properties).length > 0);
        }
    }
});
