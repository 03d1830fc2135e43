// SPDX-License-Identifier: ISC
//
// From nothing to a first traced request: a key, a model, what to paste, and one request to try it.

import { api } from "../api.js";
import { busy, button, codeBlock, copyButton, duration, field, h, link, notice, put, section,
    showProblem,
    tabs } from "../dom.js";
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
            tab: ctx.query.get("tool") };
        const parts = { key: h("div", { class: "stack" }), tools: h("div"), test: h("div") };
        const redraw = (isFocused) => {
            put(parts.key, keyPart(ctx, state, redraw));
            put(parts.tools, toolsPart(ctx, state));
            put(parts.test, testPart(ctx, state));
            if (isFocused === true)
                parts.test.querySelector("button").focus();
        };
        redraw();
        ctx.head({ title: page.title, about: "A key, a model, and what to paste into your tool." });
        put(ctx.root, addressPart(state), section("1. A key", parts.key),
            section("2. A model", modelPart(state, redraw)), section("3. Your tool", parts.tools),
            section("4. Try it", parts.test));
        return () => { state.made = null; };
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

function keyPart(ctx, state, redraw) {
    if (!ctx.can("operator"))
        return h("p", { class: "muted" }, "An operator makes it for you. Put it in the place of ",
            h("code", {}, PLACEHOLDER), ".");
    const create = button(state.made === null ? "Create a key" : "Create another",
        () => createKey(ctx, { onSecret: (made) => { state.made = made; redraw(true); } }),
        { class: state.made === null ? "primary" : null });
    if (state.made === null)
        return h("div", { class: "row" }, create, h("span", { class: "muted" },
            "Or put one that you have in the place of ", h("code", {}, PLACEHOLDER), "."));
    return [
        notice("good", h("p", {}, "The settings below hold the secret of ",
            h("strong", {}, state.made.key.name), " until you leave this page.")),
        h("div", { class: "row" }, create, button("Hide the secret", () => {
            state.made = null;
            redraw(true);
        })),
    ];
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
    const settings = { url: state.url, model: state.model, key: state.made?.secret ?? PLACEHOLDER };
    return tabs({ label: "Tools", selected: state.tab,
        items: SNIPPETS.map(({ id, label, make }) => ({ id, label,
            render: () => h("div", { class: "stack" }, make(settings).map(snippet)) })),
        onSelect: (id) => { state.tab = id; ctx.setQuery({ tool: id }); } });
}

function snippet({ label, text, note }) {
    return note !== undefined ? h("p", { class: "muted" }, note) :
        h("div", { class: "stack tight" }, h("h3", {}, label), codeBlock(text, label));
}

// With the secret just made, or one that is pasted: the console keeps none that it could use.
function testPart(ctx, state) {
    const secret = field({ label: "Key", name: "secret", type: "password", autocomplete: "off",
        required: true, value: state.pasted,
            hint: "Is sent to your gateway for this one request and not kept." });
    secret.input.addEventListener("input", () => { state.pasted = secret.input.value; });
    const problem = h("p", { class: "problem", role: "alert" });
    const result = h("div", { "aria-live": "polite" });
    const form = h("form", { class: "stack", novalidate: true },
        h("p", { class: "muted" }, "One short question to ", h("code", {}, state.model),
            ", as any tool would ask it. It is charged to the key."),
        state.made === null && h("div", { class: "prose" }, secret.root),
        h("div", {}, h("button", { type: "submit", class: "primary" }, "Send a test request")),
        problem, result);
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const key = state.made?.secret ?? secret.input.value.trim();
        secret.error(key === "" ? "Paste a key, or create one above." : null);
        if (key === "")
            return secret.input.focus();
        problem.textContent = "";
        put(result, h("p", { class: "muted" }, "Waiting for the answer …"));
        try {
            put(result, testResult(await busy(form, () => api.post("/quickstart/test",
                { secret: key, model: state.model },
                    { signal: ctx.signal, patienceMs: TEST_MS }))));
        } catch (error) {
            put(result);
            showProblem(error, [secret], problem);
        }
    });
    return form;
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
