// SPDX-License-Identifier: ISC
//
// Numbers, money and times as text. Money is nano-USD: integers all the way, a BigInt where a
// number would lose digits; nothing here goes through a floating-point dollar.

const NANO = 1000000000n;
const MINUTE_US = 60e6;
const HOUR_US = 3600e6;
const DAY_US = 86400e6;

const grouped = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat(undefined,
    { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short",
    day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const monthAndClock = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayOnly = new Intl.DateTimeFormat(undefined,
    { year: "numeric", month: "short", day: "numeric" });

export const NONE = "–";

// The exact amount, with at least two decimals: 12345678 -> "$0.012345678", 5e9 -> "$5.00".
export function usd(nusd) {
    const { sign, whole, nano } = split(nusd);
    const decimals = nano.toString().padStart(9, "0").replace(/0{1,7}$/, "");
    return `${sign}$${grouped.format(whole)}.${decimals}`;
}

// For columns: two decimals from one dollar on, four below it where cents do not say it, and never
// "0" for what is not.
export function usdShort(nusd) {
    const amount = BigInt(nusd ?? 0);
    const size = amount < 0n ? -amount : amount;
    if (size !== 0n && size < 50000n)
        return amount < 0n ? "> -$0.0001" : "< $0.0001";
    const cent = NANO / 100n;
    const step = size >= NANO || size % cent === 0n ? cent : NANO / 10000n;
    const { sign, whole, nano } = split(amount < 0n ? -rounded(size, step) : rounded(size, step));
    const decimals = nano.toString().padStart(9, "0").slice(0, step === cent ? 2 : 4);
    return `${sign}$${grouped.format(whole)}.${decimals}`;
}

// "12.5" or "$1,000" -> nano-USD (a number, or a BigInt where that is not exact); null if it is
// none.
export function parseUsd(text) {
    const match = /^\$?\s*(\d{1,12})(?:\.(\d{0,9}))?$/.exec(text.trim().replaceAll(",", ""));
    if (match === null)
        return null;
    return narrowed(BigInt(match[1]) * NANO + BigInt((match[2] ?? "").padEnd(9, "0")));
}

// "1.5M", "200k", "1,000" -> a whole number; null if it is none.
export function parseCount(text) {
    const match = /^(\d{1,15})(?:\.(\d{1,9}))?\s*([kMG]?)$/.exec(text.trim().replaceAll(",", ""));
    if (match === null)
        return null;
    const zeros = { "": 0, k: 3, M: 6, G: 9 }[match[3]];
    const decimals = match[2] ?? "";
    if (decimals.length > zeros)
        return null;
    return narrowed(BigInt(match[1] + decimals.padEnd(zeros, "0")));
}

// Back into a form's field: no sign, no grouping.
export function usdPlain(nusd) {
    return usd(nusd).replace("$", "").replaceAll(",", "").replace(/\.00$/, "");
}

export function count(n) {
    return grouped.format(n ?? 0);
}

// 1234567 -> "1.23M"; the exact number belongs into a title beside it.
export function countShort(n) {
    const value = Number(n ?? 0);
    const round = Number(value.toPrecision(3));
    if (Math.abs(value) < 1e4)
        return grouped.format(value);
    const [size, unit] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]
        .find((one) => Math.abs(round) >= one[0]);
    return `${Number((round / size).toPrecision(3))}${unit}`;
}

export function bytes(n) {
    let value = Number(n ?? 0);
    for (const unit of ["B", "KiB", "MiB", "GiB"]) {
        if (value < 1024)
            return `${unit === "B" ? value : value.toFixed(1)} ${unit}`;
        value /= 1024;
    }
    return `${value.toFixed(1)} TiB`;
}

// 987 -> "98.7 %"
export function permille(n) {
    return n === null || n === undefined ? NONE : `${n / 10} %`;
}

// How long something took: "480 µs", "12.3 ms", "1.25 s", "3 min 5 s".
export function duration(us) {
    if (us === null || us === undefined)
        return NONE;
    if (us < 1000)
        return `${us} µs`;
    if (us < 1e6)
        return `${(us / 1e3).toFixed(us < 1e5 ? 1 : 0)} ms`;
    if (us < MINUTE_US)
        return `${(us / 1e6).toFixed(2)} s`;
    return span(us);
}

// How far off something is, in its two largest units: "2 d 4 h".
export function span(us) {
    const units = [["d", DAY_US], ["h", HOUR_US], ["min", MINUTE_US], ["s", 1e6]];
    const first = units.findIndex(([, size]) => us >= size);
    if (first < 0)
        return "0 s";
    let rest = us;
    const parts = [];
    for (const [unit, size] of units.slice(first, first + 2)) {
        const n = Math.floor(rest / size);
        rest -= n * size;
        if (n > 0)
            parts.push(`${n} ${unit}`);
    }
    return parts.join(" ");
}

// In the reader's own zone.
export function dateTime(us) {
    return us ? dayAndClock.format(us / 1000) : NONE;
}

// Without the year, if it is this one.
export function dateTimeShort(us) {
    if (!us)
        return NONE;
    const isThisYear = new Date(us / 1000).getFullYear() === new Date().getFullYear();
    return (isThisYear ? monthAndClock : dayAndClock).format(us / 1000);
}

export function date(us) {
    return us ? dayOnly.format(us / 1000) : NONE;
}

export function timeOfDay(us) {
    return us ? clock.format(us / 1000) : NONE;
}

// "just now", "5 min ago", "in 3 d".
export function ago(us, nowUs = Date.now() * 1000) {
    if (!us)
        return "never";
    const off = nowUs - us;
    if (Math.abs(off) < 5e6)
        return "just now";
    const text = span(Math.abs(off)).split(" ").slice(0, 2).join(" ");
    return off > 0 ? `${text} ago` : `in ${text}`;
}

export function isoUtc(us) {
    return new Date(us / 1000).toISOString();
}

export function plural(n, one, many = `${one}s`) {
    return `${count(n)} ${Number(n) === 1 ? one : many}`;
}

function split(nusd) {
    const amount = BigInt(nusd ?? 0);
    const size = amount < 0n ? -amount : amount;
    return { sign: amount < 0n ? "-" : "", whole: size / NANO, nano: size % NANO };
}

function rounded(size, step) {
    return (size + step / 2n) / step * step;
}

function narrowed(big) {
    return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
}
