/* SPDX-License-Identifier: ISC */
#include "provider_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "relayos/base/limits.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_scan.h"

#define NAME_SIZE   96
#define NANO_DIGITS 9
#define NO_COLUMN   SIZE_MAX

enum column { COLUMN_ID, COLUMN_INPUT, COLUMN_OUTPUT, COLUMN_COST, N_COLUMNS };

/* What providers and their tools call them, the surest first. */
static const char *const usual[N_COLUMNS][8] = {
    [COLUMN_ID] = {"upstream_request_id", "provider_request_id", "request_id", "x_request_id",
                   "response_id", "generation_id", "id"},
    [COLUMN_INPUT] = {"input_tokens", "prompt_tokens", "tokens_prompt", "n_context_tokens_total"},
    [COLUMN_OUTPUT] = {"output_tokens", "completion_tokens", "tokens_completion",
                       "n_generated_tokens_total"},
    [COLUMN_COST] = {"cost_usd", "cost", "cost_total", "total_cost", "amount_usd", "amount"},
};
static const char *const options[N_COLUMNS] = {"--id-column", "--input-column", "--output-column",
                                               "--cost-column"};

/* The fields of one line, by column; empty = none. */
struct line {
    size_t number;
    struct slice fields[N_COLUMNS];
    char room[N_COLUMNS][NAME_SIZE];
};

static int read_csv(FILE *file, const char *const named[N_COLUMNS], struct provider_list *out,
                    struct errmsg *why);
static int find_columns(const struct csv *csv, const char *const named[N_COLUMNS],
                        size_t at[N_COLUMNS], struct errmsg *why);
static size_t find_column(const struct csv *csv, const char *name);
static bool is_same_name(struct slice given, const char *name);
static int read_jsonl(FILE *file, const char *const named[N_COLUMNS], struct provider_list *out,
                      struct errmsg *why);
static int read_object(struct slice text, const char *const named[N_COLUMNS], struct line *line,
                       struct errmsg *why);
static const struct json_member *find_member(const struct json_object *object, const char *named,
                                             enum column column);
static int add_line(const struct line *line, struct provider_list *out, struct errmsg *why);
static int read_tokens(const struct line *line, enum column column, int64_t *out,
                       struct errmsg *why);
static void add_up(struct provider_list *list);
static int compare_ids(const void *a, const void *b);

int
provider_list_read(const char *path, const struct provider_list_columns *columns,
                   struct provider_list *out, struct errmsg *why)
{
    const char *const named[N_COLUMNS] = {columns->id, columns->input, columns->output,
                                          columns->cost};
    FILE *file = fopen(path, "re");
    int c;

    memset(out, 0, sizeof(*out));
    if (file == NULL) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    while ((c = getc(file)) == ' ' || c == '\n' || c == '\r')
        ;
    rewind(file);
    int rc = c == '{' ? read_jsonl(file, named, out, why) : read_csv(file, named, out, why);
    (void)fclose(file);
    if (rc != 0) {
        errmsg_prefix(why, "%s", path);
        provider_list_fini(out);
        return rc;
    }
    add_up(out);
    return 0;
}

void
provider_list_fini(struct provider_list *list)
{
    free(list->rows);
    memset(list, 0, sizeof(*list));
}

/* ---- CSV ---- */

static int
read_csv(FILE *file, const char *const named[N_COLUMNS], struct provider_list *out,
         struct errmsg *why)
{
    size_t at[N_COLUMNS] = {0};
    struct csv csv;

    csv_init(&csv, file);
    int rc = csv_next(&csv, why);
    if (rc == 0)
        errmsg_set(why, "it is empty");
    rc = rc == 1 ? find_columns(&csv, named, at, why) : rc == 0 ? ERR_MISSING : rc;
    if (rc == 0) {
        out->has_tokens = at[COLUMN_INPUT] != NO_COLUMN && at[COLUMN_OUTPUT] != NO_COLUMN;
        out->has_cost = at[COLUMN_COST] != NO_COLUMN;
    }
    while (rc == 0 && (rc = csv_next(&csv, why)) == 1) {
        struct line line = {.number = csv.line};

        for (int n = 0; n < N_COLUMNS; n++) {
            if (at[n] != NO_COLUMN)
                line.fields[n] = slice_trim(csv_field(&csv, at[n]));
        }
        rc = add_line(&line, out, why);
    }
    csv_fini(&csv);
    return rc;
}

