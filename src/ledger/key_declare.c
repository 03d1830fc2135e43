/* SPDX-License-Identifier: ISC */
#include "key_declare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/codec/json_out.h"
#include "relayos/store/store_key.h"

#define PAGE_SIZE   1024
#define DETAIL_SIZE 2048 /* two names, each byte of which may become six */

/* A declared key on its way into the store. */
struct declared {
    struct key_record key;
    bool is_new, is_changed;
    bool is_stored; /* as it is: seen when all were looked through */
};

struct declaration {
    struct declared *keys;
    size_t n;
    const struct frame_value *removed; /* digests; NULL: the keys are the whole set */
    uint64_t *revoked;                 /* ids */
    size_t n_revoked;
    int64_t now_us;
    struct slice who; /* has the file read; "" = a start */
};

/* What a declaration comes to. */
struct tally {
    int64_t n_added, n_changed, n_removed;
};

static int read_all(const struct frame_value *keys, struct declaration *declaration,
                    struct errmsg *why);
static int read_one(const struct frame_value *args, struct key_record *key, struct errmsg *why);
static int write_all(struct ledger *ledger, struct declaration *declaration, struct errmsg *why);
static int check_room(const struct ledger *ledger, const struct declaration *declaration,
                      struct errmsg *why);
static int look_through(struct ledger *ledger, struct declaration *declaration);
static int look_at(struct ledger *ledger, struct declaration *declaration, struct key_record *key);
static int revoke_removed(struct ledger *ledger, struct declaration *declaration);
static int revoke(struct ledger *ledger, struct declaration *declaration, struct key_record *key);
static int compare_digests(const void *a, const void *b);
static int write_one(struct ledger *ledger, struct declaration *declaration,
                     struct declared *declared, struct errmsg *why);
static int merge(struct ledger *ledger, struct declaration *declaration, struct declared *declared,
                 const struct key_record *found, struct errmsg *why);
static bool is_same(const struct key_record *a, const struct key_record *b);
static bool has_same_limits(const struct key_record *a, const struct key_record *b);
static struct tally count(const struct declaration *declaration);
static int note(struct ledger *ledger, const struct declaration *declaration, const char *action,
                const struct key_record *key);
static int publish_all(struct ledger *ledger, const struct declaration *declaration,
                       struct errmsg *why);
static void free_all(struct declaration *declaration);

int
key_declare(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    struct declaration declaration = {.now_us = clock_real_us(),
                                      .who = frame_get_str(args, "who"),
                                      .removed = frame_get(args, "removed")};
    struct tally tally;
    int rc = read_all(frame_get(args, "keys"), &declaration, why);

    if (rc == 0)
        rc = ledger_begin(ledger, why);
    if (rc == 0)
        rc = ledger_end(ledger, write_all(ledger, &declaration, why), why);
    if (rc == 0)
        rc = publish_all(ledger, &declaration, why);
    tally = count(&declaration);
    frame_int(out, "added", tally.n_added);
    frame_int(out, "changed", tally.n_changed);
    frame_int(out, "removed", tally.n_removed);
    free_all(&declaration);
    return rc;
}

static int
read_all(const struct frame_value *keys, struct declaration *declaration, struct errmsg *why)
{
    size_t n = frame_length(keys);

    declaration->keys = mem_array(NULL, n + 1, sizeof(declaration->keys[0]));
    memset(declaration->keys, 0, (n + 1) * sizeof(declaration->keys[0]));
    for (size_t i = 0; i < n; i++) {
        int rc = read_one(frame_at(keys, i), &declaration->keys[declaration->n++].key, why);
        if (rc != 0)
            return rc;
    }
    /* By digest, to be found again, and to see a pair that is the same. */
    qsort(declaration->keys, n, sizeof(declaration->keys[0]), compare_digests);
    for (size_t i = 1; i < n; i++) {
        if (compare_digests(&declaration->keys[i - 1], &declaration->keys[i]) == 0) {
            errmsg_set(why, "\"%s\" and \"%s\" are declared with the same digest",
                       declaration->keys[i - 1].key.name, declaration->keys[i].key.name);
            return ERR_CONFLICT;
        }
    }
    return 0;
}

static int
read_one(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    struct slice digest = frame_as_bin(frame_get(args, "digest"));

    key->source = KEY_SOURCE_FILE;
    key->tool = KEY_TOOL_OTHER;
    if (digest.len != KEY_DIGEST_SIZE) {
        errmsg_set(why, "a declared key has no digest");
        return ERR_SYNTAX;
    }
    memcpy(key->digest, digest.ptr, KEY_DIGEST_SIZE);
    return key_args_declare(args, key, why);
}

static int
compare_digests(const void *a, const void *b)
{
    return memcmp(((const struct declared *)a)->key.digest,
                  ((const struct declared *)b)->key.digest, KEY_DIGEST_SIZE);
}

