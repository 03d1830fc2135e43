// SPDX-License-Identifier: ISC
//
// Whom a request was sent to, what came of it, and which routes were looked at: the operator's part
// of a trace.

import { badge, count, h, lines, link, money, plural, table } from "./dom.js";
import { words } from "./trace.js";

export function attemptsView(request) {
    return h("div", { class: "stack" },
        table({ caption: "All attempts", rows: request.attempts, columns: columns(request) }).root,
        request.attempts.filter((attempt) => attempt.upstream_request_id).map((attempt) =>
            h("p", { class: "muted" }, `Attempt ${Number(attempt.attempt) + 1} is `,
                h("code", {}, attempt.upstream_request_id), ` to ${attempt.upstream}.`)),
        request.attempts.filter((attempt) => attempt.note).map(said));
}

function columns(request) {
    return [
        { label: "Attempt", cell: (attempt) => lines(`${Number(attempt.attempt) + 1}`,
            why(request, attempt), attempt.score > 0 && `score ${count(attempt.score)}`) },
        { label: "Upstream", class: "named", cell: (attempt) => lines(attempt.upstream,
            attempt.upstream_model,
            attempt.credential && `credential ${attempt.credential}`) },
        { label: "Outcome", cell: outcome },
        { label: "Connection", cell: (attempt) => (attempt.is_reused ? "reused" : "new") +
            (attempt.n_redials > 0 ? `, redialled ${attempt.n_redials} times` : "") },
        { label: "Start, µs", num: true, cell: (attempt) => micros(attempt.start_us) },
        { label: "Connected", num: true, cell: (attempt) => micros(attempt.connected_us) },
        { label: "First byte", num: true, cell: (attempt) => micros(attempt.first_byte_us) },
        { label: "End", num: true, cell: (attempt) => micros(attempt.end_us) },
        { label: "Tokens", num: true, cell: (attempt) =>
            lines(`${count(attempt.input_tokens)} in`, `${count(attempt.output_tokens)} out`) },
        { label: "Cost", num: true, cell: (attempt) =>
            lines(money(attempt.cost_nusd), words(attempt.provenance)) },
    ];
}

function outcome(attempt) {
    const kind = { ok: "good", failed: "bad", uncertain: "warn", running: "info" }[attempt.outcome];
    const hasCategory = attempt.category && attempt.category !== "none";
    return lines(badge(words(attempt.outcome), kind ?? "idle"),
        hasCategory && words(attempt.category), attempt.status > 0 && `HTTP ${attempt.status}`);
}

function why(request, attempt) {
    const n = Number(attempt.attempt);
    const reasons = { first: "", failover: `after attempt ${n} failed`,
        hedge: `attempt ${n} was slow`,
        fallback: `${attempt.model} stands in for ${request.model}` };
    return reasons[attempt.reason] ?? words(attempt.reason);
}

// The upstream's own words, as text.
function said(attempt) {
    return h("figure", { class: "said" },
        h("figcaption", { class: "muted" },
            `Attempt ${Number(attempt.attempt) + 1}: what ${attempt.upstream} said`),
        h("pre", { tabindex: 0 }, attempt.note));
}

function micros(us) {
    return us === null || us === undefined ? "–" : count(us);
}

export function choicesView(request) {
    return h("div", { class: "stack" },
        table({ caption: "Routes that were looked at", rows: request.choices, columns: [
            { label: "For attempt", num: true, cell: (choice) => Number(choice.attempt) + 1 },
            { label: "Route",
                cell: (choice) => link(`/routes?q=${encodeURIComponent(choice.route)}`,
                choice.route) },
            { label: "Verdict", cell: verdict },
            { label: "Score", num: true,
              cell: (choice) => choice.score > 0 ? count(choice.score) : "–" },
        ] }).root,
        h("p", { class: "muted" }, "Of two scores the smaller one is taken."),
        request.n_unlisted > 0 && h("p", { class: "muted" },
            `${plural(request.n_unlisted, "more route")}: not looked at closer, or not kept.`));
}

function verdict(choice) {
    const isOut = !choice.is_taken && choice.exclusion !== "";
    return lines(choice.is_taken ? badge("taken", "good") :
        isOut ? badge("left out", "warn") : badge("could have been taken"),
        isOut && words(choice.exclusion),
        choice.is_pinned && "the conversation's prompt cache lies there");
}
