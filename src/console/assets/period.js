// SPDX-License-Identifier: ISC
//
// "The last 24 hours", or from here to there: two fields of a list's filters, and the moments they
// mean.

import { field } from "./dom.js";

const HOUR_US = 3600e6;
const SPANS = { "15m": HOUR_US / 4, "1h": HOUR_US, "24h": 24 * HOUR_US, "7d": 168 * HOUR_US,
    "30d": 720 * HOUR_US };

// Fields for filters(): time, since, until; the last two are there while time says "between".
export function periodFields(query) {
    const time = field({ label: "Time", name: "time", type: "select", required: true,
        value: query.get("time") ?? "", options: [["", "Any time"], ["15m", "Last 15 minutes"],
            ["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"],
            ["30d", "Last 30 days"], ["between", "Between …"]] });
    const ends = [["since", "From"], ["until", "Until"]].map(([name, label]) => field({ label, name,
        type: "datetime-local", value: query.get(name) ?? "",
        read: (text) => time.get() === "between" ? text : "" }));
    const show = () => ends.forEach((end) => { end.root.hidden = time.get() !== "between"; });
    time.input.addEventListener("change", show);
    show();
    return [time, ...ends];
}

// The values of those fields as microseconds, for the API's query.
export function periodQuery({ time, since, until }) {
    if (time === "between")
        return { since: toUs(since), until: toUs(until) };
    return { since: SPANS[time] === undefined ? null : Math.floor(Date.now() * 1000 - SPANS[time]),
        until: null };
}

// As the reader's own clock has it.
function toUs(text) {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? null : ms * 1000;
}
