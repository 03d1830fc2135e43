/* SPDX-License-Identifier: ISC
 *
 * conf_kind - what kinds of value directives have: how each is read, checked and written.
 */
#ifndef CONF_CONF_KIND_H
#define CONF_CONF_KIND_H

#include "directive.h"

struct conf_kind {
    /* Set the row's member in base from node; ERR_CONFIG with the place and the reason. */
    int (*read)(struct conf_reader *reader, const struct directive *row,
                const struct conf_node *node, void *base);
    /* Append the member as YAML; nothing if it has no value. */
    void (*write)(const struct directive *row, const void *base, struct buf *out);
};

/* In relayos.yaml(5) the type of a directive is the name of its kind. */
extern const struct conf_kind conf_kind_networks, conf_kind_text, conf_kind_path, conf_kind_name,
    conf_kind_word, conf_kind_variable, conf_kind_choice, conf_kind_bool, conf_kind_count,
    conf_kind_duration, conf_kind_size, conf_kind_money, conf_kind_date, conf_kind_free,
    conf_kind_digest, conf_kind_model_name, conf_kind_address, conf_kind_listener,
    conf_kind_listeners, conf_kind_certificates, conf_kind_file_mode, conf_kind_url,
    conf_kind_choices, conf_kind_credentials, conf_kind_fallbacks, conf_kind_upstream,
    conf_kind_upstreams, conf_kind_routes, conf_kind_models, conf_kind_tool, conf_kind_scope,
    conf_kind_period, conf_kind_quotas, conf_kind_quota_model, conf_kind_keys, conf_kind_zone,
    conf_kind_factors, conf_kind_tiers, conf_kind_prices, conf_kind_capabilities;

static inline void *
conf_kind_member(const struct directive *row, void *base)
{
    return (char *)base + row->offset;
}

static inline const void *
conf_kind_const_member(const struct directive *row, const void *base)
{
    return (const char *)base + row->offset;
}

/* Text of a scalar node, or NULL with the error set ('path' must be ..., what = "a size"). */
const char *conf_kind_scalar(struct conf_reader *reader, const struct directive *row,
                             const struct conf_node *node, const char *what);
/* Whether text could be a name of ours (letters, digits, '.', '_', '-'), of a model. */
bool conf_kind_is_name(const char *text);
bool conf_kind_is_model_name(const char *text);
/* text as YAML, quoted where it must be. */
void conf_kind_write_text(const char *text, struct buf *out);
/* An integer member of the row's size. */
void conf_kind_store(const struct directive *row, int64_t value, void *base);
int64_t conf_kind_load(const struct directive *row, const void *base);

#endif
