/* SPDX-License-Identifier: ISC
 *
 * relayos-internals(7) against what it tells of: the segment's tables, the states of a flight, the
 * files that it names.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/shm/flight.h"
#include "source_file.h"

static struct buf page, layout;

static void
read_both(void)
{
    source_file_read("man/relayos-internals.7", &page);
    source_file_read("src/shm/layout.h", &layout);
}

static void
free_both(void)
{
    buf_fini(&page);
    buf_fini(&layout);
}

TestSuite(internals_page, .init = read_both, .fini = free_both);

/* Whether an item of the section has the word on its .It line. */
static bool
has_item(const char *word)
{
    size_t len = strlen(word);

    for (const char *at = page.ptr; (at = strstr(at, "\n.It Li ")) != NULL;) {
        const char *end = strchr(++at, '\n');

        for (const char *in = at; (in = strstr(in, word)) != NULL && in < end; in++) {
            if (in[-1] == ' ' && (in[len] == ' ' || in[len] == '\n'))
                return true;
        }
    }
    return false;
}

Test(internals_page, has_each_table_of_the_segment)
{
    size_t n = 0;
    char name[64];

    for (const char *at = layout.ptr; (at = strstr(at, "\n *")) != NULL; at++) {
        const char *bar = at + 3 + strspn(at + 3, " 0");

        if (*bar != '|' || sscanf(bar + 1, " %63[a-z_]", name) != 1)
            continue;
        cr_expect(has_item(name), "relayos-internals(7) lacks the table %s", name);
        n++;
    }
    cr_assert_gt(n, 20);
}

Test(internals_page, has_each_state_of_a_flight)
{
    for (int state = 0; state < FLIGHT_N_STATES; state++) {
        char item[64];
        int len = snprintf(item, sizeof(item), "\n.It %s Ta ",
                           flight_state_name((enum flight_state)state));

        for (int n = 5; n < len - 4; n++)
            item[n] = (char)toupper((unsigned char)item[n]);
        cr_expect_not_null(strstr(page.ptr, item), "%s", item);
    }
}

Test(internals_page, names_no_file_that_is_not_there)
{
    static const char *const roots[] = {"src/", "include/", "tests/", "tools/", "etc/"};
    size_t n_found = 0;

    for (const char *at = page.ptr; (at = strstr(at, "Pa ")) != NULL;) {
        char path[256];

        at += 3;
        size_t len = strcspn(at, " \n");
        snprintf(path, sizeof(path), "%.*s", (int)len, at);
        for (size_t n = 0; n < sizeof(roots) / sizeof(roots[0]); n++) {
            if (strncmp(path, roots[n], strlen(roots[n])) != 0)
                continue;
            cr_expect_eq(access(path, F_OK), 0, "%s is not there", path);
            n_found++;
        }
    }
    cr_assert_gt(n_found, 20);
}
