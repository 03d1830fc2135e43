// SPDX-License-Identifier: ISC
//
// One request: how it ended, where its time went, what it used and what it cost. Operators also see
// whom it was sent to. A running one is read again until it is settled.

import { api } from "../api.js";
import { adviceOn } from "../advice.js";
import { attemptsView, choicesView } from "../attempts.js";
import { capturedView } from "../captured.js";
import { bytes, copyButton, count, dateTime, duration, facts, freshness, h, lines, link, money,
    NONE, notice, poll, refresh, section, table, usd } from "../dom.js";
import { isFailed, isRunning, modelName, offsetOf, outcome, PROVENANCE, timeline, tookUs, waitedUs,
    words } from "../trace.js";

const EVERY_MS = 1000;

export const page = {
    title: "Request",
    async render(ctx) {
        const request = await read(ctx, ctx.signal);
        if (isRunning(request))
            follow(ctx);
    },
};

async function read(ctx, signal, fresh = null) {
    const request = await api.get(`/requests/${encodeURIComponent(ctx.params.id)}`, { signal });
    show(ctx, request, fresh);
    return request;
}

function follow(ctx) {
    const stop = new AbortController();
    const fresh = freshness();
    const signal = AbortSignal.any([stop.signal, ctx.signal]);
    poll(async () => {
        const request = await read(ctx, signal, fresh);
        if (!isRunning(request)) {
            stop.abort();
            fresh.stopped("Settled: no more updates");
        }
    }, { everyMs: EVERY_MS, signal, fresh });
}

function show(ctx, request, fresh) {
    ctx.head({ title: h("span", { class: "mono title-id" }, request.request_id),
        actions: [fresh?.root, copyButton(request.request_id, "Copy ID")].filter(Boolean) });
    refresh(ctx.root,
        h("div", { class: "row" }, outcome(request),
            h("span", { class: "muted" }, summary(request))),
        isFailed(request) && advice(ctx, request),
        request.is_over_quota && notice("warn", h("p", {},
            "It went over a shadow quota, which refuses nothing.")),
        section("What it was", whatItWas(ctx, request)),
        section("Timeline", timelineTable(request), timelineWords(request)),
        h("div", { class: "grid" }, section("Tokens", tokensTable(request)),
            section("Charge", charge(ctx, request))),
        request.corrections?.length > 0 && section("Corrections",
            corrections(ctx, request.corrections)),
        request.attempts?.length > 0 && section("Attempts", attemptsView(request)),
        request.choices?.length > 0 && section("Routes looked at", choicesView(request)),
        ctx.can("admin") && !isRunning(request) && capturedView(ctx, request));
}

function summary(request) {
    if (isRunning(request))
        return `${request.state === "done" ? "Answered; it is being settled" : "It is running"}. ` +
            "Times and figures below are not final.";
    const status = request.status ? `answered ${request.status}` : "not answered";
    return `${status} after ${duration(tookUs(request))}, ${dateTime(request.accepted_us)}`;
}

function advice(ctx, request) {
    const { caller, operator } = adviceOn(request.category);
    return notice(request.status >= 500 ? "bad" : "warn",
        h("p", {}, h("strong", {}, words(request.category))),
        h("p", {}, caller),
        ctx.can("operator") && operator !== null && h("p", {}, "For the operator: ", operator),
        ctx.can("operator") && request.key_id > 0 && h("p", {},
            link(`/explain?${new URLSearchParams({ key: request.key_id, model: request.model })}`,
                "What would become of it now")));
}

function whatItWas(ctx, request) {
    const key = request.key_name || `key ${request.key_id}`;
    return facts([
        ["Model", modelName(request)],
        ["Key", request.key_id ? link(`/keys/${request.key_id}`, key) : null],
        ["Endpoint", `${request.endpoint}${request.is_stream ? ", streamed" : ""}`],
        ["Protocol", request.protocol],
        ["Client", lines(request.client_address || NONE, request.user_agent)],
        request.client_request_id ? ["Client's own ID", h("code", {}, request.client_request_id)] :
            null,
        ["In and out", request.bytes_in === undefined || request.is_refusal ? null :
            `${bytes(request.bytes_in)} in, ${bytes(request.bytes_out)} out`],
        request.n_events > 0 ? ["Events streamed", count(request.n_events)] : null,
    ]);
}

// ---- timeline ----

