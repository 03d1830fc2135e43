// SPDX-License-Identifier: ISC
//
// What was used, by day, hour, key, model, tool or owner: charts, the figures, and the same as CSV.

import { api, isAbort } from "../api.js";
import { chart } from "../charts.js";
import { button, count, duration, empty, errorView, facts, field, filters, freshness, h, lines,
    money, notice, permille, plural, put, section, table, usd, waiting } from "../dom.js";
import { suggestions } from "../suggest.js";
import { BY, cacheShare, daysAgo, failedShare, filled, FORMATS, largestFirst, requestsOf,
    totals } from "../usage.js";

const MOST_BARS = 12;
const ROWS = 100;      // that are shown at a time

export const page = {
    title: "Usage",
    async render(ctx) {
        const fresh = freshness();
        const csv = h("a", { class: "button small", download: "usage.csv" }, "CSV");
        const body = h("div", { class: "page" }, waiting());
        const names = suggestions(ctx.signal);
        const bar = filters(ctx, fieldsOf(ctx, names), (values) => load(values));
        let turn = null;

        async function load(values) {
            turn?.abort();
            turn = new AbortController();
            const signal = AbortSignal.any([turn.signal, ctx.signal]);
            csv.href = api.url("/usage.csv", queryOf(values));
            body.setAttribute("aria-busy", "true");
            try {
                show({ ctx, body, values, rows: await readAll(values, signal), signal });
                fresh.ok();
            } catch (error) {
                if (isAbort(error) || signal.aborted)
                    return;
                put(body, errorView(error, () => load(bar.values())));
                fresh.failed(error);
            } finally {
                body.removeAttribute("aria-busy");
            }
        }
        ctx.head({ title: page.title,
            about: "Days and hours are UTC, as quotas and bills count them.",
            actions: [fresh.root, csv] });
        put(ctx.root, h("div", {}, bar.root, names.root), body);
        await load(bar.values());
    },
};

function fieldsOf({ query }, names) {
    const by = Object.keys(BY);
    const day = (label, name, usual) => field({ label, name, type: "date", required: true,
        value: query.get(name) ?? usual, max: daysAgo(0), read: (text) => text || usual });
    return [
        field({ label: "By", name: "by", type: "select", required: true,
            value: by.includes(query.get("by")) ? query.get("by") : "day",
            options: by.map((name) => [name, BY[name].label.replace(" (UTC)", "")]) }),
        day("From", "from", daysAgo(29)),
        day("To", "to", daysAgo(0)),
        field({ label: "Key", name: "key", type: "search", value: query.get("key") ?? "",
            placeholder: "name or ID", "data-filter": true, list: names.keys }),
        field({ label: "Model", name: "model", type: "search", value: query.get("model") ?? "",
            list: names.models }),
    ];
}

function queryOf({ by, from, to, key, model }) {
    return { by, from: from.replaceAll("-", ""), to: to.replaceAll("-", ""), key, model };
}

async function readAll(values, signal) {
    const rows = [];
    for (let next = () => api.page("/usage", queryOf(values), { signal }); next !== null;) {
        const page = await next();
        rows.push(...page.rows);
        next = page.more;
    }
    return rows;
}

function show({ ctx, body, values, rows, signal }) {
    const isOperator = ctx.can("operator");
    if (values.from > values.to)
        return put(body, notice("warn", h("p", {}, "“From” is after “To”.")));
    if (rows.length === 0)
        return put(body, empty("Nothing was used in this time.",
            h("a", { href: "/quickstart" }, "Send a first request")));
    const by = BY[values.by];
    const ordered = by.isTime ? rows.toReversed() : largestFirst(rows);
    const drawn = by.isTime ? filled(rows, values.by, values) : ordered.slice(0, MOST_BARS);
    const name = by.isTime ? "Over time" : ordered.length > MOST_BARS ?
        `The ${MOST_BARS} largest of ${count(ordered.length)}` : "The largest";
    return put(body, tiles(rows, isOperator),
        section(name, chartsOf({ by, rows: drawn, isOperator, signal })),
        section("All figures", figures(values, ordered, isOperator)));
}

function tiles(rows, isOperator) {
    const sum = totals(rows);
    const tile = (label, value, about) => [label, h("span", { class: "tile num" }, value,
        about && h("span", { class: "sub" }, about))];
    return h("div", { class: "tiles" }, facts([
        tile("Charged", money(sum.charge_nusd), usd(sum.charge_nusd)),
        isOperator ? tile("Cost to the operator", money(sum.cost_nusd), usd(sum.cost_nusd)) : null,
        tile("Requests", count(sum.requests), plural(sum.failed, "failed", "failed")),
        tile("Tokens in", count(sum.input + sum.cache_read + sum.cache_write),
            `${share(cacheShare(sum))} from cache`),
        tile("Tokens out", count(sum.output), `${count(sum.reasoning)} reasoning`),
    ]));
}

