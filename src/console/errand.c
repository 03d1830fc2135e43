/* SPDX-License-Identifier: ISC */
#include "errand.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "console.h"
#include "relayos/base/mem.h"
#include "relayos/base/url.h"
#include "relayos/net/upstream.h"

#define CONNECT_US      INT64_C(3000000)
#define TOTAL_US        INT64_C(10000000)
#define MAX_CONNECTIONS 32
#define MAX_REQUEST     (32 * 1024)

struct errand {
    struct upstream_call *call; /* NULL: it is over */
    struct upstream_record target;
    struct errand_request request;
    struct buf head, form, body;
    int status;
};

static void fill_target(const struct url *url, const char *ca_file, struct upstream_record *out);
static void write_head(struct errand *errand, const struct url *url);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void end(struct errand *errand, const char *failure);
static void wipe(struct buf *buf);

const char *
errand_check_url(const char *text)
{
    struct url url;
    const char *wrong = url_parse_vouched(slice_str(text), &url);

    if (wrong != NULL)
        return wrong;
    return url.is_tls || url_is_loopback(url.host) ? NULL : "does not begin with https://";
}

struct errand *
errand_start(struct console *console, const struct errand_request *request)
{
    static const struct upstream_events events = {on_head, on_body, on_end};
    struct errand *errand;
    struct url url;

    if (errand_check_url(request->url) != NULL ||
        url_parse_vouched(slice_str(request->url), &url) != NULL)
        return NULL;
    errand = mem_zalloc(sizeof(*errand));
    errand->request = *request;
    buf_init(&errand->head, MAX_REQUEST);
    buf_init(&errand->form, MAX_REQUEST);
    buf_init(&errand->body, ERRAND_MAX_ANSWER);
    buf_append_slice(&errand->form, request->form);
    fill_target(&url, request->ca_file, &errand->target);
    write_head(errand, &url);
    if (errand->head.overflow || errand->form.overflow) {
        errand_free(&errand);
        return NULL;
    }
    const struct upstream_request sent = {
        .target = &errand->target,
        .head = buf_slice(&errand->head),
        .body = {buf_slice(&errand->form)},
        .n_body = errand->form.len > 0,
        .deadline_us = loop_now_us(console->loop) + TOTAL_US,
    };
    errand->call = upstream_start(console->pool, &sent, &events, errand);
    return errand;
}

/* Past the handshake it is the deadline alone that counts. */
static void
fill_target(const struct url *url, const char *ca_file, struct upstream_record *out)
{
    *out = (struct upstream_record){
        .port = url->port,
        .is_tls = url->is_tls,
        .max_connections = MAX_CONNECTIONS,
        .connect_timeout_us = CONNECT_US,
        .tls_timeout_us = CONNECT_US,
    };
    snprintf(out->host, sizeof(out->host), "%s", url->host);
    snprintf(out->ca_file, sizeof(out->ca_file), "%s", ca_file);
}

static void
write_head(struct errand *errand, const struct url *url)
{
    const struct errand_request *request = &errand->request;
    bool is_post = errand->form.len > 0;
    struct buf *out = &errand->head;

    buf_append_str(out, is_post ? "POST " : "GET ");
    buf_append_str(out, url->target.len > 0 && url->target.ptr[0] == '/' ? "" : "/");
    buf_append_slice(out, url->target);
    buf_printf(out, url->is_v6 ? " HTTP/1.1\r\nhost: [%s]" : " HTTP/1.1\r\nhost: %s", url->host);
    if (url->port != (url->is_tls ? 443 : 80))
        buf_printf(out, ":%u", url->port);
    buf_append_str(out, "\r\nuser-agent: relayos-console\r\naccept: application/json\r\n"
                        "accept-encoding: identity\r\nconnection: close\r\n");
    if (request->authorization.len > 0)
        buf_printf(out, "authorization: %.*s\r\n", (int)request->authorization.len,
                   request->authorization.ptr);
    if (is_post)
        buf_printf(out,
                   "content-type: application/x-www-form-urlencoded\r\ncontent-length: %zu\r\n",
                   errand->form.len);
    buf_append_str(out, "\r\n");
}

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    (void)headers;
    (void)n_headers;
    ((struct errand *)data)->status = status;
}

static void
on_body(void *data, struct slice bytes)
{
    struct errand *errand = data;

    buf_append_slice(&errand->body, bytes);
    if (!errand->body.overflow)
        return;
    upstream_cancel(errand->call, NULL);
    end(errand, "too long an answer");
}

static void
on_end(void *data, const struct upstream_report *report)
{
    end(data, report->result == UPSTREAM_OK ? NULL : upstream_result_name(report->result));
}

/* Last thing a function does: the errand may be gone. */
static void
end(struct errand *errand, const char *failure)
{
    const struct errand_answer answer = {errand->status, failure, buf_slice(&errand->body)};

    errand->call = NULL;
    errand->request.on_end(errand->request.ctx, &answer);
}

void
errand_free(struct errand **errand)
{
    struct errand *e = *errand;

    if (e == NULL)
        return;
    *errand = NULL;
    if (e->call != NULL)
        upstream_cancel(e->call, NULL);
    wipe(&e->head);
    wipe(&e->form);
    wipe(&e->body);
    free(e);
}

static void
wipe(struct buf *buf)
{
    if (buf->ptr != NULL)
        secret_wipe(buf->ptr, buf->len);
    buf_fini(buf);
}
