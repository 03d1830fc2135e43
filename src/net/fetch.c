/* SPDX-License-Identifier: ISC
 *
 * fetch - one upstream call after another, until one of them is no redirect.
 */
#include "relayos/net/fetch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "field.h"
#include "relayos/base/buf.h"
#include "relayos/base/mem.h"
#include "relayos/base/url.h"

#define REDIRECTS_MAX   3
#define TYPE_SIZE       64
#define CONNECT_US      3000000
#define CONNECTIONS_MAX 64 /* to one host */
#define HEAD_MAX        (URL_MAX + LIMIT_HOST + 256)

struct fetcher {
    struct fetcher_conf conf;
    struct upstream_pool *pool; /* NULL: nothing was fetched yet */
    size_t n_bytes;
    uint32_t n_running;
};

struct fetch {
    struct fetcher *fetcher;
    struct upstream_call *call; /* NULL: it does not run */
    struct fetch_request request;
    enum fetch_result result;
    struct buf url, head, bytes; /* url: what is asked now */
    char type[TYPE_SIZE];
    bool is_tls;
    uint8_t n_redirects;
};

static enum fetch_result ask(struct fetch *fetch);
static void fill_target(const struct fetch *fetch, const struct url *url,
                        struct upstream_record *out);
static void write_head(const struct url *url, struct buf *out);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static bool is_redirect(int status);
static void follow(struct fetch *fetch, const struct http_header *headers, size_t n_headers);
static bool resolve(const struct fetch *fetch, struct slice location, struct buf *out);
static struct slice find(const struct http_header *headers, size_t n_headers, const char *name);
static void note_type(struct fetch *fetch, struct slice value);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static enum fetch_result result_of(enum upstream_result result);
static void stop(struct fetch *fetch);
static void settle(struct fetch *fetch, enum fetch_result result);
static void drop_bytes(struct fetch *fetch);

const char *
fetch_result_name(enum fetch_result result)
{
    static const char *const names[FETCH_N_RESULTS] = {
#define RESULT(name, NAME, text) #name,
        FETCH_RESULTS(RESULT)
#undef RESULT
    };

    assert(result < FETCH_N_RESULTS);
    return names[result];
}

const char *
fetch_result_text(enum fetch_result result)
{
    static const char *const texts[FETCH_N_RESULTS] = {
#define RESULT(name, NAME, text) text,
        FETCH_RESULTS(RESULT)
#undef RESULT
    };

    assert(result < FETCH_N_RESULTS);
    return texts[result];
}

struct fetcher *
fetcher_new(const struct fetcher_conf *conf)
{
    struct fetcher *fetcher = mem_zalloc(sizeof(*fetcher));

    fetcher->conf = *conf;
    return fetcher;
}

void
fetcher_free(struct fetcher **fetcher)
{
    struct fetcher *f = *fetcher;

    if (f == NULL)
        return;
    *fetcher = NULL;
    assert(f->n_running == 0 && f->n_bytes == 0);
    upstream_pool_free(&f->pool);
    free(f);
}

struct fetch *
fetch_start(struct fetcher *fetcher, const struct fetch_request *request)
{
    struct fetch *fetch = mem_zalloc(sizeof(*fetch));

    fetch->fetcher = fetcher;
    fetch->request = *request;
    fetch->request.url = (struct slice){NULL, 0};
    buf_init(&fetch->url, URL_MAX);
    buf_init(&fetch->head, HEAD_MAX);
    buf_init(&fetch->bytes, request->max_bytes);
    buf_append_slice(&fetch->url, request->url);
    if (fetch->url.overflow)
        fetch->result = FETCH_BAD_URL;
    else if (fetcher->n_running >= fetcher->conf.max_running)
        fetch->result = FETCH_NO_ROOM;
    else
        fetch->result = ask(fetch);
    fetcher->n_running += fetch->result == FETCH_RUNNING;
    return fetch;
}