function chartsOf({ by, rows, isOperator, signal }) {
    const labels = rows.map((row) => by.nameOf(row));
    const common = { labels, first: by.label, isLying: !by.isTime, signal };
    const kind = by.isTime ? "line" : "bar";
    const series = (label, valueOf, colour) => ({ label, colour,
        values: rows.map((row) => numberOf(valueOf(row))), figures: rows.map(valueOf) });
    const sumOf = (name) => (row) => row[name] ?? 0;
    const times = (title, name) => hasTimes(rows, name) && chart({ ...common, title, kind,
        format: FORMATS.time, series: [
            series("p50", (row) => row[`${name}_p50_us`] ?? null, "--series-1"),
            series("p95", (row) => row[`${name}_p95_us`] ?? null, "--series-3")] });

    return h("div", { class: "charts" },
        chart({ ...common, title: isOperator ? "Charged and cost" : "Charged",
            format: FORMATS.money, series: [
                series("Charged", sumOf("charge_nusd"), "--series-1"),
                ...(isOperator ? [series("Cost", sumOf("cost_nusd"), "--series-3")] : [])] }),
        chart({ ...common, title: "Tokens", stacked: true, format: FORMATS.count, series: [
            series("Input", sumOf("input"), "--series-1"),
            series("From cache", sumOf("cache_read"), "--series-2"),
            series("Into cache", sumOf("cache_write"), "--series-6"),
            series("Output", sumOf("output"), "--series-3")] }),
        chart({ ...common, title: "Requests", stacked: true, format: FORMATS.count, series: [
            series("ok", (row) => Number(row.requests ?? 0) - Number(row.failed ?? 0),
                "--series-1"),
            series("failed", sumOf("failed"), "--series-5")] }),
        chart({ ...common, title: "Prompt from cache", kind, format: FORMATS.share, most: 1000,
            series: [series("From cache", cacheShare, "--series-2")] }),
        times("Until the answer was complete", "latency"),
        times("Until the first token", "first_token"));
}

function figures(values, rows, isOperator) {
    const by = BY[values.by];
    const number = (label, name) => ({ label, num: true, cell: (row) => count(row[name]) });
    const time = (label, name) => !hasTimes(rows, name) ? [] : [{ label, num: true, cell: (row) =>
        lines(duration(row[`${name}_p50_us`]), `p95 ${duration(row[`${name}_p95_us`])}`) }];
    const list = table({ caption: `Usage by ${by.label.toLowerCase()}`, rows: rows.slice(0, ROWS),
        href: (row) => requestsOf(values.by, row, values), columns: [
        { label: by.label, class: "nowrap", cell: by.nameOf },
        number("Requests", "requests"),
        { label: "Failed", num: true, cell: (row) =>
            lines(count(row.failed), share(failedShare(row))) },
        { label: "Input", num: true, cell: (row) => lines(count(row.input),
            row.cache_write > 0 && `${count(row.cache_write)} into cache`) },
        { label: "From cache", num: true, cell: (row) =>
            lines(count(row.cache_read), share(cacheShare(row))) },
        { label: "Output", num: true, cell: (row) => lines(count(row.output),
            row.reasoning > 0 && `${count(row.reasoning)} reasoning`) },
        ...time("First token", "first_token"), ...time("Complete", "latency"),
        { label: "Charged", num: true, cell: (row) => money(row.charge_nusd) },
        ...(isOperator ? [{ label: "Cost", num: true, cell: (row) => money(row.cost_nusd) }] : []),
    ] });
    return inParts(list, rows);
}

// A table whose first ROWS are in it, and the button for the rest.
function inParts(list, rows) {
    let shown = ROWS;
    const foot = h("div", { class: "table-foot" });
    function say() {
        put(foot, h("span", { class: "muted", role: "status" },
            `${count(Math.min(shown, rows.length))} of ${plural(rows.length, "row")} shown`),
        shown < rows.length && button("Show more", () => {
            list.append(rows.slice(shown, shown + ROWS));
            shown += ROWS;
            say();
        }, { class: "small" }));
    }
    say();
    return h("div", { class: "stack" }, list.root, foot);
}

function hasTimes(rows, name) {
    return rows.some((row) => row[`${name}_p50_us`] > 0);
}

function share(value) {
    return value === null ? "–" : permille(Math.round(value));
}

function numberOf(value) {
    return value === null ? null : Number(value);
}