static int
find_columns(const struct csv *csv, const char *const named[N_COLUMNS], size_t at[N_COLUMNS],
             struct errmsg *why)
{
    for (int n = 0; n < N_COLUMNS; n++) {
        at[n] = named[n] == NULL ? NO_COLUMN : find_column(csv, named[n]);
        if (named[n] != NULL && at[n] == NO_COLUMN) {
            errmsg_set(why, "there is no column %s", named[n]);
            return ERR_MISSING;
        }
        for (size_t i = 0; at[n] == NO_COLUMN && named[n] == NULL && usual[n][i] != NULL; i++)
            at[n] = find_column(csv, usual[n][i]);
    }
    if (at[COLUMN_ID] != NO_COLUMN)
        return 0;
    errmsg_set(why, "no column holds request ids; name it with %s", options[COLUMN_ID]);
    return ERR_MISSING;
}

static size_t
find_column(const struct csv *csv, const char *name)
{
    for (size_t n = 0; n < csv->n_fields; n++) {
        if (is_same_name(csv_field(csv, n), name))
            return n;
    }
    return NO_COLUMN;
}

/* "Input Tokens" is input_tokens. */
static bool
is_same_name(struct slice given, const char *name)
{
    char plain[NAME_SIZE], wanted[NAME_SIZE];
    size_t len = strlen(name);

    given = slice_trim(given);
    if (given.len != len || len >= sizeof(plain))
        return false;
    for (size_t n = 0; n < len; n++) {
        plain[n] = given.ptr[n] == ' ' || given.ptr[n] == '-' ? '_' : given.ptr[n];
        wanted[n] = name[n] == ' ' || name[n] == '-' ? '_' : name[n];
    }
    return slice_eq_nocase(slice_of(plain, len), slice_of(wanted, len));
}

/* ---- JSON lines ---- */

static int
read_jsonl(FILE *file, const char *const named[N_COLUMNS], struct provider_list *out,
           struct errmsg *why)
{
    size_t capacity = 0, number = 0;
    char *text = NULL;
    ssize_t len;
    int rc = 0;

    while (rc == 0 && (len = getline(&text, &capacity, file)) >= 0) {
        struct line line = {.number = number + 1};
        struct slice json = slice_of(text, (size_t)len);

        number++;
        while (json.len > 0 && strchr(" \t\r\n", json.ptr[json.len - 1]) != NULL)
            json.len--;
        if (json.len == 0)
            continue;
        rc = read_object(json, named, &line, why);
        if (rc == 0) {
            out->has_tokens = out->has_tokens || line.fields[COLUMN_INPUT].len > 0;
            out->has_cost = out->has_cost || line.fields[COLUMN_COST].len > 0;
            rc = add_line(&line, out, why);
        }
    }
    if (rc == 0 && ferror(file)) {
        errmsg_set(why, "%s", strerror(errno));
        rc = ERR_IO;
    }
    free(text);
    return rc;
}

static int
read_object(struct slice text, const char *const named[N_COLUMNS], struct line *line,
            struct errmsg *why)
{
    struct json_object object;
    struct json_error error;

    if (json_scan_object(text, &object, &error) != 0) {
        errmsg_set(why, "line %zu: byte %zu: %s", line->number, error.offset, error.reason);
        return ERR_SYNTAX;
    }
    for (int n = 0; n < N_COLUMNS; n++) {
        const struct json_member *member = find_member(&object, named[n], (enum column)n);

        if (member == NULL || member->type == JSON_NULL)
            continue;
        line->fields[n] = member->value;
        if (member->type == JSON_STRING &&
            json_string_view(member->value, line->room[n], NAME_SIZE, &line->fields[n]) != 0) {
            errmsg_set(why, "line %zu: too long a value", line->number);
            return ERR_SYNTAX;
        }
    }
    return 0;
}

static const struct json_member *
find_member(const struct json_object *object, const char *named, enum column column)
{
    const struct json_member *found = NULL;

    if (named != NULL)
        return json_find(object, named);
    for (size_t i = 0; found == NULL && usual[column][i] != NULL; i++)
        found = json_find(object, usual[column][i]);
    return found;
}

/* ---- lines ---- */

