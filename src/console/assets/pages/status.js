// SPDX-License-Identifier: ISC
//
// The gateway itself: its processes, its memory segment, its ledger and its disk.

import { api } from "../api.js";
import { badge, bar, button, bytes, count, dateTime, duration, facts, freshness, h, lines, link,
    notice, plural, poll, put, refresh, section, span, table, when } from "../dom.js";
import { words } from "../trace.js";

const EVERY_MS = 3000;
const SILENT_US = 5e6;    // a process that says nothing for so long is stuck, or the machine is
const LAGGING = 1000;     // settlements that wait
const GAUGES = ["connections_open", "body_bytes"];

export const page = {
    title: "Status",
    async render(ctx) {
        const fresh = freshness();
        const now = h("div", { class: "page" });
        const again = poll(async (signal) => {
            const [status, routes] = await Promise.all([api.get("/status", { signal }),
                api.get("/routes", { signal })]);
            refresh(now, routesNotice(routes.data), view(status));
        }, { everyMs: EVERY_MS, signal: ctx.signal, fresh });

        ctx.head({ title: page.title, actions: [fresh.root,
            button("Refresh", again.now, { class: "small" })] });
        put(ctx.root, now);
        await again.first;
    },
};

function view(status) {
    return [
        warnings(status).map((text) => notice("warn", h("p", {}, text))),
        section("Gateway", gateway(status)),
        status.certificates?.length > 0 &&
            section("Certificates", certificates(status.certificates)),
        section("Processes", processes(status.processes)),
        section("Ledger", status.ledger ? ledger(status) :
            notice("bad", h("p", {}, "The ledger does not answer."))),
        status.disk && section("Disk", disk(status.disk)),
        status.quarantine?.length > 0 && section("Quarantine", quarantine(status.quarantine)),
        section("Since the segment was made", totals(status.totals)),
    ];
}

// Where whoever is called at night looks first.
function routesNotice(routes) {
    const ill = routes.filter((route) => route.state !== "up" && route.state !== "disabled");
    const models = new Set(routes.map((route) => route.model));
    const dead = [...models].filter((model) =>
        routes.every((route) => route.model !== model || !["up", "trial"].includes(route.state)));
    if (ill.length === 0 && dead.length === 0)
        return null;
    return notice(dead.length > 0 ? "bad" : "warn",
        dead.length > 0 && h("p", {}, h("strong", {},
            `No route that takes requests: ${dead.join(", ")}.`)),
        ill.length > 0 && h("p", {}, `${plural(ill.length, "route is", "routes are")} not up: `,
            ill.map((route, at) => [at > 0 && ", ",
                link(`/routes/${route.id}`, `${route.name} (${route.state})`)])));
}

function warnings(status) {
    const silent = status.processes.filter((one) => one.state === "ready" &&
        one.heartbeat_age_us > SILENT_US);
    return [
        status.admission === false && "Admission is closed: no new request is taken.",
        status.upgrade?.tried && `The upgrade to ${status.upgrade.tried} failed, and this ` +
            `version went on: ${status.upgrade.error}`,
        status.last_reload?.is_refused && "The last reload was refused: what was in force " +
            "before it still is. Config, Check the file says why.",
        status.uses_mock && "The mock provider is in use: answers are made up.",
        silent.length > 0 &&
            `No sign of life from ${silent.map(nameOf).join(", ")} for more than ` +
            `${span(SILENT_US)}.`,
        status.ledger?.is_open === false && "The database is not open: nothing can be settled.",
        status.ledger?.outbox > LAGGING &&
            `The ledger lags: ${count(status.ledger.outbox)} settlements wait.`,
        status.disk && diskUsed(status.disk) > 0.9 &&
            `The disk is ${Math.floor(diskUsed(status.disk) * 100)} % full.`,
    ].filter(Boolean);
}

function gateway(status) {
    const upUs = Date.now() * 1000 - status.started_us;
    return facts([
        ["Version", status.version],
        ["Up for", h("span", { title: dateTime(status.started_us) }, span(upUs))],
        status.upgrade?.from ? ["Upgraded", `from ${status.upgrade.from}, without a restart`] :
            null,
        ["Last reload", status.last_reload ? h("span", {}, when(status.last_reload.at_us), " ",
            status.last_reload.is_refused && badge("refused", "bad")) : "none since its start"],
        ["Requests", status.admission === false ? badge("refused", "bad") :
            badge("admitted", "good")],
        ["Public URL", status.public_url],
        ["Listeners", lines(...(status.listeners ?? []))],
        ["Console", status.console_url],
        ["Environment", status.environment],
        ["Models", count(status.models?.length)],
        ["Segment", `${status.segment.name}, ${bytes(status.segment.bytes)}`],
        ["Data", status.data_dir],
        ["Configuration", status.config_file ?? "none"],
    ]);
}

