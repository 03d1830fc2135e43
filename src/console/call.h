/* SPDX-License-Identifier: ISC
 *
 * call - one request to the console, from its head to the end of its answer: what handlers get.
 *
 * A handler answers once (answer.h), at once or in the reply to a command. It ends when its answer
 * has left, or when its client is gone; while a command is under way it stays, answered or not.
 */
#ifndef CONSOLE_CALL_H
#define CONSOLE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "tree.h"

#include "api.h"
#include "relayos/base/buf.h"
#include "relayos/base/text.h"
#include "relayos/control/frame.h"
#include "relayos/model/user.h"
#include "relayos/net/server.h"
#include "relayos/report/viewer.h"
#include "relayos/store/store.h"

#define CALL_MAX_PARAMS  24
#define CALL_MAX_HEADERS 4
#define CALL_HEADER_SIZE 1024
#define CALL_MAX_BODY    (1024 * 1024)
#define CALL_MAX_ANSWER  (64 * 1024 * 1024)
#define CALL_STORE_US    INT64_C(500000) /* CPU time of reading: others wait meanwhile */

struct console;
struct repeat_entry;

struct call_param {
    struct slice name, value; /* decoded */
};

struct call_header {
    const char *name;
    char value[CALL_HEADER_SIZE];
};

struct call {
    struct console *console;
    struct exchange *exchange;       /* NULL: its client is gone */
    struct http_request http;        /* its slices are good while the exchange is there */
    char id[TEXT_UUID_SIZE + 1];     /* x-request-id */
    char address[USER_ADDRESS_SIZE]; /* of the browser, behind a trusted proxy too */
    bool is_secure;                  /* the browser came by https */

    /* Who asks: identity.h. */
    enum user_role role;
    uint64_t user_id; /* 0: an admin key, or nobody */
    uint64_t key_id;  /* of the admin key; else 0 */
    char name[LIMIT_NAME];
    char who[LIMIT_NAME + 16];           /* for the audit trail */
    struct viewer viewer;                /* what may be shown to them */
    struct session_record session;       /* user_id == 0: there is none */
    char csrf[2 * HASH_DIGEST_SIZE + 1]; /* of the session */

    /* What is asked. */
    const struct api_row *row;
    struct slice ids[API_MAX_IDS]; /* as they stand in the path: text_int_parse() them */
    size_t n_params;
    struct call_param params[CALL_MAX_PARAMS];
    char *decoded;     /* where they lie */
    struct tree *body; /* of POST, PATCH, PUT an object, empty where there was none; else NULL */

    /* The answer. */
    struct buf out;
    size_t n_headers;
    struct call_header headers[CALL_MAX_HEADERS];
    struct repeat_entry *repeat; /* remembered by its Idempotency-Key */
    bool is_answered;
    unsigned n_pending; /* commands and jobs under way */
    void *data;         /* the handler's own, freed with it */
    void *opening;      /* the session's, likewise */
};

struct call *call_new(struct console *console, struct exchange *exchange,
                      const struct http_request *http);
/* A command or a job of it, and its end. */
void call_hold(struct call *call);
void call_release(struct call *call);

/* Query and JSON body; false: answered (400, 413, 415). */
bool call_read_query(struct call *call);
bool call_read_body(struct call *call);

/* A parameter of the query, empty if it is not there. */
struct slice call_query(const struct call *call, const char *name);
/* As an integer; false: answered (400), it is none or out of bounds. */
bool call_query_int(struct call *call, const char *name, int64_t fallback, int64_t *out);
/* The n-th {id} as a positive integer; false: answered (404). */
bool call_id(struct call *call, size_t n, uint64_t *out);

/* The database, as it is now; NULL: answered (503). */
struct store *call_store(struct call *call);

/*
 * A command to the master, or through it to the ledger: begin, write further arguments (`who` is
 * among them), send. on_result is called with the result only: an error is answered by itself.
 * NULL: answered (503).
 */
typedef void call_on_result(struct call *call, const struct frame_value *result);
struct frame_out *call_command(struct call *call, const char *cmd);
void call_send(struct call *call, call_on_result *on_result);
/* on_any is called with the whole reply, errors too. */
void call_send_raw(struct call *call, call_on_result *on_any);

#endif
