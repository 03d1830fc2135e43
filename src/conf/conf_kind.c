/* SPDX-License-Identifier: ISC
 *
 * conf_kind - see the header. Here: scalars; what has sections of its own is in conf_upstream.c,
 * conf_model.c, conf_keys.c and conf_listen.c.
 */
#include "conf_kind.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf_capability.h"
#include "conf_certificate.h"
#include "conf_choice.h"
#include "conf_credential.h"
#include "conf_fallback.h"
#include "conf_keys.h"
#include "conf_listen.h"
#include "conf_model.h"
#include "conf_networks.h"
#include "conf_price.h"
#include "conf_quota.h"
#include "conf_upstream.h"
#include "conf_url.h"
#include "relayos/base/clock.h"
#include "relayos/base/period.h"
#include "relayos/base/text.h"

#define DATE_SIZE 10 /* "2027-01-01" */

typedef bool is_good_char(unsigned char c);

static int read_string(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base);
static int read_chars(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, void *base, is_good_char *is_good,
                      const char *allowed);
static int read_number(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, int64_t value, void *base);
static void format_number(const struct directive *row, int64_t value, char out[32]);

const char *
conf_kind_scalar(struct conf_reader *reader, const struct directive *row,
                 const struct conf_node *node, const char *what)
{
    if (node->kind != CONF_NODE_SCALAR) {
        directive_fail(reader, node, "'%s' must be %s, not a %s", directive_name(row), what,
                       node->kind == CONF_NODE_MAP ? "map" : "list");
        return NULL;
    }
    if (node->text[0] == '\0' && !node->is_quoted) {
        directive_fail_key(reader, node, "'%s' has no value: give it %s, or leave the line out",
                           directive_name(row), what);
        return NULL;
    }
    return node->text;
}

void
conf_kind_write_text(const char *text, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./";

    if (text[0] == '\0')
        return;
    if (strspn(text, plain) == 0 || text[strcspn(text, "\"\\#:{}[],&*!|>%@`'")] != '\0' ||
        text[strlen(text) - 1] == ' ') {
        buf_append_byte(out, '"');
        for (; *text != '\0'; text++) {
            if (*text == '"' || *text == '\\')
                buf_append_byte(out, '\\');
            buf_append_byte(out, *text);
        }
        buf_append_byte(out, '"');
        return;
    }
    buf_append_str(out, text);
}

/* For members with no YAML of their own (sections that show themselves). */
static void
write_nothing(const struct directive *row, const void *base, struct buf *out)
{
    (void)row;
    (void)base;
    (void)out;
}

/* text, path, name, word, variable: bytes of a fixed-size member; min and max bound the length. */

static bool
is_printable(unsigned char c)
{
    return c >= 0x20 && c != 0x7f;
}

static bool
is_name_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-", c) != NULL);
}

static bool
is_word_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_variable_char(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* A model's name goes into JSON, URLs and logs as it is: no quoting, no spaces. */
static bool
is_model_char(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
}

bool
conf_kind_is_name(const char *text)
{
    while (is_name_char((unsigned char)*text))
        text++;
    return *text == '\0';
}

bool
conf_kind_is_model_name(const char *text)
{
    while (is_model_char((unsigned char)*text))
        text++;
    return *text == '\0';
}

static int
read_string(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
            void *base)
{
    return read_chars(reader, row, node, base, is_printable, "printable characters");
}

static int
read_name(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    return read_chars(reader, row, node, base, is_name_char, "letters, digits, '.', '_' and '-'");
}

static int
read_word(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    return read_chars(reader, row, node, base, is_word_char, "a-z and 0-9");
}

static int
read_variable(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
              void *base)
{
    return read_chars(reader, row, node, base, is_variable_char, "letters, digits and '_'");
}

static int
read_model_name(struct conf_reader *reader, const struct directive *row,
                const struct conf_node *node, void *base)
{
    return read_chars(reader, row, node, base, is_model_char,
                      "printable ASCII without spaces, quotes and backslashes");
}

static int
read_chars(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
           void *base, is_good_char *is_good, const char *allowed)
{
    const char *text = conf_kind_scalar(reader, row, node, "a text");
    size_t max = row->max > 0 ? (size_t)row->max : row->size - 1;

    if (text == NULL)
        return ERR_CONFIG;

    size_t len = strlen(text);

    assert(max < row->size);
    if (len < (size_t)row->min || len > max)
        return directive_fail(reader, node, "'%s' must have %d to %zu characters, not %zu",
                              directive_name(row), (int)row->min, max, len);
    for (size_t i = 0; i < len; i++) {
        if (!is_good((unsigned char)text[i]))
            return directive_fail(reader, node, "'%s' may hold %s only", directive_name(row),
                                  allowed);
    }
    memcpy(conf_kind_member(row, base), text, len + 1);
    return 0;
}

static void
write_string(const struct directive *row, const void *base, struct buf *out)
{
    conf_kind_write_text(conf_kind_const_member(row, base), out);
}

const struct conf_kind conf_kind_text = {read_string, write_string};
const struct conf_kind conf_kind_path = {read_string, write_string};
const struct conf_kind conf_kind_name = {read_name, write_string};
const struct conf_kind conf_kind_word = {read_word, write_string};
const struct conf_kind conf_kind_variable = {read_variable, write_string};
const struct conf_kind conf_kind_model_name = {read_model_name, write_string};

static int
read_bool(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "true or false");

    if (text == NULL)
        return ERR_CONFIG;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return directive_fail(reader, node, "'%s' must be true or false, not '%.64s'",
                              directive_name(row), text);
    conf_kind_store(row, text[0] == 't', base);
    return 0;
}

