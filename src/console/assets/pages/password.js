// SPDX-License-Identifier: ISC
import { api } from "../api.js";
import { field, form, h, put, toast } from "../dom.js";
import { passwordFields, sameTwice } from "../password.js";

export const page = {
    title: "Change your password",
    render(ctx) {
        const name = h("input", { class: "visually-hidden", type: "text", tabindex: -1,
            autocomplete: "username", "aria-hidden": "true", readonly: true });
        name.value = ctx.session.user.name;
        ctx.head({ title: page.title, about: "Your other sessions are signed out." });
        put(ctx.root, h("div", { class: "prose" }, form({
            fields: [name,
                field({ label: "Current password", name: "old_password", type: "password",
                    required: true, autocomplete: "current-password" }),
                ...passwordFields("new_password", "New password")],
            submit: "Change password",
            onSubmit: async (values) => {
                await api.post("/password", sameTwice(values, "new_password"), { isSignIn: true });
                toast("Your password is changed.");
                ctx.navigate("/");
            },
        })));
    },
};
