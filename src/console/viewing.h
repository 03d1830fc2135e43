/* SPDX-License-Identifier: ISC
 *
 * viewing - answers made of reports: what the caller may see, begun and ended as one.
 */
#ifndef CONSOLE_VIEWING_H
#define CONSOLE_VIEWING_H

#include "answer.h"
#include "relayos/model/key.h"
#include "relayos/report/report.h"
#include "relayos/report/report_key.h"

#define VIEWING_TIME_US INT64_C(50000) /* of a search: others wait meanwhile */

/* What reports are made of, for who asks; false: answered (503). */
bool viewing_begin(struct call *call, struct report *out);
/* The end of an answer: 200, or what went wrong while it was written. */
void viewing_end(struct call *call, int rc);
/* A key of theirs, to be freed; false: answered (404). */
bool viewing_key(struct call *call, const struct report *report, uint64_t id,
                 struct key_record *out);
/* "limit" of the query, as the row of api.def bounds it; false: answered (400). */
bool viewing_limit(struct call *call, size_t *out);

#endif
