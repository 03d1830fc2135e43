/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "import_provider.h"
#include "source_file.h"

static const struct import_provider rows[] = {
#define NONE (-1)
#define PROVIDER(name, new_api, one_api, base, path, protocols, flavor, env)                       \
    {name, new_api, one_api, base, path, protocols, flavor, env},
#include "import_providers.def"
#undef PROVIDER
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* "new-api 1, one-api 1", or "". */
static void
describe(const struct import_provider *row, char out[256])
{
    int len = row->base[0] == '\0'
                  ? snprintf(out, 256, ".It Li %s\nan address of your own%s%s", row->name,
                             row->path[0] == '\0' ? "" : ", then ", row->path)
                  : snprintf(out, 256, ".It Li %s\n%s%s", row->name, row->base, row->path);

    if (row->new_api != NONE && row->one_api != NONE)
        len += snprintf(out + len, 256 - (size_t)len, " (new-api %d, one-api %d)", row->new_api,
                        row->one_api);
    else if (row->new_api != NONE)
        len += snprintf(out + len, 256 - (size_t)len, " (new-api %d)", row->new_api);
    else if (row->one_api != NONE)
        len += snprintf(out + len, 256 - (size_t)len, " (one-api %d)", row->one_api);
    snprintf(out + len, 256 - (size_t)len, "\n");
}

Test(import_provider, the_manual_has_each_row)
{
    struct buf page;
    size_t n_items = 0;

    source_file_read("man/relayos-migrate.7", &page);
    const char *section = strstr(page.ptr, "\n.Sh PROVIDERS\n");
    for (size_t n = 0; n < N_ROWS; n++) {
        char item[256];

        describe(&rows[n], item);
        cr_expect_not_null(strstr(section, item), "not in relayos-migrate(7):\n%s", item);
    }
    for (const char *at = section; (at = strstr(at, "\n.It Li ")) != NULL; at++)
        n_items++;
    cr_assert_eq(n_items, N_ROWS);
    buf_fini(&page);
}

Test(import_provider, no_number_names_two_of_them)
{
    for (size_t n = 0; n < N_ROWS; n++) {
        cr_expect_eq(import_provider_named(slice_str(rows[n].name))->new_api, rows[n].new_api);
        for (size_t i = 0; i < n; i++) {
            cr_expect(rows[n].new_api == NONE || rows[n].new_api != rows[i].new_api, "%s",
                      rows[n].name);
            cr_expect(rows[n].one_api == NONE || rows[n].one_api != rows[i].one_api, "%s",
                      rows[n].name);
        }
    }
    cr_expect_null(import_provider_of_channel(33, false), "AWS is none of ours");
    cr_expect_str_eq(import_provider_of_channel(4, false)->name, "ollama");
    cr_expect_null(import_provider_of_channel(4, true), "4 is something else there");
}

Test(import_provider, addresses_are_read_as_people_write_them)
{
    static const struct {
        const char *provider, *base, *url; /* NULL: none is known */
    } cases[] = {
        {"openai", "", "https://api.openai.com/v1"},
        {"openai", "https://proxy.example", "https://proxy.example/v1"},
        {"openai", "https://proxy.example/", "https://proxy.example/v1"},
        {"openai", "https://proxy.example/v1/chat/completions", "https://proxy.example/v1"},
        {"openai", "https://gateway.example/v1/account/openai",
         "https://gateway.example/v1/account/openai"},
        {"azure", "https://r.openai.azure.com/", "https://r.openai.azure.com/openai"},
        {"azure", "https://r.openai.azure.com/openai/v1", "https://r.openai.azure.com/openai/v1"},
        {"azure", "", NULL},
        {"zhipu", "", "https://open.bigmodel.cn/api/paas/v4"},
        {"openai_compatible", "https://x.example/compat", "https://x.example/compat"},
        {"openai", "proxy.example", NULL},
        {"ollama", "", "http://localhost:11434/v1"},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct import_plan plan;

        import_plan_init(&plan, "");
        const char *url = import_provider_url(
            &plan, import_provider_named(slice_str(cases[n].provider)), cases[n].base, "here");
        if (cases[n].url == NULL)
            cr_expect_null(url, "%s", url);
        else
            cr_expect_str_eq(url, cases[n].url);
        cr_expect_eq(plan.n_notes, cases[n].url == NULL);
        import_plan_fini(&plan);
    }
    cr_expect(import_provider_is_plain("http://10.0.0.1/v1"));
    cr_expect_not(import_provider_is_plain("http://127.0.0.1:1/v1"));
    cr_expect_not(import_provider_is_plain("https://10.0.0.1/v1"));
}
