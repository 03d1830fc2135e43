/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_key.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/mem.h"
#include "relayos/model/catalog.h"
#include "relayos/store/store_name.h"
#include "store_key_row.h"

#define NETWORKS_SIZE (LIMIT_KEY_NETWORKS * ADDRESS_RANGE_SIZE)

static void format_networks(const struct key_record *key, char out[NETWORKS_SIZE]);
static void read_networks(const char *text, struct key_record *key);
static int take_key(struct db_cursor *cursor, struct key_record *out);
static int read_models(struct store *store, struct key_record *key);
static int read_limits(struct store *store, struct key_record *key);
static void add_limit(struct key_record *key, const struct key_limit *limit);
static int check_name(struct store *store, const struct key_record *key);
static int write_models(struct store *store, const struct key_record *key);
static int write_limits(struct store *store, const struct key_record *key);
static int write_limit(struct store *store, uint64_t group_id, const struct key_limit *limit);

void
store_key_fini(struct key_record *key)
{
    free(key->models);
    key->models = NULL;
    key->n_models = 0;
}

int
store_key_get(struct store *store, uint64_t id, struct key_record *out)
{
    struct db_cursor get = db_start(store, STATEMENT_KEY_GET);

    db_bind_int(&get, (int64_t)id);
    return take_key(&get, out);
}

int
store_key_find_digest(struct store *store, const uint8_t digest[KEY_DIGEST_SIZE],
                      struct key_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_KEY_FIND_DIGEST);

    db_bind_blob(&find, digest, KEY_DIGEST_SIZE);
    return take_key(&find, out);
}

int
store_key_find_name(struct store *store, struct slice name, struct key_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_KEY_FIND_NAME);

    db_bind_slice(&find, name);
    return take_key(&find, out);
}

int
store_key_find_last4(struct store *store, struct slice last4, struct key_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_KEY_FIND_LAST4);
    struct key_record first;

    db_bind_slice(&find, last4);
    int rc = db_step(&find);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    store_key_read_row(&find, &first);
    rc = db_step(&find);
    db_finish(&find);
    if (rc != 0)
        return rc < 0 ? rc : ERR_CONFLICT;
    return store_key_get(store, first.id, out);
}

int
store_key_name(struct store *store, uint64_t id, char out[LIMIT_NAME])
{
    struct db_cursor name = db_start(store, STATEMENT_KEY_NAME);

    db_bind_int(&name, (int64_t)id);
    int rc = db_step(&name);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    db_read_text(&name, out, LIMIT_NAME);
    db_finish(&name);
    return 0;
}

int
store_key_next(struct store *store, const struct store_key_filter *filter, uint64_t after,
               struct key_record *out)
{
    if (filter->group_id != 0) {
        struct db_cursor of_group = db_start(store, STATEMENT_KEY_NEXT_OF_GROUP);

        db_bind_int(&of_group, (int64_t)filter->group_id);
        db_bind_int(&of_group, (int64_t)after);
        return take_key(&of_group, out);
    }
    struct db_cursor next = db_start(store, STATEMENT_KEY_NEXT);

    db_bind_int(&next, (int64_t)after);
    db_bind_slice(&next, filter->owner);
    db_bind_slice(&next, filter->tool);
    db_bind_int(&next, filter->only_declared);
    db_bind_int(&next, filter->only_live);
    db_bind_slice(&next, filter->state);
    db_bind_int(&next, filter->now_us);
    return take_key(&next, out);
}

int
store_key_search(struct store *store, const struct store_key_search *search, uint64_t *out,
                 size_t n, size_t *out_n)
{
    struct db_cursor ids =
        db_start(store, search->owner.len == 0 ? STATEMENT_KEY_IDS : STATEMENT_KEY_IDS_OF_OWNER);
    int rc;

    db_bind_int(&ids, search->before == 0 ? INT64_MAX : (int64_t)search->before);
    db_bind_slice(&ids, search->owner);
    db_bind_slice(&ids, search->tool);
    db_bind_slice(&ids, search->state);
    db_bind_slice(&ids, search->text);
    db_bind_int(&ids, search->now_us);
    db_bind_int(&ids, (int64_t)n);
    *out_n = 0;
    while ((rc = db_step(&ids)) == 1 && *out_n < n)
        out[(*out_n)++] = (uint64_t)db_read_int(&ids);
    db_finish(&ids);
    return rc < 0 ? rc : 0;
}

