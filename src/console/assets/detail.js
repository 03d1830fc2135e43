// SPDX-License-Identifier: ISC
//
// What an entry of the audit log says of a change, in words: { name, quotas: [..], expires_us, ..
// }.

import { count, dateTime, duration, usd } from "./dom.js";

const UNLIMITED = ["requests per minute", "tokens per minute", "max concurrent"];
const PERIODS = { day: "a day", week: "a week", month: "a month", total: "in all" };

export function detailText(detail) {
    if (detail === null || detail === undefined || typeof detail !== "object")
        return String(detail ?? "");
    return Object.entries(detail).map(([name, value]) => {
        const [, word, unit] = /^(.*?)(_us|_nusd)?$/.exec(name);
        return `${word.replaceAll("_", " ")}: ${valueText(word.replaceAll("_", " "), unit, value)}`;
    }).join("; ");
}

function valueText(word, unit, value) {
    if (unit === "_nusd")
        return usd(value);
    if (unit === "_us")
        return value === 0 ? "none" : /overlap|interval/.test(word) ? duration(value) :
            dateTime(value);
    if (word === "quotas" && Array.isArray(value))
        return value.length === 0 ? "none" : value.map(quotaText).join(", ");
    if (UNLIMITED.includes(word) && value === 0)
        return "no limit";
    if (Array.isArray(value))
        return value.length === 0 ? "all" : value.join(", ");
    if (value !== null && typeof value === "object")
        return `(${detailText(value)})`;
    return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}

function quotaText({ unit, amount, period, model, shadow }) {
    if (BigInt(amount) === 0n)
        return `no ${unit} ${PERIODS[period]}${model ? ` of ${model}` : ""}`;
    return `${unit === "usd" ? usd(amount) : `${count(amount)} tokens`} ${PERIODS[period]}` +
        (model ? ` of ${model}` : "") + (shadow ? " (counts only)" : "");
}
