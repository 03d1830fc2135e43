// SPDX-License-Identifier: ISC
//
// What the stub answers: a small company's gateway, the same at every start but for the clock.

const DAY_US = 86400e6;
const NOW_US = Date.now() * 1000;

export const PUBLIC_URL = "https://gateway.example.com";

export const MODELS = [
    model("claude-opus-4-1", "up", [15e9, 1.5e9, 75e9], 200000, 32000, 1240000, 998),
    model("claude-sonnet-4", "degraded", [3e9, 0.3e9, 15e9], 1000000, 64000, 890000, 931),
    model("gemini-2.5-pro", "up", [1.25e9, 0.31e9, 10e9], 1048576, 65536, 1410000, 994),
    model("gpt-4.1", "down", [2e9, 0.5e9, 8e9], 1047576, 32768, null, 412),
    model("gpt-4.1-mini", "up", [0.4e9, 0.1e9, 1.6e9], 1047576, 32768, 412000, 1000),
    model("llama-local", "up", [0, 0, 0], 131072, null, null, null),
];

export function makeUsers() {
    return [user(1, "alice", "admin", 200), user(2, "bob", "operator", 120),
        user(3, "carol", "member", 64), { ...user(4, "dave", "member", 300), is_disabled: true },
        { ...user(5, "erin", "member", 12), issuer: "https://id.example.com",
            has_password: false, last_seen_us: null }];
}

export function makeAdminKeys() {
    return [
        adminKey(1, "terraform", "admin", "x9Qd", {}),
        adminKey(2, "grafana", "operator", "Lm31", { expires_us: NOW_US + 30 * DAY_US }),
        adminKey(3, "old script", "member", "77aP", { revoked_us: NOW_US - 9 * DAY_US }),
    ];
}

// Enough for three pages of the list; the first few are there to be looked at.
export function makeKeys() {
    const named = [
        key(1, "anna laptop", "cursor", "carol", {
            last_used_us : NOW_US - 42e6,
            limits : [
                limit("usd", "month", 50e9, 31.4159e9, 0.0234e9),
                limit("usd", "day", 5e9, 4.2e9, 0.3e9)
            ]
        }),
        key(2, "ci", "script", "platform", {
            last_used_us : NOW_US - 3600e6,
            strict : true,
            requests_per_minute : 60,
            max_concurrent : 8,
            all_models : false,
            models : [ "gpt-4.1-mini", "claude-sonnet-4" ],
            limits : [ limit("usd", "month", 100e9, 100.2e9, 0) ]
        }),
        key(3, "claude code, team", "claude-code", "carol", {
            last_used_us : NOW_US - 5e6,
            limits : [
                limit("usd", "month", 400e9, 120e9, 2e9),
                limit("tokens", "day", 20e6, 3.1e6, 40000),
                {...limit("usd", "day", 10e9, 8.7e9, 0), model : "claude-opus-4-1", shadow : true }
            ]
        }),
        key(4, "support bot", "agent", "support",
            { state : "disabled", last_used_us : NOW_US - 3 * DAY_US }),
        key(5, "contractor", "codex", "bob", {
            state : "expired",
            expires_us : NOW_US - DAY_US,
            last_used_us : NOW_US - 2 * DAY_US,
            limits : [ limit("usd", "total", 20e9, 19.5e9, 0) ]
        }),
        key(6, "leaked in a notebook", "other", "dave",
            { state : "revoked", revoked_us : NOW_US - 40 * DAY_US }),
        key(7, "declared", "server", "platform", { source : "file" }),
    ];
    const many = Array.from({ length : 120 },
        (_, at) => key(at + 8, `service ${at + 1}`, "server", at % 3 === 0 ? "carol" : "platform",
            { limits : [ limit("usd", "month", 10e9, at * 0.08e9, 0) ] }));
    return [...named, ...many];
}

export function blankKey(id, args, owner) {
    return key(id, args.name, args.tool ?? "other", args.owner ?? owner, { ...changedKey({}, args),
        last_used_us: 0, created_us: Date.now() * 1000 });
}

// What key.update does.
export function changedKey(old, args) {
    const { quotas = [], models, ...rest } = args;
    const isCell = (a, b) => a.unit === b.unit && a.period === b.period &&
        (a.model ?? null) === (b.model ?? null);
    let limits = old.limits ?? [];
    for (const quota of quotas) {
        const before = limits.find((one) => isCell(one, quota));
        limits = limits.filter((one) => one !== before);
        if (quota.amount !== 0)
            limits.push({ ...limit(quota.unit, quota.period, quota.amount, before?.used ?? 0, 0),
                model: quota.model ?? null, shadow: quota.shadow === true });
    }
    return { ...old, ...rest, limits, updated_us: Date.now() * 1000,
        ...(models && { models, all_models: models.length === 0 }) };
}

function key(id, name, tool, owner, more) {
    const last4 = (id * 7919 + 1000000).toString(36).slice(-4);
    return { id, name, tool, owner, last4, display: `sk-prod-...${last4}`, source: "store",
        state: "active", all_models: true, models: [], limits: [], strict: false, policy: "model",
        requests_per_minute: 0, tokens_per_minute: 0, max_concurrent: 0, allow_from: [],
        created_us: NOW_US - 90 * DAY_US, updated_us: NOW_US - 20 * DAY_US, expires_us: 0,
        last_used_us: 0, revoked_us: 0, rotated_from: 0, rotated_to: 0, ...more };
}

function limit(unit, period, amount, used, reserved) {
    return { unit, period, model: null, shadow: false, limit: amount, used, reserved,
        period_id: 202611, renews_us: period === "total" ? null : NOW_US + 5 * DAY_US };
}

function model(
    name, status, [ input, cacheRead, output ], context, outputMax, firstTokenUs, success) {
    return { name, status, protocols: ["openai", "responses", "anthropic", "gemini"],
        context_tokens: context, max_output_tokens: outputMax,
        prices: { input, cache_read: cacheRead, cache_write: input * 1.25, output },
        first_token_us: firstTokenUs, success_permille: success };
}

function user(id, name, role, daysAgo) {
    return { id, name, role, is_disabled: false, issuer: null, has_password: true,
        last_seen_us: NOW_US - daysAgo * 60e6,
        created_us: NOW_US - daysAgo * DAY_US, updated_us: NOW_US - daysAgo * DAY_US };
}

function adminKey(id, name, role, last4, more) {
    return { id, name, role, last4, created_us: NOW_US - 60 * DAY_US, expires_us: 0, revoked_us: 0,
        created_by: "alice", ...more };
}
