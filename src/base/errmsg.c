/* SPDX-License-Identifier: ISC
 *
 * errmsg - see the header.
 */
#include "relayos/base/errmsg.h"

#include <stdarg.h>
#include <stdio.h>

void
errmsg_set(struct errmsg *why, const char *format, ...)
{
    struct errmsg text; /* an argument may be why's own old text */
    va_list args;

    if (why == NULL)
        return;
    va_start(args, format);
    vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    *why = text;
}

void
errmsg_prefix(struct errmsg *why, const char *format, ...)
{
    char prefix[sizeof(why->text)];
    va_list args;

    if (why == NULL)
        return;
    va_start(args, format);
    vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    errmsg_set(why, "%s: %s", prefix, why->text);
}