/* Removals first: they may free a name for another key. */
static int
write_all(struct ledger *ledger, struct declaration *declaration, struct errmsg *why)
{
    int rc = declaration->removed == NULL ? look_through(ledger, declaration)
                                          : revoke_removed(ledger, declaration);

    for (size_t i = 0; rc == 0 && i < declaration->n; i++) {
        if (!declaration->keys[i].is_stored)
            rc = write_one(ledger, declaration, &declaration->keys[i], why);
    }
    return rc == 0 ? check_room(ledger, declaration, why) : rc;
}

/* Before the commit: a reload that is refused must have changed nothing. */
static int
check_room(const struct ledger *ledger, const struct declaration *declaration, struct errmsg *why)
{
    uint32_t capacity = segment_capacity(ledger->segment)->keys;
    size_t n = ledger->book.n_published;

    for (size_t i = 0; i < declaration->n; i++)
        n += declaration->keys[i].is_new;
    if (n <= capacity + declaration->n_revoked)
        return 0;
    errmsg_set(why, "%zu keys do not fit into the %u of capacity.keys; raise it and restart",
               n - declaration->n_revoked, capacity);
    return ERR_TOO_LARGE;
}

/* All that the store has, a page at a time: what is not declared any more is revoked, what is as it
 * was needs no more than that. */
static int
look_through(struct ledger *ledger, struct declaration *declaration)
{
    struct store_key_page page = {0};
    uint64_t after = 0;
    int rc = 0;

    do {
        rc = store_key_page_load(ledger->store, after, PAGE_SIZE, &page);
        for (size_t i = 0; i < page.n && rc == 0; i++) {
            after = page.keys[i].id;
            if (page.keys[i].source == KEY_SOURCE_FILE)
                rc = look_at(ledger, declaration, &page.keys[i]);
        }
    } while (rc == 0 && page.n == PAGE_SIZE);
    store_key_page_fini(&page);
    return rc;
}

static int
look_at(struct ledger *ledger, struct declaration *declaration, struct key_record *key)
{
    struct declared wanted = {.key = *key};
    struct declared *declared =
        bsearch(&wanted, declaration->keys, declaration->n, sizeof(wanted), compare_digests);

    if (declared == NULL)
        return revoke(ledger, declaration, key);
    declared->is_stored = is_same(&declared->key, key);
    return 0;
}

/* What is revoked already, or never was of the file, stays as it is. */
static int
revoke_removed(struct ledger *ledger, struct declaration *declaration)
{
    int rc = 0;

    for (size_t i = 0; i < frame_length(declaration->removed) && rc == 0; i++) {
        struct slice digest = frame_as_bin(frame_at(declaration->removed, i));
        struct key_record key = {0};

        if (digest.len != KEY_DIGEST_SIZE)
            return ERR_SYNTAX;
        rc = store_key_find_digest(ledger->store, (const uint8_t *)digest.ptr, &key);
        if (rc == 0 && key.source == KEY_SOURCE_FILE && (key.flags & KEY_REVOKED) == 0)
            rc = revoke(ledger, declaration, &key);
        store_key_fini(&key);
        if (rc == ERR_MISSING)
            rc = 0;
    }
    return rc;
}

static int
revoke(struct ledger *ledger, struct declaration *declaration, struct key_record *key)
{
    key->revoked_us = key->updated_us = declaration->now_us;
    int rc = store_key_update(ledger->store, key);
    if (rc == 0)
        rc = note(ledger, declaration, "key.revoke", key);
    declaration->revoked =
        mem_array(declaration->revoked, declaration->n_revoked + 1, sizeof(uint64_t));
    declaration->revoked[declaration->n_revoked++] = key->id;
    return rc;
}

static int
write_one(struct ledger *ledger, struct declaration *declaration, struct declared *declared,
          struct errmsg *why)
{
    struct key_record *key = &declared->key, found;
    int rc = store_key_find_digest(ledger->store, key->digest, &found);

    if (rc == 0) {
        rc = merge(ledger, declaration, declared, &found, why);
        store_key_fini(&found);
    } else if (rc == ERR_MISSING) {
        declared->is_new = declared->is_changed = true;
        key->created_us = key->updated_us = declaration->now_us;
        rc = store_key_insert(ledger->store, key);
        if (rc == 0)
            rc = note(ledger, declaration, "key.create", key);
    }
    if (rc == ERR_EXISTS)
        errmsg_set(why, "\"%s\" is declared, and an active key of the store has that name",
                   key->name);
    return rc;
}