/* RUNNING: the call is on its way. */
static enum fetch_result
ask(struct fetch *fetch)
{
    static const struct upstream_events events = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct fetcher *fetcher = fetch->fetcher;
    struct upstream_record target;
    struct url url;

    if (url_parse(buf_slice(&fetch->url), &url) != NULL ||
        (fetch->n_redirects > 0 && fetch->is_tls && !url.is_tls))
        return FETCH_BAD_URL;
    if (!fetcher->conf.takes_name(slice_str(url.host)))
        return FETCH_FORBIDDEN;
    if (fetcher->pool == NULL) {
        fetcher->pool = upstream_pool_new(fetcher->conf.loop);
        upstream_pool_guard(fetcher->pool, fetcher->conf.guard, fetcher->conf.guard_ctx);
    }
    fetch->is_tls = url.is_tls;
    fill_target(fetch, &url, &target);
    buf_clear(&fetch->head);
    write_head(&url, &fetch->head);
    assert(!fetch->head.overflow);

    const struct upstream_request request = {.target = &target,
                                             .head = buf_slice(&fetch->head),
                                             .deadline_us = fetch->request.deadline_us};
    fetch->call = upstream_start(fetcher->pool, &request, &events, fetch);
    return FETCH_RUNNING;
}

/* Past the handshake it is the deadline alone that counts. */
static void
fill_target(const struct fetch *fetch, const struct url *url, struct upstream_record *out)
{
    *out = (struct upstream_record){
        .port = url->port,
        .is_tls = url->is_tls,
        .max_connections = CONNECTIONS_MAX,
        .connect_timeout_us = CONNECT_US,
        .tls_timeout_us = CONNECT_US,
    };
    snprintf(out->host, sizeof(out->host), "%s", url->host);
    snprintf(out->ca_file, sizeof(out->ca_file), "%s", fetch->fetcher->conf.ca_file);
    /* It only spreads them: what is the same is compared in full. */
    for (const char *at = url->host; *at != '\0'; at++)
        out->origin_hash = 31 * out->origin_hash % INT32_MAX + *at;
}

static void
write_head(const struct url *url, struct buf *out)
{
    const bool is_usual = url->port == (url->is_tls ? 443 : 80);
    const bool has_slash = url->target.len > 0 && url->target.ptr[0] == '/';

    buf_append_str(out, "GET ");
    buf_append_str(out, has_slash ? "" : "/");
    buf_append_slice(out, url->target);
    buf_printf(out, url->is_v6 ? " HTTP/1.1\r\nhost: [%s]" : " HTTP/1.1\r\nhost: %s", url->host);
    if (!is_usual)
        buf_printf(out, ":%u", url->port);
    buf_append_str(out, "\r\nuser-agent: RelayOS\r\naccept: */*\r\naccept-encoding: identity\r\n"
                        "connection: close\r\n\r\n");
}

/* ---- the answer ---- */

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct fetch *fetch = data;
    const struct fetch_request *request = &fetch->request;

    if (is_redirect(status)) {
        follow(fetch, headers, n_headers);
        return;
    }
    if (status != 200) {
        settle(fetch, FETCH_BAD_STATUS);
        return;
    }
    const int64_t length = field_parse_length(find(headers, n_headers, "content-length"));
    const size_t most = *request->left < request->max_bytes ? *request->left : request->max_bytes;

    if (length > 0 && (uint64_t)length > most)
        settle(fetch, FETCH_TOO_LARGE);
    else
        note_type(fetch, find(headers, n_headers, "content-type"));
}

static bool
is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void
follow(struct fetch *fetch, const struct http_header *headers, size_t n_headers)
{
    struct buf next;

    buf_init(&next, URL_MAX);
    if (fetch->n_redirects == REDIRECTS_MAX) {
        settle(fetch, FETCH_REDIRECTS);
        return;
    }
    if (!resolve(fetch, find(headers, n_headers, "location"), &next)) {
        buf_fini(&next);
        settle(fetch, FETCH_BAD_STATUS);
        return;
    }
    stop(fetch);
    buf_fini(&fetch->url);
    fetch->url = next;
    fetch->n_redirects++;
    const enum fetch_result result = ask(fetch);
    if (result != FETCH_RUNNING)
        settle(fetch, result);
}

/* "https://host/path", "//host/path" or "/path": what hosts of files say. */
static bool
resolve(const struct fetch *fetch, struct slice location, struct buf *out)
{
    struct url now;

    if (location.len == 0)
        return false;
    if (url_parse(buf_slice(&fetch->url), &now) != NULL)
        assert(!"it was asked");
    if (slice_starts_with(location, SLICE_LIT("//")))
        buf_append_str(out, now.is_tls ? "https:" : "http:");
    else if (location.ptr[0] == '/')
        buf_append(out, fetch->url.ptr, (size_t)(now.target.ptr - fetch->url.ptr));
    buf_append_slice(out, location);
    return !out->overflow;
}

