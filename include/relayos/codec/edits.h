/* SPDX-License-Identifier: ISC
 *
 * edits - changes of a body that is otherwise passed on byte for byte: each puts other bytes in the
 * place of some. They are in ascending order and do not overlap.
 *
 * Process: pure. Ownership: what is put in lies elsewhere and must outlive them.
 */
#ifndef RELAYOS_CODEC_EDITS_H
#define RELAYOS_CODEC_EDITS_H

#include <stddef.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"

#define EDITS_MAX 48

/* Replace bytes [from, to) by `with`. */
struct edit {
    size_t from, to;
    struct slice with;
};

struct edits {
    size_t n;
    struct edit edit[EDITS_MAX];
};

/* Where it belongs by offset; ERR_FULL. */
int edits_add(struct edits *edits, struct edit edit) MUST_CHECK;
/* Length of text after the edits; the edited text appended to out. */
size_t edits_length(const struct edits *edits, struct slice text);
void edits_apply(const struct edits *edits, struct slice text, struct buf *out);

#endif
