/* SPDX-License-Identifier: ISC
 *
 * import_channels_db - the SQLite file of new-api or one-api, read into a plan and left as it is.
 */
#ifndef CTL_IMPORT_CHANNELS_DB_H
#define CTL_IMPORT_CHANNELS_DB_H

#include "import_channels.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

/* prices: LiteLLM's list for models without a ratio, or NULL. ERR_IO, ERR_SYNTAX (other tables). */
int import_channels_db_read(const char *path, bool is_one_api, const cJSON *prices, int64_t now_us,
                            struct import_plan *plan, struct errmsg *why) MUST_CHECK;

#endif
