// SPDX-License-Identifier: ISC
//
// The form that makes or changes a key. Changing sends what was changed and nothing else.

import { button, field, h, newId, parseCount, parseUsd, usdPlain } from "./dom.js";
import { PERIODS, TOOLS } from "./key_parts.js";

const QUOTAS_MAX = 7;
const NETWORKS_MAX = 4;
const POLICIES = [["model", "As each model has it"], ["balanced", "Balanced"],
    ["fastest", "Fastest"],
    ["cheapest", "Cheapest"], ["ordered", "In order"], ["weighted", "By weight"]];

// ctx: the page's; models: names; key: the one to change, or null. Fields for form(). What a key
// may do is an operator's to say: its owner names it.
export function keyFields({ ctx, models, key, tool = "other" }) {
    const own = (name, otherwise) => key === null ? otherwise : key[name];
    const rate = (name, label) => field({ label, name, inputmode: "numeric",
        value: own(name, 0) ? String(own(name, 0)) : "", placeholder: "No limit", read: readRate });
    const name = field({ label: "Name", name: "name", required: true, value: own("name", ""),
        maxlength: 64, autocomplete: "off",
        hint: "Stands in lists and traces: what uses it, as “ci” or “anna laptop”." });
    return !ctx.can("operator") ? [name] : [
        name,
        group("pair",
            field({ label: "Tool", name: "tool", type: "select", options: TOOLS, required: true,
                value: own("tool", tool) }),
            field({ label: "Owner", name: "owner",
                value: own("owner", ctx.session.user.name),
                autocomplete: "off", hint: "A user or a team." })),
        modelsField(models, own("all_models", true), own("models", [])),
        quotasField(own("limits", []), models),
        expiryField(own("expires_us", 0)),
        field({ label: "May be used from", name: "allow_from", autocomplete: "off",
            value: own("allow_from", []).join(", "), placeholder: "Anywhere", read: readNetworks,
            hint: "Addresses and networks: 192.0.2.7, 10.0.0.0/8. Empty: anywhere." }),
        details("Rates, strictness and routing", [
            group("pair",
                rate("requests_per_minute", "Requests a minute"),
                rate("tokens_per_minute", "Tokens a minute"),
                rate("max_concurrent", "At the same time")),
            field({ label: "Strict quotas", name: "strict", type: "checkbox",
                value: own("strict", false),
                hint: "Never a cent over: the worst case of each request is reserved, and what has " +
                    "none (images by URL, tools the provider runs) is refused." }),
            field({ label: "Choice of routes", name: "policy", type: "select",
                options: POLICIES, required: true, value: own("policy", "model") }),
        ]),
    ].flatMap((one) => one.parts ?? [one]);
}

// What key.update has to be told to come from `key` to `values`.
export function keyChanges(key, values) {
    const changes = {};
    const before = { ...key, models: key.all_models ? [] : key.models };
    for (const [name, value] of Object.entries(values))
        if (name !== "quotas" && JSON.stringify(value) !== JSON.stringify(before[name] ?? null))
            changes[name] = value;
    const quotas = values.quotas === undefined ? [] : quotaChanges(key.limits, values.quotas);
    if (quotas.length > 0)
        changes.quotas = quotas;
    return changes;
}

// An amount of 0 takes a quota away.
function quotaChanges(limits, quotas) {
    const sameCell = (a, b) => a.unit === b.unit && a.period === b.period &&
        (a.model ?? null) === (b.model ?? null);
    const gone = limits.filter((limit) => !quotas.some((quota) => sameCell(limit, quota)))
        .map(({ unit, period, model, shadow }) => ({ unit, period, ...(model && { model }), shadow,
            amount: 0 }));
    const changed = quotas.filter((quota) => !limits.some((limit) => sameCell(limit, quota) &&
        BigInt(limit.limit) === BigInt(quota.amount) && limit.shadow === quota.shadow));
    return [...gone, ...changed];
}

// Fields side by side, or behind a summary: form() finds them in `parts`.
function group(className, ...fields) {
    const root = h("div", { class: className }, fields.map((one) => one.root));
    return { parts: [root, ...fields.map(detached)] };
}

function details(label, all) {
    const flat = all.flatMap((one) => one.parts ?? [one.root, detached(one)]);
    const nodes = flat.filter((one) => one instanceof Node);
    const body = h("div", { class: "fields" }, nodes);
    const root = h("details", {}, h("summary", {}, label), body);
    return { parts: [root, ...flat.filter((one) => !(one instanceof Node))] };
}

// A field whose element stands somewhere else already.
function detached(one) {
    return { ...one, root: null };
}

