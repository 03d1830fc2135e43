// SPDX-License-Identifier: ISC
//
// Single keys: "/" to the filter, j and k along the rows, Enter opens, g and a letter goes to a
// page, "?" lists them. Never while something is typed, never with a modifier, and they can be
// switched off (WCAG 2.1.4: for those who speak to their computer, a word is a dozen keys).

import { dialog, h, section } from "./dom.js";
import { ROUTES, roleCovers } from "./routes.js";

const OFF = "keys-off";
const GO_MS = 1500;

let ofPage = [];
let goSince = 0;
let shell = null;

export function start(owner) {
    shell = owner;
    document.addEventListener("keydown", onKeydown);
}

// A page's own key, until its signal.
export function add(row) {
    ofPage.push(row);
    row.signal.addEventListener("abort", () => { ofPage = ofPage.filter((one) => one !== row); });
}

export function showHelp() {
    const input = h("input", { type: "checkbox", id: "keys-on",
        on: { change: () => localStorage.setItem(OFF, input.checked ? "" : "1") } });
    input.checked = !isOff();
    const list = (title, rows) => rows.length > 0 && section(title, h("dl", { class: "keys" },
        rows.map(([keys, about]) => h("div", {},
            h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, about)))));
    dialog({ title: "Keyboard", body: h("div", { class: "stack" },
        list("This page", ofPage.map((row) => [row.key, row.about])),
        list("Lists", [["/", "To the filter"], ["j", "Next row"], ["k", "Row before"],
            ["Enter", "Open the row"]]),
        list("Go to", reachable().map((route) => [`g ${route.key}`, route.nav])),
        h("div", { class: "field check" }, input,
            h("label", { for: "keys-on" }, "Single-key shortcuts"))) });
}

function onKeydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented)
        return;
    if (event.key === "Escape" && isTyping(event.target) && event.target.matches("[data-filter]"))
        return event.target.blur();
    if (isOff() || isTyping(event.target) || document.querySelector("dialog[open]"))
        return;
    if (handle(event.key))
        event.preventDefault();
}

function handle(key) {
    if (performance.now() - goSince < GO_MS && goSince !== 0) {
        goSince = 0;
        const route = reachable().find((one) => one.key === key);
        if (route !== undefined)
            shell.navigate(route.path);
        return route !== undefined;
    }
    const own = ofPage.find((row) => row.key === key);
    if (own !== undefined)
        own.act();
    else if (key === "g")
        goSince = performance.now();
    else if (key === "?")
        showHelp();
    else if (key === "/")
        return focusFilter();
    else if (key === "j" || key === "k")
        return walk(key === "j" ? 1 : -1);
    else
        return false;
    return true;
}

function focusFilter() {
    const filter = document.querySelector("[data-filter]");
    filter?.focus();
    filter?.select?.();
    return filter !== null;
}

// The focus itself walks, so Enter is the browser's.
function walk(step) {
    const links = [...document.querySelectorAll("table[data-rows=links] .row-link")];
    if (links.length === 0)
        return false;
    const row = document.activeElement.closest?.("tr");
    const at = links.findIndex((one) => row !== null && one.closest("tr") === row);
    const to = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    links[Math.max(0, Math.min(links.length - 1, to))].focus();
    return true;
}

function reachable() {
    const role = shell.session()?.user.role;
    return ROUTES.filter((route) => route.key !== undefined && roleCovers(role, route.role));
}

function isTyping(element) {
    return element.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select") ||
        element.isContentEditable;
}

function isOff() {
    return localStorage.getItem(OFF) === "1";
}
