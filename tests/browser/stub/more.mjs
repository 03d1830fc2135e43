// SPDX-License-Identifier: ISC
//
// What the stub answers on requests, usage, routes, prices, audit, status and config.

const US = 1e6;
const MODELS = ["gpt-4.1-mini", "claude-sonnet-4", "gemini-2.5-flash"];
const UPSTREAMS = ["openai", "anthropic", "google"];
const STAGES = ["accepted", "key_checked", "quota_checked", "route_selected", "dispatched",
    "first_byte",
    "first_token", "completed", "settled"];
const FAILURES = { 7: ["upstream_error", 502], 11: ["rate_limited", 429],
    13: ["quota_exceeded", 429],
    17: ["stream_interrupted", 502] };

export function moreRoutes(db, { Refusal, paged, keysOf }) {
    const startUs = db.now();
    const requests = Array.from({ length: 173 }, (_, n) => makeRequest(db, n));
    const routes = makeRoutes(startUs);
    const stopsUs = startUs + 20 * US;
    let config = CONFIG;
    for (const action of ["key.create", "route.drain", "key.update", "user.create"])
        note(db, db.users[0], action, action === "route.drain" ? "route 1a2b3c04" : "key 3",
            action === "key.update" ? { quotas: [{ unit: "usd", amount: 5e9 }], strict: true,
                name: "ci" } : {});

    const seen = (user, rows) => user.role === "member" ?
        rows.filter((row) => keysOf(user).some((key) => key.id === row.key_id)).map(memberView) :
            rows;
    const routeOf = (id) => routes.find((route) =>
        route.id === id) ?? fail(new Refusal(404, "not_found",
        "It does not exist, or it is not yours."));
    const switchTo = (admin, state) => ({ params, user }) => {
        note(db, user, `route.${admin}`, `route ${params.id}`, {});
        return Object.assign(routeOf(params.id), { admin, state });
    };
    const live = () => Array.from({ length: 4 }, (_, n) => makeFlight(db, n, startUs))
        .filter((flight, n) => n > 0 || db.now() < stopsUs);

    return {
        "GET /requests": ["member", ({ query, user }) => {
            if (db.now() > stopsUs && requests[0].request_id !== "req_000000live0")
                requests.unshift({ ...makeRequest(db, 1), request_id: "req_000000live0",
                    accepted_us: startUs });
            const rows = paged(seen(user, requests).filter((row) => matches(row, query)), query);
            return { ...rows, data: rows.data.map(listView) };
        }],
        "GET /requests/live": ["member", ({ user }) => {
            const flights = seen(user, live());
            return { data: flights, n_flights: flights.length };
        }],
        "GET /requests/{id}": ["member", ({ params, user }) => {
            const flight = live().find((one) => one.request_id === params.id);
            const rows = seen(user, flight === undefined ? requests : [runningRequest(db, flight)]);
            return rows.find((row) => row.request_id === params.id) ??
                fail(new Refusal(404, "not_found", "It does not exist, or it is not yours."));
        }],
        "GET /usage": ["member", ({ query, user }) =>
            ({ data: usage(db, query, user), next: null })],
        "GET /usage.csv": ["member", ({ query, user }) => csv(usage(db, query, user))],
        "GET /metrics": ["operator", () => csv([])],
        "GET /routes": ["operator", () => ({ data: routes, next: null })],
        "GET /routes/{id}": ["operator", ({ params }) => routeOf(params.id)],
        "POST /routes/{id}/drain": ["operator", switchTo("drained", "drained")],
        "POST /routes/{id}/enable": ["operator", switchTo("enabled", "up")],
        "POST /routes/{id}/disable": ["operator", switchTo("disabled", "disabled")],
        "GET /routes/{id}/history": ["operator", ({ params, query }) =>
            ({ data: routeOf(params.id) && history(query) })],
        "GET /explain": ["operator", ({ query }) => explanation(query, routes, Refusal)],
        "GET /prices": ["operator", () => ({ data: prices(startUs, routes), next: null })],
        "GET /status": ["operator", () => status(db, startUs)],
        "GET /config": ["operator", () => ({ yaml: config, file: "/etc/relayos/relayos.yaml",
            sha256: "9f".repeat(32), loaded_us: startUs })],
        "POST /config/check": ["operator", () => ({ is_ok: true, error: null, changes: CHANGES,
            n_changes: 3,
            n_restart: 1 })],
        "POST /reload": ["operator", ({ user }) => {
            note(db, user, "reload", "config", {});
            config = config.replace("trace_retention: 30d", "trace_retention: 14d");
            return { changes: CHANGES, n_changes: 3, n_restart: 1 };
        }],
        "GET /audit": ["admin", ({ query }) => paged(db.audit.filter((entry) =>
            ["who", "action", "target"].every((name) =>
                String(entry[name]).includes(query[name] ?? ""))), query)],
        "POST /audit/verify": ["admin", () => ({ is_ok: true, checked: db.audit.length,
            first_bad_seq: null,
            head_hash: "4c1d".repeat(16) })],
    };
}

