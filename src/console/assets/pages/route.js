// SPDX-License-Identifier: ISC
//
// One route: its health now, its credentials, and how it fared.

import { api, isAbort } from "../api.js";
import { chart } from "../charts.js";
import { badge, count, duration, errorView, facts, field, filters, freshness, h, lines, link,
    permille, poll, put, refresh, section, table, when } from "../dom.js";
import { actions, cacheHit, load, probeWords, stateBadge, stateWords, success }
    from "../routestate.js";
import { FORMATS } from "../usage.js";

const EVERY_MS = 5000;
const HOUR_US = 3600e6;
const SPANS = { "6h": 6 * HOUR_US, "24h": 24 * HOUR_US, "7d": 168 * HOUR_US };

export const page = {
    title: "Route",
    async render(ctx) {
        const path = `/routes/${encodeURIComponent(ctx.params.id)}`;
        const fresh = freshness();
        const now = h("div", { class: "page" });
        const past = h("div", { class: "charts" });
        const bar = filters(ctx, [field({ label: "Time", name: "span", type: "select",
            required: true,
            value: SPANS[ctx.query.get("span")] === undefined ? "24h" : ctx.query.get("span"),
            options: [["6h", "Last 6 hours"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"]] })],
            () => history());

        let headOf = "";
        const show = (route) => {
            // A button that has the focus stays while nothing has changed.
            if (headOf !== route.state + route.admin)
                ctx.head({ title: route.name, about: stateWords(route),
                    actions: [fresh.root, ...actions(route, show)] });
            headOf = route.state + route.admin;
            refresh(now, section("Now", health(route)),
                section("Credentials", credentials(route)));
        };
        async function history() {
            const until = Date.now() * 1000;
            const since = Math.floor(until - SPANS[bar.values().span]);
            try {
                const { data } = await api.get(`${path}/history`,
                    { query: { since, until }, signal: ctx.signal });
                put(past, ...historyCharts(data, ctx.signal));
            } catch (error) {
                if (!isAbort(error))
                    put(past, errorView(error, history));
            }
        }
        show(await api.get(path, { signal: ctx.signal }));
        fresh.ok();
        put(ctx.root, now, section("History", bar.root, past));
        poll(async (signal) => {
            const route = await api.get(path, { signal });
            if (!document.querySelector("dialog[open]"))
                show(route);
        }, { everyMs: EVERY_MS, signal: ctx.signal, fresh });
        await history();
    },
};

function health(route) {
    return facts([
        ["State", stateBadge(route)],
        ["Model", link(`/requests?model=${encodeURIComponent(route.model)}`, route.model)],
        ["Upstream", `${route.upstream} / ${route.upstream_model}`],
        ["Route ID", h("code", {}, route.id)],
        ["Tier and weight", `${route.tier}, ${route.weight}`],
        ["In flight", load(route)],
        ["Limit learned", route.limit ? count(route.limit) : "none"],
        ["Success", success(route)],
        ["Successes, failures, overloads",
            `${count(route.successes)}, ${count(route.failures)}, ${count(route.overloads)}`],
        ["Failures in a row", count(route.failures_in_row)],
        ["First token",
            `${duration(route.first_token_us)}, p95 ${duration(route.first_token_p95_us)}`],
        ["Prompt cache hit", permille(cacheHit(route))],
        ["Last success", when(route.last_success_us)],
        ["Last failure", when(route.last_failure_us)],
        ["Probe", lines(probeWords(route.probe),
            route.probe?.probed_us && when(route.probe.probed_us))],
        ["Switched", route.is_disabled ? "off in the configuration" : route.admin],
    ]);
}

function credentials(route) {
    return table({ caption: "State of each credential", rows: route.credentials ?? [],
        empty: "None.", columns: [
        { label: "Name", cell: (one) => one.name || "the only one" },
        { label: "State", cell: (one) => badge(one.state,
            { ok: "good", cooling: "warn", refused: "bad" }[one.state]) },
        { label: "Last status", num: true, cell: (one) => one.status || "–" },
        { label: "Until", cell: (one) => one.until_us ? when(one.until_us) : "–" },
    ] }).root;
}

function historyCharts(slots, signal) {
    const labels = slots.map((slot) => moment(slot.at_us));
    const common = { labels, first: "From", signal };
    const values = (label, name, colour) => ({ label, colour,
        values: slots.map((slot) => slot[name] ?? null) });
    const hasTimes = slots.some((slot) => slot.first_token_us > 0);
    return [
        chart({ ...common, title: "Attempts", stacked: true, format: FORMATS.count, series: [
            { label: "ok", colour: "--series-1",
              values: slots.map((slot) => Number(slot.attempts) - Number(slot.failures)) },
            values("failed", "failures", "--series-5")] }),
        hasTimes && chart({ ...common, title: "Until the first token", kind: "line",
            format: FORMATS.time,
            series: [values("average", "first_token_us", "--series-1"),
                values("p95", "first_token_p95_us", "--series-3")] }),
    ];
}

const slotTime = new Intl.DateTimeFormat(undefined,
    { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function moment(us) {
    return slotTime.format(us / 1000);
}
