// SPDX-License-Identifier: ISC
//
// The one way to the server: /api/v1, with the CSRF token, errors as ApiError, ETags for If-Match
// and lists by cursor.
//
//     const key = await api.get(`/keys/${id}`, { signal });
//     await api.patch(`/keys/${id}`, { name }, { etag: api.etagOf(key) });
//     for (let page = await api.page("/keys", { q }); ...; page = await page.more())

const BASE = "/api/v1";
const PATIENCE_MS = 30000;
const AWAY_MS = 60000;

const etags = new WeakMap();
let csrf = "";

// A page that reads by itself, with nobody before it, is no reason to stay signed in.
let touchedMs = Date.now();
for (const type of ["keydown", "pointerdown", "wheel"])
    globalThis.addEventListener?.(type, () => { touchedMs = Date.now(); },
        { capture: true, passive: true });

// What went wrong, in words for the reader. code "unreachable" or "timeout": no answer came.
// detail: all that the server said of it.
export class ApiError extends Error {
    constructor({ status = 0, code, message, field = null, request_id = null, retryS = 0,
        ...detail }) {
        super(message);
        this.name = "ApiError";
        Object.assign(this, { status, code, field, requestId: request_id, retryS, detail });
    }
}

export const api = {
    get: (path, options = {}) => call("GET", path, undefined, options),
    // A create that is sent twice (a lost answer, an impatient click) is carried out once: see
    // idempotency().
    post: (path, body = {}, options = {}) => call("POST", path, body, options),
    patch: (path, body, options = {}) => call("PATCH", path, body, options),
    put: (path, body, options = {}) => call("PUT", path, body, options),
    del: (path, options = {}) => call("DELETE", path, undefined, options),
    // One page of a list: { rows, more: null | () => the next page }.
    page: fetchPage,
    // The ETag that came with an object this module answered; undefined if it had none.
    etagOf: (object) => etags.get(object),
    // For <a href download>: the session cookie goes with it.
    url: (path, query) => BASE + path + queryString(query),
    setCsrf: (token) => { csrf = token ?? ""; },
};

// Someone asked, and the session was not (any more) good. The shell listens.
export const signedOut = new EventTarget();

// For a form that may be sent again: the same key for the same body, another for another.
export function idempotency() {
    let last = null;
    return (body) => {
        const text = JSON.stringify(body, (name, value) =>
            typeof value === "bigint" ? value.toString() : value);
        if (last?.text !== text)
            last = { text, key: newIdempotencyKey() };
        return { idempotencyKey: last.key };
    };
}

function newIdempotencyKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)),
        (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// { status: "ok", key: "", tags: [1, 2] } -> "?status=ok&tags=1&tags=2"; empty members are left
// out.
function queryString(query) {
    const out = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {}))
        for (const one of Array.isArray(value) ? value : [value])
            if (one !== null && one !== undefined && one !== "")
                out.append(name, one);
    const text = out.toString();
    return text === "" ? "" : `?${text}`;
}

// Integers that a double cannot hold come as BigInt.
function parseJson(text) {
    return JSON.parse(text, (name, value, context) =>
        typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) &&
                /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value);
}

async function fetchPage(path, query = {}, options = {}) {
    const answer = await api.get(path, { ...options, query });
    const more = answer.next === null || answer.next === undefined ? null :
        () => fetchPage(path, { ...query, cursor: answer.next }, options);
    return { rows: answer.data, more, answer };
}

async function call(method, path, body, options) {
    const response = await send(method, path, body, options);
    const text = await response.text().catch(() => { throw unreachable(options); });
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    const answer = isJson && text !== "" ? parse(text) : text;
    if (response.status === 403 && answer?.error?.code === "csrf" && options.isAgain !== true) {
        // Another tab signed in: the token of this one is of a session that is no more.
        api.setCsrf((await api.get("/session")).csrf);
        return call(method, path, body, { ...options, isAgain: true });
    }
    if (!response.ok)
        throw failure(response, answer, options);
    if (answer !== null && typeof answer === "object" && response.headers.has("etag"))
        etags.set(answer, response.headers.get("etag"));
    return answer;
}

async function send(method, path, body, options) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort("timeout"), options.patienceMs ?? PATIENCE_MS);
    const giveUp = () => stop.abort("left");
    options.signal?.addEventListener("abort", giveUp);
    if (options.signal?.aborted)
        giveUp();
    try {
        return await fetch(BASE + path + queryString(options.query), {
            method,
            headers: headersFor(method, body, options),
            body: body === undefined ? undefined : JSON.stringify(body, writeBig),
            credentials: "same-origin",
            redirect: "error",
            cache: "no-store",
            signal: stop.signal,
        });
    } catch {
        throw stop.signal.reason === "timeout" ?
            new ApiError({ code: "timeout", message: "The console did not answer in time." }) :
            unreachable(options);
    } finally {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", giveUp);
    }
}

function headersFor(method, body, options) {
    const headers = { accept: "application/json" };
    if (method !== "GET")
        headers["x-csrf-token"] = csrf;
    else if (Date.now() - touchedMs > AWAY_MS)
        headers["x-background"] = "1";
    if (body !== undefined)
        headers["content-type"] = "application/json";
    if (options.etag !== undefined)
        headers["if-match"] = options.etag;
    if (options.idempotencyKey !== undefined)
        headers["idempotency-key"] = options.idempotencyKey;
    return headers;
}

function writeBig(name, value) {
    return typeof value === "bigint" ? JSON.rawJSON(value.toString()) : value;
}

function parse(text) {
    try {
        return parseJson(text);
    } catch {
        throw new ApiError({ code: "bad_answer", message: "The console's answer was cut off." });
    }
}

// A page that was left is no error to show: isAbort() tells.
function unreachable(options) {
    return options.signal?.aborted ?
        new ApiError({ code: "aborted", message: "The page was left." }) :
        new ApiError({ code: "unreachable",
            message: "The console does not answer. It may be starting, or the network is down." });
}

export function isAbort(error) {
    return error instanceof ApiError && error.code === "aborted";
}

function failure(response, answer, options) {
    const error = new ApiError({
        code: `http_${response.status}`,
        message: `The console answered ${response.status}.`,
        ...answer?.error,
        status: response.status,
        retryS: Number(response.headers.get("retry-after") ?? 0),
    });
    if (response.status === 401 && options.isSignIn !== true)
        signedOut.dispatchEvent(new Event("signedout"));
    return error;
}
