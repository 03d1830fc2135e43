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

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/codec/json_out.h"

#define ACCESS_LOG_BLOCK    65536
#define ACCESS_LOG_DELAY_US 200000
#define ACCESS_LOG_LINE_MAX 1024
#define ACCESS_LOG_JSON_MAX 2048 /* a foreign byte may take six there */
#define TIME_SIZE           24   /* "2026-11-25T18:40:31.123Z" */
#define FOREIGN_MAX         96

/* A literal at `at`; what follows it. */
#define PUT(at, literal)                                                                           \
    ((char *)memcpy((at), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

static char *put(char *at, struct slice text);
static char *put_int(char *at, int64_t value);
static char *put_foreign(char *at, const char *text);
static struct slice foreign_of(const char *text);
static void flush(struct access_log *log, int64_t now_us);

int
access_log_open(struct access_log *log, const struct conf *conf, struct errmsg *why)
{
    const char *path = conf->access_file[0] != '\0' ? conf->access_file : conf->log_file;

    buf_init(&log->buf, ACCESS_LOG_BLOCK + ACCESS_LOG_JSON_MAX);
    log->fd = -1;
    log->is_json = strcmp(conf->access_format, "json") == 0;
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

/* Into room made once for the longest line: a check for each of its forty pieces would cost more
 * than what is written. */
void
access_log_format(struct buf *out, const struct access_line *line)
{
    char time[32];
    char *room = buf_reserve(out, ACCESS_LOG_LINE_MAX);
    char *at = room;

    if (room == NULL)
        return;
    clock_format_utc(line->accepted_real_us, 3, time);
    at = put(PUT(at, "time="), slice_of(time, TIME_SIZE));
    at = put(PUT(at, " event=request request_id="), slice_of(line->request_id, TEXT_UUID_SIZE));
    at = put_int(PUT(at, " key="), (int64_t)line->key_id);
    at = put(PUT(at, " endpoint="), slice_str(line->endpoint));
    at = put_foreign(PUT(at, " model="), line->model);
    at = put_int(PUT(at, " status="), line->status);
    at = put(PUT(at, " category="), slice_str(line->category));
    at = put_int(PUT(at, " stream="), line->is_stream);
    at = put_int(PUT(at, " attempts="), line->n_attempts);
    at = put_int(PUT(at, " bytes_in="), line->bytes_in);
    at = put_int(PUT(at, " bytes_out="), line->bytes_out);
    at = put_int(PUT(at, " first_token_us="), line->first_token_us);
    at = put_int(PUT(at, " total_us="), line->total_us);
    at = put_int(PUT(at, " input_tokens="), line->input_tokens);
    at = put_int(PUT(at, " output_tokens="), line->output_tokens);
    at = put_int(PUT(at, " charge_nusd="), line->charge_nusd);
    at = put(PUT(at, " provenance="), slice_str(line->provenance));
    if (line->is_over_quota)
        at = PUT(at, " over_quota=1");
    at = put(PUT(at, " client=\""), slice_str(line->client_address)); /* ours: no quotes in it */
    at = put_foreign(PUT(at, "\" user_agent="), line->user_agent);
    *at++ = '\n';
    assert(at <= room + ACCESS_LOG_LINE_MAX);
    buf_commit(out, (size_t)(at - room));
}

static char *
put(char *at, struct slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static char *
put_int(char *at, int64_t value)
{
    return at + text_int_format(value, at);
}

/* In quotes, with what would end them or the line replaced, cut to size. */
static char *
put_foreign(char *at, const char *text)
{
    *at++ = '"';
    for (int n = 0; n < FOREIGN_MAX && text[n] != '\0'; n++) {
        char c = text[n];

        *at++ = c < 0x20 || c == 0x7f || c == '"' || c == '\\' ? '?' : c;
    }
    *at++ = '"';
    return at;
}

void
access_log_format_json(struct buf *out, const struct access_line *line)
{
    struct json_out json;
    char time[32];

    clock_format_utc(line->accepted_real_us, 3, time);
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "time", time);
    json_out_str(&json, "event", "request");
    json_out_string(&json, "request_id", slice_of(line->request_id, TEXT_UUID_SIZE));
    json_out_int(&json, "key", (int64_t)line->key_id);
    json_out_str(&json, "endpoint", line->endpoint);
    json_out_string(&json, "model", foreign_of(line->model));
    json_out_int(&json, "status", line->status);
    json_out_str(&json, "category", line->category);
    json_out_int(&json, "stream", line->is_stream);
    json_out_int(&json, "attempts", line->n_attempts);
    json_out_int(&json, "bytes_in", line->bytes_in);
    json_out_int(&json, "bytes_out", line->bytes_out);
    json_out_int(&json, "first_token_us", line->first_token_us);
    json_out_int(&json, "total_us", line->total_us);
    json_out_int(&json, "input_tokens", line->input_tokens);
    json_out_int(&json, "output_tokens", line->output_tokens);
    json_out_int(&json, "charge_nusd", line->charge_nusd);
    json_out_str(&json, "provenance", line->provenance);
    if (line->is_over_quota)
        json_out_int(&json, "over_quota", 1);
    json_out_str(&json, "client", line->client_address);
    json_out_string(&json, "user_agent", foreign_of(line->user_agent));
    json_out_end_object(&json);
    buf_append_byte(out, '\n');
}

static struct slice
foreign_of(const char *text)
{
    return slice_of(text, strnlen(text, FOREIGN_MAX));
}

void
access_log_add(struct access_log *log, const struct access_line *line, int64_t now_us)
{
    if (log->fd < 0)
        return;
    if (log->is_json)
        access_log_format_json(&log->buf, line);
    else
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
