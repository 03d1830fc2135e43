// SPDX-License-Identifier: ISC
//
// What would become of a request that a key made now: which limit would stop it, which route would
// have it and why not the others. Nothing is sent or counted.

import { adviceOn } from "../advice.js";
import { api, isAbort } from "../api.js";
import { badge, count, duration, empty, errorView, facts, field, filters, freshness, h, lines, link,
    money, notice, parseCount, permille, put, section, span, table, waiting } from "../dom.js";
import { limitBar, renewal } from "../key_parts.js";
import { suggestions } from "../suggest.js";
import { words } from "../trace.js";

const PROMPT = 1000;

export const page = {
    title: "Explain",
    async render(ctx) {
        const fresh = freshness();
        const names = suggestions(ctx.signal);
        const body = h("div", { class: "page", "aria-live": "polite" });
        const bar = filters(ctx, fieldsOf(ctx.query, names), load);
        let turn = null;

        async function load({ key, model, prompt_tokens: prompt, address }) {
            turn?.abort();
            turn = new AbortController();
            const signal = AbortSignal.any([turn.signal, ctx.signal]);
            if (key === "" || model === "")
                return put(body, empty("Name a key and a model."));
            put(body, waiting());
            try {
                put(body, ...view(await api.get("/explain", { signal,
                    query: { key, model, prompt_tokens: parseCount(prompt) ?? PROMPT,
                        ...(address !== "" && { address }) } })));
                fresh.ok();
            } catch (error) {
                if (!isAbort(error))
                    put(body, error.status === 404 ?
                        empty("There is no such key, or no such model.") :
                        errorView(error, () => load(bar.values())));
            }
        }
        ctx.head({ title: page.title, about: "What would become of a request now. " +
            "Nothing is sent, and nothing counted.", actions: [fresh.root] });
        put(ctx.root, h("div", {}, bar.root, names.root), body);
        await load(bar.values());
    },
};

function fieldsOf(query, names) {
    const text = (label, name, more) =>
        field({ label, name, type: "search", value: query.get(name) ?? "", ...more });
    return [
        text("Key", "key", { "data-filter": true, placeholder: "name or ID", list: names.keys }),
        text("Model", "model", { list: names.models }),
        text("Prompt tokens", "prompt_tokens",
            { placeholder: count(PROMPT), inputmode: "numeric" }),
        text("Comes from", "address", { placeholder: "any address" }),
    ];
}

function view(answer) {
    const limits = [...answer.rates.map(rateView), ...answer.quotas.map(quotaView)];
    return [
        verdictView(answer),
        section("Limits", limits.length === 0 ?
            h("p", { class: "muted" }, "No limit of the key counts it.") :
            h("div", { class: "grid" }, limits)),
        section("Routes, as they would be tried", routesTable(answer.routes)),
        section("Taken for this", facts([
            ["The key may be used from", answer.key.allow_from.length === 0 ? "anywhere" :
                lines(...answer.key.allow_from)],
            ["Choice of routes", `${answer.policy}, of the ${answer.policy_of}`],
            ["Tokens", `${count(answer.estimate.prompt_tokens)} in, at most ` +
                `${count(answer.estimate.output_tokens)} out`],
            ["Charge at most", money(answer.estimate.charge_nusd)],
            ["Reserved meanwhile", lines(money(answer.estimate.reserved_nusd),
                `${count(answer.estimate.reserved_tokens)} tokens`)],
            ["Another model stands in", answer.fallbacks.length === 0 ? "none is configured" :
                lines(`on ${answer.fallback_on.map(words).join(", ")}`,
                    ...answer.fallbacks.map(fallbackWords))],
        ])),
    ];
}

function verdictView({ key, model, verdict }) {
    const keyLink = link(`/keys/${key.id}`, key.name);
    if (verdict.admitted)
        return notice(verdict.is_panic || verdict.served_by !== model ? "warn" : "good",
            h("p", {}, h("strong", {}, `It would be served by ${verdict.served_by}.`), " The key: ",
                keyLink),
            verdict.is_panic && h("p", {},
                "All its routes are ill: they are tried all the same."));
    const { caller, operator } = adviceOn(verdict.category);
    return notice("bad",
        h("p", {}, h("strong", {}, `It would be refused: ${words(verdict.category)}.`), " The key: ",
            keyLink),
        h("p", {}, `The caller reads, with status ${verdict.openai_status}: `,
            `“${verdict.sentence}”`),
        h("p", {}, operator ?? caller,
            verdict.retry_us > 0 && ` It may pass in ${span(verdict.retry_us)}.`));
}

function rateView(rate) {
    return h("div", {}, h("p", {}, `${count(rate.per_minute)} ${rate.unit} a minute`),
        h("p", {}, fits(rate.wait_us === 0),
            rate.wait_us > 0 && ` for ${duration(rate.wait_us)} more`));
}

function quotaView(quota) {
    if (quota.unit === "concurrent")
        return h("div", {}, h("p", {},
            `${count(quota.used)} of ${count(quota.limit)} at the same time`),
        h("p", {}, fits(quota.fits)));
    const needed = quota.unit === "usd" ? money(quota.needed) : `${count(quota.needed)} tokens`;
    return h("div", {}, limitBar(quota, { isFull: true }),
        h("p", { class: "bar-more" }, renewal(quota), "; this takes ", needed, " "),
        h("p", {}, fits(quota.fits || quota.shadow)));
}

function fits(isFitting) {
    return isFitting ? badge("it fits", "good") : badge("it stops here", "bad");
}

function routesTable(routes) {
    return table({ caption: "Routes", rows: routes, href: (route) => `/routes/${route.id}`,
        empty: "The model has no route.", columns: [
        { label: "Route", class: "named", cell: (route) => lines(route.upstream,
            route.upstream_model, `tier ${route.tier}, weight ${route.weight}`) },
        { label: "State", cell: (route) => lines(badge(words(route.state),
            { usable: "good", trial: "info" }[route.state] ?? "bad"),
        route.reason !== words(route.state) && route.reason,
        route.until_us && renewalOf(route.until_us)) },
        { label: "Is the first", num: true, cell: (route) => permille(route.first_permille) },
        { label: "Score", num: true, hide: "phone", cell: (route) =>
            route.score === null ? "–" : count(route.score) },
        { label: "Cost", num: true, cell: (route) => money(route.cost_nusd) },
        { label: "In flight", num: true, hide: "phone", cell: (route) => route.limit ?
            `${count(route.in_flight)} of ${count(route.limit)}` : count(route.in_flight) },
        { label: "First token", num: true, cell: (route) => duration(route.first_token_us) },
        { label: "Success", num: true, cell: (route) => permille(route.success_permille) },
    ] }).root;
}

function renewalOf(us) {
    return `for ${span(Math.max(0, us - Date.now() * 1000))} more`;
}

function fallbackWords(one) {
    return one.model + (!one.may_use ? ": the key may not use it" :
        !one.is_there ? ": not configured" : one.usable_routes === 0 ? ": no route to take" : "");
}
