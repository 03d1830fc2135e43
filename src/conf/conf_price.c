/* SPDX-License-Identifier: ISC
 *
 * conf_price - see the header. The items of tiers and changes have the keys of the rows
 * "models.*.price.*", and are read and written by these rows.
 */
#include "conf_price.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "conf_kind.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"

#define UNSET             (-1) /* a bucket that the config gives no price */
#define NUSD_PER_PERMILLE 1000000
#define FACTOR_MAX        65000 /* permille */

static const char *const tier_names[USAGE_N_TIERS] = {
    [USAGE_TIER_FLEX] = "flex", [USAGE_TIER_BATCH] = "batch", [USAGE_TIER_PRIORITY] = "priority"};

/* Rows of a price, by their names, in the set of models; a draft stands for the model. */
#define PRICE_PREFIX "price."
static_assert(offsetof(struct conf_model, record) == 0, "a draft may be its record alone");

static int read_item(struct conf_reader *reader, const struct conf_node *item, const char *own_key,
                     struct price *price);
static const struct directive *price_row(const char *key);
static int read_tier(struct conf_reader *reader, const struct conf_node *item, struct price *price);
static int read_change(struct conf_reader *reader, const struct conf_node *item,
                       struct price_change *changes, int n);
static void derive(int64_t nusd[PRICE_N]);
static int finish_tier(struct conf_reader *reader, const struct conf_node *node, const char *name,
                       const struct price *price, struct price_tier *tier);
static uint32_t hash_price(const struct price *price);
static void write_rows(const struct price *price, struct buf *out);

/* ---- what the buckets cost ---- */

void
conf_price_clear(struct price *price)
{
    for (int i = 0; i < PRICE_N; i++)
        price->nusd[i] = UNSET;
}

int
conf_price_finish(struct conf_reader *reader, const struct conf_node *node, const char *name,
                  struct price *price)
{
    if (price->is_free) {
        memset(price->nusd, 0, sizeof(price->nusd));
    } else if (price->nusd[USAGE_INPUT] == UNSET || price->nusd[USAGE_OUTPUT] == UNSET) {
        return directive_fail_key(reader, node,
                                  "'%s' must give both input and output (output: 0 where there is "
                                  "none, as for embeddings)",
                                  name);
    }
    for (uint32_t i = 0; i < price->n_tiers; i++) {
        if (finish_tier(reader, node, name, price, &price->tiers[i]) != 0)
            return ERR_CONFIG;
    }
    derive(price->nusd);
    price->version = hash_price(price);
    return 0;
}

/* What the price names its tiers must name: a guess would charge a long prompt as a short one. */
static int
finish_tier(struct conf_reader *reader, const struct conf_node *node, const char *name,
            const struct price *price, struct price_tier *tier)
{
    const char *names[PRICE_N] = {
#define BUCKET(name, NAME, unit) [USAGE_##NAME] = #name,
        USAGE_BUCKETS(BUCKET)
#undef BUCKET
            [PRICE_REASONING] = "reasoning"};

    for (int i = 0; i < PRICE_N; i++) {
        bool is_single = i == USAGE_REQUEST || i == USAGE_SERVER_TOOL;

        if (tier->nusd[i] == UNSET && is_single)
            tier->nusd[i] = price->nusd[i];
        else if (tier->nusd[i] == UNSET && price->nusd[i] != UNSET)
            return directive_fail_key(reader, node,
                                      "'%s' gives a price for %s: its tier above %" PRId64
                                      " must give one, too",
                                      name, names[i], tier->above);
    }
    derive(tier->nusd);
    return 0;
}

/* Each bucket without a price has that of what it is a part of: nothing is unpriced. */
static void
derive(int64_t nusd[PRICE_N])
{
    static const struct {
        int bucket, model;
    } as[] = {
        {USAGE_CACHE_READ, USAGE_INPUT},
        {USAGE_CACHE_WRITE_5M, USAGE_INPUT},
        {USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_5M},
        {USAGE_INPUT_AUDIO, USAGE_INPUT},
        {USAGE_INPUT_IMAGE, USAGE_INPUT},
        {USAGE_OUTPUT_AUDIO, USAGE_OUTPUT},
        {USAGE_OUTPUT_IMAGE, USAGE_OUTPUT},
        {PRICE_REASONING, USAGE_OUTPUT},
    };

    for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++) {
        if (nusd[as[i].bucket] == UNSET)
            nusd[as[i].bucket] = nusd[as[i].model];
    }
    if (nusd[USAGE_REQUEST] == UNSET)
        nusd[USAGE_REQUEST] = 0;
    if (nusd[USAGE_SERVER_TOOL] == UNSET)
        nusd[USAGE_SERVER_TOOL] = 0;
}

