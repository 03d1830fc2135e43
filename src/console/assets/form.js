// SPDX-License-Identifier: ISC
//
// Forms: a label, a hint and a place for the problem at every field; what the server says about a
// field is shown there.

import { ApiError, isAbort } from "./api.js";
import { button, h, newId, put } from "./dom.js";
import { span } from "./format.js";
import { busy, dialog } from "./overlay.js";

// type: any of <input>'s, "select" (options: [value | [value, label]]), "textarea" or "checkbox".
// read: (the field's text) => the value that is sent; throws an Error that says what is wrong.
export function field({ label, name, type = "text", value = "", hint = null, read = (text) => text,
    options = [], required = false, ...attributes }) {
    const id = newId("field");
    const input = makeInput(type, { id, name, required, "aria-describedby": `${id}-about`,
        ...attributes }, options, value);
    const about = h("span", { id: `${id}-about`, class: "hint" }, hint);
    const root = type === "checkbox" ?
        h("div", { class: "field check" }, input, h("label", { for: id }, label), about) :
        h("div", { class: "field" }, h("label", { for: id }, label,
            required ? null : h("span", { class: "optional" }, " optional")), input, about);

    function error(text) {
        if (text === null)
            input.removeAttribute("aria-invalid");
        else
            input.setAttribute("aria-invalid", "true");
        put(about, text === null ? hint : h("span", { class: "problem" }, text));
    }
    input.addEventListener("input", () => input.hasAttribute("aria-invalid") && error(null));
    const text = () => type === "password" ? input.value : input.value.trim();
    const get = () => type === "checkbox" ? input.checked : read(text());
    return { root, input, name, error, get };
}

// fields: [field() | any node | null]; onSubmit(values) may throw an ApiError. Answers the <form>.
export function form({ fields, submit = "Save", kind = "primary", onSubmit, cancel = null,
    cancelLabel = "Cancel" }) {
    const inputs = fields.filter((one) => one !== null && one.get !== undefined);
    const problem = h("p", { class: "problem", role: "alert" });
    const foot = h("div", { class: "form-foot" },
        h("button", { type: "submit", class: kind }, submit),
        cancel === null ? null : button(cancelLabel, cancel));
    const root = h("form", { novalidate: true, class: "form" },
        fields.map(elementOf), problem, foot);

    root.addEventListener("submit", async (event) => {
        event.preventDefault();
        problem.textContent = "";
        const values = valuesOf(inputs);
        if (values === null)
            return;
        try {
            await busy(foot, () => onSubmit(values));
        } catch (error) {
            showProblem(error, inputs, problem);
        }
    });
    return root;
}

// A field that stands within another element has no element of its own here.
function elementOf(one) {
    return one === null || one instanceof Node ? one : one.root;
}

// A form in a dialog. onSubmit(values) answers what the dialog answers; null: it was cancelled.
export function formDialog({ title, fields, submit, onSubmit, kind, wide = false }) {
    return dialog({ title, class: wide ? "wide" : null, closeLabel: null,
        body: (close) => form({ fields, submit, kind, cancel: () => close(null),
            onSubmit: async (values) => close(await onSubmit(values)) }) });
}

// Fields that narrow a list: their values are in the address, and onChange(values) follows them.
export function filters(ctx, fields, onChange) {
    const values = () => Object.fromEntries(fields.map((one) => [one.name, one.get()]));
    let timer = null;
    function changed() {
        clearTimeout(timer);
        ctx.setQuery(values());
        onChange(values());
    }
    for (const one of fields) {
        const isText = one.input.matches("input:not([type=checkbox]):not([type=date])");
        one.input.addEventListener(isText ? "input" : "change", () => {
            clearTimeout(timer);
            timer = setTimeout(changed, isText ? 250 : 0);
        });
    }
    ctx.signal.addEventListener("abort", () => clearTimeout(timer));
    const root = h("form", { class: "filters", role: "search" }, fields.map((one) => one.root));
    root.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
    return { root, values };
}

// { name: value } of fields, or null after the first wrong one has the focus.
function valuesOf(fields) {
    const values = {};
    let wrong = null;
    for (const one of fields) {
        one.error(null);
        try {
            if (one.input.required && one.input.value === "")
                throw new Error("This is needed.");
            values[one.name] = one.get();
        } catch (error) {
            one.error(error.message);
            wrong ??= one;
        }
    }
    if (wrong !== null)
        show(wrong);
    return wrong === null ? values : null;
}

export function showProblem(error, fields, problem) {
    if (isAbort(error))
        return;
    const place = error instanceof ApiError && error.field !== null ?
        fields.find((one) => one.name === error.field) : undefined;
    if (place === undefined) {
        problem.textContent = error.message +
            (error.retryS > 0 ? ` Try again in ${span(error.retryS * 1e6)}.` : "");
        return;
    }
    place.error(error.message);
    show(place);
}

function show(one) {
    one.input.closest("details")?.setAttribute("open", "");
    one.input.focus();
}

function makeInput(type, attributes, options, value) {
    if (type === "select")
        return h("select", attributes, options.map((option) => {
            const [own, label] = Array.isArray(option) ? option : [option, option];
            return h("option", { value: own, selected: own === value }, label);
        }));
    const isArea = type === "textarea";
    const input = h(isArea ? "textarea" : "input", isArea ? attributes : { type, ...attributes });
    if (type === "checkbox")
        input.checked = value === true;
    else
        input.value = value;
    return input;
}
