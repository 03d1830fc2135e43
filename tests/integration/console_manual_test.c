/* SPDX-License-Identifier: ISC
 *
 * The examples of relayos-api(7) for the console's API, run as they stand there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "browser.h"
#include "json.h"

/* The literal display of the section, as a terminal shows it. */
static char *
read_examples(void)
{
    FILE *file = fopen("man/relayos-api.7", "r");
    char *text = calloc(1, 262144);
    bool is_section = false, is_literal = false;
    char line[1024];
    size_t len = 0;

    cr_assert_not_null(file, "tests run in the root of the source");
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, ".Sh ", 4) == 0)
            is_section = strcmp(line, ".Sh THE CONSOLE'S API\n") == 0;
        if (strncmp(line, ".Ed", 3) == 0)
            is_literal = false;
        for (char *at = line; is_section && is_literal && (at = strstr(at, "\\e")) != NULL; at++)
            memmove(at + 1, at + 2, strlen(at + 1));
        if (is_section && is_literal && strncmp(line, "export ", 7) != 0)
            len += (size_t)snprintf(text + len, 262144 - len, "%s", line);
        is_literal = is_literal || strncmp(line, ".Bd -literal", 12) == 0;
    }
    fclose(file);
    cr_assert_gt(len, 0);
    return text;
}

Test(console_manual, its_examples_do)
{
    static const struct gateway_options options = {.has_console = true, .workers = 1};
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char url[64], *examples = read_examples();

    cJSON *made =
        browser_call(&admin, "POST /admin-keys", NULL, "{\"name\":\"script\",\"role\":\"admin\"}");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v1", gateway->console_port);
    setenv("API", url, 1);
    setenv("ADMIN_KEY", json_text(made, "secret"), 1);
    cJSON_Delete(made);
    for (char *next, *one = examples; one != NULL; one = next) {
        next = strstr(one, "\n\n"); /* one at a time: the first that fails is told */
        if (next != NULL)
            *next = '\0', next += 2;
        char command[2048];
        snprintf(command, sizeof command, "{ %s\n} >/dev/null", one[0] == '\0' ? ":" : one);
        cr_expect_eq(system(command), 0, "%s", one);
    }
    cJSON *keys = browser_call(&admin, "GET /keys", NULL, NULL);
    cr_expect_str_eq(json_text(keys, "data.0.name"), "ci");
    cr_expect_eq(json_int(keys, "data.0.limits.0.limit"), INT64_C(50000000000));
    cJSON_Delete(keys);
    free(examples);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
