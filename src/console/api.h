/* SPDX-License-Identifier: ISC
 *
 * api - the table of api.def: which row a method and a path mean.
 */
#ifndef CONSOLE_API_H
#define CONSOLE_API_H

#include <stddef.h>

#include "relayos/base/slice.h"
#include "relayos/model/user.h"

#define API_PREFIX  "/api/v1"
#define API_MAX_IDS 2 /* {id}s of one path */

struct call;
typedef void api_handler(struct call *call);

struct api_row {
    const char *method, *path;
    enum user_role role;
    api_handler *handler;
    const char *summary;
};

/* NULL past the end. */
const struct api_row *api_row_at(size_t n);
/* The row, and what stands for its {id}s; NULL: there is none. *out_has_path: of another method. */
const struct api_row *api_find(struct slice method, struct slice path,
                               struct slice ids[API_MAX_IDS], bool *out_has_path);

#define API(METHOD, path, ROLE, handler, summary) api_handler handler;
#include "api.def"
#undef API

#endif
