/* SPDX-License-Identifier: ISC */
#include "alert_post.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/shm/tally.h"
#include "retry_pace.h"
#include "segment_fixture.h"

static struct alert_notice notice = {.alert = {.kind = ALERT_QUOTA_NEAR,
                                               .subject = "key 7 \"cursor\"",
                                               .text = "80 % are used",
                                               .first_real_us = INT64_C(1764145800000000)}};

static void
write_notice(struct buf *out)
{
    buf_init(out, 1 << 16);
    alert_post_write(&notice, INT64_C(1764145801500000), out);
    buf_append_byte(out, '\0');
}

Test(alert_post, says_what_is_the_matter_as_json)
{
    struct buf body;

    write_notice(&body);
    cr_expect_not_null(strstr(body.ptr, "\"kind\":\"quota_near\",\"severity\":\"warning\","
                                        "\"is_resolved\":false,"
                                        "\"subject\":\"key 7 \\\"cursor\\\"\","
                                        "\"text\":\"80 % are used\","
                                        "\"first_seen\":\"2025-11-26T08:30:00.000Z\","
                                        "\"sent\":\"2025-11-26T08:30:01.500Z\""),
                       "%s", body.ptr);
    buf_fini(&body);
}

/* By it a receiver knows what it has had, and which alert is over. */
Test(alert_post, an_alert_and_its_end_have_one_id)
{
    struct buf first, second;

    write_notice(&first);
    notice.is_resolved = true;
    snprintf(notice.alert.text, sizeof notice.alert.text, "other words");
    write_notice(&second);
    cr_expect_eq(memcmp(first.ptr, second.ptr, strlen("{\"id\":\"0123456789abcdef\"")), 0);
    notice.alert.kind = ALERT_QUOTA_USED_UP;
    buf_fini(&second);
    write_notice(&second);
    cr_expect_neq(memcmp(first.ptr, second.ptr, strlen("{\"id\":\"0123456789abcdef\"")), 0);
    buf_fini(&first);
    buf_fini(&second);
}

/* printf '1764145801.{}' | openssl dgst -sha256 -hmac secret */
Test(alert_post, is_signed_with_its_time)
{
    struct secret *secret = secret_new("secret", 6);
    struct hash_hmac *hmac = hash_hmac_new(secret);
    struct buf out;

    buf_init(&out, 1024);
    alert_post_sign(hmac, SLICE_LIT("{}"), INT64_C(1764145801999999), &out);
    buf_append_byte(&out, '\0');
    cr_expect_str_eq(out.ptr,
                     "x-relayos-timestamp: 1764145801\r\nx-relayos-signature: "
                     "sha256=18abef8b05508e94c824bd6da0fdd128e912a155574b54d0c52178b4bbf53eb1\r\n");
    buf_fini(&out);
    hash_hmac_free(&hmac);
    secret_free(&secret);
}

Test(alert_post, pauses_grow_to_a_bound_and_differ)
{
    for (uint32_t n = 1; n < 100; n++) {
        int64_t shortest_us = retry_pace_us(n, 0), longest_us = INT64_MIN;

        for (uint64_t random = 0; random < 100; random++) {
            int64_t us = retry_pace_us(n, random * UINT64_C(0x9e3779b97f4a7c15));

            cr_assert_geq(us, shortest_us);
            cr_assert_leq(us, RETRY_PACE_MAX_US);
            cr_assert_leq(us, 2 * shortest_us);
            longest_us = us > longest_us ? us : longest_us;
        }
        cr_assert_gt(longest_us, shortest_us);
        if (n > 1)
            cr_assert_geq(shortest_us, retry_pace_us(n - 1, 0));
    }
    cr_expect_eq(retry_pace_us(1, 0), RETRY_PACE_FIRST_US / 2);
    cr_expect_eq(retry_pace_us(50, 0), RETRY_PACE_MAX_US / 2);
}

Test(alert_post, a_receiver_may_ask_for_more_patience_but_not_for_ever)
{
    for (uint64_t random = 0; random < 1000; random++) {
        uint64_t bits = random * UINT64_C(0x9e3779b97f4a7c15);

        cr_assert_eq(retry_pace_asked_us(3, bits, 0), retry_pace_us(3, bits));
        cr_assert_eq(retry_pace_asked_us(5, bits, 1), retry_pace_us(5, bits), "ours is longer");
        int64_t us = retry_pace_asked_us(1, bits, 30);
        cr_assert(us >= INT64_C(30000000) && us < INT64_C(30500000), "%lld", (long long)us);
        cr_assert_eq(retry_pace_asked_us(1, bits, 86400), RETRY_PACE_MAX_US);
    }
    cr_expect_neq(retry_pace_asked_us(1, 1, 30), retry_pace_asked_us(1, 2, 30));
}

