// SPDX-License-Identifier: ISC
//
// Claude Code, Codex and opencode as they are installed, over models of each family: each reads a
// file in a loop of tools. What differs from a person at the keyboard is the model: a mock as strict
// as the real APIs.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startGateway } from "../gateway.mjs";
import { agents, missing, picture, runAgent } from "./agents.mjs";

const gateway = startGateway("/native/ strict");
const models = ["anthropic/claude-sonnet-4", "google/gemini-2.5-pro", "openai/gpt-4.1-mini", "openai/gpt-5-mini"];
let n_runs = 0;

// Run it with a key of its own: what it printed, and the requests that it made, the newest first.
async function run(name, how) {
    const keyName = `${name}-${++n_runs}`;
    const { secret } = await gateway.ctl(`key create --name ${keyName} --owner cli --tool ${toolOf(name)}`);
    const ran = await runAgent(agents[name], { baseURL: gateway.baseURL, key: secret, ...how });
    const { requests } = await gateway.ctl(`request list --key ${keyName} --limit 100`);
    return { ...ran, requests };
}

const toolOf = (name) => (name === "opencode" ? "agent" : name);

function expectCharged(requests) {
    for (const request of requests) {
        const told = JSON.stringify(request);
        assert.equal(request.status, 200, told);
        assert.equal(request.category, "none", told);
        assert.equal(request.n_attempts, 1, told);
        assert.equal(request.provenance, "reported", told);
        assert.ok(request.charge_nusd > 0, told);
    }
}

// What they are asked, and that they did it.
async function expectRead(name, how) {
    const word = `marzipan-${n_runs}`;
    const ran = await run(name, {
        ...how,
        word,
        ask: (path) => `Read the file !mock:read=${path},reasoning=5 now.`,
    });
    const { code, output, told, requests } = ran;
    assert.equal(code, 0, output + told);
    assert.match(output, /The tool said: /);
    assert.ok(output.includes(word), output + told);
    for (const request of requests.filter(({ model }) => model !== "")) assert.equal(request.model, how.model);
    return requests;
}

describe("a file is read in a loop of tools", { concurrency: 3 }, () => {
    for (const [name, agent] of Object.entries(agents)) {
        // opencode takes longest by far.
        for (const model of models.slice(0, name === "opencode" ? 3 : 4)) {
            test(`${name}, ${model}`, { skip: missing(agent) }, async () => {
                const requests = await expectRead(name, { model });
                assert.ok(requests.length >= 2);
                expectCharged(requests);
            });
        }
    }

    // opencode has these providers built in.
    for (const [npm, model] of [
        ["@ai-sdk/openai", models[0]],
        ["@ai-sdk/anthropic", models[1]],
    ])
        test(`opencode, ${npm}, ${model}`, { skip: missing(agents.opencode) }, async () => {
            expectCharged(await expectRead("opencode", { model, npm }));
        });

    for (const model of [models[0], models[3]])
        test(`codex, built-in, ${model}: at once without a WebSocket`, { skip: missing(agents.codex) }, async () => {
            const requests = await expectRead("codex", { model, isBuiltIn: true });
            assert.equal(requests.pop().category, "upgrade_required");
            assert.equal(requests.length, 2);
            expectCharged(requests);
        });
});

const noClaude = { skip: missing(agents["claude-code"]) };

test("claude-code asks again, and not for a stream, when one breaks", noClaude, async () => {
    for (const model of models.slice(0, 2)) {
        const { code, output, told, requests } = await run("claude-code", {
            model,
            word: "",
            ask: () => "hello !mock:error-event=4,chunks=9",
        });
        assert.equal(code, 0, output + told);
        assert.match(output, /You said: hello/);
        assert.deepEqual(
            requests.map((request) => [request.status, request.is_stream, request.category]),
            [
                [200, false, "none"],
                [200, true, "stream_interrupted"],
            ],
        );
    }
});

test("claude-code reads a picture, and the model sees it", noClaude, async () => {
    for (const model of models.slice(1, 3)) {
        const { code, output, told, requests } = await run("claude-code", {
            model,
            word: "",
            ask: (path) => `Look at !mock:read=${path.replace(/[^/]*$/, picture.name)},reasoning=5 now.`,
        });
        assert.equal(code, 0, output + told);
        assert.equal(requests.length, 2);
        expectCharged(requests);
        const seen = await (await fetch(`${gateway.mockURL}/mock/last`)).text();
        assert.ok(seen.includes(picture.base64), model);
    }
});

test("claude-code shows its context", noClaude, async () => {
    const how = { model: models[1], word: "", ask: () => "/context" };
    const { code, output, told, requests } = await run("claude-code", how);
    assert.equal(code, 0, output + told);
    assert.match(output, /Tokens/);
    assert.ok(requests.length > 0);
    for (const request of requests) {
        assert.equal(request.endpoint, "/v1/messages/count_tokens");
        assert.equal(request.status, 200);
        assert.equal(request.charge_nusd, 0);
    }
});

// What Claude Code asks at its start with CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY, which it does only
// while it may also talk to other hosts.
test("claude-code finds the models", async () => {
    const reply = await fetch(`${gateway.baseURL}/v1/models?limit=1000`, {
        headers: {
            authorization: `Bearer ${gateway.key}`,
            "anthropic-version": "2023-06-01",
            "user-agent": "claude-code/2.1.197",
        },
    });
    const { data, has_more } = await reply.json();
    assert.equal(has_more, false);
    for (const model of models) {
        const found = data.find(({ id }) => id === model);
        assert.equal(found?.type, "model");
        assert.ok(found.display_name.length > 0 && !Number.isNaN(Date.parse(found.created_at)));
    }
});
