/* SPDX-License-Identifier: ISC */
#include "option.h"

#include "relayos/base/clock.h"
#include "value.h"

static int write_number(int rc, int64_t number, const char *option, const char *member,
                        struct frame_out *out, struct errmsg *why);

int
option_write_count(const struct args *args, const char *option, const char *member,
                   struct frame_out *out, struct errmsg *why)
{
    int64_t n = 0;

    if (!args_has(args, option))
        return 0;
    int rc = value_count(args_get(args, option), &n, why);
    return write_number(rc, n, option, member, out, why);
}

int
option_write_since(const struct args *args, const char *option, const char *member,
                   struct frame_out *out, struct errmsg *why)
{
    int64_t real_us = 0;

    if (!args_has(args, option))
        return 0;
    int rc = value_since(args_get(args, option), clock_real_us(), &real_us, why);
    return write_number(rc, real_us, option, member, out, why);
}

static int
write_number(int rc, int64_t number, const char *option, const char *member, struct frame_out *out,
             struct errmsg *why)
{
    if (rc == 0)
        frame_int(out, member, number);
    else
        errmsg_prefix(why, "--%s", option);
    return rc;
}
