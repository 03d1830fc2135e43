/* SPDX-License-Identifier: ISC
 *
 * setup_link - while nobody has an account of the console, a start shows how to make the first one:
 * a link that is good once, on the terminal or in the quickstart's text; a log gets no secret, only
 * the command that makes such a link.
 */
#ifndef MASTER_SETUP_LINK_H
#define MASTER_SETUP_LINK_H

struct master;

/* What stands in the master's greeting is printed with it. */
void setup_link_begin(struct master *master);

#endif
