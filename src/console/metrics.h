/* SPDX-License-Identifier: ISC
 *
 * metrics - GET /metrics, for Prometheus: with an operator's admin key, or from
 * console.metrics_from without one.
 */
#ifndef CONSOLE_METRICS_H
#define CONSOLE_METRICS_H

#include "call.h"

/* Where scrapers look; the same is below /api/v1. */
#define METRICS_PATH "/metrics"

/* It is asked for from where nobody has to say who they are. */
bool metrics_is_open_to(const struct call *call);

#endif