function timelineTable(request) {
    const spans = timeline(request);
    const wholeUs = Math.max(1, waitedUs(spans));
    return h("div", { class: "timeline" }, table({ caption: "The stages of the request", isMatrix: true,
        rows: spans, columns: [
        { label: "Stage", cell: (span) => span.label },
        { label: "Took, µs", num: true, cell: (span) => span.endUs === null ? "–" :
            count(Math.max(0, span.endUs - span.startUs)) },
        { label: "Reached at, µs", num: true, hide: "phone", cell: (span) => span.endUs === null ?
            h("span", { class: "muted" }, notThere(request, span)) : count(span.endUs) },
        { label: "Where the time went", class: "span-cell",
            cell: (span) => spanBar(span, wholeUs) },
    ] }).root);
}

function notThere(request, span) {
    return span.who === "ledger" && !isRunning(request) ? "not noted" : "not reached";
}

// The ledger's time is nobody's to wait for: it has no bar.
function spanBar(span, wholeUs) {
    const fill = h("span", { class: `span-fill ${span.who}` });
    const root = h("span", { class: "span-track", "aria-hidden": "true" }, fill);
    fill.hidden = span.endUs === null || span.who === "ledger";
    fill.style.marginLeft = `${Math.min(99, span.startUs / wholeUs * 100)}%`;
    fill.style.width = `${Math.max(0, (span.endUs ?? 0) - span.startUs) / wholeUs * 100}%`;
    return root;
}

function timelineWords(request) {
    const routed = offsetOf(request, "route_selected");
    const head = offsetOf(request, "first_byte");
    const settled = offsetOf(request, "settled");
    const parts = [];
    if (request.is_refusal)
        return null;
    if (routed !== null)
        parts.push(`The gateway took ${duration(routed)} to check the key and the quota and to ` +
            "choose a route.");
    if (head !== null)
        parts.push(`The model's first byte came after ${count(head)} µs.`);
    if (settled !== null)
        parts.push(`Settled in the ledger after ${count(settled)} µs.`);
    return h("p", { class: "muted" }, h("span", { class: "span-who" }, "the gateway's time "),
        h("span", { class: "span-who model" }, "the provider's. "), parts.join(" "));
}

// ---- usage and money ----

const BUCKETS = [["input", "Input"], ["cache_read", "Input, from cache"],
    ["cache_write_5m", "Written to cache, 5 min"], ["cache_write_1h", "Written to cache, 1 h"],
    ["input_audio", "Audio in"], ["input_image", "Images in"], ["output", "Output"],
    ["reasoning", "of it reasoning"], ["output_audio", "Audio out"], ["output_image", "Images out"],
    ["server_tool", "Server tools, calls"]];

function tokensTable(request) {
    const { usage = {} } = request;
    const rows = BUCKETS.filter(([name]) => Number(usage[name] ?? 0) !== 0);
    return table({ caption: "Tokens by bucket", isMatrix: true, rows,
        empty: isRunning(request) ? "Not known before its end." : "Nothing was used.",
        columns: [
        { label: "Bucket", cell: ([name, label]) =>
            h("span", { class: name === "reasoning" ? "indented muted" : null }, label) },
        { label: "Tokens", num: true, cell: ([name]) => count(usage[name]) },
    ] }).root;
}

function charge(ctx, request) {
    const isOpen = isRunning(request);
    return h("div", { class: "stack" }, facts([
        isOpen ? ["Reserved", exactMoney(request.reserved_nusd)] :
            ["Charged", exactMoney(request.charge_nusd)],
        !isOpen && ctx.can("operator") && request.cost_nusd !== undefined ?
            ["Cost to the operator", exactMoney(request.cost_nusd)] : null,
        ["Figures", isOpen ? "not final" : words(request.provenance)],
    ]), !isOpen && h("p", { class: "muted" }, PROVENANCE[request.provenance] ?? ""));
}

function exactMoney(nusd) {
    return h("span", { class: "num" }, usd(nusd));
}

function corrections(ctx, rows) {
    return table({ caption: "Corrections of the charge", rows, columns: [
        { label: "When", cell: (row) => dateTime(row.done_us ?? row.accepted_us) },
        { label: "Charge", num: true, cell: (row) => money(row.charge_nusd) },
        ...(ctx.can("operator") ? [{ label: "Cost", num: true,
            cell: (row) => money(row.cost_nusd) }] : []),
        { label: "By", cell: (row) => row.who ?? "–" },
        { label: "Reason", cell: (row) => row.reason ?? "–" },
    ] }).root;
}
