/* SPDX-License-Identifier: ISC
 *
 * What the manuals say of money against what is tested and computed. Run from the root of the tree.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "relayos/base/buf.h"
#include "relayos/conf/conf.h"
#include "relayos/policy/price.h"
#include "source_file.h"

/* tests/integration/charging_test.c has a test by the name of each rule. */
Test(charging_page, each_rule_has_its_test)
{
    struct buf page, tests;
    int n_rules = 0;

    source_file_read("man/relayos-api.7", &page);
    source_file_read("tests/integration/charging_test.c", &tests);
    char *rule = strstr(page.ptr, ".Sh CHARGING\n"), *end = strstr(page.ptr, ".Sh QUOTAS\n");

    cr_assert(rule != NULL && end != NULL);
    for (*end = '\0'; (rule = strstr(rule, "\n.It Cm ")) != NULL; n_rules++) {
        char name[64], test[128];

        cr_assert_eq(sscanf(rule, "\n.It Cm %63s", name), 1);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : *c;
        snprintf(test, sizeof(test), "Test(charging, %s,", name);
        cr_expect_not_null(strstr(tests.ptr, test), "no test of the rule %s", name);
        rule++;
    }
    cr_expect_gt(n_rules, 15);
    buf_fini(&page);
    buf_fini(&tests);
}

/* The example of relayos.yaml(5), as it stands there. */
static struct conf *
parse_example(void)
{
    static const char start[] = ".Bd -literal -offset indent\ngemini-2.5-pro:\n";
    struct buf page, text;
    struct conf *conf;
    struct errmsg why;

    source_file_read("man/relayos.yaml.5", &page);
    const char *line = strstr(page.ptr, start);

    cr_assert_not_null(line);
    buf_init(&text, 1 << 16);
    buf_append_str(&text, "upstreams: {up: {url: https://a.example.com/v1, protocols: openai_chat,"
                          " auth: none}}\nmodels:\n");
    for (line = strchr(line, '\n') + 1; strncmp(line, ".Ed", 3) != 0; line = strchr(line, '\n') + 1)
        buf_printf(&text, "  %.*s\n", (int)strcspn(line, "\n"), line);
    buf_append_str(&text, "    routes: [{upstream: up}]\n");
    cr_assert_eq(conf_parse("example", buf_slice(&text), NULL, &conf, &why), 0, "%s", why.text);
    buf_fini(&page);
    buf_fini(&text);
    return conf;
}

Test(charging_page, the_worked_example_of_prices_comes_to_what_the_page_says)
{
    const int64_t new_year_us = INT64_C(1798761600000000);
    struct conf *conf = parse_example();
    const struct model_record *m = &conf->models[0].record;
    struct usage usage = {
        .count = {[USAGE_INPUT] = 50000, [USAGE_CACHE_READ] = 100000, [USAGE_OUTPUT] = 2000}};

    cr_expect_eq(price_charge_nusd(&usage, &m->price), 95000000);
    usage.count[USAGE_INPUT] = 250000;
    usage.count[USAGE_CACHE_READ] = 0;
    cr_expect_eq(price_charge_nusd(&usage, &m->price), 655000000);
    usage.service_tier = USAGE_TIER_BATCH;
    cr_expect_eq(price_charge_nusd(&usage, &m->price), 327500000);
    usage.service_tier = USAGE_TIER_STANDARD;
    cr_assert_eq(m->price_until_us, new_year_us);
    cr_expect_eq(price_charge_nusd(&usage, price_at(&m->price, m->price_changes, new_year_us - 1)),
                 655000000);
    cr_expect_eq(price_charge_nusd(&usage, price_at(&m->price, m->price_changes, new_year_us)),
                 266000000);
    conf_free(&conf);
}
