// SPDX-License-Identifier: ISC
//
// From the address to a page and back (History API). Exactly one page is there at a time; leaving
// it aborts what it asked for, closes its dialogs and forgets its keys.

import { ApiError, isAbort } from "./api.js";
import { errorView, h, put, waiting } from "./dom.js";
import * as keyboard from "./keyboard.js";
import { HOME, matchRoute, roleCovers } from "./routes.js";

let shell = null;         // { main, session, door, signIn, onPage }
let leave = () => {};
let hasMoved = false;     // from the page that the browser loaded

export function start(owner) {
    shell = owner;
    history.scrollRestoration = "manual";
    window.addEventListener("popstate", () => { hasMoved = true; show(); });
    document.addEventListener("click", onClick);
    return show();
}

export function navigate(path, { replace = false } = {}) {
    const state = { scroll: window.scrollY };
    hasMoved = true;
    history.replaceState(state, "");
    history[replace ? "replaceState" : "pushState"](null, "", path);
    return show();
}

// Whatever the address says now.
export async function show() {
    const path = location.pathname === "/" ? HOME : location.pathname;
    const match = matchRoute(path);
    leavePage();
    if (path !== location.pathname)
        history.replaceState(history.state, "", path + location.search);
    if (match === null)
        return say("No such page", "Nothing is at this address.");
    const session = shell.session();
    if (session === null && match.route.role !== null)
        return shell.signIn();
    if (!roleCovers(session?.user.role, match.route.role))
        return say("Not for your role", `This page is for ${match.route.role}s.`);
    return render(match, session);
}

export function leavePage() {
    leave();
    leave = () => {};
}

async function render({ route, params }, session) {
    const stop = new AbortController();
    const root = h("div", { class: "page" });
    const ctx = makeContext({ root, params, session, signal: stop.signal });
    const scroll = history.state?.scroll ?? 0;
    let cleanup;

    leave = () => {
        stop.abort();
        window.dispatchEvent(new Event("pageleft"));
        cleanup?.();
    };
    put(shell.main(), ctx.frame, put(root, waiting()));
    shell.onPage(route);
    try {
        const { page } = await pageOf(route);
        if (stop.signal.aborted)
            return;
        ctx.head({ title: page.title });
        const end = await page.render(ctx);
        if (stop.signal.aborted)
            end?.();
        else
            cleanup = end;
        if (!stop.signal.aborted)
            window.scrollTo(0, scroll);
    } catch (error) {
        if (!isAbort(error) && !stop.signal.aborted)
            fail(ctx, error);
    }
}

// A browser does not try a module again that it could not get, and a newer console has other
// addresses for them: the way out of both is to load the document anew.
async function pageOf(route) {
    try {
        return await import(`./pages/${route.file}.js`);
    } catch (error) {
        console.error(error);
        throw new ApiError({ code: "no_page", message: "This page could not be loaded. " +
            "The console does not answer, or was updated." });
    }
}

function makeContext({ root, params, session, signal }) {
    const frame = h("div", { class: "page-head" });
    return {
        root, frame, params, session, signal, navigate,
        door: shell.door(),
        query: new URLSearchParams(location.search),
        can: (role) => session !== null && roleCovers(session.user.role, role),
        head: (parts) => fillHead(frame, parts),
        title: setTitle,
        setQuery,
        onKey: (key, about, act) => keyboard.add({ key, about, act, signal }),
    };
}

// The page's name gets the focus once, so that a screen reader says where one has come to; on the
// browser's own load it is the browser that does so, and Tab begins at the skip link.
function fillHead(frame, { title, actions = [], about = null }) {
    const heading = h("h1", { tabindex: -1 }, title);
    const isFirst = frame.childElementCount === 0;
    const hadFocus = frame.contains(document.activeElement);
    put(frame, h("div", { class: "page-title" }, heading, about &&
        h("p", { class: "muted" }, about)),
        actions.length > 0 && h("div", { class: "page-actions" }, actions));
    setTitle(typeof title === "string" ? title : heading.textContent);
    if ((isFirst && hasMoved || hadFocus) && !document.querySelector("dialog[open]"))
        heading.focus({ preventScroll: true });
}

function setTitle(text) {
    document.title = `${text} · RelayOS`;
}

// The address follows the filters; Back does not walk through each letter of them.
function setQuery(changes) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes))
        if (value === null || value === undefined || value === "")
            query.delete(name);
        else
            query.set(name, value);
    const text = query.toString();
    history.replaceState(history.state, "", location.pathname + (text === "" ? "" : `?${text}`));
}

function fail(ctx, error) {
    const isMissing = error.status === 404;
    ctx.head({ title: isMissing ? "Not found" : "That did not work" });
    put(ctx.root, isMissing ? h("p", {}, "It does not exist, or it is not yours.") :
        errorView(error, () => error.code === "no_page" ? location.reload() : show()));
    if (error.code === undefined)
        console.error(error);
}

function say(title, text) {
    const frame = h("div", { class: "page-head" });
    put(shell.main(), frame, h("p", {}, text));
    fillHead(frame, { title });
    shell.onPage(null);
}

// Plain left clicks on links of ours; all else is the browser's.
function onClick(event) {
    const anchor = event.target.closest?.("a[href]");
    if (!anchor || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey ||
        event.shiftKey || event.altKey || anchor.target || anchor.hasAttribute("download"))
        return;
    const url = new URL(anchor.href, location.href);
    if (url.origin !== location.origin || /^\/(api|assets)\//.test(url.pathname))
        return;
    event.preventDefault();
    navigate(url.pathname + url.search);
}
