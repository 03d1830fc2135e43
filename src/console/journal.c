/* SPDX-License-Identifier: ISC */
#include "journal.h"

#include <stdlib.h>

#include "body.h"
#include "console.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "viewing.h"

#define ROOM        (64 * 1024) /* for the texts of one row */
#define VERIFY_ROWS 2000        /* some milliseconds */

struct verification {
    struct call *call;
    struct timer timer;
    struct store_trail_walk walk;
};

static int write_page(struct call *call, const struct store_trail_filter *filter, int64_t before,
                      size_t limit, struct frame_out *out);
static void write_row(const struct call *call, const struct trail_row *row, struct frame_out *out);
static void keep_shown(struct tree *detail);
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
    int64_t before;
    size_t limit;

    if (call_store(call) == NULL || !call_query_int(call, "cursor", 0, &before) ||
        !viewing_limit(call, &limit))
        return;
    viewing_end(call, write_page(call, filter, before, limit, answer_begin(call)));
}

static int
write_page(struct call *call, const struct store_trail_filter *filter, int64_t before, size_t limit,
           struct frame_out *out)
{
    struct store *store = call->console->store;
    struct trail_row row;
    struct buf room;
    size_t n = 0;
    int rc = 0;

    buf_init(&room, ROOM);
    frame_array(out, "data");
    while (n < limit && (rc = store_trail_previous(store, filter, before, &row, &room)) == 0) {
        write_row(call, &row, out);
        before = row.seq;
        n++;
        buf_clear(&room);
    }
    frame_end(out);
    frame_int_if(out, "next", n == limit, before);
    buf_fini(&room);
    return rc == ERR_MISSING ? 0 : rc;
}

static void
write_row(const struct call *call, const struct trail_row *row, struct frame_out *out)
{
    struct tree *detail = tree_parse(row->detail);

    if (!call->viewer.sees_routes)
        keep_shown(detail);
    frame_map(out, NULL);
    frame_int(out, "seq", row->seq);
    frame_int(out, "at_us", row->at_us);
    frame_str(out, "who", row->who);
    frame_str(out, "action", row->action);
    frame_str(out, "target", row->target);
    body_write_json(out, "detail", detail);
    frame_end(out);
    tree_free(&detail);
}

/* What a member is shown of a key is what they may be told of what was done to it: nothing of costs
 * or of how routes are chosen, and nothing that nobody has thought about. */
static void
keep_shown(struct tree *detail)
{
    static const char *const shown[] = {
        "name",       "owner",
        "tool",       "models",
        "quotas",     "no_quotas",
        "strict",     "requests_per_minute",
        "expires_us", "max_concurrent",
        "overlap_us", "tokens_per_minute",
        "cut",        "charge_nusd",
        "day",        "quota_tokens",
        "model",      "was",
        "reason",     "allow_from",
    };
    struct tree **at = detail == NULL ? NULL : &detail->child;

    while (at != NULL && *at != NULL) {
        struct tree *member = *at;
        size_t n = 0;

        while (n < sizeof(shown) / sizeof(shown[0]) && strcmp(shown[n], member->name) != 0)
            n++;
        if (n < sizeof(shown) / sizeof(shown[0])) {
            if (strcmp(member->name, "was") == 0 && member->type == TREE_OBJECT)
                keep_shown(member);
            at = &member->next;
            continue;
        }
        *at = member->next;
        member->next = NULL;
        tree_free(&member);
    }
}

/* In slices between other calls: it reads every row there ever was. */
void
journal_verify(struct call *call)
{
    struct verification *verification = mem_zalloc(sizeof(*verification));
    verification->call = call;
    verification->walk.seal = call->console->trail_seal;
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
    int rc = store == NULL ? ERR_BUSY : store_trail_verify(store, &verification->walk, VERIFY_ROWS);

    if (rc == 1 && call->exchange != NULL) {
        timer_set(call->console->loop, timer, loop_now_us(call->console->loop), on_slice);
        return;
    }
    if (rc == 0 || rc == ERR_CONFLICT || rc == ERR_DENIED)
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

    text_hex(verification->walk.hash, sizeof(verification->walk.hash), hash);
    frame_bool(out, "is_ok", is_ok);
    frame_int(out, "checked", verification->walk.seq - !is_ok);
    frame_int_if(out, "first_bad_seq", !is_ok, verification->walk.seq);
    frame_str(out, "head_hash", slice_of(hash, sizeof(hash)));
    answer_end(verification->call, 200);
}
