/* SPDX-License-Identifier: ISC
 *
 * source_file - a file of the source tree, where the tests run: pages that are compared with
 * tables.
 */
#ifndef SUPPORT_SOURCE_FILE_H
#define SUPPORT_SOURCE_FILE_H

#include <criterion/criterion.h>

#include "relayos/base/buf.h"
#include "relayos/base/fdio.h"

/* As a C string. */
static inline void
source_file_read(const char *path, struct buf *out)
{
    struct errmsg why;

    buf_init(out, 4 << 20);
    cr_assert_eq(fdio_read_file(path, out, &why), 0, "%s", why.text);
    buf_append_byte(out, '\0');
}

#endif
