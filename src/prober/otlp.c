/* SPDX-License-Identifier: ISC */
#include "otlp.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "otlp_span.h"
#include "post.h"
#include "prober.h"
#include "relayos/base/fdio.h"
#include "relayos/base/hash.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/shm/tally.h"
#include "retry_pace.h"

#define BATCH_ROWS  128
#define BATCH_BYTES (1024 * 1024) /* a batch ends with the request that passes it */
#define NO_SEQ      (-1)
#define READ_TRIES                                                                                 \
    5 /* of a batch, with a pause before each: then it goes without what cannot be read */

struct otlp {
    struct prober *prober;
    struct timer timer;
    struct post post;
    int mark_fd;
    int64_t seq; /* rows up to it are done with; NO_SEQ: not known yet */
    int64_t batch_seq;
    uint32_t n_batch;    /* requests in it */
    uint32_t n_gone;     /* and such whose trace is gone */
    uint32_t n_failures; /* in a row */
    uint32_t n_unread;   /* batches that could not be read, in a row */
    bool is_full;        /* there is more behind the batch */
    struct buf headers;  /* hold secrets */
    struct store_row rows[BATCH_ROWS];
    struct store_trace trace;
};

static void write_headers(struct slice pairs, struct buf *out);
static int open_mark(const char *data_dir);
static void on_timer(struct timer *timer);
static bool find_start(struct otlp *otlp, struct store *store);
static bool collect(struct otlp *otlp, struct store *store);
static void read_again(struct otlp *otlp);
static int add(struct otlp *otlp, struct store *store, const struct store_row *row,
               struct json_out *json);
static void on_end(void *ctx, int status, enum upstream_result result);
static void try_again(struct otlp *otlp, int status, enum upstream_result result);
static void go_on(struct otlp *otlp);
static void keep_mark(const struct otlp *otlp);
static void set_timer(struct otlp *otlp, int64_t wait_us);

struct otlp *
otlp_new(struct prober *prober)
{
    const struct conf *conf = prober->heritage->conf;

    if (conf->otlp.url[0] == '\0')
        return NULL;

    struct otlp *otlp = mem_zalloc(sizeof(*otlp));

    otlp->prober = prober;
    otlp->seq = NO_SEQ;
    otlp->mark_fd = open_mark(conf->data_dir);
    buf_init(&otlp->headers, POST_HEAD_MAX / 2);
    (void)buf_reserve(&otlp->headers,
                      POST_HEAD_MAX / 2); /* growing, it would leave secrets behind */
    if (conf->otlp.secret != NULL)
        write_headers(secret_expose(conf->otlp.secret), &otlp->headers);
    post_init(&otlp->post, &conf->otlp, "/v1/traces");
    otlp->post.loop = prober->loop;
    otlp->post.pool = prober->pool;
    otlp->post.on_end = on_end;
    otlp->post.ctx = otlp;
    set_timer(otlp, 0);
    return otlp;
}

static void
write_headers(struct slice pairs, struct buf *out)
{
    struct slice name, value;

    while (conf_header_next(&pairs, &name, &value)) {
        buf_append_slice(out, name);
        buf_append_str(out, ": ");
        buf_append_slice(out, value);
        buf_append_str(out, "\r\n");
    }
}

static int
open_mark(const char *data_dir)
{
    char path[CONF_PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s/otlp.mark", data_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        log_warn("otlp.no_mark", "file=%s reason=\"%s\"", path, strerror(errno));
    return fd;
}

void
otlp_free(struct otlp **otlp)
{
    struct otlp *old = *otlp;

    if (old == NULL)
        return;
    timer_unset(old->prober->loop, &old->timer);
    post_fini(&old->post);
    if (old->headers.len > 0)
        secret_wipe(old->headers.ptr, old->headers.len);
    buf_fini(&old->headers);
    fdio_close(&old->mark_fd);
    free(old);
    *otlp = NULL;
}

bool
otlp_is_under_way(const struct otlp *otlp)
{
    return post_is_under_way(&otlp->post);
}

