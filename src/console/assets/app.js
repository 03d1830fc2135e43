// SPDX-License-Identifier: ISC
//
// The shell: who is signed in, the menu, and the place where the router puts pages.

import { signInAgain } from "./again.js";
import { api, signedOut } from "./api.js";
import { button, errorView, h, link, put, refreshTimes, toast } from "./dom.js";
import * as keyboard from "./keyboard.js";
import * as router from "./router.js";
import { HOME, ROUTES, roleCovers } from "./routes.js";

const app = document.getElementById("app");
const main = h("main", { id: "main", tabindex: -1 });

const AGES_MS = 10000;

let session = null;
let isAsking = false;   // whoever was signed in, to do so again
let door = {};      // what the sign-in page may offer: { setup_needed, oidc }

const shell = {
    main: () => main,
    session: () => session,
    door: () => door,
    navigate: router.navigate,
    signIn: () => router.navigate(`/signin?${new URLSearchParams({ to: herePath() })}`,
        { replace: true }),
    onPage: markPage,
};

boot();

async function boot() {
    document.getElementById("skip").addEventListener("click", (event) => {
        event.preventDefault();
        main.focus();
    });
    signedOut.addEventListener("signedout", onSignedOut);
    document.addEventListener("signedin", onSignedIn);
    // A page that the browser kept whole (secrets, names) does not come back by Back.
    window.addEventListener("pagehide", router.leavePage);
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    try {
        await readSession();
    } catch (error) {
        put(app, h("main", { class: "door" }, errorView(error, () => location.reload())));
        return;
    }
    draw();
    setInterval(() => refreshTimes(), AGES_MS);
    keyboard.start(shell);
    router.start(shell);
}

async function readSession() {
    try {
        enter(await api.get("/session", { isSignIn: true }));
    } catch (error) {
        if (error.status !== 401)
            throw error;
        door = error.detail;
    }
}

function enter(answer) {
    session = answer;
    api.setCsrf(answer.csrf);
}

// The sign-in and setup pages say it so: detail = { session, to }.
function onSignedIn(event) {
    enter(event.detail.session);
    draw();
    router.navigate(event.detail.to ?? HOME, { replace: true });
}

// What is open over the page (a form half filled in, a secret shown this once) is not thrown away.
async function onSignedOut() {
    if (session === null || isAsking)
        return;
    if (document.querySelector("dialog[open]") !== null) {
        isAsking = true;
        const again = await signInAgain(session.user);
        isAsking = false;
        if (again !== null) {
            enter(again);
            toast("Signed in again. Send once more what was refused.");
            return;
        }
    }
    session = null;
    api.setCsrf("");
    router.leavePage();
    draw();
    toast("You have been signed out.", "info");
    router.show();
}

async function signOut() {
    try {
        await api.del("/session");
    } catch (error) {
        if (error.status !== 401) {
            toast(error.message, "bad");
            return;
        }
    }
    // Everything that was on the pages goes with the document.
    location.assign("/signin");
}

function draw() {
    app.className = session === null ? "out" : "in";
    put(app, session === null ? null : header(), main);
}

function header() {
    const nav = h("nav", { id: "menu", "aria-label": "Pages" },
        ["Use", "Operate", "Administer"].map(group));
    const toggle = button("Menu", () => setMenu(toggle.getAttribute("aria-expanded") !== "true"),
        { class: "menu-button", "aria-expanded": "false", "aria-controls": "menu" });
    function setMenu(isOpen) {
        toggle.setAttribute("aria-expanded", String(isOpen));
        root.classList.toggle("open", isOpen);
    }
    const root = h("header", { class: "side" },
        h("div", { class: "brand" },
            h("a", { href: HOME }, h("img", { src: new URL("./icon.svg", import.meta.url).pathname,
                alt: "", width: 22, height: 22 }), "RelayOS"), toggle),
        h("div", { class: "side-body" }, nav, account()));
    window.addEventListener("pageleft", () => setMenu(false));
    return root;
}

function group(name) {
    const rows = ROUTES.filter((route) => route.group === name &&
        roleCovers(session.user.role, route.role));
    if (rows.length === 0)
        return null;
    return h("div", { class: "nav-group" }, h("p", { id: `nav-${name}`, class: "nav-title" }, name),
        h("ul", { "aria-labelledby": `nav-${name}` }, rows.map((route) =>
            h("li", {}, link(route.path, route.nav, { data: { path: route.path } })))));
}

function account() {
    const theme = h("select", { id: "theme", on: { change: () => setTheme(theme.value) } },
        [["", "System"], ["light", "Light"], ["dark", "Dark"]].map(([value, label]) =>
            h("option", { value, selected: (localStorage.getItem("theme") ?? "") === value },
                label)));
    return h("div", { class: "account" },
        h("p", { class: "who" }, h("strong", {}, session.user.name),
            h("span", { class: "muted" }, session.user.role)),
        h("label", { for: "theme", class: "theme" }, h("span", {}, "Theme"), theme),
        h("p", { class: "account-links" }, link("/password", "Password"),
            button("Keyboard", keyboard.showHelp, { class: "plain" }),
            button("Sign out", signOut, { class: "plain" })),
        h("p", { class: "muted small" },
            `Times are ${zone()}. RelayOS ${session.console_version}`));
}

function setTheme(value) {
    localStorage.setItem("theme", value);
    if (value === "")
        delete document.documentElement.dataset.theme;
    else
        document.documentElement.dataset.theme = value;
    window.dispatchEvent(new Event("themechange"));
}

// The menu's row of the page, or of the list it belongs to.
function markPage(route) {
    for (const anchor of document.querySelectorAll("#menu a")) {
        const path = anchor.dataset.path;
        const isHere = route?.path === path;
        const isBelow = route?.path.startsWith(`${path}/`) === true;
        if (isHere || isBelow)
            anchor.setAttribute("aria-current", isHere ? "page" : "true");
        else
            anchor.removeAttribute("aria-current");
    }
}

function zone() {
    return Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local";
}

function herePath() {
    return location.pathname + location.search;
}
