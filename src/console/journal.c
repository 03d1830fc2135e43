/* SPDX-License-Identifier: ISC */
#include "journal.h"

#include <stdlib.h>

#include "body.h"
#include "console.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "viewing.h"

#define PAGE        100
#define PAGE_MAX    500
#define ROOM        (64 * 1024) /* for the texts of one row */
#define VERIFY_ROWS 2000        /* some milliseconds */

struct verification {
    struct call *call;
    struct timer timer;
    int64_t seq;
    uint8_t hash[HASH_DIGEST_SIZE];
};

static int write_page(struct store *store, const struct store_trail_filter *filter, int64_t before,
                      size_t limit, struct frame_out *out);
static void write_row(const struct trail_row *row, struct frame_out *out);
static void on_slice(struct timer *timer);
static void answer_verdict(struct verification *verification, bool is_ok);

void
journal_list(struct call *call)
{
    struct store_trail_filter filter = {.who = call_query(call, "who"),
                                        .action = call_query(call, "action"),
                                        .target = call_query(call, "target")};

    if (call_query_int(call, "since", 0, &filter.since_us) &&
        call_query_int(call, "until", 0, &filter.until_us))
        journal_page(call, &filter);
}

void
journal_page(struct call *call, const struct store_trail_filter *filter)
{
    struct store *store = call_store(call);
    int64_t before;
    size_t limit;

    if (store == NULL || !call_query_int(call, "cursor", 0, &before) ||
        !viewing_limit(call, PAGE, PAGE_MAX, &limit))
        return;
    viewing_end(call, write_page(store, filter, before, limit, answer_begin(call)));
}

static int
write_page(struct store *store, const struct store_trail_filter *filter, int64_t before,
           size_t limit, struct frame_out *out)
{
    struct trail_row row;
    struct buf room;
    size_t n = 0;
    int rc = 0;

    buf_init(&room, ROOM);
    frame_array(out, "data");
    while (n < limit && (rc = store_trail_previous(store, filter, before, &row, &room)) == 0) {
        write_row(&row, out);
        before = row.seq;
        n++;
        buf_clear(&room);
    }
    frame_end(out);
    if (n == limit)
        frame_int(out, "next", before);
    else
        frame_nil(out, "next");
    buf_fini(&room);
    return rc == ERR_MISSING ? 0 : rc;
}

static void
write_row(const struct trail_row *row, struct frame_out *out)
{
    cJSON *detail = cJSON_ParseWithLength(row->detail.ptr, row->detail.len);

    frame_map(out, NULL);
    frame_int(out, "seq", row->seq);
    frame_int(out, "at_us", row->at_us);
    frame_str(out, "who", row->who);
    frame_str(out, "action", row->action);
    frame_str(out, "target", row->target);
    body_write_json(out, "detail", detail);
    frame_end(out);
    cJSON_Delete(detail);
}

/* In slices between other calls: it reads every row there ever was. */
void
journal_verify(struct call *call)
{
    if (!body_check(call, NULL, 0))
        return;
    struct verification *verification = mem_zalloc(sizeof(*verification));
    verification->call = call;
    verification->seq = 1;
    call->data = verification;
    call_hold(call);
    on_slice(&verification->timer);
}

static void
on_slice(struct timer *timer)
{
    struct verification *verification =
        (struct verification *)((char *)timer - offsetof(struct verification, timer));
    struct call *call = verification->call;
    struct store *store = call_store(call);
    int rc = store == NULL
                 ? ERR_BUSY
                 : store_trail_verify(store, &verification->seq, verification->hash, VERIFY_ROWS);

    if (rc == 1 && call->exchange != NULL) {
        timer_set(call->console->loop, timer, loop_now_us(call->console->loop), on_slice);
        return;
    }
    if (rc == 0 || rc == ERR_CONFLICT)
        answer_verdict(verification, rc == 0);
    else if (rc < 0 && store != NULL)
        answer_err(call, rc, slice_str(store_error(store)));
    call_release(call);
}

static void
answer_verdict(struct verification *verification, bool is_ok)
{
    struct frame_out *out = answer_begin(verification->call);
    char hash[2 * HASH_DIGEST_SIZE];

    text_hex(verification->hash, sizeof(verification->hash), hash);
    frame_bool(out, "is_ok", is_ok);
    frame_int(out, "checked", verification->seq - 1);
    if (is_ok)
        frame_nil(out, "first_bad_seq");
    else
        frame_int(out, "first_bad_seq", verification->seq);
    frame_str(out, "head_hash", slice_of(hash, sizeof(hash)));
    answer_end(verification->call, 200);
}
