// SPDX-License-Identifier: ISC
//
// The AI SDK with its three providers, over models of each family: answers, loops of tools, answers
// in a shape, images and embeddings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, isStepCount, jsonSchema, Output, streamText, tool } from "ai";
import { expectCharged, startGateway, weather } from "./gateway.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
const gateway = startGateway("/native/ strict");
const settings = () => ({ apiKey: gateway.key, baseURL: gateway.openaiURL });
const providers = {
    // Its Responses by default; what it said before it sends as references when it is stored.
    openai: (model) => createOpenAI(settings())(model),
    "openai chat": (model) => createOpenAI(settings()).chat(model),
    compatible: (model) =>
        createOpenAICompatible({ ...settings(), name: "relayos", supportsStructuredOutputs: true })(model),
    anthropic: (model) => createAnthropic(settings())(model),
};
const models = [
    "anthropic/claude-sonnet-4",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-2.5-pro",
    "openai/gpt-4.1-mini",
    "openai/gpt-5-mini",
];

const schema = jsonSchema(weather.schema);
// As OpenAI wants those that it is to keep to strictly.
const shape = jsonSchema({
    ...weather.schema,
    required: Object.keys(weather.schema.properties),
    additionalProperties: false,
});
const files = {
    "image/png":
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "application/pdf": "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSPj4Kc3RyZWFtCg==",
};
const rain = (asked) =>
    tool({
        description: weather.description,
        inputSchema: schema,
        execute: (input) => {
            asked.push(input);
            return "rain";
        },
    });

async function run(isStream, options) {
    if (!isStream) return generateText({ maxRetries: 0, ...options });
    const result = streamText({
        maxRetries: 0,
        onError: () => {},
        ...options,
    });
    return {
        text: await result.text,
        steps: await result.steps,
        finishReason: await result.finishReason,
        usage: await result.usage,
        output: options.output && (await result.output),
    };
}

for (const [name, provider] of Object.entries(providers)) {
    for (const model of models) {
        for (const isStream of [false, true]) {
            const how = isStream ? "streamed" : "whole";

            test(`${name}, ${model}, ${how}: an answer`, async () => {
                const { text, finishReason, usage } = await run(isStream, {
                    model: provider(model),
                    system: "Be brief.",
                    prompt: "hello there",
                });
                assert.equal(text, "You said: hello there");
                assert.equal(finishReason, "stop");
                // The compatible one does not ask for the usage of a stream.
                if (!(name === "compatible" && isStream)) assert.ok(usage.outputTokens > 0);
            });

            test(`${name}, ${model}, ${how}: a loop of tools`, async () => {
                const asked = [];
                const { text, steps } = await run(isStream, {
                    model: provider(model),
                    prompt: "use the tool !mock:reasoning=5,tools=2",
                    tools: { [weather.name]: rain(asked) },
                    stopWhen: isStepCount(3),
                });
                assert.equal(text, "The tool said: rain");
                assert.equal(steps.length, 2);
                assert.deepEqual(asked[0], weather.arguments);
                assert.equal(asked.length, 2);
            });

            // Claude 4 is asked for it by a sentence, which the mock does not obey.
            if (model === "anthropic/claude-sonnet-4") continue;
            test(`${name}, ${model}, ${how}: an answer in a shape`, async () => {
                const { output } = await run(isStream, {
                    model: provider(model),
                    prompt: "hello",
                    output: Output.object({ schema: shape, name: "report" }),
                });
                assert.deepEqual(output, weather.arguments);
            });
        }

        test(`${name}, ${model}: an image, a document`, async () => {
            for (const [mediaType, data] of Object.entries(files)) {
                const content = [
                    { type: "file", data, mediaType, filename: "a" },
                    { type: "text", text: "what is it?" },
                ];
                const { text } = await run(false, { model: provider(model), messages: [{ role: "user", content }] });
                assert.equal(text, "You said: what is it?");
            }
        });

        test(`${name}, ${model}: a tool that must be called, one that fails`, async () => {
            const broken = tool({
                inputSchema: jsonSchema({ type: "object", properties: {} }),
                execute: () => Promise.reject(new Error("no luck")),
            });
            const tools = { [weather.name]: rain([]), broken };
            for (const toolChoice of ["required", { type: "tool", toolName: weather.name }]) {
                const { toolCalls } = await run(false, { model: provider(model), prompt: "hello", tools, toolChoice });
                assert.deepEqual(
                    toolCalls.map((call) => call.toolName),
                    [weather.name],
                );
            }
            const { text } = await run(false, {
                model: provider(model),
                prompt: "use the tool !mock:reasoning=5",
                tools: { broken },
                stopWhen: isStepCount(2),
            });
            assert.match(text, /no luck/);
        });
    }
}

// What asks each provider for it, in the words of its own protocol.
const thinking = {
    openai: { openai: { reasoningSummary: "auto", reasoningEffort: "low", forceReasoning: true } },
    compatible: { relayos: { reasoningEffort: "low" } },
    anthropic: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
};
for (const [name, providerOptions] of Object.entries(thinking)) {
    test(`${name}: reasoning is read, and goes back with the loop`, async () => {
        for (const model of ["anthropic/claude-sonnet-4", "google/gemini-2.5-pro", "openai/gpt-5-mini"]) {
            const asked = [];
            const { steps, text } = await run(true, {
                model: providers[name](model),
                prompt: "use the tool !mock:reasoning=5",
                tools: { [weather.name]: rain(asked) },
                providerOptions,
                stopWhen: isStepCount(3),
            });
            assert.match(steps[0].reasoningText, /\w/, model);
            assert.equal(text, "The tool said: rain");
        }
    });
}

test("embeddings", async () => {
    const { embeddings, usage } = await embedMany({
        model: createOpenAI(settings()).embedding("gpt-4.1-mini"),
        values: ["one", "two"],
        maxRetries: 0,
    });
    assert.equal(embeddings.length, 2);
    assert.ok(embeddings[0].length > 0 && usage.tokens > 0);
});

test("all of it is charged as the providers reported, and nothing was tried twice", () => expectCharged(gateway));
