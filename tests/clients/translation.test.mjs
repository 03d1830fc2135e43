// SPDX-License-Identifier: ISC
//
// Any model over any protocol: both official SDKs with models whose upstreams speak one protocol
// each, and refuse what the real ones refuse.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startGateway, uuid, weather } from "./gateway.mjs";

const gateway = startGateway("/native/ strict");
const openai = () => new OpenAI({ apiKey: gateway.key, baseURL: gateway.openaiURL, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: gateway.key, baseURL: gateway.baseURL, maxRetries: 0 });

// Each by the protocol its only upstream speaks; see launcher.c.
const models = {
    "anthropic/claude-sonnet-4": "anthropic_messages",
    "google/gemini-2.5-pro": "gemini",
    "openai/gpt-4.1-mini": "openai_chat",
    "openai/gpt-5-mini": "openai_responses",
};

/*
 * A client of each kind: ask(model, turns, how) has the model go on, where turns are what user, model
 * and tools said before in the protocol's own words; it gives {text, calls, turns, usage, raw}.
 */
const user = (text) => ({ role: "user", content: text });
const clients = {
    "openai chat": {
        async ask(model, turns, { isStream, reasoning }) {
            const body = {
                model,
                messages: turns,
                tools: [
                    {
                        type: "function",
                        function: {
                            name: weather.name,
                            description: weather.description,
                            parameters: weather.schema,
                        },
                    },
                ],
                ...(reasoning && { reasoning_effort: "low" }),
            };
            const raw = isStream
                ? await openai()
                      .chat.completions.stream({ ...body, stream_options: { include_usage: true } })
                      .finalChatCompletion()
                : await openai().chat.completions.create(body);
            // The SDK's own additions to a streamed message; OpenAI does not take them back.
            const { parsed, ...message } = raw.choices[0].message;
            for (const { function: call } of message.tool_calls ?? []) delete call.parsed_arguments;
            const { finish_reason } = raw.choices[0];
            const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({
                id,
                name,
                arguments: JSON.parse(text),
            }));
            assert.equal(finish_reason, calls.length > 0 ? "tool_calls" : "stop");
            assert.equal(raw.usage.total_tokens, raw.usage.prompt_tokens + raw.usage.completion_tokens);
            return {
                text: message.content ?? "",
                calls,
                turns: [...turns, message],
                output: raw.usage.completion_tokens,
                reasoning: message.reasoning_content ?? "",
                raw,
            };
        },
        result: (turns, results) => [
            ...turns,
            ...results.map(({ id, text }) => ({ role: "tool", tool_call_id: id, content: text })),
        ],
    },
    "openai responses": {
        async ask(model, turns, { isStream, reasoning }) {
            const body = {
                model,
                input: turns,
                store: false,
                tools: [{ type: "function", name: weather.name, parameters: weather.schema, strict: false }],
                ...(reasoning && {
                    include: ["reasoning.encrypted_content"],
                    reasoning: { effort: "low", summary: "auto" },
                }),
            };
            const raw = isStream
                ? await openai().responses.stream(body).finalResponse()
                : await openai().responses.create(body);
            assert.equal(raw.status, "completed");
            assert.equal(raw.usage.total_tokens, raw.usage.input_tokens + raw.usage.output_tokens);
            return {
                text: raw.output_text,
                calls: raw.output
                    .filter((item) => item.type === "function_call")
                    .map((item) => ({
                        id: item.call_id,
                        name: item.name,
                        arguments: JSON.parse(item.arguments),
                    })),
                turns: [...turns, ...raw.output],
                output: raw.usage.output_tokens,
                reasoning: raw.output
                    .filter((item) => item.type === "reasoning")
                    .flatMap((item) => item.summary.map((part) => part.text))
                    .join(""),
                raw,
            };
        },
        result: (turns, results) => [
            ...turns,
            ...results.map(({ id, text }) => ({ type: "function_call_output", call_id: id, output: text })),
        ],
    },
    "anthropic messages": {
        async ask(model, turns, { isStream, reasoning }) {
            const body = {
                model,
                max_tokens: 4000,
                messages: turns,
                tools: [
                    { name: weather.name, description: weather.description, input_schema: weather.schema },
                ],
                ...(reasoning && { thinking: { type: "enabled", budget_tokens: 1024 } }),
            };
            const raw = isStream
                ? await anthropic().messages.stream(body).finalMessage()
                : await anthropic().messages.create(body);
            const calls = raw.content
                .filter((block) => block.type === "tool_use")
                .map(({ id, name, input }) => ({ id, name, arguments: input }));
            const joined = (type, member) =>
                raw.content
                    .filter((block) => block.type === type)
                    .map((block) => block[member])
                    .join("");
            assert.equal(raw.stop_reason, calls.length > 0 ? "tool_use" : "end_turn");
            assert.ok(raw.usage.input_tokens > 0);
            return {
                text: joined("text", "text"),
                calls,
                turns: [...turns, { role: "assistant", content: raw.content }],
                output: raw.usage.output_tokens,
                reasoning: joined("thinking", "thinking"),
                raw,
            };
        },
        result: (turns, results) => [
            ...turns,
            {
                role: "user",
                content: results.map(({ id, text }) => ({
                    type: "tool_result",
                    tool_use_id: id,
                    content: text,
                })),
            },
        ],
    },
};

