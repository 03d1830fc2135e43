/* SPDX-License-Identifier: ISC */
#include "print.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

#define COLUMNS_MAX 16
#define TABLE_SIZE  (64 * 1024 * 1024)
#define GAP         2

struct print_table {
    size_t n_columns;
    bool is_right[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    struct buf text; /* cells one after the other, each ended by NUL, headings first */
    size_t n_cells;
};

static void add_cell(struct print_table *table, struct slice text);
static void write_cell(const struct print_table *table, size_t column, struct slice text,
                       struct buf *out);
static void write_spaces(size_t n, struct buf *out);

struct print_table *
print_table_new(const char *columns)
{
    struct print_table *table = mem_zalloc(sizeof(*table));
    struct slice word;

    buf_init(&table->text, TABLE_SIZE);
    while (args_nth_word(columns, table->n_columns, &word)) {
        assert(table->n_columns < COLUMNS_MAX);
        table->is_right[table->n_columns++] = word.ptr[0] == '>';
    }
    for (size_t n = 0; args_nth_word(columns, n, &word); n++)
        add_cell(table, table->is_right[n] ? slice_sub(word, 1, word.len) : word);
    return table;
}

void
print_cell(struct print_table *table, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    add_cell(table, slice_str(text));
}

void
print_cell_text(struct print_table *table, struct slice text)
{
    struct buf safe;

    buf_init(&safe, 4 * text.len + 1);
    print_safe(text, &safe);
    add_cell(table, safe.len == 0 ? SLICE_LIT("-") : buf_slice(&safe));
    buf_fini(&safe);
}

void
print_cell_count(struct print_table *table, int64_t n)
{
    char text[32];

    text_count_format(n, text);
    add_cell(table, slice_str(text));
}

void
print_cell_usd(struct print_table *table, int64_t nusd)
{
    char text[32];

    text_usd_format(nusd, text);
    add_cell(table, slice_str(text));
}

void
print_cell_time(struct print_table *table, int64_t real_us)
{
    char text[32];

    print_time(real_us, text);
    add_cell(table, slice_str(text));
}

static void
add_cell(struct print_table *table, struct slice text)
{
    size_t column = table->n_cells++ % table->n_columns;
    size_t width = text_characters(text); /* wide ones are rare and cost only a crooked line */

    if (width > table->width[column])
        table->width[column] = width;
    buf_append_slice(&table->text, text);
    buf_append_byte(&table->text, '\0');
}

void
print_table_end(struct print_table **table_p, const char *nothing, struct buf *out)
{
    struct print_table *table = *table_p;
    const char *cell = table->text.ptr;

    assert(table->n_cells % table->n_columns == 0);
    if (table->n_cells == table->n_columns) {
        buf_printf(out, "%s\n", nothing);
    } else {
        for (size_t n = 0; n < table->n_cells && !table->text.overflow; n++) {
            write_cell(table, n % table->n_columns, slice_str(cell), out);
            cell += strlen(cell) + 1;
        }
    }
    buf_fini(&table->text);
    free(table);
    *table_p = NULL;
}

static void
write_cell(const struct print_table *table, size_t column, struct slice text, struct buf *out)
{
    size_t pad = table->width[column] - text_characters(text);
    bool is_last = column == table->n_columns - 1;

    if (table->is_right[column])
        write_spaces(pad, out);
    buf_append_slice(out, text);
    if (is_last)
        buf_append_byte(out, '\n');
    else
        write_spaces((table->is_right[column] ? 0 : pad) + GAP, out);
}

static void
write_spaces(size_t n, struct buf *out)
{
    while (n-- > 0)
        buf_append_byte(out, ' ');
}

void
print_line(struct buf *out, const char *label, const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    buf_printf(out, "  %-12s ", label);
    print_safe(slice_str(text), out);
    buf_append_byte(out, '\n');
}

void
print_safe(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        /* U+0080 .. U+009F are control characters too, and UTF-8 writes them C2 80 .. C2 9F. */
        bool is_c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;

        buf_append_byte(out, c < 0x20 || c == 0x7f || is_c1 ? '?' : (char)c);
        i += is_c1;
    }
}

void
print_csv(struct slice text, struct buf *out)
{
    bool is_plain = true;

    for (size_t n = 0; n < text.len; n++)
        is_plain = is_plain && strchr(",\"\r\n", text.ptr[n]) == NULL;
    if (is_plain) {
        buf_append_slice(out, text);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t n = 0; n < text.len; n++) {
        if (text.ptr[n] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, text.ptr[n]);
    }
    buf_append_byte(out, '"');
}

void
print_time(int64_t real_us, char out[32])
{
    if (real_us == 0) {
        snprintf(out, 32, "-");
        return;
    }
    clock_format_utc(real_us, 0, out);
    out[10] = ' ';  /* 2026-11-25T18:40:31Z */
    out[19] = '\0'; /* all times are UTC: the manual says so once */
}

void
print_elapsed(int64_t us, char out[32])
{
    if (us < 1000)
        snprintf(out, 32, "%lld us", (long long)us);
    else if (us < 1000000)
        snprintf(out, 32, "%lld.%lld ms", (long long)(us / 1000), (long long)(us / 100 % 10));
    else if (us < 60000000)
        snprintf(out, 32, "%lld.%02lld s", (long long)(us / 1000000),
                 (long long)(us / 10000 % 100));
    else if (us < 3600000000)
        snprintf(out, 32, "%lldm %02llds", (long long)(us / 60000000),
                 (long long)(us / 1000000 % 60));
    else
        snprintf(out, 32, "%lldh %02lldm", (long long)(us / 3600000000),
                 (long long)(us / 60000000 % 60));
}
