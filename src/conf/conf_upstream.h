/* SPDX-License-Identifier: ISC
 *
 * conf_upstream - the section `upstreams`.
 */
#ifndef CONF_CONF_UPSTREAM_H
#define CONF_CONF_UPSTREAM_H

#include "directive.h"

/* For conf_kind_upstreams; base is the struct conf. */
int conf_upstream_read_all(struct conf_reader *reader, const struct directive *row,
                           const struct conf_node *node, void *base);
/*
 * No deadline for the first token past that of the whole: an error at the key in map (may be NULL)
 * where it was said, else it is made as short.
 */
int conf_upstream_check_deadlines(struct conf_reader *reader, const struct conf_node *map,
                                  int64_t *first_token_us, int64_t total_us) MUST_CHECK;

/* map's ca_file can be read: better refused now than at each handshake. */
int conf_upstream_check_ca_file(struct conf_reader *reader, const struct conf_node *map,
                                const char *path) MUST_CHECK;

/* Connections and TLS contexts are shared by all for which this is the same. */
int64_t conf_upstream_origin(const struct upstream_record *record);

/* Index in conf->upstreams, or -1. */
long conf_upstream_find(const struct conf *conf, const char *name);
void conf_upstream_fini(struct conf_upstream *upstream);

#endif