for (const [name, client] of Object.entries(clients)) {
    for (const model of Object.keys(models)) {
        for (const isStream of [false, true]) {
            const how = isStream ? "streamed" : "whole";

            test(`${name}, ${model}, ${how}: an answer`, async () => {
                const { text, calls, output, raw } = await client.ask(model, [user("hello there")], { isStream });
                assert.equal(text, "You said: hello there");
                assert.deepEqual(calls, []);
                assert.ok(output > 0);
                assert.equal(raw.model, model);
                assert.doesNotMatch(JSON.stringify(raw), /canary/);
                if (!isStream) assert.match(raw._request_id, uuid);
            });

            test(`${name}, ${model}, ${how}: two calls at once, and their results`, async () => {
                const asked = await client.ask(model, [user("use the tool !mock:tools=2")], { isStream });
                assert.equal(asked.calls.length, 2);
                assert.notEqual(asked.calls[0].id, asked.calls[1].id);
                for (const call of asked.calls) assert.equal(call.name, weather.name);
                assert.deepEqual(asked.calls[0].arguments, weather.arguments);
                const results = asked.calls.map(({ id }, i) => ({ id, text: i === 0 ? "sun" : "rain" }));
                const { text } = await client.ask(model, client.result(asked.turns, results), { isStream });
                assert.equal(text, "The tool said: rain");
            });

            test(`${name}, ${model}, ${how}: reasoning in a loop of tools`, async () => {
                // It does not reason, and is asked in its own protocol, where nothing is left out.
                const reasoning = !(model === "openai/gpt-4.1-mini" && name === "openai chat");
                const turns = [user("use the tool !mock:reasoning=5")];
                const asked = await client.ask(model, turns, { isStream, reasoning });
                assert.equal(asked.calls.length, 1);
                // OpenAI's chat completions do not say what was thought.
                if (models[model] !== "openai_chat") assert.ok(asked.reasoning.length > 0);
                const results = [{ id: asked.calls[0].id, text: "rain" }];
                const turnsNow = client.result(asked.turns, results);
                const next = await client.ask(model, turnsNow, { isStream, reasoning });
                assert.equal(next.text, "The tool said: rain");
            });
        }
    }
}

test("what was left out is named, what would change the answer is refused", async () => {
    const body = { model: "anthropic/claude-sonnet-4", messages: [user("hello")] };
    for (const stream of [false, true]) {
        const { response } = await openai()
            .chat.completions.create({ ...body, seed: 7, frequency_penalty: 0.5, stream })
            .withResponse();
        assert.equal(response.headers.get("x-relayos-dropped"), "seed, frequency_penalty");
    }
    const { response } = await openai().chat.completions.create(body).withResponse();
    assert.equal(response.headers.get("x-relayos-dropped"), null);
    const error = await openai()
        .chat.completions.create({ ...body, n: 2 })
        .then(assert.fail, (reason) => reason);
    assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
    assert.equal(error.code, "unsupported_parameter");
    assert.equal(error.param, "n");
});

test("an error has the class of the caller's protocol, whoever made it", async () => {
    for (const model of Object.keys(models)) {
        for (const stream of [false, true]) {
            const messages = [user("!mock:status=429")];
            const chat = openai().chat.completions.create({ model, messages, stream });
            await assert.rejects(chat, OpenAI.RateLimitError, model);
            await gateway.heal();
            const message = anthropic().messages.create({ model, messages, stream, max_tokens: 9 });
            await assert.rejects(message, Anthropic.RateLimitError, model);
            await gateway.heal();
        }
    }
});

test("a stream that breaks throws and never looks complete", async () => {
    for (const model of Object.keys(models)) {
        for (const fault of ["cut=4", "rst=4", "eof=4", "error-event=4"]) {
            const messages = [user(`!mock:${fault},chunks=9,size=200`)];
            const chat = openai().chat.completions.stream({ model, messages });
            await assert.rejects(chat.finalChatCompletion(), undefined, `chat, ${model}, ${fault}`);
            const response = openai().responses.stream({ model, input: messages });
            await assert.rejects(
                response.finalResponse().then((final) => {
                    if (final.status !== "completed") throw new Error(final.status);
                }),
                undefined,
                `responses, ${model}, ${fault}`,
            );
            const message = anthropic().messages.stream({ model, messages, max_tokens: 999 });
            await assert.rejects(message.finalMessage(), Anthropic.APIError, `messages, ${model}, ${fault}`);
            await gateway.heal();
        }
    }
});
