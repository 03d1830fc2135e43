#include <criterion/criterion.h>

#include "reply_error.h"

Test(reply_error, each_category_tells_about_retrying_what_the_catalogue_says)
{
    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        struct http_header header = {{NULL, 0}, {NULL, 0}};
        char text[4];
        size_t n = reply_error_retry_header((enum err_category)i, 0, text, &header);

        switch (err_info((enum err_category)i)->retry) {
        case RETRY_NO:
            cr_assert(n == 1 && slice_eq_str(header.name, "x-should-retry") &&
                      slice_eq_str(header.value, "false"));
            break;
        case RETRY_AFTER:
            cr_assert(n == 1 && slice_eq_str(header.name, "retry-after") && header.value.len > 0);
            break;
        case RETRY_YES:
            cr_assert_eq(n, 0);
            break;
        }
    }
}

Test(reply_error, retry_after_is_what_is_known_within_a_minute)
{
    struct http_header header;
    char text[4];

    cr_assert_eq(reply_error_retry_header(ERR_CATEGORY_RATE_LIMITED, 17, text, &header), 1);
    cr_assert(slice_eq_str(header.value, "17"));
    cr_assert_eq(reply_error_retry_header(ERR_CATEGORY_RATE_LIMITED, 86400, text, &header), 1);
    cr_assert(slice_eq_str(header.value, "60"));
}

Test(reply_error, a_retry_that_is_futile_is_said_to_be)
{
    struct http_header header;
    char text[4];

    cr_assert_eq(
        reply_error_retry_header(ERR_CATEGORY_UPSTREAM_ERROR, REPLY_ERROR_FUTILE, text, &header),
        1);
    cr_assert(slice_eq_str(header.name, "x-should-retry") && slice_eq_str(header.value, "false"));
    cr_assert_eq(
        reply_error_retry_header(ERR_CATEGORY_OVERLOADED, REPLY_ERROR_FUTILE, text, &header), 1);
    cr_assert(slice_eq_str(header.name, "retry-after"));
}