/* ---- the queue ---- */

static struct segment_fixture fixture;
static struct alert_post post;

/* One is on its way for good: what it is stays open, and nothing is sent. */
static void
fill_from_nothing(void)
{
    segment_fixture_init(&fixture);
    post = (struct alert_post){.segment = fixture.segment};
    post.post.call = (struct upstream_call *)&post;
}

static void
say(int subject, bool is_resolved)
{
    struct alert alert = {.kind = ALERT_ROUTE_DOWN};

    snprintf(alert.subject, sizeof(alert.subject), "route %d", subject);
    alert_post_queue(&post, &alert, is_resolved);
}

/* What waits, in order: "5+" is the raising of 5, "5-" its end. */
static void
list(int first, int n, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = first; i < first + n; i++) {
        const struct alert_notice *is = &post.queue[(post.first + i) % ALERT_QUEUE];

        len += (size_t)snprintf(out + len, size - len, "%s%c ", is->alert.subject + 6,
                                is->is_resolved ? '-' : '+');
    }
}

Test(alert_post, the_end_of_an_alert_is_kept_when_others_come_and_go, .init = fill_from_nothing)
{
    char text[128];

    say(1, false); /* on its way */
    say(2, true);  /* was told before the receiver went away */
    for (int n = 0; n < 1000; n++) {
        say(3, n % 2 == 1);
        say(4, n % 2 == 0);
    }
    cr_expect_eq(post.n_queued, ALERT_QUEUE);
    cr_expect_eq(tally_get(fixture.segment, TALLY_ALERTS_DROPPED), 2002 - ALERT_QUEUE);
    list(0, 4, text, sizeof(text));
    cr_expect_str_eq(text, "1+ 2- 3- 4+ ", "n = 873 and on: %s", text);
    list(ALERT_QUEUE - 4, 4, text, sizeof(text));
    cr_expect_str_eq(text, "3+ 4- 3- 4+ ", "%s", text);
}

Test(alert_post, the_last_word_of_each_is_there_in_the_order_in_which_it_was_said,
     .init = fill_from_nothing)
{
    static bool is_over[ALERT_QUEUE - 1];
    static int said_at[ALERT_QUEUE - 1];
    uint64_t random = 1;
    int next = INT_MAX;

    say(999, false); /* on its way; all that there is room for beside it */
    for (int n = 0; n < 2000; n++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        int subject = (int)((random >> 33) % (ALERT_QUEUE - 1));

        is_over[subject] = !is_over[subject];
        said_at[subject] = n + 1;
        say(subject, is_over[subject]);
    }
    cr_assert_str_eq(post.queue[post.first].alert.subject, "route 999", "it is not moved");
    for (uint32_t n = post.n_queued; n-- > 1;) {
        const struct alert_notice *is = &post.queue[(post.first + n) % ALERT_QUEUE];
        int subject = (int)strtol(is->alert.subject + 6, NULL, 10);

        if (said_at[subject] == 0)
            continue; /* one that was overtaken, and there was room for it */
        cr_expect_eq(is->is_resolved, is_over[subject], "route %d", subject);
        cr_expect_lt(said_at[subject], next, "route %d", subject);
        next = said_at[subject];
        said_at[subject] = 0;
    }
    for (int subject = 0; subject < ALERT_QUEUE - 1; subject++)
        cr_expect_eq(said_at[subject], 0, "route %d", subject);
}

Test(alert_post, where_each_has_one_word_the_oldest_goes, .init = fill_from_nothing)
{
    char text[64];

    for (int n = 0; n < ALERT_QUEUE + 10; n++)
        say(n, true);
    list(0, 3, text, sizeof(text));
    cr_expect_str_eq(text, "0- 11- 12- ", "%s", text);
    list(ALERT_QUEUE - 2, 2, text, sizeof(text));
    cr_expect_str_eq(text, "264- 265- ", "%s", text);
}
