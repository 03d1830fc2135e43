/* SPDX-License-Identifier: ISC
 *
 * inlined - most requests have none of it: one look at the request's facts, and nothing more.
 */
#include "inlined.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "leg.h"
#include "pick.h"
#include "redact.h"
#include "relay.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/base/url.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/media_type.h"
#include "relayos/policy/address_guard.h"
#include "request.h"
#include "translation.h"

#define FETCHES_MAX 64   /* of a worker at a time; one key has half of them at most (share.h) */
#define SHARES      1024 /* of the memory, which goes to keys as fetches do */
#define SHOWN_MAX   96   /* of a URL, to whoever wrote it */

struct inlined_file {
    enum neutral_part_kind kind;
    struct buf raw;      /* the URL as the request has it: what it is found by */
    struct fetch *fetch; /* NULL: there was no room for it */
};

/* What a leg that waits goes on with. The worker's own copies are others' meanwhile. */
struct held {
    struct pick pick;
    struct model_record model;
    uint64_t model_epoch;
};

struct inlined {
    struct request *request;
    struct leg *leg;   /* that waits; NULL: none */
    struct held *held; /* with it */
    int64_t since_us;
    size_t left;   /* bytes that the request may still fetch */
    size_t n_held; /* that came; what their key has of the memory for them: */
    uint32_t n_shares;
    uint32_t n_running, n;
    struct inlined_file files[LIMIT_FETCHES];
    char fault[SHOWN_MAX + 32];
};

static bool may_connect(void *ctx, const struct sockaddr *address, bool is_tls);
static bool is_wanted(const struct leg *leg, const struct neutral_part *part);
static void fetch_missing(struct leg *leg);
static void add(struct request *r, const struct neutral_part *part);
static struct inlined *inlined_of(struct request *r);
static bool read_url(struct slice raw, struct buf *out);
static void hold(struct inlined *in, struct leg *leg, struct pick *pick);
static bool may_hold(void *data, size_t n);
static void on_fetched(void *data);
static void note_end(struct inlined *in);
static void go_on(struct inlined *in);
static void let_go(struct inlined *in, struct worker *worker);
static int apply(const struct request *r, struct neutral_part *part, struct arena *arena,
                 struct refusal_reason *why);
static struct inlined_file *find(struct inlined *in, const struct neutral_part *part);
static enum fetch_result result_of(const struct inlined_file *file);
static void say_why(const struct inlined_file *file, char *out, size_t size);
static const char *type_of(const struct inlined_file *file);
static struct slice base64(struct slice bytes, struct arena *arena);
static int refuse(const struct request *r, const struct inlined_file *file, const char *what,
                  struct refusal_reason *why);
static struct slice without_secrets(struct slice url);

/* ---- the worker's ---- */

void
inlined_open(struct worker *worker)
{
    const struct conf *conf = worker->conf;
    const struct fetcher_conf fetcher = {
        .loop = worker->loop,
        .guard = may_connect,
        .takes_name = address_guard_takes_name,
        .guard_ctx = worker,
        .ca_file = conf->fetch_ca_file,
        .max_bytes = (size_t)conf->fetch_memory,
        .max_running = FETCHES_MAX,
    };

    if (!conf->fetch_enabled)
        return;
    worker->fetcher = fetcher_new(&fetcher);
    share_init(&worker->fetch_share, FETCHES_MAX, 1);
    share_init(&worker->fetch_memory_share, SHARES, 1);
}

void
inlined_close(struct worker *worker)
{
    fetcher_free(&worker->fetcher);
    share_fini(&worker->fetch_share);
    share_fini(&worker->fetch_memory_share);
}

static bool
may_connect(void *ctx, const struct sockaddr *address, bool is_tls)
{
    const struct conf *conf = worker_from(ctx)->conf;
    const struct address_guard guard = {
        .allow = conf->fetch_allow.ranges,
        .n_allow = conf->fetch_allow.n,
        .deny = conf->fetch_deny.ranges,
        .n_deny = conf->fetch_deny.n,
        .allows_plain = conf->fetch_plain,
    };

    return address_guard_allows(&guard, address, is_tls);
}

