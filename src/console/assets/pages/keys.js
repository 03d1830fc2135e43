// SPDX-License-Identifier: ISC
import { api, idempotency } from "../api.js";
import { button, empty, field, filters, formDialog, freshness, h, link, pagedTable, put, when }
    from "../dom.js";
import { keyFields } from "../key_form.js";
import { limitBar, modelNames, showSecret, stateBadge, TOOLS, toolName } from "../key_parts.js";
import { handSecret } from "../secret.js";

const BARS_MAX = 2;
const SECRET = /^\s*sk-[a-z]+-\w{20,}\s*$/;

export const page = {
    title: "API keys",
    async render(ctx) {
        const fresh = freshness();
        const mayCreate = ctx.can("operator");
        const bar = filters(ctx, filterFields(ctx), (values) => list.load(values));
        const list = pagedTable({ path: "/keys", signal: ctx.signal, noun: "key",
            caption: "API keys",
            columns: columns(ctx), href: (key) => `/keys/${key.id}`, onRows: fresh.ok,
            rowClass: (key) => key.state === "active" ? null : "faded",
            empty: empty("No key here.", h("p", { class: "muted" },
                mayCreate ? "Create one, or widen the filter. " : "An operator makes keys. ",
                link("/quickstart", "Quickstart"), " shows what to paste where.")) });

        ctx.head({ title: page.title, actions: [fresh.root,
            button("Refresh", () => list.load(bar.values())),
            mayCreate && button("Create key", () => createKey(ctx), { class: "primary" })] });
        if (mayCreate)
            ctx.onKey("n", "Create a key", () => createKey(ctx));
        put(ctx.root, bar.root, list.root);
        await list.load(bar.values());
    },
};

// Also Quickstart's. Answers true once there is a key.
export async function createKey(ctx, { onSecret = null, tool = "other" } = {}) {
    const once = idempotency();
    const models = await modelNames(ctx.signal);
    const made = await formDialog({ title: "Create a key", submit: "Create key", wide: true,
        fields: keyFields({ ctx, models, key: null, tool }),
        onSubmit: (values) => api.post("/keys", values, { ...once(values), signal: ctx.signal }) });
    if (made === null || ctx.signal.aborted)
        return;
    const answer = await showSecret({ title: "Your new key", name: made.key.name,
        secret: made.secret,
        useIt: onSecret === null ? "Saved; set up a tool" : null });
    if (onSecret !== null)
        onSecret(made);
    else if (!ctx.signal.aborted) {
        if (answer === "use")
            handSecret(made);
        ctx.navigate(answer === "use" ? "/quickstart" : `/keys/${made.key.id}`);
    }
}

// Whoever looks for a key that leaked has all of it: of that no more than the last four are kept,
// in the field, the address and the server's log.
function searchField(text) {
    const own = field({ label: "Name or last four", name: "q", type: "search", value: text,
        "data-filter": true, placeholder: "ci, …a1B2" });
    own.input.addEventListener("input", () => {
        if (SECRET.test(own.input.value))
            own.input.value = own.input.value.trim().slice(-4);
    });
    return own;
}

function filterFields(ctx) {
    const of = (name) => ctx.query.get(name) ?? "";
    return [
        searchField(of("q")),
        field({ label: "State", name: "state", type: "select", value: of("state"),
            options: [["", "Any"], "active", "disabled", "expired", "revoked"] }),
        field({ label: "Tool", name: "tool", type: "select", value: of("tool"),
            options: [["", "Any"], ...TOOLS] }),
        ctx.can("operator") ? field({ label: "Owner", name: "owner", value: of("owner"),
            placeholder: "Anyone" }) : null,
    ].filter((one) => one !== null);
}

function columns(ctx) {
    return [
        { label: "Name", cell: (key) => [key.name, h("span", { class: "sub mono" }, key.display)] },
        ctx.can("operator") ? { label: "Owner", hide: "phone", cell: (key) => key.owner } : null,
        { label: "Tool", hide: "phone", cell: (key) => toolName(key.tool) },
        { label: "State", cell: (key) => stateBadge(key.state) },
        { label: "Quotas", cell: limits },
        { label: "Last used", cell: (key) => when(key.last_used_us) },
    ].filter((one) => one !== null);
}

function limits(key) {
    if (key.limits.length === 0)
        return h("span", { class: "muted" }, "No quota");
    const rest = key.limits.length - BARS_MAX;
    return h("div", { class: "stack tight" },
        key.limits.slice(0, BARS_MAX).map((limit) => limitBar(limit)),
        rest > 0 && h("span", { class: "bar-more" }, `and ${rest} more`));
}
