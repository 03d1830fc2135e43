// SPDX-License-Identifier: ISC
//
// The official OpenAI SDK: everything it can do through RelayOS, and each error class it knows.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { startGateway, uuid, weather } from "./gateway.mjs";

const gateway = startGateway();
const client = (options = {}) =>
    new OpenAI({ apiKey: gateway.key, baseURL: gateway.openaiURL, maxRetries: 0, ...options });
const ask = (content, more = {}) => ({
    model: "gpt-4.1-mini",
    messages: [{ role: "user", content }],
    ...more,
});
const tools = [
    {
        type: "function",
        function: { name: weather.name, description: weather.description, parameters: weather.schema },
    },
];

test("chat answers under the public name with our request id", async () => {
    const reply = await client().chat.completions.create(ask("hello"));
    assert.equal(reply.choices[0].message.content, "You said: hello");
    assert.equal(reply.model, "gpt-4.1-mini");
    assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
    assert.match(reply._request_id, uuid);
});

test("all three models answer on chat and responses", async () => {
    for (const model of ["claude-sonnet-4", "gpt-4.1-mini", "gemini-2.5-pro"]) {
        const reply = await client().chat.completions.create(ask("hello", { model }));
        assert.equal(reply.model, model);
        assert.equal(reply.choices[0].message.content, "You said: hello");
        const response = await client().responses.create({ model, input: "hello" });
        assert.equal(response.model, model);
        assert.equal(response.output_text, "You said: hello");
    }
});

test("chat streams to its finish reason", async () => {
    const stream = client().chat.completions.stream(ask("hello there"));
    let text = "";
    stream.on("content", (delta) => (text += delta));
    const final = await stream.finalChatCompletion();
    assert.equal(text, "You said: hello there");
    assert.equal(final.choices[0].finish_reason, "stop");
    assert.equal(final.usage, undefined);
});

test("chat streams usage to who asks for it", async () => {
    const stream = await client().chat.completions.create(
        ask("hello", { stream: true, stream_options: { include_usage: true } }),
    );
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const last = chunks.at(-1);
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.total_tokens > 0);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
});

test("chat calls tools, plain and streamed, and takes their results", async () => {
    const plain = await client().chat.completions.create(ask("use the tool", { tools }));
    const call = plain.choices[0].message.tool_calls[0];
    assert.equal(plain.choices[0].finish_reason, "tool_calls");
    assert.equal(call.function.name, weather.name);
    assert.deepEqual(JSON.parse(call.function.arguments), weather.arguments);

    const streamed = await client()
        .chat.completions.stream(ask("use the tool !mock:tools=2", { tools }))
        .finalChatCompletion();
    assert.equal(streamed.choices[0].message.tool_calls.length, 2);
    assert.deepEqual(
        JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments),
        weather.arguments,
    );

    const answer = await client().chat.completions.create({
        model: "gpt-4.1-mini",
        tools,
        messages: [
            { role: "user", content: "use the tool" },
            plain.choices[0].message,
            { role: "tool", tool_call_id: call.id, content: "rain" },
        ],
    });
    assert.equal(answer.choices[0].message.content, "The tool said: rain");
});

