/* SPDX-License-Identifier: ISC
 *
 * conf_fallback - see the header.
 */
#include "conf_fallback.h"

#include <string.h>

#include "conf_kind.h"
#include "conf_model.h"

static int read_name(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, struct conf_model *model);

int
conf_fallback_read(struct conf_reader *reader, const struct directive *row,
                   const struct conf_node *node, void *base)
{
    struct conf_model *model = base;

    if (node->kind != CONF_NODE_LIST)
        return directive_fail(reader, node, "'fallback' must be a list of models");
    if (node->n_children > LIMIT_FALLBACKS)
        return directive_fail_key(reader, node, "%u models are more than %d", node->n_children,
                                  LIMIT_FALLBACKS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_name(reader, row, item, model) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_name(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
          struct conf_model *model)
{
    const char *name = conf_kind_scalar(reader, row, node, "the name of a model");

    if (name == NULL)
        return ERR_CONFIG;
    if (strcmp(name, model->record.name) == 0)
        return directive_fail(reader, node, "model '%s' cannot stand in for itself: name others",
                              name);
    for (uint8_t i = 0; i < model->record.n_fallbacks; i++) {
        if (strcmp(name, model->fallbacks[i]) == 0)
            return directive_fail(reader, node, "'%s' stands here twice: once is enough", name);
    }
    if (strlen(name) >= LIMIT_MODEL_NAME)
        return directive_fail(reader, node, "no model has so long a name: at most %d characters",
                              LIMIT_MODEL_NAME - 1);
    memcpy(model->fallbacks[model->record.n_fallbacks++], name, strlen(name) + 1);
    return 0;
}

int
conf_fallback_check(struct conf_reader *reader, const struct conf_node *node)
{
    const struct conf_node *list = conf_yaml_child(node, "fallback");

    if (list == NULL)
        return 0;
    for (const struct conf_node *item = list->first; item != NULL; item = item->next) {
        if (conf_model_named(reader, item, item->text) == NULL)
            return ERR_CONFIG;
    }
    return 0;
}

void
conf_fallback_write(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_model *model = base;

    (void)row;
    if (model->record.n_fallbacks == 0)
        return;
    for (uint8_t i = 0; i < model->record.n_fallbacks; i++) {
        buf_append_str(out, i == 0 ? "[" : ", ");
        conf_kind_write_text(model->fallbacks[i], out);
    }
    buf_append_byte(out, ']');
}
