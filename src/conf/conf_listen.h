/* SPDX-License-Identifier: ISC
 *
 * conf_listen - the directives `listen`: one listener, or a list of them; and `console.listen`:
 * one, or none.
 */
#ifndef CONF_CONF_LISTEN_H
#define CONF_CONF_LISTEN_H

#include "directive.h"

/* For conf_kind_listeners; base is the struct conf. */
int conf_listen_read(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base);
/* Where all are plain addresses: a list of them. Others are shown by their own rows. */
void conf_listen_write(const struct directive *row, const void *base, struct buf *out);
bool conf_listen_is_simple(const struct conf *conf);
/* Their addresses alone: what a reload cannot change. */
void conf_listen_write_addresses(const struct conf *conf, struct buf *out);
const struct conf_listener *conf_listen_find(const struct conf *conf, const char *text);
void conf_listen_fini(struct conf_listener *listener);

/* For conf_kind_listener, _file_mode; base is the struct conf_listener. */
int conf_listen_read_address(struct conf_reader *reader, const struct directive *row,
                             const struct conf_node *node, void *base);
void conf_listen_write_address(const struct directive *row, const void *base, struct buf *out);
int conf_listen_read_mode(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base);
void conf_listen_write_mode(const struct directive *row, const void *base, struct buf *out);

/* For conf_kind_address: as one of `listen`; "off" is a listener without a host. */
int conf_listen_read_one(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base);
void conf_listen_write_one(const struct directive *row, const void *base, struct buf *out);
/* Its address alone. */
void conf_listen_write_console(const struct conf *conf, struct buf *out);

/* Beyond loopback only with TLS or where the operator has said so: keys would cross the network in
 * the clear. */
int conf_listen_check(struct conf_reader *reader, const struct conf_node *root) MUST_CHECK;
/* The console's too, which must also know the https:// address that browsers see. */
int conf_listen_check_console(struct conf_reader *reader, const struct conf_node *root) MUST_CHECK;

#endif
