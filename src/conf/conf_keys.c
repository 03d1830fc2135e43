/* SPDX-License-Identifier: ISC
 *
 * conf_keys - see the header.
 */
#include "conf_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_model.h"
#include "conf_quota.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

#define FIRST_KEYS 64

static const char *const tool_names[KEY_N_TOOLS] = KEY_TOOL_NAMES;

/* A key and where it stands, to find the pairs that must not be. */
struct place {
    const struct key_record *key;
    const struct conf_node *node;
};

static struct key_record *new_key(struct conf *conf, struct slice text);
static int read_key(struct conf_reader *reader, const struct conf_node *node,
                    const struct conf_key_draft *initial, struct key_record *out);
static void take_networks(struct conf_key_draft *draft);
static int add_quota(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_key_draft *draft);
static int read_model(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, struct key_record *key);
static int check_unique(struct conf_reader *reader, const struct conf_node *node);

int
conf_keys_read_all(struct conf_reader *reader, const struct directive *row,
                   const struct conf_node *node, void *base)
{
    struct conf_key_draft initial = {.quota_nusd = -1, .quota_tokens = -1};
    struct conf *conf = base;

    (void)row;
    if (node->kind != CONF_NODE_LIST)
        return directive_fail(reader, node, "'keys' must be a list of {name: ..., digest: ...}");
    if (node->n_children > conf->capacity_keys)
        return directive_fail_key(reader, node, "%u keys are more than capacity.keys (%lld)",
                                  node->n_children, (long long)conf->capacity_keys);
    directive_defaults(DIRECTIVE_SET_KEY, &initial);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_key(reader, item, &initial, new_key(conf, reader->item)) != 0)
            return ERR_CONFIG;
    }
    return node->n_children < 2 ? 0 : check_unique(reader, node);
}

static struct key_record *
new_key(struct conf *conf, struct slice text)
{
    struct conf_key *key = mem_zalloc(sizeof(*key) + text.len);

    key->text_len = (uint32_t)text.len;
    key->text_hash = hash_table64(text);
    if (text.len > 0)
        memcpy(key->text, text.ptr, text.len);
    conf_keys_add(conf, key);
    return &key->record;
}

void
conf_keys_add(struct conf *conf, struct conf_key *key)
{
    bool is_full = conf->n_keys == 0 ||
                   (conf->n_keys >= FIRST_KEYS && (conf->n_keys & (conf->n_keys - 1)) == 0);

    if (is_full)
        conf->keys = mem_array(conf->keys, conf->n_keys == 0 ? FIRST_KEYS : 2 * conf->n_keys,
                               sizeof(conf->keys[0]));
    conf->keys[conf->n_keys++] = key;
}

void
conf_keys_forget(struct conf *conf, const struct conf *other)
{
    struct conf_key_changes changes;

    conf_key_changes(conf, other, &changes);
    for (size_t i = 0; i < changes.n_old; i++) {
        free(changes.old[i]->record.models);
        free(changes.old[i]);
    }
    conf_key_changes_free(&changes);
    free(conf->keys);
    conf->keys = NULL;
    conf->n_keys = 0;
}

static int
read_key(struct conf_reader *reader, const struct conf_node *node,
         const struct conf_key_draft *initial, struct key_record *out)
{
    struct conf_key_draft draft = *initial;
    int err = directive_read(reader, DIRECTIVE_SET_KEY, node, &draft);

    if (err == 0)
        err = add_quota(reader, node, &draft);
    if (draft.is_strict)
        draft.record.flags |= KEY_STRICT;
    if (draft.is_disabled)
        draft.record.flags |= KEY_DISABLED;
    if (err == 0 && draft.allow_from.n > LIMIT_KEY_NETWORKS)
        err = directive_fail(reader, conf_yaml_child(node, "allow_from"),
                             "'allow_from' must have at most %d networks", LIMIT_KEY_NETWORKS);
    else
        take_networks(&draft);
    draft.record.source = KEY_SOURCE_FILE;
    *out = draft.record; /* on failure too: the conf owns the names read so far */
    return err;
}

static void
take_networks(struct conf_key_draft *draft)
{
    draft->record.n_networks = (uint8_t)draft->allow_from.n;
    memcpy(draft->record.networks, draft->allow_from.ranges, sizeof(draft->record.networks));
}

