// SPDX-License-Identifier: ISC
//
// Elements. Whatever is data reaches the page as a text node or an attribute, never as markup.
// Pages import all they need from here.

import { ago, count, dateTime, isoUtc, NONE, usd, usdShort } from "./format.js";

export * from "./format.js";
export * from "./form.js";
export * from "./list.js";
export * from "./live.js";
export * from "./overlay.js";

const SVG = "http://www.w3.org/2000/svg";

// h("a", { href, class: "x", data: { id: 1 }, on: { click } }, "text", node, [more], null)
export function h(tag, props = {}, ...children) {
    return furnish(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
    return furnish(document.createElementNS(SVG, tag), props, children);
}

// Replaces what is in an element.
export function put(element, ...children) {
    element.replaceChildren(...nodes(children));
    return element;
}

// The shell follows links of our own without loading the page anew.
export function link(href, text, props = {}) {
    return h("a", { href, ...props }, text);
}

export function button(label, onClick, props = {}) {
    return h("button", { type: "button", ...props, on: { click: onClick } }, label);
}

export function section(title, ...children) {
    const id = newId("section");
    return h("section", { class: "section", "aria-labelledby": id },
        h("h2", { id }, title), ...children);
}

// Pairs of label and value.
export function facts(pairs) {
    return h("dl", { class: "facts" }, pairs.filter((pair) => pair !== null).map(([label, value]) =>
        h("div", {}, h("dt", {}, label),
            h("dd", {}, value === null || value === "" ? NONE : value))));
}

// What a cell says, and below it in small what else there is to it.
export function lines(first, ...below) {
    return h("span", {}, first, below.filter((text) => text).map((text) =>
        h("span", { class: "sub" }, text)));
}

export function badge(text, kind = "idle") {
    return h("span", { class: `badge ${kind}` }, text);
}

// A status light: colour never stands alone.
export function light(state) {
    const kind = { up: "good", degraded: "warn", down: "bad" }[state] ?? "idle";
    return h("span", { class: `light ${kind}` }, state);
}

// The amount as a column wants it; exact to the nano-dollar in the title.
export function money(nusd) {
    return nusd === null || nusd === undefined ? h("span", { class: "num muted" }, NONE) :
        h("span", { class: "num", title: usd(nusd) }, usdShort(nusd));
}

// "5 min ago", the very moment in the title. The shell keeps it true while it is on the page.
export function when(us) {
    return us ? h("time", { data: { us }, datetime: isoUtc(us),
        title: `${dateTime(us)} (${isoUtc(us)})` }, ago(us)) :
        h("span", { class: "muted" }, "never");
}

export function refreshTimes(root = document) {
    for (const element of root.querySelectorAll("time[data-us]"))
        element.textContent = ago(Number(element.dataset.us));
}

// used | reserved | rest of a limit. `text` says the same in words, as a bar alone says nothing to
// those who cannot see it.
export function bar({ used, reserved = 0, limit, text }) {
    const share = (n) => Number(limit) > 0 ? Math.min(100, Number(n) / Number(limit) * 100) : 0;
    const usedShare = share(used);
    const level = usedShare >= 100 ? "full" : usedShare >= 80 ? "near" : "";
    const usedPart = h("span", { class: "bar-used" });
    const reservedPart = h("span", { class: "bar-reserved" });
    usedPart.style.width = `${usedShare}%`;
    reservedPart.style.width = `${Math.min(100 - usedShare, share(reserved))}%`;
    return h("div", { class: `bar ${level}` },
        h("div", { class: "bar-track", "aria-hidden": "true" }, usedPart, reservedPart),
        h("div", { class: "bar-text num" }, text ?? `${count(used)} of ${count(limit)}`));
}

// kind: "info" | "good" | "warn" | "bad"
export function notice(kind, ...children) {
    return h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" },
        ...children);
}

export function errorView(error, retry) {
    return notice("bad",
        h("p", {}, h("strong", {}, error.message)),
        error.requestId ? h("p", { class: "muted" }, "Request ", h("code", {}, error.requestId)) :
            null,
        retry ? button("Try again", retry) : null);
}

