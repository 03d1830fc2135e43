/* SPDX-License-Identifier: ISC
 *
 * directive - see the header; the rows are in directives.def.
 */
#include "directive.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf_keys.h"
#include "conf_kind.h"
#include "conf_quota.h"
#include "relayos/base/text.h"

#define N_NEAR 128 /* names compared for "did you mean" */

#define RELOAD  true
#define RESTART false
#define MS      INT64_C(1000)
#define SECOND  (1000 * MS)
#define MINUTE  (60 * SECOND)
#define DAY     (24 * 60 * MINUTE)
#define KIB     INT64_C(1024)
#define MIB     (1024 * KIB)
#define USD     INT64_C(1000000000)

#define STRUCT_CONF        struct conf
#define STRUCT_LISTENER    struct conf_listener
#define STRUCT_CERTIFICATE struct conf_certificate
#define STRUCT_UPSTREAM    struct conf_upstream
#define STRUCT_CREDENTIAL  struct conf_credential
#define STRUCT_CAPABILITY  struct capability_row
#define STRUCT_MODEL       struct conf_model
#define STRUCT_ROUTE       struct route_record
#define STRUCT_KEYS        struct conf
#define STRUCT_KEY         struct conf_key_draft
#define STRUCT_QUOTA       struct conf_quota_draft

