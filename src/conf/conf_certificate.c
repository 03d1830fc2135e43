/* SPDX-License-Identifier: ISC
 *
 * conf_certificate - see the header.
 */
#include "conf_certificate.h"

#include <string.h>

#include "conf_kind.h"
#include "relayos/base/fdio.h"

#define CERTIFICATE_FILE_SIZE (1024 * 1024)

static int read_one(struct conf_reader *reader, const struct conf_node *node,
                    struct conf_listener *listener);
static int read_pem(struct conf_reader *reader, const struct conf_node *node, const char *path,
                    struct buf *out);

int
conf_certificate_read_list(struct conf_reader *reader, const struct directive *row,
                           const struct conf_node *node, void *base)
{
    struct conf_listener *listener = base;

    (void)row;
    if (node->kind != CONF_NODE_LIST || node->n_children == 0 ||
        node->n_children > LIMIT_CERTIFICATES)
        return directive_fail(reader, node,
                              "'certificates' must be a list of 1 to %d such as "
                              "[{cert: /etc/relayos/tls.pem, key: /etc/relayos/tls.key}]",
                              LIMIT_CERTIFICATES);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_one(reader, item, listener) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_one(struct conf_reader *reader, const struct conf_node *node, struct conf_listener *listener)
{
    struct conf_certificate *certificate = &listener->certificates[listener->n_certificates++];
    struct errmsg why;

    directive_defaults(DIRECTIVE_SET_CERTIFICATE, certificate);
    if (directive_read(reader, DIRECTIVE_SET_CERTIFICATE, node, certificate) != 0 ||
        read_pem(reader, conf_yaml_child(node, "cert"), certificate->cert, &certificate->chain) !=
            0)
        return ERR_CONFIG;
    if (secret_read_file(certificate->key, &certificate->secret, &why) != 0)
        return directive_fail(reader, conf_yaml_child(node, "key"), "key: %s", why.text);
    return 0;
}

static int
read_pem(struct conf_reader *reader, const struct conf_node *node, const char *path,
         struct buf *out)
{
    struct errmsg why;

    buf_init(out, CERTIFICATE_FILE_SIZE);
    if (fdio_read_file(path, out, &why) != 0)
        return directive_fail(reader, node, "%s: %s", node->key, why.text);
    return 0;
}

int
conf_certificate_read_authorities(struct conf_reader *reader, const struct conf_node *map,
                                  struct conf_listener *listener)
{
    if (listener->client_ca[0] == '\0')
        return 0;
    return read_pem(reader, conf_yaml_child(map, "client_ca"), listener->client_ca,
                    &listener->client_ca_pem);
}

void
conf_certificate_write_list(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_listener *listener = base;

    (void)row;
    for (uint32_t i = 0; i < listener->n_certificates; i++) {
        buf_append_str(out, i == 0 ? "[{cert: " : ", {cert: ");
        conf_kind_write_text(listener->certificates[i].cert, out);
        buf_append_str(out, ", key: ");
        conf_kind_write_text(listener->certificates[i].key, out);
        buf_append_byte(out, '}');
    }
    buf_append_str(out, listener->n_certificates > 0 ? "]" : "");
}

void
conf_certificate_fini(struct conf_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_certificates; i++) {
        buf_fini(&listener->certificates[i].chain);
        secret_free(&listener->certificates[i].secret);
    }
    buf_fini(&listener->client_ca_pem);
    listener->n_certificates = 0;
}

bool
conf_certificate_is_same(const struct conf_listener *a, const struct conf_listener *b)
{
    bool is_same = slice_eq(buf_slice(&a->client_ca_pem), buf_slice(&b->client_ca_pem));

    for (uint32_t i = 0; i < a->n_certificates && i < b->n_certificates && is_same; i++)
        is_same =
            slice_eq(buf_slice(&a->certificates[i].chain), buf_slice(&b->certificates[i].chain)) &&
            slice_eq(secret_expose(a->certificates[i].secret),
                     secret_expose(b->certificates[i].secret));
    return is_same;
}