function fail(error) {
    throw error;
}

function note(db, user, action, target, detail) {
    db.audit.unshift({ seq: db.audit.length + 1, at_us: db.now(), who: user.name, action, target,
        detail });
}

function matches(row, query) {
    const isOk = row.category === "none";
    return (!query.key || String(row.key_id) === query.key || row.key_name === query.key) &&
        (!query.model || row.model === query.model) &&
        (!query.request_id || row.request_id === query.request_id) &&
        (!query.status || query.status === row.category ||
            query.status === (isOk ? "ok" : "failed")) &&
        (!query.since || row.accepted_us >= Number(query.since)) &&
        (!query.until || row.accepted_us < Number(query.until));
}

// ---- requests ----

function makeRequest(db, n) {
    const [category, status] = FAILURES[n % 19] ?? ["none", 200];
    const isRefused = category === "rate_limited" || category === "quota_exceeded";
    const key = db.keys[n % db.keys.length];
    const model = MODELS[n % 3];
    const firstUs = 180000 + n * 7919 % 900000;
    const reached = isRefused ? 2 : 9;
    const offsets = [0, 41, 118, 164, 3120, firstUs, firstUs + 20400,
        firstUs + 1200000 + n * 104729 % 4000000,
        firstUs + 5300000];
    const output = isRefused ? 0 : 120 + n * 37 % 900;
    return {
        request_id: `req_${(0xa3f100 + n * 977).toString(16).padStart(12, "0")}`, state: "settled",
        key_id: key.id, key_name: key.name, model,
            answered_by: n % 23 === 5 ? MODELS[(n + 1) % 3] : null,
        endpoint: "/v1/chat/completions", protocol: "openai", is_stream: n % 2 === 0, status,
            category,
        accepted_us: db.now() - n * 173 * US, charge_nusd: isRefused ? 0 : 1200000 +
            n * 7654321 % 60000000,
        cost_nusd: isRefused ? 0 : 1000000 + n * 7654321 % 40000000, reserved_nusd: 0,
        provenance: isRefused ? "none" : category === "none" ? "reported" : "estimated",
        usage: isRefused ? {} : { input: 900 + n * 31, cache_read: n % 3 * 4096, cache_write_5m: 0,
            output,
            reasoning: Math.floor(output / 3), request: 1 },
        client_address: "10.2.3.4", client_request_id: n % 4 === 0 ? "5e0c-77" : "",
        user_agent: "OpenAI/Python 1.99.1", day_id: 20261126, is_refusal: isRefused,
        is_over_quota: n === 3, bytes_in: 18230, bytes_out: 9021, n_events: n % 2 === 0 ? 214 : 0,
        stages: STAGES.map((name, at) => ({ name,
            offset_us: at < reached || at === 8 || at === 7 && !isRefused ?
            isRefused && at === 8 ? 5200 : offsets[at] : null })),
        n_attempts: isRefused ? 0 : category === "upstream_error" ? 2 : 1,
        corrections: n === 2 ? [{ done_us: db.now(), charge_nusd: -500000, cost_nusd: 0,
            who: "alice",
            reason: "billed twice" }] : [],
        attempts: isRefused ? [] : attempts(n, model, firstUs, offsets[7], category),
        choices: isRefused ? [] : choices(model, category), n_unlisted: isRefused ? 0 : 2,
    };
}