static void
write_bool(const struct directive *row, const void *base, struct buf *out)
{
    buf_append_str(out, conf_kind_load(row, base) != 0 ? "true" : "false");
}

const struct conf_kind conf_kind_bool = {read_bool, write_bool};

/* count, duration, size, money: integers of the row's size within min and max; -1 = unset. */

static int
read_count(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
           void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "a number");
    int64_t value;

    if (text == NULL)
        return ERR_CONFIG;
    if (text_int_parse(slice_str(text), &value) != 0)
        return directive_fail(reader, node, "'%s' must be a number, not '%.64s'",
                              directive_name(row), text);
    return read_number(reader, row, node, value, base);
}

static int
read_duration(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
              void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "a duration such as 30s");
    int64_t value;

    if (text == NULL)
        return ERR_CONFIG;
    if (text_duration_parse(slice_str(text), &value) != 0)
        return directive_fail(reader, node,
                              "'%s' must be a duration (100ms, 30s, 5m, 12h, 30d), not '%.64s'",
                              directive_name(row), text);
    return read_number(reader, row, node, value, base);
}

static int
read_size(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "a size such as 32MiB");
    int64_t value;

    if (text == NULL)
        return ERR_CONFIG;
    if (text_size_parse(slice_str(text), &value) != 0)
        return directive_fail(reader, node,
                              "'%s' must be a size (65536, 64KiB, 32MiB, 1GiB), not '%.64s'",
                              directive_name(row), text);
    return read_number(reader, row, node, value, base);
}

static int
read_money(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
           void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "an amount such as 3.00");
    int64_t value;

    if (text == NULL)
        return ERR_CONFIG;
    if (text_usd_parse(slice_str(text), &value) != 0)
        return directive_fail(reader, node,
                              "'%s' must be US dollars (3.00, 0.075; at most 9 decimals), not "
                              "'%.64s'",
                              directive_name(row), text);
    return read_number(reader, row, node, value, base);
}

static int
read_number(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
            int64_t value, void *base)
{
    char low[32], high[32];

    if (value < row->min || value > row->max) {
        format_number(row, row->min, low);
        format_number(row, row->max, high);
        return directive_fail(reader, node, "'%s' must be %s to %s, not %.64s", directive_name(row),
                              low, high, node->text);
    }
    conf_kind_store(row, value, base);
    return 0;
}

static void
write_number(const struct directive *row, const void *base, struct buf *out)
{
    char text[32];
    int64_t value = conf_kind_load(row, base);

    if (value < 0)
        return;
    format_number(row, value, text);
    buf_append_str(out, text);
}

static void
format_number(const struct directive *row, int64_t value, char out[32])
{
    char usd[32];

    if (row->kind == &conf_kind_duration) {
        text_duration_format(value, out);
    } else if (row->kind == &conf_kind_size) {
        text_size_format(value, out);
    } else if (row->kind == &conf_kind_money) {
        text_usd_format(value, usd);
        snprintf(out, 32, "%s", usd + 1); /* without the "$" */
    } else {
        snprintf(out, 32, "%" PRId64, value);
    }
}

void
conf_kind_store(const struct directive *row, int64_t value, void *base)
{
    void *member = conf_kind_member(row, base);

    assert(row->size == 8 || row->size == 4 || row->size == 1);
    if (row->size == 8)
        *(int64_t *)member = value;
    else if (row->size == 4)
        *(uint32_t *)member = (uint32_t)value;
    else
        *(uint8_t *)member = (uint8_t)value;
}

int64_t
conf_kind_load(const struct directive *row, const void *base)
{
    const void *member = conf_kind_const_member(row, base);

    assert(row->size == 8 || row->size == 4 || row->size == 1);
    if (row->size == 8)
        return *(const int64_t *)member;
    return row->size == 4 ? *(const uint32_t *)member : *(const uint8_t *)member;
}

const struct conf_kind conf_kind_count = {read_count, write_number};
const struct conf_kind conf_kind_duration = {read_duration, write_number};
const struct conf_kind conf_kind_size = {read_size, write_number};
const struct conf_kind conf_kind_money = {read_money, write_number};

/* date: an instant; the row's min says how many microseconds the member counts in. */

