/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request_head.h"

static struct request_head *
head_of(const char *text)
{
    char *bytes = strdup(text);
    struct guard_head head;

    cr_assert_eq(guard_parse_head(slice_str(bytes), &head), GUARD_OK, "%s", text);
    struct request_head *copy = request_head_new(&head, bytes);
    memset(bytes, 'x', strlen(bytes)); /* another request */
    free(bytes);
    return copy;
}

Test(request_head, outlives_the_bytes_it_came_in)
{
    struct request_head *head =
        head_of("\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nEmpty:\r\nX-Key:  v w \r\n\r\n{}");

    cr_assert(slice_eq_str(head->method, "POST") && slice_eq_str(head->target, "/a?b"));
    cr_assert_eq(head->n_headers, 3);
    cr_assert(slice_eq_str(head->headers[0].name, "host"));
    cr_assert(slice_eq_str(head->headers[1].name, "empty") && head->headers[1].value.len == 0);
    cr_assert(slice_eq_str(head->headers[2].name, "x-key"));
    cr_assert(slice_eq_str(head->headers[2].value, "v w"));
    request_head_free(&head);
    cr_assert_null(head);
}

Test(request_head, a_token_is_found_in_any_of_the_lists_and_only_whole)
{
    static const struct {
        const char *lines;
        bool is_there;
    } cases[] = {
        {"", false},
        {"Connection: close\r\n", true},
        {"Connection: CLOSE\r\n", true},
        {"Connection: Upgrade,\tclose , x\r\n", true},
        {"Connection: keep-alive\r\nConnection: close\r\n", true},
        {"Connection: keep-alive\r\n", false},
        {"Connection: closed, unclose, c lose\r\n", false},
        {"Connection: ,,\r\nX: close\r\n", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].lines);
        struct request_head *head = head_of(text);
        cr_expect_eq(request_head_has_token(head, SLICE_LIT("connection"), SLICE_LIT("close")),
                     cases[i].is_there, "%s", text);
        request_head_free(&head);
    }
}
