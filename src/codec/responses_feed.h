/* SPDX-License-Identifier: ISC
 *
 * responses_feed - items of a Responses upstream as neutral events: from their pieces, or from a
 * finished item when its pieces did not come.
 */
#ifndef CODEC_RESPONSES_FEED_H
#define CODEC_RESPONSES_FEED_H

#include "responses_parts.h"

/* In reader->words. */
enum {
    FEED_ITEM,      /* enum responses_item of the open item (open_index >= 0) */
    FEED_HAS_DELTA, /* the open part got text */
    FEED_N_PARTS,   /* of the open item */
    FEED_IS_BROKEN, /* an item was finished that is none */
    FEED_N_ITEMS    /* of the answer that were given */
};

enum responses_item { ITEM_OTHER, ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_CUSTOM_CALL };

/* Where events go. */
struct responses_feed {
    struct answer_reader *reader;
    neutral_sink *sink;
    void *ctx;
};

/* An item begins; until it is finished its index is reader->open_index. One that does not say yet
 * what it is begins when it is finished. */
void responses_feed_open(const struct responses_feed *feed, struct slice item, int64_t index);
/* It is finished: what its pieces have not told is told now. */
void responses_feed_finish(const struct responses_feed *feed, struct slice item);
/* Both at once. */
void responses_feed_whole(const struct responses_feed *feed, struct slice item);
/* One that was finished while another is open waits ... */
void responses_feed_hold(struct answer_reader *reader, struct slice item);
/* ... until that is finished too. */
void responses_feed_give_held(const struct responses_feed *feed);

/* begin: what NEUTRAL_PART_BEGIN says; a part that is open is closed first. */
void responses_feed_open_part(const struct responses_feed *feed, const struct neutral_event *begin);
void responses_feed_close_part(const struct responses_feed *feed);
/* Of the open part. */
void responses_feed_text(const struct responses_feed *feed, struct slice text);
/* The same, with the log probabilities of its tokens (NULL: there are none). */
void responses_feed_probable(const struct responses_feed *feed, struct slice text,
                             const struct json_member *logprobs);
/* Any event; the answer is started if it was not. */
void responses_feed_give(const struct responses_feed *feed, const struct neutral_event *event);

#endif
