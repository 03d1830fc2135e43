/* SPDX-License-Identifier: ISC
 *
 * json_walk - the members of a text that the scanner has been over, depth first and in order.
 * Nothing is checked a second time: of a text that is not valid it gives something or other, but
 * never looks beyond its end.
 */
#ifndef CODEC_JSON_WALK_H
#define CODEC_JSON_WALK_H

#include "relayos/codec/json_scan.h"

struct json_walk {
    const char *p, *end;
    unsigned
        depth; /* arrays and objects around the member given last: 1 = of an outermost object */
};

static inline struct json_walk
json_walk_in(struct slice text)
{
    return (struct json_walk){.p = text.ptr, .end = text.len == 0 ? text.ptr : text.ptr + text.len};
}

/*
 * Next member of any object; false at the end. The value of an array or object is its opening
 * bracket alone, and the members inside come next.
 */
bool json_walk_next(struct json_walk *walk, struct json_member *out);
/*
 * If the next member has that name and a number of up to eighteen digits, all without space: take
 * it, in a third of the time. False: it may be anything, and is still the next.
 */
bool json_walk_count(struct json_walk *walk, struct slice name, int64_t *out);
/* Go on behind the value of the member given last. */
void json_walk_over(struct json_walk *walk);

/*
 * Next member of the outermost object, whatever it holds, with the whole of its value; false at the
 * end, and for what is no object. Faster than json_walk_next() with json_walk_over(): not to be
 * mixed with them.
 */
bool json_walk_member(struct json_walk *walk, struct json_member *out);

#endif
