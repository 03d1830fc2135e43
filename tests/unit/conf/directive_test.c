/* SPDX-License-Identifier: ISC
 *
 * Tests of the directive table against what people read: etc/relayos.yaml and relayos.yaml(5).
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "directive.h"
#include "source_file.h"

static const struct row {
    const char *path, *type, *unit, *initial, *reload, *prose;
} rows[] = {
#define RELOAD  "reload"
#define RESTART "restart"
#define ROW(SET, path, kind, unit, member, initial, min, max, reload, prose)                       \
    {path, #kind, unit, initial, reload, prose},
#include "directives.def"
#undef ROW
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *
full_env(const char *name)
{
    (void)name;
    return "provider-key";
}

/* "#name: value" at any indentation becomes "name: value"; prose has a space after its '#'. */
static void
uncomment(char *text)
{
    bool is_line_start = true;

    for (char *at = text; *at != '\0'; at++) {
        if (is_line_start && *at == '#' && (islower((unsigned char)at[1]) || at[1] == '-')) {
            size_t len = strlen(at + 1);

            memmove(at, at + 1, len + 1);
        }
        is_line_start = *at == '\n' || (is_line_start && *at == ' ');
    }
}

/* The value of "models.*.price.input" in a tree: * is any entry of a map or list. */
static const struct conf_node *
find(const struct conf_node *node, const char *path)
{
    if (*path == '\0')
        return node;

    size_t len = strcspn(path, ".");
    const char *rest = path + len + (path[len] == '.');

    for (const struct conf_node *child = node->first; child != NULL; child = child->next) {
        bool is_match =
            (len == 1 && *path == '*') ||
            (child->key != NULL && strlen(child->key) == len && memcmp(child->key, path, len) == 0);
        const struct conf_node *found = is_match ? find(child, rest) : NULL;

        if (found != NULL)
            return found;
    }
    return NULL;
}

Test(directive, the_shipped_config_loads)
{
    struct conf *conf = NULL;
    struct errmsg why;

    cr_assert_eq(conf_load("etc/relayos.yaml", full_env, &conf, &why), 0, "%s", why.text);
    cr_assert_eq(conf->n_models, 3);
    conf_free(&conf);
}

Test(directive, the_shipped_config_names_each_directive_at_its_default)
{
    struct conf_yaml yaml;
    struct errmsg why;
    struct buf text;

    source_file_read("etc/relayos.yaml", &text);
    uncomment(text.ptr);
    cr_assert_eq(conf_yaml_parse("etc/relayos.yaml", slice_str(text.ptr), &yaml, &why), 0, "%s",
                 why.text);
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct conf_node *node = find(yaml.root, rows[i].path);
        bool has_default = rows[i].initial[0] != '\0' && rows[i].initial[0] != '(';

        cr_expect_not_null(node, "%s is not in etc/relayos.yaml", rows[i].path);
        /* What a model or a key says is an example; what stands at the top is the default. */
        while (node != NULL && node->first != NULL) /* the first of a list */
            node = node->first;
        if (node != NULL && has_default && strchr(rows[i].path, '*') == NULL)
            cr_expect_str_eq(node->text, rows[i].initial, "%s", rows[i].path);
    }
    conf_yaml_free(&yaml);
    buf_fini(&text);
}

/* What the page must say of a row, lines joined. */
static void
describe(const struct row *row, char *out, size_t size)
{
    bool is_required = strcmp(row->initial, CONF_REQUIRED) == 0;
    bool has_default = !is_required && row->initial[0] != '\0';

    snprintf(out, size, ".It Ic %s Ar %s\n%s%s%s%s %s%s; %s.\n", row->path, row->type, row->prose,
             row->unit[0] == '\0' ? "" : " Value: ", row->unit, row->unit[0] == '\0' ? "" : ".",
             is_required   ? "Required"
             : has_default ? "Default: "
                           : "No default",
             has_default ? row->initial : "", row->reload);
}

/* Line ends within an item become spaces, so that wrapping does not matter. */
static void
join_lines(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        const char *line = at;

        while (line > text && line[-1] != '\n')
            line--;
        if (*at == '\n' && at[1] != '.' && at[1] != '\0' && *line != '.')
            *at = ' ';
    }
}

Test(directive, the_manual_has_each_directive_as_the_table_has_it)
{
    size_t n_items = 0;
    struct buf page;
    char expected[1024];

    source_file_read("man/relayos.yaml.5", &page);
    join_lines(page.ptr);
    for (size_t i = 0; i < N_ROWS; i++) {
        describe(&rows[i], expected, sizeof(expected));
        cr_expect_not_null(strstr(page.ptr, expected), "not in relayos.yaml(5):\n%s", expected);
    }
    for (const char *at = page.ptr; (at = strstr(at, "\n.It Ic ")) != NULL; at++)
        n_items++;
    cr_assert_eq(n_items, N_ROWS, "an item of relayos.yaml(5) is no directive");
    buf_fini(&page);
}

/* Those that are whole: they begin with upstreams. */
Test(directive, the_manuals_examples_load)
{
    struct buf page;
    int n = 0;

    source_file_read("man/relayos.yaml.5", &page);
    for (const char *at = page.ptr; (at = strstr(at, "\nupstreams:\n")) != NULL; at++, n++) {
        struct slice text = slice_of(at + 1, (size_t)(strstr(at, "\n.Ed") - at));
        struct conf *conf = NULL;
        struct errmsg why;

        cr_expect_eq(conf_parse("example", text, full_env, &conf, &why), 0, "%s", why.text);
        conf_free(&conf);
    }
    cr_assert_eq(n, 3);
    buf_fini(&page);
}

/* What must stand in the manual of a word. */
static void
expect_word(const char *page, const char *word, const char *prose)
{
    char item[256];

    snprintf(item, sizeof(item), ".It Cm %s\n%s\n", word, prose);
    cr_expect_not_null(strstr(page, item), "relayos.yaml(5) lacks\n%s", item);
}

Test(directive, what_models_take_is_told_as_the_tables_have_it)
{
    struct buf page;

    source_file_read("man/relayos.yaml.5", &page);
#define THINKING(word, NAME, prose) expect_word(page.ptr, #word, prose);
#define FLAG(word, NAME, prose)     expect_word(page.ptr, #word, prose);
    CAPABILITY_THINKINGS(THINKING)
    CAPABILITY_FLAGS(FLAG)
#undef THINKING
#undef FLAG
    buf_fini(&page);
}

Test(directive, each_row_has_prose_and_a_path_of_its_own)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        cr_assert_neq(rows[i].prose[0], '\0', "%s", rows[i].path);
        cr_assert_eq(rows[i].prose[strlen(rows[i].prose) - 1], '.', "%s", rows[i].path);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(rows[i].path, rows[j].path);
    }
}
