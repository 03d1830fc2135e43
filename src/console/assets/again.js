// SPDX-License-Identifier: ISC
//
// A session that ended while something was being written: who was signed in signs in again over
// the page, which is covered but stays. Nobody else can: their page would not be this one.

import { api } from "./api.js";
import { dialog, field, form, h } from "./dom.js";

// Answers the new session; null: there is none, and the page has to go.
export async function signInAgain(user) {
    const answer = await readSession();
    if (answer.session?.user.id === user.id)
        return answer.session;
    const stop = new AbortController();
    const asked = await dialog({ title: "Your session has ended", stays: true, closeLabel: null,
        class: "lock", body: (close) => {
            // Another tab may have signed in meanwhile.
            window.addEventListener("focus", async () => {
                const { session } = await readSession();
                if (session?.user.id === user.id)
                    close(session);
            }, { signal: stop.signal });
            return content(user, answer.door, close);
        } });
    stop.abort();
    return asked;
}

function content(user, door, close) {
    return h("div", { class: "stack" },
        h("p", {}, "Nothing that you have written is lost. Sign in again as ",
            h("strong", {}, user.name), " to go on."),
        door.oidc && h("a", { class: "button", target: "_blank", rel: "noopener",
            href: `${door.oidc.url}?${new URLSearchParams({ to: "/password" })}` },
        `Sign in with ${door.oidc.name} in another tab`),
        form({ submit: "Sign in", fields: [field({ label: "Password", name: "password",
            type: "password", required: true, autocomplete: "current-password" })],
        cancel: () => close(null), cancelLabel: "Give it up and leave",
        onSubmit: async ({ password }) => close(await api.post("/session",
            { name: user.name, password }, { isSignIn: true })) }));
}

async function readSession() {
    try {
        return { session: await api.get("/session", { isSignIn: true }), door: {} };
    } catch (error) {
        return { session: null, door: error.detail ?? {} };
    }
}
