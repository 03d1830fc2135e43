/* relayos-api(7) against the tables it describes. Run from the root of the tree. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>

#include "endpoint.h"
#include "relayos/base/buf.h"
#include "relayos/base/fdio.h"

#define PAGE "man/relayos-api.7"

/* The page with each run of white space as one space, so that its line breaks do not matter. */
static const char *
page(void)
{
    static char text[65536];
    struct buf raw;
    struct errmsg why;
    size_t len = 0;

    if (text[0] != '\0')
        return text;
    buf_init(&raw, sizeof(text) - 1);
    cr_assert_eq(fdio_read_file(PAGE, &raw, &why), 0, "%s", why.text);
    for (size_t i = 0; i < raw.len; i++) {
        char c = isspace((unsigned char)raw.ptr[i]) ? ' ' : raw.ptr[i];
        if (c != ' ' || len == 0 || text[len - 1] != ' ')
            text[len++] = c;
    }
    buf_fini(&raw);
    return text;
}

static void
append_sentence(struct buf *out, const char *sentence)
{
    const char *hole = strstr(sentence, "%s");

    if (hole == NULL) {
        buf_append_str(out, sentence);
        return;
    }
    buf_append(out, sentence, (size_t)(hole - sentence));
    buf_append_str(out, "DETAIL");
    buf_append_str(out, hole + 2);
}

static void
append_category(struct buf *out, enum err_category category)
{
    static const char *const retries[] = {
        [RETRY_NO] = "no retry", [RETRY_AFTER] = "retry after Retry-After", [RETRY_YES] = "retry"};
    const struct err_info *info = err_info(category);
    bool is_charged =
        category == ERR_CATEGORY_STREAM_INTERRUPTED || category == ERR_CATEGORY_CLIENT_CLOSED ||
        category == ERR_CATEGORY_IDLE_TIMEOUT || category == ERR_CATEGORY_TOTAL_TIMEOUT;

    buf_printf(out, ".It Cm %s OpenAI %d %s / %s; Anthropic %d %s; %s; %s. .Pp ", info->name,
               info->openai_status, info->openai_type,
               info->openai_code[0] == '\0' ? "null" : info->openai_code, info->anthropic_status,
               info->anthropic_type, retries[info->retry],
               is_charged ? "charged for what was produced" : "not charged");
    append_sentence(out, info->sentence);
    buf_append_byte(out, ' ');
    buf_append_byte(out, '\0');
}

Test(api_page, lists_every_category_in_order_with_all_of_its_row)
{
    const char *at = page();

    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        struct buf row;

        buf_init(&row, 8192);
        append_category(&row, (enum err_category)i);
        at = strstr(at, row.ptr);
        cr_assert_not_null(at, "not in %s, or not in its place:\n%s", PAGE, row.ptr);
        buf_fini(&row);
    }
}

Test(api_page, lists_every_endpoint_and_no_other)
{
    static const struct endpoint rows[] = {
#define ENDPOINT(name, verbs, url, protocol, operation, access, handler)                           \
    {.methods = ENDPOINT_##verbs, .path = url},
#include "relayos/model/endpoints.def"
#undef ENDPOINT
    };
    const size_t n_rows = sizeof(rows) / sizeof(rows[0]);
    size_t n_listed = 0;
    const char *at, *end;

    for (const struct endpoint *row = rows; row < rows + n_rows; row++) {
        char item[128];

        snprintf(item, sizeof(item), ".It Li %s %s ", endpoint_allow(row), row->path);
        cr_assert_not_null(strstr(page(), item), "not in %s: %s", PAGE, item);
    }
    /* The console's own API has a section, and a test, to itself. */
    at = strstr(page(), ".Sh ENDPOINTS ");
    end = strstr(at, ".Sh HEADERS ");
    for (; (at = strstr(at, ".It Li ")) != NULL && at < end; at++)
        n_listed += strncmp(at + 7, "POST /", 6) == 0 || strncmp(at + 7, "GET", 3) == 0;
    cr_assert_eq(n_listed, n_rows);
}