int
store_key_rotated_out(struct store *store, int64_t now_us, struct key_record *out)
{
    struct db_cursor find = db_start(store, STATEMENT_KEY_ROTATED_OUT);

    db_bind_int(&find, now_us);
    return take_key(&find, out);
}

/* The one row of a query with KEY_COLUMNS, with what other tables know of that key. */
static int
take_key(struct db_cursor *cursor, struct key_record *out)
{
    struct key_record key;
    int rc = db_step(cursor);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    store_key_read_row(cursor, &key);
    db_finish(cursor);
    if ((rc = read_models(cursor->store, &key)) != 0 ||
        (rc = read_limits(cursor->store, &key)) != 0) {
        store_key_fini(&key);
        return rc;
    }
    *out = key;
    return 0;
}

void
store_key_read_row(struct db_cursor *cursor, struct key_record *out)
{
    char tool[16], source[8], policy[16], networks[NETWORKS_SIZE];

    memset(out, 0, sizeof(*out));
    out->id = (uint64_t)db_read_int(cursor);
    out->group_id = (uint64_t)db_read_int(cursor);
    db_read_blob(cursor, out->digest, sizeof(out->digest));
    db_read_text(cursor, out->last4, sizeof(out->last4));
    db_read_text(cursor, out->name, sizeof(out->name));
    db_read_text(cursor, out->owner, sizeof(out->owner));
    db_read_text(cursor, tool, sizeof(tool));
    db_read_text(cursor, source, sizeof(source));
    out->flags |= db_read_int(cursor) != 0 ? KEY_DISABLED : 0;
    out->flags |= db_read_int(cursor) != 0 ? KEY_ALL_MODELS : 0;
    out->flags |= db_read_int(cursor) != 0 ? KEY_STRICT : 0;
    db_read_text(cursor, policy, sizeof(policy));
    out->requests_per_minute = db_read_int(cursor);
    out->tokens_per_minute = db_read_int(cursor);
    out->created_us = db_read_int(cursor);
    out->updated_us = db_read_int(cursor);
    out->expires_us = db_read_int(cursor);
    out->last_used_us = db_read_int(cursor);
    out->revoked_us = db_read_int(cursor);
    out->rotated_from = (uint64_t)db_read_int(cursor);
    out->rotated_to = (uint64_t)db_read_int(cursor);
    db_read_text(cursor, networks, sizeof(networks));
    read_networks(networks, out);
    out->capture_until_us = db_read_int(cursor);
    out->flags |= out->revoked_us != 0 ? KEY_REVOKED : 0;
    out->tool = store_name_value(STORE_NAME_TOOL, tool);
    out->source = store_name_value(STORE_NAME_SOURCE, source);
    out->policy = store_name_value(STORE_NAME_POLICY, policy);
    if (out->policy > ROUTE_N_POLICIES)
        out->policy = 0; /* as each model says */
}

/* What cannot be read lets nobody in, rather than everybody. */
static void
read_networks(const char *text, struct key_record *key)
{
    static const struct address_range nowhere = {{255, 255, 255, 255}, 32, false};

    for (size_t len; *text != '\0'; text += len + (text[len] == ' ')) {
        len = strcspn(text, " ");
        if (key->n_networks == LIMIT_KEY_NETWORKS)
            return;
        struct address_range *range = &key->networks[key->n_networks++];
        if (address_range_parse(slice_of(text, len), range) != 0)
            *range = nowhere;
    }
}

static int
read_models(struct store *store, struct key_record *key)
{
    struct db_cursor models = db_start(store, STATEMENT_KEY_MODELS);
    uint32_t capacity = 0;
    int rc;

    if ((key->flags & KEY_ALL_MODELS) != 0)
        return 0;
    db_bind_int(&models, (int64_t)key->id);
    while ((rc = db_step(&models)) == 1) {
        if (key->n_models == capacity) {
            capacity = capacity == 0 ? 4 : capacity * 2;
            key->models = mem_array(key->models, capacity, sizeof(*key->models));
        }
        db_read_text(&models, key->models[key->n_models++], LIMIT_MODEL_NAME);
    }
    return rc;
}

