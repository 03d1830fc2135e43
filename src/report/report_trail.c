/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_trail.h"

#include "relayos/base/text.h"

#define DEFAULT_PAGE 100
#define MAX_PAGE     500
#define ROW_SIZE     (64 * 1024)

static void write_row(const struct trail_row *row, struct frame_out *out);

int
report_trail_list(struct store *store, const struct store_trail_filter *filter, int64_t before,
                  int64_t limit, struct frame_out *out)
{
    struct trail_row row;
    struct buf room;
    int rc = 0;

    if (limit < 1 || limit > MAX_PAGE)
        limit = limit < 1 ? DEFAULT_PAGE : MAX_PAGE;
    buf_init(&room, ROW_SIZE);
    frame_array(out, "entries");
    while (limit-- > 0 && (rc = store_trail_previous(store, filter, before, &row, &room)) == 0) {
        write_row(&row, out);
        before = row.seq;
    }
    frame_end(out);
    buf_fini(&room);
    frame_int_if(out, "next", rc == 0 && before > 1, before);
    return rc == ERR_MISSING ? 0 : rc;
}

static void
write_row(const struct trail_row *row, struct frame_out *out)
{
    char hash[2 * HASH_DIGEST_SIZE];

    text_hex(row->hash, sizeof(row->hash), hash);
    frame_map(out, NULL);
    frame_int(out, "seq", row->seq);
    frame_int(out, "at_us", row->at_us);
    frame_str(out, "who", row->who);
    frame_str(out, "action", row->action);
    frame_str(out, "target", row->target);
    frame_str(out, "detail", row->detail);
    frame_str(out, "hash", slice_of(hash, sizeof(hash)));
    frame_end(out);
}