static int
read_date(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "a date such as 2027-01-01");
    int64_t us;

    if (text == NULL)
        return ERR_CONFIG;
    if (clock_parse_utc(text, &us) != 0 || us <= 0)
        return directive_fail(reader, node,
                              "'%s' must be a date (2027-01-01, 2027-01-01T12:00:00Z), not '%.64s'",
                              directive_name(row), text);
    conf_kind_store(row, us / row->min, base);
    return 0;
}

static void
write_date(const struct directive *row, const void *base, struct buf *out)
{
    int64_t value = conf_kind_load(row, base);
    char text[32];

    if (value == 0)
        return;
    clock_format_utc(value * row->min, 0, text);
    if (strcmp(text + DATE_SIZE, "T00:00:00Z") == 0)
        text[DATE_SIZE] = '\0';
    conf_kind_write_text(text, out);
}

const struct conf_kind conf_kind_date = {read_date, write_date};

/* free: a price that is zero on purpose; a map is read by the rows below this one. */

static int
read_free(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    const char *name = directive_name(row);

    if (node->kind == CONF_NODE_MAP)
        return 0;
    if (node->kind == CONF_NODE_LIST || strcmp(node->text, "free") != 0)
        return directive_fail(reader, node,
                              "'%s' must be {input: 3.00, output: 15.00, ...} in USD per million "
                              "tokens, or free",
                              name);
    *(uint32_t *)conf_kind_member(row, base) = 1;
    return 0;
}

static void
write_free(const struct directive *row, const void *base, struct buf *out)
{
    if (*(const uint32_t *)conf_kind_const_member(row, base) != 0)
        buf_append_str(out, "free");
}

const struct conf_kind conf_kind_free = {read_free, write_free};

static int
read_digest(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
            void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "64 hex digits");

    if (text == NULL)
        return ERR_CONFIG;
    if (text_hex_parse(slice_str(text), conf_kind_member(row, base), row->size) != 0)
        return directive_fail(reader, node,
                              "'%s' must be the 64 hex digits that 'relayosctl key hash' prints",
                              directive_name(row));
    return 0;
}

static void
write_digest(const struct directive *row, const void *base, struct buf *out)
{
    char digits[2 * KEY_DIGEST_SIZE];

    text_hex(conf_kind_const_member(row, base), KEY_DIGEST_SIZE, digits);
    buf_append(out, digits, sizeof(digits));
}

const struct conf_kind conf_kind_digest = {read_digest, write_digest};

static int
read_zone(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          void *base)
{
    struct errmsg why;

    if (read_string(reader, row, node, base) != 0)
        return ERR_CONFIG;
    if (period_zone_check(node->text, &why) != 0)
        return directive_fail(reader, node, "%s", why.text);
    return 0;
}

const struct conf_kind conf_kind_zone = {read_zone, write_string};

const struct conf_kind conf_kind_address = {conf_listen_read_one, conf_listen_write_one};
const struct conf_kind conf_kind_listeners = {conf_listen_read, conf_listen_write};
const struct conf_kind conf_kind_listener = {conf_listen_read_address, conf_listen_write_address};
const struct conf_kind conf_kind_certificates = {conf_certificate_read_list,
                                                 conf_certificate_write_list};
const struct conf_kind conf_kind_file_mode = {conf_listen_read_mode, conf_listen_write_mode};
const struct conf_kind conf_kind_networks = {conf_networks_read, conf_networks_write};
const struct conf_kind conf_kind_url = {conf_url_read, write_string};
const struct conf_kind conf_kind_choice = {conf_choice_read, conf_choice_write};
const struct conf_kind conf_kind_choices = {conf_choice_read_list, conf_choice_write_list};
const struct conf_kind conf_kind_credentials = {conf_credential_read_list,
                                                conf_credential_write_list};
const struct conf_kind conf_kind_upstream = {conf_model_read_upstream, write_nothing};
const struct conf_kind conf_kind_upstreams = {conf_upstream_read_all, write_nothing};
const struct conf_kind conf_kind_models = {conf_model_read_all, write_nothing};
const struct conf_kind conf_kind_fallbacks = {conf_fallback_read, conf_fallback_write};
const struct conf_kind conf_kind_routes = {conf_model_read_routes, write_nothing};
const struct conf_kind conf_kind_factors = {conf_price_read_factors, conf_price_write_factors};
const struct conf_kind conf_kind_tiers = {conf_price_read_tiers, conf_price_write_tiers};
const struct conf_kind conf_kind_prices = {conf_price_read_changes, conf_price_write_changes};
const struct conf_kind conf_kind_capabilities = {conf_capability_read_list,
                                                 conf_capability_write_list};
const struct conf_kind conf_kind_tool = {conf_keys_read_tool, conf_keys_write_tool};
const struct conf_kind conf_kind_scope = {conf_keys_read_scope, conf_keys_write_scope};
const struct conf_kind conf_kind_period = {conf_quota_read_period, conf_quota_write_period};
const struct conf_kind conf_kind_quotas = {conf_quota_read_list, conf_quota_write_list};
const struct conf_kind conf_kind_quota_model = {conf_quota_read_model, write_string};
const struct conf_kind conf_kind_keys = {conf_keys_read_all, write_nothing};
