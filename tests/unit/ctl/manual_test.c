/* SPDX-License-Identifier: ISC
 *
 * relayosctl(8) has each exit status. Its commands are verb_test.c's, its examples are run by
 * tests/integration/manual_examples_test.c.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "source_file.h"

Test(manual, has_each_exit_status_and_no_other)
{
    static const enum ctl_exit statuses[] = {CTL_OK,          CTL_REFUSED, CTL_USAGE,
                                             CTL_UNREACHABLE, CTL_MISSING, CTL_CONFLICT};
    size_t n = sizeof(statuses) / sizeof(statuses[0]), n_items = 0;
    struct buf page;

    source_file_read("man/relayosctl.8", &page);
    char *section = strstr(page.ptr, "\n.Sh EXIT STATUS\n");
    *strstr(section + 1, "\n.Sh ") = '\0';
    for (size_t i = 0; i < n; i++) {
        char item[16];

        snprintf(item, sizeof(item), "\n.It %d\n", (int)statuses[i]);
        cr_expect_not_null(strstr(section, item), "exit status %d", (int)statuses[i]);
    }
    for (const char *at = section; (at = strstr(at, "\n.It ")) != NULL; at++)
        n_items++;
    cr_assert_eq(n_items, n);
    buf_fini(&page);
}
