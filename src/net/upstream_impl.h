/* SPDX-License-Identifier: ISC
 *
 * upstream_impl - calls, connections and origins as the parts of the client see them.
 *
 *   upstream.c       a call: send, read the answer, end, deadlines
 *   upstream_dial.c  resolve, connect (address after address), TLS
 *   upstream_pool.c  origins and their idle connections
 *   upstream_parse.c the answer's head
 */
#ifndef NET_UPSTREAM_IMPL_H
#define NET_UPSTREAM_IMPL_H

#include <h2o.h>

#include "loop_impl.h"
#include "relayos/base/buf.h"
#include "relayos/net/guard.h"
#include "relayos/net/upstream.h"
#include "resolver.h"
#include "upstream_parse.h"

#define UPSTREAM_CALL_MAGIC   0x5543414c
#define UPSTREAM_LINK_MAGIC   0x554c4e4b
#define UPSTREAM_BUCKETS      64
#define UPSTREAM_ORIGINS_MAX  256 /* above, unused ones go */
#define UPSTREAM_SCRATCH_SIZE (128 * 1024)
#define UPSTREAM_SPARE_MAX    64

/* One connection. */
struct upstream_link {
    uint32_t magic;
    h2o_socket_t *sock; /* NULL until there is one */
    struct upstream_origin *origin;
    struct upstream_call *call; /* NULL: idle in the pool */
    struct timer timer;         /* of its call, or of being idle; it stays in the heap for good */
    bool is_idle;
    struct upstream_link *prev, *next; /* the origin's idle list */
};

/* Scheme, host, port and authority: what connections and TLS contexts are shared by. */
struct upstream_origin {
    struct upstream_pool *pool;
    int64_t hash;
    struct resolver_name name; /* host, port, addresses */
    size_t preferred;          /* index of the address that worked last */
    bool is_tls, is_literal;
    char ca_file[LIMIT_PATH];
    SSL_CTX *tls;
    struct stat authorities; /* ca_file, as it was when it was last read */
    bool is_ca_unreadable;   /* it was no good then: `tls` is from before, or NULL */
    int64_t ca_retry_us;
    uint32_t n_calls, n_open, n_idle;
    uint32_t max_open, max_idle;                  /* as the latest call has it */
    struct upstream_link *idle_first, *idle_last; /* newest first */
    struct upstream_call *waiting;                /* for addresses */
    struct upstream_origin *next;                 /* in the bucket */
};

struct upstream_pool {
    struct loop *loop;
    struct resolver *resolver;
    X509_STORE *system_store; /* on first use */
    upstream_guard *guard;    /* NULL: any address will do */
    void *guard_ctx;
    struct upstream_origin *buckets[UPSTREAM_BUCKETS];
    size_t n_origins;
    uint64_t n_calls, n_reused, n_redials, n_failed;
    struct upstream_call *spare; /* memory of calls that are over */
    size_t n_spare;
    char *scratch; /* plain connections are read into it; nothing stays there */
};

enum upstream_phase {
    UPSTREAM_PHASE_RESOLVE,
    UPSTREAM_PHASE_CONNECT,
    UPSTREAM_PHASE_TLS,
    UPSTREAM_PHASE_HEAD, /* sending and waiting for the head */
    UPSTREAM_PHASE_BODY,
    UPSTREAM_PHASE_FAILED, /* on_end is due in the next turn */
    UPSTREAM_PHASE_OVER,
};

struct upstream_call {
    uint32_t magic;
    uint32_t n_refs; /* frames that still look at it */
    struct upstream_pool *pool;
    struct upstream_origin *origin;
    struct upstream_link *link;
    struct upstream_events events;
    void *data;
    struct slice head, body[8];
    size_t n_body;
    enum upstream_phase phase;
    enum upstream_result failure; /* of UPSTREAM_PHASE_FAILED */
    struct timer failed;          /* the same; all other deadlines are the link's */
    int64_t phase_deadline_us, total_deadline_us;
    int64_t connect_deadline_us, connect_timeout_us, tls_timeout_us;
    int64_t first_byte_timeout_us, idle_timeout_us;
    size_t n_tried; /* addresses */
    struct upstream_report report;
    bool is_paused, is_sending, is_head_request, is_connect_only;
    bool is_keep_alive;
    bool is_forbidden; /* an address was not connected to */
    uint8_t n_interim; /* 1xx answers */
    enum upstream_framing framing;
    uint64_t length_left;
    struct guard_chunks chunks;
    struct buf partial_head;
    struct upstream_call
        *next; /* in the origin's list of waiting calls, or the pool's of spare ones */
};

/* ---- upstream.c, for the others ---- */

/* The link has a connection that is ready for the request. */
void upstream_on_connected(struct upstream_call *call);
/* Report the failure in the next turn (the caller may be inside upstream_start()). */
void upstream_fail_later(struct upstream_call *call, enum upstream_result result);
void upstream_set_phase(struct upstream_call *call, enum upstream_phase phase, int64_t timeout_us);
/* Timer of all links. */
void upstream_on_deadline(struct timer *timer);
/* Read callback of all links. */
void upstream_on_readable(h2o_socket_t *sock, const char *err);

/* ---- upstream_dial.c ---- */

void upstream_dial_start(struct upstream_call *call);
/* The deadline of one address has passed: go on with the next. */
void upstream_dial_on_timeout(struct upstream_call *call);
/* The call goes away while it waits for addresses. */
void upstream_dial_forget(struct upstream_call *call);
void upstream_dial_on_resolved(struct resolver_name *name);

/* ---- upstream_pool.c ---- */

struct upstream_origin *upstream_pool_origin(struct upstream_pool *pool,
                                             const struct upstream_record *target);
/* NULL if the origin's file of authorities can't be read and never could. */
SSL_CTX *upstream_pool_tls(struct upstream_origin *origin);
struct upstream_link *upstream_pool_open(struct upstream_origin *origin);
struct upstream_link *upstream_pool_take(struct upstream_origin *origin);
void upstream_pool_give_back(struct upstream_link *link);
void upstream_pool_close(struct upstream_link *link);
struct upstream_link *upstream_pool_link_of(h2o_socket_t *sock);
void upstream_pool_on_idle_event(struct upstream_link *link, const char *err);

#endif
