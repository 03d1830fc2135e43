/* SPDX-License-Identifier: ISC */
#include "alert_post.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"
#include "relayos/shm/tally.h"
#include "retry_pace.h"

static void send_first(struct alert_post *post);
static void on_end(void *ctx, int status, enum upstream_result result);
static void make_room(struct alert_post *post, const struct alert *next);
static bool is_last_word(struct alert_post *post, uint32_t n, const struct alert *next);
static bool is_same(const struct alert *a, const struct alert *b);
static struct alert_notice *nth(struct alert_post *post, uint32_t n);
static void drop_first(struct alert_post *post);
static void on_timer(struct timer *timer);
static void write_moment(struct json_out *json, const char *key, int64_t real_us);

void
alert_post_init(struct alert_post *post, struct segment *segment, struct loop *loop,
                struct upstream_pool *pool, const struct conf_receiver *receiver)
{
    post->segment = segment;
    post_init(&post->post, receiver, "");
    post->post.loop = loop;
    post->post.pool = pool;
    post->post.on_end = on_end;
    post->post.ctx = post;
    post->hmac = receiver->secret == NULL ? NULL : hash_hmac_new(receiver->secret);
}

void
alert_post_fini(struct alert_post *post)
{
    timer_unset(post->post.loop, &post->timer);
    post_fini(&post->post);
    if (post->hmac != NULL)
        hash_hmac_free(&post->hmac);
}

void
alert_post_queue(struct alert_post *post, const struct alert *alert, bool is_resolved)
{
    if (post->n_queued == ALERT_QUEUE)
        make_room(post, alert);
    *nth(post, post->n_queued++) =
        (struct alert_notice){.alert = *alert, .is_resolved = is_resolved};
    if (post->n_queued == 1 && !post_is_under_way(&post->post))
        send_first(post);
}

/*
 * What is true now is worth more: the oldest goes of those that a later notice of the same alert
 * has overtaken, so that nobody is left with an alert that was over long ago; or else the oldest.
 * Not the first one while it is on its way.
 */
static void
make_room(struct alert_post *post, const struct alert *next)
{
    uint32_t least = post_is_under_way(&post->post) ? 1 : 0, at = least;

    while (at < post->n_queued && is_last_word(post, at, next))
        at++;
    if (at == post->n_queued)
        at = least;
    tally_add(post->segment, TALLY_ALERTS_DROPPED, 1);
    if (at == 0) {
        drop_first(post);
        return;
    }
    for (; at > 0; at--) /* those before it move up: who sends the first reads it at post->first */
        *nth(post, at) = *nth(post, at - 1);
    post->first = (post->first + 1) % ALERT_QUEUE;
    post->n_queued--;
}

static bool
is_last_word(struct alert_post *post, uint32_t n, const struct alert *next)
{
    const struct alert *alert = &nth(post, n)->alert;

    if (is_same(alert, next))
        return false;
    while (++n < post->n_queued) {
        if (is_same(alert, &nth(post, n)->alert))
            return false;
    }
    return true;
}

static bool
is_same(const struct alert *a, const struct alert *b)
{
    return a->kind == b->kind && strcmp(a->subject, b->subject) == 0;
}

static struct alert_notice *
nth(struct alert_post *post, uint32_t n)
{
    return &post->queue[(post->first + n) % ALERT_QUEUE];
}

static void
drop_first(struct alert_post *post)
{
    post->first = (post->first + 1) % ALERT_QUEUE;
    post->n_queued--;
    post->n_tries = 0;
}

static void
send_first(struct alert_post *post)
{
    int64_t real_us = clock_real_us();
    struct buf headers;

    if (post->is_held)
        return;
    timer_unset(post->post.loop, &post->timer);
    buf_init(&headers, 1024);
    alert_post_write(&post->queue[post->first], real_us, &post->post.body);
    if (post->hmac != NULL)
        alert_post_sign(post->hmac, buf_slice(&post->post.body), real_us, &headers);
    post_send(&post->post, buf_slice(&headers));
    buf_fini(&headers);
}