/* The store has this digest already: the same declared key, or somebody else's. */
static int
merge(struct ledger *ledger, struct declaration *declaration, struct declared *declared,
      const struct key_record *found, struct errmsg *why)
{
    struct key_record *key = &declared->key;

    if (found->source != KEY_SOURCE_FILE) {
        errmsg_set(why,
                   "\"%s\" is declared with the digest of the key \"%s\" (id %llu) of the store; "
                   "take it out of the file, or revoke that one and declare a new key",
                   key->name, found->name, (unsigned long long)found->id);
        return ERR_CONFLICT;
    }
    key->id = found->id;
    key->group_id = found->group_id;
    key->created_us = found->created_us;
    key->last_used_us = found->last_used_us;
    key->capture_until_us = found->capture_until_us; /* no file says it */
    declared->is_changed = !is_same(key, found);
    key->updated_us = declared->is_changed ? declaration->now_us : found->updated_us;
    if (!declared->is_changed)
        return 0;
    int rc = store_key_update(ledger->store, key);
    return rc == 0 ? note(ledger, declaration, "key.update", key) : rc;
}

static bool
is_same(const struct key_record *a, const struct key_record *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->owner, b->owner) != 0 ||
        strcmp(a->last4, b->last4) != 0 || a->tool != b->tool || a->flags != b->flags ||
        a->policy != b->policy || a->n_models != b->n_models || !has_same_limits(a, b) ||
        a->requests_per_minute != b->requests_per_minute ||
        a->tokens_per_minute != b->tokens_per_minute || a->max_concurrent != b->max_concurrent ||
        a->expires_us != b->expires_us || a->n_networks != b->n_networks ||
        memcmp(a->networks, b->networks, a->n_networks * sizeof(a->networks[0])) != 0)
        return false;
    for (uint32_t i = 0; i < a->n_models; i++) {
        uint32_t j = 0;

        while (j < b->n_models && strcmp(a->models[i], b->models[j]) != 0)
            j++;
        if (j == b->n_models)
            return false;
    }
    return true;
}

/* In whatever order: no two of a key are alike. */
static bool
has_same_limits(const struct key_record *a, const struct key_record *b)
{
    for (uint8_t i = 0; i < a->n_limits; i++) {
        uint8_t j = 0;

        while (j < b->n_limits && memcmp(&a->limits[i], &b->limits[j], sizeof(a->limits[i])) != 0)
            j++;
        if (j == b->n_limits)
            return false;
    }
    return a->n_limits == b->n_limits;
}

static struct tally
count(const struct declaration *declaration)
{
    struct tally tally = {.n_removed = (int64_t)declaration->n_revoked};

    for (size_t i = 0; i < declaration->n; i++) {
        tally.n_added += declaration->keys[i].is_new;
        tally.n_changed += declaration->keys[i].is_changed && !declaration->keys[i].is_new;
    }
    return tally;
}

/* Nobody gave a command: the file did. Of each key, so that its history has what became of it. */
static int
note(struct ledger *ledger, const struct declaration *declaration, const char *action,
     const struct key_record *key)
{
    struct json_out out;
    struct buf detail;
    char target[32];

    buf_init(&detail, DETAIL_SIZE);
    json_out_init(&out, &detail);
    json_out_object(&out, NULL);
    json_out_str(&out, "name", key->name);
    if (declaration->who.len > 0)
        json_out_string(&out, "loaded_by", declaration->who);
    json_out_end_object(&out);
    buf_append_byte(&detail, '\0');
    snprintf(target, sizeof(target), "key %llu", (unsigned long long)key->id);
    int rc = trail_note(ledger, "keys_file", action, target, detail.ptr);
    buf_fini(&detail);
    return rc;
}

static int
publish_all(struct ledger *ledger, const struct declaration *declaration, struct errmsg *why)
{
    uint32_t revoked = KEY_REVOKED | (ledger->heritage->conf->revoke_cuts_streams ? KEY_CUT : 0u);
    int first_rc = 0;

    for (size_t i = 0; i < declaration->n_revoked; i++)
        book_set_flags(ledger, declaration->revoked[i], revoked);
    for (size_t i = 0; i < declaration->n; i++) {
        if (!declaration->keys[i].is_changed)
            continue;
        int rc = book_publish(ledger, &declaration->keys[i].key);
        if (rc == ERR_FULL) {
            ledger->book.is_short = true; /* as if a walk had met it */
            errmsg_set(why,
                       "no room in shared memory for \"%s\"; raise capacity.keys or "
                       "capacity.quota_cells and restart",
                       declaration->keys[i].key.name);
        }
        if (rc != 0 && first_rc == 0)
            first_rc = rc; /* the others hold all the same: a tightened limit must not wait */
    }
    return first_rc;
}

static void
free_all(struct declaration *declaration)
{
    for (size_t i = 0; i < declaration->n; i++)
        store_key_fini(&declaration->keys[i].key);
    free(declaration->keys);
    free(declaration->revoked);
}
