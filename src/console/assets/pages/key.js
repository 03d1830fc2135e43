// SPDX-License-Identifier: ISC
import { api, idempotency } from "../api.js";
import { badge, button, confirm, count, date, dateTime, facts, field, formDialog, freshness, h,
    lines, link, notice, pagedTable, poll, put, refresh, section, toast, when } from "../dom.js";
import { detailText } from "../detail.js";
import { keyChanges, keyFields } from "../key_form.js";
import { isUsedUp, keyLink, limitBar, modelNames, renewal, showSecret, stateBadge, toolName }
    from "../key_parts.js";

const EVERY_MS = 10000;
const HOUR_US = 3600e6;

export const page = {
    title: "API key",
    async render(ctx) {
        const path = `/keys/${encodeURIComponent(ctx.params.id)}`;
        const fresh = freshness();
        const body = h("div", { class: "page" });
        const audit = pagedTable({ path: `${path}/audit`, signal: ctx.signal,
            noun: ["entry", "entries"],
            caption: "What was done to this key", columns: auditColumns(),
            empty: "No change is on record." });
        let shown = null;

        const again = poll(async (signal) => {
            const key = await api.get(path, { signal });
            const isNewState = shown?.updated_us !== key.updated_us || shown?.state !== key.state;
            shown = key;
            if (isNewState) {
                ctx.head({ title: key.name, actions: [fresh.root, ...actions(ctx, key, changed)] });
                audit.load({});
            }
            refresh(body, ...content(ctx, key));
        }, { everyMs: EVERY_MS, signal: ctx.signal, fresh });
        const changed = (text) => { toast(text); return again.now(); };

        await again.first;
        ctx.onKey("e", "Edit the key", () => isEditable(shown) && edit(ctx, shown, changed));
        put(ctx.root, body, section("History", audit.root));
    },
};

function isEditable(key) {
    return key.source !== "file" && key.state !== "revoked";
}

function content(ctx, key) {
    const limits = key.limits.map((limit) => h("div", {},
        limitBar(limit, { isFull: true }), h("span", { class: "bar-more" }, renewal(limit))));
    return [
        key.source === "file" &&
            notice("info", h("p", {}, "This key is declared in the operator's ",
            h("code", {}, "keys_file"), ": it is changed there.")),
        key.state === "revoked" && notice("bad",
            h("p", {}, `Revoked ${dateTime(key.revoked_us)}. That is for good.`)),
        key.state === "active" && key.limits.some(isUsedUp) && notice("warn", h("p", {},
            h("strong", {}, "A quota is used up. "), "What it counts is refused (quota exceeded) " +
            "until the quota renews, or ", ctx.can("operator") ? "you raise it: Edit." :
                "an operator raises it.")),
        h("section", { class: "card stack", "aria-label": "The key" }, facts(mainFacts(ctx, key))),
        h("p", { class: "row" },
            link(`/requests?${new URLSearchParams({ key: key.id })}`, "See its requests"),
            link(`/usage?${new URLSearchParams({ key: key.id })}`, "See its usage"),
            ctx.can("operator") && link(`/explain?${new URLSearchParams({ key: key.id })}`,
                "Explain its next request")),
        section("Quotas", limits.length > 0 ? h("div", { class: "grid" }, limits) :
            h("p", { class: "muted" }, "None: it may use without end.")),
        section("Models", key.all_models ? h("p", {}, "All, those to come too.") :
            h("ul", { class: "row" }, key.models.map((name) => h("li", {}, h("code", {}, name))))),
    ];
}

function mainFacts(ctx, key) {
    const rate = (n, unit) => n ? `${count(n)} ${unit}` : "no limit";
    return [
        ["State", stateBadge(key.state)],
        ["Key", h("code", {}, key.display)],
        ["Tool", toolName(key.tool)],
        ctx.can("operator") ? ["Owner", key.owner] : null,
        ["Last used", when(key.last_used_us)],
        ["Expires", key.expires_us ? dateTime(key.expires_us) : "never"],
        ["Requests a minute", rate(key.requests_per_minute, "")],
        ["Tokens a minute", rate(key.tokens_per_minute, "")],
        ["At the same time", rate(key.max_concurrent, "")],
        ["May be used from", key.allow_from.length === 0 ? "anywhere" : lines(...key.allow_from)],
        ["Quotas are", key.strict ? badge("strict", "info") : "estimated"],
        ctx.can("operator") && key.policy ? ["Choice of routes",
            key.policy === "model" ? "as each model has it" : key.policy] : null,
        key.capture_until_us > Date.now() * 1000 ? ["Its calls are captured until",
            dateTime(key.capture_until_us)] : null,
        ["Created", date(key.created_us)],
        key.rotated_from ? ["Takes the place of",
            keyLink(key.rotated_from, `key ${key.rotated_from}`)] : null,
        key.rotated_to ? ["Its successor", keyLink(key.rotated_to, `key ${key.rotated_to}`)] : null,
    ];
}