/* ---- before the translation ---- */

bool
inlined_wait(struct leg *leg, struct pick *pick)
{
    struct request *r = leg->request;

    if (!r->facts.is_unbounded || r->worker->fetcher == NULL || !translation_is_needed(leg))
        return false;
    fetch_missing(leg);
    if (r->inlined == NULL || r->inlined->n_running == 0)
        return false;
    hold(r->inlined, leg, pick);
    return true;
}

static bool
is_wanted(const struct leg *leg, const struct neutral_part *part)
{
    return part->source == NEUTRAL_URL &&
           (part->kind == NEUTRAL_IMAGE || part->kind == NEUTRAL_FILE) &&
           !translate_takes_url(leg->protocol, leg->flavor, part);
}

/* What is wrong with the request itself, the translation will say. */
static void
fetch_missing(struct leg *leg)
{
    struct request *r = leg->request;
    struct neutral_request neutral;
    struct refusal_reason why;
    struct arena arena;

    arena_init(&arena, TRANSLATION_MAX_RECORDS);
    int err = translator_of(r->dialect->protocol)
                  ->read_request(r->facts.operation, r->facts.body, &arena, &neutral, &why);
    for (uint32_t i = 0; err == 0 && !arena.is_full && i < neutral.n_parts; i++)
        if (is_wanted(leg, &neutral.parts[i]))
            add(r, &neutral.parts[i]);
    arena_fini(&arena);
}

static void
add(struct request *r, const struct neutral_part *part)
{
    const struct conf *conf = r->worker->conf;
    struct inlined *in = inlined_of(r);
    int64_t deadline_us = loop_now_us(r->worker->loop) + conf->fetch_timeout_us;
    uint32_t n_others;
    struct buf url;

    if (find(in, part) != NULL || in->n == conf->fetch_files)
        return;
    struct inlined_file *file = &in->files[in->n++];
    file->kind = part->kind;
    buf_init(&file->raw, part->data.len);
    buf_append_slice(&file->raw, part->data);
    buf_init(&url, URL_MAX);

    const struct fetch_request request = {
        /* What cannot be read is no URL, as "" is none. */
        .url = read_url(part->data, &url) ? buf_slice(&url) : SLICE_LIT(""),
        .max_bytes = (size_t)conf->fetch_file_bytes,
        .left = &in->left,
        .deadline_us = deadline_us < r->deadline_us ? deadline_us : r->deadline_us,
        .may_hold = may_hold,
        .on_end = on_fetched,
        .data = in,
    };
    if (share_take(&r->worker->fetch_share, r->key_id, &n_others) == 0) {
        file->fetch = fetch_start(r->worker->fetcher, &request);
        in->n_running++;
        if (fetch_result(file->fetch) != FETCH_RUNNING)
            note_end(in);
    }
    buf_fini(&url);
}

static struct inlined *
inlined_of(struct request *r)
{
    if (r->inlined == NULL) {
        r->inlined = mem_zalloc(sizeof(*r->inlined));
        r->inlined->request = r;
        r->inlined->left = (size_t)r->worker->conf->fetch_total_bytes;
    }
    return r->inlined;
}

/* Raw strings stand without their quotes. */
static bool
read_url(struct slice raw, struct buf *out)
{
    struct buf quoted;

    buf_init(&quoted, raw.len + 2);
    buf_append_byte(&quoted, '"');
    buf_append_slice(&quoted, raw);
    buf_append_byte(&quoted, '"');
    int err = json_string_decode(buf_slice(&quoted), out);
    buf_fini(&quoted);
    return err == 0;
}

static void
hold(struct inlined *in, struct leg *leg, struct pick *pick)
{
    struct worker_scratch *scratch = &leg->request->worker->scratch;

    assert(in->leg == NULL);
    in->leg = leg;
    in->since_us = loop_now_us(leg->request->worker->loop);
    in->held = mem_alloc(sizeof(*in->held));
    in->held->pick = *pick;
    in->held->model = scratch->model;
    in->held->model_epoch = scratch->model_epoch;
    buf_init(&pick->credential, LIMIT_CREDENTIAL);
}

