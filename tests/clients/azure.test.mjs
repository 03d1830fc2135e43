// SPDX-License-Identifier: ISC
//
// OpenAI's SDK for Azure: the model is a deployment in the path, the key stands in api-key.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { AzureOpenAI } from "openai";
import { expectCharged, startGateway, uuid, weather } from "./gateway.mjs";

const gateway = startGateway();
const client = (options = {}) =>
    new AzureOpenAI({
        apiKey: gateway.key,
        endpoint: gateway.baseURL,
        apiVersion: "2025-04-01-preview",
        maxRetries: 0,
        ...options,
    });
const ask = (content, more = {}) => ({
    model: "gpt-4.1-mini",
    messages: [{ role: "user", content }],
    ...more,
});

test("a deployment answers on chat, by the body's model or the client's", async () => {
    const reply = await client().chat.completions.create(ask("hello"));
    assert.equal(reply.choices[0].message.content, "You said: hello");
    assert.equal(reply.model, "gpt-4.1-mini");
    assert.match(reply._request_id, uuid);

    const deployed = client({ deployment: "gemini-2.5-pro" });
    const other = await deployed.chat.completions.create(ask("hello", { model: "whatever" }));
    assert.equal(other.model, "gemini-2.5-pro");
    const without = await deployed.chat.completions.create(ask("hello", { model: undefined }));
    assert.equal(without.model, "gemini-2.5-pro");
});

test("models of every protocol are deployments, and their names may have slashes", async () => {
    for (const model of ["anthropic/claude-sonnet-4", "google/gemini-2.5-pro", "openai/gpt-5-mini"]) {
        const reply = await client().chat.completions.create(ask("hello", { model }));
        assert.equal(reply.model, model);
        assert.equal(reply.choices[0].message.content, "You said: hello");
    }
});

test("a deployment streams and calls tools", async () => {
    const { name, description, schema } = weather;
    const final = await client()
        .chat.completions.stream(
            ask("use the tool", {
                tools: [{ type: "function", function: { name, description, parameters: schema } }],
                stream_options: { include_usage: true },
            }),
        )
        .finalChatCompletion();
    assert.deepEqual(
        JSON.parse(final.choices[0].message.tool_calls[0].function.arguments),
        weather.arguments,
    );
    assert.ok(final.usage.total_tokens > 0);
});

test("completions and embeddings are deployments, too", async () => {
    const text = await client().completions.create({ model: "gpt-4.1-mini", prompt: "once" });
    assert.equal(text.choices[0].text, "You said: once");

    // The SDK asks for base64 by itself and decodes whatever comes.
    const { data } = await client().embeddings.create({ model: "gpt-4.1-mini", input: ["a", "b"] });
    assert.deepEqual(
        data.map((one) => one.embedding),
        [0, 1].map((n) => Array.from({ length: 8 }, (_, i) => (i + n) / 128)),
    );
});

test("responses are behind /openai and /openai/v1", async () => {
    const response = await client().responses.create({ model: "gpt-4.1-mini", input: "hello" });
    assert.equal(response.output_text, "You said: hello");
    const next = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.baseURL}/openai/v1`, maxRetries: 0 });
    assert.equal((await next.responses.create({ model: "gpt-4.1-mini", input: "hello" })).output_text, "You said: hello");
    assert.equal((await next.chat.completions.create(ask("hello"))).model, "gpt-4.1-mini");
});

test("all that was answered is charged as ever", () => expectCharged(gateway));

test("models are listed", async () => {
    const names = [];
    for await (const model of client().models.list()) names.push(model.id);
    assert.ok(names.includes("gpt-4.1-mini"));
});

test("what is wrong is said as ever", async () => {
    await assert.rejects(client().chat.completions.create(ask("x", { model: "nobody" })), OpenAI.NotFoundError);
    await assert.rejects(client({ apiKey: "wrong" }).chat.completions.create(ask("x")), OpenAI.AuthenticationError);
    await assert.rejects(client().chat.completions.create({ model: "gpt-4.1-mini" }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.param, "messages");
        return true;
    });
});
