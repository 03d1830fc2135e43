/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_trail.h"

#include <assert.h>
#include <string.h>

#include "db.h"

#define SEALED_SIZE (64 * 1024) /* a row's text, at most: the ledger's limits leave half of it */

/* The last row there is; how many there ever were. */
struct head {
    int64_t seq, n_ever;
    uint8_t hash[HASH_DIGEST_SIZE];
};

static int read_head(struct store *store, struct head *out);
static void chain(const struct trail_row *row, const uint8_t before[HASH_DIGEST_SIZE],
                  uint8_t out[HASH_DIGEST_SIZE]);
static void append_int(struct buf *text, int64_t value, int n_bytes);
static void append_text(struct buf *text, struct slice value);
static enum statement statement_for(const struct store_trail_filter *filter);
static void read_row(struct db_cursor *cursor, struct trail_row *out, struct buf *room);
static struct slice read_slice(struct db_cursor *cursor);
static void move_into(struct slice *text, struct buf *room);
static int check_row(struct store_trail_walk *walk, const struct trail_row *row);
static int check_end(struct store *store, struct store_trail_walk *walk);

struct hash_hmac *
store_trail_seal_new(const struct secret *pepper)
{
    uint8_t key[HASH_DIGEST_SIZE];

    hash_derive(pepper, "relayos audit trail 1", key);
    struct secret *secret = secret_new(key, sizeof(key));
    struct hash_hmac *seal = hash_hmac_new(secret);
    secret_free(&secret);
    secret_wipe(key, sizeof(key));
    return seal;
}

int
store_trail_append(struct store *store, struct hash_hmac *seal, struct trail_row *row)
{
    struct head head;
    int rc = read_head(store, &head);

    assert(store->batch != DB_BATCH_NONE);
    if (rc != 0)
        return rc;
    /* Rows that were taken from the end leave a gap: it must not be closed over. */
    row->seq = (head.n_ever > head.seq ? head.n_ever : head.seq) + 1;
    chain(row, head.hash, row->hash);
    hash_hmac(seal, slice_of((const char *)row->hash, sizeof(row->hash)), row->mac);
    struct db_cursor insert = db_start(store, STATEMENT_TRAIL_INSERT);
    db_bind_int(&insert, row->seq);
    db_bind_int(&insert, row->at_us);
    db_bind_slice(&insert, row->who);
    db_bind_slice(&insert, row->action);
    db_bind_slice(&insert, row->target);
    db_bind_slice(&insert, row->detail);
    db_bind_blob(&insert, row->hash, sizeof(row->hash));
    db_bind_blob(&insert, row->mac, sizeof(row->mac));
    return db_run(&insert);
}

static int
read_head(struct store *store, struct head *out)
{
    struct db_cursor head = db_start(store, STATEMENT_TRAIL_HEAD);
    int rc = db_step(&head);

    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    out->seq = db_read_int(&head);
    db_read_blob(&head, out->hash, sizeof(out->hash));
    out->n_ever = db_read_int(&head);
    db_finish(&head);
    return 0;
}

/* Each text with its length before it: no two rows read the same. */
static void
chain(const struct trail_row *row, const uint8_t before[HASH_DIGEST_SIZE],
      uint8_t out[HASH_DIGEST_SIZE])
{
    struct buf text;

    buf_init(&text, SEALED_SIZE);
    buf_append(&text, before, HASH_DIGEST_SIZE);
    append_int(&text, row->seq, 8);
    append_int(&text, row->at_us, 8);
    append_text(&text, row->who);
    append_text(&text, row->action);
    append_text(&text, row->target);
    append_text(&text, row->detail);
    hash_sha256(buf_slice(&text), out);
    if (text.overflow) /* no row of ours: it matches nothing */
        memset(out, 0, HASH_DIGEST_SIZE);
    buf_fini(&text);
}

static void
append_int(struct buf *text, int64_t value, int n_bytes)
{
    while (n_bytes-- > 0)
        buf_append_byte(text, (char)((uint64_t)value >> (8 * n_bytes)));
}

static void
append_text(struct buf *text, struct slice value)
{
    append_int(text, (int64_t)value.len, 4);
    if (value.len > 0)
        buf_append_slice(text, value);
}

int
store_trail_previous(struct store *store, const struct store_trail_filter *filter, int64_t before,
                     struct trail_row *out, struct buf *room)
{
    struct db_cursor previous = db_start(store, statement_for(filter));

