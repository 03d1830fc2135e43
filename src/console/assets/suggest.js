// SPDX-License-Identifier: ISC
//
// Names to choose from while a filter is typed: of models and of keys. The filters take exact
// names.

import { api, isAbort } from "./api.js";
import { h, newId, put } from "./dom.js";

const MOST_KEYS = 200;

// { root, models, keys }: the ids are for an input's "list".
export function suggestions(signal) {
    const models = h("datalist", { id: newId("models") });
    const keys = h("datalist", { id: newId("keys") });
    fill(models, "/models", {}, signal);
    fill(keys, "/keys", { limit: MOST_KEYS }, signal);
    return { root: [models, keys], models: models.id, keys: keys.id };
}

// Without them a filter works as well, so a failure is not shown.
async function fill(list, path, query, signal) {
    try {
        const { rows } = await api.page(path, query, { signal });
        put(list, rows.map((row) => h("option", { value: row.name })));
    } catch (error) {
        if (!isAbort(error))
            console.warn(error.message);
    }
}
