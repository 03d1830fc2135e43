/* SPDX-License-Identifier: ISC */
#include "relayos/conf/conf_foreign.h"

#include <stdlib.h>
#include <yaml.h>

struct walk {
    yaml_document_t document;
    const struct conf_foreign_visitor *visitor;
    void *data;
    size_t n_left; /* values: aliases of aliases grow without end */
};

static bool tell(struct walk *walk, const char *key, int id, int n_levels);
static bool tell_list(struct walk *walk, const yaml_node_t *node, int n_levels);
static bool tell_map(struct walk *walk, const yaml_node_t *node, int n_levels);

int
conf_foreign_read(struct slice text, const struct conf_foreign_visitor *visitor, void *data,
                  struct errmsg *why)
{
    struct walk walk = {.visitor = visitor, .data = data, .n_left = CONF_FOREIGN_VALUES};
    yaml_parser_t parser;
    int rc = 0;

    if (yaml_parser_initialize(&parser) == 0)
        abort(); /* no memory */
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    if (yaml_parser_load(&parser, &walk.document) == 0) {
        errmsg_set(why, "line %zu: %s", parser.problem_mark.line + 1,
                   parser.problem == NULL ? "this is no YAML" : parser.problem);
        yaml_parser_delete(&parser);
        return ERR_SYNTAX;
    }
    if (yaml_document_get_root_node(&walk.document) != NULL && !tell(&walk, NULL, 1, 0)) {
        errmsg_set(why, "it is deeper than %d levels, or larger than %d values",
                   CONF_FOREIGN_LEVELS, CONF_FOREIGN_VALUES);
        rc = ERR_SYNTAX;
    }
    yaml_document_delete(&walk.document);
    yaml_parser_delete(&parser);
    return rc;
}

/* False: past a bound. */
static bool
tell(struct walk *walk, const char *key, int id, int n_levels)
{
    const yaml_node_t *node = yaml_document_get_node(&walk->document, id);

    if (n_levels == CONF_FOREIGN_LEVELS || walk->n_left == 0 || node == NULL)
        return false;
    walk->n_left--;
    if (node->type == YAML_SCALAR_NODE) {
        bool is_plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

        walk->visitor->on_scalar(walk->data, key, (const char *)node->data.scalar.value, is_plain);
        return true;
    }
    walk->visitor->on_begin(walk->data, key, node->type == YAML_MAPPING_NODE);
    bool is_whole = node->type == YAML_MAPPING_NODE ? tell_map(walk, node, n_levels)
                                                    : tell_list(walk, node, n_levels);
    walk->visitor->on_end(walk->data);
    return is_whole;
}

static bool
tell_list(struct walk *walk, const yaml_node_t *node, int n_levels)
{
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        if (!tell(walk, NULL, *item, n_levels + 1))
            return false;
    }
    return true;
}

static bool
tell_map(struct walk *walk, const yaml_node_t *node, int n_levels)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&walk->document, pair->key);
        const char *name =
            key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?";

        if (!tell(walk, name, pair->value, n_levels + 1))
            return false;
    }
    return true;
}
