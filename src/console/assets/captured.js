// SPDX-License-Identifier: ISC
//
// What was captured of a request: admins ask for it, and that they did is in the audit trail. It is
// read anew each time, and is gone with the page.

import { api } from "./api.js";
import { button, bytes, codeBlock, errorView, h, put, section } from "./dom.js";

export function capturedView(ctx, request) {
    const place = h("div", { class: "stack captured" });
    const ask = async () => {
        try {
            const kept = await api.post(`/requests/${encodeURIComponent(request.request_id)}/capture`,
                {}, { signal: ctx.signal });
            put(place, body("Request", kept.request), body("Answer", kept.answer));
        } catch (error) {
            if (!ctx.signal.aborted)
                put(place, error.status === 404 ? [show, h("p", { class: "muted" }, error.message)] :
                    errorView(error, ask));
        }
    };
    const show = button("Show what was captured", ask);
    put(place, h("p", { class: "muted" }, "Requests and answers are captured of keys for which an " +
        "operator asks it, with secrets blotted out. Who reads one is noted in the audit trail."),
        h("div", {}, show));
    return section("What was said", place);
}

function body(title, { body: text, bytes: n, is_cut: isCut }) {
    return h("div", { class: "stack" },
        h("h3", {}, `${title}, ${bytes(n)}${isCut ? ", of which the first are here" : ""}`),
        text === "" ? h("p", { class: "muted" }, "Nothing.") : codeBlock(text, title));
}
