/* SPDX-License-Identifier: ISC
 *
 * conf_yaml - YAML text as a tree of nodes that know their line and column.
 *
 * The subset a config needs: one document of maps, lists and scalars. Refused, with the place:
 * anchors, aliases, tags, duplicate keys, tabs as indentation, more documents, keys that are not
 * scalars, more than CONF_YAML_DEPTH levels, more than CONF_YAML_MAP_SIZE keys in one map.
 *
 * Ownership: nodes and their strings belong to the document: conf_yaml_free().
 * They lie in chunks: a keys file has millions of them.
 */
#ifndef CONF_CONF_YAML_H
#define CONF_CONF_YAML_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define CONF_YAML_DEPTH    8
#define CONF_YAML_MAP_SIZE 4096

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_MAP, CONF_NODE_LIST };

struct conf_node {
    enum conf_node_kind kind;
    uint32_t line, column;         /* from 1; 0 for a value that stands in no file */
    uint32_t key_line, key_column; /* of the key, in a map */
    uint64_t key_hash;
    const char *key;    /* in a map, else NULL */
    const char *text;   /* of a scalar */
    uint32_t is_quoted; /* so that "" can be told from nothing */
    uint32_t n_children;
    struct conf_node *first, *last, *next;
};

struct conf_yaml {
    struct conf_node *root; /* NULL for an empty document */
    struct conf_yaml_chunk *chunks;
};

/* name is used in messages: "name:LINE:COLUMN: ...". Returns 0 or ERR_CONFIG. */
int conf_yaml_parse(const char *name, struct slice text, struct conf_yaml *out,
                    struct errmsg *why) MUST_CHECK;
void conf_yaml_free(struct conf_yaml *yaml);

/* Value of key in a map, or NULL. */
const struct conf_node *conf_yaml_child(const struct conf_node *map, const char *key);

#endif
