/* SPDX-License-Identifier: ISC
 *
 * interpose - functions of the library that this program defines in its place. Their names are the
 * library's (an exception to "symbols begin with the file's name"): phr_parse_request,
 * phr_decode_chunked, h2o_send_error_generic, h2o_socket_read_start, h2o_socket_read_stop,
 * h2o_socket_write, h2o_socket_close.
 *
 * Symbols of the executable win over a shared library's, as its calls go through the PLT. A build
 * of the library with hidden visibility would end that silently: guard_selftest.c finds out.
 */
#ifndef NET_INTERPOSE_H
#define NET_INTERPOSE_H

#include <h2o.h>

/* The library's own h2o_socket_read_start. */
void interpose_read_start(h2o_socket_t *sock, h2o_socket_cb cb);
void interpose_read_stop(h2o_socket_t *sock);
void interpose_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t n_bufs, h2o_socket_cb cb);

#endif
