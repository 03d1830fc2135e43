/* SPDX-License-Identifier: ISC
 *
 * scrub - what was said, fit to be kept: secrets, addresses and files are named, not shown.
 *
 * Text is taken as it comes, in whatever pieces, up to a limit; it is looked at once it is whole,
 * so that no cut and no border of a piece lets half a secret pass. It may be JSON or a stream of
 * events of JSON: escapes are seen through, and so are texts that come in many events.
 *
 *   [key]           of ours and of providers: sk-..., AIza..., ghp_..., AKIA..., what follows
 * Bearer [token]         a JWT; 32 and more letters and digits in a row [private key]   PEM
 *   [e-mail]  [card number]
 *   [image/png, 1234 bytes]  base64, by what its first bytes say that it is
 *   [cut]           the last word before the limit: nobody knows what it would have been
 *
 * Process: pure. Ownership: its own copy, which is wiped.
 */
#ifndef RELAYOS_CODEC_SCRUB_H
#define RELAYOS_CODEC_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"

#define SCRUB_HEAD 8

struct scrub {
    struct buf text;  /* as it came, but for files */
    uint64_t n_bytes; /* all that came */
    size_t limit;
    uint64_t run;          /* characters of base64 in a row, up to now */
    char head[SCRUB_HEAD]; /* the first of them */
    bool is_cut;
};

void scrub_init(struct scrub *scrub, size_t limit);
void scrub_fini(struct scrub *scrub);
void scrub_feed(struct scrub *scrub, struct slice bytes);
/* Once, at the end. Some more than the limit may come of it: names are longer than what is short.
 */
void scrub_write(struct scrub *scrub, struct buf *out);

#endif
