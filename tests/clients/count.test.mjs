// SPDX-License-Identifier: ISC
//
// How many tokens a request has: both official SDKs, over each family of models, against upstreams
// that refuse what the real ones refuse. And OpenAI's short form of a conversation.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startGateway, weather } from "./gateway.mjs";

const gateway = startGateway("/native/ strict");
const openai = () => new OpenAI({ apiKey: gateway.key, baseURL: gateway.openaiURL, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: gateway.key, baseURL: gateway.baseURL, maxRetries: 0 });

// Who counts for it? See launcher.c; chat completions have no way to.
const models = {
    "anthropic/claude-sonnet-4": true,
    "google/gemini-2.5-pro": true,
    "openai/gpt-5-mini": true,
    "openai/gpt-4.1-mini": false,
};
const text = "What is the weather like? !mock:in=57";

const clients = {
    "messages.countTokens": (model) =>
        anthropic()
            .messages.countTokens({
                model,
                system: "Be brief.",
                messages: [{ role: "user", content: text }],
                tools: [
                    { name: weather.name, description: weather.description, input_schema: weather.schema },
                ],
                tool_choice: { type: "auto" },
            })
            .withResponse(),
    "responses.inputTokens.count": (model) =>
        openai()
            .responses.inputTokens.count({
                model,
                instructions: "Be brief.",
                input: text,
                tools: [
                    {
                        type: "function",
                        strict: false,
                        name: weather.name,
                        description: weather.description,
                        parameters: weather.schema,
                    },
                ],
                tool_choice: "auto",
            })
            .withResponse(),
};

for (const [name, count] of Object.entries(clients))
    for (const [model, isCounted] of Object.entries(models))
        test(`${name}, ${model}: ${isCounted ? "its provider's number" : "an estimate"}`, async () => {
            const { data, response } = await count(model);

            assert.equal(response.headers.get("x-relayos-estimated"), isCounted ? null : "input_tokens");
            if (isCounted) assert.equal(data.input_tokens, 57);
            else assert.ok(data.input_tokens > 20 && data.input_tokens < 120, `${data.input_tokens}`);
            if (name.startsWith("responses")) assert.equal(data.object, "response.input_tokens");
        });

test("messages.countTokens, beta: Claude Code's way to ask", async () => {
    const { input_tokens } = await anthropic().beta.messages.countTokens({
        model: "openai/gpt-5-mini",
        messages: [{ role: "user", content: text }],
        thinking: { type: "adaptive" },
        betas: ["context-management-2025-06-27"],
    });

    assert.equal(input_tokens, 57);
});

test("responses.compact: the short form goes into the next request", async () => {
    const model = "openai/gpt-5-mini";
    const short = await openai().responses.compact({
        model,
        instructions: "Be brief.",
        input: [
            { role: "user", content: "remember the number 7" },
            { role: "assistant", content: "I do." },
            { role: "user", content: "what was it?" },
        ],
    });

    assert.equal(short.object, "response.compaction");
    assert.equal(short.output.at(-1).type, "compaction");
    assert.ok(short.usage.total_tokens > 0);
    const { output_text } = await openai().responses.create({
        model,
        input: [...short.output, { role: "user", content: "go on" }],
    });
    assert.equal(output_text, "You said: go on");
});

test("responses.compact: 404 for a model of another family", async () => {
    await assert.rejects(
        openai().responses.compact({ model: "anthropic/claude-sonnet-4", input: "hi" }),
        (error) => error instanceof OpenAI.NotFoundError && error.code === "not_found",
    );
});
