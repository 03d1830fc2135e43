/* SPDX-License-Identifier: ISC */
#include "oidc_message.h"

#include <openssl/evp.h>

static void encode(struct buf *out, struct slice text);
static void write_basic(const struct conf_oidc *conf, struct buf *out);

void
oidc_message_authorize(const struct oidc_message *message, const struct passage *passage,
                       struct buf *out)
{
    const char *endpoint = message->provider->authorization_endpoint;

    buf_append_str(out, endpoint);
    buf_append_byte(out, strchr(endpoint, '?') == NULL ? '?' : '&');
    buf_append_str(out, "response_type=code&code_challenge_method=S256");
    oidc_message_add(out, "&client_id", slice_str(message->conf->client_id));
    oidc_message_add(out, "&redirect_uri", slice_str(message->redirect_uri));
    oidc_message_add(out, "&scope", slice_str(message->conf->scopes));
    oidc_message_add(out, "&state", slice_str(passage->state));
    oidc_message_add(out, "&nonce", slice_str(passage->nonce));
    oidc_message_add(out, "&code_challenge", slice_str(passage->challenge));
}

void
oidc_message_token(const struct oidc_message *message, const struct passage *passage,
                   struct slice code, struct buf *out_form, struct buf *out_authorization)
{
    const struct conf_oidc *conf = message->conf;
    bool is_basic = conf->secret != NULL && !message->provider->wants_post;

    buf_append_str(out_form, "grant_type=authorization_code");
    oidc_message_add(out_form, "&code", code);
    oidc_message_add(out_form, "&redirect_uri", slice_str(message->redirect_uri));
    oidc_message_add(out_form, "&code_verifier", slice_str(passage->verifier));
    if (is_basic) {
        write_basic(conf, out_authorization);
        return;
    }
    oidc_message_add(out_form, "&client_id", slice_str(conf->client_id));
    if (conf->secret != NULL)
        oidc_message_add(out_form, "&client_secret", secret_expose(conf->secret));
}

/* Encoded first, so that a colon in the name is none (RFC 6749 2.3.1). */
static void
write_basic(const struct conf_oidc *conf, struct buf *out)
{
    struct buf pair;

    buf_init(&pair, 3 * (CONF_PATH_SIZE + LIMIT_CREDENTIAL) + 1);
    encode(&pair, slice_str(conf->client_id));
    buf_append_byte(&pair, ':');
    encode(&pair, secret_expose(conf->secret));
    buf_append_str(out, "Basic ");
    size_t len = (pair.len + 2) / 3 * 4;
    char *room = buf_reserve(out, len + 1);
    if (room != NULL) {
        EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)pair.ptr, (int)pair.len);
        buf_commit(out, len);
    }
    secret_wipe(pair.ptr, pair.len);
    buf_fini(&pair);
}

void
oidc_message_add(struct buf *out, const char *name, struct slice value)
{
    buf_append_str(out, name);
    buf_append_byte(out, '=');
    encode(out, value);
}

static void
encode(struct buf *out, struct slice text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t n = 0; n < text.len; n++) {
        unsigned char c = (unsigned char)text.ptr[n];

        if (c != '\0' && strchr(plain, c) != NULL)
            buf_append_byte(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}
