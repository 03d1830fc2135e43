/* SPDX-License-Identifier: ISC
 *
 * metrics_route - the metrics of models, routes and credentials.
 */
#ifndef REPORT_METRICS_ROUTE_H
#define REPORT_METRICS_ROUTE_H

#include "relayos/base/buf.h"
#include "relayos/report/report.h"

void metrics_route_write_models(const struct report *report, struct buf *out);
void metrics_route_write(const struct report *report, struct buf *out);

#endif
