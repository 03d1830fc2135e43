// SPDX-License-Identifier: ISC
//
// Message threads: the SDK's conversations that the provider holds. Straight to Anthropic they are
// kept; elsewhere the SDK is told, and sends the whole history.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { startGateway, weather } from "./gateway.mjs";

const gateway = startGateway("/native/ strict");
const anthropic = (more) =>
    new Anthropic({ apiKey: gateway.key, baseURL: gateway.baseURL, maxRetries: 0, ...more });
const models = { "anthropic/claude-sonnet-4": true, "google/gemini-2.5-pro": false, "openai/gpt-5-mini": false };

// The body that the mock was sent last.
const sent = async () => {
    const text = await (await fetch(`${gateway.mockURL}/mock/last`)).text();
    return JSON.parse(text.slice(text.indexOf("\r\n\r\n")));
};

const runner = (model, stream, inputs) =>
    anthropic().beta.messages.toolRunner({
        model,
        max_tokens: 1000,
        stream,
        messages: [{ role: "user", content: "use the tool" }],
        tools: [
            betaTool({
                name: weather.name,
                description: weather.description,
                inputSchema: weather.schema,
                run: (input) => {
                    inputs.push(input);
                    return "rain";
                },
            }),
        ],
    });

for (const [model, isKept] of Object.entries(models)) {
    for (const stream of [false, true]) {
        test(`toolRunner, ${model}, ${stream ? "streamed" : "whole"}: a loop`, async () => {
            const inputs = [];
            const message = await runner(model, stream, inputs).runUntilDone();
            assert.equal(message.content.at(-1).text, "The tool said: rain");
            assert.deepEqual(inputs, [weather.arguments]);
            assert.doesNotMatch(JSON.stringify(message), /canary/);
            const body = await sent();
            assert.equal(body.thread?.type, isKept ? "continue" : undefined);
            if (isKept) assert.match(body.thread.previous_message_id, /^msg_canary/);
            // Only the result, or all that was said.
            const turns = body.messages ?? body.contents ?? body.input;
            assert.equal(turns.length > 1, !isKept);
        });
    }
}

test("a thread goes on from any of its answers, and only its owner's", async () => {
    const model = "anthropic/claude-sonnet-4";
    const thread = anthropic().beta.messages.thread({ model, max_tokens: 100 });
    const first = await thread.send({ role: "user", content: "one" });
    const second = await thread.send({ role: "user", content: "two" });
    assert.equal(second.content[0].text, "You said: two");
    assert.notEqual(first.id, second.id);
    const resume = (id) =>
        anthropic().beta.messages.create({
            model,
            max_tokens: 100,
            thread: { type: "continue", previous_message_id: id },
            messages: [{ role: "user", content: "three" }],
        });
    assert.equal((await resume(first.id)).content[0].text, "You said: three");
    for (const id of ["msg_canary000001", first.id.slice(0, -4) + "AAAA", `msg_${"0".repeat(32)}`]) {
        const error = await resume(id).then(assert.fail, (reason) => reason);
        assert.ok(error instanceof Anthropic.NotFoundError, `${error}`);
        assert.equal(error.error.error.details.error_code, "thread_not_found");
    }
});

test("a thread that is lost begins anew, with all that was said", async () => {
    const bodies = [];
    const client = anthropic({
        fetch: (url, init) => {
            bodies.push(JSON.parse(init.body));
            return fetch(url, { ...init, body: init.body.replace(/"msg_[^"]*"/, '"msg_lost"') });
        },
    });
    const thread = client.beta.messages.thread({ model: "anthropic/claude-sonnet-4", max_tokens: 100 });
    await thread.send({ role: "user", content: "one" });
    const { content } = await thread.send({ role: "user", content: "two" });
    assert.equal(content[0].text, "You said: two");
    assert.deepEqual(
        bodies.map(({ thread, messages }) => [thread.type, messages.length]),
        [["create", 1], ["continue", 1], ["create", 3]],
    );
});