function attempts(n, model, firstUs, endUs, category) {
    const one = { attempt: 0, reason: "first", model, credential: "main", score: 1234,
        upstream: UPSTREAMS[n % 3],
        upstream_model: `${model}-2026`, status: 200, outcome: "ok", category: "none",
            is_reused: true,
        n_redials: 0, start_us: 164, connected_us: 164, first_byte_us: firstUs, end_us: endUs,
        provenance: "reported", input_tokens: 900, output_tokens: 120, cost_nusd: 1000000, note: "",
        upstream_request_id: "req-up-99" };
    if (category !== "upstream_error")
        return [one];
    const failed = { status: 503, outcome: "failed", category, provenance: "none", input_tokens: 0,
        output_tokens: 0, cost_nusd: 0,
            note: '{"error":{"message":"<b>overloaded</b>, try later"}}' };
    return [{ ...one, ...failed }, { ...one, ...failed, attempt: 1, reason: "failover",
        upstream: "azure",
        score: 2100, is_reused: false, connected_us: 30211 }];
}

function choices(model, category) {
    const rows = [{ attempt: 0, route: `${model}/openai/${model}-2026`, score: 1234, exclusion: "",
        is_pinned: true, is_taken: true },
    { attempt: 0, route: `${model}/azure/${model}`, score: 2100, exclusion: "", is_pinned: false,
        is_taken: false },
    { attempt: 0, route: `${model}/backup/${model}`, score: 0, exclusion: "breaker_open",
        is_pinned: false,
        is_taken: false }];
    return category === "upstream_error" ? [...rows, { ...rows[1], attempt: 1, is_taken: true }] :
        rows;
}

function listView({ corrections, attempts: _, choices: __, n_unlisted, state, ...row }) {
    return { ...row, attempts: [] };
}

function memberView({ cost_nusd, attempts: _, choices: __, n_unlisted, worker, ...row }) {
    return row;
}

function makeFlight(db, n, startUs) {
    const ageUs = db.now() - startUs + n * 3100000;
    return { request_id: `req_000000live${n}`, key_id: db.keys[n].id, key_name: db.keys[n].name,
        model: MODELS[n % 3], state: "dispatched", age_us: ageUs, endpoint: "/v1/chat/completions",
        is_stream: true, stage: n === 2 ? "dispatched" : "first_token",
        tokens_out: n === 2 ? 0 : Math.floor(ageUs / 20000), n_events: Math.floor(ageUs / 21000),
        reserved_nusd: 42000000, worker: n % 2 };
}

function runningRequest(db, flight) {
    const full = makeRequest(db, 1);
    return { ...full, ...flight, status: 0, charge_nusd: 0, cost_nusd: 0, provenance: "none",
        usage: {},
        accepted_us: db.now() - flight.age_us,
        stages: full.stages.map((stage, at) => ({ ...stage,
            offset_us: at > 6 ? null : stage.offset_us })) };
}

// ---- usage ----

function usage(db, { by = "day", from, to }, user) {
    const rows = [];
    const scale = user.role === "member" ? 0.2 : 1;
    const add = (id, n) => {
        const requests = Math.round((400 + n * 7919 % 900) * scale);
        const row = { ...id, requests, failed: Math.round(requests * (n % 5) / 100),
            input: requests * 812, cache_read: requests * (n % 4) * 700, cache_write: requests * 20,
            output: requests * 240, reasoning: requests * 60, charge_nusd: requests * 3123457,
            cost_nusd: requests * 2212345, latency_p50_us: 2100000 + n * 51000 % 700000,
            latency_p95_us: 6400000 + n * 510000 % 3000000,
                first_token_p50_us: 420000 + n * 31000 % 200000,
            first_token_p95_us: 1100000 + n * 77000 % 700000 };
        if (user.role === "member")
            delete row.cost_nusd;
        rows.push(row);
    };
    if (by === "day" || by === "hour")
        for (let ms = day(from), n = 0; ms <= Math.min(day(to) + 86399999, Date.now());
            ms += by === "day" ? 86400000 : 3600000, n += 1)
            if (n % 9 !== 4)
                add({ [by]: Number(new Date(ms).toISOString().replace(/\D/g, "").slice(0,
                    by === "day" ? 8 : 10)) }, n);
    if (by === "key")
        db.keys.forEach((key, n) => add({ key_id: key.id, key_name: key.name }, n));
    if (by === "model")
        MODELS.forEach((model, n) => add({ model }, n));
    if (by === "tool")
        ["cursor", "claude-code", ""].forEach((tool, n) => add({ tool }, n));
    if (by === "owner")
        db.users.forEach((one, n) => add({ owner: one.name }, n));
    return rows;
}