static int
read_limits(struct store *store, struct key_record *key)
{
    struct db_cursor limits = db_start(store, STATEMENT_KEY_LIMITS);
    int rc;

    db_bind_int(&limits, (int64_t)key->group_id);
    while ((rc = db_step(&limits)) == 1)
        store_key_read_limit(&limits, key);
    return rc;
}

void
store_key_read_limit(struct db_cursor *cursor, struct key_record *key)
{
    struct key_limit limit = {0};
    char unit[16], period[16];

    db_read_text(cursor, unit, sizeof(unit));
    db_read_text(cursor, period, sizeof(period));
    limit.unit = store_name_value(STORE_NAME_UNIT, unit);
    limit.period = store_name_value(STORE_NAME_PERIOD, period);
    limit.amount = db_read_int(cursor);
    db_read_text(cursor, limit.model, sizeof(limit.model));
    limit.is_shadow = db_read_int(cursor) != 0;
    if (limit.unit == LIMIT_UNIT_CONCURRENT)
        key->max_concurrent = limit.amount;
    else if (key->n_limits < LIMIT_KEY_LIMITS)
        add_limit(key, &limit);
}

/* They come in the order of the table, by name of the unit; people read money first. */
static void
add_limit(struct key_record *key, const struct key_limit *limit)
{
    uint8_t at = key->n_limits;

    while (at > 0 && limit->unit < key->limits[at - 1].unit) {
        key->limits[at] = key->limits[at - 1];
        at--;
    }
    key->limits[at] = *limit;
    key->n_limits++;
}

int
store_key_insert(struct store *store, struct key_record *key)
{
    assert(store->batch != DB_BATCH_NONE);
    assert(key->id == 0);

    int rc = check_name(store, key);
    if (rc != 0)
        return rc;

    char networks[NETWORKS_SIZE]; /* until the statement has run */
    struct db_cursor insert = db_start(store, STATEMENT_KEY_INSERT);
    db_bind_int(&insert, (int64_t)key->group_id);
    db_bind_blob(&insert, key->digest, sizeof(key->digest));
    db_bind_text(&insert, key->last4);
    db_bind_text(&insert, key->name);
    db_bind_text(&insert, key->owner);
    db_bind_text(&insert, store_name(STORE_NAME_TOOL, key->tool));
    db_bind_text(&insert, store_name(STORE_NAME_SOURCE, key->source));
    db_bind_int(&insert, (key->flags & KEY_DISABLED) != 0);
    db_bind_int(&insert, (key->flags & KEY_ALL_MODELS) != 0);
    db_bind_int(&insert, (key->flags & KEY_STRICT) != 0);
    db_bind_text(&insert, store_name(STORE_NAME_POLICY, key->policy));
    db_bind_int(&insert, key->requests_per_minute);
    db_bind_int(&insert, key->tokens_per_minute);
    db_bind_int(&insert, key->created_us);
    db_bind_int(&insert, key->updated_us);
    db_bind_int(&insert, key->expires_us);
    db_bind_int(&insert, key->revoked_us);
    db_bind_int(&insert, (int64_t)key->rotated_from);
    db_bind_int(&insert, (int64_t)key->rotated_to);
    format_networks(key, networks);
    db_bind_text(&insert, networks);
    db_bind_int(&insert, key->capture_until_us);
    if ((rc = db_run(&insert)) != 0)
        return rc;

    key->id = (uint64_t)sqlite3_last_insert_rowid(store->handle);
    if (key->group_id == 0) {
        struct db_cursor own_group = db_start(store, STATEMENT_KEY_OWN_GROUP);

        db_bind_int(&own_group, (int64_t)key->id);
        if ((rc = db_run(&own_group)) != 0)
            return rc;
        key->group_id = key->id;
    }
    rc = write_models(store, key);
    return rc != 0 ? rc : write_limits(store, key);
}

