/* SPDX-License-Identifier: ISC */
#include "accepted.h"

#include <assert.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

void
accepted_init(struct accepted *accepted, uint32_t size)
{
    assert(size > 0);
    *accepted = (struct accepted){.size = size};
    accepted->ids = mem_array(NULL, size, sizeof(accepted->ids[0]));
}

void
accepted_fini(struct accepted *accepted)
{
    free(accepted->ids);
    *accepted = (struct accepted){.ids = NULL};
}

void
accepted_note(struct accepted *accepted, uint32_t id)
{
    if (accepted_has(accepted, id))
        return;
    if (accepted->n == accepted->size)
        accepted->n = 0;
    accepted->ids[accepted->n++] = id;
}

bool
accepted_has(const struct accepted *accepted, uint32_t id)
{
    for (uint32_t n = 0; n < accepted->n; n++) {
        if (accepted->ids[n] == id)
            return true;
    }
    return false;
}
