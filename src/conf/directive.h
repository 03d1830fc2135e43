/* SPDX-License-Identifier: ISC
 *
 * directive - the table of everything a config may say, and reading, showing and comparing by it.
 *
 * Directives come in sets: what stands at the top, in each upstream, model, route and key. The rows
 * of a set fill one struct. A row's kind (conf_kind.h) knows how its value is read and written.
 */
#ifndef CONF_DIRECTIVE_H
#define CONF_DIRECTIVE_H

#include "conf_yaml.h"
#include "relayos/conf/conf.h"

enum directive_set {
    DIRECTIVE_SET_CONF,        /* struct conf */
    DIRECTIVE_SET_LISTENER,    /* struct conf_listener */
    DIRECTIVE_SET_CERTIFICATE, /* struct conf_certificate */
    DIRECTIVE_SET_UPSTREAM,    /* struct conf_upstream */
    DIRECTIVE_SET_CREDENTIAL,  /* struct conf_credential */
    DIRECTIVE_SET_CAPABILITY,  /* struct capability_row */
    DIRECTIVE_SET_MODEL,       /* struct conf_model */
    DIRECTIVE_SET_ROUTE,       /* struct route_record */
    DIRECTIVE_SET_KEYS,        /* struct conf: the keys file */
    DIRECTIVE_SET_KEY,         /* struct conf_key_draft */
    DIRECTIVE_SET_QUOTA,       /* struct conf_quota_draft */
    DIRECTIVE_N_SETS
};

/* What is being read: for messages, and for what one directive must know of others. */
struct conf_reader {
    const char *file;
    struct conf *conf;
    conf_getenv *env;
    struct errmsg *why;
    struct secret *master_key; /* once something sealed has asked for it */
    const struct conf *before; /* whose declared keys may be shared; or NULL */
    struct slice item;         /* the lines of the declared key that is read; "" = not known */
};

struct directive {
    enum directive_set set;
    const char *path; /* whole: "models.*.price.input" */
    const char *unit;
    const char *initial; /* as written, "" = none; or CONF_REQUIRED */
    const struct conf_kind *kind;
    size_t offset, size; /* of the member in the set's struct */
    int64_t min, max;    /* of numbers; of text: its length */
    bool is_reloadable;
};
#define CONF_REQUIRED "(required)"

/* Fill base with the defaults of its set. */
void directive_defaults(enum directive_set set, void *base);

/* Fill base from a map, rows in table order; keys that no row has are refused. */
int directive_read(struct conf_reader *reader, enum directive_set set, const struct conf_node *map,
                   void *base) MUST_CHECK;

/* Rows of a set, one at a time: NULL starts and ends the walk. */
const struct directive *directive_next(enum directive_set set, const struct directive *last);
/* Path within its set: "price.input". */
const char *directive_name(const struct directive *row);
/* The value in base as YAML ("" if there is nothing to say). */
void directive_format(const struct directive *row, const void *base, struct buf *out);
/* "name: value, name: value" of all of a set that have one. */
void directive_format_set(enum directive_set set, const void *base, struct buf *out);

/* Set why to "file:line:column: text" and return ERR_CONFIG. */
int directive_fail(const struct conf_reader *reader, const struct conf_node *node,
                   const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same at the node's key. */
int directive_fail_key(const struct conf_reader *reader, const struct conf_node *node,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
