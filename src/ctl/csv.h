/* SPDX-License-Identifier: ISC
 *
 * csv - records of a CSV file as others write them: RFC 4180, and also bare LF, a byte order mark,
 * semicolons or tabs instead of commas (whatever the first record has most of), empty lines.
 *
 * Bounds: CSV_FIELDS fields and 1 MiB a record. Ownership: fields are good until the next record.
 */
#ifndef CTL_CSV_H
#define CTL_CSV_H

#include <stddef.h>
#include <stdio.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

#define CSV_FIELDS 256

struct csv {
    FILE *file;
    char separator;
    size_t line; /* of the file, where the record begins */
    size_t lines_read;
    struct buf text;
    size_t n_fields, start[CSV_FIELDS + 1]; /* field n is text[start[n] .. start[n + 1]) */
};

/* The file stays the caller's. */
void csv_init(struct csv *csv, FILE *file);
void csv_fini(struct csv *csv);
/* 1: a record; 0: the end; ERR_SYNTAX, ERR_TOO_LARGE, ERR_IO with the line. */
int csv_next(struct csv *csv, struct errmsg *why) MUST_CHECK;
/* Field n of the record; empty if it has fewer. */
struct slice csv_field(const struct csv *csv, size_t n);

#endif
