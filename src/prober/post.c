/* SPDX-License-Identifier: ISC */
#include "post.h"

#include <assert.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/codec/retry_hint.h"

#define POST_TIMEOUT_US INT64_C(15000000)

static void write_head(struct post *post, struct slice headers);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void forget(struct post *post);

static const struct upstream_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

void
post_init(struct post *post, const struct conf_receiver *receiver, const char *suffix)
{
    *post = (struct post){.receiver = receiver, .suffix = suffix};
    buf_init(&post->head, POST_HEAD_MAX);
    buf_init(&post->body, POST_BODY_MAX);
    (void)buf_reserve(&post->head, POST_HEAD_MAX); /* growing, it would leave secrets behind */
}

void
post_fini(struct post *post)
{
    if (post->call != NULL)
        upstream_cancel(post->call, NULL);
    post->call = NULL;
    forget(post);
    buf_fini(&post->head);
    buf_fini(&post->body);
}

bool
post_is_under_way(const struct post *post)
{
    return post->call != NULL;
}

void
post_send(struct post *post, struct slice headers)
{
    struct upstream_request request = {.target = &post->receiver->target,
                                       .deadline_us = loop_now_us(post->loop) + POST_TIMEOUT_US};

    assert(post->call == NULL && !post->body.overflow);
    write_head(post, headers);
    request.head = buf_slice(&post->head);
    request.body[0] = buf_slice(&post->body);
    request.n_body = 1;
    post->status = post->retry_after_s = 0;
    post->call = upstream_start(post->pool, &request, &events, post);
}

static void
write_head(struct post *post, struct slice headers)
{
    const struct upstream_record *target = &post->receiver->target;
    bool is_ipv6 = strchr(target->host, ':') != NULL;
    struct buf *out = &post->head;
    const char *path = target->path;

    buf_printf(out, "POST %s%s HTTP/1.1\r\nhost: %s%s%s", path, post->suffix, is_ipv6 ? "[" : "",
               target->host, is_ipv6 ? "]" : "");
    if (target->port != (target->is_tls ? 443 : 80))
        buf_printf(out, ":%u", target->port);
    buf_printf(out,
               "\r\ncontent-type: application/json\r\ncontent-length: %zu\r\naccept-encoding: "
               "identity\r\nuser-agent: relayos/%s\r\nconnection: close\r\n",
               post->body.len, RELAYOS_VERSION);
    buf_append_slice(out, headers);
    buf_append_str(out, "\r\n");
}

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct post *post = data;
    struct retry_hint hint;

    retry_hint_init(&hint);
    for (size_t n = 0; n < n_headers; n++)
        retry_hint_header(&hint, headers[n].name, headers[n].value, clock_real_us());
    post->retry_after_s = retry_hint_seconds(&hint);
    post->status = status;
}

/* What it says beside the status is of no use to us. */
static void
on_body(void *data, struct slice bytes)
{
    (void)data;
    (void)bytes;
}

static void
on_end(void *data, const struct upstream_report *report)
{
    struct post *post = data;
    int status = post->status;

    post->call = NULL;
    forget(post);
    post->on_end(post->ctx, status, report->result);
}

static void
forget(struct post *post)
{
    if (post->head.len > 0)
        secret_wipe(post->head.ptr, post->head.len);
    buf_clear(&post->head);
    buf_clear(&post->body);
}
