/* SPDX-License-Identifier: ISC */
#include "version.h"

#include "relayos/base/clock.h"
#include "relayos/base/err.h"

int
version_check(const struct frame_value *args, int64_t updated_us, struct errmsg *why)
{
    const struct frame_value *known = frame_get(args, "updated_us");

    if (known == NULL || frame_type(known) == FRAME_NIL || frame_as_int(known) == updated_us)
        return 0;
    errmsg_set(why, "somebody else has changed it meanwhile; read it again");
    return ERR_STALE;
}

int64_t
version_next(int64_t updated_us)
{
    int64_t now_us = clock_real_us();

    return now_us > updated_us ? now_us : updated_us + 1;
}
