/* SPDX-License-Identifier: ISC */
#include "notary.h"

#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

void
notary_open(struct notary *notary)
{
    snprintf(notary->dir, sizeof notary->dir, "/tmp/relayos-notary-XXXXXX");
    cr_assert(mkdtemp(notary->dir) != NULL);
    notary->authority = certificate_new(
        &(struct certificate_wish){.names = "authority", .days = 99, .is_authority = true});
    certificate_write(&notary->authority, notary->dir, "ca");
}

void
notary_close(struct notary *notary)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", notary->dir);
    cr_assert_eq(system(command), 0);
    certificate_free(&notary->authority);
}

void
notary_sign(const struct notary *notary, const char *name, const char *names, int days)
{
    struct certificate leaf = certificate_new(
        &(struct certificate_wish){.names = names, .days = days, .issuer = &notary->authority});

    certificate_write(&leaf, notary->dir, name);
    certificate_free(&leaf);
}