/* The unique index would refuse too, but as a failure of the whole batch and without saying why. */
static int
check_name(struct store *store, const struct key_record *key)
{
    if (key->revoked_us != 0 || key->rotated_to != 0)
        return 0;

    struct db_cursor taken = db_start(store, STATEMENT_KEY_NAME_TAKEN);
    db_bind_text(&taken, key->name);
    db_bind_int(&taken, (int64_t)key->id);
    int rc = db_step(&taken);
    if (rc <= 0)
        return rc;
    db_finish(&taken);
    return ERR_EXISTS;
}

int
store_key_update(struct store *store, const struct key_record *key)
{
    assert(store->batch != DB_BATCH_NONE);
    assert(key->id != 0);

    int rc = check_name(store, key);
    if (rc != 0)
        return rc;

    char networks[NETWORKS_SIZE];
    struct db_cursor update = db_start(store, STATEMENT_KEY_UPDATE);
    db_bind_text(&update, key->last4);
    db_bind_text(&update, key->name);
    db_bind_text(&update, key->owner);
    db_bind_text(&update, store_name(STORE_NAME_TOOL, key->tool));
    db_bind_int(&update, (key->flags & KEY_DISABLED) != 0);
    db_bind_int(&update, (key->flags & KEY_ALL_MODELS) != 0);
    db_bind_int(&update, (key->flags & KEY_STRICT) != 0);
    db_bind_text(&update, store_name(STORE_NAME_POLICY, key->policy));
    db_bind_int(&update, key->requests_per_minute);
    db_bind_int(&update, key->tokens_per_minute);
    db_bind_int(&update, key->updated_us);
    db_bind_int(&update, key->expires_us);
    db_bind_int(&update, key->revoked_us);
    db_bind_int(&update, (int64_t)key->rotated_to);
    format_networks(key, networks);
    db_bind_text(&update, networks);
    db_bind_int(&update, key->capture_until_us);
    db_bind_int(&update, (int64_t)key->id);
    if ((rc = db_run(&update)) != 0)
        return rc;
    rc = write_models(store, key);
    return rc != 0 ? rc : write_limits(store, key);
}

static void
format_networks(const struct key_record *key, char out[NETWORKS_SIZE])
{
    size_t len = 0;

    out[0] = '\0';
    for (uint8_t i = 0; i < key->n_networks; i++) {
        char range[ADDRESS_RANGE_SIZE];

        address_range_format(&key->networks[i], range);
        len += (size_t)snprintf(out + len, NETWORKS_SIZE - len, i > 0 ? " %s" : "%s", range);
    }
}

static int
write_models(struct store *store, const struct key_record *key)
{
    struct db_cursor clear = db_start(store, STATEMENT_KEY_MODELS_CLEAR);

    db_bind_int(&clear, (int64_t)key->id);
    int rc = db_run(&clear);
    for (uint32_t i = 0; rc == 0 && i < key->n_models; i++) {
        struct db_cursor add = db_start(store, STATEMENT_KEY_MODELS_ADD);

        db_bind_int(&add, (int64_t)key->id);
        db_bind_text(&add, key->models[i]);
        rc = db_run(&add);
    }
    return rc;
}

static int
write_limits(struct store *store, const struct key_record *key)
{
    struct db_cursor clear = db_start(store, STATEMENT_KEY_LIMITS_CLEAR);
    struct key_limit concurrent = {
        .unit = LIMIT_UNIT_CONCURRENT, .period = LIMIT_PERIOD_TOTAL, .amount = key->max_concurrent};

    db_bind_int(&clear, (int64_t)key->group_id);
    int rc = db_run(&clear);
    for (uint8_t i = 0; rc == 0 && i < key->n_limits; i++)
        rc = write_limit(store, key->group_id, &key->limits[i]);
    if (rc == 0 && key->max_concurrent > 0)
        rc = write_limit(store, key->group_id, &concurrent);
    return rc;
}

static int
write_limit(struct store *store, uint64_t group_id, const struct key_limit *limit)
{
    struct db_cursor add = db_start(store, STATEMENT_KEY_LIMITS_ADD);
    db_bind_int(&add, (int64_t)group_id);
    db_bind_text(&add, store_name(STORE_NAME_UNIT, limit->unit));
    db_bind_text(&add, store_name(STORE_NAME_PERIOD, limit->period));
    db_bind_int(&add, limit->amount);
    db_bind_text(&add, limit->model);
    db_bind_int(&add, limit->is_shadow);
    return db_run(&add);
}
