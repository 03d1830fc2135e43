/* SPDX-License-Identifier: ISC
 *
 * state_ids - seals opened one by one; views are taken when the buffer no longer moves.
 */
#include "state_ids.h"

#include <stdio.h>

#include "relayos/codec/json_out.h"
#include "request.h"

#define OPENED_MAX 512 /* an upstream's id */

static int open_one(struct request *r, struct slice raw, uint32_t *out_place);

int
state_ids_open(struct request *r, struct slice out[STATE_IDS_MAX], uint32_t *out_place,
               struct refusal_reason *why)
{
    size_t end[STATE_IDS_MAX];

    assert(r->facts.n_state_ids > 0 && r->facts.n_state_ids <= STATE_IDS_MAX);
    snprintf(why->detail, sizeof(why->detail), "The stored object that this request refers to");
    if (r->facts.keeps_state) /* clients that know of it begin a thread anew */
        snprintf(why->param, sizeof(why->param), "thread");
    if (r->ids.cap == 0)
        buf_init(&r->ids, STATE_IDS_MAX * OPENED_MAX * 6);
    buf_clear(&r->ids);
    for (size_t i = 0; i < r->facts.n_state_ids; i++) {
        uint32_t place;

        if (open_one(r, r->facts.state_ids[i], &place) != 0)
            return ERR_NOT_FOUND;
        if (i > 0 && place != *out_place)
            return ERR_NOT_FOUND;
        *out_place = place;
        end[i] = r->ids.len;
    }
    for (size_t i = 0; i < r->facts.n_state_ids; i++)
        out[i] = slice_sub(buf_slice(&r->ids), i == 0 ? 0 : end[i - 1], end[i]);
    why->detail[0] = why->param[0] = '\0';
    return 0;
}

/* raw has its quotes. A seal is written without escapes: what has some does not open. */
static int
open_one(struct request *r, struct slice raw, uint32_t *out_place)
{
    struct buf id;
    int err = ERR_NOT_FOUND;

    buf_init(&id, OPENED_MAX);
    if (raw.len > 2 && seal_open(r->worker->seal, r->owner_hash, slice_sub(raw, 1, raw.len - 1),
                                 out_place, &id) == 0) {
        buf_append_byte(&r->ids, '"');
        json_escape(&r->ids, buf_slice(&id));
        buf_append_byte(&r->ids, '"');
        err = r->ids.overflow ? ERR_NOT_FOUND : 0;
    }
    buf_fini(&id);
    return err;
}
