/* SPDX-License-Identifier: ISC */
#include "alert_post.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "retry_pace.h"

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