function day(text) {
    return Date.parse(String(text).replace(/(\d{4})(\d\d)(\d\d)/, "$1-$2-$3"));
}

function csv(rows) {
    const names = Object.keys(rows[0] ?? {});
    return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) =>
        row.join(",")).join("\n");
}

// ---- routes, prices ----

function makeRoutes(nowUs) {
    const states = ["up", "up", "open", "cooling", "drained", "refused", "up", "trial", "disabled"];
    return states.map((state, n) => {
        const model = MODELS[n % 3], upstream = ["openai", "azure", "backup"][Math.floor(n / 3)];
        const rest = state === "open" || state === "cooling" ? nowUs + 95 * US : null;
        return { id: (0x1a2b3c00 + n).toString(16), name: `${model}/${upstream}`, model, upstream,
            upstream_model: `${model}-2026`, tier: 1 + Math.floor(n / 3), weight: 100, state,
                until_us: rest,
            admin: state === "drained" ? "drained" : "enabled", is_disabled: state === "disabled",
                level: 0,
            failures_in_row: state === "open" ? 5 : 0, in_flight: n * 3 % 8,
                max_concurrent: n % 2 ? 64 : null,
            limit: n % 2 ? 40 : null, success_permille: state === "open" ? 310 : 998 - n,
            first_token_us: n === 8 ? null : 410000 + n * 9000,
                first_token_p95_us: n === 8 ? null : 1210000,
            successes: 12031 + n, failures: 12 * n, overloads: n, prompt_tokens: 9000000,
            cached_tokens: 3100000 + n * 100000, last_success_us: nowUs - n * 40 * US,
            last_failure_us: n === 0 ? null : nowUs - n * 900 * US,
            probe: { kind: n === 8 ? "none" : "models", is_ok: state !== "open",
                status: state === "open" ? 503 : 200,
                latency_us: 81000, probed_us: nowUs - 12 * US },
            credentials: [{ name: "main", state: state === "refused" ? "refused" : "ok",
                status: state === "refused" ? 401 : 200, until_us: null },
            { name: "spare", state: state === "cooling" ? "cooling" : "ok", status: null,
                until_us: rest }] };
    });
}

function history({ since, until }) {
    const slotUs = 900 * US;
    const slots = [];
    for (let atUs = Math.floor(since / slotUs) * slotUs,
        n = 0; atUs < Number(until); atUs += slotUs, n += 1)
        slots.push({ at_us: atUs, slot_us: slotUs, attempts: 30 + n * 13 % 25,
            failures: n % 17 === 0 ? 9 : n % 3,
            first_token_us: n % 29 === 0 ? null : 400000 + n * 7000 % 90000,
            first_token_p95_us: n % 29 === 0 ? null : 1200000 + n * 31000 % 500000 });
    return slots;
}

function prices(nowUs, routes) {
    const price = (input, output, more = {}) =>
        ({ state: "known", version: 3, input, cache_read: input / 10,
        cache_write_5m: null, cache_write_1h: null, output, reasoning: null, request: 0,
            server_tool: 0,
        tiers: [], factors: { flex: 500, batch: 500, priority: 2000 }, ...more });
    const own = { "gpt-4.1-mini": price(400000000, 1600000000, { server_tool: 10000000 }),
        "claude-sonnet-4": price(3000000000, 15000000000,
            { tiers: [{ above: 200000, input: 6000000000,
            output: 22500000000 }] }),
        "gemini-2.5-flash": { state: "free", tiers: [], factors: {} } };
    return MODELS.map((model) => ({ model, price: own[model],
        changes: model === "gpt-4.1-mini" ? [{ from_us: nowUs + 9 * 86400 * US,
            price: price(300000000, 1200000000) }] : [],
        routes: routes.filter((route) => route.model === model).map((route, n) =>
            ({ route_id: route.id,
            name: route.name, upstream: route.upstream, upstream_model: route.upstream_model,
                changes: [],
            cost: n === 2 ? { state: "unknown", tiers: [], factors: {} } :
                price(n === 1 ? 500000000 : 300000000,
                1400000000) })) }));
}

// ---- the gateway ----

