/* SPDX-License-Identifier: ISC
 *
 * metrics - the answer to the `metrics` command: all figures, as Prometheus reads them.
 */
#ifndef MASTER_METRICS_H
#define MASTER_METRICS_H

#include "child_link.h"

void metrics_answer(struct master *master, struct child_tag client);

#endif
