// SPDX-License-Identifier: ISC
import { api } from "../api.js";
import { field, form, h, notice, put } from "../dom.js";
import { passwordFields, sameTwice } from "../password.js";

export const page = {
    title: "Set up the console",
    render(ctx) {
        const token = location.hash.slice(1);
        if (token === "") {
            put(ctx.root, notice("warn",
                h("p", {}, "This address lacks its token. Open the whole link " +
                "that the server printed, or make another:"),
            h("code", {}, "relayosctl user setup-link")));
            return;
        }
        // It is good once: it stays neither in the address nor in the history.
        history.replaceState(null, "", "/setup");
        ctx.head({ title: page.title,
            about: "The first account is an admin. It can make the others." });
        put(ctx.root, makeForm(token));
        ctx.root.querySelector("input").focus();
    },
};

function makeForm(token) {
    const name = field({ label: "Your name", name: "name", required: true, autocomplete: "username",
        autocapitalize: "none", spellcheck: "false", hint: "To sign in with, as alice." });
    return form({ fields: [name, ...passwordFields("password", "Password")],
        submit: "Make the account",
        onSubmit: async (values) => {
            const session = await api.post("/setup", { token, ...sameTwice(values, "password") },
                { isSignIn: true });
            document.dispatchEvent(new CustomEvent("signedin",
                { detail: { session, to: "/quickstart" } }));
        } });
}
