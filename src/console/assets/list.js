// SPDX-License-Identifier: ISC
//
// Tables; on a phone each row is a card, which is why the roles are spelt out (a browser forgets
// them where "display" is not a table's). Rows that lead somewhere have a real link in their first
// cell; the shell's j, k and Enter walk along them.

import { api, isAbort } from "./api.js";
import { button, empty as emptyView, errorView, h, put, waiting } from "./dom.js";
import { plural } from "./format.js";
import { keepPlace } from "./live.js";

// columns: [{ label, cell: (row) => node or text, num: right-aligned, hide: "phone" }]
// isMatrix: on a phone the rows stay rows, and do not become cards.
// href: (row) => where the row leads, or null. rows null: not read yet, set() will say.
export function table({ columns, rows = null, caption, href = null, empty = "Nothing here.",
    rowClass = null, isMatrix = false }) {
    const body = h("tbody", { role: "rowgroup" });
    const grid = h("table", { role: "table", class: isMatrix ? "matrix" : null,
        data: { rows: href === null ? "" : "links" } },
        h("caption", { class: "visually-hidden" }, caption),
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) =>
            h("th", { scope: "col", role: "columnheader", class: classOf(column) },
                column.label)))),
        body);
    const root = h("div",
        { class: "table-wrap", tabindex: 0, role: "region", "aria-label": caption });
    const makeRow = (row) => h("tr", { role: "row", class: rowClass?.(row) },
        columns.map((column, at) => makeCell(column, row, at === 0 ? href?.(row) : null)));

    function set(all) {
        const restore = keepPlace(body);
        body.replaceChildren(...all.map(makeRow));
        show();
        restore();
    }
    function append(more) {
        body.append(...more.map(makeRow));
        show();
    }
    function show() {
        if (body.children.length > 0)
            root.firstChild === grid || put(root, grid);
        else
            put(root, empty instanceof Node ? empty : emptyView(empty));
    }
    if (rows === null)
        put(root, waiting());
    else
        set(rows);
    return { root, set, append };
}

// A table over a list of the API, page by page: { root, load(query) }. What was asked for last
// wins. noun: "key", or ["entry", "entries"].
export function pagedTable({ path, signal, noun = "row", onRows = () => {}, ...options }) {
    const view = table(options);
    const foot = h("div", { class: "table-foot" });
    const said = h("span", { class: "muted", role: "status" });
    const root = h("div", { class: "stack" }, view.root, foot);
    let shown = 0;
    let turn = 0;

    async function load(query) {
        turn += 1;
        shown = 0;
        await take(turn, () => api.page(path, query, { signal }), view.set);
    }
    async function take(mine, next, show) {
        root.setAttribute("aria-busy", "true");
        try {
            const page = await next();
            if (mine !== turn)
                return;
            shown += page.rows.length;
            show(page.rows);
            onRows(page.rows, page.answer);
            say(mine, page.more);
        } catch (error) {
            if (mine !== turn || isAbort(error))
                return;
            // What is there still is not what was asked for.
            if (shown === 0)
                put(view.root);
            put(foot, errorView(error, () => take(mine, next, show)));
        } finally {
            if (mine === turn)
                root.removeAttribute("aria-busy");
        }
    }
    function say(mine, more) {
        said.textContent = shown === 0 ? "" :
            `${plural(shown, ...[noun].flat())} shown${more === null ? ", all there are" : ""}`;
        put(foot, said, more === null ? null :
            button("Show more", () => take(mine, more, view.append), { class: "small" }));
    }
    return { root, load, table: view };
}

function makeCell(column, row, href) {
    const content = column.cell(row);
    return h("td", { role: "cell", class: classOf(column), data: { label: column.label } },
        href ? h("a", { href, class: "row-link" }, content) : content);
}

function classOf(column) {
    return [column.num ? "num" : "", column.hide ? `hide-${column.hide}` : "", column.class ?? ""]
        .join(" ").trim() || null;
}