static void
on_end(void *ctx, int status, enum upstream_result result)
{
    struct alert_post *post = ctx;
    const struct alert *alert = &post->queue[post->first].alert;
    uint64_t random = 0;

    if (status >= 200 && status < 300) {
        tally_add(post->segment, TALLY_ALERTS_SENT, 1);
        drop_first(post);
        if (post->n_queued > 0)
            send_first(post);
        return;
    }
    tally_add(post->segment, TALLY_ALERTS_FAILED, 1);
    log_warn("alert.not_taken", "kind=%s subject=\"%s\" status=%d reason=%s tries=%u",
             alert_book_kind_name(alert->kind), alert->subject, status,
             upstream_result_name(result), ++post->n_tries);
    if (post->n_tries >= ALERT_TRIES) {
        log_error("alert.lost", "kind=%s subject=\"%s\" tries=%u",
                  alert_book_kind_name(alert->kind), alert->subject, post->n_tries);
        tally_add(post->segment, TALLY_ALERTS_DROPPED, 1);
        drop_first(post);
    }
    (void)!getrandom(&random, sizeof(random), 0);
    if (post->n_queued > 0)
        timer_set(post->post.loop, &post->timer,
                  loop_now_us(post->post.loop) +
                      retry_pace_asked_us(post->n_tries == 0 ? 1 : post->n_tries, random,
                                          post->post.retry_after_s),
                  on_timer);
}

static void
on_timer(struct timer *timer)
{
    struct alert_post *post =
        (struct alert_post *)((char *)timer - offsetof(struct alert_post, timer));

    if (post->n_queued > 0 && !post_is_under_way(&post->post))
        send_first(post);
}

/* ---- what is sent ---- */

/* id: the same for the alert and for its end, and over a restart of ours: by it a receiver tells
 * what it has had already. */
void
alert_post_write(const struct alert_notice *notice, int64_t real_us, struct buf *out)
{
    const struct alert *alert = &notice->alert;
    const char *kind = alert_book_kind_name(alert->kind);
    char name[sizeof(alert->subject) + 64], id[17], host[LIMIT_HOST] = "";
    int len = snprintf(name, sizeof(name), "%s|%s", kind, alert->subject);
    struct json_out json;

    (void)gethostname(host, sizeof(host) - 1);
    snprintf(id, sizeof(id), "%016llx",
             (unsigned long long)hash_table64(slice_of(name, (size_t)len)));
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "id", id);
    json_out_str(&json, "kind", kind);
    json_out_str(&json, "severity", alert_book_severity(alert->kind));
    json_out_bool(&json, "is_resolved", notice->is_resolved);
    json_out_str(&json, "subject", alert->subject);
    json_out_str(&json, "text", alert->text);
    write_moment(&json, "first_seen", alert->first_real_us);
    write_moment(&json, "sent", real_us);
    json_out_str(&json, "host", host);
    json_out_end_object(&json);
}

static void
write_moment(struct json_out *json, const char *key, int64_t real_us)
{
    char text[32];

    clock_format_utc(real_us, 3, text);
    json_out_str(json, key, text);
}

/* The time is signed with the body, so that an old one cannot be sent again as new. */
void
alert_post_sign(struct hash_hmac *hmac, struct slice body, int64_t real_us, struct buf *out)
{
    uint8_t digest[HASH_DIGEST_SIZE];
    char hex[2 * HASH_DIGEST_SIZE];
    struct buf text;
    long long seconds = real_us / 1000000;

    buf_init(&text, POST_BODY_MAX + 64);
    buf_printf(&text, "%lld.", seconds);
    buf_append_slice(&text, body);
    hash_hmac(hmac, buf_slice(&text), digest);
    buf_fini(&text);
    text_hex(digest, sizeof(digest), hex);
    buf_printf(out, "x-relayos-timestamp: %lld\r\nx-relayos-signature: sha256=%.*s\r\n", seconds,
               (int)sizeof(hex), hex);
}
