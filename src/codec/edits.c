/* SPDX-License-Identifier: ISC
 *
 * edits - see the header.
 */
#include "relayos/codec/edits.h"

#include <assert.h>

int
edits_add(struct edits *edits, struct edit edit)
{
    assert(edit.from <= edit.to);

    if (edits->n == EDITS_MAX)
        return ERR_FULL;
    size_t i = edits->n++;
    for (; i > 0 && edits->edit[i - 1].from > edit.from; i--)
        edits->edit[i] = edits->edit[i - 1];
    edits->edit[i] = edit;
    return 0;
}

size_t
edits_length(const struct edits *edits, struct slice text)
{
    size_t length = text.len;

    for (size_t i = 0; i < edits->n; i++)
        length += edits->edit[i].with.len - (edits->edit[i].to - edits->edit[i].from);
    return length;
}

void
edits_apply(const struct edits *edits, struct slice text, struct buf *out)
{
    size_t at = 0;

    for (size_t i = 0; i < edits->n; i++) {
        const struct edit *edit = &edits->edit[i];

        assert(edit->from >= at && edit->to <= text.len);
        buf_append_slice(out, slice_sub(text, at, edit->from));
        buf_append_slice(out, edit->with);
        at = edit->to;
    }
    buf_append_slice(out, slice_sub(text, at, text.len));
}
