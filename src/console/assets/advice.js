// SPDX-License-Identifier: ISC
//
// What to do about each category of error (relayos-api(7) lists them): for whoever called, and for
// whoever runs the gateway.

const WAIT = "Retry after a short delay; the SDKs do so by themselves.";

const ADVICE = {
    invalid_request: ["Correct the request: the answer's message names the member that is wrong."],
    unsupported_parameter: ["Leave that parameter out, or choose a model that has it (Models)."],
    context_length_exceeded: ["Shorten the conversation, or choose a model with a larger context.",
        "A fallback on context_overflow can pass such requests to a larger model."],
    content_refused: ["Change the prompt: the model's content policy refused it."],
    invalid_key: ["Check that the key is whole, and not expired, disabled or revoked."],
    model_not_allowed: ["Choose a model that this key may use, or have it added to the key.",
        "Add the model on the key's page (Edit), if the key shall have it."],
    address_not_allowed: ["Use the key from the network it is meant for.",
        "The key, or the gateway, is bound to certain addresses (Config)."],
    not_found: ["Check the path and the model's exact name (Models)."],
    upgrade_required: ["Use plain HTTP, streamed or not: this path speaks no WebSocket."],
    invalid_url: ["Check that the file's URL is public and right, or send the file itself."],
    method_not_allowed: ["Check the path and the method; the answer names the one that is right."],
    unsupported_encoding: ["Send plain JSON in UTF-8, without Content-Encoding."],
    request_too_large: ["Send less: a shorter conversation, or smaller attachments."],
    headers_too_large: ["Send fewer or shorter headers; cookies are a usual cause."],
    quota_exceeded: ["Wait until the quota renews (API keys shows when), or ask for a larger one.",
        "Raise the quota on the key's page (Edit), if its budget allows."],
    rate_limited: ["Slow down: the answer's Retry-After says how long to wait."],
    overloaded: [WAIT, "The gateway is at its limits: see Status, and max_concurrent in Config."],
    no_healthy_route: [`${WAIT} Nothing was charged.`,
        "No route of the model could be taken: Routes shows the state of each, and why."],
    upstream_error: [`${WAIT} Pass on the request ID if it goes on.`,
        "The provider failed: the attempts below show what it said."],
    upstream_rate_limited: [`${WAIT} Nothing was charged.`,
        "The provider's limit is reached: add a route or a credential, or spread the load."],
    upstream_unavailable: ["Use another model for now. Nothing was charged.",
        "The provider refuses us or cannot be reached: check credential, account and address."],
    upstream_timeout: [WAIT, "The attempts below show how far it came."],
    connect_timeout: [`${WAIT} Nothing was charged.`,
        "The provider did not take the connection: check the network and the upstream's url."],
    tls_timeout: [`${WAIT} Nothing was charged.`,
        "The connection stood, the handshake did not end: check proxies on the way."],
    first_byte_timeout: [`${WAIT} Nothing was charged.`,
        "The provider took the request and said nothing: see the route's history."],
    first_token_timeout: [`${WAIT} Nothing was charged.`,
        "The provider began to answer, but wrote nothing: see the route's history."],
    idle_timeout: ["Retry. Only what was produced is charged.",
        "The stream fell silent: see the route's history."],
    total_timeout: ["Ask for a shorter answer, or stream it. Only what was produced is charged."],
    stream_interrupted: ["Retry. What was produced so far has been charged.",
        "The provider's connection broke in the midst of its answer."],
    ledger_unavailable: [WAIT,
        "The ledger cannot write: look at the disk and the ledger in Status."],
    quota_unavailable: [WAIT, "The quota cells cannot be read: see Status."],
    idempotency_conflict: ["Use a new Idempotency-Key for a different request."],
    in_progress: ["Wait for the first request with this Idempotency-Key to end."],
    idempotency_finished: ["Use another Idempotency-Key to ask again."],
    client_closed: ["The caller hung up before the end: its own timeout may be too short."],
    internal: ["Retry, and pass on the request ID if it happens again. Nothing was charged.",
        "This is a fault of the gateway: its log has a line with this request ID."],
};

const UNKNOWN = ["Pass on the request ID to the platform team."];

export const CATEGORIES = Object.keys(ADVICE);

// { caller, operator: text or null }
export function adviceOn(category) {
    const [caller, operator = null] = ADVICE[category] ?? UNKNOWN;
    return { caller, operator };
}
