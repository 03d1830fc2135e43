/* SPDX-License-Identifier: ISC
 *
 * trial - POST /quickstart/test: a small question to a model, as a caller's tool would send it: to
 * our own listener, with the key that was typed in.
 */
#ifndef CONSOLE_TRIAL_H
#define CONSOLE_TRIAL_H

struct console;

/* Those under way are given up: before the pool goes. */
void trial_cancel_all(struct console *console);

#endif