static const struct directive rows[] = {
#define ROW(SET, path, kind, unit, member, initial, min, max, reload, prose)                       \
    {DIRECTIVE_SET_##SET,                                                                          \
     path,                                                                                         \
     unit,                                                                                         \
     initial,                                                                                      \
     &conf_kind_##kind,                                                                            \
     offsetof(STRUCT_##SET, member),                                                               \
     sizeof(((STRUCT_##SET *)NULL)->member),                                                       \
     min,                                                                                          \
     max,                                                                                          \
     reload},
#include "directives.def"
#undef ROW
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct directive *next_of(enum directive_set set, const struct directive *from);
static int check_known(struct conf_reader *reader, enum directive_set set,
                       const struct conf_node *map, const char *prefix);
static int check_key(struct conf_reader *reader, enum directive_set set,
                     const struct conf_node *node, const char *prefix);
static int fail_unknown(struct conf_reader *reader, enum directive_set set,
                        const struct conf_node *node, const char *prefix);
static bool is_section(enum directive_set set, const char *name);
static const struct directive *find_row(enum directive_set set, const char *name);
static const struct conf_node *find_node(const struct conf_node *map, const char *name);
static int fail_at(const struct conf_reader *reader, uint32_t line, uint32_t column,
                   const char *text);

void
directive_defaults(enum directive_set set, void *base)
{
    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {
        struct conf_reader reader = {.file = "directives.def"};
        struct conf_node node = {.text = row->initial, .is_quoted = true};

        if (row->initial[0] == '\0' || strcmp(row->initial, CONF_REQUIRED) == 0)
            continue;

        int err = row->kind->read(&reader, row, &node, base);

        assert(err == 0);
    }
}

int
directive_read(struct conf_reader *reader, enum directive_set set, const struct conf_node *map,
               void *base)
{
    if (map->kind != CONF_NODE_MAP)
        return directive_fail(reader, map, "expected 'key: value' lines here");
    if (check_known(reader, set, map, "") != 0)
        return ERR_CONFIG;
    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {
        const char *name = directive_name(row);
        const struct conf_node *node = find_node(map, name);

        if (node == NULL && strcmp(row->initial, CONF_REQUIRED) == 0)
            return directive_fail_key(reader, map, "'%s' is missing", name);
        if (node != NULL && row->kind->read(reader, row, node, base) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

/* Calls itself through check_key(), as deep as the table's names have dots. */
static int
check_known(struct conf_reader *reader, enum directive_set set, const struct conf_node *map,
            const char *prefix)
{
    for (const struct conf_node *node = map->first; node != NULL; node = node->next) {
        if (check_key(reader, set, node, prefix) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
check_key(struct conf_reader *reader, enum directive_set set, const struct conf_node *node,
          const char *prefix)
{
    char name[128], section[sizeof(name) + 1];

    if (prefix[0] == '\0' && node->kind != CONF_NODE_MAP && find_row(set, node->key) != NULL &&
        strchr(node->key, '.') == NULL)
        return 0; /* most of them */
    if (snprintf(name, sizeof(name), "%s%s", prefix, node->key) >= (int)sizeof(name) ||
        strchr(node->key, '.') != NULL)
        return fail_unknown(reader, set, node, prefix);
    if (node->kind == CONF_NODE_MAP && is_section(set, name)) {
        snprintf(section, sizeof(section), "%s.", name);
        return check_known(reader, set, node, section);
    }
    if (find_row(set, name) != NULL)
        return 0;
    if (is_section(set, name))
        return directive_fail(reader, node, "'%s' holds more keys: write them below it, indented",
                              name);
    return fail_unknown(reader, set, node, prefix);
}

static int
fail_unknown(struct conf_reader *reader, enum directive_set set, const struct conf_node *node,
             const char *prefix)
{
    char known[N_NEAR][64];
    const char *names[N_NEAR];
    size_t n = 0;

    for (const struct directive *row = NULL;
         n < N_NEAR && (row = directive_next(set, row)) != NULL;) {
        const char *name = directive_name(row);

        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        name += strlen(prefix);
        snprintf(known[n], sizeof(known[n]), "%.*s", (int)strcspn(name, "."), name);
        names[n] = known[n];
        n++;
    }

    const char *nearest = text_nearest(slice_str(node->key), names, n);

    if (nearest == NULL)
        return directive_fail_key(reader, node, "unknown key '%.64s': see relayos.yaml(5)",
                                  node->key);
    return directive_fail_key(reader, node, "unknown key '%.64s' - did you mean '%s'?", node->key,
                              nearest);
}

static bool
is_section(enum directive_set set, const char *name)
{
    size_t len = strlen(name);

    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {
        if (strncmp(directive_name(row), name, len) == 0 && directive_name(row)[len] == '.')
            return true;
    }
    return false;
}

static const struct directive *
find_row(enum directive_set set, const char *name)
{
    const struct directive *row = NULL;

    while ((row = directive_next(set, row)) != NULL && strcmp(directive_name(row), name) != 0)
        ;
    return row;
}

/* Value of "log.file": of file in the map log. */
static const struct conf_node *
find_node(const struct conf_node *map, const char *name)
{
    char key[64];

    for (size_t len; map != NULL && *name != '\0'; name += len + (name[len] == '.')) {
        len = strcspn(name, ".");
        assert(len < sizeof(key));
        memcpy(key, name, len);
        key[len] = '\0';
        map = conf_yaml_child(map, key);
    }
    return map;
}

/* The ways are laid once: a keys file is read by hundreds of rows for each of its keys. */
const struct directive *
directive_next(enum directive_set set, const struct directive *last)
{
    static const struct directive *first[DIRECTIVE_N_SETS], *next[N_ROWS];
    static bool is_laid;

    if (!is_laid) {
        for (int n = 0; n < DIRECTIVE_N_SETS; n++)
            first[n] = next_of((enum directive_set)n, rows);
        for (size_t n = 0; n < N_ROWS; n++)
            next[n] = next_of(rows[n].set, rows + n + 1);
        is_laid = true;
    }
    return last == NULL ? first[set] : next[last - rows];
}

static const struct directive *
next_of(enum directive_set set, const struct directive *from)
{
    while (from < rows + N_ROWS && from->set != set)
        from++;
    return from < rows + N_ROWS ? from : NULL;
}

const char *
directive_name(const struct directive *row)
{
#define PREFIX(prefix)                                                                             \
    {                                                                                              \
        prefix, sizeof(prefix) - 1                                                                 \
    }
    static const struct slice prefixes[] = {
        [DIRECTIVE_SET_CONF] = PREFIX(""),
        [DIRECTIVE_SET_LISTENER] = PREFIX("listen.*."),
        [DIRECTIVE_SET_CERTIFICATE] = PREFIX("listen.*.certificates.*."),
        [DIRECTIVE_SET_UPSTREAM] = PREFIX("upstreams.*."),
        [DIRECTIVE_SET_CREDENTIAL] = PREFIX("upstreams.*.keys.*."),
        [DIRECTIVE_SET_CAPABILITY] = PREFIX("capabilities.*."),
        [DIRECTIVE_SET_MODEL] = PREFIX("models.*."),
        [DIRECTIVE_SET_ROUTE] = PREFIX("models.*.routes.*."),
        [DIRECTIVE_SET_KEYS] = PREFIX(""),
        [DIRECTIVE_SET_KEY] = PREFIX("keys.*."),
        [DIRECTIVE_SET_QUOTA] = PREFIX("keys.*.quotas.*."),
    };
#undef PREFIX

    assert(strncmp(row->path, prefixes[row->set].ptr, prefixes[row->set].len) == 0);
    return row->path + prefixes[row->set].len;
}

void
directive_format(const struct directive *row, const void *base, struct buf *out)
{
    row->kind->write(row, base, out);
}

void
directive_format_set(enum directive_set set, const void *base, struct buf *out)
{
    const char *comma = "";

    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {
        size_t before = out->len;

        buf_printf(out, "%s%s: ", comma, directive_name(row));
        size_t empty = out->len;
        directive_format(row, base, out);
        if (out->len == empty)
            out->len = before;
        else
            comma = ", ";
    }
}

int
directive_fail(const struct conf_reader *reader, const struct conf_node *node, const char *format,
               ...)
{
    struct errmsg text;
    va_list args;

    va_start(args, format);
    vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    return fail_at(reader, node->line, node->column, text.text);
}

int
directive_fail_key(const struct conf_reader *reader, const struct conf_node *node,
                   const char *format, ...)
{
    struct errmsg text;
    va_list args;

    va_start(args, format);
    vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    if (node->key == NULL)
        return fail_at(reader, node->line, node->column, text.text);
    return fail_at(reader, node->key_line, node->key_column, text.text);
}

static int
fail_at(const struct conf_reader *reader, uint32_t line, uint32_t column, const char *text)
{
    errmsg_set(reader->why, "%s:%u:%u: %s", reader->file, line, column, text);
    return ERR_CONFIG;
}
