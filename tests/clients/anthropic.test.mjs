// SPDX-License-Identifier: ISC
//
// The official Anthropic SDK: everything it can do through RelayOS, and each error class it knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { startGateway, uuid, weather } from "./gateway.mjs";

const gateway = startGateway();
const client = (options = {}) =>
    new Anthropic({ apiKey: gateway.key, baseURL: gateway.baseURL, maxRetries: 0, ...options });
const ask = (content, more = {}) => ({
    model: "claude-sonnet-4",
    max_tokens: 200,
    messages: [{ role: "user", content }],
    ...more,
});
const tools = [{ name: weather.name, description: weather.description, input_schema: weather.schema }];

test("messages answer under the public name with our request id", async () => {
    const reply = await client().messages.create(ask("hello"));
    assert.equal(reply.content[0].text, "You said: hello");
    assert.equal(reply.model, "claude-sonnet-4");
    assert.equal(reply.stop_reason, "end_turn");
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
    assert.match(reply._request_id, uuid);
});

test("all three models answer on messages", async () => {
    for (const model of ["claude-sonnet-4", "gpt-4.1-mini", "gemini-2.5-pro"]) {
        const reply = await client().messages.create(ask("hello", { model }));
        assert.equal(reply.model, model);
        assert.equal(reply.content[0].text, "You said: hello");
    }
});

test("messages stream to a final message", async () => {
    const stream = client().messages.stream(ask("hello there"));
    let text = "";
    stream.on("text", (delta) => (text += delta));
    const final = await stream.finalMessage();
    assert.equal(text, "You said: hello there");
    assert.equal(final.stop_reason, "end_turn");
    assert.ok(final.usage.output_tokens > 1);
});

test("thinking comes through with its signature", async () => {
    const final = await client().messages.stream(ask("hello !mock:reasoning=5")).finalMessage();
    assert.deepEqual(
        final.content.map((block) => block.type),
        ["thinking", "text"],
    );
    assert.equal(final.content[0].signature, "bW9jaw==");
});

test("messages call tools, plain and streamed, and take their results", async () => {
    const plain = await client().messages.create(ask("use the tool", { tools }));
    assert.equal(plain.stop_reason, "tool_use");
    assert.deepEqual(plain.content[0].input, weather.arguments);

    const streamed = await client()
        .messages.stream(ask("use the tool !mock:tools=2", { tools }))
        .finalMessage();
    assert.equal(streamed.content.length, 2);
    assert.deepEqual(streamed.content[0].input, weather.arguments);

    const answer = await client().messages.create({
        ...ask(""),
        tools,
        messages: [
            { role: "user", content: "use the tool" },
            { role: "assistant", content: plain.content },
            {
                role: "user",
                content: [{ type: "tool_result", tool_use_id: plain.content[0].id, content: "rain" }],
            },
        ],
    });
    assert.equal(answer.content[0].text, "The tool said: rain");
});

test("tokens are counted", async () => {
    const { max_tokens, ...body } = ask("four letters make a token");
    const count = await client().messages.countTokens(body);
    assert.equal(count.input_tokens, 7);
});

test("the beta path is the same resource", async () => {
    const reply = await client().beta.messages.create(ask("hello"));
    assert.equal(reply.content[0].text, "You said: hello");
});

test("models are listed and shown in Anthropic's shape", async () => {
    const names = [];
    for await (const model of client().models.list({ limit: 1000 })) names.push(model.id);
    assert.ok(names.includes("claude-sonnet-4"));
    const one = await client().models.retrieve("claude-sonnet-4");
    assert.equal(one.type, "model");
    assert.ok(one.display_name);
});

const failures = [
    ["a bad request", Anthropic.BadRequestError, 400, "invalid_request_error", { text: "!mock:status=400" }],
    ["a bad key", Anthropic.AuthenticationError, 401, "authentication_error", { apiKey: "sk-prod-x" }],
    ["a spent quota", Anthropic.APIError, 402, "billing_error", { key: "--quota 0.000001usd" }],
    ["a model outside the scope", Anthropic.PermissionDeniedError, 403, "permission_error", { key: "--models flat" }],
    ["an unknown model", Anthropic.NotFoundError, 404, "not_found_error", { model: "nonsense" }],
    ["a busy upstream", Anthropic.RateLimitError, 429, "rate_limit_error", { text: "!mock:status=429" }],
    ["a broken upstream", Anthropic.InternalServerError, 502, "api_error", { text: "!mock:status=500" }],
    ["a silent upstream", Anthropic.InternalServerError, 504, "timeout_error", { text: "!mock:stall" }],
];
for (const [index, [name, type, status, kind, how]] of failures.entries()) {
    test(`${name} is a ${type.name} (${kind}) with its request id`, async () => {
        let apiKey = how.apiKey ?? gateway.key;
        if (how.key) {
            const made = await gateway.ctl(
                `key create --name failure-${index} --owner o --tool script ${how.key}`,
            );
            apiKey = made.secret;
        }
        for (const stream of [false, true]) {
            const error = await client({ apiKey })
                .messages.create(
                    ask(how.text ?? "hello", { model: how.model ?? "claude-sonnet-4", stream }),
                )
                .then(assert.fail, (reason) => reason);
            assert.ok(error instanceof type, `${error}`);
            assert.equal(error.status, status);
            assert.equal(error.error.error.type, kind);
            assert.match(error.requestID, uuid);
            assert.equal(error.error.request_id, error.requestID);
            assert.doesNotMatch(error.message, /canary/);
            await gateway.heal();
        }
    });
}

test("what a retry cannot help is asked once, what it can help three times", async () => {
    const count = async (text, more) => {
        const before = (await gateway.mock()).requests;
        await assert.rejects(client({ maxRetries: 2 }).messages.create(ask(text, more)));
        await gateway.heal();
        return (await gateway.mock()).requests - before;
    };
    assert.equal(await count("!mock:status=401"), 1);
    assert.equal(await count("!mock:status=500"), 3);
    // One call of the client's, for which all three routes were tried.
    assert.equal(await count("!mock:status=500", { model: "routed" }), 3);
    assert.equal(await count("!mock:status=401", { model: "routed" }), 3);
});

test("a provider that fails is not noticed while another answers", async () => {
    const before = (await gateway.mock()).requests;
    await fetch(`${gateway.mockURL}/mock/control`, { method: "POST", body: "/a/ error-event=2" });
    const stream = client().messages.stream(ask("hello", { model: "routed" }));
    assert.equal((await stream.finalMessage()).content[0].text, "You said: hello");
    assert.equal((await gateway.mock()).requests - before, 2);
    await fetch(`${gateway.mockURL}/mock/control`, { method: "POST", body: "" });
});

test("a stream that breaks throws with the protocol's error", async () => {
    for (const fault of ["cut=5", "rst=5", "eof=5", "error-event=5"]) {
        const stream = client().messages.stream(ask(`!mock:${fault}`));
        const error = await stream.finalMessage().then(assert.fail, (reason) => reason);
        assert.ok(error instanceof Anthropic.APIError, `${fault}: ${error}`);
    }
});
