/* SPDX-License-Identifier: ISC */
#include "metrics_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MICROS INT64_C(1000000)

static void begin_line(struct buf *out, enum metrics_text_row row, const char *suffix,
                       const struct metrics_labels *labels);
static void escape(struct buf *out, const char *text);

static const struct {
    const char *name, *type, *help;
} rows[METRICS_N] = {
#define METRIC(NAME, name, type, help) {name, #type, help},
#include "metrics.def"
#undef METRIC
};

void
metrics_text_begin(struct buf *out, enum metrics_text_row row)
{
    buf_append_str(out, "# HELP ");
    buf_append_str(out, rows[row].name);
    buf_append_byte(out, ' ');
    buf_append_str(out, rows[row].help);
    buf_append_str(out, "\n# TYPE ");
    buf_append_str(out, rows[row].name);
    buf_append_byte(out, ' ');
    buf_append_str(out, rows[row].type);
    buf_append_byte(out, '\n');
}

void
metrics_text_int(struct buf *out, enum metrics_text_row row, const char *suffix,
                 const struct metrics_labels *labels, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
    begin_line(out, row, suffix, labels);
    buf_append_str(out, text);
}

void
metrics_text_us(struct buf *out, enum metrics_text_row row, const char *suffix,
                const struct metrics_labels *labels, int64_t us)
{
    char text[METRICS_SECONDS_SIZE];

    metrics_text_seconds(us, text);
    begin_line(out, row, suffix, labels);
    buf_append_str(out, text);
    buf_append_byte(out, '\n');
}

void
metrics_text_only(struct buf *out, enum metrics_text_row row, uint64_t value)
{
    metrics_text_begin(out, row);
    metrics_text_int(out, row, "", NULL, value);
}

static void
begin_line(struct buf *out, enum metrics_text_row row, const char *suffix,
           const struct metrics_labels *labels)
{
    buf_append_str(out, rows[row].name);
    buf_append_str(out, suffix);
    for (unsigned n = 0; labels != NULL && labels->words[n] != NULL; n += 2) {
        assert(labels->words[n + 1] != NULL);
        buf_append_byte(out, n == 0 ? '{' : ',');
        buf_append_str(out, labels->words[n]);
        buf_append_str(out, "=\"");
        escape(out, labels->words[n + 1]);
        buf_append_byte(out, '"');
    }
    buf_append_str(out, labels == NULL ? " " : "} ");
}

/* The names of models and upstreams are the operator's; what would end one is not trusted to be
 * out of them for ever. */
static void
escape(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            buf_append_byte(out, '\\');
        if (*text == '\n')
            buf_append_str(out, "\\n");
        else
            buf_append_byte(out, *text);
    }
}

void
metrics_text_seconds(int64_t us, char out[METRICS_SECONDS_SIZE])
{
    int64_t whole = us / MICROS, rest = us % MICROS;

    if (us < 0) {
        whole = 0;
        rest = 0; /* of clocks that were set back */
    }

    int len = snprintf(out, METRICS_SECONDS_SIZE, "%" PRId64 ".%06" PRId64, whole, rest);

    while (out[len - 1] == '0')
        out[--len] = '\0';
    if (out[len - 1] == '.')
        out[len - 1] = '\0';
}