// In the place of what is not read yet; it shows after a moment only.
export function waiting() {
    return h("p", { class: "waiting muted" }, "Loading …");
}

export function empty(title, ...children) {
    return h("div", { class: "empty" }, h("p", {}, h("strong", {}, title)), ...children);
}

// what: the text, or a function that makes it.
export function copyButton(what, label = "Copy", name = null) {
    const root = button(label, copy, { class: "copy small", "aria-label": name });
    const said = h("span", { class: "visually-hidden", role: "status" });
    async function copy() {
        const isCopied = await copyText(typeof what === "function" ? what() : what);
        root.textContent = isCopied ? "Copied" : "Select and copy by hand";
        said.textContent = root.textContent;
        setTimeout(() => { root.textContent = label; said.textContent = ""; }, 2000);
    }
    return h("span", { class: "copy-wrap" }, root, said);
}

export function codeBlock(text, label) {
    return h("div", { class: "code" },
        h("pre", { tabindex: 0, role: "region", "aria-label": label }, h("code", {}, text)),
        copyButton(text, "Copy", `Copy ${label}`));
}

// items: [{ id, label, render: () => node }]; arrows, Home and End walk along the tabs.
export function tabs({ label, items, selected, onSelect = () => {} }) {
    const base = newId("tab");
    const panel = h("div",
        { role: "tabpanel", id: `${base}-panel`, tabindex: 0, class: "tab-panel" });
    const list = h("div", { role: "tablist", "aria-label": label, class: "tab-list" },
        items.map((item) => button(item.label, () => choose(item.id), { role: "tab",
            id: `${base}-${item.id}`, "aria-controls": `${base}-panel`, data: { id: item.id } })));
    function select(id) {
        for (const tab of list.children) {
            tab.setAttribute("aria-selected", String(tab.dataset.id === id));
            tab.tabIndex = tab.dataset.id === id ? 0 : -1;
        }
        panel.setAttribute("aria-labelledby", `${base}-${id}`);
        put(panel, items.find((item) => item.id === id).render());
    }
    function choose(id) {
        select(id);
        onSelect(id);
    }
    list.addEventListener("keydown", (event) => {
        const at = items.findIndex((item) => item.id === document.activeElement.dataset.id);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0,
            End: items.length - 1 }[event.key];
        if (to === undefined)
            return;
        event.preventDefault();
        const tab = list.children[(to + items.length) % items.length];
        choose(tab.dataset.id);
        tab.focus();
    });
    select(items.some((item) => item.id === selected) ? selected : items[0].id);
    return h("div", { class: "tabs" }, list, panel);
}

// A colour of app.css as charts want it: token("--series-1") -> "rgb(29, 91, 196)". It changes with
// the theme: window says "themechange".
export function token(name) {
    const probe = h("span", { class: "own-colour" });
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
}

let lastId = 0;

export function newId(prefix) {
    lastId += 1;
    return `${prefix}-${lastId}`;
}

async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return copyBySelection(text);
    }
}

// Browsers have no clipboard object on plain http, other than to loopback.
function copyBySelection(text) {
    const field = h("textarea",
        { class: "visually-hidden", readonly: true, "aria-hidden": "true" });
    const host = document.querySelector("dialog[open]") ?? document.body;
    const before = document.activeElement;
    field.value = text;
    host.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    before?.focus();
    return isCopied;
}

function furnish(element, props, children) {
    const { data = {}, on = {}, ...attributes } = props;
    for (const [name, value] of Object.entries(attributes))
        if (value !== null && value !== undefined && value !== false)
            element.setAttribute(name, value === true ? "" : value);
    for (const [name, value] of Object.entries(data))
        element.dataset[name] = value;
    for (const [name, handler] of Object.entries(on))
        element.addEventListener(name, handler);
    element.append(...nodes(children));
    return element;
}

function nodes(children) {
    return children.flat(Infinity)
        .filter((child) => child !== null && child !== undefined && child !== false)
        .map((child) => child instanceof Node ? child : plain(child));
}

// Text that turns the text around it is shown as what it is: a name cannot look like another.
function plain(text) {
    return String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