function actions(ctx, key, changed) {
    if (!isEditable(key))
        return [];
    const isDisabled = key.state === "disabled";
    const enabler = () => ctx.can("operator") && button("Enable", () => enable(key, changed));
    return [
        button("Edit", () => edit(ctx, key, changed)),
        isDisabled ? enabler() : button("Disable", () => disable(ctx, key, changed)),
        key.rotated_to ? null : button("Rotate", () => rotate(ctx, key)),
        ctx.can("operator") && button("Capture", () => capture(key, changed)),
        button("Revoke", () => revoke(key, changed), { class: "danger-quiet" }),
    ];
}

// Against no version: it says nothing of what anybody else changes.
async function capture(key, changed) {
    const isOn = key.capture_until_us > Date.now() * 1000;
    const done = await formDialog({ title: `Capture the calls of ${key.name}`, submit: "Save",
        fields: [
            h("p", {}, "Its requests and answers are kept for a while, with secrets blotted out, for " +
                "admins to read. It ends by itself, and is noted in the audit trail."),
            field({ label: "From now on", name: "capture_us", type: "select", required: true,
                value: isOn ? "0" : String(HOUR_US), read: Number, options: [["0", "Not any more"],
                    [String(HOUR_US / 4), "For 15 minutes"], [String(HOUR_US), "For an hour"],
                    [String(24 * HOUR_US), "For a day"]] }),
        ], onSubmit: (values) => api.patch(`/keys/${key.id}`, values) });
    if (done !== null)
        await changed(done.capture_until_us > 0 ? "Its calls are captured now." :
            "Its calls are not captured any more.");
}

// Against what was shown, not what has come since: a change of someone else's is not written over.
async function edit(ctx, key, changed) {
    const models = await modelNames(ctx.signal);
    const done = await formDialog({ title: `Edit ${key.name}`, submit: "Save changes", wide: true,
        fields: keyFields({ ctx, models, key }),
        onSubmit: async (values) => {
            const changes = keyChanges(key, values);
            if (Object.keys(changes).length > 0)
                await api.patch(`/keys/${key.id}`, changes, { etag: api.etagOf(key) });
            return Object.keys(changes).length;
        } });
    if (done > 0)
        await changed("Saved. It holds from the next request on.");
}

async function disable(ctx, key, changed) {
    const isDone = await confirm({ title: `Disable ${key.name}?`, action: "Disable",
        body: h("p", {}, ctx.can("operator") ?
            "Its requests are refused until it is enabled. What runs now goes on." :
            "Its requests are refused until an operator enables it. What runs now goes on."),
        run: () => api.post(`/keys/${key.id}/disable`) });
    if (isDone)
        await changed("Disabled.");
}

async function enable(key, changed) {
    try {
        await api.post(`/keys/${key.id}/enable`);
        await changed("Enabled.");
    } catch (error) {
        toast(error.message, "bad");
    }
}

async function rotate(ctx, key) {
    const once = idempotency();
    const made = await formDialog({ title: `Rotate ${key.name}`, submit: "Rotate", fields: [
        h("p", {}, "Makes a new secret with the same rights and quotas. For a while both are good, " +
            "so that you can change it in your tools without a gap."),
        field({ label: "The old one ends", name: "overlap_us", type: "select", required: true,
            value: String(24 * HOUR_US), read: Number, options: [["0", "At once"],
                [String(HOUR_US), "In an hour"], [String(24 * HOUR_US), "In a day"],
                [String(168 * HOUR_US), "In a week"], [String(720 * HOUR_US), "In 30 days"]] }),
    ], onSubmit: (values) => api.post(`/keys/${key.id}/rotate`, values, once(values)) });
    if (made === null || ctx.signal.aborted)
        return;
    await showSecret({ title: "The new secret", name: made.key.name, secret: made.secret,
        about: h("p", {}, made.old?.expires_us ?
            `The old one works until ${dateTime(made.old.expires_us)}.` :
            "The old one does not work any more.") });
    if (!ctx.signal.aborted)
        ctx.navigate(`/keys/${made.key.id}`);
}

async function revoke(key, changed) {
    const cut = h("input", { type: "checkbox", id: "cut" });
    const isDone = await confirm({ title: `Revoke ${key.name}?`, action: "Revoke for good",
        danger: true,
        typed: key.name, body: [
            h("p", {}, "Whoever uses it is refused from now on. It cannot be undone."),
            h("div", { class: "field check" }, cut,
                h("label", { for: "cut" }, "Also cut off what it has running now"))],
        run: () => api.post(`/keys/${key.id}/revoke`, cut.checked ? { cut: true } : {}) });
    if (isDone)
        await changed("Revoked.");
}

function auditColumns() {
    return [
        { label: "When", cell: (entry) => when(entry.at_us) },
        { label: "Who", cell: (entry) => entry.who },
        { label: "What", cell: (entry) => entry.action },
        { label: "Detail", cell: (entry) => detailText(entry.detail) },
    ];
}
