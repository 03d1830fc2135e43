// SPDX-License-Identifier: ISC
//
// From nothing to a first traced request: a key, a model, what to paste, and one request to try it.

import { api } from "../api.js";
import { busy, button, codeBlock, copyButton, duration, field, h, link, notice, put, section,
    showProblem, tabs } from "../dom.js";
import { takeSecret } from "../secret.js";
import { SNIPPETS } from "../snippets.js";
import { createKey } from "./keys.js";

const PLACEHOLDER = "YOUR_KEY";
const TEST_MS = 60000;

export const page = {
    title: "Quickstart",
    async render(ctx) {
        const answer = await api.get("/quickstart", { signal: ctx.signal });
        const state = { url: answer.public_url.replace(/\/+$/, ""), models: answer.models,
            model: answer.models[0] ?? "MODEL", made: takeSecret(), pasted: "",
            tab: ctx.query.get("tool") ?? SNIPPETS[0].id };
        const parts = { key: h("div", { class: "stack" }), tools: h("div"), test: h("div") };
        const pasteKey = keyField(ctx, state, () => put(parts.tools, toolsPart(ctx, state)));
        const redraw = (isFocused) => {
            put(parts.key, keyPart(ctx, { state, pasteKey, redraw }));
            put(parts.tools, toolsPart(ctx, state));
            put(parts.test, testPart(ctx, { state, pasteKey }));
            if (isFocused === true)
                parts.test.querySelector("button").focus();
        };
        redraw();
        ctx.head({ title: page.title, about: "A key, a model, and what to paste into your tool." });
        put(ctx.root, addressPart(state), section("1. A key", parts.key),
            section("2. A model", modelPart(state, redraw)), section("3. Your tool", parts.tools),
            section("4. Try it", parts.test));
        return () => { state.made = null; state.pasted = ""; };
    },
};

function addressPart(state) {
    const row = (label, url) => h("div", {}, h("dt", {}, label),
        h("dd", { class: "copyable" }, h("code", {}, url), copyButton(url, "Copy", `Copy ${url}`)));
    return h("section", { class: "card stack", "aria-label": "Address" },
        h("dl", { class: "facts wide" },
            row("Base URL, OpenAI-compatible tools", `${state.url}/v1`),
            row("Base URL, Anthropic-compatible tools", state.url)),
        isLoopback(state.url) &&
            h("p", { class: "muted" }, "This address is this machine's own: tools " +
            "elsewhere do not reach it. The operator sets ", h("code", {}, "public_url"), "."));
}

// One that was made before: it stays on this page, and goes to the gateway with a test request.
function keyField(ctx, state, onInput) {
    const own = field({ label: ctx.can("operator") ? "Or paste one that you have" : "Paste it here",
        name: "secret", type: "password", required: true, autocomplete: "off", spellcheck: "false",
        hint: "The settings below take it in. It is kept nowhere." });
    own.input.addEventListener("input", () => {
        state.pasted = own.input.value.trim();
        onInput();
    });
    return own;
}

function keyPart(ctx, { state, pasteKey, redraw }) {
    if (state.made !== null)
        return [
            notice("good", h("p", {}, "The settings below hold the secret of ",
                h("strong", {}, state.made.key.name), " until you leave this page.")),
            h("div", { class: "row" }, creator(ctx, "Create another", null, { state, redraw }),
                button("Hide the secret", () => {
                    state.made = null;
                    redraw(true);
                })),
        ];
    return [
        ctx.can("operator") ?
            h("div", {}, creator(ctx, "Create a key", "primary", { state, redraw })) :
            h("p", { class: "muted" }, "An operator makes it for you."),
        h("div", { class: "prose" }, pasteKey.root),
    ];
}

// The tool whose tab is open is most likely the one that the key is for.
function creator(ctx, label, className, { state, redraw }) {
    return button(label, () => createKey(ctx, {
        tool: SNIPPETS.find(({ id }) => id === state.tab)?.tool,
        onSecret: (made) => { state.made = made; redraw(true); } }), { class: className });
}

function modelPart(state, redraw) {
    if (state.models.length === 0)
        return notice("warn", h("p", {}, "No model is configured yet."));
    const model = field({ label: "Model", name: "model", type: "select", options: state.models,
        value: state.model, required: true });
    model.input.addEventListener("change", () => { state.model = model.input.value; redraw(); });
    return h("div", { class: "row low" }, model.root, link("/models", "Prices, limits and health"));
}

function toolsPart(ctx, state) {
    const settings = { url: state.url, model: state.model, key: secretOf(state) || PLACEHOLDER };
    return tabs({ label: "Tools", selected: state.tab,
        items: SNIPPETS.map(({ id, label, make }) => ({ id, label,
            render: () => h("div", { class: "stack" }, make(settings).map(snippet)) })),
        onSelect: (id) => { state.tab = id; ctx.setQuery({ tool: id }); } });
}

function snippet({ label, text, note }) {
    return note !== undefined ? h("p", { class: "muted" }, note) :
        h("div", { class: "stack tight" }, h("h3", {}, label), codeBlock(text, label));
}

function testPart(ctx, { state, pasteKey }) {
    const problem = h("p", { class: "problem", role: "alert" });
    const result = h("div", { "aria-live": "polite" });
    const form = h("form", { class: "stack", novalidate: true },
        h("p", { class: "muted" }, "One short question to ", h("code", {}, state.model),
            ", as any tool would ask it. It is charged to the key."),
        h("div", {}, h("button", { type: "submit", class: "primary" }, "Send a test request")),
        problem, result);
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const key = secretOf(state);
        pasteKey.error(key === "" ? "Paste a key, or create one." : null);
        if (key === "")
            return pasteKey.input.focus();
        problem.textContent = "";
        put(result, h("p", { class: "muted" }, "Waiting for the answer …"));
        try {
            put(result, testResult(await busy(form, () => api.post("/quickstart/test",
                { secret: key, model: state.model },
                    { signal: ctx.signal, patienceMs: TEST_MS }))));
        } catch (error) {
            put(result);
            showProblem(error, state.made === null ? [pasteKey] : [], problem);
        }
    });
    return form;
}

function secretOf(state) {
    return state.made?.secret ?? state.pasted;
}

function testResult(answer) {
    const trace = answer.request_id ?
        h("p", {}, link(`/requests/${encodeURIComponent(answer.request_id)}`, "See its trace"),
            " ", h("code", {}, answer.request_id)) : null;
    if (answer.ok)
        return notice("good", h("p", {}, h("strong", {}, "It works. "),
            answer.latency_us ? `Answered in ${duration(answer.latency_us)}.` : ""),
        answer.text ? h("blockquote", {}, answer.text) : null, trace);
    return notice("bad", h("p", {}, h("strong", {}, `The gateway answered ${answer.status}. `),
        answer.text ?? ""), trace);
}

function isLoopback(url) {
    try {
        return /^(localhost|127\.|\[::1\])/.test(new URL(url).hostname);
    } catch {
        return false;
    }
}
