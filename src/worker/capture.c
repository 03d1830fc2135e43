/* SPDX-License-Identifier: ISC
 *
 * capture - collect while the call runs, look at it and write it when the call is over.
 *
 * A worker may not rename (base/syscalls.def), so that a file has its name from the start; what
 * tells a whole one from one that a death has cut off is its last byte, which nothing else of it
 * is.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "redact.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/codec/json_out.h"
#include "relayos/codec/scrub.h"
#include "relayos/model/capture.h"
#include "request.h"

#define GROWTH      6    /* of a byte that JSON escapes */
#define OTHER_BYTES 4096 /* of a file, beside the bodies */
#define WINDOW_US   INT64_C(60000000)

struct capture {
    struct scrub request, answer;
    size_t held;
    enum err_category category;
    unsigned status;
    char model[LIMIT_MODEL_NAME];
};

static bool has_room(struct worker *worker, size_t n);
static bool may_write(struct worker *worker);
static void write_record(struct request *r, struct buf *out);
static void write_body(struct json_out *json, const char *name, struct scrub *scrub);
static bool write_file(const struct request *r, struct slice bytes);

void
capture_begin(struct request *r)
{
    struct worker *worker = r->worker;
    size_t limit = (size_t)worker->conf->capture_body_bytes;
    size_t body = r->http.body.len < limit ? r->http.body.len : limit;

    assert(r->capture == NULL);
    if (worker->conf->capture_keep_us == 0)
        return; /* asked for before a restart that forbids it */
    if (!has_room(worker, body + limit)) {
        worker_count(worker, PROC_COUNTER_CAPTURES_LOST, 1);
        return;
    }
    struct capture *capture = mem_zalloc(sizeof(*capture));
    capture->held = body + limit;
    worker->captures.held += capture->held;
    scrub_init(&capture->request, limit);
    scrub_init(&capture->answer, limit);
    scrub_feed(&capture->request, r->http.body);
    r->capture = capture;
}

static bool
has_room(struct worker *worker, size_t n)
{
    size_t most = (size_t)worker->conf->capture_memory;

    return n <= most && worker->captures.held <= most - n;
}

void
capture_answer(struct request *r, struct slice bytes)
{
    if (r->capture != NULL)
        scrub_feed(&r->capture->answer, bytes);
}

void
capture_note(struct request *r, enum err_category category, unsigned status)
{
    struct capture *capture = r->capture;

    if (capture == NULL)
        return;
    capture->category = category;
    capture->status = status;
    redact_copy(capture->model, sizeof(capture->model),
                r->record != NULL ? slice_str(r->record->model) : r->facts.model);
}

void
capture_end(struct request *r)
{
    struct capture *capture = r->capture;
    struct worker *worker = r->worker;
    bool is_written = false;
    struct buf record;

    if (capture == NULL)
        return;
    if (may_write(worker)) {
        buf_init(&record, 4 * GROWTH * (size_t)worker->conf->capture_body_bytes + OTHER_BYTES);
        write_record(r, &record);
        is_written = !record.overflow && write_file(r, buf_slice(&record));
        worker->captures.written += (int64_t)record.len;
        buf_fini(&record);
    }
    worker_count(worker, is_written ? PROC_COUNTER_CAPTURES : PROC_COUNTER_CAPTURES_LOST, 1);
    worker->captures.held -= capture->held;
    scrub_fini(&capture->request);
    scrub_fini(&capture->answer);
    free(capture);
    r->capture = NULL;
}

/* Between two looks of retention no more than may be kept at all, of all workers together. */
static bool
may_write(struct worker *worker)
{
    struct capture_account *account = &worker->captures;
    int64_t window_us = worker->conf->checkpoint_interval_us, now_us = loop_now_us(worker->loop);

    if (now_us - account->since_us >= (window_us > WINDOW_US ? window_us : WINDOW_US)) {
        account->since_us = now_us;
        account->written = 0;
    }
    return account->written <
           worker->conf->capture_total / segment_capacity(worker->segment)->n_workers;
}

static void
write_record(struct request *r, struct buf *out)
{
    struct capture *capture = r->capture;
    char id[TEXT_UUID_SIZE];
    struct json_out json;

    text_uuid_format(r->id, id); /* a replayed answer has another in id_text */
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_string(&json, "request_id", slice_of(id, sizeof(id)));
    json_out_int(&json, "key_id", (int64_t)r->key_id);
    json_out_str(&json, "model", capture->model);
    json_out_str(&json, "endpoint", r->endpoint == NULL ? "none" : r->endpoint->path);
    json_out_int(&json, "status", capture->status);
    json_out_str(&json, "category",
                 capture->category == ERR_CATEGORY_NONE ? NULL
                                                        : err_category_name(capture->category));
    json_out_int(&json, "accepted_us", r->accepted_real_us);
    write_body(&json, "request", &capture->request);
    write_body(&json, "answer", &capture->answer);
    json_out_end_object(&json);
    buf_append_byte(out, '\n');
}

static void
write_body(struct json_out *json, const char *name, struct scrub *scrub)
{
    struct buf text;

    buf_init(&text, 4 * scrub->limit + OTHER_BYTES);
    scrub_write(scrub, &text);
    json_out_object(json, name);
    json_out_string(json, "body", buf_slice(&text));
    json_out_int(json, "bytes", (int64_t)scrub->n_bytes);
    json_out_bool(json, "is_cut", scrub->is_cut || text.overflow);
    json_out_end_object(json);
    buf_fini(&text);
}

/* What a full disk has left of one gives its blocks back. */
static bool
write_file(const struct request *r, struct slice bytes)
{
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    char path[CONF_PATH_SIZE + 64], id[TEXT_UUID_SIZE];

    text_uuid_format(r->id, id);
    snprintf(path, sizeof(path), "%s/" CAPTURE_DIRECTORY "/%.36s", r->worker->conf->data_dir, id);
    int fd = open(path, flags | O_EXCL, 0600);
    int err = fd < 0 ? -errno : fdio_write_all(fd, bytes.ptr, bytes.len);
    if (fd >= 0 && err != 0) {
        int again = open(path, flags | O_TRUNC, 0600);
        fdio_close(&again);
    }
    fdio_close(&fd);
    if (err != 0)
        log_warn("capture.failed", "file=%s reason=\"%s\"", path, strerror(-err));
    return err == 0;
}
