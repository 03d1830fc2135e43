// SPDX-License-Identifier: ISC
//
// What to paste into which tool. Pure text: { url, key, model } -> [{ label, text, note }].
// tool: as a key's "tool" names it.

const HELLO = "Say hello in one sentence.";

export const SNIPPETS = [
    { id: "cursor", label: "Cursor", tool: "cursor", make: cursor },
    { id: "claude-code", label: "Claude Code", tool: "claude-code", make: claudeCode },
    { id: "codex", label: "Codex", tool: "codex", make: codex },
    { id: "openai-js", label: "OpenAI SDK (JS)", make: openaiJs },
    { id: "openai-python", label: "OpenAI SDK (Python)", make: openaiPython },
    { id: "anthropic", label: "Anthropic SDK", make: anthropic },
    { id: "curl", label: "curl", make: curl },
];

function cursor({ url, key, model }) {
    return [
        { note: "In Cursor, open Settings, then Models, then API Keys." },
        { label: "OpenAI API Key", text: key },
        { label: "Override OpenAI Base URL", text: `${url}/v1` },
        { label: "Add model", text: model },
        { note: "Cursor's servers make the calls: they have to reach the address." },
    ];
}

// Its small tasks in the background ask for a model of their own, which may not be on offer here.
function claudeCode({ url, key, model }) {
    const env = { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: key, ANTHROPIC_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model };
    return [
        { label: "Shell", text: [...Object.entries(env).map(([name, value]) =>
            `export ${name}=${value}`), "claude"].join("\n") },
        { label: "or ~/.claude/settings.json, for good", text: json({ env }) },
        { note: "An ANTHROPIC_API_KEY that is set as well is in the way: unset it." },
    ];
}

function codex({ url, key, model }) {
    return [
        { label: "~/.codex/config.toml", text: [
            `model = ${quoted(model)}`,
            'model_provider = "relayos"',
            "",
            "[model_providers.relayos]",
            'name = "RelayOS"',
            `base_url = ${quoted(`${url}/v1`)}`,
            'env_key = "RELAYOS_KEY"',
            'wire_api = "responses"',
        ].join("\n") },
        { note: "The first two lines go to the top of the file, before any [table]." },
        { label: "Shell", text: `export RELAYOS_KEY=${key}\ncodex` },
    ];
}

function openaiJs({ url, key, model }) {
    return [
        { label: "Install", text: "npm install openai" },
        { label: "hello.mjs", text: [
            'import OpenAI from "openai";',
            "",
            "const client = new OpenAI({",
            `  baseURL: ${quoted(`${url}/v1`)},`,
            `  apiKey: ${quoted(key)},`,
            "});",
            "const answer = await client.chat.completions.create({",
            `  model: ${quoted(model)},`,
            `  messages: [{ role: "user", content: ${quoted(HELLO)} }],`,
            "});",
            "console.log(answer.choices[0].message.content);",
        ].join("\n") },
    ];
}

function openaiPython({ url, key, model }) {
    return [
        { label: "Install", text: "pip install openai" },
        { label: "hello.py", text: [
            "from openai import OpenAI",
            "",
            `client = OpenAI(base_url=${quoted(`${url}/v1`)}, api_key=${quoted(key)})`,
            "answer = client.chat.completions.create(",
            `    model=${quoted(model)},`,
            `    messages=[{"role": "user", "content": ${quoted(HELLO)}}],`,
            ")",
            "print(answer.choices[0].message.content)",
        ].join("\n") },
    ];
}

function anthropic({ url, key, model }) {
    return [
        { label: "Python: pip install anthropic", text: [
            "from anthropic import Anthropic",
            "",
            `client = Anthropic(base_url=${quoted(url)}, auth_token=${quoted(key)})`,
            "answer = client.messages.create(",
            `    model=${quoted(model)},`,
            "    max_tokens=256,",
            `    messages=[{"role": "user", "content": ${quoted(HELLO)}}],`,
            ")",
            "print(answer.content[0].text)",
        ].join("\n") },
        { label: "JavaScript: npm install @anthropic-ai/sdk", text: [
            'import Anthropic from "@anthropic-ai/sdk";',
            "",
            `const client = new Anthropic({ baseURL: ${quoted(url)}, authToken: ${quoted(key)} });`,
            "const answer = await client.messages.create({",
            `  model: ${quoted(model)},`,
            "  max_tokens: 256,",
            `  messages: [{ role: "user", content: ${quoted(HELLO)} }],`,
            "});",
            "console.log(answer.content[0].text);",
        ].join("\n") },
    ];
}

function curl({ url, key, model }) {
    const body = JSON.stringify({ model, messages: [{ role: "user", content: HELLO }] });
    return [
        { label: "OpenAI's protocol", text: `curl ${url}/v1/chat/completions \\\n` +
            `  -H "Authorization: Bearer ${key}" \\\n` +
            `  -H "Content-Type: application/json" \\\n  -d '${body}'` },
        { label: "Anthropic's protocol", text: `curl ${url}/v1/messages \\\n` +
            `  -H "x-api-key: ${key}" \\\n  -H "anthropic-version: 2023-06-01" \\\n` +
            `  -H "Content-Type: application/json" \\\n` +
            `  -d '${JSON.stringify({ ...JSON.parse(body), max_tokens: 256 })}'` },
    ];
}

// TOML, JavaScript and Python read a JSON string alike.
function quoted(text) {
    return JSON.stringify(text);
}

function json(value) {
    return JSON.stringify(value, null, 2);
}
