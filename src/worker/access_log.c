/* SPDX-License-Identifier: ISC
 *
 * access_log - lines are written when 64 KB have come together, or 200 ms after the last write.
 */
#include "access_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "redact.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"

#define ACCESS_LOG_BLOCK    65536
#define ACCESS_LOG_DELAY_US 200000
#define ACCESS_LOG_LINE_MAX 1024

static void append_text(struct buf *out, struct slice name, struct slice text);
static void append_field(struct buf *out, struct slice name, int64_t value);
static void flush(struct access_log *log, int64_t now_us);

int
access_log_open(struct access_log *log, const struct conf *conf, struct errmsg *why)
{
    const char *path = conf->access_file[0] != '\0' ? conf->access_file : conf->log_file;

    buf_init(&log->buf, ACCESS_LOG_BLOCK + ACCESS_LOG_LINE_MAX);
    log->fd = -1;
    log->flushed_us = 0;
    if (!conf->log_access)
        return 0;
    if (path[0] == '\0')
        log->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (log->fd >= 0)
        return 0;
    errmsg_set(why, "cannot open the access log %s: %s", path[0] == '\0' ? "on stderr" : path,
               strerror(errno));
    return ERR_IO;
}

void
access_log_close(struct access_log *log)
{
    flush(log, 0);
    fdio_close(&log->fd);
    buf_fini(&log->buf);
}

void
access_log_format(struct buf *out, const struct access_line *line)
{
    char time[32], id[TEXT_UUID_SIZE];

    clock_format_utc(line->accepted_real_us, 3, time);
    text_uuid_format(line->request_id, id);
    buf_append_slice(out, SLICE_LIT("time="));
    buf_append_str(out, time);
    buf_append_slice(out, SLICE_LIT(" event=request request_id="));
    buf_append(out, id, sizeof(id));
    append_field(out, SLICE_LIT(" key="), (int64_t)line->key_id);
    buf_append_slice(out, SLICE_LIT(" endpoint="));
    buf_append_str(out, line->endpoint);
    append_text(out, SLICE_LIT(" model="), line->model);
    append_field(out, SLICE_LIT(" status="), line->status);
    buf_append_slice(out, SLICE_LIT(" category="));
    buf_append_str(out, line->category);
    append_field(out, SLICE_LIT(" stream="), line->is_stream);
    append_field(out, SLICE_LIT(" attempts="), line->n_attempts);
    append_field(out, SLICE_LIT(" bytes_in="), line->bytes_in);
    append_field(out, SLICE_LIT(" bytes_out="), line->bytes_out);
    append_field(out, SLICE_LIT(" first_token_us="), line->first_token_us);
    append_field(out, SLICE_LIT(" total_us="), line->total_us);
    append_field(out, SLICE_LIT(" input_tokens="), line->input_tokens);
    append_field(out, SLICE_LIT(" output_tokens="), line->output_tokens);
    append_field(out, SLICE_LIT(" charge_nusd="), line->charge_nusd);
    buf_append_slice(out, SLICE_LIT(" provenance="));
    buf_append_str(out, line->provenance);
    buf_append_slice(out, SLICE_LIT(" client=\""));
    buf_append_str(out, line->client_address); /* ours: digits, dots and colons */
    buf_append_byte(out, '"');
    append_text(out, SLICE_LIT(" user_agent="), line->user_agent);
    buf_append_byte(out, '\n');
}

/* name="text", with what would end the quotes replaced. */
static void
append_text(struct buf *out, struct slice name, struct slice text)
{
    char shown[LIMIT_MODEL_NAME];

    redact_copy(shown, sizeof(shown), text);
    for (char *c = shown; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            *c = '?';
    buf_append_slice(out, name);
    buf_append_byte(out, '"');
    buf_append_str(out, shown);
    buf_append_byte(out, '"');
}

static void
append_field(struct buf *out, struct slice name, int64_t value)
{
    buf_append_slice(out, name);
    buf_append_int(out, value);
}

void
access_log_add(struct access_log *log, const struct access_line *line, int64_t now_us)
{
    if (log->fd < 0)
        return;
    access_log_format(&log->buf, line);
    assert(!log->buf.overflow);
    if (log->buf.len >= ACCESS_LOG_BLOCK)
        flush(log, now_us);
}

void
access_log_turn(struct access_log *log, int64_t now_us)
{
    if (log->buf.len > 0 && now_us - log->flushed_us >= ACCESS_LOG_DELAY_US)
        flush(log, now_us);
}

/* A full disk must not stop requests: what cannot be written is counted and dropped. */
static void
flush(struct access_log *log, int64_t now_us)
{
    log->flushed_us = now_us;
    if (log->buf.len > 0 && fdio_write_all(log->fd, log->buf.ptr, log->buf.len) != 0)
        log->n_lost += log->buf.len;
    buf_clear(&log->buf);
}
