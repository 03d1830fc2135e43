// SPDX-License-Identifier: ISC
import { api } from "../api.js";
import { field, form, h, notice, put } from "../dom.js";

export const page = {
    title: "Sign in",
    render(ctx) {
        const to = wayBack(ctx.query.get("to"));
        if (ctx.session !== null) {
            ctx.navigate(to, { replace: true });
            return;
        }
        const { setup_needed: isNew, oidc } = ctx.door;
        put(ctx.root, isNew ? setupNotice() : null, troubleNotice(ctx.query.get("error")),
            oidc ? h("a", { class: "button", href: `${oidc.url}?${new URLSearchParams({ to })}`,
                target: "_self" }, `Sign in with ${oidc.name}`) : null,
            makeForm(to));
        ctx.root.querySelector("input").focus();
    },
};

function makeForm(to) {
    const name = field({ label: "Name", name: "name", required: true, autocomplete: "username",
        autocapitalize: "none", spellcheck: "false" });
    const password = field({ label: "Password", name: "password", type: "password", required: true,
        autocomplete: "current-password" });
    return form({ fields: [name, password], submit: "Sign in", onSubmit: async (values) => {
        try {
            const session = await api.post("/session", values, { isSignIn: true });
            document.dispatchEvent(new CustomEvent("signedin", { detail: { session, to } }));
        } catch (error) {
            password.input.value = "";
            password.input.focus();
            throw error;
        }
    } });
}

function setupNotice() {
    return notice("info",
        h("p", {}, "Nobody has an account yet. Open the setup link that the server " +
        "printed when it started, or make another:"), h("code", {}, "relayosctl user setup-link"));
}

// The identity provider's way back may end here.
function troubleNotice(code) {
    return code === null ? null : notice("bad", h("p", {}, {
        denied: "The identity provider did not sign you in.",
        unknown_user: "You were signed in there, but have no account here. Ask an admin for one.",
        disabled: "Your account is disabled.",
        busy: "Sign-in through the identity provider has failed several times. Wait a moment, " +
            "then try again.",
    }[code] ?? "Sign-in through the identity provider failed. Try again."));
}

// Only to a page of ours.
function wayBack(to) {
    return to !== null && /^\/(?![/\\])/.test(to) && !/^\/(signin|setup|api)\b/.test(to) ? to : "/";
}