test("completions answer and stream", async () => {
    const plain = await client().completions.create({ model: "gpt-4.1-mini", prompt: "hello" });
    assert.equal(plain.choices[0].text, "You said: hello");
    const stream = await client().completions.create({
        model: "gpt-4.1-mini",
        prompt: "hello",
        stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
    assert.equal(text, "You said: hello");
});

test("embeddings are the same in both encodings", async () => {
    const input = ["one", "two"];
    const encoded = await client().embeddings.create({ model: "gpt-4.1-mini", input });
    const floats = await client().embeddings.create({
        model: "gpt-4.1-mini",
        input,
        encoding_format: "float",
    });
    assert.equal(encoded.data.length, 2);
    assert.equal(encoded.data[0].embedding.length, 8);
    assert.deepEqual([...encoded.data[1].embedding], floats.data[1].embedding);
});

test("responses answer, stream and call tools", async () => {
    const plain = await client().responses.create({ model: "gpt-4.1-mini", input: "hello" });
    assert.equal(plain.output_text, "You said: hello");
    assert.equal(plain.status, "completed");
    const streamed = await client()
        .responses.stream({ model: "gpt-4.1-mini", input: "hello !mock:reasoning=4" })
        .finalResponse();
    assert.equal(streamed.output_text, "You said: hello !mock:reasoning=4");
    const tool = await client().responses.create({
        model: "gpt-4.1-mini",
        input: "use the tool",
        tools: [{ type: "function", name: weather.name, parameters: weather.schema, strict: false }],
    });
    assert.deepEqual(JSON.parse(tool.output[0].arguments), weather.arguments);
});

test("a conversation goes on for its owner and for nobody else", async () => {
    const first = await client().responses.create({ model: "gpt-4.1-mini", input: "hello" });
    const next = { model: "gpt-4.1-mini", input: "more", previous_response_id: first.id };
    const second = await client().responses.create(next);
    assert.equal(second.output_text, "You said: more");
    assert.equal(second.previous_response_id, first.id);
    const other = await gateway.ctl("key create --name other --owner somebody-else --tool script");
    await assert.rejects(client({ apiKey: other.secret }).responses.create(next), OpenAI.NotFoundError);
    await assert.rejects(
        client().responses.create({ ...next, previous_response_id: "resp_canary000001" }),
        OpenAI.NotFoundError,
    );
});

test("models are listed and shown", async () => {
    const names = [];
    for await (const model of client().models.list()) names.push(model.id);
    assert.deepEqual(names.sort(), [
        "anthropic/claude-sonnet-4",
        "anthropic/claude-sonnet-4-5",
        "claude-sonnet-4",
        "flat",
        "gemini-2.5-pro",
        "google/gemini-2.5-pro",
        "gpt-4.1-mini",
        "openai/gpt-4.1-mini",
        "openai/gpt-5-mini",
        "routed",
    ]);
    const one = await client().models.retrieve("gpt-4.1-mini");
    assert.equal(one.object, "model");
});

const failures = [
    ["a bad request", OpenAI.BadRequestError, 400, { text: "!mock:status=400" }],
    ["a bad key", OpenAI.AuthenticationError, 401, { apiKey: "sk-prod-nonsense" }],
    ["a model outside the scope", OpenAI.PermissionDeniedError, 403, { key: "--models flat" }],
    ["an unknown model", OpenAI.NotFoundError, 404, { model: "nonsense" }],
    ["a spent quota", OpenAI.RateLimitError, 429, { key: "--quota 0.000001usd" }],
    ["a busy upstream", OpenAI.RateLimitError, 429, { text: "!mock:status=429" }],
    ["a broken upstream", OpenAI.InternalServerError, 502, { text: "!mock:status=500" }],
    ["a silent upstream", OpenAI.InternalServerError, 504, { text: "!mock:stall" }],
];
for (const [index, [name, type, status, how]] of failures.entries()) {
    test(`${name} is a ${type.name} with its request id`, async () => {
        let apiKey = how.apiKey ?? gateway.key;
        if (how.key) {
            const made = await gateway.ctl(
                `key create --name failure-${index} --owner o --tool script ${how.key}`,
            );
            apiKey = made.secret;
        }
        for (const stream of [false, true]) {
            const error = await client({ apiKey })
                .chat.completions.create(
                    ask(how.text ?? "hello", { model: how.model ?? "gpt-4.1-mini", stream }),
                )
                .then(assert.fail, (reason) => reason);
            assert.ok(error instanceof type, `${error}`);
            assert.equal(error.status, status);
            assert.match(error.requestID, uuid);
            assert.doesNotMatch(error.message, /canary/);
            await gateway.heal();
        }
    });
}

test("what a retry cannot help is asked once, what it can help three times", async () => {
    const count = async (text, more) => {
        const before = (await gateway.mock()).requests;
        await assert.rejects(client({ maxRetries: 2 }).chat.completions.create(ask(text, more)));
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
    await fetch(`${gateway.mockURL}/mock/control`, { method: "POST", body: "/a/ status=500" });
    const chat = await client().chat.completions.create(ask("hello", { model: "routed" }));
    assert.equal(chat.choices[0].message.content, "You said: hello");
    const stream = client().responses.stream({ model: "routed", input: "hello" });
    assert.equal((await stream.finalResponse()).output_text, "You said: hello");
    assert.equal((await gateway.mock()).requests - before, 4);
    await fetch(`${gateway.mockURL}/mock/control`, { method: "POST", body: "" });
});

test("a stream that breaks throws and never looks complete", async () => {
    for (const fault of ["cut=4", "rst=4", "eof=4", "error-event=4"]) {
        const stream = client().chat.completions.stream(ask(`!mock:${fault}`));
        await assert.rejects(stream.finalChatCompletion(), undefined, fault);
    }
});

test("an aborted stream cancels the upstream", async () => {
    const before = (await gateway.mock()).cancelled;
    const stream = await client().chat.completions.create(
        ask("!mock:chunks=500,pace=20", { stream: true }),
    );
    for await (const chunk of stream) {
        if (chunk.choices[0]?.delta.content) break;
    }
    stream.controller.abort();
    for (let i = 0; i < 200 && (await gateway.mock()).cancelled === before; i++)
        await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal((await gateway.mock()).cancelled, before + 1);
});
