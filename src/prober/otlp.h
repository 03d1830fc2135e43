/* SPDX-License-Identifier: ISC
 *
 * otlp - settled requests on their way to otlp.endpoint: read from the database in the order in
 * which they were settled, a bounded batch at a time, each at least once. How far it has come is in
 * data_dir/otlp.mark. Nothing waits for it: what is behind is caught up with, as long as
 * ledger.trace_retention keeps it.
 */
#ifndef PROBER_OTLP_H
#define PROBER_OTLP_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

struct prober;
struct otlp;

/* NULL: otlp.endpoint says nothing. */
struct otlp *otlp_new(struct prober *prober);
void otlp_free(struct otlp **otlp);
bool otlp_is_under_way(const struct otlp *otlp);

/* What becomes of a batch by its answer (0 = none came). Pure. */
enum otlp_verdict { OTLP_TAKEN, OTLP_AGAIN, OTLP_REFUSED };
enum otlp_verdict otlp_verdict_of(int status);
/* The mark, as its file has it; ERR_SYNTAX: it was cut short, or is none. */
#define OTLP_MARK_SIZE 32
void otlp_mark_write(int64_t seq, char out[OTLP_MARK_SIZE]);
int otlp_mark_read(struct slice text, int64_t *out_seq);

#endif