/* ---- they come ---- */

/* Less than a share is free: the number of requests bounds it (share.h). */
static bool
may_hold(void *data, size_t n)
{
    struct inlined *in = data;
    struct worker *worker = in->request->worker;
    const size_t size = (size_t)worker->conf->fetch_memory / SHARES;
    uint32_t n_has;

    for (; in->n_shares < (in->n_held + n) / size; in->n_shares++)
        if (share_take(&worker->fetch_memory_share, in->request->key_id, &n_has) != 0)
            return false;
    in->n_held += n;
    return true;
}

static void
on_fetched(void *data)
{
    struct inlined *in = data;

    note_end(in);
    if (in->n_running == 0 && in->leg != NULL)
        go_on(in);
}

static void
note_end(struct inlined *in)
{
    assert(in->n_running > 0);
    in->n_running--;
    share_give(&in->request->worker->fetch_share, in->request->key_id);
}

/* The request may be gone after it. */
static void
go_on(struct inlined *in)
{
    struct leg *leg = in->leg;
    struct worker *worker = in->request->worker;
    int64_t now_us = loop_now_us(worker->loop);

    snprintf(leg->attempt->note, sizeof(leg->attempt->note), "waited %lld ms for %u files",
             (long long)((now_us - in->since_us) / 1000), in->n);
    leg->attempt->start_us = now_us; /* the route is not to blame for what was before */
    let_go(in, worker);
    relay_send_leg(leg, &worker->scratch.pick);
}

/* The worker's copies are this leg's again. */
static void
let_go(struct inlined *in, struct worker *worker)
{
    struct worker_scratch *scratch = &worker->scratch;
    struct held *held = in->held;

    buf_fini(&scratch->pick.credential);
    scratch->pick = held->pick;
    scratch->model = held->model;
    scratch->model_epoch = held->model_epoch;
    free(held);
    in->held = NULL;
    in->leg = NULL;
}

bool
inlined_is_waiting(const struct leg *leg)
{
    return leg->request->inlined->leg == leg;
}

/* What comes later is kept for whoever is next. */
void
inlined_cancel(struct leg *leg)
{
    struct inlined *in = leg->request->inlined;
    struct buf *credential = &in->held->pick.credential;

    assert(inlined_is_waiting(leg));
    if (credential->ptr != NULL)
        secret_wipe(credential->ptr, credential->len);
    buf_fini(credential);
    free(in->held);
    in->held = NULL;
    in->leg = NULL;
}

/* ---- in the translation ---- */

int
inlined_apply(const struct leg *leg, struct neutral_request *neutral, struct arena *arena,
              struct refusal_reason *why)
{
    const struct request *r = leg->request;
    int err = 0;

    if (r->inlined == NULL)
        return 0;
    r->inlined->fault[0] = '\0';
    for (uint32_t i = 0; err == 0 && i < neutral->n_parts; i++)
        if (is_wanted(leg, &neutral->parts[i]))
            err = apply(r, &neutral->parts[i], arena, why);
    return err;
}

static int
apply(const struct request *r, struct neutral_part *part, struct arena *arena,
      struct refusal_reason *why)
{
    const struct inlined_file *file = find(r->inlined, part);
    char what[96];

    if (file == NULL)
        return refuse(r, NULL, "the request names too many of them", why);
    if (result_of(file) != FETCH_OK) {
        say_why(file, what, sizeof(what));
        return refuse(r, file, what, why);
    }
    const char *type = type_of(file);
    if (type == NULL)
        return refuse(r, file, "it is not of a type that the model takes", why);
    part->source = NEUTRAL_INLINE;
    part->media_type = slice_str(type);
    part->data = base64(fetch_bytes(file->fetch), arena);
    return 0;
}

static struct inlined_file *
find(struct inlined *in, const struct neutral_part *part)
{
    for (uint32_t i = 0; i < in->n; i++)
        if (in->files[i].kind == part->kind && slice_eq(buf_slice(&in->files[i].raw), part->data))
            return &in->files[i];
    return NULL;
}

