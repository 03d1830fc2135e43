/* SPDX-License-Identifier: ISC
 *
 * relayosd(8) DIAGNOSTICS lists every log event of every layer, and no other; its signals are those
 * that the master takes, its exit statuses those that there are; its ENVIRONMENT and FILES have
 * what the source asks for by name, and so has relayosctl(8) for src/ctl.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/errmsg.h"
#include "relayos/master/master.h"
#include "source_file.h"

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
    source_file_read(path, &text);
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

    source_file_read(path, &text);
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

/* Between two headings, to be freed with page. */
static char *
read_section(struct buf *page, const char *begin, const char *end)
{
    source_file_read("man/relayosd.8", page);
    char *section = strstr(page->ptr, begin);
    cr_assert_not_null(section, "%s", begin);
    *strstr(section + 1, end) = '\0';
    return section;
}

/* Each "case SIGX:" of on_signal(); CHLD is how the kernel tells of an end, no word of people's. */
Test(manual, has_each_signal_and_no_other)
{
    struct buf page, source;
    char *section = read_section(&page, "\n.Ss Signals\n", "\n.Ss ");
    size_t n_signals = 0, n_items = 0;

    source_file_read("src/master/master.c", &source);
    const char *from = strstr(source.ptr, "\non_signal(struct master");
    cr_assert_not_null(from);
    *strstr(from, "\n}\n") = '\0';
    for (const char *at = from; (at = strstr(at, "case SIG")) != NULL;) {
        char name[16];

        at += strlen("case SIG");
        snprintf(name, sizeof(name), "Dv %.*s", (int)strcspn(at, ":"), at);
        if (strcmp(name, "Dv CHLD") == 0)
            continue;
        cr_expect_not_null(strstr(section, name), "relayosd(8) lacks %s", name);
        n_signals++;
    }
    for (const char *at = section; (at = strstr(at, "\n.It Dv ")) != NULL;) {
        const char *line = ++at;

        for (; (line = strstr(line, "Dv ")) != NULL && line < strchr(at, '\n'); line++)
            n_items++;
    }
    cr_assert_gt(n_signals, 5);
    cr_expect_eq(n_items, n_signals);
    buf_fini(&source);
    buf_fini(&page);
}

Test(manual, has_each_exit_status_and_no_other)
{
    static const int statuses[] = {MASTER_EXIT_OK, MASTER_EXIT_UNSETTLED, MASTER_EXIT_USAGE,
                                   MASTER_EXIT_CONFIG, MASTER_EXIT_START};
    size_t n = sizeof(statuses) / sizeof(statuses[0]), n_items = 0;
    struct buf page;
    char *section = read_section(&page, "\n.Sh EXIT STATUS\n", "\n.Sh ");

    for (size_t i = 0; i < n; i++) {
        char item[16];

        snprintf(item, sizeof(item), "\n.It %d\n", statuses[i]);
        cr_expect_not_null(strstr(section, item), "exit status %d", statuses[i]);
    }
    for (const char *at = section; (at = strstr(at, "\n.It ")) != NULL; at++)
        n_items++;
    cr_expect_eq(n_items, n);
    buf_fini(&page);
}

static char *environment_of_daemon, *environment_of_ctl, *files_of_daemon;

/* "src/net/x.c" is of the layer net. */
static const char *
layer_of(const char *path)
{
    static char layer[16];

    snprintf(layer, sizeof(layer), "%.*s", (int)strcspn(path + 4, "/"), path + 4);
    return layer;
}

/* Arguments of getenv() that are literals; a test build's own do not count. */
static int
check_variables(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    const char *section =
        strncmp(path, "src/ctl/", 8) == 0 ? environment_of_ctl : environment_of_daemon;
    size_t len = strlen(path);
    struct buf text;

    (void)st;
    (void)walk;
    if (flag != FTW_F || len < 3 || strcmp(path + len - 2, ".c") != 0 ||
        strcmp(path, "src/base/crash.c") == 0)
        return 0;
    source_file_read(path, &text);
    for (const char *at = text.ptr; (at = strstr(at, "getenv(\"")) != NULL;) {
        char name[64];

        at += strlen("getenv(\"");
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "\""), at);
        cr_expect_not_null(strstr(section, name), "%s: the manual lacks %s", path, name);
    }
    /* "%s/NAME" of a directory of the configuration */
    for (const char *at = text.ptr; (at = strstr(at, "\"%s/")) != NULL;) {
        char name[64];

        at += strlen("\"%s/");
        snprintf(name, sizeof(name), "dir/%.*s", (int)strcspn(at, "%\""), at);
        if (strstr("master ledger prober net", layer_of(path)) != NULL)
            cr_expect_not_null(strstr(files_of_daemon, name), "%s: FILES lacks %s", path, name);
    }
    buf_fini(&text);
    return 0;
}

static char *
copy_section(const char *path, const char *begin)
{
    struct buf page;

    source_file_read(path, &page);
    char *section = strstr(page.ptr, begin);
    cr_assert_not_null(section, "%s: %s", path, begin);
    char *end = strstr(section + 1, "\n.Sh ");
    char *copy = strndup(section, (size_t)(end - section));
    buf_fini(&page);
    return copy;
}

Test(manual, has_each_variable_and_file)
{
    environment_of_daemon = copy_section("man/relayosd.8", "\n.Sh ENVIRONMENT\n");
    environment_of_ctl = copy_section("man/relayosctl.8", "\n.Sh ENVIRONMENT\n");
    files_of_daemon = copy_section("man/relayosd.8", "\n.Sh FILES\n");
    cr_assert_eq(nftw("src", check_variables, 8, FTW_PHYS), 0);
    free(environment_of_daemon);
    free(environment_of_ctl);
    free(files_of_daemon);
}
