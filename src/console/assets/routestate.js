// SPDX-License-Identifier: ISC
//
// A route's state in words, and what an operator can do to it.

import { api } from "./api.js";
import { badge, button, confirm, count, duration, h, lines, NONE, permille, span, toast }
    from "./dom.js";

const STATES = {
    up: ["good", "It takes requests."],
    trial: ["info", "The breaker lets single requests through to see whether it has recovered."],
    cooling: ["warn", "The provider asked us to wait."],
    open: ["bad", "The breaker is open after failures: it gets nothing until its time is over."],
    refused: ["bad", "The provider refuses our credentials."],
    drained: ["idle", "Drained here: it gets nothing new."],
    disabled: ["idle", "Switched off."],
};

export const STATE_NAMES = Object.keys(STATES);

// The gateway presumes the best of a route that nobody has used yet; that is no figure.
export function success(route) {
    return route.last_success_us || route.last_failure_us ? permille(route.success_permille) : NONE;
}

export function stateBadge(route) {
    const [kind, about] = STATES[route.state] ?? ["idle", ""];
    const leftUs = route.until_us ? route.until_us - Date.now() * 1000 : 0;
    return h("span", { title: about },
        lines(badge(route.state, kind), leftUs > 0 && `for ${span(leftUs)} more`));
}

export function stateWords(route) {
    return STATES[route.state]?.[1] ?? "";
}

export function cacheHit(route) {
    return route.prompt_tokens > 0 ?
        Math.round(Number(route.cached_tokens) / Number(route.prompt_tokens) * 1000) : null;
}

export function probeWords(probe) {
    if (!probe || probe.kind === "none" || !probe.probed_us)
        return "not probed";
    return probe.is_ok ? `ok, ${duration(probe.latency_us)}` :
        `failed${probe.status ? `, HTTP ${probe.status}` : ""}`;
}

export function load(route) {
    const limit = route.limit ?? route.max_concurrent;
    return limit ? `${count(route.in_flight)} of ${count(limit)}` : count(route.in_flight);
}

const ACTS = {
    enable: { label: "Enable", title: "Enable the route?", done: "enabled",
        body: "It takes requests again at once, and what it was out for is forgotten: its " +
            "failures, and those of its upstream's credentials." },
    drain: { label: "Drain", title: "Drain the route?", done: "drained", danger: true,
        body: "It gets nothing new but what is bound to it: conversations whose prompt cache " +
            "lies there, and stored responses. What is in flight goes on." },
    disable: { label: "Disable", title: "Disable the route?", done: "disabled", danger: true,
        body: "It gets nothing until it is enabled again. What is in flight goes on." },
};

// The buttons that make sense for it, or the first of them; onDone(route) with what the server
// answers.
export function actions(route, onDone, { isShort = false } = {}) {
    if (route.is_disabled)
        return [h("span", { class: "muted" }, "off in Config")];
    const names = route.admin === "enabled" ? ["drain", "disable"] :
        route.admin === "drained" ? ["enable", "disable"] : ["enable"];
    return names.slice(0, isShort ? 1 : 2).map((name) =>
        button(ACTS[name].label, () => act(route, name, onDone),
        { class: isShort ? "small" : null, "aria-label": `${ACTS[name].label} ${route.name}` }));
}

async function act(route, name, onDone) {
    const what = ACTS[name];
    let changed = null;
    const isDone = await confirm({ title: what.title, action: what.label,
        danger: what.danger === true,
        body: h("div", { class: "stack" }, h("p", {}, h("strong", {}, route.name)),
            h("p", {}, what.body),
            name !== "enable" && h("p", { class: "muted" },
                `In flight now: ${count(route.in_flight)}. It ` +
                "holds until relayosd is stopped; for good, write it into the configuration.")),
        run: async () => { changed = await api.post(`/routes/${route.id}/${name}`); } });
    if (isDone) {
        toast(`${route.name} is ${what.done}.`);
        onDone(changed);
    }
}
