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

/* NULL: alerts.url says nothing. What an earlier prober kept when it left is gone on with: another
 * receiver is told what stands, the same one is not told twice. */
struct alerts *alerts_new(struct prober *prober);
/* Keeps it, too. */
void alerts_free(struct alerts **alerts);
/* Nothing further is looked at, nor sent. */
void alerts_hold(struct alerts *alerts);
bool alerts_are_under_way(const struct alerts *alerts);

#endif
