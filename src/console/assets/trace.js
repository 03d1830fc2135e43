// SPDX-License-Identifier: ISC
//
// What a request's record says, in words: how it ended, how long it took, where the time went.

import { badge, lines } from "./dom.js";

// The stages of a request, each the way to a moment of the record. `via`: a moment on the way.
const STAGES = [
    { name: "accepted", label: "Accepted by the gateway", who: "gateway" },
    { name: "key_checked", label: "Key checked", who: "gateway" },
    { name: "quota_checked", label: "Quota reserved", who: "gateway" },
    { name: "route_selected", label: "Route selected", who: "gateway" },
    { name: "dispatched", label: "Sent to the model", who: "model" },
    { name: "first_token", label: "First token", who: "model", via: "first_byte" },
    { name: "completed", label: "Answer complete", who: "model" },
    { name: "settled", label: "Charge settled", who: "ledger" },
];
// Of one that the gateway refused, no more is kept than when.
const refused = (category) => [STAGES[0],
    { name: "completed", label: `Refused: ${words(category)}`, who: "gateway" }];

export const PROVENANCE = {
    none: "It ended before anything was used: no charge.",
    reported: "The provider's own figures.",
    estimated: "The provider gave no complete figures; the output was counted as it streamed.",
    indeterminate: "It was sent and the outcome is not known: nothing is charged.",
    invalid: "The provider reported impossible figures; they were not taken as they stand.",
};

export function offsetOf(request, name) {
    const offset = request.stages?.find((stage) => stage.name === name)?.offset_us;
    return offset === undefined ? null : offset;
}

// [{ ...stage, startUs, endUs (null: not reached), viaUs }]
export function timeline(request) {
    let before = 0;
    const stages = request.is_refusal ? refused(request.category) : STAGES;
    return stages.map((stage) => {
        const endUs = offsetOf(request, stage.name);
        const span = { ...stage, startUs: before, endUs,
            viaUs: stage.via === undefined ? null : offsetOf(request, stage.via) };
        before = Math.max(before, endUs ?? 0, span.viaUs ?? 0);
        return span;
    });
}

// What the caller waited for: up to the last byte, not the settlement.
export function tookUs(request) {
    return isRunning(request) ? null : waitedUs(timeline(request));
}

export function waitedUs(spans) {
    return spans.filter((span) => span.who !== "ledger").reduce((most, span) =>
        Math.max(most, span.endUs ?? 0, span.viaUs ?? 0), 0);
}

export function isRunning(request) {
    return request.state !== undefined ? request.state !== "settled" :
        offsetOf(request, "completed") === null && offsetOf(request, "settled") === null &&
        !request.status && !isFailed(request);
}

export function isFailed(request) {
    return Boolean(request.category) && request.category !== "none";
}

export function outcome(request) {
    if (isFailed(request))
        return badge(words(request.category), request.status >= 500 ? "bad" : "warn");
    return isRunning(request) ? badge(words(request.state ?? "running"), "info") :
        badge("ok", "good");
}

// "route_selected" -> "route selected"
export function words(name) {
    return String(name).replaceAll("_", " ");
}

export function modelName(request) {
    return lines(request.model, request.answered_by && `answered by ${request.answered_by}`);
}

export function promptTokens(usage = {}) {
    return ["input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write", "input_audio",
        "input_image"].reduce((sum, name) => sum + Number(usage[name] ?? 0), 0);
}

export function outputTokens(usage = {}) {
    return ["output", "output_audio", "output_image"]
        .reduce((sum, name) => sum + Number(usage[name] ?? 0), 0);
}
