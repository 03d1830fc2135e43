/* SPDX-License-Identifier: ISC
 *
 * conf_capability - see the header.
 */
#include "conf_capability.h"

#include <string.h>

#include "relayos/base/mem.h"

static int read_row(struct conf_reader *reader, const struct conf_node *node,
                    struct capability_row *row);
static int check_words(struct conf_reader *reader, const struct conf_node *node,
                       const struct capability_row *row);
static int check_unique(struct conf_reader *reader, const struct conf_node *node,
                        const struct capability_row *row);

int
conf_capability_read_list(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    (void)row;
    if (node->kind != CONF_NODE_LIST)
        return directive_fail(reader, node,
                              "'capabilities' must be a list such as [{models: my-model-, like: "
                              "gpt-5}]");
    if (node->n_children > LIMIT_CAPABILITIES)
        return directive_fail_key(reader, node, "%u capabilities are more than %d",
                                  node->n_children, LIMIT_CAPABILITIES);
    conf->capabilities = mem_array(NULL, node->n_children, sizeof(*conf->capabilities));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_row(reader, item, &conf->capabilities[conf->n_capabilities++]) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_row(struct conf_reader *reader, const struct conf_node *node, struct capability_row *row)
{
    *row = (struct capability_row){.accepts = CAPABILITY_UNSAID_FLAGS,
                                   .adds = CAPABILITY_UNSAID_FLAGS,
                                   .lacks = CAPABILITY_UNSAID_FLAGS,
                                   .max_output_tokens = CAPABILITY_UNSAID_TOKENS};
    if (directive_read(reader, DIRECTIVE_SET_CAPABILITY, node, row) != 0 ||
        check_words(reader, node, row) != 0)
        return ERR_CONFIG;
    return check_unique(reader, node, row);
}

static int
check_words(struct conf_reader *reader, const struct conf_node *node,
            const struct capability_row *row)
{
    bool has_changes =
        row->adds != CAPABILITY_UNSAID_FLAGS || row->lacks != CAPABILITY_UNSAID_FLAGS;

    if (row->accepts != CAPABILITY_UNSAID_FLAGS && has_changes)
        return directive_fail(reader, conf_yaml_child(node, "accepts"),
                              "'accepts' is all that they take: leave out 'adds' and 'lacks'");
    if ((row->adds & row->lacks & ~CAPABILITY_UNSAID_FLAGS) != 0)
        return directive_fail(reader, conf_yaml_child(node, "lacks"),
                              "'adds' and 'lacks' name the same: which is it?");
    return 0;
}

/* Against those above it. */
static int
check_unique(struct conf_reader *reader, const struct conf_node *node,
             const struct capability_row *row)
{
    for (const struct capability_row *other = reader->conf->capabilities; other < row; other++) {
        if (strcmp(other->models, row->models) == 0)
            return directive_fail(reader, conf_yaml_child(node, "models"),
                                  "'%.96s' has a row already: say all of it there", row->models);
    }
    return 0;
}

void
conf_capability_write_list(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf *conf = base;

    (void)row;
    for (size_t i = 0; i < conf->n_capabilities; i++) {
        buf_append_str(out, i == 0 ? "[{" : ", {");
        directive_format_set(DIRECTIVE_SET_CAPABILITY, &conf->capabilities[i], out);
        buf_append_byte(out, '}');
    }
    if (conf->n_capabilities > 0)
        buf_append_byte(out, ']');
}
