// SPDX-License-Identifier: ISC
//
// What a caller may name as its model, and how it fares now.

import { api } from "../api.js";
import { button, copyButton, count, countShort, duration, empty, field, filters, freshness, h,
    light,
    money, NONE, permille, poll, put, table } from "../dom.js";

const EVERY_MS = 15000;

export const page = {
    title: "Models",
    async render(ctx) {
        const fresh = freshness();
        const said = h("span", { class: "visually-hidden", role: "status" });
        let models = [];
        const list = table({ caption: "Models", columns: columns(),
            empty: empty("No such model.") });
        const bar = filters(ctx, [
            field({ label: "Name", name: "q", type: "search", value: ctx.query.get("q") ?? "",
                "data-filter": true, placeholder: "gpt, claude, …" }),
        ], show);

        function show() {
            const words = bar.values().q.toLowerCase().split(/\s+/);
            const found = models.filter((model) =>
                words.every((word) => model.name.toLowerCase().includes(word)));
            list.set(found);
            said.textContent = `${count(found.length)} of ${count(models.length)} models`;
        }
        const again = poll(async (signal) => {
            models = (await api.get("/models", { signal })).data;
            show();
        }, { everyMs: EVERY_MS, signal: ctx.signal, fresh });

        await again.first;
        ctx.head({ title: page.title, about: "Paste a name exactly as it stands here.",
            actions: [fresh.root, button("Refresh", again.now, { class: "small" })] });
        put(ctx.root, bar.root, said, list.root,
            h("p", { class: "muted" }, "Prices are dollars per million tokens. First token and " +
                "success are of recent traffic; – where there was too little of it."));
    },
};

function columns() {
    return [
        { label: "Model", cell: (model) => [h("span", { class: "copyable nowrap" },
            h("code", {}, model.name), copyButton(model.name, "Copy", `Copy ${model.name}`)),
        h("span", { class: "sub" }, (model.protocols ?? []).join(", "))] },
        { label: "Status", cell: (model) => light(model.status) },
        { label: "Context", num: true, cell: (model) => tokens(model.context_tokens) },
        { label: "Max output", num: true, hide: "phone", cell: (model) =>
            tokens(model.max_output_tokens) },
        { label: "Input", num: true, cell: (model) => money(model.prices?.input) },
        { label: "Cached input", num: true, hide: "phone", cell: (model) =>
            money(model.prices?.cache_read) },
        { label: "Output", num: true, cell: (model) => money(model.prices?.output) },
        { label: "First token", num: true, cell: (model) => duration(model.first_token_us) },
        { label: "Success", num: true, cell: (model) => permille(model.success_permille) },
    ];
}

function tokens(n) {
    return n ? h("span", { title: `${count(n)} tokens` }, countShort(n)) : NONE;
}
