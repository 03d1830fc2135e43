/* SPDX-License-Identifier: ISC
 *
 * hasher - Argon2id beside the loop: one thread, a short queue.
 */
#ifndef CONSOLE_HASHER_H
#define CONSOLE_HASHER_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/base/password.h"
#include "relayos/base/slice.h"
#include "relayos/net/loop.h"

#define HASHER_QUEUE 8 /* of a tenth of a second each */
#define HASHER_KEPT  3 /* of them, for whom we know: strangers by the dozen do not shut them out */

/* What is asked: whether a password is that of a hash (if old.len > 0 or it is a sign-in), then the
 * hash of another. */
struct hasher_job {
    bool checks, hashes;
    char known[PASSWORD_HASH_SIZE]; /* "" = nobody's */
    char old_text[PASSWORD_MAX], new_text[PASSWORD_MAX];
    size_t old_len, new_len;
    /* What came out: */
    bool is_same;
    int rc; /* of hashing, which is left out where the old one was wrong */
    char made[PASSWORD_HASH_SIZE];
    void (*on_done)(struct hasher_job *job); /* on the loop; the job is wiped and freed after it */
    void *ctx;
    struct hasher_job *next;
};

struct hasher;
struct call;

/* ERR_IO: no thread, no descriptor. */
int hasher_new(struct loop *loop, struct hasher **out) MUST_CHECK;
/* Before the loop, which closes what it watched. */
void hasher_free(struct hasher **hasher);

/* NULL: the queue is full; is_known: who asks is signed in, or has been where they are now. */
struct hasher_job *hasher_job_new(struct hasher *hasher, bool is_known);
/* The same for a call, which goes on when it is done; NULL: it is answered. */
struct hasher_job *hasher_job_begin(struct call *call, bool is_known,
                                    void (*on_done)(struct hasher_job *job));
/* A password to check, or to hash. */
void hasher_job_check(struct hasher_job *job, const char *known, struct slice password);
void hasher_job_hash(struct hasher_job *job, struct slice password);
void hasher_send(struct hasher *hasher, struct hasher_job *job);

#endif