static void
on_timer(struct timer *timer)
{
    struct otlp *otlp = (struct otlp *)((char *)timer - offsetof(struct otlp, timer));
    struct store *store = reading_store(&otlp->prober->reading);

    if (post_is_under_way(&otlp->post) || otlp->prober->is_leaving)
        return;
    if (store == NULL || !find_start(otlp, store) || !collect(otlp, store)) {
        set_timer(otlp, otlp->prober->heritage->conf->otlp_interval_us);
        return;
    }
    if (otlp->n_batch == 0)
        go_on(otlp);
    else
        post_send(&otlp->post, buf_slice(&otlp->headers));
}

/* Where there is no mark, or one of another database: what comes from now on. That is kept at once:
 * a prober that ends before its first batch is taken must not cost what was settled meanwhile. */
static bool
find_start(struct otlp *otlp, struct store *store)
{
    char text[OTLP_MARK_SIZE];
    int64_t last, seq;

    if (otlp->seq != NO_SEQ)
        return true;
    if (store_row_last_seq(store, &last) != 0) {
        reading_distrust(&otlp->prober->reading);
        return false;
    }
    ssize_t n = otlp->mark_fd < 0 ? 0 : pread(otlp->mark_fd, text, sizeof(text), 0);
    bool is_known = n >= 0 && otlp_mark_read(slice_of(text, (size_t)n), &seq) == 0 && seq <= last;
    otlp->seq = is_known ? seq : last;
    if (!is_known)
        keep_mark(otlp);
    tally_set(otlp->prober->segment, TALLY_TRACES_SEQ, otlp->seq);
    log_info("otlp.begin", "after_row=%lld rows_behind=%lld", (long long)otlp->seq,
             (long long)(last - otlp->seq));
    return true;
}

/* False: nothing new, or nothing that can be read. */
static bool
collect(struct otlp *otlp, struct store *store)
{
    const struct store_row_filter all = {.key_id = 0};
    struct store_row_cursor cursor = {.after = otlp->seq};
    struct json_out json;
    size_t n_rows = 0, n = 0;
    int rc = store_row_next(store, &all, &cursor, otlp->rows, BATCH_ROWS, &n_rows);

    if (rc != 0) {
        read_again(otlp);
        return false;
    }
    if (n_rows == 0 && cursor.is_at_end)
        return false;
    buf_clear(&otlp->post.body);
    otlp->n_batch = otlp->n_gone = 0;
    json_out_init(&json, &otlp->post.body);
    otlp_span_begin(&json);
    while (rc == 0 && n < n_rows && otlp->post.body.len < BATCH_BYTES)
        rc = add(otlp, store, &otlp->rows[n++], &json);
    if (rc != 0) {
        read_again(otlp);
        return false;
    }
    otlp->n_unread = 0;
    otlp_span_end(&json);
    otlp->batch_seq = n < n_rows ? otlp->rows[n - 1].seq : cursor.after;
    otlp->is_full = n < n_rows || !cursor.is_at_end;
    return true;
}

static void
read_again(struct otlp *otlp)
{
    otlp->n_unread++;
    if (otlp->n_unread == 1 || otlp->n_unread == READ_TRIES)
        log_warn("otlp.unread", "after_row=%lld tries=%u", (long long)otlp->seq, otlp->n_unread);
    reading_distrust(&otlp->prober->reading);
}

/* A trace may be gone while its row stays: corrections never had one. One that cannot be read now
 * is not gone, until it is the one that all others wait for. */
static int
add(struct otlp *otlp, struct store *store, const struct store_row *row, struct json_out *json)
{
    const struct conf *conf = otlp->prober->heritage->conf;
    const struct otlp_request request = {
        .row = row, .trace = &otlp->trace, .has_upstreams = conf->otlp_upstreams};

    if (row->is_correction || conf->otlp_sample == 0)
        return 0;
    int rc = store_trace_get(store, row->request_id, &otlp->trace);
    bool is_gone = rc == ERR_MISSING || (rc != 0 && otlp->n_unread >= READ_TRIES);
    otlp->n_gone += is_gone;
    if (rc != 0)
        return is_gone ? 0 : rc;
    if (!otlp_span_is_sampled(row, otlp->trace.flight.traceparent, conf->otlp_sample))
        return 0;
    otlp_span_write(json, &request);
    otlp->n_batch++;
    return 0;
}

