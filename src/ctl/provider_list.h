/* SPDX-License-Identifier: ISC
 *
 * provider_list - what a provider says it served: a file of CSV with a header, or of JSON lines,
 * whose columns are found by name.
 *
 * Failure: a line that cannot be understood ends the reading, with its number: half a list would
 * call the other half missing.
 */
#ifndef CTL_PROVIDER_LIST_H
#define CTL_PROVIDER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define PROVIDER_LIST_ID 64

/* One request; several lines of one id are added up. */
struct provider_list_row {
    char id[PROVIDER_LIST_ID];
    size_t line; /* of the first */
    int64_t input_tokens, output_tokens, cost_nusd;
};

/* Names of columns; NULL = the usual ones. */
struct provider_list_columns {
    const char *id, *input, *output, *cost;
};

struct provider_list {
    bool has_tokens, has_cost;      /* there are such columns */
    struct provider_list_row *rows; /* in order of id */
    size_t n_rows, capacity;
};

/* ERR_IO, ERR_SYNTAX, ERR_MISSING (no column for ids, or none that was named). */
int provider_list_read(const char *path, const struct provider_list_columns *columns,
                       struct provider_list *out, struct errmsg *why) MUST_CHECK;
void provider_list_fini(struct provider_list *list);

/* "0.0123", "$1.25", "1.5e-05": nano-USD, to the nearest. */
int provider_list_cost(struct slice text, int64_t *out_nusd) MUST_CHECK;

#endif
