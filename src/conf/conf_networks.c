/* SPDX-License-Identifier: ISC
 *
 * conf_networks - see the header.
 */
#include "conf_networks.h"

#include <string.h>

#include "conf_kind.h"

static int read_one(struct conf_reader *reader, const struct directive *row,
                    const struct conf_node *node, struct conf_networks *networks);

int
conf_networks_read(struct conf_reader *reader, const struct directive *row,
                   const struct conf_node *node, void *base)
{
    struct conf_networks *networks = conf_kind_member(row, base);

    networks->n = 0;
    networks->has_local = false;
    if (node->kind != CONF_NODE_LIST)
        return read_one(reader, row, node, networks);
    if (node->n_children > LIMIT_NETWORKS)
        return directive_fail(reader, node, "'%s' must have at most %d networks",
                              directive_name(row), LIMIT_NETWORKS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next)
        if (read_one(reader, row, item, networks) != 0)
            return ERR_CONFIG;
    return 0;
}

static int
read_one(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
         struct conf_networks *networks)
{
    const char *text = conf_kind_scalar(reader, row, node, "a network such as 10.0.0.0/8");

    if (text == NULL)
        return ERR_CONFIG;
    if (row->max > 0 && strcmp(text, "local") == 0) {
        networks->has_local = true;
        return 0;
    }
    if (address_range_parse(slice_str(text), &networks->ranges[networks->n]) != 0)
        return directive_fail(reader, node,
                              "'%s' must be a network (10.0.0.0/8, fd00::/8) or an address, with "
                              "no bits behind its prefix, not '%.64s'",
                              directive_name(row), text);
    networks->n++;
    return 0;
}

void
conf_networks_write(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_networks *networks = conf_kind_const_member(row, base);
    char text[ADDRESS_RANGE_SIZE];

    if (networks->n == 0 && !networks->has_local)
        return;
    buf_append_str(out, !networks->has_local ? "[" : networks->n == 0 ? "[local" : "[local, ");
    for (uint32_t i = 0; i < networks->n; i++) {
        buf_append_str(out, i > 0 ? ", " : "");
        address_range_format(&networks->ranges[i], text);
        conf_kind_write_text(text, out);
    }
    buf_append_byte(out, ']');
}
