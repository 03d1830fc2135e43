// SPDX-License-Identifier: ISC
//
// Charts (Chart.js, Debian's libjs-chart.js) in the house's colours. A picture alone says nothing
// to many: each comes with a sentence for screen readers and its own figures as a table.

import { errorView, h, put, table, token } from "./dom.js";

const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5",
    "--series-6"];

let loading = null;

// { title, labels: [text], series: [{ label, values: [number | null], colour: "--series-1" }],
//   kind: "bar" | "line", stacked, isLying (bars from left to right), format: (value, isExact),
//   most: the end of the scale, where the figures do not say it; first: what the labels are;
//   signal }
// series[].figures: exact values for the table, where `values` are rounded for the eye.
export function chart(options) {
    const { title, labels, series } = options;
    const canvas = h("canvas", { role: "img", "aria-label": `${title}. ${summary(options)}` });
    const height = options.isLying ? Math.max(9, labels.length * 1.9 + 3) : 15;
    const stage = h("div", { class: "chart" }, canvas);
    stage.style.height = `${height}rem`;
    const root = h("figure", { class: "card chart-card" },
        h("figcaption", {}, h("h3", {}, title)), stage,
        h("details", {}, h("summary", {}, "Figures"), figuresOf(options)));

    if (labels.length === 0 || series.every((one) => one.values.every((value) => value === null)))
        put(stage, h("p", { class: "muted" }, "Nothing to draw in this time."));
    else
        draw(canvas, stage, options);
    return root;
}

async function draw(canvas, stage, options) {
    let drawn = null;
    const end = () => { drawn?.destroy(); drawn = null; };
    const paint = () => {
        if (options.signal.aborted || !canvas.isConnected)
            return;
        end();
        drawn = new globalThis.Chart(canvas, describe(options));
    };
    try {
        await library();
    } catch (error) {
        put(stage, errorView(error));
        return;
    }
    paint();
    window.addEventListener("themechange", paint, { signal: options.signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint,
        { signal: options.signal });
    options.signal.addEventListener("abort", end);
}

// It is a script of the old kind, which leaves a global behind.
function library() {
    loading ??= new Promise((resolve, reject) => {
        const script = h("script", { src: new URL("./chart.js", import.meta.url).href });
        script.addEventListener("load", () => resolve());
        script.addEventListener("error", () => {
            loading = null;
            script.remove();
            reject(new Error("The charts could not be loaded; the figures below are all there."));
        });
        document.head.append(script);
    });
    return loading;
}

function describe(options) {
    const { labels, series, kind = "bar", isLying = false } = options;
    const text = token("--muted"), line = token("--line");
    const values = {
        ticks: { color: text, font: fontOf(), maxTicksLimit: 6,
            // Steps too small for the format would say the same twice.
            callback: (value, at, all) => at > 0 &&
                options.format(all[at - 1].value) === options.format(value) ? "" :
                options.format(value) },
        grid: { color: line, drawBorder: false }, beginAtZero: true, max: options.most,
        stacked: options.stacked === true };
    const names = {
        ticks: { color: text, font: fontOf(), maxRotation: 0, autoSkip: !isLying,
            autoSkipPadding: 12 },
        grid: { display: false, drawBorder: false }, stacked: options.stacked === true };

    return {
        type: kind,
        data: { labels, datasets: series.map((one, at) => dataset(one, at, options)) },
        options: {
            animation: false,
            maintainAspectRatio: false,
            indexAxis: isLying ? "y" : "x",
            interaction: { mode: "index", intersect: false, axis: isLying ? "y" : "x" },
            scales: isLying ? { x: values, y: names } : { x: names, y: values },
            plugins: {
                legend: { display: series.length > 1, position: "bottom",
                    labels: { color: token("--text"), font: fontOf(), boxHeight: 8,
                        usePointStyle: true,
                        pointStyle: kind === "line" ? "line" : "rect" } },
                tooltip: { animation: false, callbacks: { label: ({ datasetIndex: n, dataIndex }) =>
                    ` ${series[n].label}: ${exact(options, series[n], dataIndex)}` } },
            },
        },
    };
}

function dataset(one, at, { kind = "bar" }) {
    const colour = token(one.colour ?? COLOURS[at % COLOURS.length]);
    const isLine = kind === "line";
    return { label: one.label, data: one.values, backgroundColor: colour, borderColor: colour,
        borderWidth: isLine ? 2 : 0, maxBarThickness: 28,
        pointRadius: one.values.length > 60 ? 0 : 2,
        pointStyle: at === 0 ? "circle" : "rect", borderDash: isLine && at > 0 ? [6, 3] : [],
        tension: 0, spanGaps: false };
}

function fontOf() {
    const style = getComputedStyle(document.body);
    return { family: style.fontFamily, size: Math.round(parseFloat(style.fontSize) * 0.9) };
}

function figuresOf({ title, labels, series, first = "", format, ...options }) {
    const rows = labels.map((label, at) => ({ label, at }));
    return table({ caption: `${title}, figures`, isMatrix: true, rows, empty: "None.", columns: [
        { label: first, cell: (row) => row.label },
        ...series.map((one) => ({ label: one.label, num: true,
            cell: (row) => exact({ format, ...options }, one, row.at) })),
    ] }).root;
}

function exact({ format }, one, at) {
    const value = (one.figures ?? one.values)[at];
    return value === null || value === undefined ? "–" : format(value, true);
}

// "Charged: highest $1.20 at Nov 3."
function summary({ labels, series, format }) {
    return series.map((one) => {
        let top = -1;
        one.values.forEach((value, at) => {
            if (value !== null && (top < 0 || value > one.values[top]))
                top = at;
        });
        return top < 0 ? `${one.label}: none.` :
            `${one.label}: highest ${format(one.values[top], true)} at ${labels[top]}.`;
    }).join(" ");
}
