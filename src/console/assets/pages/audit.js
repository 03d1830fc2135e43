// SPDX-License-Identifier: ISC
//
// Who changed what, when. Each row's hash takes in the one before, so a row that was altered or
// taken away shows: "Verify" reads the whole chain.

import { api } from "../api.js";
import { detailText } from "../detail.js";
import { button, count, dateTime, empty, errorView, field, filters, h, isoUtc, link, NONE, notice,
    pagedTable, put } from "../dom.js";
import { periodFields, periodQuery } from "../period.js";

export const page = {
    title: "Audit log",
    async render(ctx) {
        const verdict = h("div", { role: "status" });
        const verifier = button("Verify the chain", verify);
        const list = pagedTable({ path: "/audit", signal: ctx.signal, noun: ["entry", "entries"],
            caption: "Changes, newest first",
            columns: columns(), empty: empty("No such changes.") });
        const bar = filters(ctx, fieldsOf(ctx.query), (values) => list.load(queryOf(values)));

        async function verify() {
            verifier.disabled = true;
            put(verdict, h("p", { class: "muted" }, "Reading the whole chain …"));
            try {
                put(verdict, verdictView(await api.post("/audit/verify", {},
                    { signal: ctx.signal })));
            } catch (error) {
                put(verdict, errorView(error, verify));
            }
            verifier.disabled = false;
        }
        ctx.head({ title: page.title,
            about: "Every change, and who made it. Entries are only ever added.",
            actions: [verifier] });
        put(ctx.root, verdict, bar.root, list.root);
        await list.load(queryOf(bar.values()));
    },
};

function fieldsOf(query) {
    const text = (label, name, more) =>
        field({ label, name, type: "search", value: query.get(name) ?? "", ...more });
    return [text("Who", "who", { "data-filter": true }),
        text("Action", "action", { placeholder: "key.create" }),
        text("Target", "target", { placeholder: "key 12" }), ...periodFields(query)];
}

function queryOf({ time, since, until, ...values }) {
    return { ...values, ...periodQuery({ time, since, until }) };
}

function verdictView(answer) {
    const at = `Read at ${dateTime(Date.now() * 1000)}.`;
    if (answer.is_ok)
        return notice("good", h("p", {}, h("strong", {}, "The chain holds."),
            ` ${count(answer.checked)} entries, each with the hash of the one before. ${at}`),
        answer.head_hash && h("p", {}, "Hash of the last: ",
            h("code", { class: "wrap" }, answer.head_hash)));
    return notice("bad", h("p", {}, h("strong", {},
        `The chain is broken at entry ${count(answer.first_bad_seq)}.`),
        ` It, or one before it, was altered or taken away outside of RelayOS. ${at}`));
}

function columns() {
    return [
        { label: "When", cell: (entry) => h("time", { datetime: isoUtc(entry.at_us) },
            dateTime(entry.at_us),
            h("span", { class: "sub" }, `entry ${entry.seq}`)) },
        { label: "Who", cell: (entry) => entry.who },
        { label: "Action", cell: (entry) => h("code", {}, entry.action) },
        { label: "Target", cell: target },
        { label: "Detail", class: "wrap", cell: (entry) => detailText(entry.detail) || NONE },
    ];
}

// "key 12" and "route 0a1b2c3d" lead there.
function target(entry) {
    const match = /^(key|route) ([0-9a-f]+)$/.exec(entry.target ?? "");
    return match === null ? entry.target : link(`/${match[1]}s/${match[2]}`, entry.target);
}