/* The same prices have the same version in all configs and processes; never 0. */
static uint32_t
hash_price(const struct price *price)
{
    struct price plain = *price;

    plain.version = plain.is_free = 0;
    uint32_t hash = (uint32_t)hash_table64(slice_of(&plain, sizeof(plain)));

    return hash == 0 ? 1 : hash;
}

/* ---- items of tiers and changes ---- */

/* All keys but own_key, which the caller has read. */
static int
read_item(struct conf_reader *reader, const struct conf_node *item, const char *own_key,
          struct price *price)
{
    struct model_record draft = {0};

    conf_price_clear(&draft.price);
    for (const struct conf_node *node = item->first; node != NULL; node = node->next) {
        const struct directive *row = price_row(node->key);

        if (strcmp(node->key, own_key) == 0)
            continue;
        if (row == NULL)
            return directive_fail_key(reader, node,
                                      "unknown key '%.64s' in a price: see "
                                      "relayos.yaml(5)",
                                      node->key);
        if (row->kind->read(reader, row, node, &draft) != 0)
            return ERR_CONFIG;
    }
    *price = draft.price;
    return 0;
}

static const struct directive *
price_row(const char *key)
{
    for (const struct directive *row = NULL;
         (row = directive_next(DIRECTIVE_SET_MODEL, row)) != NULL;) {
        const char *name = directive_name(row);

        if (strncmp(name, PRICE_PREFIX, strlen(PRICE_PREFIX)) == 0 &&
            strcmp(name + strlen(PRICE_PREFIX), key) == 0)
            return row;
    }
    return NULL;
}

/* ---- tiers: [{above: 200000, input: 2.50, output: 15.00}, ...] ---- */