function certificates(all) {
    return table({ caption: "Certificates of TLS listeners", rows: all, columns: [
        { label: "Names", class: "named", cell: (one) => one.names },
        { label: "Good", cell: (one) => {
            const leftUs = one.expires_us - Date.now() * 1000;
            return leftUs <= 0 ? badge("expired", "bad") :
                badge(`${span(leftUs)} more`, one.warns ? "warn" : "good");
        } },
        { label: "Until", cell: (one) => dateTime(one.expires_us) },
        { label: "Listener", hide: "phone", cell: (one) => one.listener },
        { label: "File", hide: "phone", cell: (one) => h("code", {}, one.file) },
    ] }).root;
}

function processes(all) {
    return table({ caption: "All processes", rows: all.filter((one) => one.state !== "vacant"),
        columns: [
        { label: "Process", cell: nameOf },
        { label: "State", cell: (one) => badge(one.state,
            { ready: "good", draining: "warn", claimed: "info", dead: "bad" }[one.state]) },
        { label: "Pid", num: true, cell: (one) => one.pid },
        { label: "Last beat", num: true, cell: (one) => one.heartbeat_age_us ?
            `${duration(one.heartbeat_age_us)} ago` : "–" },
        { label: "Generation", num: true, hide: "phone", cell: (one) => count(one.generation) },
        { label: "Requests", num: true, cell: (one) => counter(one, "requests") },
        { label: "Failed", num: true, cell: (one) => counter(one, "requests_failed") },
        { label: "Connections", num: true, cell: (one) => counter(one, "connections_open") },
        { label: "Bodies", num: true, hide: "phone",
            cell: (one) => one.counters?.body_bytes === undefined ?
            "–" : bytes(one.counters.body_bytes) },
    ] }).root;
}

function nameOf(one) {
    return one.role === "worker" ? `worker ${one.slot}` : one.role;
}

function counter(one, name) {
    return one.counters?.[name] === undefined ? "–" : count(one.counters[name]);
}

function ledger({ ledger: one, totals: sums = {} }) {
    return facts([
        ["Waiting to be settled", one.outbox > LAGGING ? badge(count(one.outbox), "warn") :
            count(one.outbox)],
        ["Last settled", when(realTime(one.last_settle_us))],
        ["Settled in all", sums.settled === undefined ? null :
            `${count(sums.settled)} in ${plural(sums.settle_batches ?? 0, "batch", "batches")}`],
        ["Errors", sums.settle_errors > 0 ? badge(count(sums.settle_errors), "bad") : "none"],
        ["Write-ahead log", bytes(one.wal_bytes)],
        ["Last checkpoint", when(realTime(one.last_checkpoint_us))],
        ["Keys", count(one.n_keys)],
        ["Quota cells in use", count(one.quota_cells_used)],
        ["Database", one.database],
    ]);
}

function realTime(us) {
    return us > 0 ? us : 0;
}

function disk(one) {
    const used = one.total_bytes - one.free_bytes;
    return h("div", { class: "stack narrow" }, bar({ used, limit: one.total_bytes,
        text: `${bytes(one.free_bytes)} free of ${bytes(one.total_bytes)}` }),
        h("p", { class: "muted" }, one.path));
}

function diskUsed(one) {
    return one.total_bytes > 0 ? 1 - one.free_bytes / one.total_bytes : 0;
}

function quarantine(rows) {
    return h("div", { class: "stack" },
        h("p", { class: "muted" },
            "Requests whose like ended a worker: they are refused for a while."),
        table({ caption: "Requests in quarantine", rows, columns: [
            { label: "Model", cell: (row) => row.model },
            { label: "Key", num: true, cell: (row) => row.key_id },
            { label: "Endpoint", cell: (row) => row.endpoint },
            { label: "Body", num: true, cell: (row) => bytes(row.body_bytes) },
            { label: "For", num: true, cell: (row) => `${span(row.seconds_left * 1e6)} more` },
        ] }).root);
}

function totals(sums = {}) {
    return h("details", {}, h("summary", {}, "All counters"), facts(Object.entries(sums)
        .filter(([name]) => !GAUGES.includes(name))
        .map(([name, n]) => [words(name), name.startsWith("bytes") ? bytes(n) : count(n)])));
}
