/* SPDX-License-Identifier: ISC
 *
 * control - what a running mock is told to do wrong from now on: POST /mock/control with a rule on
 * each line, which replace the ones before ("" = none any more):
 *
 *     WHERE FAULTS        WHERE is * or /PREFIX of the path, key:CREDENTIAL, model:NAME;
 *                         FAULTS as in fault.h, and percent=N: so many of each hundred
 *
 * All rules that fit apply, a later one over an earlier one; a fault that the request itself asks
 * for comes on top.
 */
#ifndef MOCK_CONTROL_H
#define MOCK_CONTROL_H

#include <stddef.h>

#include "ask.h"

void control_set(const char *rules, size_t len);
/* Path, credential and model of the ask are known. */
void control_apply(struct ask *ask);

#endif