static struct slice
find(const struct http_header *headers, size_t n_headers, const char *name)
{
    for (size_t i = 0; i < n_headers; i++)
        if (slice_eq_str(headers[i].name, name))
            return headers[i].value;
    return (struct slice){NULL, 0};
}

static void
note_type(struct fetch *fetch, struct slice value)
{
    size_t n = 0;

    for (; n < value.len && n < TYPE_SIZE - 1; n++) {
        char c = value.ptr[n];

        if (c == ';' || c == ' ' || c == '\t')
            break;
        fetch->type[n] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    fetch->type[n] = '\0';
}

static void
on_body(void *data, struct slice bytes)
{
    struct fetch *fetch = data;
    struct fetcher *fetcher = fetch->fetcher;
    size_t *left = fetch->request.left;

    if (bytes.len > *left || bytes.len > fetch->request.max_bytes - fetch->bytes.len) {
        settle(fetch, FETCH_TOO_LARGE);
        return;
    }
    if (bytes.len > fetcher->conf.max_bytes - fetcher->n_bytes ||
        (fetch->request.may_hold != NULL &&
         !fetch->request.may_hold(fetch->request.data, bytes.len))) {
        settle(fetch, FETCH_NO_ROOM);
        return;
    }
    *left -= bytes.len;
    fetcher->n_bytes += bytes.len;
    buf_append_slice(&fetch->bytes, bytes);
}

static void
on_end(void *data, const struct upstream_report *report)
{
    struct fetch *fetch = data;

    fetch->call = NULL;
    settle(fetch, result_of(report->result));
}

static enum fetch_result
result_of(enum upstream_result result)
{
    switch (result) {
    case UPSTREAM_OK:
        return FETCH_OK;
    case UPSTREAM_FORBIDDEN:
        return FETCH_FORBIDDEN;
    case UPSTREAM_RESOLVE:
    case UPSTREAM_CONNECT:
    case UPSTREAM_CONNECT_TIMEOUT:
    case UPSTREAM_TLS:
    case UPSTREAM_TLS_TIMEOUT:
        return FETCH_UNREACHABLE;
    case UPSTREAM_FIRST_BYTE_TIMEOUT:
    case UPSTREAM_IDLE_TIMEOUT:
    case UPSTREAM_TOTAL_TIMEOUT:
        return FETCH_TIMEOUT;
    case UPSTREAM_NO_CONNECTION:
        return FETCH_NO_ROOM;
    case UPSTREAM_RESET:
    case UPSTREAM_CUT:
    case UPSTREAM_BAD_ANSWER:
        return FETCH_BAD_ANSWER;
    }
    return FETCH_BAD_ANSWER;
}

/* ---- the end ---- */

static void
stop(struct fetch *fetch)
{
    if (fetch->call != NULL)
        upstream_cancel(fetch->call, NULL);
    fetch->call = NULL;
}

/* Last thing a function does: the fetch may be gone. */
static void
settle(struct fetch *fetch, enum fetch_result result)
{
    assert(fetch->result == FETCH_RUNNING && result != FETCH_RUNNING);
    stop(fetch);
    fetch->result = result;
    fetch->fetcher->n_running--;
    if (result != FETCH_OK)
        drop_bytes(fetch);
    fetch->request.on_end(fetch->request.data);
}

void
fetch_free(struct fetch **fetch)
{
    struct fetch *f = *fetch;

    if (f == NULL)
        return;
    *fetch = NULL;
    stop(f);
    f->fetcher->n_running -= f->result == FETCH_RUNNING;
    drop_bytes(f);
    buf_fini(&f->url);
    buf_fini(&f->head);
    free(f);
}

static void
drop_bytes(struct fetch *fetch)
{
    fetch->fetcher->n_bytes -= fetch->bytes.len;
    buf_fini(&fetch->bytes);
    buf_init(&fetch->bytes, 0);
}

enum fetch_result
fetch_result(const struct fetch *fetch)
{
    return fetch->result;
}

struct slice
fetch_bytes(const struct fetch *fetch)
{
    assert(fetch->result == FETCH_OK);
    return buf_slice(&fetch->bytes);
}

const char *
fetch_type(const struct fetch *fetch)
{
    return fetch->type;
}
