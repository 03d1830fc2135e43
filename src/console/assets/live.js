// SPDX-License-Identifier: ISC
//
// Data that is read again and again, and the line that says how old it is.

import { isAbort } from "./api.js";
import { h } from "./dom.js";
import { timeOfDay } from "./format.js";

const SLOWEST_MS = 60000;
const SHORT = { unreachable: "no answer", timeout: "no answer in time" };

// "Read 12:03:04", or since when it is not read any more and why.
export function freshness() {
    const root = h("span", { class: "fresh" });
    const said = h("span", { class: "visually-hidden", role: "status" });
    let readUs = 0;
    const say = (state, text) => { root.dataset.state = state; root.textContent = text; };
    const since = () => readUs === 0 ? "" : ` since ${timeOfDay(readUs)}`;

    function ok() {
        readUs = Date.now() * 1000;
        say("ok", `Read ${timeOfDay(readUs)}`);
        said.textContent = "";
    }
    // Before the first answer there is nothing that could be old: the page says what is wrong.
    function failed(error) {
        if (readUs === 0)
            return;
        say("bad", `Not updated${since()}: ${SHORT[error.code] ?? error.message}`);
        said.textContent = root.textContent;
    }
    function stopped(text = "Paused") {
        say("idle", `${text}${since()}`);
    }
    return { root: h("span", {}, root, said), ok, failed, stopped };
}

// Calls fn(signal) now and every `everyMs` after it has answered, until the signal. A hidden tab
// asks nothing; a failure is shown, and asked again ever more slowly. Answers { first, now() }: the
// first call's promise, which fails as that does (then there is nothing to show, and no more is
// asked), and what asks at once.
export function poll(fn, { everyMs, signal, fresh }) {
    let timer = null;
    let wait = everyMs;
    let isRunning = true;

    async function turn() {
        if (signal.aborted || isRunning)
            return;
        isRunning = true;
        try {
            await fn(signal);
            wait = everyMs;
            fresh?.ok();
        } catch (error) {
            if (!isAbort(error))
                fresh?.failed(error);
            wait = Math.min(wait * 2, Math.max(SLOWEST_MS, everyMs));
        }
        isRunning = false;
        again();
    }
    function again() {
        clearTimeout(timer);
        if (!signal.aborted && !document.hidden)
            timer = setTimeout(turn, wait);
    }
    function seenOrHidden() {
        clearTimeout(timer);
        if (!document.hidden)
            turn();
        else if (!isRunning)
            fresh?.stopped("Paused while hidden");
    }
    async function begin() {
        await fn(signal);
        isRunning = false;
        fresh?.ok();
        document.addEventListener("visibilitychange", seenOrHidden, { signal });
        signal.addEventListener("abort", () => clearTimeout(timer));
        again();
    }
    return { first: begin(), now: turn };
}

// put() for what is read again and again: the focus, what was scrolled and what was unfolded stay,
// and so does a part that says the same as before, lest a screen reader says it again.
export function refresh(element, ...children) {
    const restore = keepPlace(element);
    const before = [...element.childNodes];
    const now = [...h("div", {}, children).childNodes];
    now.forEach((node, at) => {
        const old = before[at];
        if (old === undefined)
            element.append(node);
        else if (!old.isEqualNode(node) || node.querySelector?.("button") != null)
            old.replaceWith(node);
    });
    before.slice(now.length).forEach((old) => old.remove());
    restore();
    return element;
}

// Before what is in an element is replaced by its like; call the answer after.
export function keepPlace(element) {
    const all = (selector) => [...element.querySelectorAll(selector)];
    const scrolled = all(".table-wrap").map((one) => [one.scrollLeft, one.scrollTop]);
    const unfolded = all("details").map((one) => one.open);
    const active = element.contains(document.activeElement) ? document.activeElement : null;
    const nameOf = (one) => `${one.tagName} ${one.getAttribute("href") ??
        one.getAttribute("aria-label") ?? one.textContent}`;
    return () => {
        all(".table-wrap").forEach((one, at) => one.scrollTo(...scrolled[at] ?? [0, 0]));
        all("details").forEach((one, at) => { one.open = unfolded[at] ?? one.open; });
        if (active !== null && !active.isConnected)
            all("a, button, summary, [tabindex]").find((one) => nameOf(one) === nameOf(active))
                ?.focus({ preventScroll: true });
    };
}
