/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_key.h"
#include "store_key_row.h"

static int read_keys(struct store *store, uint64_t after, size_t n, struct store_key_page *page);
static int read_models(struct store *store, uint64_t after, struct store_key_page *page);
static void add_model(struct store_key_page *page, struct key_record *key, struct db_cursor *rows);
static int read_limits(struct store *store, uint64_t after, struct store_key_page *page);
static struct db_cursor start(struct store *store, enum statement statement, uint64_t after,
                              const struct store_key_page *page);
static struct key_record *find_from(struct store_key_page *page, size_t *at, uint64_t id);

int
store_key_page_load(struct store *store, uint64_t after, size_t n, struct store_key_page *page)
{
    int rc = read_keys(store, after, n, page);

    if (rc != 0 || page->n == 0)
        return rc;
    rc = read_models(store, after, page);
    return rc != 0 ? rc : read_limits(store, after, page);
}

static int
read_keys(struct store *store, uint64_t after, size_t n, struct store_key_page *page)
{
    int rc;

    page->n = page->n_models = 0;
    if (page->capacity < n) {
        page->keys = mem_array(page->keys, n, sizeof(page->keys[0]));
        page->capacity = n;
    }
    struct db_cursor rows = db_start(store, STATEMENT_KEY_PAGE);
    db_bind_int(&rows, (int64_t)after);
    db_bind_int(&rows, (int64_t)n);
    while ((rc = db_step(&rows)) == 1)
        store_key_read_row(&rows, &page->keys[page->n++]);
    return rc;
}

static int
read_models(struct store *store, uint64_t after, struct store_key_page *page)
{
    struct db_cursor rows = start(store, STATEMENT_KEY_PAGE_MODELS, after, page);
    size_t at = 0, next = 0;
    int rc;

    while ((rc = db_step(&rows)) == 1) {
        struct key_record *key = find_from(page, &at, (uint64_t)db_read_int(&rows));

        if (key != NULL && (key->flags & KEY_ALL_MODELS) == 0)
            add_model(page, key, &rows);
    }
    /* Only now does the array stay where it is. */
    for (size_t i = 0; i < page->n; i++) {
        page->keys[i].models = page->keys[i].n_models == 0 ? NULL : page->models + next;
        next += page->keys[i].n_models;
    }
    return rc;
}

static void
add_model(struct store_key_page *page, struct key_record *key, struct db_cursor *rows)
{
    if (page->n_models == page->models_capacity) {
        page->models_capacity = page->models_capacity == 0 ? 1024 : page->models_capacity * 2;
        page->models = mem_array(page->models, page->models_capacity, sizeof(*page->models));
    }
    db_read_text(rows, page->models[page->n_models++], LIMIT_MODEL_NAME);
    key->n_models++;
}

static int
read_limits(struct store *store, uint64_t after, struct store_key_page *page)
{
    struct db_cursor rows = start(store, STATEMENT_KEY_PAGE_LIMITS, after, page);
    size_t at = 0;
    int rc;

    while ((rc = db_step(&rows)) == 1) {
        struct key_record *key = find_from(page, &at, (uint64_t)db_read_int(&rows));

        if (key != NULL)
            store_key_read_limit(&rows, key);
    }
    return rc;
}

static struct db_cursor
start(struct store *store, enum statement statement, uint64_t after,
      const struct store_key_page *page)
{
    struct db_cursor rows = db_start(store, statement);

    db_bind_int(&rows, (int64_t)after);
    db_bind_int(&rows, (int64_t)page->keys[page->n - 1].id);
    return rows;
}

/* The key of that id, at *at or after it: ids come in ascending order. Models of revoked keys and
 * the like belong to none. */
static struct key_record *
find_from(struct store_key_page *page, size_t *at, uint64_t id)
{
    while (*at < page->n && page->keys[*at].id < id)
        (*at)++;
    return *at < page->n && page->keys[*at].id == id ? &page->keys[*at] : NULL;
}

void
store_key_page_fini(struct store_key_page *page)
{
    free(page->keys);
    free(page->models);
    memset(page, 0, sizeof(*page));
}