function modelsField(models, isAll, chosen) {
    const id = newId("models");
    const about = h("span", { class: "problem" });
    const radio = (value, label, checked) => h("label", { class: "row" },
        h("input", { type: "radio", name: id, value, checked, on: { change: () => toggle() } }),
            label);
    const names = [...new Set([...models, ...chosen])].sort();
    const boxes = names.map((name) => h("input", { type: "checkbox", value: name,
        checked: !isAll && chosen.includes(name) }));
    const list = h("div", { class: "scroll choices", role: "group", "aria-label": "Models" },
        boxes.map((box) => h("label", { class: "row" }, box, h("code", {}, box.value))));
    const root = h("fieldset", { class: "field" }, h("legend", {}, "Models"),
        h("div", { class: "row" }, radio("all", "All, those to come too", isAll),
            radio("some", "Only some", !isAll)), list, about);
    const wantsAll = () => root.querySelector(`[value=all]`).checked;
    const toggle = () => { list.hidden = wantsAll(); };
    toggle();
    return { root, input: boxes[0] ?? root.querySelector("input"), name: "models",
        error: (text) => { about.textContent = text ?? ""; },
        get: () => {
            const some = boxes.filter((box) => box.checked).map((box) => box.value);
            if (!wantsAll() && some.length === 0)
                throw new Error("Choose at least one model, or all.");
            return wantsAll() ? [] : some;
        } };
}

function quotasField(limits, models) {
    const about = h("span", { class: "problem", role: "alert" });
    const rows = h("div", { class: "stack tight" });
    const add = button("Add a quota", () => {
        rows.append(quotaRow({ unit: "usd", period: "month" }, models));
        rows.lastChild.querySelector("input").focus();
    }, { class: "small" });
    const root = h("fieldset", { class: "field" }, h("legend", {}, "Quotas"),
        h("span", { class: "hint" }, "All hold at once. None: it may use without end."),
        rows, h("div", {}, add), about);
    rows.addEventListener("input", () => { about.textContent = ""; });
    for (const limit of limits)
        rows.append(quotaRow(limit, models));
    const get = () => {
        const quotas = [...rows.children].map(readQuota);
        const cells = quotas.map(({ unit, period, model }) => `${unit} ${period} ${model}`);
        if (new Set(cells).size < cells.length)
            throw new Error("Two quotas are of the same unit, period and model.");
        if (quotas.length > QUOTAS_MAX)
            throw new Error(`At most ${QUOTAS_MAX} quotas.`);
        return quotas;
    };
    return { root, name: "quotas", get, input: add,
        error: (text) => { about.textContent = text ?? ""; } };
}

function quotaRow(limit, models) {
    const select = (name, label, options, value) => h("select", { "aria-label": label,
        data: { part: name } }, options.map(([own, text]) =>
        h("option", { value: own, selected: own === value }, text)));
    const names = [...new Set([...models, ...(limit.model ? [limit.model] : [])])];
    const amount = h("input", { type: "text", inputmode: "decimal", "aria-label": "Amount",
        placeholder: "50", data: { part: "amount" } });
    if (limit.limit !== undefined)
        amount.value = limit.unit === "usd" ? usdPlain(limit.limit) : String(limit.limit);
    const row = h("div", { class: "quota" }, amount,
        select("unit", "Unit", [["usd", "US$"], ["tokens", "tokens"]], limit.unit),
        select("period", "Period", Object.entries(PERIODS), limit.period),
        select("model", "Counts", [["", "All models"], ...names.map((name) => [name, name])],
            limit.model ?? ""),
        h("label", { class: "row", title: "Is counted and shown, and refuses nothing." },
            h("input", { type: "checkbox", checked: limit.shadow === true,
                data: { part: "shadow" } }),
            "Counts only"),
        button("Remove", () => { const place = row.parentNode; row.remove(); focusLast(place); },
            { class: "small" }));
    return row;
}

function focusLast(rows) {
    (rows.lastChild ?? rows.parentNode).querySelector("button").focus();
}

function readQuota(row) {
    const part = (name) => row.querySelector(`[data-part=${name}]`);
    const unit = part("unit").value;
    const text = part("amount").value;
    const amount = unit === "usd" ? parseUsd(text) : parseCount(text);
    part("amount").toggleAttribute("aria-invalid", false);
    if (amount === null || BigInt(amount) === 0n) {
        part("amount").setAttribute("aria-invalid", "true");
        throw new Error(`“${text}” is no amount: write 50 or 0.25 dollars, 1000000 or 2M tokens.`);
    }
    const model = part("model").value;
    return { unit, amount, period: part("period").value, ...(model !== "" && { model }),
        shadow: part("shadow").checked };
}

function expiryField(expiresUs) {
    return field({ label: "Expires", name: "expires_us", type: "datetime-local",
        value: expiresUs ? localText(expiresUs) : "",
            hint: "From then on it is refused. Empty: never.",
        read: (text) => readTime(text, expiresUs) });
}

function readTime(text, before) {
    if (text === "")
        return 0;
    if (before && text === localText(before))
        return before;
    const us = new Date(text).getTime() * 1000;
    if (!(us > Date.now() * 1000))
        throw new Error("That is past.");
    return us;
}

// As <input type=datetime-local> wants it.
function localText(us) {
    const time = new Date(us / 1000);
    return new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

// What they are is the gateway's to judge.
function readNetworks(text) {
    const networks = text.split(/[\s,]+/).filter((one) => one !== "");
    if (networks.length > NETWORKS_MAX)
        throw new Error(`At most ${NETWORKS_MAX} networks.`);
    return networks;
}

function readRate(text) {
    const n = text === "" ? 0 : parseCount(text);
    if (n === null)
        throw new Error("A whole number, or nothing.");
    return n;
}

