/* SPDX-License-Identifier: ISC
 *
 * receiver - somebody else's HTTP server, in a thread of the test: keeps what is posted to it,
 * whole, and answers as it is told.
 */
#ifndef SUPPORT_RECEIVER_H
#define SUPPORT_RECEIVER_H

#include <stdbool.h>

struct receiver;

struct receiver *receiver_start(void);
/* Ends its thread; what it kept is gone. */
void receiver_stop(struct receiver **receiver);
int receiver_port(const struct receiver *receiver);
/* From now on; 0: the connection is closed without an answer. */
void receiver_answer(struct receiver *receiver, int status);
/* These very bytes from now on, whatever they are; NULL: as receiver_answer() has it. */
void receiver_say(struct receiver *receiver, const char *bytes);
/* The nth (0 = first) that holds the text (head and body), waited for; NULL: none came. Borrowed
 * until receiver_stop(). */
const char *receiver_wait(struct receiver *receiver, const char *text, int n);
/* How many that hold it came so far. */
int receiver_count(struct receiver *receiver, const char *text);
/* How often it stands in all that were answered with 2xx. */
int receiver_n_taken(struct receiver *receiver, const char *text);

#endif
