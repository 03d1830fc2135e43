/* SPDX-License-Identifier: ISC
 *
 * auth - bearer token -> key view, or the one 401.
 */
#include "relayos/policy/auth.h"

#include <string.h>

#include "relayos/base/secret.h"

static struct slice bearer_token(struct slice authorization);
static bool is_remembered(const struct auth_memo *memo, struct slice token);

struct slice
auth_token(struct slice authorization, struct slice x_api_key, struct slice api_key)
{
    struct slice token = bearer_token(authorization);

    if (token.len == 0)
        token = slice_trim(x_api_key);
    if (token.len == 0)
        token = slice_trim(api_key);
    return token;
}

static struct slice
bearer_token(struct slice authorization)
{
    static const struct slice scheme = {"Bearer ", 7};
    struct slice value = slice_trim(authorization);

    if (value.len <= scheme.len || !slice_eq_nocase(slice_sub(value, 0, scheme.len), scheme))
        return (struct slice){NULL, 0};
    return slice_trim(slice_sub(value, scheme.len, value.len));
}

int
auth_check(const struct segment *segment, struct hash_hmac *pepper, struct auth_memo *memo,
           struct slice token, int64_t now_real_us, struct key_view *out)
{
    struct auth_memo fresh = {.len = 0};

    out->key_id = 0;
    /* Nothing this long was ever issued by us. The checksum is for scanners and people: what it
     * would refuse the digest refuses too, and good keys need not pay for both. */
    if (token.len == 0 || token.len >= KEY_SECRET_MAX)
        return ERR_INVALID_KEY;
    if (memo == NULL)
        memo = &fresh;
    if (!is_remembered(memo, token))
        key_secret_digest(pepper, token, memo->digest);
    memo->len = 0;
    if (key_table_find(segment, memo->digest, out) != 0) {
        out->key_id = 0;
        return ERR_INVALID_KEY;
    }
    if ((out->flags & (KEY_DISABLED | KEY_REVOKED)) != 0)
        return ERR_INVALID_KEY;
    if (out->expires_us != 0 && now_real_us >= out->expires_us)
        return ERR_INVALID_KEY;
    if (memo != &fresh) {
        memo->len = token.len;
        memcpy(memo->token, token.ptr, token.len);
    }
    return 0;
}

bool
auth_lets_in(const struct key_view *key, const char *client_address)
{
    struct address_range at; /* of one */

    if (key->n_networks == 0)
        return true;
    if (address_range_parse(slice_str(client_address), &at) != 0)
        return false;
    for (uint8_t i = 0; i < key->n_networks; i++) {
        if (address_range_has(&key->networks[i], at.bytes, at.is_v6 ? 16 : 4))
            return true;
    }
    return false;
}

/* In constant time: a proxy may send many people's requests over one connection. */
static bool
is_remembered(const struct auth_memo *memo, struct slice token)
{
    return memo->len == token.len && secret_equal(memo->token, token.ptr, token.len);
}