static void
on_end(void *ctx, int status, enum upstream_result result)
{
    struct otlp *otlp = ctx;
    struct segment *segment = otlp->prober->segment;

    switch (otlp_verdict_of(status)) {
    case OTLP_TAKEN:
        tally_add(segment, TALLY_TRACES_SENT, otlp->n_batch);
        go_on(otlp);
        break;
    case OTLP_REFUSED:
        log_error("otlp.refused", "status=%d traces=%u", status, otlp->n_batch);
        tally_add(segment, TALLY_TRACES_DROPPED, otlp->n_batch);
        go_on(otlp);
        break;
    case OTLP_AGAIN:
        try_again(otlp, status, result);
        break;
    }
}

static void
try_again(struct otlp *otlp, int status, enum upstream_result result)
{
    uint64_t random = 0;

    (void)!getrandom(&random, sizeof(random), 0);
    int64_t wait_us = retry_pace_asked_us(++otlp->n_failures, random, otlp->post.retry_after_s);
    tally_add(otlp->prober->segment, TALLY_TRACES_FAILED, 1);
    log_warn("otlp.not_taken", "status=%d reason=%s failures=%u again_ms=%lld", status,
             upstream_result_name(result), otlp->n_failures, (long long)wait_us / 1000);
    set_timer(otlp, wait_us);
}

/* The batch is done with. */
static void
go_on(struct otlp *otlp)
{
    struct segment *segment = otlp->prober->segment;

    otlp->seq = otlp->batch_seq;
    otlp->n_failures = 0;
    keep_mark(otlp);
    tally_add(segment, TALLY_TRACES_DROPPED, otlp->n_gone);
    tally_set(segment, TALLY_TRACES_SEQ, otlp->seq);
    set_timer(otlp, otlp->is_full ? 0 : otlp->prober->heritage->conf->otlp_interval_us);
}

/* Not there after a power cut: some are sent again, which they may be. */
static void
keep_mark(const struct otlp *otlp)
{
    char text[OTLP_MARK_SIZE];

    otlp_mark_write(otlp->seq, text);
    if (otlp->mark_fd >= 0 && pwrite(otlp->mark_fd, text, sizeof(text), 0) != sizeof(text))
        log_warn("otlp.no_mark", "file=otlp.mark reason=\"%s\"", strerror(errno));
}

static void
set_timer(struct otlp *otlp, int64_t wait_us)
{
    timer_set(otlp->prober->loop, &otlp->timer, loop_now_us(otlp->prober->loop) + wait_us,
              on_timer);
}

/* ---- pure ---- */

/* What a receiver will say again to the same bytes is not asked again; what its operator can mend
 * (a wrong token, a wrong path) is. */
enum otlp_verdict
otlp_verdict_of(int status)
{
    if (status >= 200 && status < 300)
        return OTLP_TAKEN;
    if (status == 400 || status == 413 || status == 415 || status == 422)
        return OTLP_REFUSED;
    return OTLP_AGAIN;
}

/* Of one size, so that a shorter one leaves nothing of a longer behind; with a sum, so that half of
 * one is none. */
void
otlp_mark_write(int64_t seq, char out[OTLP_MARK_SIZE])
{
    char text[OTLP_MARK_SIZE + 1];
    int len = snprintf(text, sizeof(text), "%020lld ", (long long)seq);

    snprintf(text + len, sizeof(text) - (size_t)len, "%08x  \n",
             hash_crc32(slice_of(text, (size_t)len)));
    memcpy(out, text, OTLP_MARK_SIZE);
}

int
otlp_mark_read(struct slice text, int64_t *out_seq)
{
    char expected[OTLP_MARK_SIZE];
    int64_t seq;

    if (text.len != OTLP_MARK_SIZE || text_int_parse(slice_sub(text, 0, 20), &seq) != 0)
        return ERR_SYNTAX;
    otlp_mark_write(seq, expected);
    if (memcmp(expected, text.ptr, OTLP_MARK_SIZE) != 0)
        return ERR_SYNTAX;
    *out_seq = seq;
    return 0;
}
