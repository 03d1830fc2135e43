/* SPDX-License-Identifier: ISC
 *
 * alerts - every few seconds: look, note, send what is new.
 */
#ifndef PROBER_ALERTS_H
#define PROBER_ALERTS_H

#include "alert_look.h"
#include "alert_post.h"

#define ALERTS_INTERVAL_US INT64_C(2000000)

struct prober;
struct alerts;

/* NULL: alerts.url says nothing. */
struct alerts *alerts_new(struct prober *prober);
void alerts_free(struct alerts **alerts);

#endif
