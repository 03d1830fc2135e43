/* SPDX-License-Identifier: ISC
 *
 * notary - an authority of the test's own, and a directory with what it has signed.
 */
#ifndef SUPPORT_NOTARY_H
#define SUPPORT_NOTARY_H

#include "certificate.h"

struct notary {
    char dir[64];
    struct certificate authority; /* DIR/ca.pem */
};

void notary_open(struct notary *notary);
void notary_close(struct notary *notary);
/* DIR/NAME.pem and DIR/NAME.key, of these names (see certificate_wish) and for so long. */
void notary_sign(const struct notary *notary, const char *name, const char *names, int days);

#endif
