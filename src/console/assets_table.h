/* SPDX-License-Identifier: ISC
 *
 * assets_table - what tools/embed.c makes of src/console/assets, sorted by path.
 */
#ifndef CONSOLE_ASSETS_TABLE_H
#define CONSOLE_ASSETS_TABLE_H

#include <stddef.h>

struct asset {
    const char *path, *type, *etag;
    const unsigned char *packed; /* gzip */
    size_t n_packed, n_plain;
};

extern const struct asset assets_table[];
extern const size_t assets_table_n;
extern const char assets_table_hash[];

#endif
