/* SPDX-License-Identifier: ISC
 *
 * access_log - one line per request, logfmt or JSON, gathered and written in blocks: a log line
 * costs a memcpy, not a system call. No bodies, no secrets.
 */
#ifndef RELAYOS_WORKER_ACCESS_LOG_H
#define RELAYOS_WORKER_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/text.h"
#include "relayos/conf/conf.h"
#include "relayos/model/usage.h"

struct access_log {
    int fd; /* -1 = off */
    bool is_json;
    struct buf buf;
    int64_t flushed_us;
    uint64_t n_lost; /* lines' bytes that could not be written */
};

struct access_line {
    int64_t accepted_real_us;
    const char *request_id; /* TEXT_UUID_SIZE characters */
    uint64_t key_id;        /* 0 = none */
    const char *endpoint, *category;
    const char *model, *user_agent; /* foreign texts as redact_copy() leaves them */
    const char *client_address;
    unsigned status, n_attempts;
    bool is_stream, is_over_quota;
    int64_t bytes_in, bytes_out;
    int64_t first_token_us, total_us; /* from acceptance; first_token_us 0 = none */
    int64_t input_tokens, output_tokens, charge_nusd;
    const char *provenance;
};

/* Where conf says; errors leave it off and say so in *why. */
int access_log_open(struct access_log *log, const struct conf *conf, struct errmsg *why) MUST_CHECK;
void access_log_close(struct access_log *log);

/* Append a line. Pure but for the buffer. */
void access_log_format(struct buf *out, const struct access_line *line);
/* The same names and values as one JSON object. */
void access_log_format_json(struct buf *out, const struct access_line *line);
void access_log_add(struct access_log *log, const struct access_line *line, int64_t now_us);
/* End of a loop turn: write what has waited long enough. */
void access_log_turn(struct access_log *log, int64_t now_us);

#endif
