// SPDX-License-Identifier: ISC
//
// What callers are charged for each model, beside what each of its routes costs the operator.

import { api } from "../api.js";
import { badge, count, dateTime, empty, facts, field, filters, h, link, money, NONE, notice, plural,
    put, table, when } from "../dom.js";

// Nano-USD per million, but the last two: per single unit.
const BUCKETS = [["input", "Input"], ["cache_read", "From cache"],
    ["cache_write_5m", "Into cache, 5 min"],
    ["cache_write_1h", "Into cache, 1 h"], ["output", "Output"], ["reasoning", "Reasoning"],
    ["input_audio", "Audio in"], ["output_audio", "Audio out"], ["input_image", "Image in"],
    ["output_image", "Image out"], ["request", "Per request"],
    ["server_tool", "Per server tool call"]];
const COLUMNS = 6;

export const page = {
    title: "Prices",
    async render(ctx) {
        const models = (await api.get("/prices", { signal: ctx.signal })).data;
        const unknown = models.filter(isUnknown);
        const said = h("p", { class: "muted", role: "status" });
        const list = h("div", { class: "page" });
        const bar = filters(ctx, [
            field({ label: "Model", name: "q", type: "search", value: ctx.query.get("q") ?? "",
                "data-filter": true }),
            field({ label: "Price", name: "state", type: "select", required: true,
                value: ctx.query.get("state") ?? "", options: [["", "Any"], ["unknown", "Unknown"],
                    ["free", "Free"], ["loss", "Below its cost"]] }),
        ], show);

        function show() {
            const { q, state } = bar.values();
            const found = models.filter((model) =>
                model.model.toLowerCase().includes(q.toLowerCase()) &&
                (state === "" || (state === "loss" ? losses(model).length > 0 :
                    state === "unknown" ? isUnknown(model) : model.price.state === state)));
            said.textContent = `${count(found.length)} of ${plural(models.length, "model")}`;
            put(list, found.length === 0 ? empty("No such model.") : found.map(modelView));
        }
        ctx.head({ title: page.title, about: "Dollars per million tokens, out of the " +
            "configuration. A change is written there, and taken by a reload.",
            actions: [link("/config", "Config", { class: "button small" })] });
        put(ctx.root, unknown.length > 0 && notice("warn", h("p", {},
            `${plural(unknown.length, "model")} with a price or a cost that is not known: ` +
            unknown.map((model) => model.model).join(", "))), bar.root, said, list);
        show();
    },
};

// What a bucket costs unless its price says otherwise.
const USUAL = { reasoning: "output", input_audio: "input", output_audio: "output",
    input_image: "input", output_image: "output" };

function modelView(model) {
    const rows = [{ label: "Charged", price: model.price, isCharge: true },
        ...model.routes.map((route) => ({ label: `${route.upstream} / ${route.upstream_model}`,
            href: `/routes/${route.route_id}`, price: route.cost }))];
    const shown = BUCKETS.filter(([name], at) => at < COLUMNS && name !== "reasoning" ||
        rows.some(({ price }) => price?.[name] > 0 && price[name] !== price[USUAL[name]]));
    return h("section", { class: "section", "aria-label": model.model },
        h("div", { class: "row" }, h("h2", { class: "mono" }, model.model), stateOf(model.price),
            losses(model).map((name) => badge(`${name} below its cost`, "bad"))),
        table({ caption: `Prices of ${model.model}`, isMatrix: true, rows, columns: [
            { label: "Whose", cell: (row) => row.href ?
                h("span", {}, "Cost at ", link(row.href, row.label)) :
                h("strong", {}, row.label) },
            ...shown.map(([name, label]) => ({ label, num: true,
                cell: (row) => amount(row.price, name) })),
        ] }).root,
        more(model));
}

// Longer prompts, service tiers, and what is to hold later.
function more(model) {
    const parts = [["Charged", model.price, model.changes], ...model.routes.map((route) =>
        [`Cost at ${route.name}`, route.cost, route.changes])];
    const lines = parts.flatMap(([label, price, changes]) => [
        ...(price?.tiers ?? []).map((tier) =>
            [`${label}, prompts above ${count(tier.above)} tokens`, listed(tier)]),
        ...(changes ?? []).map((change) =>
            [h("span", {}, `${label}, from `, when(change.from_us),
                ` (${dateTime(change.from_us)})`),
                change.price.state === "free" ? "free" : listed(change.price)]),
    ]);
    const factors = Object.entries(model.price.factors ?? {}).filter(([, permille]) => permille > 0)
        .map(([name, permille]) => `${name} × ${permille / 1000}`);
    if (factors.length > 0)
        lines.push(["Service tiers", factors.join(", ")]);
    return lines.length === 0 ? null : h("details", {},
        h("summary", {}, "Long prompts, tiers and changes"),
        facts(lines));
}

function listed(price) {
    return h("span", {}, BUCKETS.filter(([name]) => price[name] > 0).map(([name, label], at) =>
        [at > 0 ? ", " : "", `${label.toLowerCase()} `, money(price[name])]));
}

function amount(price, name) {
    if (!price || price.state === "unknown")
        return h("span", { class: "muted" }, "unknown");
    if (price.state === "free")
        return "free";
    return price[name] === null || price[name] === undefined ? NONE : money(price[name]);
}

function stateOf(price) {
    return price.state === "known" ? null : badge(price.state,
        price.state === "free" ? "info" : "warn");
}

function isUnknown(model) {
    return model.price.state === "unknown" ||
        model.routes.some((route) => !route.cost || route.cost.state === "unknown");
}

// Buckets that cost more than is charged for them, on some route.
function losses(model) {
    if (model.price.state !== "known")
        return [];
    return ["input", "output"].filter((name) => model.routes.some(({ cost }) =>
        cost?.state === "known" && BigInt(cost[name] ?? 0) > BigInt(model.price[name] ?? 0)));
}