int
conf_price_read_tiers(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, void *base)
{
    struct price *price = conf_kind_member(row, base);

    if (node->kind != CONF_NODE_LIST || node->n_children == 0)
        return directive_fail(reader, node,
                              "'%s' must be a list such as [{above: 200000, input: 2.50, output: "
                              "15.00}]",
                              directive_name(row));
    if (node->n_children > LIMIT_PRICE_TIERS)
        return directive_fail(reader, node, "a price has at most %d tiers", LIMIT_PRICE_TIERS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_tier(reader, item, price) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_tier(struct conf_reader *reader, const struct conf_node *item, struct price *price)
{
    const struct conf_node *above = conf_yaml_child(item, "above");
    struct price_tier *tier = &price->tiers[price->n_tiers];
    int64_t least = price->n_tiers == 0 ? 1 : tier[-1].above + 1;
    struct price draft;

    if (item->kind != CONF_NODE_MAP || above == NULL)
        return directive_fail(reader, item,
                              "a tier says which prompts it is for: {above: TOKENS, ...}");
    if (above->kind != CONF_NODE_SCALAR ||
        text_int_parse(slice_str(above->text), &tier->above) != 0 || tier->above < least ||
        tier->above > LIMIT_TOKENS)
        return directive_fail(
            reader, above, "'above' must be a number of tokens, %" PRId64 " or more here", least);
    if (conf_yaml_child(item, "tiers") != NULL || conf_yaml_child(item, "factors") != NULL)
        return directive_fail(reader, item, "tiers and factors are not a tier's but the price's");
    if (read_item(reader, item, "above", &draft) != 0)
        return ERR_CONFIG;
    memcpy(tier->nusd, draft.nusd, sizeof(tier->nusd));
    price->n_tiers++;
    return 0;
}

void
conf_price_write_tiers(const struct directive *row, const void *base, struct buf *out)
{
    const struct price *price = conf_kind_const_member(row, base);

    for (uint32_t i = 0; i < price->n_tiers; i++) {
        struct price draft = {0};

        memcpy(draft.nusd, price->tiers[i].nusd, sizeof(draft.nusd));
        buf_printf(out, "%s{above: %" PRId64, i == 0 ? "[" : ", ", price->tiers[i].above);
        write_rows(&draft, out);
        buf_append_byte(out, '}');
    }
    if (price->n_tiers > 0)
        buf_append_byte(out, ']');
}

/* ---- factors: {flex: 0.5, batch: 0.5, priority: 2} ---- */

int
conf_price_read_factors(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, void *base)
{
    uint16_t *factors = conf_kind_member(row, base);

    if (node->kind != CONF_NODE_MAP)
        return directive_fail(reader, node, "'%s' must be {flex: 0.5, batch: 0.5, priority: 2}",
                              directive_name(row));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        int tier = USAGE_TIER_FLEX;
        int64_t nusd;

        while (tier < USAGE_N_TIERS && strcmp(tier_names[tier], item->key) != 0)
            tier++;
        if (tier == USAGE_N_TIERS)
            return directive_fail_key(
                reader, item, "unknown service tier '%.64s': flex, batch or priority", item->key);
        if (item->kind != CONF_NODE_SCALAR || text_usd_parse(slice_str(item->text), &nusd) != 0 ||
            nusd % NUSD_PER_PERMILLE != 0 || nusd < NUSD_PER_PERMILLE ||
            nusd / NUSD_PER_PERMILLE > FACTOR_MAX)
            return directive_fail(reader, item, "a factor is 0.001 to 65, at most 3 decimals");
        factors[tier] = (uint16_t)(nusd / NUSD_PER_PERMILLE);
    }
    return 0;
}

void
conf_price_write_factors(const struct directive *row, const void *base, struct buf *out)
{
    const uint16_t *factors = conf_kind_const_member(row, base);
    const char *separator = "{";

    for (int tier = USAGE_TIER_FLEX; tier < USAGE_N_TIERS; tier++) {
        if (factors[tier] == 0)
            continue;
        buf_printf(out, "%s%s: %u.%03u", separator, tier_names[tier], factors[tier] / 1000u,
                   factors[tier] % 1000u);
        separator = ", ";
    }
    if (separator[0] == ',')
        buf_append_byte(out, '}');
}

/* ---- changes: [{from: 2026-12-01, input: ..., output: ...}, ...] ---- */

int
conf_price_read_changes(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, void *base)
{
    struct price_change *changes = conf_kind_member(row, base);
    int n = 0;

    if (node->kind != CONF_NODE_LIST || node->n_children == 0)
        return directive_fail(reader, node,
                              "'%s' must be a list such as [{from: 2026-12-01, input: 3.00, "
                              "output: 15.00}]",
                              directive_name(row));
    if (node->n_children > LIMIT_PRICE_CHANGES)
        return directive_fail(reader, node,
                              "'%s' has at most %d prices: take out those that are "
                              "over",
                              directive_name(row), LIMIT_PRICE_CHANGES);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_change(reader, item, changes, n++) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_change(struct conf_reader *reader, const struct conf_node *item, struct price_change *changes,
            int n)
{
    const struct conf_node *from = conf_yaml_child(item, "from");
    struct price_change *change = &changes[n];

    if (item->kind != CONF_NODE_MAP || from == NULL)
        return directive_fail(reader, item, "a dated price says since when: {from: DATE, ...}");
    if (from->kind != CONF_NODE_SCALAR || clock_parse_utc(from->text, &change->from_us) != 0 ||
        change->from_us <= 0)
        return directive_fail(reader, from,
                              "'from' must be a date (2027-01-01, 2027-01-01T12:00:00Z)");
    if (n > 0 && change->from_us <= change[-1].from_us)
        return directive_fail(reader, from, "dated prices stand in the order of their dates");
    if (read_item(reader, item, "from", &change->price) != 0)
        return ERR_CONFIG;
    return conf_price_finish(reader, item, "prices", &change->price);
}

void
conf_price_take_first(struct price *price, struct price_change *changes)
{
    *price = changes[0].price;
    memmove(&changes[0], &changes[1], (LIMIT_PRICE_CHANGES - 1) * sizeof(changes[0]));
    memset(&changes[LIMIT_PRICE_CHANGES - 1], 0, sizeof(changes[0]));
}

void
conf_price_write_changes(const struct directive *row, const void *base, struct buf *out)
{
    const struct price_change *changes = conf_kind_const_member(row, base);
    char text[32];
    int n = 0;

    for (; n < LIMIT_PRICE_CHANGES && changes[n].from_us != 0; n++) {
        clock_format_utc(changes[n].from_us, 0, text);
        buf_printf(out, "%s{from: \"%s\"", n == 0 ? "[" : ", ", text);
        write_rows(&changes[n].price, out);
        buf_append_byte(out, '}');
    }
    if (n > 0)
        buf_append_byte(out, ']');
}

/* ", input: 3.00, output: 15.00": the rows that have something to say, within braces. */
static void
write_rows(const struct price *price, struct buf *out)
{
    struct model_record draft = {.price = *price};

    for (const struct directive *row = NULL;
         (row = directive_next(DIRECTIVE_SET_MODEL, row)) != NULL;) {
        const char *name = directive_name(row);
        size_t before = out->len;

        if (strncmp(name, PRICE_PREFIX, strlen(PRICE_PREFIX)) != 0)
            continue;
        buf_printf(out, ", %s: ", name + strlen(PRICE_PREFIX));

        size_t empty = out->len;

        directive_format(row, &draft, out);
        if (out->len == empty)
            out->len = before;
    }
}
