/* SPDX-License-Identifier: ISC
 *
 * conn_pace - is a client fast enough? Bytes are counted from look to look: an early burst buys no
 * pause later on, and a byte now and then no more time. Pure.
 */
#ifndef NET_CONN_PACE_H
#define NET_CONN_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct conn_pace {
    int64_t since_us;    /* of the first byte: for the limit of the whole */
    int64_t seen_us;     /* of the last look */
    uint64_t seen_bytes; /* then */
};

struct conn_pace_limits {
    int64_t window_us; /* from look to look */
    int64_t total_us;  /* for all of it; 0: no limit */
    uint64_t least;    /* bytes in a window; 0: none need come */
};

void conn_pace_begin(struct conn_pace *pace, int64_t now_us, uint64_t n_bytes);
/* When to look (again). */
int64_t conn_pace_next_us(const struct conn_pace *pace, const struct conn_pace_limits *limits);
/* Look: n_bytes so far. False: too slow, or too long. */
bool conn_pace_is_good(struct conn_pace *pace, const struct conn_pace_limits *limits,
                       int64_t now_us, uint64_t n_bytes);

#endif
