// SPDX-License-Identifier: ISC
//
// What lies over the page: dialogs (the browser's own: focus stays inside, Escape closes) and
// toasts.

import { button, h, newId } from "./dom.js";
import { isAbort } from "./api.js";

// actions: [{ label, kind: "primary" | "danger", value, run: async () => value }]; a `run` that
// throws keeps the dialog open and shows why. body: a node, or (close) => node that closes with a
// value itself. closeLabel null: no button to close. Answers the value of the action taken, null if
// it was closed.
export function dialog({ title, body, actions = [], closeLabel = "Close", class: className = null,
    stays = false }) {
    const id = newId("dialog");
    const problem = h("p", { class: "problem", role: "alert" });
    const foot = h("div", { class: "dialog-foot" });
    let answer = null;
    const close = (value) => { answer = value; root.close(); };

    async function act(action) {
        problem.textContent = "";
        try {
            close(action.run ? await busy(foot, action.run) : action.value);
        } catch (error) {
            if (!isAbort(error))
                problem.textContent = error.message;
        }
    }
    if (closeLabel !== null)
        foot.append(button(closeLabel, () => root.close(), { class: stays ? "primary" : null }));
    foot.append(...actions.map((action) => button(action.label, () => act(action),
        { class: action.kind })));
    const root = h("dialog", { "aria-labelledby": id, class: className,
        closedby: stays ? "none" : null },
        h("h2", { id }, title),
        h("div", { class: "dialog-body" }, typeof body === "function" ? body(close) : body),
        problem, foot.childElementCount > 0 ? foot : null);
    return show(root, stays, () => answer);
}

// One yes-or-no question. typed: what has to be typed first, for what cannot be undone.
export async function confirm({ title, body, action, danger = false, typed = null, run = null }) {
    const content = h("div", { class: "stack" }, body);
    let isTyped = () => true;
    if (typed !== null) {
        const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
        content.append(h("label", { class: "field" },
            h("span", {}, "Type ", h("strong", {}, typed), " to confirm"), input));
        isTyped = () => input.value.trim() === typed;
    }
    const answer = await dialog({ title, body: content, closeLabel: "Cancel",
        actions: [{ label: action, kind: danger ? "danger" : "primary", run: async () => {
            if (!isTyped())
                throw new Error(`That is not “${typed}”.`);
            await run?.();
            return true;
        } }] });
    return answer === true;
}

export function toast(text, kind = "good") {
    const host = document.getElementById("toasts");
    const item = h("div", { class: `toast ${kind}` }, text);
    host.append(item);
    setTimeout(() => item.remove(), 6000);
}

// The buttons of an element are out of use until the work is done; then the focus is where it was.
export async function busy(element, work) {
    const focused = document.activeElement;
    const buttons = [...element.querySelectorAll("button")].filter((one) => !one.disabled);
    buttons.forEach((one) => { one.disabled = true; });
    try {
        return await work();
    } finally {
        buttons.forEach((one) => { one.disabled = false; });
        if (document.activeElement === document.body && focused?.isConnected)
            focused.focus();
    }
}

// The page under it may be left by Back: the dialog, and what it shows, goes with it.
function show(root, stays, answer) {
    const leave = () => root.close();
    document.body.append(root);
    window.addEventListener("pageleft", leave);
    if (stays)
        root.addEventListener("cancel", (event) => event.preventDefault());
    root.showModal();
    return new Promise((resolve) => root.addEventListener("close", () => {
        window.removeEventListener("pageleft", leave);
        root.remove();
        resolve(answer());
    }));
}
