// SPDX-License-Identifier: ISC
//
// LangChain: its agents' loop by hand, over models of each family.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { expectCharged, startGateway, weather } from "./gateway.mjs";

const gateway = startGateway("/native/ strict");
const openai = (model, more) =>
    new ChatOpenAI({
        model,
        apiKey: gateway.key,
        maxRetries: 0,
        configuration: { baseURL: gateway.openaiURL },
        ...more,
    });
const clients = {
    chat: (model) => openai(model),
    responses: (model) => openai(model, { useResponsesApi: true }),
    "responses unstored": (model) => openai(model, { useResponsesApi: true, zdrEnabled: true }),
    messages: (model) =>
        new ChatAnthropic({ model, apiKey: gateway.key, maxRetries: 0, anthropicApiUrl: gateway.baseURL }),
};
const models = ["anthropic/claude-sonnet-4", "google/gemini-2.5-pro", "openai/gpt-4.1-mini", "openai/gpt-5-mini"];

for (const [name, client] of Object.entries(clients)) {
    for (const model of models) {
        for (const isStream of [false, true]) {
            const how = isStream ? "streamed" : "whole";

            test(`${name}, ${model}, ${how}: a loop of tools`, async () => {
                const asked = [];
                const rain = tool(
                    (input) => {
                        asked.push(input);
                        return "rain";
                    },
                    { name: weather.name, description: weather.description, schema: weather.schema },
                );
                const agent = client(model).bindTools([rain]);
                const turns = [new HumanMessage("use the tool !mock:reasoning=5,tools=2")];
                const step = async () => {
                    if (!isStream) return agent.invoke(turns);
                    let whole;
                    for await (const chunk of await agent.stream(turns))
                        whole = whole === undefined ? chunk : whole.concat(chunk);
                    return whole;
                };
                const said = await step();
                assert.equal(said.tool_calls.length, 2);
                assert.ok(said.usage_metadata.output_tokens > 0);
                turns.push(said);
                for (const call of said.tool_calls) turns.push(await rain.invoke(call));
                assert.equal((await step()).text, "The tool said: rain");
                assert.deepEqual(asked[0], weather.arguments);
            });
        }
    }

    test(`${name}: an answer in a shape`, async () => {
        const schema = {
            ...weather.schema,
            title: "report",
            required: Object.keys(weather.schema.properties),
            additionalProperties: false,
        };
        for (const model of ["anthropic/claude-sonnet-4-5", ...models.slice(1)]) {
            const report = await client(model).withStructuredOutput(schema).invoke("hello, use the tool");
            assert.deepEqual(report, weather.arguments, model);
        }
    });
}

test("embeddings", async () => {
    const embeddings = new OpenAIEmbeddings({
        model: "gpt-4.1-mini",
        apiKey: gateway.key,
        maxRetries: 0,
        configuration: { baseURL: gateway.openaiURL },
    });
    assert.equal((await embeddings.embedDocuments(["one", "two"])).length, 2);
});

test("all of it is charged as the providers reported, and nothing was tried twice", () => expectCharged(gateway));