    db_bind_int(&previous, before == 0 ? INT64_MAX : before);
    db_bind_slice(&previous, filter->target);
    db_bind_slice(&previous, filter->who);
    db_bind_slice(&previous, filter->action);
    db_bind_int(&previous, filter->since_us);
    db_bind_int(&previous, filter->until_us == 0 ? INT64_MAX : filter->until_us);
    int rc = db_step(&previous);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    buf_clear(room);
    read_row(&previous, out, room);
    db_finish(&previous);
    return 0;
}

static enum statement
statement_for(const struct store_trail_filter *filter)
{
    if (filter->target.len > 0)
        return STATEMENT_TRAIL_PREVIOUS_OF_TARGET;
    if (filter->who.len > 0)
        return STATEMENT_TRAIL_PREVIOUS_OF_WHO;
    return filter->action.len > 0 ? STATEMENT_TRAIL_PREVIOUS_OF_ACTION : STATEMENT_TRAIL_PREVIOUS;
}

/* room == NULL: the texts are SQLite's, good until the next step. */
static void
read_row(struct db_cursor *cursor, struct trail_row *out, struct buf *room)
{
    out->seq = db_read_int(cursor);
    out->at_us = db_read_int(cursor);
    out->who = read_slice(cursor);
    out->action = read_slice(cursor);
    out->target = read_slice(cursor);
    out->detail = read_slice(cursor);
    db_read_blob(cursor, out->hash, sizeof(out->hash));
    db_read_blob(cursor, out->mac, sizeof(out->mac));
    if (room == NULL)
        return;
    /* In one piece first: what grows moves. */
    (void)buf_reserve(room, out->who.len + out->action.len + out->target.len + out->detail.len);
    move_into(&out->who, room);
    move_into(&out->action, room);
    move_into(&out->target, room);
    move_into(&out->detail, room);
}

static struct slice
read_slice(struct db_cursor *cursor)
{
    const char *text = (const char *)sqlite3_column_text(cursor->stmt, ++cursor->n);

    return slice_of(text, (size_t)sqlite3_column_bytes(cursor->stmt, cursor->n));
}

static void
move_into(struct slice *text, struct buf *room)
{
    size_t at = room->len;

    buf_append_slice(room, *text);
    *text = room->overflow ? (struct slice){0} : slice_of(room->ptr + at, text->len);
}

int
store_trail_verify(struct store *store, struct store_trail_walk *walk, int64_t n)
{
    struct db_cursor next = db_start(store, STATEMENT_TRAIL_NEXT);
    struct trail_row row;
    int64_t n_read = 0;
    int rc;

    db_bind_int(&next, walk->seq + 1);
    db_bind_int(&next, n);
    while ((rc = db_step(&next)) == 1) {
        read_row(&next, &row, NULL);
        walk->seq++;
        if ((rc = check_row(walk, &row)) != 0) {
            db_finish(&next);
            return rc;
        }
        n_read++;
    }
    if (rc < 0)
        return rc;
    return n_read == n ? 1 : check_end(store, walk);
}

static int
check_row(struct store_trail_walk *walk, const struct trail_row *row)
{
    uint8_t hash[HASH_DIGEST_SIZE], mac[HASH_DIGEST_SIZE];

    chain(row, walk->hash, hash);
    if (row->seq != walk->seq || memcmp(hash, row->hash, sizeof(hash)) != 0)
        return ERR_CONFLICT;
    if (walk->seal != NULL) {
        hash_hmac(walk->seal, slice_of((const char *)hash, sizeof(hash)), mac);
        if (!secret_equal(mac, row->mac, sizeof(mac)))
            return ERR_DENIED;
    }
    memcpy(walk->hash, hash, sizeof(hash));
    bool is_known = walk->seq == walk->known_seq;
    return is_known && memcmp(hash, walk->known_hash, sizeof(hash)) != 0 ? ERR_STALE : 0;
}

/* Were there ever more? A chain says nothing of what was taken from its end. */
static int
check_end(struct store *store, struct store_trail_walk *walk)
{
    struct head head;
    int rc = read_head(store, &head);

    if (rc != 0)
        return rc;
    if (head.seq > walk->seq)
        return 1; /* written meanwhile */
    if (head.n_ever > walk->seq) {
        walk->seq++;
        return ERR_CONFLICT;
    }
    return walk->known_seq > walk->seq ? ERR_STALE : 0;
}