/* The map `quota`: a limit for each unit in it, beside those of the list. */
static int
add_quota(struct conf_reader *reader, const struct conf_node *node, struct conf_key_draft *draft)
{
    const int64_t amounts[] = {
        [LIMIT_UNIT_NUSD] = draft->quota_nusd, [LIMIT_UNIT_TOKENS] = draft->quota_tokens};

    for (uint8_t unit = LIMIT_UNIT_NUSD; unit <= LIMIT_UNIT_TOKENS; unit++) {
        const struct key_limit limit = {
            .unit = unit, .period = draft->period, .amount = amounts[unit]};

        if (amounts[unit] >= 0 && conf_quota_add(reader, node, &draft->record, &limit) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

struct conf_key_draft
conf_keys_draft(const struct key_record *key)
{
    struct conf_key_draft draft = {.record = *key, .quota_nusd = -1, .quota_tokens = -1};

    for (int i = 0; conf_quota_is_simple(key) && i < key->n_limits; i++) {
        if (key->limits[i].unit == LIMIT_UNIT_NUSD)
            draft.quota_nusd = key->limits[i].amount;
        else
            draft.quota_tokens = key->limits[i].amount;
        draft.period = key->limits[i].period;
    }
    draft.allow_from.n = key->n_networks;
    memcpy(draft.allow_from.ranges, key->networks, sizeof(key->networks));
    draft.is_strict = (key->flags & KEY_STRICT) != 0;
    draft.is_disabled = (key->flags & KEY_DISABLED) != 0;
    return draft;
}

int
conf_keys_read_tool(struct conf_reader *reader, const struct directive *row,
                    const struct conf_node *node, void *base)
{
    uint8_t *tool = conf_kind_member(row, base);
    const char *text = conf_kind_scalar(reader, row, node, "a word");

    if (text == NULL)
        return ERR_CONFIG;
    for (int i = 0; i < KEY_N_TOOLS; i++) {
        if (strcmp(tool_names[i], text) != 0)
            continue;
        *tool = (uint8_t)i;
        return 0;
    }
    return directive_fail(reader, node, "'tool' must be one of: %s; not '%.64s'", row->unit, text);
}

void
conf_keys_write_tool(const struct directive *row, const void *base, struct buf *out)
{
    const uint8_t *tool = conf_kind_const_member(row, base);

    assert(*tool < KEY_N_TOOLS);
    buf_append_str(out, tool_names[*tool]);
}

int
conf_keys_read_scope(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base)
{
    struct key_record *key = conf_kind_member(row, base);

    key->flags &= ~(uint32_t)KEY_ALL_MODELS; /* the default's */
    if (node->kind == CONF_NODE_SCALAR && strcmp(node->text, "all") == 0) {
        key->flags |= KEY_ALL_MODELS;
        return 0;
    }
    if (node->kind != CONF_NODE_LIST || node->n_children == 0 || node->n_children > LIMIT_MODELS)
        return directive_fail(reader, node, "'models' must be all, or a list such as [%s]",
                              reader->conf->models[0].record.name);
    key->models = mem_array(NULL, node->n_children, sizeof(*key->models));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_model(reader, row, item, key) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_model(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
           struct key_record *key)
{
    const char *name = conf_kind_scalar(reader, row, node, "the name of a model");

    if (name == NULL)
        return ERR_CONFIG;

    const struct conf_model *model = conf_model_named(reader, node, name);

    if (model == NULL)
        return ERR_CONFIG;
    memcpy(key->models[key->n_models++], model->record.name, LIMIT_MODEL_NAME);
    return 0;
}

void
conf_keys_write_scope(const struct directive *row, const void *base, struct buf *out)
{
    const struct key_record *key = conf_kind_const_member(row, base);

    if (key->flags & KEY_ALL_MODELS) {
        buf_append_str(out, "all");
        return;
    }
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < key->n_models; i++) {
        buf_append_str(out, i > 0 ? ", " : "");
        conf_kind_write_text(key->models[i], out);
    }
    buf_append_byte(out, ']');
}

static int
compare_names(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->key->name, y->key->name);

    return order != 0 ? order : (x->node->line > y->node->line) - (x->node->line < y->node->line);
}

static int
compare_digests(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = memcmp(x->key->digest, y->key->digest, KEY_DIGEST_SIZE);

    return order != 0 ? order : (x->node->line > y->node->line) - (x->node->line < y->node->line);
}

/* By sorting: a file may declare a hundred thousand. */
static int
check_unique(struct conf_reader *reader, const struct conf_node *node)
{
    const struct conf *conf = reader->conf;
    struct place *places = mem_array(NULL, conf->n_keys, sizeof(*places));
    const struct conf_node *item = node->first;
    int err = 0;

    for (size_t i = 0; i < conf->n_keys; i++, item = item->next)
        places[i] = (struct place){&conf->keys[i]->record, item};
    qsort(places, conf->n_keys, sizeof(*places), compare_names);
    for (size_t i = 1; i < conf->n_keys && err == 0; i++) {
        if (strcmp(places[i].key->name, places[i - 1].key->name) == 0)
            err = directive_fail(reader, places[i].node,
                                 "the name '%s' stands in line %u already: names are unique",
                                 places[i].key->name, places[i - 1].node->line);
    }
    qsort(places, conf->n_keys, sizeof(*places), compare_digests);
    for (size_t i = 1; i < conf->n_keys && err == 0; i++) {
        if (memcmp(places[i].key->digest, places[i - 1].key->digest, KEY_DIGEST_SIZE) == 0)
            err = directive_fail(reader, places[i].node,
                                 "'%s' has the digest of '%s' in line %u: two names for one key",
                                 places[i].key->name, places[i - 1].key->name,
                                 places[i - 1].node->line);
    }
    free(places);
    return err;
}

/* ---- twins, and what differs ---- */

/* Sums that were seen: a table that is never more than half full. */
struct seen {
    uint64_t *sums; /* 0 = empty */
    size_t mask;
};

static bool
is_seen(struct seen *seen, uint64_t sum)
{
    size_t at = sum & seen->mask;

    sum |= 1;
    while (seen->sums[at] != 0 && seen->sums[at] != sum)
        at = (at + 1) & seen->mask;
    bool is_there = seen->sums[at] != 0;
    seen->sums[at] = sum;
    return is_there;
}

bool
conf_keys_has_twins(const struct conf *conf)
{
    struct seen names = {.mask = FIRST_KEYS - 1}, digests;
    bool is_any = false;

    while (names.mask < 2 * conf->n_keys)
        names.mask = 2 * names.mask + 1;
    digests = names;
    names.sums = mem_zalloc((names.mask + 1) * sizeof(names.sums[0]));
    digests.sums = mem_zalloc((digests.mask + 1) * sizeof(digests.sums[0]));
    for (size_t i = 0; i < conf->n_keys && !is_any; i++) {
        const struct key_record *key = &conf->keys[i]->record;

        is_any = is_seen(&names, hash_table64(slice_str(key->name))) ||
                 is_seen(&digests,
                         hash_table64(slice_of((const char *)key->digest, sizeof(key->digest))));
    }
    free(names.sums);
    free(digests.sums);
    return is_any;
}