static int
add_line(const struct line *line, struct provider_list *out, struct errmsg *why)
{
    struct provider_list_row row = {.line = line->number};
    struct slice id = line->fields[COLUMN_ID], cost = line->fields[COLUMN_COST];

    if (id.len == 0 || id.len >= sizeof(row.id)) {
        errmsg_set(why, "line %zu: %s", line->number,
                   id.len == 0 ? "it has no request id" : "its request id is too long");
        return ERR_SYNTAX;
    }
    memcpy(row.id, id.ptr, id.len);
    int rc = read_tokens(line, COLUMN_INPUT, &row.input_tokens, why);
    if (rc == 0)
        rc = read_tokens(line, COLUMN_OUTPUT, &row.output_tokens, why);
    if (rc != 0)
        return rc;
    if (cost.len > 0 && provider_list_cost(cost, &row.cost_nusd) != 0) {
        errmsg_set(why, "line %zu: \"%.*s\" is no cost in USD", line->number, (int)cost.len,
                   cost.ptr);
        return ERR_SYNTAX;
    }
    if (out->n_rows == out->capacity) {
        out->capacity = out->capacity == 0 ? 1024 : 2 * out->capacity;
        out->rows = mem_array(out->rows, out->capacity, sizeof(out->rows[0]));
    }
    out->rows[out->n_rows++] = row;
    return 0;
}

static int
read_tokens(const struct line *line, enum column column, int64_t *out, struct errmsg *why)
{
    struct slice text = line->fields[column];

    if (text.len == 0 || (text_int_parse(text, out) == 0 && *out >= 0 && *out <= LIMIT_TOKENS))
        return 0;
    errmsg_set(why, "line %zu: \"%.*s\" is no number of tokens", line->number,
               (int)(text.len < 64 ? text.len : 64), text.ptr);
    return ERR_SYNTAX;
}

int
provider_list_cost(struct slice text, int64_t *out_nusd)
{
    unsigned __int128 digits = 0;
    int scale = NANO_DIGITS, n_digits = 0;
    size_t at = text.len > 0 && text.ptr[0] == '$';
    bool is_fraction = false;

    for (; at < text.len &&
           ((text.ptr[at] >= '0' && text.ptr[at] <= '9') || (text.ptr[at] == '.' && !is_fraction));
         at++) {
        if (text.ptr[at] == '.') {
            is_fraction = true;
            continue;
        }
        if (++n_digits > 30)
            return ERR_SYNTAX;
        digits = digits * 10 + (unsigned)(text.ptr[at] - '0');
        scale -= is_fraction;
    }
    if (n_digits == 0)
        return ERR_SYNTAX;
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        int64_t exponent;
        size_t from = at + 1 + (at + 1 < text.len && text.ptr[at + 1] == '+');

        if (text_int_parse(slice_sub(text, from, text.len), &exponent) != 0 || exponent < -40 ||
            exponent > 9)
            return ERR_SYNTAX;
        scale += (int)exponent;
        at = text.len;
    }
    for (; scale > 0 && digits <= INT64_MAX; scale--)
        digits *= 10;
    for (; scale < -1; scale++)
        digits /= 10;
    if (scale == -1)
        digits = (digits + 5) / 10;
    if (at != text.len || digits > INT64_MAX)
        return ERR_SYNTAX;
    *out_nusd = (int64_t)digits;
    return 0;
}

static void
add_up(struct provider_list *list)
{
    size_t n_kept = 0;

    if (list->n_rows > 0)
        qsort(list->rows, list->n_rows, sizeof(list->rows[0]), compare_ids);
    for (size_t n = 0; n < list->n_rows; n++) {
        struct provider_list_row *last = n_kept == 0 ? NULL : &list->rows[n_kept - 1];

        if (last == NULL || strcmp(last->id, list->rows[n].id) != 0) {
            list->rows[n_kept++] = list->rows[n];
            continue;
        }
        last->input_tokens += list->rows[n].input_tokens;
        last->output_tokens += list->rows[n].output_tokens;
        if (__builtin_add_overflow(last->cost_nusd, list->rows[n].cost_nusd, &last->cost_nusd))
            last->cost_nusd = INT64_MAX;
    }
    list->n_rows = n_kept;
}

static int
compare_ids(const void *a, const void *b)
{
    const struct provider_list_row *one = a, *other = b;
    int order = strcmp(one->id, other->id);

    return order != 0 ? order : (one->line > other->line) - (one->line < other->line);
}
