/* SPDX-License-Identifier: ISC
 *
 * report_metrics - all figures as Prometheus reads them (text exposition format 0.0.4), from the
 * segment and the catalog: right over all workers, dead ones too, whoever asks.
 *
 * Process: any. The store is not looked at.
 */
#ifndef RELAYOS_REPORT_REPORT_METRICS_H
#define RELAYOS_REPORT_REPORT_METRICS_H

#include "relayos/base/buf.h"
#include "relayos/report/report.h"

#define REPORT_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define REPORT_METRICS_MAX  (32 * 1024 * 1024) /* bytes; the cap of a buffer for it */

/* Past the buffer's cap it overflows (buf.h): half of it is nothing. */
void report_metrics_write(const struct report *report, struct buf *out);

#endif
