/* SPDX-License-Identifier: ISC
 *
 * print - tables for people: columns as wide as they need, numbers to the right, money and times as
 * they are read; nothing that a caller sent can move the cursor.
 */
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/control/frame.h"

/* Columns as "NAME >USED >LIMIT": '>' sets a column to the right. */
struct print_table;
struct print_table *print_table_new(const char *columns);
/* One cell after the other, row by row. */
void print_cell(struct print_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void print_cell_text(struct print_table *table,
                     struct slice text); /* from outside: made harmless */
void print_cell_count(struct print_table *table, int64_t n);
void print_cell_usd(struct print_table *table, int64_t nusd);
void print_cell_time(struct print_table *table, int64_t real_us); /* 0 = "-" */
/* Writes the table (or `nothing`, if it has no rows) and frees it. */
void print_table_end(struct print_table **table, const char *nothing, struct buf *out);

/* "  label     text" lines of a record. */
void print_line(struct buf *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text with control characters as '?'; UTF-8 stays. */
void print_safe(struct slice text, struct buf *out);
/* One field of CSV, in quotes where it needs them. */
void print_csv(struct slice text, struct buf *out);
/* "2026-11-25 18:40:31" (UTC) or "-" */
void print_time(int64_t real_us, char out[32]);
/* "12 us", "3.4 ms", "1.25 s", "2m 05s" */
void print_elapsed(int64_t us, char out[32]);

#endif
