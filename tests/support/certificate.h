/* SPDX-License-Identifier: ISC
 *
 * certificate - certificates made for a test: P-256 keys, any names, any time, signed by themselves
 * or by one made before.
 */
#ifndef SUPPORT_CERTIFICATE_H
#define SUPPORT_CERTIFICATE_H

#include <stdbool.h>

struct certificate {
    char *pem, *key; /* texts; the leaf alone */
};

struct certificate_wish {
    const char *names;                /* "a.example,*.a.example", of DNS; the first is the CN too */
    int days;                         /* from now until its end; negative: it is over */
    const struct certificate *issuer; /* NULL: itself */
    bool is_authority;
};

struct certificate certificate_new(const struct certificate_wish *wish);
void certificate_free(struct certificate *certificate);
/* DIR/NAME.pem and DIR/NAME.key, the latter 0600. */
void certificate_write(const struct certificate *certificate, const char *dir, const char *name);

#endif
