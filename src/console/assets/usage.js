// SPDX-License-Identifier: ISC
//
// Rows of usage as series for the charts: days that are missing filled in, sums, shares.

import { count, countShort, duration, permille, usd, usdShort } from "./dom.js";

const DAY_MS = 86400000;

export const BY = {
    day: { label: "Day", isTime: true, nameOf: (row) => dayText(row.day),
        keyOf: (row) => String(row.day), ofRow: (row) => span(dayText(row.day), DAY_MS) },
    hour: { label: "Hour (UTC)", isTime: true, nameOf: (row) => hourText(row.hour),
        keyOf: (row) => String(row.hour),
        ofRow: (row) => span(`${hourText(row.hour).replace(" ", "T")}Z`, DAY_MS / 24) },
    key: { label: "Key", nameOf: (row) => row.key_name || `key ${row.key_id}`,
        ofRow: (row) => ({ key: row.key_id }) },
    model: { label: "Model", nameOf: (row) => row.model || "none",
        ofRow: (row) => ({ model: row.model }) },
    tool: { label: "Tool", nameOf: (row) => row.tool || "none" },
    owner: { label: "Owner", nameOf: (row) => row.owner || "none" },
};

// How a value of a chart is written: short on the axis, exact in tips and tables.
export const FORMATS = {
    money: (value, isExact) => isExact ? usd(whole(value)) : usdShort(whole(value)),
    count: (value, isExact) => isExact ? count(value) : countShort(value),
    share: (value) => permille(Math.round(Number(value))),
    time: (value) => Number(value) === 0 ? "0" :
        duration(Math.round(Number(value))).replace(/\.0+ /, " "),
};

// Where the requests are that a row sums up; null where they cannot be asked for so.
export function requestsOf(by, row, { from, to, key, model }) {
    if (BY[by].ofRow === undefined)
        return null;
    const query = { ...span(from, Date.parse(to) + DAY_MS - Date.parse(from)), key, model,
        ...BY[by].ofRow(row) };
    return `/requests?${new URLSearchParams(Object.entries(query).filter(([, value]) => value))}`;
}

// From a moment on, for so long, as the filters of Requests have it: in the reader's own time.
function span(start, ms) {
    const local = (at) => new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString()
        .slice(0, 16);
    const at = Date.parse(start);
    return { time: "between", since: local(at), until: local(at + ms) };
}

// The days or hours from the first to the last, those without any usage too.
export function filled(rows, by, { from, to }) {
    if (BY[by].isTime !== true)
        return rows;
    const found = new Map(rows.map((row) => [BY[by].keyOf(row), row]));
    const step = by === "day" ? DAY_MS : DAY_MS / 24;
    const all = [];
    const end = Math.min(Date.parse(`${to}T23:59:59Z`), Date.now());
    for (let ms = Date.parse(`${from}T00:00:00Z`); ms <= end; ms += step) {
        const id = new Date(ms).toISOString().replace(/\D/g, "").slice(0, by === "day" ? 8 : 10);
        all.push(found.get(id) ?? { [by]: Number(id), isNone: true });
    }
    return all;
}

// By charge, then by requests.
export function largestFirst(rows) {
    return rows.toSorted((a, b) => compare(b.charge_nusd, a.charge_nusd) ||
        compare(b.requests, a.requests));
}

const SUMS = ["requests", "failed", "input", "cache_read", "cache_write", "output", "reasoning",
    "charge_nusd", "cost_nusd"];

export function totals(rows) {
    return Object.fromEntries(SUMS.map((name) => [name,
        rows.reduce((sum, row) => sum + BigInt(row[name] ?? 0), 0n)]));
}

// Permille of the prompt that came from a cache; null without a prompt.
export function cacheShare(row) {
    const prompt = Number(row.input ?? 0) + Number(row.cache_read ?? 0) +
        Number(row.cache_write ?? 0);
    return prompt === 0 ? null : Number(row.cache_read ?? 0) / prompt * 1000;
}

export function failedShare(row) {
    return Number(row.requests ?? 0) === 0 ? null :
        Number(row.failed ?? 0) / Number(row.requests) * 1000;
}

export function daysAgo(n) {
    return new Date(Date.now() - n * DAY_MS).toISOString().slice(0, 10);
}

function dayText(day) {
    return String(day).replace(/(\d{4})(\d\d)(\d\d)/, "$1-$2-$3");
}

function hourText(hour) {
    return String(hour).replace(/(\d{4})(\d\d)(\d\d)(\d\d)/, "$1-$2-$3 $4:00");
}

function whole(value) {
    return typeof value === "bigint" ? value : BigInt(Math.round(value));
}

function compare(a, b) {
    const left = BigInt(a ?? 0), right = BigInt(b ?? 0);
    return left < right ? -1 : left > right ? 1 : 0;
}
