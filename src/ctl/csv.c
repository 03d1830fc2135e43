/* SPDX-License-Identifier: ISC */
#include "csv.h"

#include <stdbool.h>

#define RECORD_SIZE (1024 * 1024)

enum end { END_FIELD, END_RECORD, END_FILE, END_BROKEN };

static void skip_mark(struct csv *csv);
static void find_separator(struct csv *csv);
static int read_record(struct csv *csv, struct errmsg *why);
static enum end read_field(struct csv *csv);
static enum end read_quoted(struct csv *csv);
static enum end end_of(struct csv *csv, int c);

void
csv_init(struct csv *csv, FILE *file)
{
    *csv = (struct csv){.file = file, .separator = '\0'};
    buf_init(&csv->text, RECORD_SIZE);
}

void
csv_fini(struct csv *csv)
{
    buf_fini(&csv->text);
}

int
csv_next(struct csv *csv, struct errmsg *why)
{
    int rc;

    if (csv->separator == '\0') {
        skip_mark(csv);
        find_separator(csv);
    }
    do
        rc = read_record(csv, why);
    while (rc == 1 && csv->n_fields == 1 && csv->text.len == 0);
    return rc;
}

static void
skip_mark(struct csv *csv)
{
    static const char mark[] = "\xef\xbb\xbf";
    char start[3];

    if (fread(start, 1, sizeof(start), csv->file) != sizeof(start) || memcmp(start, mark, 3) != 0)
        rewind(csv->file);
}

/* Of the first line; the header of a list has no such character in a name. */
static void
find_separator(struct csv *csv)
{
    static const char candidates[] = ",;\t";
    size_t n[sizeof(candidates) - 1] = {0};
    long at = ftell(csv->file);
    int c;

    while ((c = getc(csv->file)) != EOF && c != '\n') {
        const char *found = c == '\0' ? NULL : strchr(candidates, c);

        if (found != NULL)
            n[found - candidates]++;
    }
    csv->separator = n[1] > n[0] && n[1] >= n[2] ? ';' : n[2] > n[0] ? '\t' : ',';
    clearerr(csv->file);
    (void)fseek(csv->file, at, SEEK_SET);
}

static int
read_record(struct csv *csv, struct errmsg *why)
{
    enum end end;

    buf_clear(&csv->text);
    csv->n_fields = 0;
    csv->line = csv->lines_read + 1;
    do {
        csv->start[csv->n_fields] = csv->text.len;
        end = read_field(csv);
        csv->n_fields++;
    } while (end == END_FIELD && csv->n_fields < CSV_FIELDS);
    csv->start[csv->n_fields] = csv->text.len;

    if (csv->text.overflow || end == END_FIELD) {
        errmsg_set(why, "line %zu: too long a record", csv->line);
        return ERR_TOO_LARGE;
    }
    if (ferror(csv->file)) {
        errmsg_set(why, "line %zu: it cannot be read", csv->line);
        return ERR_IO;
    }
    if (end == END_BROKEN) {
        errmsg_set(why, "line %zu: quotes that do not match, or a NUL byte", csv->line);
        return ERR_SYNTAX;
    }
    return end == END_FILE && csv->n_fields == 1 && csv->text.len == 0 ? 0 : 1;
}

static enum end
read_field(struct csv *csv)
{
    int c = getc(csv->file);

    if (c == '"')
        return read_quoted(csv);
    for (;; c = getc(csv->file)) {
        enum end end = end_of(csv, c);

        if (end != END_BROKEN)
            return end;
        if (c == '\0')
            return END_BROKEN;
        buf_append_byte(&csv->text, (char)c);
    }
}

static enum end
read_quoted(struct csv *csv)
{
    int c;

    while ((c = getc(csv->file)) != EOF && c != '\0' && !csv->text.overflow) {
        if (c == '"' && (c = getc(csv->file)) != '"')
            return end_of(csv, c);
        csv->lines_read += c == '\n';
        buf_append_byte(&csv->text, (char)c);
    }
    return END_BROKEN;
}

/* What ends a field; END_BROKEN: nothing that does. */
static enum end
end_of(struct csv *csv, int c)
{
    int next;

    if (c == EOF)
        return END_FILE;
    if (c == csv->separator)
        return END_FIELD;
    if (c == '\r') {
        next = getc(csv->file);
        if (next != '\n') {
            (void)ungetc(next, csv->file);
            return END_BROKEN;
        }
        c = next;
    }
    if (c != '\n')
        return END_BROKEN;
    csv->lines_read++;
    return END_RECORD;
}

struct slice
csv_field(const struct csv *csv, size_t n)
{
    if (n >= csv->n_fields)
        return (struct slice){0};
    return slice_of(csv->text.ptr + csv->start[n], csv->start[n + 1] - csv->start[n]);
}
