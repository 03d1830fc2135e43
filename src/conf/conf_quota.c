/* SPDX-License-Identifier: ISC
 *
 * conf_quota - see the header.
 */
#include "conf_quota.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_model.h"
#include "relayos/base/text.h"

static const char *const period_names[LIMIT_N_PERIODS] = {[LIMIT_PERIOD_MONTH] = "month",
                                                          [LIMIT_PERIOD_TOTAL] = "total",
                                                          [LIMIT_PERIOD_DAY] = "day",
                                                          [LIMIT_PERIOD_WEEK] = "week"};

static int read_one(struct conf_reader *reader, const struct conf_node *node,
                    struct key_record *key);
static void write_one(const struct key_limit *limit, struct buf *out);
static bool is_same_kind(const struct key_limit *a, const struct key_limit *b);

int
conf_quota_read_list(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base)
{
    struct key_record *key = conf_kind_member(row, base);

    if (node->kind != CONF_NODE_LIST)
        return directive_fail(reader, node,
                              "'quotas' must be a list such as [{usd: 50, period: month}]");
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_one(reader, item, key) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_one(struct conf_reader *reader, const struct conf_node *node, struct key_record *key)
{
    struct conf_quota_draft draft = {.nusd = -1, .tokens = -1};
    struct key_limit limit = {0};

    directive_defaults(DIRECTIVE_SET_QUOTA, &draft);
    if (directive_read(reader, DIRECTIVE_SET_QUOTA, node, &draft) != 0)
        return ERR_CONFIG;
    if ((draft.nusd >= 0) == (draft.tokens >= 0))
        return directive_fail(reader, node, "a quota is in usd or in tokens: say one of them");
    limit.unit = draft.nusd >= 0 ? LIMIT_UNIT_NUSD : LIMIT_UNIT_TOKENS;
    limit.amount = draft.nusd >= 0 ? draft.nusd : draft.tokens;
    limit.period = draft.period;
    limit.is_shadow = draft.is_shadow;
    memcpy(limit.model, draft.model, sizeof(limit.model));
    return conf_quota_add(reader, node, key, &limit);
}

int
conf_quota_add(struct conf_reader *reader, const struct conf_node *node, struct key_record *key,
               const struct key_limit *limit)
{
    for (uint8_t i = 0; i < key->n_limits; i++) {
        if (is_same_kind(&key->limits[i], limit))
            return directive_fail(reader, node, "two quotas in %s for a %s%s%s",
                                  limit->unit == LIMIT_UNIT_NUSD ? "usd" : "tokens",
                                  period_names[limit->period],
                                  limit->model[0] == '\0' ? "" : " of ", limit->model);
    }
    if (key->n_limits == LIMIT_KEY_LIMITS)
        return directive_fail(reader, node, "a key has at most %d quotas", LIMIT_KEY_LIMITS);
    key->limits[key->n_limits++] = *limit;
    return 0;
}

static bool
is_same_kind(const struct key_limit *a, const struct key_limit *b)
{
    return a->unit == b->unit && a->period == b->period && strcmp(a->model, b->model) == 0;
}

bool
conf_quota_is_simple(const struct key_record *key)
{
    for (uint8_t i = 0; i < key->n_limits; i++) {
        const struct key_limit *limit = &key->limits[i];

        if (limit->is_shadow || limit->model[0] != '\0' || limit->period != key->limits[0].period)
            return false;
    }
    return true; /* and then no unit stands there twice */
}

void
conf_quota_write_list(const struct directive *row, const void *base, struct buf *out)
{
    const struct key_record *key = conf_kind_const_member(row, base);

    if (conf_quota_is_simple(key))
        return;
    buf_append_byte(out, '[');
    for (uint8_t i = 0; i < key->n_limits; i++) {
        buf_append_str(out, i > 0 ? ", " : "");
        write_one(&key->limits[i], out);
    }
    buf_append_byte(out, ']');
}

static void
write_one(const struct key_limit *limit, struct buf *out)
{
    char amount[32];

    text_usd_format(limit->amount, amount);
    if (limit->unit == LIMIT_UNIT_NUSD)
        buf_printf(out, "{usd: %s", amount + 1); /* without the $ */
    else
        buf_printf(out, "{tokens: %" PRId64, limit->amount);
    buf_printf(out, ", period: %s", period_names[limit->period]);
    if (limit->model[0] != '\0') {
        buf_append_str(out, ", model: ");
        conf_kind_write_text(limit->model, out);
    }
    buf_append_str(out, limit->is_shadow ? ", shadow: true}" : "}");
}

int
conf_quota_read_period(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base)
{
    uint8_t *period = conf_kind_member(row, base);
    const char *text = conf_kind_scalar(reader, row, node, "a word");

    for (uint8_t i = 0; text != NULL && i < LIMIT_N_PERIODS; i++) {
        if (strcmp(period_names[i], text) != 0)
            continue;
        *period = i;
        return 0;
    }
    if (text == NULL)
        return ERR_CONFIG;
    return directive_fail(reader, node, "'%s' must be day, week, month or total, not '%.64s'",
                          directive_name(row), text);
}

void
conf_quota_write_period(const struct directive *row, const void *base, struct buf *out)
{
    const uint8_t *period = conf_kind_const_member(row, base);

    buf_append_str(out, period_names[*period]);
}

int
conf_quota_read_model(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, void *base)
{
    const char *name = conf_kind_scalar(reader, row, node, "the name of a model");
    const struct conf_model *model;

    if (name == NULL || (model = conf_model_named(reader, node, name)) == NULL)
        return ERR_CONFIG;
    memcpy(conf_kind_member(row, base), model->record.name, LIMIT_MODEL_NAME);
    return 0;
}
