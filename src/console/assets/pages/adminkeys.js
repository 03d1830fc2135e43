// SPDX-License-Identifier: ISC
import { api, idempotency } from "../api.js";
import { badge, button, confirm, date, dateTime, empty, field, formDialog, h, pagedTable, put,
    toast }
    from "../dom.js";
import { showSecret } from "../key_parts.js";

const DAY_US = 86400e6;

export const page = {
    title: "Admin keys",
    async render(ctx) {
        const reload = () => list.load({});
        const list = pagedTable({ path: "/admin-keys", signal: ctx.signal, noun: "admin key",
            caption: "Admin keys", columns: columns(reload),
            rowClass: (key) => state(key) === "active" ? null : "faded",
            empty: empty("No admin key.",
                h("p", { class: "muted" }, "Programs use them on /api/v1; " +
                "the console itself needs none.")) });
        const create = () => createKey(reload);
        ctx.head({ title: page.title,
            about: "For programs that call this console's API under /api/v1. " +
            "They cannot ask a model anything.",
        actions: [h("a", { class: "button", href: api.url("/openapi.json"), target: "_blank",
            rel: "noopener" }, "OpenAPI document"),
        button("Create admin key", create, { class: "primary" })] });
        ctx.onKey("n", "Create an admin key", create);
        put(ctx.root, list.root);
        await reload();
    },
};

function columns(reload) {
    return [
        { label: "Name", cell: (key) => [h("strong", {}, key.name),
            h("span", { class: "sub mono" }, `sk-admin-…${key.last4}`)] },
        { label: "Role", cell: (key) => key.role },
        { label: "State", cell: (key) =>
            badge(state(key), state(key) === "active" ? "good" : "warn") },
        { label: "Made by", hide: "phone", cell: (key) => key.created_by },
        { label: "Created", hide: "phone", cell: (key) => date(key.created_us) },
        { label: "Expires", cell: (key) => key.expires_us ? dateTime(key.expires_us) : "never" },
        { label: "Actions", class: "actions", cell: (key) => state(key) === "active" ?
            button("Revoke", () => revoke(key, reload),
                { class: "small danger-quiet", "aria-label": `Revoke ${key.name}` }) : null },
    ];
}

function state(key) {
    if (key.revoked_us)
        return "revoked";
    return key.expires_us && key.expires_us <= Date.now() * 1000 ? "expired" : "active";
}

async function createKey(reload) {
    const once = idempotency();
    const openedUs = Date.now() * 1000;
    const made = await formDialog({ title: "Create an admin key", submit: "Create admin key",
        fields: [
        field({ label: "Name", name: "name", required: true, autocomplete: "off",
            hint: "What uses it, as “terraform”. It stands in the audit log." }),
        field({ label: "Role", name: "role", type: "select", required: true, value: "operator",
            options: ["member", "operator", "admin"],
                hint: "The least that does what it is for." }),
        field({ label: "Expires", name: "expires_us", type: "select", required: true,
            value: "90", read: (days) => days === "0" ? 0 : openedUs + days * DAY_US,
            options: [["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"],
                ["0", "Never"]] }),
    ], onSubmit: (values) => api.post("/admin-keys", values, once(values)) });
    if (made === null)
        return;
    await showSecret({ title: "Your new admin key", name: made.admin_key.name,
        secret: made.secret });
    await reload();
}

async function revoke(key, reload) {
    const isDone = await confirm({ title: `Revoke ${key.name}?`, action: "Revoke for good",
        danger: true,
        body: h("p", {}, "Programs that use it are refused from now on."),
        run: () => api.del(`/admin-keys/${key.id}`) });
    if (!isDone)
        return;
    toast(`${key.name} is revoked.`);
    await reload();
}
