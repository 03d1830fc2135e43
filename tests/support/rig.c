/* SPDX-License-Identifier: ISC */
#include "rig.h"

#include <stdlib.h>

#include <criterion/criterion.h>

struct gateway *gateway;
char *key;

void
rig_start(const struct gateway_options *options)
{
    gateway = gateway_start(options);
    key = gateway_key(gateway, "--quota 100usd");
}

void
rig_start_strict(const struct gateway_options *options)
{
    rig_start(options);
    gateway_mock_control(gateway, 0, "* strict");
}

void
rig_stop(void)
{
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
