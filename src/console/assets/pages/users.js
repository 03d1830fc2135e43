// SPDX-License-Identifier: ISC
import { api, idempotency } from "../api.js";
import { badge, button, codeBlock, confirm, date, dialog, field, filters, formDialog, h, notice,
    pagedTable, put, toast, when } from "../dom.js";
import { longEnough, makePassword } from "../password.js";

const ROLES = [["member", "Member: own keys, requests and usage"],
    ["operator", "Operator: all keys and requests, routes, prices, configuration"],
    ["admin", "Admin: also users, admin keys and the audit log"]];

export const page = {
    title: "Users",
    async render(ctx) {
        const reload = () => list.load(bar.values());
        const bar = filters(ctx, [field({ label: "Name", name: "q", type: "search",
            value: ctx.query.get("q") ?? "", "data-filter": true })], reload);
        const list = pagedTable({ path: "/users", signal: ctx.signal, noun: "user",
            caption: "Users",
            columns: columns(ctx, reload), empty: "No such user.",
            rowClass: (user) => user.is_disabled ? "faded" : null });
        const add = () => addUser(reload);
        ctx.head({ title: page.title,
            about: "Accounts are disabled, never deleted: what they did stays " +
            "theirs.", actions: [button("Add user", add, { class: "primary" })] });
        ctx.onKey("n", "Add a user", add);
        put(ctx.root, bar.root, list.root);
        await reload();
    },
};

function columns(ctx, reload) {
    const isSelf = (user) => user.id === ctx.session.user.id || user.name === ctx.session.user.name;
    return [
        { label: "Name", cell: (user) => [h("strong", {}, user.name),
            isSelf(user) && h("span", { class: "muted" }, " (you)")] },
        { label: "Role", cell: (user) => user.role },
        { label: "State", cell: (user) => user.is_disabled ? badge("disabled", "warn") :
            badge("active", "good") },
        { label: "Signs in by", hide: "phone", cell: waysIn },
        { label: "Since", hide: "phone", cell: (user) => date(user.created_us) },
        { label: "Last seen", cell: (user) => when(user.last_seen_us) },
        { label: "Actions", class: "actions", cell: (user) => h("span", { class: "row end" },
            button("Role", () => changeRole(user, reload), named(`Role of ${user.name}`)),
            button("Password", () => resetPassword(user), named(`Password of ${user.name}`)),
            isSelf(user) ? null : button(user.is_disabled ? "Enable" : "Disable",
                () => setDisabled(user, reload),
                named(`${user.is_disabled ? "Enable" : "Disable"} ${user.name}`))) },
    ];
}

function waysIn(user) {
    const ways = [user.has_password ? "password" : null, user.issuer].filter((way) => way);
    return ways.length > 0 ? ways.join(", ") : h("span", { class: "muted" }, "no way yet");
}

function named(label) {
    return { class: "small", "aria-label": label };
}

async function addUser(reload) {
    const once = idempotency();
    const password = passwordField("Without one it waits for whoever the identity provider " +
        "calls by this name, if there is one; else it cannot sign in until it is given one.");
    const made = await formDialog({ title: "Add a user", submit: "Add user", fields: [
        field({ label: "Name", name: "name", required: true, autocomplete: "off",
            autocapitalize: "none",
            spellcheck: "false", hint: "To sign in with. It also owns the user's keys." }),
        field({ label: "Role", name: "role", type: "select", options: ROLES, value: "member",
            required: true }),
        password,
    ], onSubmit: async ({ password: chosen, ...values }) => {
        const body = { ...values, ...(chosen !== "" && { password: chosen }) };
        await api.post("/users", body, once(body));
        return { ...values, password: chosen };
    } });
    if (made === null)
        return;
    if (made.password !== "")
        await showPassword(made.name, made.password);
    toast(`${made.name} is added.`);
    await reload();
}

async function changeRole(user, reload) {
    const role = await formDialog({ title: `Role of ${user.name}`, submit: "Save", fields: [
        field({ label: "Role", name: "role", type: "select", options: ROLES, value: user.role,
            required: true }),
    ], onSubmit: async (values) => {
        await change(user, values);
        return values.role;
    } });
    if (role === null)
        return;
    toast(`${user.name} is ${role === "member" ? "a" : "an"} ${role} now.`);
    await reload();
}

async function setDisabled(user, reload) {
    const isDone = await confirm({
        title: `${user.is_disabled ? "Enable" : "Disable"} ${user.name}?`,
        action: user.is_disabled ? "Enable" : "Disable", danger: !user.is_disabled,
        body: h("p", {}, user.is_disabled ? "The account can sign in again." :
            "The account is signed out at once and cannot sign in. Its keys go on working: " +
            "disable those by themselves."),
        run: () => change(user, { is_disabled: !user.is_disabled }) });
    if (!isDone)
        return;
    toast(`${user.name} is ${user.is_disabled ? "enabled" : "disabled"}.`);
    await reload();
}

async function resetPassword(user) {
    const password = passwordField("The account is signed out everywhere.", true);
    const chosen = await formDialog({ title: `New password of ${user.name}`, submit: "Set password",
        fields: [password], onSubmit: async (values) => {
            await api.post(`/users/${user.id}/password`, values);
            return values.password;
        } });
    if (chosen !== null)
        await showPassword(user.name, chosen);
}

function change(user, changes) {
    // As it was read: what somebody else has changed meanwhile is not overwritten.
    return api.patch(`/users/${user.id}`, { ...changes, updated_us: user.updated_us });
}

function passwordField(hint, required = false) {
    const one = field({ label: "Password", name: "password", autocomplete: "off",
        spellcheck: "false",
        required, hint, class: "mono", read: (text) => text === "" ? text : longEnough(text) });
    one.root.append(h("div", {}, button("Make one", () => {
        one.input.value = makePassword();
        one.error(null);
    }, { class: "small" })));
    return one;
}

function showPassword(name, password) {
    return dialog({ title: `Password of ${name}`, stays: true, closeLabel: "I have passed it on",
        body: h("div", { class: "stack" },
            notice("warn", h("p", {}, "It is shown this once. Pass it on by a way that only ",
                h("strong", {}, name), " reads; it can be changed after sign-in.")),
            codeBlock(password, `password of ${name}`)) });
}
