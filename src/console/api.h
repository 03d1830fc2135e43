/* SPDX-License-Identifier: ISC
 *
 * api - the table of api.def: which row a method and a path mean.
 */
#ifndef CONSOLE_API_H
#define CONSOLE_API_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/slice.h"
#include "relayos/model/user.h"

#define API_PREFIX       "/api/v1"
#define API_MAX_IDS      2 /* {id}s of one path */
#define API_METHODS_SIZE 64

struct call;
typedef void api_handler(struct call *call);

struct api_row {
    const char *method, *path;
    enum user_role role;
    api_handler *handler;
    const char *summary;
};

/* What a row says further. */
struct api_query {
    api_handler *handler;
    const char *name, *type, *summary; /* type as in shapes.def */
};
struct api_limit {
    api_handler *handler;
    unsigned usual, most;
};
struct api_answer {
    api_handler *handler;
    int status;
    const char *shape; /* as a type of shapes.def, "csv" or "text" */
};

/* NULL past the end. */
const struct api_row *api_row_at(size_t n);
/* The n-th parameter of its query; NULL past the end. */
const struct api_query *api_query_at(const struct api_row *row, size_t n);
/* Any parameter will do. */
bool api_takes_any_query(const struct api_row *row);
/* NULL: it takes none. */
const struct api_limit *api_limit_of(const struct api_row *row);
/* The shape of its body; NULL: it has no members. */
const char *api_body_of(const struct api_row *row);
const struct api_answer *api_answer_of(const struct api_row *row);
/* The row, and what stands for its {id}s; NULL: there is none. *out_has_path: of another method. */
const struct api_row *api_find(struct slice method, struct slice path,
                               struct slice ids[API_MAX_IDS], bool *out_has_path);
/* What may be done with a path, for an Allow header. */
void api_methods(struct slice path, char out[API_METHODS_SIZE]);

#define API(METHOD, path, ROLE, handler, summary) api_handler handler;
#include "api.def"

#endif
