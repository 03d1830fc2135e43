/* SPDX-License-Identifier: ISC
 *
 * relayosd(8) DIAGNOSTICS lists every log event of every layer, and no other.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/errmsg.h"
#include "relayos/base/fdio.h"

#define MAX_EVENTS 512

struct events {
    size_t n;
    char names[MAX_EVENTS][64];
};

static struct events in_source, in_manual;

static bool
holds(const struct events *events, const char *name)
{
    for (size_t i = 0; i < events->n; i++) {
        if (strcmp(events->names[i], name) == 0)
            return true;
    }
    return false;
}

static void
add(struct events *events, const char *name, size_t len)
{
    char copy[64];

    cr_assert_lt(len, sizeof(copy), "%.*s", (int)len, name);
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (holds(events, copy))
        return;
    cr_assert_lt(events->n, (size_t)MAX_EVENTS);
    strcpy(events->names[events->n++], copy);
}

static void
read_text(const char *path, struct buf *out)
{
    struct errmsg why;

    buf_init(out, 4 << 20);
    cr_assert_eq(fdio_read_file(path, out, &why), 0, "%s", why.text);
    buf_append_byte(out, '\0');
}

/* The first argument of each log_<level>( call, which must be a literal. */
static int
take_calls(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    static const char *const calls[] = {"log_error(", "log_warn(", "log_info(", "log_debug("};
    size_t len = strlen(path);
    struct buf text;

    (void)st;
    (void)walk;
    if (flag != FTW_F || len < 3 || strcmp(path + len - 2, ".c") != 0 ||
        strcmp(path, "src/base/log.c") == 0)
        return 0;
    read_text(path, &text);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (const char *at = text.ptr; (at = strstr(at, calls[i])) != NULL;) {
            at += strlen(calls[i]);
            at += strspn(at, " \n");
            cr_expect_eq(*at, '"', "%s: %s takes no literal", path, calls[i]);
            add(&in_source, at + 1, strcspn(at + 1, "\""));
        }
    }
    buf_fini(&text);
    return 0;
}

/* The words of each .It line below DIAGNOSTICS. */
static void
take_items(const char *path)
{
    struct buf text;

    read_text(path, &text);
    char *section = strstr(text.ptr, "\n.Sh DIAGNOSTICS");
    cr_assert_not_null(section);
    char *end = strstr(section + 1, "\n.Sh ");
    *end = '\0';
    for (const char *at = section; (at = strstr(at, "\n.It ")) != NULL;) {
        at += 5;
        while (*at != '\n' && *at != '\0') {
            size_t len = strcspn(at, " \n");
            if (isalpha((unsigned char)*at))
                add(&in_manual, at, len);
            at += len + (at[len] == ' ');
        }
    }
    buf_fini(&text);
}

Test(manual, diagnostics_lists_each_log_event_and_no_other)
{
    cr_assert_eq(nftw("src", take_calls, 8, FTW_PHYS), 0);
    take_items("man/relayosd.8");
    add(&in_source, "log.throttled", strlen("log.throttled")); /* the log's own */
    cr_assert_gt(in_source.n, 20);
    for (size_t i = 0; i < in_source.n; i++)
        cr_expect(holds(&in_manual, in_source.names[i]), "not in the manual: %s",
                  in_source.names[i]);
    for (size_t i = 0; i < in_manual.n; i++)
        cr_expect(holds(&in_source, in_manual.names[i]), "no longer logged: %s",
                  in_manual.names[i]);
}
