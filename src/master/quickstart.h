/* SPDX-License-Identifier: ISC
 *
 * quickstart - what a new user reads on the console: base URL, a first key, settings to paste.
 */
#ifndef MASTER_QUICKSTART_H
#define MASTER_QUICKSTART_H

struct master;

/* Once, when ready: mint the first key if there is none, then print. */
void quickstart_begin(struct master *master);

#endif
