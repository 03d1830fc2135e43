/* SPDX-License-Identifier: ISC
 *
 * journal - what was served, written down before it is sent, by the gateway's request id:
 *
 *     begun ID                                  an answer that will report usage begins
 *     served ID INPUT CACHED CACHE_WRITE OUTPUT the piece that reports it is about to be sent
 *
 * One write(2) a line, appended: whoever is killed, the lines are whole and in order. ID is "-"
 * for a caller who sent none.
 */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include <stdbool.h>

#include "ask.h"
#include "script.h"

/* Appends to path from now on; false (and errno) if it cannot. */
bool journal_open(const char *path);
void journal_begin(const struct ask *ask, struct script *script);
/* Before piece n of the script is sent. */
void journal_serve(struct script *script, size_t n);

#endif
