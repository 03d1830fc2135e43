// SPDX-License-Identifier: ISC
//
// Every route: may it be taken, how does it fare, what is it doing.

import { api } from "../api.js";
import { badge, button, count, duration, empty, field, filters, freshness, h, lines,
    plural, poll, put, table } from "../dom.js";
import { actions, load, probeWords, stateBadge, STATE_NAMES, success } from "../routestate.js";

const EVERY_MS = 5000;

export const page = {
    title: "Routes",
    async render(ctx) {
        const fresh = freshness();
        const said = h("p", { class: "muted", role: "status" });
        const list = table({ caption: "Routes", columns: columns(() => again.now()),
            href: (route) => `/routes/${route.id}`, empty: empty("No such route."),
            rowClass: (route) => route.admin === "enabled" && !route.is_disabled ? null :
                "faded" });
        const bar = filters(ctx, [
            field({ label: "Name", name: "q", type: "search", value: ctx.query.get("q") ?? "",
                "data-filter": true, placeholder: "model or upstream" }),
            field({ label: "State", name: "state", type: "select", required: true,
                value: ctx.query.get("state") ?? "", options: [["", "Any"], ["ill", "Not up"],
                    ...STATE_NAMES] }),
        ], show);
        let routes = [];

        function show() {
            const { q, state } = bar.values();
            const words = q.toLowerCase().split(/\s+/);
            const found = routes.filter((route) =>
                (state === "" || route.state === state ||
                    (state === "ill" && route.state !== "up")) &&
                words.every((word) => namesOf(route).includes(word)));
            list.set(found);
            const text = `${count(found.length)} of ${plural(routes.length, "route")}, ` +
                `${count(routes.filter((route) => route.state === "up").length)} up`;
            // Said anew only when it is news.
            if (said.textContent !== text)
                said.textContent = text;
        }
        const again = poll(async (signal) => {
            routes = (await api.get("/routes", { signal })).data;
            show();
        }, { everyMs: EVERY_MS, signal: ctx.signal, fresh });

        ctx.head({ title: page.title, actions: [fresh.root,
            button("Refresh", again.now, { class: "small" })] });
        put(ctx.root, bar.root, said, list.root);
        await again.first;
    },
};

function namesOf(route) {
    return [route.id, route.name, `${route.model}/${route.upstream}/${route.upstream_model}`]
        .join(" ").toLowerCase();
}

function columns(onDone) {
    return [
        { label: "Route", class: "named", cell: (route) => lines(route.model,
            `${route.upstream} / ${route.upstream_model}`,
            `tier ${route.tier}, weight ${route.weight}`) },
        { label: "State", cell: stateBadge },
        { label: "Success", num: true, cell: (route) => lines(success(route),
            route.failures_in_row > 0 && `${route.failures_in_row} failed in a row`) },
        { label: "First token", num: true, cell: (route) => lines(duration(route.first_token_us),
            route.first_token_p95_us && `p95 ${duration(route.first_token_p95_us)}`) },
        { label: "In flight", num: true, cell: load },
        { label: "Probe", class: "nowrap", hide: "phone",
            cell: (route) => probeWords(route.probe) },
        { label: "Credentials", hide: "phone", cell: credentials },
        { label: "Actions", class: "actions", cell: (route) => h("span", { class: "row end" },
            actions(route, onDone, { isShort: true })) },
    ];
}

function credentials({ credentials: all = [] }) {
    const ill = all.filter((one) => one.state !== "ok");
    return ill.length === 0 ? `${count(all.length)} ok` : ill.map((one) =>
        badge(`${one.name || "credential"} ${one.state}`,
            one.state === "refused" ? "bad" : "warn"));
}