function status(db, startUs) {
    const counters = { requests: 120331, requests_ok: 119002, requests_refused: 800,
        requests_failed: 529,
        connections_open: 41, body_bytes: 1048576 };
    const process = (role, slot, more = {}) => ({ role, slot, pid: 4100 + slot, state: "ready",
        generation: 1,
        heartbeat_age_us: 210000 + slot * 1000, counters, ...more });
    return { version: "0.6.0", pid: 4099, config_file: "/etc/relayos/relayos.yaml",
        config_sha256: "9f".repeat(32),
        public_url: "https://ai.example.com", listeners: ["127.0.0.1:8080"],
        certificates: [{ listener: "0.0.0.0:8443", file: "/etc/relayos/tls.pem",
            names: "ai.example.com", expires_us: NOW_US + 20 * 86400e6, warns: true }],
        is_ready: true, upgrade: { from: "0.9.0", error: null },
        last_reload: { at_us: NOW_US - 3600e6, is_refused: true },
            data_dir: "/var/lib/relayos",
        environment: "production", models: MODELS, started_us: startUs - 93000 * US,
        segment: { name: "/relayos-1f2e", bytes: 268435456 },
        processes: [process("master", 2), process("ledger", 3), process("prober", 4),
            process("console", 5),
            process("worker", 0), process("worker", 1,
                { state: "draining", heartbeat_age_us: 9100000 })],
        totals: { ...counters, bytes_in: 73400320000, bytes_out: 21400320000, settled: 119900,
            settle_batches: 30211, settle_errors: 0, checkpoints: 122, probes: 5012,
                probes_failed: 9 },
        admission: true, uses_mock: false, quarantine: [{ fingerprint: 1, key_id: 4,
            model: "gpt-4.1-mini",
            endpoint: "/v1/responses", body_bytes: 918273, seconds_left: 211 }],
        ledger: { database: "/var/lib/relayos/relayos.db", is_open: true, wal_bytes: 4194304,
            n_keys: 10000,
            outbox: 3, last_settle_us: db.now() - 900000, last_checkpoint_us: db.now() - 40 * US,
            quota_cells_used: 5021 },
        disk: { path: "/var/lib/relayos", free_bytes: 61e9, total_bytes: 200e9 } };
}

const CHANGES = "trace_retention: 30d -> 14d\nmodels.gpt-5: added\n" +
    "listen: 127.0.0.1:8080 -> 127.0.0.1:8090 " +
    "(needs a restart)\n";
const CONFIG = `listen: 127.0.0.1:8080
public_url: https://ai.example.com
trace_retention: 30d
upstreams:
  openai:
    url: https://api.openai.com
    api_key: (set)
models:
  gpt-4.1-mini:
    routes:
      - upstream: openai
        model: gpt-4.1-mini-2026
`;

function explanation({ key, model }, routes, Refusal) {
    const own = routes.filter((route) => route.model === model);
    const usable = own.filter((route) => route.state === "up");
    if (own.length === 0)
        throw new Refusal(404, "not_found", "There is no such thing.");
    return { key: { id: 3, name: key, state: "active", may_use_model: true,
        allow_from: [], lets_in: null }, model,
        policy: "balanced", policy_of: "model",
        estimate: { prompt_tokens: 1000, output_tokens: 4096, charge_nusd: 68e6,
            reserved_tokens: 6000, reserved_nusd: 72e6 },
        rates: [{ unit: "requests", per_minute: 60, needed: 1, wait_us: 0 }],
        quotas: [{ unit: "usd", period: "month", model: null, shadow: false, used: 31e9,
            reserved: 2e7, limit: 50e9, needed: 72e6, fits: true, renews_us: 2e9 * 1e6 }],
        routes: own.map((route) => ({ ...route, reason: "",
            state: route.state === "up" ? "usable" : route.state, first_permille: route === usable[0] ? 1000 : 0, score: null,
            cost_nusd: 60e6 })),
        fallback_on: ["outage"], fallbacks: [],
        verdict: usable.length > 0 ? { admitted: true, served_by: model, is_panic: false } :
            { admitted: false, served_by: null, is_panic: false, category: "no_healthy_route",
                openai_status: 503, anthropic_status: 529, retry_us: 0,
                sentence: "There is no healthy route for the model right now." } };
}
