// SPDX-License-Identifier: ISC
//
// Every request: those in flight, read again every other second, and those that are over.

import { api } from "../api.js";
import { CATEGORIES } from "../advice.js";
import { badge, button, count, countShort, dateTimeShort, duration, empty, field, filters,
    freshness, h, lines, money, NONE, pagedTable, plural, poll, put, section, table } from
    "../dom.js";
import { periodFields, periodQuery } from "../period.js";
import { suggestions } from "../suggest.js";
import { modelName, offsetOf, outcome, outputTokens, promptTokens, tookUs, words } from
    "../trace.js";

const EVERY_MS = 2000;
const PAGE = 50;
const LIVE_SHOWN = 20;

export const page = {
    title: "Requests",
    async render(ctx) {
        const history = makeHistory(ctx);
        const live = makeLive(ctx);
        const names = suggestions(ctx.signal);
        const bar = filters(ctx, fieldsOf(ctx.query, names), (values) => {
            history.load(values);
            live.show(values);
        });
        const updates = makeUpdates(ctx, async (signal) => {
            await live.read(signal, bar.values());
            await history.look(signal);
        });

        ctx.head({ title: page.title, actions: [updates.root] });
        put(ctx.root, h("div", {}, bar.root, names.root), live.root, history.root);
        ctx.onKey("l", "Stop or start live updates", updates.toggle);
        await Promise.all([history.load(bar.values()), updates.start()]);
    },
};

function fieldsOf(query, names) {
    const text = (label, name, more) =>
        field({ label, name, type: "search", value: query.get(name) ?? "", ...more });
    return [
        text("Request ID", "request_id", { "data-filter": true, spellcheck: "false",
            placeholder: "the whole" }),
        text("Key", "key", { placeholder: "name or ID", list: names.keys }),
        text("Model", "model", { list: names.models }),
        field({ label: "Status", name: "status", type: "select", required: true,
            value: query.get("status") ?? "", options: [["", "Any"], ["ok", "ok"],
                ["failed", "Failed, any category"],
                ...CATEGORIES.map((category) => [category, words(category)])] }),
        ...periodFields(query),
    ];
}

function queryOf({ time, since, until, ...values }) {
    return { ...values, ...periodQuery({ time, since, until }), limit: PAGE };
}

// A switch for the live updates, and the line that says how old they are.
function makeUpdates(ctx, read) {
    const fresh = freshness();
    const toggler = button("Pause", toggle, { class: "small" });
    let stop = null;

    function start() {
        stop = new AbortController();
        toggler.textContent = "Pause";
        const signal = AbortSignal.any([stop.signal, ctx.signal]);
        return poll(read, { everyMs: EVERY_MS, signal, fresh }).first;
    }
    function toggle() {
        if (stop.signal.aborted)
            return start();
        stop.abort();
        toggler.textContent = "Resume";
        return fresh.stopped("Live updates paused");
    }
    return { root: h("div", { class: "row" }, fresh.root, toggler), toggle, start };
}

// ---- in flight ----

function makeLive(ctx) {
    const list = table({ caption: "Requests in flight", columns: liveColumns(),
        href: (flight) => `/requests/${flight.request_id}`,
        empty: h("p", { class: "none muted" }, "Nothing is in flight.") });
    const more = h("p", { class: "muted" });
    const root = section("In flight", list.root, more);
    const heading = root.querySelector("h2");
    let flights = [];
    let total = 0;

    function show({ key, model, request_id: id }) {
        const found = flights.filter((flight) => is(flight.model, model) &&
            is(flight.request_id, id) &&
            (is(flight.key_id, key) || is(flight.key_name, key)));
        list.set(found.slice(0, LIVE_SHOWN));
        heading.textContent = `In flight (${count(total)})`;
        more.textContent = found.length > LIVE_SHOWN || total > flights.length ?
            `${Math.min(found.length, LIVE_SHOWN)} of ${count(total)} shown.` : "";
    }
    async function read(signal, values) {
        const answer = await api.get("/requests/live", { signal });
        flights = answer.data;
        total = answer.n_flights ?? flights.length;
        show(values);
    }
    return { root, read, show };
}

// As the server compares.
function is(value, wanted) {
    return wanted === "" || String(value ?? "") === wanted;
}

function liveColumns() {
    return [
        { label: "Request", cell: (flight) => h("span", { class: "mono" }, flight.request_id) },
        { label: "Running for", num: true, cell: (flight) => duration(flight.age_us) },
        { label: "Stage", cell: (flight) => badge(words(flight.stage ?? flight.state), "info") },
        { label: "Key", cell: keyName },
        { label: "Model", cell: (flight) => flight.model },
        { label: "Endpoint", hide: "phone", cell: (flight) =>
            lines(flight.endpoint, flight.is_stream && "streamed") },
        { label: "Tokens out", num: true, hide: "phone",
            cell: (flight) => count(flight.tokens_out) },
        { label: "Reserved", num: true, hide: "phone",
            cell: (flight) => money(flight.reserved_nusd) },
    ];
}

// ---- what is over ----

function makeHistory(ctx) {
    const note = h("div", { role: "status" });
    const list = pagedTable({ path: "/requests", signal: ctx.signal, noun: "request",
        caption: "Requests, newest first", columns: columns(),
        href: (request) => `/requests/${request.request_id}`,
        rowClass: (request) => request.is_refusal ? "faded" : null,
        empty: empty("No such requests.", h("p", { class: "muted" },
            "Nothing matches, or its trace is older than traces are kept.")),
        onRows: (rows) => { pages += 1; newest ??= rows[0]?.request_id ?? null; } });
    let query = {};
    let newest = null;
    let pages = 0;

    async function load(values) {
        query = queryOf(values);
        newest = null;
        pages = 0;
        put(note);
        await list.load(query);
    }
    // Newer rows come in by themselves while nobody is in the midst of the list.
    async function look(signal) {
        const { rows } = await api.page("/requests", { ...query, limit: 1 }, { signal });
        if (pages === 0 || rows.length === 0 || rows[0].request_id === newest)
            return;
        if (pages > 1 || list.root.contains(document.activeElement) || window.scrollY > 400)
            put(note, button("There are newer requests. Show them", again, { class: "small" }));
        else
            await again();
    }
    async function again() {
        newest = null;
        pages = 0;
        put(note);
        await list.load(query);
    }
    return { root: section("Finished", note, list.root), load, look };
}

function columns() {
    return [
        { label: "Accepted", class: "nowrap", cell: (request) =>
            lines(dateTimeShort(request.accepted_us), h("code", {}, request.request_id)) },
        { label: "Outcome", cell: (request) => lines(outcome(request),
            request.n_attempts > 1 && plural(request.n_attempts, "attempt")) },
        { label: "Key", cell: keyName },
        { label: "Model", cell: modelName },
        { label: "Took", num: true, cell: (request) => duration(tookUs(request)) },
        { label: "First token", num: true, hide: "phone",
          cell: (request) => duration(offsetOf(request, "first_token")) },
        { label: "Tokens in", num: true, hide: "phone",
            cell: (request) => tokens(promptTokens(request.usage)) },
        { label: "Out", num: true, hide: "phone",
            cell: (request) => tokens(outputTokens(request.usage)) },
        { label: "Charged", num: true, cell: (request) => money(request.charge_nusd) },
    ];
}

function keyName(row) {
    return row.key_name || (row.key_id ? `key ${row.key_id}` : NONE);
}

function tokens(n) {
    return h("span", { title: `${count(n)} tokens` }, countShort(n));
}
