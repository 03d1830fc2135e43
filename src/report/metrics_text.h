/* SPDX-License-Identifier: ISC
 *
 * metrics_text - metrics.def, and its lines in Prometheus's text format.
 */
#ifndef REPORT_METRICS_TEXT_H
#define REPORT_METRICS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"

enum metrics_text_row {
#define METRIC(NAME, name, type, help) METRICS_##NAME,
#include "metrics.def"
#undef METRIC
    METRICS_N
};

/* Names and values, in turn, then NULL. */
#define METRICS_LABELS 8
struct metrics_labels {
    const char *words[2 * METRICS_LABELS + 1];
};
#define LABELS(...)                                                                                \
    &(const struct metrics_labels)                                                                 \
    {                                                                                              \
        {                                                                                          \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }

/* HELP and TYPE: before the first line of a metric, once. */
void metrics_text_begin(struct buf *out, enum metrics_text_row row);
/* labels NULL: none. suffix: "", or "_bucket" and the like of a histogram. */
void metrics_text_int(struct buf *out, enum metrics_text_row row, const char *suffix,
                      const struct metrics_labels *labels, uint64_t value);
/* Microseconds, as seconds. */
void metrics_text_us(struct buf *out, enum metrics_text_row row, const char *suffix,
                     const struct metrics_labels *labels, int64_t us);
/* A metric of one line without labels. */
void metrics_text_only(struct buf *out, enum metrics_text_row row, uint64_t value);
/* "2.5", "0.000001": of microseconds. */
#define METRICS_SECONDS_SIZE 32
void metrics_text_seconds(int64_t us, char out[METRICS_SECONDS_SIZE]);

#endif
