// SPDX-License-Identifier: ISC
//
// What the pages of a key share: its words, its bars, and the one showing of its secret.

import { api } from "./api.js";
import { badge, bar, copyButton, count, countShort, dialog, h, link, notice, span, toast, usd,
    usdShort } from "./dom.js";

export const TOOLS = [["cursor", "Cursor"], ["claude-code", "Claude Code"], ["codex", "Codex"],
    ["script", "Script"], ["agent", "Agent"], ["server", "Server"], ["other", "Other"]];

export const PERIODS = { day: "a day", week: "a week", month: "a month", total: "in all" };

const STATES = { active: "good", disabled: "warn", expired: "warn", revoked: "bad" };

export function toolName(tool) {
    return TOOLS.find(([own]) => own === tool)?.[1] ?? tool;
}

export function stateBadge(state) {
    return badge(state, STATES[state] ?? "idle");
}

// "$12.50 used + $0.03 reserved of $50.00 a month", drawn and said.
export function limitBar(limit, { isFull = false } = {}) {
    const amount = limit.unit !== "usd" ? (isFull ? count : countShort) : isFull ? usd : usdShort;
    const unit = limit.unit === "usd" ? "" : " tokens";
    const reserved = Number(limit.reserved) > 0 ? ` + ${amount(limit.reserved)} reserved` : "";
    const text = `${amount(limit.used)}${reserved} of ${amount(limit.limit)}${unit} ` +
        PERIODS[limit.period] + (limit.model ? `, ${limit.model}` : "") +
        (limit.shadow ? " (counts only)" : "");
    return bar({ used: limit.used, reserved: limit.reserved, limit: limit.limit, text });
}

// What it counts is refused until it renews or is raised.
export function isUsedUp(limit) {
    return !limit.shadow && BigInt(limit.used) >= BigInt(limit.limit);
}

export function renewal(limit, nowUs = Date.now() * 1000) {
    return limit.renews_us ? `renews in ${span(Math.max(0, limit.renews_us - nowUs))}` :
        "does not renew";
}

// The only time the secret is on a screen. It lives in this dialog and in no other place: closing
// it, leaving the page or loading it anew ends it.
export async function showSecret({ title, name, secret, about = null, useIt = null }) {
    const body = h("div", { class: "stack" },
        notice("warn", h("p", {}, h("strong", {}, "Copy it now. "),
            "It is shown this once and kept nowhere; if it is lost, make another.")),
        h("div", { class: "code" },
            h("pre", { class: "secret", tabindex: 0, role: "region",
                "aria-label": `Secret of ${name}` },
                h("code", { data: { secret: "" } }, secret)),
            copyButton(secret, "Copy", `Copy the secret of ${name}`)),
        about);
    return dialog({ title, body, stays: true, closeLabel: "I have saved it",
        actions: useIt === null ? [] : [{ label: useIt, value: "use" }] });
}

// The names that a key may be held to.
export async function modelNames(signal) {
    try {
        return (await api.get("/models", { signal })).data.map((model) => model.name).sort();
    } catch (error) {
        toast(`The models could not be read: ${error.message}`, "bad");
        return [];
    }
}

export function keyLink(id, text) {
    return link(`/keys/${encodeURIComponent(id)}`, text);
}