static enum fetch_result
result_of(const struct inlined_file *file)
{
    return file->fetch == NULL ? FETCH_NO_ROOM : fetch_result(file->fetch);
}

/* Of a URL that is none, the first thing that is wrong; a redirect's is the host's fault. */
static void
say_why(const struct inlined_file *file, char *out, size_t size)
{
    const char *wrong = NULL;
    struct url url;
    struct buf text;

    buf_init(&text, URL_MAX);
    if (result_of(file) == FETCH_BAD_URL && read_url(buf_slice(&file->raw), &text))
        wrong = url_parse(buf_slice(&text), &url);
    snprintf(out, size, "%s%s", wrong == NULL ? "" : "it ",
             wrong == NULL ? fetch_result_text(result_of(file)) : wrong);
    buf_fini(&text);
}

static const char *
type_of(const struct inlined_file *file)
{
    const struct slice bytes = fetch_bytes(file->fetch);

    return file->kind == NEUTRAL_IMAGE ? media_type_of_image(bytes)
                                       : media_type_of_document(bytes, fetch_type(file->fetch));
}

/* "" when the arena is full: whoever has it looks at the end. */
static struct slice
base64(struct slice bytes, struct arena *arena)
{
    unsigned char *room = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);

    if (room == NULL)
        return (struct slice){NULL, 0};
    int len = EVP_EncodeBlock(room, (const unsigned char *)bytes.ptr, (int)bytes.len);
    return slice_of(room, (size_t)len);
}

static int
refuse(const struct request *r, const struct inlined_file *file, const char *what,
       struct refusal_reason *why)
{
    struct slice url = file == NULL ? SLICE_LIT("") : without_secrets(buf_slice(&file->raw));
    enum fetch_result result = file == NULL ? FETCH_OK : result_of(file);
    char shown[SHOWN_MAX];

    redact_copy(shown, sizeof(shown), url);
    snprintf(why->param, sizeof(why->param), "%s",
             r->dialect->protocol == PROTOCOL_OPENAI_RESPONSES ? "input" : "messages");
    if (file == NULL)
        snprintf(why->detail, sizeof(why->detail), "%s", what);
    else
        snprintf(why->detail, sizeof(why->detail), "%s (%s)", what, shown);
    snprintf(r->inlined->fault, sizeof(r->inlined->fault), "%s: %s",
             result == FETCH_OK ? "file" : fetch_result_name(result), shown);
    if (result == FETCH_FORBIDDEN)
        log_warn("fetch.forbidden", "url=%s request_id=%.36s", shown, r->id_text);
    return result == FETCH_NO_ROOM ? ERR_OVERLOADED : ERR_INVALID_URL;
}

/* A query or fragment may be a signature, and what stands before an "@" a password. */
static struct slice
without_secrets(struct slice url)
{
    static const char ends[] = {'?', '#'};

    for (size_t i = 0; i < sizeof(ends); i++) {
        const char *end = url.len > 0 ? memchr(url.ptr, ends[i], url.len) : NULL;

        url.len = end == NULL ? url.len : (size_t)(end - url.ptr);
    }
    const char *at = url.len > 0 ? memrchr(url.ptr, '@', url.len) : NULL;
    return at == NULL ? url : slice_sub(url, (size_t)(at + 1 - url.ptr), url.len);
}

const char *
inlined_fault(const struct request *r)
{
    return r->inlined == NULL ? "" : r->inlined->fault;
}

void
inlined_dispose(struct request *r)
{
    struct inlined *in = r->inlined;

    assert(in->leg == NULL);
    while (in->n_running > 0)
        note_end(in);
    for (; in->n_shares > 0; in->n_shares--)
        share_give(&r->worker->fetch_memory_share, r->key_id);
    for (uint32_t i = 0; i < in->n; i++) {
        fetch_free(&in->files[i].fetch);
        buf_fini(&in->files[i].raw);
    }
    free(in);
    r->inlined = NULL;
}
